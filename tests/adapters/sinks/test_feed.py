"""A sink gets everything once and in order, and its troubles are its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus

from mnstream.adapters.observability import Counters
from mnstream.adapters.sinks import FeedConfig, JsonLinesFile, SinkFeed
from mnstream.adapters.storage import Durability, LogClosed, LogConfig, SegmentLog
from mnstream.adapters.storage.segments import segment_paths
from mnstream.ports.sink import SinkError, SinkStatus
from mnstream.testing.logs import WALL_MS
from tests.adapters.sinks.helpers import FIRST, GrowingLog, ListSink, measured, values_in
from tests.adapters.storage.helpers import QuickDisk, frame

pytestmark = pytest.mark.anyio

AT_ONCE = FeedConfig(interval_ms=0, retry_initial_ms=0, retry_max_ms=0)


class Bench:
    def __init__(self, tmp_path: Path, config: FeedConfig = AT_ONCE, *, position: int = 0) -> None:
        self.directory = tmp_path
        self.log = GrowingLog(tmp_path, segment_bytes=2000)
        self.sink = ListSink(position)
        self.counters = Counters()
        self.stop = anyio.Event()
        self.feed = SinkFeed(
            self.sink, log=self.log, directory=tmp_path, observer=self.counters, config=config
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the feed, and at the end let it finish."""
        async with anyio.create_task_group() as tasks:

            async def run(*, task_status: TaskStatus[None]) -> None:
                await self.feed.run(stop=self.stop, task_status=task_status)

            await tasks.start(run)
            yield
            self.stop.set()
        assert not self.sink.is_open


async def test_what_becomes_durable_arrives(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.log.commit(FIRST, measured(0))
    async with bench.running():
        await bench.sink.attempted(1)
        assert bench.sink.values == [0]
        bench.log.commit(measured(1), measured(2))
        await bench.sink.attempted(2)
        assert bench.sink.values == [0, 1, 2]
    assert bench.sink.position == 4


async def test_stopping_gives_the_rest(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.running():
        bench.log.commit(FIRST, *map(measured, range(50)))
        for number in range(50, 90):
            bench.log.commit(measured(number))
    assert bench.sink.values == list(range(90))
    assert len(segment_paths(tmp_path)) > 1


async def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path, position=2)
    bench.log.commit(FIRST, *map(measured, range(4)))
    async with bench.running():
        pass
    assert bench.sink.values == [1, 2, 3]


async def test_a_sink_that_is_down_delays_its_own_position(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sink.trouble = SinkError("list is down")
    bench.log.commit(FIRST, measured(0))
    async with bench.running():
        await bench.sink.attempted(3)
        bench.log.commit(measured(1))
        status = bench.feed.status()
        assert status == SinkStatus(
            name="list:of-a-test",
            position=0,
            lag_records=3,
            units_written=0,
            holes=0,
            trouble="list is down",
        )
        bench.sink.trouble = None
    assert bench.sink.values == [0, 1]
    assert bench.feed.status().trouble == ""
    assert bench.feed.status().lag_records == 0
    assert bench.feed.status().units_written == 2
    assert bench.counters.value("sink_writes_failed", "list") >= 3


async def test_an_error_of_the_sink_itself_is_trouble_as_well(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sink.trouble = ZeroDivisionError("oops")
    bench.log.commit(FIRST, measured(0))
    async with bench.running():
        await bench.sink.attempted(2)
        assert "ZeroDivisionError('oops')" in bench.feed.status().trouble
        bench.sink.trouble = None
    assert bench.sink.values == [0]


async def test_stopping_does_not_wait_for_a_sink_that_is_down(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FeedConfig(interval_ms=0, retry_initial_ms=10**9))
    bench.sink.trouble = SinkError("down")
    bench.log.commit(FIRST, measured(0))
    async with bench.running():
        await bench.sink.attempted(1)
    assert bench.sink.attempts == 2
    assert bench.feed.status().trouble == "down"
    assert bench.feed.status().position == 0


async def test_a_sink_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.sink.refuses = "no such folder"
    with pytest.raises(SinkError, match="no such folder"):
        await bench.feed.run()


async def test_cancelling_closes_the_sink(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with anyio.create_task_group() as tasks:
        await tasks.start(bench.feed.run)
        assert bench.sink.is_open
        tasks.cancel_scope.cancel()
    assert not bench.sink.is_open


async def test_a_log_that_lost_what_the_sink_has(tmp_path: Path) -> None:
    bench = Bench(tmp_path, position=10)
    bench.log.commit(FIRST, measured(0))
    async with bench.running():
        assert bench.feed.status().position == 2
        bench.log.commit(measured(1))
    assert bench.sink.values == [1]
    assert bench.sink.position == 3


async def test_records_without_units_move_the_position(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.running():
        bench.log.commit(FIRST)
        await bench.sink.attempted(1)
    assert bench.sink.position == 1


async def test_holes_are_counted_and_passed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, position=1)
    bench.log.commit(FIRST, frame(bytes(3000)))
    bench.log.commit(frame(bytes(3000)))
    bench.log.commit(measured(5))
    for path in segment_paths(tmp_path)[:-1]:
        path.unlink()
    async with bench.running():
        pass
    assert bench.sink.values == [5]
    assert bench.feed.status().holes == 1
    assert bench.counters.value("sink_holes", "list") == 1


async def test_a_log_that_cannot_be_read_is_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    bench.log.commit(FIRST, measured(0))
    failures = 3

    def fail_sometimes(directory: Path) -> list[Path]:
        nonlocal failures
        if failures:
            failures -= 1
            raise PermissionError(13, "Permission denied")
        return segment_paths(directory)

    monkeypatch.setattr("mnstream.adapters.storage.tail.segment_paths", fail_sometimes)
    async with bench.running():
        await bench.sink.attempted(1)
    assert bench.sink.values == [0]
    assert failures == 0
    assert bench.feed.status().trouble == ""


async def test_a_log_that_is_closed_ends_the_feed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with anyio.create_task_group() as tasks:
        await tasks.start(bench.feed.run)
        bench.log.commit(FIRST, measured(0))
        await bench.sink.attempted(1)
        bench.log.failure = LogClosed("closed")
        bench.log.wake()
    assert bench.sink.values == [0]


async def test_the_shipped_log_and_the_shipped_sink(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    data = tmp_path / "data"
    for first in (0, 100):
        async with SegmentLog.open(data, disk=QuickDisk()) as log:
            sink = JsonLinesFile(out, data, disk=QuickDisk())
            feed = SinkFeed(sink, log=log, directory=data, observer=Counters(), config=AT_ONCE)
            stop = anyio.Event()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_run, feed, stop)
                position = 0 if first else log.append(FIRST)
                for number in range(first, first + 100):
                    position = log.append_frame(1, WALL_MS, measured(number).payload)
                    if number % 10 == 0:
                        await log.durable(position)
                await log.durable(position)
                stop.set()
            assert feed.status().lag_records == 0
    assert values_in(out) == list(range(200))


async def _run(feed: SinkFeed, stop: anyio.Event) -> None:
    await feed.run(stop=stop)


async def test_a_log_that_calls_everything_durable(tmp_path: Path) -> None:
    config = LogConfig(durability=Durability.NONE)
    async with SegmentLog.open(tmp_path, config, disk=QuickDisk()) as log:
        sink = ListSink()
        feed = SinkFeed(
            sink, log=log, directory=tmp_path, observer=Counters(), config=FeedConfig(interval_ms=1)
        )
        async with anyio.create_task_group() as tasks:
            await tasks.start(feed.run)
            log.append(FIRST)
            log.append_frame(1, WALL_MS, measured(7).payload)
            while sink.values != [7]:
                await sink.attempted(sink.attempts + 1)
            tasks.cancel_scope.cancel()
