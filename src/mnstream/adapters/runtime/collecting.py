"""Composition root of the collector: which adapters it is made of, and in which order they end."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup, TaskStatus

from mnstream.adapters.codecs import CHECKS, READERS
from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.file import FileServer
from mnstream.adapters.http import HttpLimits, HttpServer, port_of
from mnstream.adapters.observability import Admin, Counters, Metrics, Readiness, StreamingViews
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.collector import Collector
from mnstream.adapters.runtime.places import authority, listening, operators, serving_admin
from mnstream.adapters.sinks import SinkFactory, SinkFeed
from mnstream.adapters.storage import Entry, LogConfig, LogReader, SegmentLog
from mnstream.core.profiles import REL19, Profile
from mnstream.core.records import FrameStored
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.restoration import AttributedFrame
from mnstream.core.values import Json
from mnstream.ports.sink import SinkStatus

DEFAULT_BASE_PATH = "/3GPPManagement/StreamingDataReportingMnS"
"""``{MnSRoot}/StreamingDataReportingMnS`` with an empty MnSVersion (TS 32.158 4.4.3)."""

RECENT_FRAMES = 100_000
"""How many frames are read again after a restart: half a second's work, and the whole window of
twenty producers that were reporting at full speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """What a collector is made of.

    Attributes:
        data: Directory of its log.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        base_path: Path of the root; ``/connections`` follows it.
        base_url: The same as producers see it, for example behind a proxy; None to go by ``Host``.
        tls: Context of a server; None serves plain HTTP.
        admin: Address of its own for the administrative routes, which answer whoever reaches it;
            None puts them on the same port, for this machine only.
        profile: Reading of the standard.
        sinks: Where the data goes beside the log.
        tails: Captures that are taken over, and directories of them.
        limits: What a peer may cost.
        consumer: Limits and times of the core.
        log: Settings of the log.
        stop_timeout_s: How long a graceful stop may take.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    base_path: str = DEFAULT_BASE_PATH
    base_url: str | None = None
    tls: ssl.SSLContext | None = None
    admin: tuple[str, int] | None = None
    profile: Profile = REL19
    sinks: Sequence[SinkFactory] = ()
    tails: Sequence[Path] = ()
    limits: HttpLimits = field(default_factory=HttpLimits)
    consumer: ConsumerConfig = field(default_factory=ConsumerConfig)
    log: LogConfig = field(default_factory=LogConfig)
    stop_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCollector:
    """A collector that can be reached.

    Attributes:
        url: Its root as a URI on this machine.
        admin_url: Where its administrative routes are.
        consumer: The core, for looking at.
        log: Its log.
    """

    url: str
    admin_url: str
    consumer: StreamingConsumer
    log: SegmentLog


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumingService:
    """A consumer on its log that no transport serves yet.

    Attributes:
        collector: The service to hand to a transport.
        consumer: The core, for looking at.
        log: Its log.
        counters: What transports may count with.
        routes: Administrative routes.
        stop: Set when it is to stop; transports take nothing new from then on.
        tasks: Where transports run; they end with the service.
    """

    collector: Collector
    consumer: StreamingConsumer
    log: SegmentLog
    counters: Counters
    routes: Admin
    stop: anyio.Event
    tasks: TaskGroup


@asynccontextmanager
async def consuming(settings: CollectorSettings) -> AsyncGenerator[ConsumingService]:
    """Run a collector that is to be served by whatever transport; leaving it stops gracefully.

    The order of the end: ``stop`` is set, every channel closed with 1001 when what came on it is
    durable, sinks up to date, the log committed and closed.

    Raises:
        OSError: The directory cannot be used.
        StorageError: The log cannot be used, for example because somebody else writes it.
        SinkError: A sink cannot be used, in a group of exceptions.
        CannotFollow: A path of ``tails`` cannot be read.
    """
    clock, counters = SystemClock(), Counters()
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(SegmentLog.open(settings.data, settings.log))
        consumer = StreamingConsumer(
            readers=READERS,
            checks=CHECKS,
            config=settings.consumer,
            profile=settings.profile,
        )
        frames = _recent_frames(settings.data, log)
        consumer.restore(log.restored(), frames, now_ms=clock.monotonic_ms())
        tasks = await stack.enter_async_context(background())
        stop, stop_sinks = anyio.Event(), anyio.Event()
        feeds = [
            SinkFeed(make(settings.data), log=log, directory=settings.data, observer=counters)
            for make in settings.sinks
        ]
        fed = [anyio.Event() for _ in feeds]
        for feed, over in zip(feeds, fed, strict=True):
            await tasks.start(_feed, feed, stop_sinks, over)
        collector = Collector(consumer, log=log, clock=clock, entropy=SystemEntropy())
        await stack.enter_async_context(collector.running())
        files = FileServer(
            collector, settings.tails, state=settings.data / "tails", observer=counters
        )
        if settings.tails:
            await tasks.start(partial(files.serve, stop=stop))
        yield ConsumingService(
            collector=collector,
            consumer=consumer,
            log=log,
            counters=counters,
            routes=_routes(settings, consumer, log, counters, clock, stop, feeds, files),
            stop=stop,
            tasks=tasks,
        )
        stop.set()
        with anyio.move_on_after(settings.stop_timeout_s):
            await collector.stop()
            stop_sinks.set()
            for over in fed:
                await over.wait()


@asynccontextmanager
async def collecting(settings: CollectorSettings) -> AsyncGenerator[RunningCollector]:
    """Run a collector over HTTP while the block runs; leaving it stops gracefully.

    No new sockets come first in the order of its end, then that of ``consuming``.

    Raises:
        OSError: The address or the directory cannot be used.
        StorageError: The log cannot be used, for example because somebody else writes it.
        SinkError: A sink cannot be used, in a group of exceptions.
        CannotFollow: A path of ``tails`` cannot be read.
    """
    async with AsyncExitStack() as stack:
        listeners = await listening(stack, settings.host, settings.port, settings.limits)
        service = await stack.enter_async_context(consuming(settings))
        server = HttpServer(
            service.collector,
            base_path=settings.base_path,
            base_url=settings.base_url,
            profile=settings.profile,
            limits=settings.limits,
            tls=settings.tls,
            observer=service.counters,
            extra=service.routes if settings.admin is None else None,
        )
        service.tasks.start_soon(partial(server.serve, listeners, stop=service.stop))
        scheme = "http" if settings.tls is None else "https"
        root = f"{scheme}://{authority(settings.host, port_of(listeners))}"
        admin_url = root
        if settings.admin is not None:
            admin_url = await serving_admin(
                stack, service.tasks, service.routes, settings.admin, service.stop
            )
        yield RunningCollector(
            url=root + settings.base_path,
            admin_url=admin_url,
            consumer=service.consumer,
            log=service.log,
        )


async def _feed(
    feed: SinkFeed,
    stop: anyio.Event,
    over: anyio.Event,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    try:
        await feed.run(stop=stop, task_status=task_status)
    finally:
        over.set()


def _routes(
    settings: CollectorSettings,
    consumer: StreamingConsumer,
    log: SegmentLog,
    counters: Counters,
    clock: SystemClock,
    stop: anyio.Event,
    feeds: Sequence[SinkFeed],
    files: FileServer,
) -> Admin:
    def sinks() -> list[SinkStatus]:
        return [feed.status() for feed in feeds]

    def tails() -> list[Json]:
        return [
            {"path": str(tail.path), "position": tail.position, "trouble": tail.trouble}
            for tail in files.status()
        ]

    return Admin(
        readiness=Readiness(consumer, log, stopping=stop.is_set),
        metrics=Metrics(consumer, log=log, counters=counters, sinks=sinks),
        resources=StreamingViews(consumer, clock=clock, sinks=sinks, tails=tails).resources(),
        admin_peers=operators(settings.admin),
    )


def _recent_frames(data: Path, log: SegmentLog) -> Iterator[AttributedFrame]:
    """Give the last frames of the log, by which resends are recognised after a restart."""
    first = max(0, log.next_position - RECENT_FRAMES)
    for entry in LogReader(data).entries(from_position=first):
        if isinstance(entry, Entry) and isinstance(entry.record, FrameStored):
            connection = entry.connection
            yield None if connection is None else connection.connection_id, entry.record
