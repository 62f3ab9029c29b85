"""When a feed writes and tries again, on a clock that jumps."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.observability import Counters
from mnstream.adapters.sinks import FeedConfig, SinkFeed
from mnstream.ports.sink import SinkError
from tests.adapters.sinks.helpers import FIRST, GrowingLog, ListSink, measured


@pytest.mark.trio
async def test_pauses_double_up_to_the_longest(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    log, sink = GrowingLog(tmp_path), ListSink()
    config = FeedConfig(retry_initial_ms=1000, retry_max_ms=5000)
    feed = SinkFeed(sink, log=log, directory=tmp_path, observer=Counters(), config=config)
    sink.trouble = SinkError("down")
    log.commit(FIRST, measured(0))
    times: list[float] = []
    async with trio.open_nursery() as nursery:
        await nursery.start(feed.run)
        for count in range(1, 7):
            await sink.attempted(count)
            times.append(trio.current_time())
        nursery.cancel_scope.cancel()
    pauses = [round(later - earlier) for earlier, later in pairwise(times)]
    assert pauses == [1, 2, 4, 5, 5]


@pytest.mark.trio
async def test_a_quick_log_is_written_in_groups(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    log, sink = GrowingLog(tmp_path), ListSink()
    config = FeedConfig(interval_ms=200)
    stop = anyio.Event()
    feed = SinkFeed(sink, log=log, directory=tmp_path, observer=Counters(), config=config)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(feed.run, stop=stop))
        log.commit(FIRST)
        for number in range(1000):
            log.commit(measured(number))
            await trio.sleep(0.001)
        stop.set()
    assert sink.values == list(range(1000))
    assert sink.attempts <= 8
