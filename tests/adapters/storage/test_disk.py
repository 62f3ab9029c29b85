"""What is asked of the operating system, and what its refusals are taken for."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.sinks.json_lines_file import JsonLinesFile
from mnstream.adapters.storage import Durability, LogInUse, NotificationStoreConfig
from mnstream.adapters.storage.checkpoints import SqliteCheckpoints
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.notifications.writer import Writer
from mnstream.adapters.storage.segments import Segments
from mnstream.ports.sink import SinkError


def open_segments(directory: Path) -> None:
    Segments(directory).close()


def open_notifications(directory: Path) -> None:
    Writer(directory, NotificationStoreConfig()).close()


def open_checkpoints(directory: Path) -> None:
    async def main() -> None:
        async with SqliteCheckpoints.open(directory, durability=Durability.NONE):
            pass

    anyio.run(main)


def open_sink(directory: Path) -> None:
    async def main() -> None:
        sink = JsonLinesFile(directory.parents[2] / "output.jsonl", directory.parent)
        await sink.open()
        await sink.aclose()

    anyio.run(main)


@pytest.mark.parametrize(
    "open_below", [open_segments, open_notifications, open_checkpoints, open_sink]
)
def test_every_directory_that_is_made_survives_a_loss_of_power(
    open_below: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def sync_directory(disk: Disk, directory: Path) -> None:
        synced.append(directory)

    monkeypatch.setattr(Disk, "sync_directory", sync_directory)
    made = tmp_path / "new" / "data" / "sinks"
    open_below(made)
    assert made.is_dir()
    assert synced[:3] == [tmp_path, tmp_path / "new", tmp_path / "new" / "data"]
    synced.clear()
    open_below(made)
    assert not {tmp_path, tmp_path / "new", tmp_path / "new" / "data"} & set(synced)


def test_a_directory_that_somebody_else_makes_meanwhile_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    looks = iter([False])

    def is_dir(path: Path) -> bool:
        return next(looks, True)

    monkeypatch.setattr(Path, "is_dir", is_dir)
    Disk().make_directory(tmp_path / "data")


def test_a_file_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(OSError, match="below"):
        Disk().make_directory(tmp_path / "data" / "below")


@pytest.mark.skipif(sys.platform == "win32", reason="locks are other ones there")
class TestLocks:
    @pytest.fixture
    def refuse(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        """Make every lock fail with an error number."""

        def refuse(number: int) -> None:
            def flock(fd: int, operation: int) -> None:
                raise OSError(number, os.strerror(number))

            monkeypatch.setattr("fcntl.flock", flock)

        return refuse

    @pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EACCES])
    def test_the_lock_of_somebody_else(
        self, number: int, refuse: Callable[[int], None], tmp_path: Path
    ) -> None:
        refuse(number)
        with pytest.raises(LogInUse, match="another process"):
            Disk().lock(tmp_path / "LOCK")

    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO, errno.EOPNOTSUPP])
    def test_a_file_system_without_locks_is_told_as_what_it_is(
        self, number: int, refuse: Callable[[int], None], tmp_path: Path
    ) -> None:
        refuse(number)
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            Disk().lock(tmp_path / "LOCK")
        assert caught.value.errno == number
        assert caught.value.filename == str(tmp_path / "LOCK")

    def test_a_sink_says_so_too(self, refuse: Callable[[int], None], tmp_path: Path) -> None:
        refuse(errno.ENOLCK)
        with pytest.raises(SinkError, match=os.strerror(errno.ENOLCK)):
            open_sink(tmp_path / "data" / "a" / "sinks")
