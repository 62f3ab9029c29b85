"""A file that has every line once, wherever its writer died."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mnstream.adapters.runtime.output import OutputFile

pytestmark = pytest.mark.anyio

LINES = [b'{"sequenceNo":1}\n', b'{"sequenceNo":2,"x":"\xc3\xa4"}\n', b'{"sequenceNo":3}\n']


async def test_a_crash_at_every_byte(tmp_path: Path) -> None:
    whole = b"".join(LINES)
    path = tmp_path / "out"
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        finished = whole[:length].count(b"\n")
        # What was finished is remembered, except maybe the last of it.
        for processed in {finished, max(0, finished - 1)}:
            path.write_bytes(whole[:length])
            async with OutputFile.open(path) as file:
                for line in LINES[processed:]:
                    await file.write(line)
            assert path.read_bytes() == whole, (length, processed)


@pytest.mark.parametrize("size", [10, 65_534, 65_535, 65_536, 65_537, 140_000])
async def test_long_lines(size: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    long = b"x" * size + b"\n"
    for before in (b"", b"before\n"):
        for unfinished in (b"", b"y" * 70_000):
            path.write_bytes(before + long + unfinished)
            async with OutputFile.open(path) as file:
                await file.write(long)
                await file.write(b"after\n")
            assert path.read_bytes() == before + long + b"after\n"


async def test_a_file_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        async with OutputFile.open(tmp_path):
            pass
    with pytest.raises(FileNotFoundError):
        async with OutputFile.open(tmp_path / "no" / "where"):
            pass


async def test_a_full_disk_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    written = 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal written
        written += 1
        if written > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(descriptor, data[:5], os.fstat(descriptor).st_size)

    async with OutputFile.open(path) as file:
        await file.write(LINES[0])
        with monkeypatch.context() as patched:
            patched.setattr("mnstream.adapters.runtime.output.os.write", write)
            with pytest.raises(OSError, match="No space left") as caught:
                await file.write(LINES[1])
        assert caught.value.filename == str(path)
        assert path.read_bytes() == LINES[0]
        await file.write(LINES[1])
    assert path.read_bytes() == LINES[0] + LINES[1]
