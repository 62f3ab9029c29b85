"""Passing over what is not wanted gives what reading everything gives."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mnstream.adapters.storage import Entry, Hole, LogReader
from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.format import BLOCK_HEAD_BYTES
from mnstream.adapters.storage.scanning import scan_blocks, scan_header
from mnstream.adapters.storage.segments import Segments
from mnstream.core.records import Record
from mnstream.testing.logs import established
from tests.adapters.storage.helpers import QuickDisk, batch, frame, only_segment, read, write

BATCHES: list[list[Record]] = [
    [replace(established("a", 1), wall_ms=1000), frame(b"1", 1005)],
    [frame(b"2", 1010), frame(b"3", 1015)],
    [frame(b"4", 1020)],
    [frame(b"5", 1030), frame(b"6", 1034), frame(b"7", 1039)],
    [frame(b"8", 1040)],
    [frame(b"9", 1050), frame(b"10", 1051)],
    [frame(b"11", 1060)],
]
RECORDS = [record for records in BATCHES for record in records]
COUNT, FIRST_MS, LAST_MS = 14, 19, 28
"""Where the numbers of a head begin."""

RANGES = [
    *((since, 1 << 62, 0) for since in (1032, 1036, 1050)),
    *((0, until, 0) for until in (1012, 1032, 1036)),
    *((1032, 1036, 0), (1041, 1049, 0), (0, 1 << 62, 6)),
]


def offsets(path: Path) -> list[int]:
    """Give where the blocks begin."""
    file = OpenFile(path)
    header, at = scan_header(file.read_at)
    assert header is not None
    parts = list(scan_blocks(file.read_at, file.size, start=at, mark=header.mark))
    file.close()
    return [part.offset for part in parts]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write(tmp_path, BATCHES)
    return only_segment(tmp_path)


def flip(path: Path, place: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def lost(entries: list[Entry | Hole]) -> set[int]:
    positions: set[int] = set()
    for hole in entries:
        if isinstance(hole, Hole):
            assert hole.last_position is not None
            positions.update(range(hole.first_position, hole.last_position + 1))
    return positions


@pytest.mark.parametrize("bit", [0, 7])
def test_no_flipped_bit_of_a_head_hides_anything(log: Path, bit: int) -> None:
    data = log.read_bytes()
    for block in offsets(log)[:-1]:  # with another length the last one may be unfinished
        for place in range(block, block + BLOCK_HEAD_BYTES):
            flip(log, place, bit)
            given = [entry for entry in read(log) if isinstance(entry, Entry)]
            for since_ms, until_ms, from_position in RANGES:
                wanted = {
                    position
                    for position, record in enumerate(RECORDS)
                    if position >= from_position and since_ms <= record.wall_ms < until_ms
                }
                part = list(
                    LogReader(log).entries(
                        since_ms=since_ms, until_ms=until_ms, from_position=from_position
                    )
                )
                assert [entry for entry in part if isinstance(entry, Entry)] == [
                    entry for entry in given if entry.position in wanted
                ], place - block
                missing = wanted - {entry.position for entry in given}
                assert missing <= lost(part), place - block
            log.write_bytes(data)


def test_a_damaged_count_of_a_block_before_loses_only_that_block(log: Path) -> None:
    block = offsets(log)[1]
    flip(log, block + COUNT + 1)
    hole = Hole(log, block, 2, 3, "damaged")
    assert read(log, since_ms=1040) == [hole, *read(log)[-4:]]


@pytest.mark.parametrize(
    ("wanted", "octet", "bit"),
    [
        ((1032, None), LAST_MS + 6, 2),  # to 15
        ((1036, None), LAST_MS + 7, 3),  # to 1031, which is possible
        ((None, 1036), FIRST_MS + 2, 7),
        ((None, 1032), FIRST_MS + 7, 3),  # to 1038, which is possible
    ],
)
def test_a_damaged_time_of_a_wanted_block_is_named(
    log: Path, wanted: tuple[int | None, int | None], octet: int, bit: int
) -> None:
    block = offsets(log)[3]
    flip(log, block + octet, bit)
    assert Hole(log, block, 5, 7, "damaged") in read(log, *wanted)


def test_a_clock_that_was_put_back_hides_nothing(tmp_path: Path) -> None:
    times = (1000, 1500, 1010, 1020, 900, 910, 1300, 1)
    write(tmp_path, [[frame(bytes([number]), ms)] for number, ms in enumerate(times)])
    for bound in (950, 1005, 1015, 1400):
        since = [entry.position for entry in read(tmp_path, bound) if isinstance(entry, Entry)]
        until = [
            entry.position for entry in read(tmp_path, None, bound) if isinstance(entry, Entry)
        ]
        assert since == [number for number, ms in enumerate(times) if ms >= bound]
        assert until == [number for number, ms in enumerate(times) if ms < bound]


def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    asked = 0
    read_at = OpenFile.read_at

    def counted(self: OpenFile, offset: int, count: int) -> bytes:
        nonlocal asked
        asked += count
        return read_at(self, offset, count)

    monkeypatch.setattr(OpenFile, "read_at", counted)
    return lambda: asked


def test_only_the_neighbours_of_what_is_wanted_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [100_000, 100_000, 1, 1, 1, 100_000, 100_000, 1]
    write(tmp_path, [[frame(bytes(size), ms)] for ms, size in enumerate(sizes)])
    asked = counting(monkeypatch)
    (entry,) = read(tmp_path, 3, 4)
    assert isinstance(entry, Entry)
    assert entry.record == frame(bytes(1), 3)
    assert asked() < 2000
    assert len(list(LogReader(tmp_path).entries(from_position=7))) == 1
    assert asked() < 4000


def test_void_records_are_not_counted_when_they_are_passed_over(tmp_path: Path) -> None:
    class Refusing(QuickDisk):
        refuse = False

        def sync(self, fd: int) -> None:
            if self.refuse:
                raise OSError(errno.EIO, "refused")

        def truncate(self, fd: int, size: int) -> None:
            raise OSError(errno.EIO, "refused")

    disk = Refusing()
    segments = Segments(tmp_path, disk=disk)
    segments.commit(batch(0, frame(b"one", 1000)))
    disk.refuse = True
    with pytest.raises(OSError, match="refused"):
        segments.commit(batch(1, frame(b"void", 1010)))
    disk.refuse = False
    wanted = [frame(b"two", 1020), frame(b"three", 1030)]
    segments.commit(batch(1, *wanted))
    segments.close()
    found = read(tmp_path, since_ms=1015)
    assert [entry.record for entry in found if isinstance(entry, Entry)] == wanted
