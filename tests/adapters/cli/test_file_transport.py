"""How the commands refuse captures."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.cli.running import Run
from tests.adapters.storage.helpers import QuickDisk

REPORT = ("report", "--transport", "file", "--producer-id", "P", "--count", "1")


def test_a_capture_has_one_writer(tmp_path: Path, run: Callable[..., Run]) -> None:
    disk = QuickDisk()
    lock = disk.lock(tmp_path / "LOCK")
    done = run(*REPORT, "--target", str(tmp_path), "--json")
    disk.close(lock)
    assert (done.code, done.out) == (3, "")
    assert "another process" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="locks are other ones there")
def test_a_file_system_without_locks_is_told_as_what_it_is(
    tmp_path: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    provider = ("--provider", "http://127.0.0.1:1/")
    for command in (
        (*REPORT, "--target", str(tmp_path)),
        ("collect", "--listen", "127.0.0.1:0", "--data", str(tmp_path)),
        ("notify", "--listen", "127.0.0.1:0", "--data", str(tmp_path)),
        ("subscribe", *provider, "--listen", "127.0.0.1:0", "--data", str(tmp_path)),
    ):
        done = run(*command)
        assert (done.code, done.out) == (3, ""), command
        assert os.strerror(errno.ENOLCK) in done.err
        assert str(tmp_path) in done.err
        assert done.err.count("\n") == 1


def test_a_capture_cannot_be_where_a_file_is(tmp_path: Path, run: Callable[..., Run]) -> None:
    (tmp_path / "file").write_text("")
    done = run(*REPORT, "--target", str(tmp_path / "file" / "capture"))
    assert (done.code, done.out) == (3, "")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "target", ["", "http://127.0.0.1:1/", "file://elsewhere/x", "file:///x?y", "ftp://x/"]
)
def test_a_target_that_is_no_file(target: str, run: Callable[..., Run]) -> None:
    done = run(*REPORT, "--target", target)
    assert done.code == 2
    assert "--target" in done.err


def test_what_cannot_be_tailed(tmp_path: Path, run: Callable[..., Run]) -> None:
    data, nonsense = tmp_path / "data", tmp_path / "nonsense"
    nonsense.write_bytes(b"nonsense" * 100)
    for path, reason in (
        (tmp_path / "nothing", "No such file"),
        (nonsense, "not a segment"),
        (data, "its own data"),
    ):
        done = run("collect", "--listen", "127.0.0.1:0", "--data", str(data), "--tail", str(path))
        assert (done.code, done.out) == (3, ""), path
        assert reason in done.err
        assert done.err.count("\n") == 1
