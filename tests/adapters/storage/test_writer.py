"""The log as a service sees it: positions, durability, a disk that refuses, and leaving it."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from mnstream.adapters.storage import (
    Durability,
    Entry,
    LogClosed,
    LogConfig,
    LogInUse,
    NotAllWritten,
    SegmentLog,
)
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.records import Disposition, FrameStored, Record
from mnstream.testing.logs import STREAMS, established
from tests.adapters.storage.helpers import frame, instances, payloads_of, read, records_of

pytestmark = pytest.mark.anyio

FAST = LogConfig(commit_interval_ms=0, retry_ms=1)


class GatedDisk(Disk):
    """Syncs when it is allowed to, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.refusals = 0
        self.refused = 0
        self.error = errno.ENOSPC
        self.writes: list[int] = []

    def write_at(self, fd: int, offset: int, data: bytes) -> None:
        super().write_at(fd, offset, data)
        self.writes.append(len(data))

    def sync(self, fd: int) -> None:
        assert self.gate.wait(30)
        if self.refusals:
            self.refusals -= 1
            self.refused += 1
            raise OSError(self.error, os.strerror(self.error))
        super().sync(fd)


async def until(condition: Callable[[], object]) -> None:
    """Let the thread of the log work until something is so."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_frames_of_every_disposition_come_back(tmp_path: Path) -> None:
    expected: list[Record] = [
        established("a", 1),
        frame(b"delivered", 5),
        frame(b"", 6, disposition=Disposition.KEEP_ALIVE),
        frame(b"?", 4, disposition=Disposition.QUARANTINED, cause="undecodable"),
        frame(b"delivered", 7, disposition=Disposition.DUPLICATE),
        frame(b"delivered, with a remark", 7, cause="x"),
    ]
    async with SegmentLog.open(tmp_path, FAST) as log:
        for record in expected:
            if isinstance(record, FrameStored):
                log.append_frame(
                    *(record.streams_version, record.wall_ms, record.payload),
                    disposition=record.disposition,
                    cause=record.cause,
                )
            else:
                log.append(record)
    assert records_of(tmp_path) == expected
    assert [entry.record for entry in read(tmp_path, 4, 5) if isinstance(entry, Entry)] == [
        expected[3]
    ]


async def test_what_gathers_during_a_commit_is_the_next_one(tmp_path: Path) -> None:
    disk = GatedDisk()
    async with SegmentLog.open(tmp_path, FAST, disk=disk) as log:
        await log.durable(log.append_frame(1, 1, b"first"))
        disk.gate.clear()
        disk.writes.clear()
        log.append_frame(1, 1, b"alone")
        await until(lambda: disk.writes)
        positions = [log.append_frame(1, 1, b"together") for _ in range(100)]
        assert log.durable_position == 0
        disk.gate.set()
        await log.durable(positions[-1])
        assert len(disk.writes) == 2
    assert len(read(tmp_path)) == 102


async def test_enough_octets_end_the_gathering(tmp_path: Path) -> None:
    config = LogConfig(commit_interval_ms=10_000_000, commit_bytes=1000)
    disk = GatedDisk()
    async with SegmentLog.open(tmp_path, config, disk=disk) as log:
        disk.gate.clear()
        log.append_frame(1, 1, b"first")
        await until(lambda: disk.writes)
        second = log.append_frame(1, 1, b"second")
        disk.gate.set()
        await log.durable(0)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        assert log.durable_position == 0
        log.append_frame(1, 1, bytes(1000))
        with anyio.fail_after(20):
            await log.durable(second)
        third = log.append_frame(1, 1, b"leaving ends it, too")
    assert len(read(tmp_path)) == third + 1


async def test_room_is_what_is_not_durable(tmp_path: Path) -> None:
    disk = GatedDisk()
    config = LogConfig(commit_interval_ms=0, pending_bytes_max=1000)
    async with SegmentLog.open(tmp_path, config, disk=disk) as log:
        await log.has_room()
        disk.gate.clear()
        log.append_frame(1, 1, bytes(600))
        await until(lambda: disk.writes)
        await log.has_room()
        last = log.append_frame(1, 1, bytes(600))
        with anyio.move_on_after(0.01) as waiting:
            await log.has_room()
        assert waiting.cancelled_caught
        disk.gate.set()
        with anyio.fail_after(20):
            await log.has_room()
        await log.durable(last)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
async def test_a_disk_that_refuses_is_trouble_until_it_works_again(
    tmp_path: Path, error: int
) -> None:
    disk = GatedDisk()
    async with SegmentLog.open(tmp_path, FAST, disk=disk) as log:
        await log.durable(log.append_frame(1, 1, b"before"))
        disk.error, disk.refusals = error, 5
        position = log.append_frame(1, 1, b"refused")
        await until(lambda: log.trouble)
        assert os.strerror(error) in log.trouble
        assert log.durable_position == 0
        log.append_frame(1, 1, b"meanwhile")
        with anyio.fail_after(20):
            await log.durable(position)
        assert log.trouble == ""
        assert disk.refused == 5
    payloads = payloads_of(tmp_path)
    assert payloads == [b"before", b"refused", b"meanwhile"]


async def test_leaving_while_the_disk_refuses_says_what_is_lost(tmp_path: Path) -> None:
    async def leave() -> None:
        disk = GatedDisk()
        async with SegmentLog.open(tmp_path, LogConfig(), disk=disk) as log:
            logs.append(log)
            await log.durable(log.append_frame(1, 1, b"kept"))
            disk.refusals = 1000
            log.append_frame(1, 1, b"lost")
            await until(lambda: log.trouble)
            log.append_frame(1, 1, b"lost")

    logs: list[SegmentLog] = []
    with pytest.raises(NotAllWritten, match="No space left") as raised:
        await leave()
    assert raised.value.records == 2
    with pytest.raises(LogClosed):
        await logs[0].durable(2)
    assert records_of(tmp_path) == [frame(b"kept", 1)]


async def test_a_waiter_is_told_that_the_log_was_closed(tmp_path: Path) -> None:
    told: list[LogClosed] = []

    async def wait(log: SegmentLog, position: int) -> None:
        try:
            await log.durable(position)
        except LogClosed as error:
            told.append(error)

    async def leave(tasks: TaskGroup) -> None:
        disk = GatedDisk()
        async with SegmentLog.open(tmp_path, LogConfig(), disk=disk) as log:
            disk.refusals = 1000
            tasks.start_soon(wait, log, log.append_frame(1, 1, b"lost"))
            await until(lambda: log.trouble)

    async with anyio.create_task_group() as tasks:
        with pytest.raises(NotAllWritten):
            await leave(tasks)
    assert len(told) == 1


async def test_those_who_stop_waiting_leave_nothing_behind(tmp_path: Path) -> None:
    """A disk that refuses meets producers that come back again and again."""
    disk = GatedDisk()
    async with SegmentLog.open(tmp_path, FAST, disk=disk) as log:
        disk.gate.clear()
        position = log.append_frame(1, 1, b"x")
        before = instances(anyio.Event)
        for _ in range(200):
            with anyio.move_on_after(0):
                await log.durable(position)
        left = instances(anyio.Event) - before
        disk.gate.set()
        assert left < 100
        await log.durable(position)


async def test_cancelling_the_owner_commits_what_was_appended(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with SegmentLog.open(tmp_path, FAST) as log:
            log.append_frame(1, 1, b"one")
            scope.cancel()
            log.append_frame(1, 1, b"two")
            await anyio.sleep_forever()
    assert records_of(tmp_path) == [frame(b"one", 1), frame(b"two", 1)]
    async with SegmentLog.open(tmp_path, FAST):
        pass


async def test_exceptions_of_the_body_pass_unchanged(tmp_path: Path) -> None:
    async def fail() -> None:
        async with SegmentLog.open(tmp_path, FAST) as log:
            log.append_frame(1, 1, b"one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert records_of(tmp_path) == [frame(b"one", 1)]


async def test_two_logs_in_one_directory_are_refused(tmp_path: Path) -> None:
    async with SegmentLog.open(tmp_path):
        with pytest.raises(LogInUse):
            async with SegmentLog.open(tmp_path):
                pass


async def test_a_file_in_place_of_the_directory_is_the_disks_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        async with SegmentLog.open(tmp_path / "file"):
            pass


async def test_without_durability_nobody_waits(tmp_path: Path) -> None:
    disk = GatedDisk()
    config = LogConfig(durability=Durability.NONE)
    async with SegmentLog.open(tmp_path, config, disk=disk) as log:
        disk.gate.clear()
        with anyio.fail_after(20):
            await log.durable(log.append_frame(1, 1, b"one"))
        disk.gate.set()
    assert records_of(tmp_path) == [frame(b"one", 1)]


async def test_the_log_goes_on_over_many_segments_and_restarts(tmp_path: Path) -> None:
    config = LogConfig(segment_bytes=1, commit_interval_ms=0)
    expected: list[Record] = []
    for restart in range(3):
        async with SegmentLog.open(tmp_path, config) as log:
            assert [record.connection_id for record in log.restored()] == [
                str(number) for number in range(restart)
            ]
            record = established(str(restart), restart + 1, STREAMS[:1])
            assert log.append(record) == len(expected)
            expected.append(record)
            for number in range(5):
                payload = bytes(5000) + b"%d" % number
                await log.durable(log.append_frame(restart + 1, number, payload))
                expected.append(frame(payload, number, restart + 1))
    assert len(segment_paths(tmp_path)) > 5
    assert records_of(tmp_path) == expected


VICTIM = """
import sys, anyio
from pathlib import Path
from mnstream.adapters.storage import SegmentLog, LogConfig

async def main():
    config = LogConfig(commit_interval_ms=0, segment_bytes=200_000)
    async with SegmentLog.open(Path(sys.argv[1]), config) as log:
        while True:
            for _ in range(50):
                position = log.append_frame(1, 1, b"%d" % log.next_position)
            await log.durable(position)
            sys.stdout.write(f"{position}\\n")
            sys.stdout.flush()

anyio.run(main, backend=sys.argv[2])
"""


def test_what_was_reported_durable_survives_kill(tmp_path: Path, anyio_backend: str) -> None:
    reported = -1
    for lines in (1, 40, 200):
        victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(tmp_path), anyio_backend],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert victim.stdout is not None
        for _ in range(lines):
            reported = int(victim.stdout.readline())
        victim.send_signal(signal.SIGKILL)
        reported = max([reported, *map(int, victim.stdout.read().splitlines())])
        victim.wait()
        victim.stdout.close()
        payloads = payloads_of(tmp_path)
        assert payloads == [b"%d" % number for number in range(len(payloads))]
        assert len(payloads) > reported
