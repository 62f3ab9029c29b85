"""Reporting that is told to stop while its feed has nothing to give."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.feeds import Batch, Feed
from mnstream.adapters.runtime.reporting import (
    NothingToReport,
    ReporterSettings,
    ReportSummary,
    reporting,
)
from mnstream.adapters.sources import SimulatedSource
from mnstream.core.values import ProducerId, Status

P = ProducerId("P")


class ThenQuiet:
    """Gives so many frames and then waits for ever, or ends."""

    def __init__(
        self, count: int, *, ends: bool = False, first: Callable[[], None] | None = None
    ) -> None:
        self._count = count
        self._ends = ends
        self._first = first
        self.quiet = anyio.Event()
        self.closed = False

    async def batches(self) -> AsyncGenerator[Batch]:
        streams = SimulatedSource(P, seed=1, streams=1, metrics=1).streams()
        if self._first is not None:
            self._first()
        try:
            for number in range(self._count):
                yield Batch(streams=() if number else streams, frames=[b"frame"])
            self.quiet.set()
            if not self._ends:
                await anyio.sleep_forever()
        finally:
            self.closed = True


async def report(
    feed: Feed, target: Path, stop: anyio.Event, *, spool: Path | None = None
) -> ReportSummary:
    settings = ReporterSettings(target=str(target), producer_id=P, transport="file", spool=spool)
    with anyio.fail_after(20):
        return await reporting(settings, feed, stop=stop)


@pytest.mark.anyio
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_stop_does_not_wait_for_a_quiet_feed(count: int, tmp_path: Path) -> None:
    feed, stop = ThenQuiet(count), anyio.Event()

    async def stop_when_quiet() -> None:
        await feed.quiet.wait()
        stop.set()

    async with background() as tasks:
        tasks.start_soon(stop_when_quiet)
        summary = await report(feed, tmp_path / "capture", stop)
        assert (summary.sent, summary.acknowledged, summary.dropped) == (count, count, 0)
        assert summary.connections == (1 if count else 0)
        assert summary.end.status is Status.SUCCESS
    assert feed.closed


@pytest.mark.anyio
async def test_a_feed_that_is_empty_is_told_unless_stopped(tmp_path: Path) -> None:
    stop = anyio.Event()
    with pytest.raises(NothingToReport):
        await report(ThenQuiet(0, ends=True), tmp_path / "capture", stop)
    stop.set()
    summary = await report(ThenQuiet(0, ends=True), tmp_path / "capture", stop)
    assert (summary.sent, summary.channels) == (0, 0)


@pytest.mark.anyio
async def test_a_spool_that_cannot_be_used_is_told_as_it_is(tmp_path: Path) -> None:
    """Not in a group, in which whoever reports would not look for it."""
    spool = tmp_path / "spool"
    (spool / "acknowledged").mkdir(parents=True)
    with pytest.raises(OSError, match="acknowledged"):
        await report(ThenQuiet(1), tmp_path / "capture", anyio.Event(), spool=spool)


@pytest.mark.anyio
async def test_a_spool_whose_progress_is_refused_reports_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = tmp_path / "spool"
    feed = ThenQuiet(3, ends=True, first=(spool / "acknowledged.tmp").mkdir)
    summary = await report(feed, tmp_path / "capture", anyio.Event(), spool=spool)
    assert (summary.acknowledged, summary.dropped) == (3, 0)
    (record,) = caplog.records
    assert record.message.startswith("the progress of the spool is not saved: ")
