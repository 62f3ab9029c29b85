"""What becomes of captures at a collector that follows them."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.file import CannotFollow, FileServer, TailConfig
from mnstream.adapters.observability import Counters
from mnstream.adapters.runtime.collecting import CollectorSettings, consuming
from mnstream.adapters.storage import Durability, LogConfig, StoredUnit, stored_units
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.format import BLOCK_HEAD_BYTES
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.records import Disposition
from mnstream.testing.logs import changed, ended, established, performance_stream
from tests.adapters.sinks.helpers import (
    FIRST,
    STREAM,
    CrashingDisk,
    GrowingLog,
    measured,
)
from tests.adapters.storage.helpers import QuickDisk, frame, only_segment, write

pytestmark = pytest.mark.anyio
QUICK = TailConfig(interval_ms=2, busy_interval_ms=1, retry_max_ms=10)


@dataclass(frozen=True, slots=True)
class Stage:
    """A collector that follows captures.

    Attributes:
        data: Its log.
        server: What follows.
        counters: What it counts.
    """

    data: Path
    server: FileServer
    counters: Counters

    async def until(self, condition: Callable[[], object]) -> None:
        """Look until something has come about."""
        with anyio.fail_after(10):
            while not condition():  # noqa: ASYNC110 - files have no events
                await anyio.sleep(0.002)

    async def has(self, count: int) -> list[StoredUnit]:
        """Wait for so many units in its log and give them."""
        await self.until(lambda: len(list(stored_units(self.data))) >= count)
        return list(stored_units(self.data))

    def position(self) -> int:
        """How far the only capture was taken over; 0 while none is followed."""
        return sum(each.position for each in self.server.status())

    def has_come_to(self, position: int) -> bool:
        return self.position() == position

    def trouble(self) -> str:
        return " ".join(each.trouble for each in self.server.status())


@asynccontextmanager
async def following(
    data: Path, *paths: Path, config: TailConfig = QUICK, disk: Disk | None = None
) -> AsyncGenerator[Stage]:
    """Follow captures, and end as a killed process does: at once."""
    log = LogConfig(durability=Durability.WRITE, commit_interval_ms=0)
    async with consuming(CollectorSettings(data=data, log=log)) as service:
        server = FileServer(
            service.collector,
            paths,
            state=data / "tails",
            observer=service.counters,
            config=config,
            disk=disk or QuickDisk(),
        )
        async with anyio.create_task_group() as tasks:
            await tasks.start(partial(server.serve))
            yield Stage(data, server, service.counters)
            tasks.cancel_scope.cancel()


def values(units: list[StoredUnit]) -> list[object]:
    return [unit.kind or (unit.values or {}).get("x") for unit in units]


async def test_what_was_received_is_sent_and_nothing_else(tmp_path: Path) -> None:
    capture = GrowingLog(tmp_path / "capture")
    capture.commit(
        FIRST,
        measured(1),
        frame(measured(1).payload, disposition=Disposition.DUPLICATE),
        frame(b"nonsense", disposition=Disposition.QUARANTINED, cause="undecodable"),
        frame(b"", disposition=Disposition.KEEP_ALIVE),
        measured(2),
    )
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        units = await stage.has(3)
        assert [(unit.producer_id, unit.stream_info) for unit in units if unit.values] == [
            (FIRST.producer_id, STREAM)
        ] * 2
        await stage.until(lambda: stage.position() == 6)
        assert stage.counters.value("tail_frames", "sent") == 3
        assert stage.trouble() == ""
    assert values(list(stored_units(tmp_path / "data"))) == [1, "quarantined", 2]


async def test_frames_keep_the_streams_of_their_time(tmp_path: Path) -> None:
    second = performance_stream("1", "x", "y")
    capture = GrowingLog(tmp_path / "capture", segment_bytes=1)
    capture.commit(FIRST, measured(1))
    capture.commit(changed("a", 2, added=[second], removed=["1"]))
    capture.commit(frame(measured(2).payload, version=2), ended("a"))
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        units = await stage.has(2)
    assert [(unit.stream_info, unit.kind) for unit in units] == [
        (STREAM, ""),
        (second, "quarantined"),
    ]


async def test_damage_is_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    capture = GrowingLog(tmp_path / "capture")
    capture.commit(FIRST, measured(1))
    path = only_segment(tmp_path / "capture")
    size = path.stat().st_size
    capture.commit(measured(2))
    capture.commit(measured(3))
    flip(path, size + BLOCK_HEAD_BYTES + 3)
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        assert values(await stage.has(2)) == [1, 3]
        assert stage.counters.value("tail_holes") == 1
    assert "records 2 to 2: damaged" in caplog.text


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


async def test_streams_that_damage_swallowed(tmp_path: Path) -> None:
    """What changed the streams is lost: the next segment tells what they are by now."""
    second = performance_stream("2", "x")
    capture = GrowingLog(tmp_path / "capture")
    capture.commit(FIRST, measured(1))
    path = only_segment(tmp_path / "capture")
    size = path.stat().st_size
    capture.commit(changed("a", 2, added=[second]))
    capture.segments.close()
    again = GrowingLog(tmp_path / "capture", segment_bytes=1)
    again.commit(frame(measured(2).payload, version=2))
    flip(path, size + BLOCK_HEAD_BYTES + 3)
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        assert values(await stage.has(2)) == [1, 2]
        (connection,) = [
            unit.connection_id for unit in stored_units(tmp_path / "data") if unit.values
        ][:1]
        assert connection != "a"


async def test_frames_of_nobody_knows_which_streams_are_counted(tmp_path: Path) -> None:
    capture = GrowingLog(tmp_path / "capture")
    capture.commit(frame(b"1", version=7))
    capture.commit(FIRST, measured(1))
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        assert values(await stage.has(1)) == [1]
        assert stage.counters.value("tail_frames", "unattributed") == 1


async def test_captures_in_a_directory_are_found_when_they_appear(tmp_path: Path) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    (captures / "README").write_text("no capture")
    (captures / "empty").mkdir()
    async with following(captures / "data", captures) as stage:  # its own data is left alone
        write(captures / "a", [[FIRST, measured(1)]])
        await stage.has(1)
        write(captures / "empty", [[FIRST, measured(2)]])
        await stage.has(2)
        write(tmp_path / "b", [[FIRST, measured(3)]])
        shutil.move(only_segment(tmp_path / "b"), captures / "b.mnlog")
        assert values(await stage.has(3)) == [1, 2, 3]
        names = [each.path.name for each in stage.server.status()]
        assert names == ["a", "b.mnlog", "empty"]


async def test_more_captures_than_are_followed_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        write(tmp_path / "captures" / str(number), [[FIRST, measured(number)]])
    config = TailConfig(interval_ms=2, retry_max_ms=10, captures_max=2)
    async with following(tmp_path / "data", tmp_path / "captures", config=config) as stage:
        await stage.has(2)
        shutil.rmtree(tmp_path / "captures" / "0")
        assert sorted(map(str, values(await stage.has(3)))) == ["0", "1", "2"]
    assert caplog.text.count("more than 2 captures") == 1


async def test_a_capture_may_go_and_another_may_come(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    capture = tmp_path / "capture"
    write(capture, [[FIRST, measured(1)]])
    async with following(tmp_path / "data", capture) as stage:
        await stage.has(1)
        await stage.until(lambda: stage.position() == 2)
        shutil.rmtree(capture)
        await stage.until(lambda: stage.server.status() == [])
        write(capture, [[FIRST, measured(2)]])
        assert values(await stage.has(2)) == [1, 2]
    assert "another capture than before" in caplog.text


async def test_a_capture_that_was_restored_from_an_older_copy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Positions are given a second time; what has them now is taken over, too."""
    capture = tmp_path / "capture"
    write(capture, [[FIRST, measured(1)], [measured(2)], [measured(3)]])
    path = only_segment(capture)
    async with following(tmp_path / "data", capture) as stage:
        await stage.until(lambda: stage.position() == 4)
        os.truncate(path, path.stat().st_size - 1)
        await stage.until(lambda: "cut off" in caplog.text)
        write(capture, [[measured(4)], [measured(5)]])
        found = values(await stage.has(7))
        assert found == [1, 2, 3, "duplicate", "duplicate", 4, 5]


async def test_a_cursor_that_cannot_be_read_is_named_once_and_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captures = tmp_path / "captures"
    write(captures / "a", [[FIRST, measured(1)]])
    write(captures / "b", [[FIRST, measured(2)]])
    async with following(tmp_path / "data", captures) as stage:
        await stage.has(2)
        await stage.until(lambda: stage.position() == 4)
    for path in (tmp_path / "data" / "tails").glob("*.cursor"):
        path.write_text("nonsense")
    async with following(tmp_path / "data", captures) as stage:
        await stage.until(lambda: stage.trouble().count("delete it") == 2)
        assert sorted(map(str, delivered(tmp_path / "data"))) == ["1", "2"]
    assert caplog.text.count("is no cursor") == 2


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_each_frame_once_whenever_the_cursor_cannot_be_saved(
    tmp_path: Path, steps: int
) -> None:
    """The machine stops at every step of saving a cursor; what was sent before is sent again."""
    capture = GrowingLog(tmp_path / "capture")
    second = performance_stream("2", "x")
    capture.commit(FIRST, measured(1), measured(2), changed("a", 2, added=[second]))
    for number in range(3, 9):
        capture.commit(frame(measured(number).payload, version=2))
    capture.commit(established("b", 3, [STREAM]), frame(measured(9).payload, version=3))
    config = TailConfig(interval_ms=1, busy_interval_ms=1, retry_max_ms=1, frames_max=2)
    data, path = tmp_path / "data", tmp_path / "capture"
    disk = CrashingDisk(steps, OSError(28, "no space"))
    async with following(data, path, config=config, disk=disk) as stage:
        await stage.until(lambda: stage.trouble() or len(list(stored_units(data))) >= 9)
    capture.commit(ended("a"), ended("b"))
    async with following(data, path, config=config) as stage:
        await stage.until(lambda: stage.position() == 14)
    assert sorted(map(str, delivered(data))) == [str(number) for number in range(1, 10)]


def delivered(data: Path) -> list[object]:
    return values([unit for unit in stored_units(data) if not unit.kind])


async def test_old_segments_that_are_gone_are_a_hole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    capture = GrowingLog(tmp_path / "capture", segment_bytes=1)
    capture.commit(FIRST, measured(1))
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        await stage.has(1)
        await stage.until(lambda: stage.position() == 2)
    for number in (2, 3, 4):
        capture.commit(measured(number), frame(bytes(5000), disposition=Disposition.DUPLICATE))
    for path in segment_paths(tmp_path / "capture")[:2]:
        path.unlink()
    async with following(tmp_path / "data", tmp_path / "capture") as stage:
        await stage.until(lambda: stage.counters.value("tail_holes"))
        assert delivered(tmp_path / "data")[:1] == [1]
    assert "missing" in caplog.text


async def test_a_graceful_stop_leaves_nothing_to_be_recognised(tmp_path: Path) -> None:
    capture = GrowingLog(tmp_path / "capture")
    capture.commit(FIRST, measured(1))
    data = tmp_path / "data"
    for number in (2, 3):
        async with consuming(CollectorSettings(data=data)) as service:
            server = FileServer(
                service.collector,
                [tmp_path / "capture"],
                state=data / "tails",
                observer=service.counters,
                config=QUICK,
            )
            await service.tasks.start(partial(server.serve, stop=service.stop))
            stage = Stage(data, server, service.counters)
            await stage.until(partial(stage.has_come_to, capture.durable_position + 1))
            assert service.consumer.counts.connections_established == (number == 2)
        capture.commit(measured(number))
    assert values(list(stored_units(data))) == [1, 2]


def test_what_cannot_be_followed(tmp_path: Path) -> None:
    async def make(*paths: Path) -> None:
        async with following(tmp_path / "data", *paths):
            pass

    (tmp_path / "nonsense").write_bytes(b"nonsense")
    for path, reason in (
        (tmp_path / "nothing", "No such file"),
        (tmp_path / "nonsense", "not a segment"),
        (tmp_path / "data", "its own data"),
    ):
        with pytest.raises(CannotFollow, match=reason):
            anyio.run(make, path)
