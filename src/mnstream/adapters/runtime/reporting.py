"""Composition root of the reporter, and the loop that measures and reports."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.http import HttpTransport
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.capturing import capture_directory, capturing
from mnstream.adapters.runtime.feeds import Batch, Feed, SourcesFeed
from mnstream.adapters.runtime.measuring import MeasuredFrames
from mnstream.adapters.runtime.reporter import Reporter, ReportingEnded
from mnstream.adapters.runtime.spool import Spool
from mnstream.core.effects import ReportEnd
from mnstream.core.errors import MnSError, OperationError
from mnstream.core.profiles import REL19, Profile
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ProducerId, Status, StreamId
from mnstream.ports.source import MeasurementSource
from mnstream.ports.transport import ProducerTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterSettings:
    """What a reporter is made of.

    Attributes:
        target: Root of the collector; ``/connections`` follows it. For ``file`` the directory of a
            capture, as a path or a URI.
        producer_id: Who reports.
        tls: Context of a client; None trusts the system's roots.
        profile: Reading of the standard.
        transport: How it gets there: ``http``, ``trio-websocket`` or ``file``.
        rate: Frames a second; 0 for as fast as acknowledgements allow.
        count: Frames in total; 0 for ever.
        units_per_frame: Units in one frame; 0 for one of every stream.
        spool: Directory where frames are kept until they are acknowledged; None for memory only.
        config: Limits and times of the core.
    """

    target: str
    producer_id: ProducerId
    tls: ssl.SSLContext | None = None
    profile: Profile = REL19
    transport: str = "http"
    rate: float = 0.0
    count: int = 0
    units_per_frame: int = 0
    spool: Path | None = None
    config: ProducerConfig = field(default_factory=ProducerConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSummary:
    """What became of a report.

    Attributes:
        sent: Frames handed to a channel at least once.
        acknowledged: Frames of which the collector said that it has them.
        resent: Frames handed to a channel again.
        dropped: Frames that were taken over from the source and never acknowledged.
        connections: Connections that the collector created.
        channels: Upgrades that succeeded.
        seconds: How long it took.
        end: How the connection ended.
        refused: Streams that the collector does not want, and why.
    """

    sent: int
    acknowledged: int
    resent: int
    dropped: int
    connections: int
    channels: int
    seconds: float
    end: ReportEnd
    refused: dict[StreamId, OperationError]


class NothingToReport(MnSError):
    """The feed was empty, so that there are not even streams to announce."""


Progress = Callable[[StreamingProducer], None]


async def reporting(
    settings: ReporterSettings,
    feed: Feed | MeasurementSource,
    *,
    stop: anyio.Event | None = None,
    progress: Progress | None = None,
) -> ReportSummary:
    """Report until the feed or the count ends, ``stop`` is set, or the connection ends.

    Everything that was taken is then delivered, and the connection terminated. ``stop`` does not
    wait for a feed that has nothing to give; before it gave anything there is no connection.

    Args:
        settings: Where to and how.
        feed: What is reported; a source is measured for every frame, in the format of its streams.
        stop: Set it to stop gracefully.
        progress: Called after each frame.

    Raises:
        NothingToReport: The feed ended before it gave anything, and not because of ``stop``.
        Exception: Whatever the feed raises; the connection is dropped.
        StorageError: The spool, or the capture that is the target, cannot be used.
        OSError: The same.
    """
    clock = SystemClock()
    if isinstance(feed, MeasurementSource):
        measured = MeasuredFrames(feed, units_per_frame=settings.units_per_frame)
        feed = SourcesFeed([measured], clock)
    producer = StreamingProducer(settings.producer_id, config=settings.config)
    started_ms = clock.monotonic_ms()
    async with background() as tasks, AsyncExitStack() as stack:
        transport = await _transport(settings, tasks, stack)
        reporter = Reporter(producer, transport, clock=clock, entropy=SystemEntropy())
        taking = _Taking(stop or anyio.Event())
        tasks.start_soon(taking.watch)
        batches = _paced(settings, feed.batches(), taking)
        if settings.spool is not None:
            spool = await stack.enter_async_context(Spool.open(settings.spool, clock))
            spool.follow(producer.window)
            batches = spool.batches(batches, settings.producer_id)
        await stack.enter_async_context(aclosing(batches))
        with suppress(ReportingEnded):  # told in the summary
            await _report(batches, reporter, progress, taking.stop)
    end = reporter.end or ReportEnd(status=Status.SUCCESS, unacknowledged=0, reason="")
    return ReportSummary(
        sent=producer.window.sent,
        acknowledged=producer.window.acknowledged,
        resent=producer.counts.frames_resent,
        dropped=end.unacknowledged,
        connections=producer.counts.connections_created,
        channels=producer.counts.channels_opened,
        seconds=round((clock.monotonic_ms() - started_ms) / 1000, 3),
        end=end,
        refused=reporter.refused,
    )


async def _report(
    batches: AsyncGenerator[Batch],
    reporter: Reporter,
    progress: Progress | None,
    stop: anyio.Event,
) -> None:
    first = await anext(batches, None)
    if first is None:
        if stop.is_set():
            return
        raise NothingToReport
    reporter.add_streams(first.streams)
    async with reporter.running():
        await reporter.report(first.frames)
        if progress is not None:
            progress(reporter.producer)
        async for batch in batches:
            if batch.streams:
                reporter.add_streams(batch.streams)
                await reporter.settled()
            await reporter.report(batch.frames)
            if progress is not None:
                progress(reporter.producer)


class _Taking:
    """Takes batches until it is told to stop, and does not wait for one any longer then.

    One task watches for that as long as the report lasts: a task group for each batch would cost
    more than many a batch.
    """

    def __init__(self, stop: anyio.Event) -> None:
        self.stop = stop
        self._waiting: anyio.CancelScope | None = None

    async def watch(self) -> None:
        await self.stop.wait()
        if self._waiting is not None:
            self._waiting.cancel()

    async def next_of(self, batches: AsyncGenerator[Batch]) -> Batch | None:
        """Take one; None when there is no other, or to be none."""
        if self.stop.is_set():
            return None
        batch: Batch | None = None
        with anyio.CancelScope() as self._waiting:
            batch = await anext(batches, None)
        self._waiting = None
        return batch


async def _paced(
    settings: ReporterSettings, batches: AsyncGenerator[Batch], taking: _Taking
) -> AsyncGenerator[Batch]:
    """Give one frame at a time, at the rate and up to the count that the settings say."""
    due = anyio.current_time()
    taken = 0
    stop = taking.stop
    async with aclosing(batches):
        while (batch := await taking.next_of(batches)) is not None:
            streams = batch.streams
            for frame in batch.frames:
                yield Batch(streams=streams, frames=[frame])
                streams = ()
                taken += 1
                if settings.count and taken >= settings.count:
                    return
                if settings.rate:
                    due += 1 / settings.rate
                    with anyio.move_on_after(due - anyio.current_time()):
                        await stop.wait()
                if stop.is_set():
                    return


async def _transport(
    settings: ReporterSettings, tasks: TaskGroup, stack: AsyncExitStack
) -> ProducerTransport:
    if settings.transport == "file":
        capture = capturing(capture_directory(settings.target), profile=settings.profile)
        return await stack.enter_async_context(capture)
    if settings.transport == "trio-websocket":
        # Imported here, because it works on trio only.
        from mnstream.adapters.trio_websocket import TrioWebSocketTransport  # noqa: PLC0415

        return TrioWebSocketTransport(
            settings.target, tasks=tasks, tls=settings.tls, profile=settings.profile
        )
    return HttpTransport(settings.target, tls=settings.tls, profile=settings.profile)
