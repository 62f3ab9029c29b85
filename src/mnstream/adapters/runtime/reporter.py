"""The reporter: the producer of streaming data reporting as a service."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.line import Line
from mnstream.adapters.runtime.waking import Alarm, Signal
from mnstream.core.effects import (
    AbortChannel,
    CloseChannel,
    OpenChannel,
    ProducerEffect,
    ReportAcknowledged,
    ReportEnd,
    ReportStream,
    RequestOperation,
    SendFrames,
    SendPing,
)
from mnstream.core.errors import MnSError, OperationError, RemoteProtocolError
from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelOpened,
    ChannelRefused,
    CloseReceived,
    DeadlineReached,
    OperationAnswered,
    OperationFailed,
    PingSent,
    PongReceived,
    ProducerDriverEvent,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
)
from mnstream.core.operations import ControlOperation
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import Status, StreamId, StreamInfo
from mnstream.ports.channel import (
    Broken,
    Channel,
    Closed,
    PeerClosed,
    PeerViolated,
    Ping,
    Pong,
    TransportError,
)
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.transport import ProducerTransport


class ReportingEnded(MnSError):
    """The connection has ended, so nothing more can be reported.

    Attributes:
        end: How it ended and what was left over; None while it is still being terminated.
    """

    def __init__(self, end: ReportEnd | None) -> None:
        """Keep how it ended."""
        reason = "the connection is being terminated" if end is None else end.reason
        super().__init__(reason or "the connection was terminated")
        self.end = end


class Reporter:
    """Keeps one streaming connection to a consumer and reports on it, whatever happens to it."""

    def __init__(
        self,
        producer: StreamingProducer,
        transport: ProducerTransport,
        *,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Put a producer on a transport."""
        self.producer = producer
        self.end: ReportEnd | None = None
        """How the connection ended; None while it has not."""
        self.refused: dict[StreamId, OperationError] = {}
        """Streams that the consumer does not want, or does not delete, and why."""
        self._transport = transport
        self._clock = clock
        self._entropy = entropy
        self._alarm = Alarm(clock, producer.next_deadline_ms, self._wake)
        self._changed = Signal()
        self._line: Line | None = None
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Report while the block runs.

        Leaving it drains and terminates the connection, however long that takes within the limits
        of the configuration; leaving it with an exception, or cancelled, drops it at once.
        """
        async with background() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._alarm.run)
            try:
                self._feed(StartRequested())
                yield
                await self.terminate()
            finally:
                self._tasks = None
                self._drop()
                with anyio.CancelScope(shield=True):
                    await self._transport.aclose()

    # --- what an application calls ---------------------------------------------------------------

    def add_streams(self, streams: Sequence[StreamInfo]) -> None:
        """Want to report on more streams; those added before ``running`` open the connection.

        Data of a stream that is added later should wait for ``settled``. To change what a stream
        reports, delete it and add it: it is added when the old one is gone. Without deleting it,
        the change is refused.

        Raises:
            ReportingEnded: The connection has ended or is being terminated.
        """
        self._ensure_open()
        self._feed(StreamsOffered(stream_info_list=tuple(streams)))

    def delete_streams(self, stream_ids: Sequence[StreamId]) -> None:
        """Want to report on streams no more; what was reported of them is delivered first.

        Raises:
            ReportingEnded: The connection has ended or is being terminated.
        """
        self._ensure_open()
        self._feed(StreamsWithdrawn(stream_id_list=tuple(stream_ids)))

    async def report(self, frames: Sequence[bytes]) -> None:
        """Report frames, in order; waits while the window is full.

        Returning means that they are kept until they are acknowledged, not that they arrived.
        When it is cancelled, none of them was taken.

        Raises:
            ReportingEnded: The connection has ended or is being terminated.
            LocalProtocolError: They would not even fit into an empty window.
        """
        await anyio.lowlevel.checkpoint()
        self._ensure_open()
        window = self.producer.window
        while len(window) and not window.has_room(frames):
            await self._changed.wait()
            self._ensure_open()
        self._feed(StreamDataOffered(frames=tuple(frames)))

    async def drained(self) -> None:
        """Wait until everything reported so far is acknowledged.

        Raises:
            ReportingEnded: The connection has ended before.
        """
        number = self.producer.window.offered
        while self.producer.window.acknowledged < number:
            self._ensure_running()
            await self._changed.wait()

    async def settled(self) -> None:
        """Wait until the consumer has answered for every stream that was added.

        Raises:
            ReportingEnded: The connection has ended before.
        """
        while self.producer.streams.is_asking:
            self._ensure_running()
            await self._changed.wait()

    async def terminate(self) -> ReportEnd:
        """Deliver what was reported, close, and say how it ended."""
        if self.end is None:
            self._feed(TerminateRequested())
        while self.end is None:
            await self._changed.wait()
        return self.end

    def _ensure_running(self) -> None:
        if self.end is not None:
            raise ReportingEnded(self.end)

    def _ensure_open(self) -> None:
        if self.end is not None or self.producer.window.sealed:
            raise ReportingEnded(self.end)

    def _drop(self) -> None:
        """Tell whoever still waits that nobody works for them any more."""
        if self.end is None:
            left = len(self.producer.window)
            self.end = ReportEnd(
                status=Status.FAILURE, unacknowledged=left, reason="the reporter was dropped"
            )
            self._changed.notify()

    # --- the core --------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._feed(DeadlineReached(wall_ms=self._clock.wall_ms(), jitter=self._entropy.jitter()))

    def _feed(self, event: ProducerDriverEvent) -> None:
        if self.producer.finished:
            return  # something that was under way when the connection ended
        for effect in self.producer.handle(event, now_ms=self._clock.monotonic_ms()):
            self._carry_out(effect)
        self._alarm.rearm()

    def _carry_out(self, effect: ProducerEffect) -> None:
        match effect:
            case SendFrames() | SendPing():
                assert self._line is not None
                self._line.put(effect)
            case CloseChannel():
                assert self._line is not None
                self._line.put(effect)
            case AbortChannel():
                if self._line is not None:
                    self._line.over = True
                    self._line.scope.cancel()
            case RequestOperation(operation=operation):
                self._start_request(operation)
            case OpenChannel(connection_id=connection_id):
                self._line = Line(connection_id)
                self._start_line(self._line)
            case ReportAcknowledged():
                self._changed.notify()
            case ReportStream(stream_id=stream_id, exception=exception):
                if exception is None:
                    self.refused.pop(stream_id, None)
                else:
                    self.refused[stream_id] = exception
                self._changed.notify()
            case ReportEnd():
                self.end = effect
                self._changed.notify()
            case _:
                assert_never(effect)

    def _start_request(self, operation: ControlOperation) -> None:
        assert self._tasks is not None
        self._tasks.start_soon(self._request, operation)

    def _start_line(self, line: Line) -> None:
        assert self._tasks is not None
        self._tasks.start_soon(self._run_line, line)

    async def _request(self, operation: ControlOperation) -> None:
        try:
            outcome = await self._transport.request(operation)
        except (TransportError, RemoteProtocolError) as error:
            jitter = self._entropy.jitter()
            self._feed(OperationFailed(operation=operation, reason=str(error), jitter=jitter))
        else:
            jitter = self._entropy.jitter()
            self._feed(OperationAnswered(operation=operation, outcome=outcome, jitter=jitter))
            self._changed.notify()  # of a deleted stream nothing is reported

    # --- one channel -----------------------------------------------------------------------------

    async def _run_line(self, line: Line) -> None:
        connection_id = line.connection_id
        with line.scope:
            try:
                channel = await self._transport.open_channel(connection_id)
            except OperationError as error:
                jitter = self._entropy.jitter()
                self._end_line(
                    line,
                    ChannelRefused(connection_id=connection_id, exception=error, jitter=jitter),
                )
                return
            except (TransportError, RemoteProtocolError) as error:
                jitter = self._entropy.jitter()
                self._end_line(
                    line,
                    ChannelFailed(connection_id=connection_id, reason=str(error), jitter=jitter),
                )
                return
            try:
                if not line.over:
                    self._feed(ChannelOpened(connection_id=connection_id))
                    await self._talk(line, channel)
            finally:
                with anyio.CancelScope(shield=True):
                    await channel.abort()

    async def _talk(self, line: Line, channel: Channel) -> None:
        close: CloseChannel | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen, line, channel, tasks.cancel_scope)
            close = await self._speak(line, channel)
            tasks.cancel_scope.cancel()
        if close is None:
            return
        seen = await channel.close(close.code, close.reason)
        if seen:
            self._end_line(line, CloseReceived(connection_id=line.connection_id, code=close.code))
        else:
            self._end_line(line, ChannelLost(connection_id=line.connection_id))

    async def _speak(self, line: Line, channel: Channel) -> CloseChannel | None:
        """Send what the core wants sent; returns the Close that is to follow, if any."""
        while True:
            while not line.outbox:
                await line.something_to_send.wait()
            frames: list[bytes] = []
            while line.outbox and isinstance(effect := line.outbox[0], SendFrames):
                frames.extend(effect.frames)
                line.outbox.popleft()
            try:
                if frames:
                    await channel.send(frames)
                    continue
                effect = line.outbox.popleft()
                if isinstance(effect, CloseChannel):
                    return effect
                if isinstance(effect, SendPing):
                    await channel.ping(effect.payload)
                    if line.over:
                        return None  # the channel ended in the moment in which it was sent
                    self._feed(PingSent(connection_id=line.connection_id, payload=effect.payload))
            except TransportError as error:
                self._lose(line, str(error))
                return None

    async def _listen(self, line: Line, channel: Channel, scope: anyio.CancelScope) -> None:
        connection_id = line.connection_id
        while True:
            try:
                messages = await channel.receive()
            except (Broken, Closed) as error:
                self._lose(line, str(error))
                scope.cancel()
                return
            for message in messages:
                if line.over:
                    return  # the core ended it in the moment in which these came
                match message:
                    case Pong(payload=payload):
                        self._feed(PongReceived(connection_id=connection_id, payload=payload))
                    case Ping(payload=payload):
                        await self._answer_ping(channel, payload)
                    case PeerClosed(code=code, reason=reason):
                        self._end_line(
                            line,
                            CloseReceived(
                                connection_id=connection_id,
                                code=code,
                                reason=reason,
                                jitter=self._entropy.jitter(),
                            ),
                        )
                        return
                    case PeerViolated(reason=reason):
                        self._lose(line, reason)
                        scope.cancel()
                        return
                    case bytes():
                        pass  # data from a consumer means nothing (12.5.1.1.4)
                    case _:
                        assert_never(message)

    async def _answer_ping(self, channel: Channel, payload: bytes) -> None:
        try:
            await channel.pong(payload)
        except TransportError:
            return  # receiving fails next, and tells the core

    def _lose(self, line: Line, reason: str) -> None:
        jitter = self._entropy.jitter()
        self._end_line(
            line, ChannelLost(connection_id=line.connection_id, reason=reason, jitter=jitter)
        )

    def _end_line(
        self, line: Line, event: ChannelRefused | ChannelFailed | ChannelLost | CloseReceived
    ) -> None:
        """Tell the core how a channel ended, unless it knows of the end already."""
        if not line.over:
            line.over = True
            self._feed(event)
