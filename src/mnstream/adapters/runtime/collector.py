"""The collector: the consumer of streaming data reporting as a service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import assert_never, cast

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.waking import Alarm, Signal
from mnstream.core.effects import (
    AbortChannel,
    AcceptChannel,
    Acknowledge,
    Answer,
    CloseChannel,
    ConsumerEffect,
    RefuseChannel,
    SendPing,
    Store,
)
from mnstream.core.errors import OperationError, Unavailable
from mnstream.core.events import (
    ChannelEvent,
    ChannelLost,
    ChannelRequested,
    ChannelViolated,
    CloseReceived,
    ConsumerEvent,
    DeadlineReached,
    FrameReceived,
    OperationRequested,
    PartReceived,
    PingReceived,
    PongReceived,
    StopRequested,
)
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
    Outcome,
)
from mnstream.core.records import FrameStored, Record
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import Broken, Channel, Closed, Message, PeerClosed, PeerViolated
from mnstream.ports.channel import Ping as PingMessage
from mnstream.ports.channel import Pong as PongMessage
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.log import Log
from mnstream.ports.transport import Peer


@dataclass(slots=True, eq=False)
class _Attachment:
    """The channel of a connection while it has one.

    Attributes:
        scope: Around the task that receives; cancelled when the core ends the channel.
        channel: None until the producer was told 101.
        goodbye: How the core ended it; None while it is alive or when it was lost.
        unanswered: The latest Ping that is to be answered, and the position that must be durable
            before. One Pong answers all Pings before it (RFC 6455 5.5.3), so one is enough, and a
            peer cannot make us remember more.
        is_acknowledging: Whether a task is about to answer.
    """

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    channel: Channel | None = None
    goodbye: CloseChannel | None = None
    unanswered: tuple[bytes, int] | None = None
    is_acknowledging: bool = False


class Collector:
    """Answers operations, stores frames, acknowledges what is durable.

    Implements ``ports.transport.StreamingService``: hand it to any number of transports.
    """

    def __init__(
        self, consumer: StreamingConsumer, *, log: Log, clock: Clock, entropy: Entropy
    ) -> None:
        """Put a consumer on a log.

        Args:
            consumer: The core; fresh, or restored from the same log.
            log: Where everything is stored before it is acknowledged.
            clock: Source of time.
            entropy: Source of connection identifiers.
        """
        self.consumer = consumer
        self._log = log
        self._clock = clock
        self._entropy = entropy
        self._position = -1  # of the last record that we appended: none
        self._attached: dict[ConnectionId, _Attachment] = {}
        self._attended = 0
        self._stopping = False
        self._left = Signal()
        self._alarm = Alarm(clock, consumer.next_deadline_ms, self._wake)
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve while the block runs; leaving it stops, unless the block has done so.

        Connections outlive the service in its log.
        """
        async with background() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._alarm.run)
            try:
                yield
                if not self._stopping:
                    await self.stop()
            finally:
                self._tasks = None

    async def stop(self) -> None:
        """Take nothing new, close every channel with 1001, wait until they are closed.

        A channel is closed when everything received on it is durable and its producer has answered,
        or not answered in time. With a disk that takes nothing this may last for ever; cancel it.
        """
        self._stopping = True
        self._feed(StopRequested())
        while self._attended:
            await self._left.wait()

    # --- what transports call (ports.transport.StreamingService) --------------------------------

    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        """Answer a control operation; what it changed is durable when this returns."""
        if self._log.trouble and (refused := _refusal(operation, self._log.trouble)) is not None:
            return refused
        event = OperationRequested(
            operation=operation,
            identity=peer.identity,
            fresh_connection_id=self._entropy.connection_id(),
            wall_ms=self._clock.wall_ms(),
        )
        effects = self._feed(event)
        answers = [effect.outcome for effect in effects if isinstance(effect, Answer)]
        if not isinstance(operation, GetConnectionInfo | GetStreamInfo):
            # A refusal, too: "duplicate" may rest on what another request has only just stored.
            await self._log.durable(self._position)
        return answers[0]

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        """Attend to the data pipe of a connection until it ends; see the port."""
        requested = ChannelRequested(connection_id=connection_id, identity=peer.identity)
        for effect in self._feed(requested):
            if isinstance(effect, RefuseChannel):
                raise effect.exception
        attachment = _Attachment()
        self._attached[connection_id] = attachment
        self._attended += 1
        try:
            with attachment.scope:
                attachment.channel = await accept()
                await self._attend(connection_id, attachment, attachment.channel)
        finally:
            try:
                await self._detach(connection_id, attachment)
            finally:
                self._attended -= 1
                self._left.notify()

    # --- one channel -----------------------------------------------------------------------------

    async def _attend(
        self, connection_id: ConnectionId, attachment: _Attachment, channel: Channel
    ) -> None:
        while self._attached.get(connection_id) is attachment:
            await self._log.has_room()
            try:
                messages = await channel.receive()
            except (Broken, Closed):
                return
            if self._attached.get(connection_id) is not attachment:
                return  # the core ended the channel in the moment in which these came
            now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
            if not messages:
                self._feed(PartReceived(connection_id=connection_id))
            for kind, run in groupby(messages, type):
                if kind is bytes:
                    frames = cast("list[bytes]", list(run))
                    self._take(connection_id, attachment, frames, now_ms, wall_ms)
                else:
                    for message in run:
                        if self._attached.get(connection_id) is not attachment:
                            return  # a frame before it made the core end the channel
                        self._feed(_event(connection_id, message, wall_ms))

    def _take(
        self,
        connection_id: ConnectionId,
        attachment: _Attachment,
        frames: list[bytes],
        now_ms: int,
        wall_ms: int,
    ) -> None:
        """Take in a run of frames; where something is special about it, its halves."""
        if self._attached.get(connection_id) is not attachment:
            return  # a frame before them made the core end the channel
        version = self.consumer.accept_frames(connection_id, frames, now_ms)
        if version:
            self._position = self._log.append_frames(version, wall_ms, frames)
        elif len(frames) == 1:
            self._feed(_event(connection_id, frames[0], wall_ms))
        else:
            middle = len(frames) // 2
            for half in (frames[:middle], frames[middle:]):
                self._take(connection_id, attachment, half, now_ms, wall_ms)

    async def _detach(self, connection_id: ConnectionId, attachment: _Attachment) -> None:
        if self._attached.get(connection_id) is attachment:
            # Broken, cancelled, or accept() failed: for the core the channel is simply gone.
            self._feed(ChannelLost(connection_id=connection_id))
        channel, goodbye = attachment.channel, attachment.goodbye
        if channel is None:
            return
        try:
            if goodbye is not None:
                await self._log.durable(self._position)
                await channel.close(goodbye.code, goodbye.reason)
        finally:
            with anyio.CancelScope(shield=True):
                await channel.abort()

    # --- the core --------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._feed(DeadlineReached(wall_ms=self._clock.wall_ms(), jitter=self._entropy.jitter()))

    def _feed(self, event: ConsumerEvent) -> tuple[ConsumerEffect, ...]:
        effects = self.consumer.handle(event, now_ms=self._clock.monotonic_ms())
        for effect in effects:
            self._carry_out(effect)
        if isinstance(event, ChannelLost | ChannelViolated):
            gone = self._attached.pop(event.connection_id, None)
            if gone is not None and isinstance(event, ChannelViolated):
                # The transport has sent the Close; closing lets the peer read it.
                gone.goodbye = CloseChannel(connection_id=event.connection_id, code=event.code)
        self._alarm.rearm()
        return effects

    def _carry_out(self, effect: ConsumerEffect) -> None:
        match effect:
            case Store(record=record):
                self._store(record)
            case Acknowledge(connection_id=connection_id, payload=payload):
                attachment = self._attached[connection_id]
                attachment.unanswered = (payload, self._position)
                if not attachment.is_acknowledging:
                    attachment.is_acknowledging = True
                    self._start(partial(self._acknowledge, connection_id, attachment))
            case SendPing():
                self._start(partial(self._probe, effect))
            case CloseChannel():
                self._end(effect.connection_id, effect)
            case AbortChannel():
                self._end(effect.connection_id, None)
            case Answer() | AcceptChannel() | RefuseChannel():
                pass  # for whoever fed the event
            case _:
                assert_never(effect)

    def _end(self, connection_id: ConnectionId, goodbye: CloseChannel | None) -> None:
        attachment = self._attached.pop(connection_id, None)
        if attachment is not None:
            attachment.goodbye = goodbye
            attachment.scope.cancel()

    def _store(self, record: Record) -> None:
        if isinstance(record, FrameStored):
            self._position = self._log.append_frame(
                record.streams_version,
                record.wall_ms,
                record.payload,
                record.disposition,
                record.cause,
            )
        else:
            self._position = self._log.append(record)

    def _start(self, function: Callable[[], Coroutine[object, object, None]]) -> None:
        if self._tasks is not None:
            self._tasks.start_soon(function)

    async def _acknowledge(self, connection_id: ConnectionId, attachment: _Attachment) -> None:
        while attachment.unanswered is not None:
            (payload, position), attachment.unanswered = attachment.unanswered, None
            await self._log.durable(position)
            if self._attached.get(connection_id) is not attachment or attachment.channel is None:
                return
            try:
                await attachment.channel.pong(payload)
            except (Broken, Closed):
                return  # whoever receives on it finds out too, and tells the core
        attachment.is_acknowledging = False

    async def _probe(self, effect: SendPing) -> None:
        attachment = self._attached.get(effect.connection_id)
        if attachment is not None and attachment.channel is not None:
            try:
                await attachment.channel.ping(effect.payload)
            except (Broken, Closed):
                return


def _event(connection_id: ConnectionId, message: Message, wall_ms: int) -> ChannelEvent:
    match message:
        case bytes():
            return FrameReceived(connection_id=connection_id, payload=message, wall_ms=wall_ms)
        case PingMessage(payload=payload):
            return PingReceived(connection_id=connection_id, payload=payload)
        case PongMessage(payload=payload):
            return PongReceived(connection_id=connection_id, payload=payload)
        case PeerClosed(code=code, reason=reason):
            return CloseReceived(
                connection_id=connection_id, code=code, reason=reason, wall_ms=wall_ms
            )
        case PeerViolated(code=code, reason=reason):
            return ChannelViolated(connection_id=connection_id, code=code, reason=reason)
        case _:
            assert_never(message)


def _refusal(operation: ControlOperation, trouble: str) -> Outcome | None:
    """Refuse what would have to be stored; questions are answered from memory."""
    exception: OperationError = Unavailable(f"nothing can be stored: {trouble}")
    match operation:
        case EstablishStreamingConnection():
            return EstablishOutcome(status=Status.FAILURE, exception=exception)
        case AddStream():
            return AddStreamOutcome(status=Status.FAILURE, exception=exception)
        case DeleteStream():
            return DeleteStreamOutcome(status=Status.FAILURE, exception=exception)
        case _:
            return None
