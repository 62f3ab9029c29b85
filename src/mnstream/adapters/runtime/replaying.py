"""A capture sent again: every connection of it, with its streams, frame by frame.

Frames leave byte for byte in the order of the log, and streams are added and removed between the
same frames: what came before is acknowledged first, so that a collector judges each frame by the
streams by which it was judged then. What was stored as a duplicate or a keep-alive is not sent
again. What was quarantined is: it was received.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import assert_never

import anyio
import anyio.lowlevel

from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.http import HttpTransport
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.replayed import ReplayedConnection
from mnstream.adapters.runtime.reporter import Reporter
from mnstream.adapters.storage import Entry, Hole, LogReader
from mnstream.core.errors import OperationError
from mnstream.core.profiles import REL19, Profile
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    FrameStored,
    StreamsChanged,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ConnectionId, ProducerId, StreamId
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.transport import ProducerTransport

AS_FAST_AS_POSSIBLE = 0.0
_SENT_AGAIN = (Disposition.DELIVERED, Disposition.QUARANTINED)
_ENTRIES_BETWEEN_CHECKPOINTS = 64

Step = Callable[[], Awaitable[bool]]
"""Waits until the next frame may leave; False when no more shall."""
TransportMaker = Callable[[], ProducerTransport]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """How a capture is sent.

    Attributes:
        target: Root of the collector; ``/connections`` follows it.
        tls: Context of a client; None trusts the system's roots.
        profile: Reading of the standard.
        speed: 1 for the pauses as they were, N for N times as fast, 0 for as fast as
            acknowledgements allow.
        since_ms: Only what was received at this time or later, ms since the Unix epoch.
        until_ms: Only what was received before this time.
        config: Limits and times of the core, for each connection.
    """

    target: str
    tls: ssl.SSLContext | None = None
    profile: Profile = REL19
    speed: float = 1.0
    since_ms: int | None = None
    until_ms: int | None = None
    config: ProducerConfig = field(default_factory=ProducerConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySummary:
    """What became of a replay; numbers are over all connections.

    Attributes:
        frames: Frames of the capture that were to be sent, as far as it was read.
        sent: Frames handed to a channel at least once.
        acknowledged: Frames of which the collector said that it has them.
        resent: Frames handed to a channel again.
        dropped: Frames that were read and never acknowledged.
        unattributed: Frames that could not be sent, because damage swallowed their connection.
        connections: Connections that the collector created.
        channels: Upgrades that succeeded.
        seconds: How long it took.
        failures: Connections that did not end well: who reported, and why.
        refused: Streams that the collector does not want: who reported, which one, and why.
    """

    frames: int
    sent: int
    acknowledged: int
    resent: int
    dropped: int
    unattributed: int
    connections: int
    channels: int
    seconds: float
    failures: tuple[tuple[ProducerId, str], ...]
    refused: tuple[tuple[ProducerId, StreamId, OperationError], ...]


_Begin = Callable[[ReplayedConnection], None]


async def replaying(
    settings: ReplaySettings,
    reader: LogReader,
    *,
    stop: anyio.Event | None = None,
    step: Step | None = None,
    on_hole: Callable[[Hole], None],
    progress: Callable[[], None] | None = None,
) -> ReplaySummary:
    """Send a capture until its end, or until ``stop`` is set; then deliver what was read.

    Args:
        settings: Where to and how.
        reader: The capture.
        stop: Set it to stop gracefully.
        step: Is waited for before each frame; the speed of the settings then means nothing.
        on_hole: Is told each part that cannot be read.
        progress: Called for each entry that was read.

    Raises:
        StorageError: The capture cannot be read at all.
        OSError: A file cannot be read.
    """
    replay = Replay(
        settings,
        lambda: HttpTransport(settings.target, tls=settings.tls, profile=settings.profile),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        step=step,
    )
    entries = reader.entries(since_ms=settings.since_ms, until_ms=settings.until_ms)
    return await replay.run(entries, stop or anyio.Event(), on_hole, progress)


class Replay:
    """One run over a capture."""

    def __init__(
        self,
        settings: ReplaySettings,
        transports: TransportMaker,
        *,
        clock: Clock,
        entropy: Entropy,
        step: Step | None = None,
    ) -> None:
        """Use a transport of its own for each connection."""
        self._settings = settings
        self._transports = transports
        self._clock = clock
        self._entropy = entropy
        self._step = step
        self._hurries = step is None and settings.speed == AS_FAST_AS_POSSIBLE
        self._live: dict[ConnectionId, ReplayedConnection] = {}
        self._all: list[ReplayedConnection] = []
        self._unattributed = 0
        self._begun: tuple[float, int] | None = None

    async def run(
        self,
        entries: Iterable[Entry | Hole],
        stop: anyio.Event,
        on_hole: Callable[[Hole], None],
        progress: Callable[[], None] | None = None,
    ) -> ReplaySummary:
        """Send everything, terminate every connection, and say how it ended.

        Raises:
            Exception: Whatever the entries raise; the connections are dropped.
        """
        started_ms = self._clock.monotonic_ms()
        async with background() as tasks:

            def begin(connection: ReplayedConnection) -> None:
                self._all.append(connection)
                tasks.start_soon(connection.run)

            with anyio.CancelScope() as reading:

                async def cut_short() -> None:
                    await stop.wait()
                    reading.cancel()

                tasks.start_soon(cut_short)
                await self._read(entries, begin, on_hole, progress)
            for connection in self._live.values():
                connection.finish()
            for connection in self._all:
                await connection.over.wait()
        return self._summary(started_ms)

    # --- reading --------------------------------------------------------------------------------

    async def _read(
        self,
        entries: Iterable[Entry | Hole],
        begin: _Begin,
        on_hole: Callable[[Hole], None],
        progress: Callable[[], None] | None,
    ) -> None:
        for number, entry in enumerate(entries):
            if not number % _ENTRIES_BETWEEN_CHECKPOINTS:
                await anyio.lowlevel.checkpoint()
            if progress is not None:
                progress()
            if isinstance(entry, Hole):
                on_hole(entry)
            elif not await self._replay(entry, begin):
                break
        for connection in self._live.values():
            await connection.flush()

    async def _replay(self, entry: Entry, begin: _Begin) -> bool:
        """Do what a record tells; False when no more shall be done."""
        record = entry.record
        if isinstance(record, FrameStored) and record.disposition not in _SENT_AGAIN:
            return True
        await self._wait_until(record.wall_ms)
        match record:
            case ConnectionEstablished():
                await self._agree(record, begin)
            case StreamsChanged(connection_id=connection_id, added=added, removed=removed):
                if connection_id in self._live:
                    connection = self._live[connection_id]
                    kept = [s for s in connection.streams if s.stream_id not in removed]
                    await connection.change((*kept, *added))
            case ConnectionEnded(connection_id=connection_id):
                ended = self._live.pop(connection_id, None)
                if ended is not None:
                    await ended.flush()
                    ended.finish()
            case FrameStored():
                return await self._send(entry, begin)
            case _:
                assert_never(record)
        return True

    async def _agree(self, established: ConnectionEstablished, begin: _Begin) -> ReplayedConnection:
        """Give a connection with these streams, whatever of its history is in the capture."""
        connection = self._live.get(established.connection_id)
        if connection is None:
            reporter = Reporter(
                StreamingProducer(established.producer_id, config=self._settings.config),
                self._transports(),
                clock=self._clock,
                entropy=self._entropy,
            )
            connection = ReplayedConnection(reporter, established.stream_info_list)
            self._live[established.connection_id] = connection
            begin(connection)
        elif connection.agreed is not established:
            await connection.change(established.stream_info_list)
        connection.agreed = established
        return connection

    async def _send(self, entry: Entry, begin: _Begin) -> bool:
        assert isinstance(entry.record, FrameStored)
        if entry.connection is None:
            self._unattributed += 1
            return True
        connection = await self._agree(entry.connection, begin)
        if self._step is not None and not await self._step():
            return False
        connection.gather(entry.record.payload)
        if not self._hurries or connection.has_enough:
            await connection.flush()
        return True

    async def _wait_until(self, wall_ms: int) -> None:
        """Wait as long as it took then; where the clock was set back meanwhile, not at all."""
        if self._hurries or self._step is not None:
            return
        if self._begun is None:
            self._begun = (anyio.current_time(), wall_ms)
        begun, first_ms = self._begun
        due = begun + (wall_ms - first_ms) / 1000 / self._settings.speed
        if due > anyio.current_time():
            await anyio.sleep_until(due)

    def _summary(self, started_ms: int) -> ReplaySummary:
        producers = [connection.reporter.producer for connection in self._all]
        return ReplaySummary(
            frames=sum(connection.handed_over for connection in self._all),
            sent=sum(producer.window.sent for producer in producers),
            acknowledged=sum(producer.window.acknowledged for producer in producers),
            resent=sum(producer.counts.frames_resent for producer in producers),
            dropped=sum(connection.dropped for connection in self._all),
            unattributed=self._unattributed,
            connections=sum(producer.counts.connections_created for producer in producers),
            channels=sum(producer.counts.channels_opened for producer in producers),
            seconds=round((self._clock.monotonic_ms() - started_ms) / 1000, 3),
            failures=tuple(
                (connection.reporter.producer.producer_id, end.reason)
                for connection in self._all
                if (end := connection.reporter.end) is not None and end.reason
            ),
            refused=tuple(
                (connection.reporter.producer.producer_id, stream_id, exception)
                for connection in self._all
                for stream_id, exception in connection.reporter.refused.items()
            ),
        )
