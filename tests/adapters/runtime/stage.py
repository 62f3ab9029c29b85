"""What the tests of the services share: a collector on a log in memory, and ways to reach it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from mnstream.adapters.entropy import SeededEntropy, VirtualClock
from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.memory.channel import MESSAGES_MAX
from mnstream.adapters.runtime import Collector, Reporter
from mnstream.adapters.runtime.background import background
from mnstream.adapters.storage import MemoryLog
from mnstream.core.operations import (
    EstablishOutcome,
    EstablishStreamingConnection,
)
from mnstream.core.profiles import REL19, Profile
from mnstream.core.records import ConnectionEnded, Disposition, Ending, FrameStored, Record
from mnstream.core.streaming.config import ConsumerConfig, ProducerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ConnectionId, ProducerId, StreamInfo
from mnstream.ports.channel import Channel, Closed, Message, PeerClosed, Ping, Pong
from mnstream.ports.transport import Peer, ProducerTransport, StreamingService
from tests.core.support import GNB, READERS, performance, taken_apart

T = TypeVar("T")

EPOCH_MS = 1_700_000_000_000
CLOSE_MS = 3_000
"""How long a channel waits for the other's Close; on asyncio that is real time."""

IMPATIENT = ProducerConfig(ping_interval_ms=5, back_off_initial_ms=2, back_off_max_ms=20)
"""A producer for tests on real time."""

settled = anyio.wait_all_tasks_blocked
"""Wait until nobody has anything to do but wait."""


class SlowLog(MemoryLog):
    """A log that makes nothing durable while it is held."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        super().__init__(records)
        self._held = False

    def commit(self) -> None:
        if not self._held:
            super().commit()

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self.commit()


class Stage:
    """One running collector, its log, and everybody who talks to it."""

    def __init__(
        self, tasks: TaskGroup, log: SlowLog, config: ConsumerConfig | None, profile: Profile
    ) -> None:
        self.tasks = tasks
        self.log = log
        self.clock = VirtualClock(EPOCH_MS)
        self.consumer = StreamingConsumer(readers=READERS, config=config, profile=profile)
        _, frames = taken_apart(log.records)
        self.consumer.restore(log.restored(), frames, now_ms=self.clock.monotonic_ms())
        self.collector = Collector(
            self.consumer, log=log, clock=self.clock, entropy=SeededEntropy(len(log.records))
        )
        self.transport = self.new_transport()

    def new_transport(
        self,
        *,
        identity: str = "",
        messages_max: int = MESSAGES_MAX,
        close_ms: int = CLOSE_MS,
    ) -> MemoryTransport:
        return new_transport(
            self.collector,
            self.tasks,
            identity=identity,
            messages_max=messages_max,
            close_ms=close_ms,
        )

    async def establish(self, *streams: StreamInfo) -> ConnectionId:
        """Create a connection, by hand; with stream 1 when nothing else is said."""
        operation = EstablishStreamingConnection(
            producer_id=GNB, stream_info_list=streams or (performance(),)
        )
        outcome = await self.transport.request(operation)
        assert isinstance(outcome, EstablishOutcome)
        assert outcome.connection_id is not None, outcome.exception
        return outcome.connection_id

    async def dial(self, *streams: StreamInfo) -> tuple[ConnectionId, Channel]:
        """Create a connection and open its channel, by hand."""
        connection_id = await self.establish(*streams)
        return connection_id, await self.transport.open_channel(connection_id)

    def stored(self, disposition: Disposition = Disposition.DELIVERED) -> list[bytes]:
        return stored(self.log.records, disposition)

    def endings(self) -> list[Ending]:
        return [r.ending for r in self.log.records if isinstance(r, ConnectionEnded)]


@asynccontextmanager
async def staged(
    *,
    log: SlowLog | None = None,
    config: ConsumerConfig | None = None,
    profile: Profile = REL19,
) -> AsyncGenerator[Stage]:
    """Run a collector; at the end its disk is mended and what ``stage.transport`` has is cut."""
    async with background() as tasks:
        stage = Stage(tasks, log or SlowLog(), config, profile)
        async with stage.collector.running():
            yield stage
            stage.log.set_trouble("")
            stage.log.release()
            stage.transport.cut()


def new_transport(
    service: StreamingService,
    tasks: TaskGroup,
    *,
    identity: str = "",
    messages_max: int = MESSAGES_MAX,
    close_ms: int = CLOSE_MS,
) -> MemoryTransport:
    return MemoryTransport(
        service,
        tasks=tasks,
        peer=Peer(identity=identity),
        messages_max=messages_max,
        close_ms=close_ms,
    )


def new_reporter(
    transport: ProducerTransport,
    *streams: StreamInfo,
    config: ProducerConfig = IMPATIENT,
    producer_id: ProducerId = GNB,
    seed: int = 1,
) -> Reporter:
    """Make a reporter of stream 1, or of those given."""
    reporter = Reporter(
        StreamingProducer(producer_id, config=config),
        transport,
        clock=VirtualClock(EPOCH_MS),
        entropy=SeededEntropy(seed),
    )
    reporter.add_streams(streams or (performance(),))
    return reporter


def stored(
    records: Sequence[Record], disposition: Disposition = Disposition.DELIVERED
) -> list[bytes]:
    """List the frames of one column of the ledger, in order."""
    return [
        record.payload
        for record in records
        if isinstance(record, FrameStored) and record.disposition is disposition
    ]


async def next_message(channel: Channel) -> Message:
    """Receive exactly one message."""
    (message,) = await channel.receive()
    return message


async def messages(channel: Channel, count: int) -> list[Message]:
    """Receive this many messages."""
    received: list[Message] = []
    while len(received) < count:
        received.extend(await channel.receive())
    return received


async def answer_close(channel: Channel) -> PeerClosed:
    """Receive the peer's Close, and nothing else, and answer it."""
    message = await next_message(channel)
    assert isinstance(message, PeerClosed)
    await channel.close(1000)
    return message


class Later(Generic[T]):
    """A call that runs beside the test."""

    def __init__(self, tasks: TaskGroup, function: Callable[[], Awaitable[T]]) -> None:
        self.is_over = False
        self.error: Exception | None = None
        self._results: list[T] = []
        self._over = anyio.Event()
        self._scope = anyio.CancelScope()
        self._function = function
        tasks.start_soon(self._run)

    async def _run(self) -> None:
        try:
            with self._scope:
                self._results.append(await self._function())
        except Exception as error:  # for the test to look at
            self.error = error
        finally:
            self.is_over = True
            self._over.set()

    async def result(self) -> T:
        """Wait for its end, and return or raise what it did."""
        await self._over.wait()
        if self.error is not None:
            raise self.error
        return self._results[0]

    async def cancel(self) -> None:
        self._scope.cancel()
        await self._over.wait()


class ScriptedChannel:
    """A channel whose peer is the test: it hands in what is received, and sees what was sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.close_code: int | None = None
        self.aborted = False
        self.pong_waits: anyio.Event | None = None
        self._inbox: deque[Sequence[Message] | Exception] = deque()
        self._news = anyio.Event()

    def bring(self, batch: Sequence[Message] | Exception) -> None:
        """Let ``receive`` return or raise this, once."""
        self._inbox.append(batch)
        self._news.set()

    async def receive(self) -> Sequence[Message]:
        await anyio.lowlevel.checkpoint()
        while not self._inbox:
            if self.close_code is not None or self.aborted:
                raise Closed("by us")
            self._news = anyio.Event()
            await self._news.wait()
        batch = self._inbox.popleft()
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def send(self, messages: Sequence[bytes]) -> None:
        self.sent.extend(messages)

    async def ping(self, payload: bytes) -> None:
        self.sent.append(Ping(payload))

    async def pong(self, payload: bytes) -> None:
        if self.pong_waits is not None:
            await self.pong_waits.wait()
        self.sent.append(Pong(payload))

    async def close(self, code: int, reason: str = "") -> bool:
        await anyio.lowlevel.checkpoint()
        self.close_code = code if self.close_code is None else self.close_code
        self._news.set()
        return True

    async def abort(self) -> None:
        self.aborted = True
        self._news.set()


class ObligingChannel(ScriptedChannel):
    """The same, and each Ping is answered at once."""

    async def ping(self, payload: bytes) -> None:
        await super().ping(payload)
        self.bring([Pong(payload)])
