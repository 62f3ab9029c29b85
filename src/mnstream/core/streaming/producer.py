"""The producer of streaming data reporting: the reporter's half of TS 28.532 11.5.

Theory of operation. ``StreamingProducer`` owns one connection to one consumer. The application
offers streams and frames; the core creates the connection, opens its channel, sends, asks for
acknowledgements with Pings, and does what is needed of that again whenever the world fails. A frame
stays in the window until a Pong says that it arrived, so an acknowledged frame was received by any
consumer that follows RFC 6455, and is durable at a consumer that withholds its Pongs until then.

Some moves follow from the core's own state rather than from the world: the last frame was
acknowledged, a Ping has been unanswered for too long. They are events too, queued while an action
runs and stepped right after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mnstream.core.effects import (
    AbortChannel,
    CloseChannel,
    OpenChannel,
    ProducerEffect,
    ReportAcknowledged,
    ReportEnd,
    RequestOperation,
    SendFrames,
)
from mnstream.core.errors import LocalProtocolError, OperationError, UnknownConnection
from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelRefused,
    CloseReceived,
    ConnectionCreated,
    ConnectionForgotten,
    ConnectionRefused,
    DeadlineReached,
    GiveUpReached,
    OperationAnswered,
    OperationFailed,
    PeerSilent,
    PingSent,
    PongReceived,
    ProducerDriverEvent,
    ProducerEvent,
    RequestFailed,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
    WindowEmptied,
)
from mnstream.core.lifecycles.producer_connection import (
    PRODUCER_CONNECTION,
    ProducerConnectionState,
)
from mnstream.core.operations import EstablishOutcome, EstablishStreamingConnection
from mnstream.core.streaming.backoff import BackOff
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.counts import ProducerCounts
from mnstream.core.streaming.pings import Pings
from mnstream.core.streaming.produced import ProducedStreams
from mnstream.core.streaming.window import Window
from mnstream.core.values import ConnectionId, ProducerId, Status

Effects = tuple[ProducerEffect, ...]

S = ProducerConnectionState
WITH_CHANNEL = frozenset({S.OPEN, S.DRAINING})
NORMAL_CLOSURE = 1000


class StreamingProducer:
    """One streaming connection of a producer; pure: no I/O, no clock, no randomness."""

    def __init__(self, producer_id: ProducerId, *, config: ProducerConfig | None = None) -> None:
        """Start idle, without streams.

        Args:
            producer_id: Who reports: a DN, or another name.
            config: Limits and times.
        """
        self.producer_id = producer_id
        self.config = config or ProducerConfig()
        self.state: ProducerConnectionState = PRODUCER_CONNECTION.initial
        self.connection_id: ConnectionId | None = None
        self.counts = ProducerCounts()
        self.streams = ProducedStreams(self.config)
        self.window = Window(
            frames_max=self.config.window_frames_max, bytes_max=self.config.window_bytes_max
        )
        self._pings = Pings(self.config)
        self._establish: EstablishStreamingConnection | None = None
        self._back = BackOff(self.config)
        self.trouble = ""
        """Why there is no channel, for people; empty while there is one."""
        self._jitter = 0.0
        self._refusal: OperationError | None = None
        self._deadline_ms: int | None = None
        self._inner: deque[ProducerEvent] = deque()
        self._actions: dict[str, Callable[[ProducerEvent, int], Effects]] = {
            "abandon_channel": self._abandon_channel,
            "abort_termination": self._abort_termination,
            "acknowledge": self._acknowledge,
            "answer_close": self._answer_close,
            "await_pong": self._await_pong,
            "back_off": self._back_off,
            "close_channel": self._close_channel,
            "drain": self._drain,
            "finish": self._finish,
            "forget_connection": self._forget_connection,
            "give_up": self._finish,
            "offer_streams": self._offer_streams,
            "open_channel": self._open_channel,
            "post_connection": self._post_connection,
            "resume": self._resume,
            "seal": self._seal,
            "take_frames": self._take_frames,
            "tend": self._tend,
            "try_again": self._try_again,
            "withdraw_streams": self._withdraw_streams,
        }
        assert self._actions.keys() == PRODUCER_CONNECTION.actions

    # --- what a driver calls --------------------------------------------------------------------

    def handle(self, event: ProducerDriverEvent, *, now_ms: int) -> Effects:
        """Apply one event and say what the driver must do.

        An answer that nobody waits for any more, because its time was over, is passed over.

        Args:
            event: What happened.
            now_ms: Driver's monotonic time, integer milliseconds, never decreasing.

        Returns:
            Effects in the order in which they must be carried out; ``()`` when none.

        Raises:
            LocalProtocolError: The lifecycle has no row for it, or the window is full. Nothing
                changed.

        Source: TS 28.532 11.5.1, 12.5.1.1.
        """
        effects: Effects
        match event:
            case OperationAnswered() | OperationFailed():
                effects = self._answered(event, now_ms)
            case DeadlineReached():
                effects = self._tick(event, now_ms)
            case ChannelRefused(exception=UnknownConnection() as error, jitter=jitter):
                effects = self._step(ConnectionForgotten(exception=error, jitter=jitter), now_ms)
            case _:
                effects = self._step(event, now_ms)
        while self._inner:
            effects += self._step(self._inner.popleft(), now_ms)
        return effects

    def next_deadline_ms(self) -> int | None:
        """Say when to feed DeadlineReached if nothing else happens; None for never."""
        deadlines = [self._deadline_ms, self.streams.deadline_ms]
        if self.state in WITH_CHANNEL:
            deadlines.append(self._pings.next_deadline_ms())
        return min((ms for ms in deadlines if ms is not None), default=None)

    @property
    def finished(self) -> bool:
        """Whether nothing will happen any more."""
        return self.state in PRODUCER_CONNECTION.final

    # --- stepping -------------------------------------------------------------------------------

    def _step(self, event: ProducerEvent, now_ms: int) -> Effects:
        move = PRODUCER_CONNECTION.step(self.state, type(event))
        if move is None:
            raise LocalProtocolError(f"{type(event).__name__} while {self.state.value}")
        if isinstance(event, StreamDataOffered):
            self.window.add(event.frames)
        before = self.state
        self._jitter = getattr(event, "jitter", self._jitter)
        self.state, action = move
        if self.state is not before:
            self._deadline_ms = None
        return self._actions[action](event, now_ms)

    def _tick(self, event: DeadlineReached, now_ms: int) -> Effects:
        effects: Effects = ()
        if _is_due(self.streams.deadline_ms, now_ms):
            self.streams.give_up_request()
            effects += self._request_streams(now_ms)
        if self.state is S.BACKING_OFF and self._back.is_over(now_ms):
            return effects + self._step(GiveUpReached(), now_ms)
        pings_due = self.state in WITH_CHANNEL and _is_due(self._pings.next_deadline_ms(), now_ms)
        if pings_due or _is_due(self._deadline_ms, now_ms):
            effects += self._step(event, now_ms)
        return effects

    def _answered(self, event: OperationAnswered | OperationFailed, now_ms: int) -> Effects:
        if event.operation is not self._establish:
            return (*self.streams.answered(event, now_ms), *self._request_streams(now_ms))
        self._establish, self._jitter = None, event.jitter
        if isinstance(event, OperationFailed):
            self.trouble = event.reason
            return self._step(RequestFailed(), now_ms)
        outcome = event.outcome
        if isinstance(outcome, EstablishOutcome) and outcome.connection_id is not None:
            self.counts.connections_created += 1
            self.connection_id = outcome.connection_id
            created = ConnectionCreated(connection_id=outcome.connection_id)
            return (*self.streams.accepted(), *self._step(created, now_ms))
        self._refusal = outcome.exception
        self.trouble = str(self._refusal or "refused without a reason")
        later = self._refusal is not None and self._refusal.temporary
        return self._step(RequestFailed() if later else ConnectionRefused(), now_ms)

    # --- towards a channel ----------------------------------------------------------------------

    def _post_connection(self, event: ProducerEvent, now_ms: int) -> Effects:
        self._back.start(now_ms)
        self._deadline_ms = now_ms + self.config.request_timeout_ms
        self._establish = EstablishStreamingConnection(
            producer_id=self.producer_id,
            stream_info_list=self.streams.announced(self.window.acknowledged),
        )
        return (RequestOperation(operation=self._establish),)

    def _open_channel(self, event: ProducerEvent, now_ms: int) -> Effects:
        self._deadline_ms = now_ms + self.config.request_timeout_ms
        return (OpenChannel(connection_id=self._known_connection()),)

    def _try_again(self, event: ProducerEvent, now_ms: int) -> Effects:
        if self.connection_id is None:
            return self._post_connection(event, now_ms)
        self._inner.append(ConnectionCreated(connection_id=self.connection_id))
        return ()

    def _forget_connection(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.connection_id = None
        return self._back_off(event, now_ms)

    def _back_off(self, event: ProducerEvent, now_ms: int) -> Effects:
        match event:
            case ChannelLost() | ChannelFailed():
                self.trouble = event.reason
            case ChannelRefused() | ConnectionForgotten():
                self.trouble = str(event.exception)
            case CloseReceived():
                self.trouble = f"closed by the consumer: {event.code} {event.reason}".rstrip()
            case DeadlineReached():
                self.trouble = "no answer in time"
            case _:
                pass
        self._establish = None
        self.streams.give_up_request()
        self._deadline_ms = self._back.fail(self._jitter, now_ms)
        if self.window.sealed and not self.window:
            self._inner.append(WindowEmptied())
        if isinstance(event, DeadlineReached) and self.connection_id is not None:
            return (AbortChannel(connection_id=self.connection_id),)
        return ()

    # --- on a channel ---------------------------------------------------------------------------

    def _resume(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.counts.channels_opened += 1
        self.counts.frames_resent += self.window.sent - self.window.acknowledged
        if not self.window:
            self._back.succeed()
        self.trouble, self._refusal = "", None
        self._pings.restart(self.window.acknowledged, now_ms)
        effects = self._send(self.window.frames(), now_ms) + self._request_streams(now_ms)
        if self.window.sealed:
            self._inner.append(TerminateRequested())
        return effects

    def _take_frames(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, StreamDataOffered)
        return self._send(event.frames, now_ms) if self.state in WITH_CHANNEL else ()

    def _send(self, frames: tuple[bytes, ...], now_ms: int) -> Effects:
        effects: list[ProducerEffect] = []
        connection_id = self._known_connection()
        sent = self.window.offered - len(frames)
        for portion in self._pings.portions(frames):
            sent += len(portion)
            self._pings.note_sent(sent, sum(map(len, portion)), now_ms)
            effects.append(SendFrames(connection_id=connection_id, frames=tuple(portion)))
            if self._pings.is_due(sent, now_ms):
                effects.append(self._pings.ask(connection_id, sent, now_ms))
        self.window.sent = max(self.window.sent, sent)
        return tuple(effects)

    def _await_pong(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, PingSent)
        self._pings.left(event.payload, now_ms)
        return ()

    def _acknowledge(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, PongReceived)
        number = self._pings.answered(event.payload, now_ms)
        frames = 0 if number is None else self.window.acknowledge(number)
        if self.window.sealed and not self.window and self.state is S.DRAINING:
            self._inner.append(WindowEmptied())
        if not frames:
            return ()
        self._back.succeed()
        return (ReportAcknowledged(frames=frames), *self._request_streams(now_ms))

    def _tend(self, event: ProducerEvent, now_ms: int) -> Effects:
        if self._pings.is_silent(now_ms):
            self._inner.append(PeerSilent())
            return ()
        if self.state is S.DRAINING and _is_due(self._deadline_ms, now_ms):
            self._inner.append(GiveUpReached())
            return ()
        # Nothing else wakes a producer that has a channel: a Ping is due.
        return (self._pings.ask(self._known_connection(), self.window.sent, now_ms),)

    def _abandon_channel(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.trouble = "the consumer does not answer"
        abort = AbortChannel(connection_id=self._known_connection())
        return (abort, *self._back_off(event, now_ms))

    def _answer_close(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, CloseReceived)
        close = CloseChannel(connection_id=self._known_connection(), code=event.code)
        return (close, *self._back_off(event, now_ms))

    # --- streams --------------------------------------------------------------------------------

    def _offer_streams(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, StreamsOffered)
        refused = self.streams.offer(event.stream_info_list)
        return (*refused, *self._request_streams(now_ms))

    def _withdraw_streams(self, event: ProducerEvent, now_ms: int) -> Effects:
        assert isinstance(event, StreamsWithdrawn)
        self.streams.withdraw(event.stream_id_list, self.window.offered)
        return self._request_streams(now_ms)

    def _request_streams(self, now_ms: int) -> Effects:
        if self.state is not S.OPEN or self.connection_id is None:
            return ()
        return self.streams.request_next(self.connection_id, self.window.acknowledged, now_ms)

    # --- the end --------------------------------------------------------------------------------

    def _seal(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.window.sealed = True
        if not self.window and self.state is S.BACKING_OFF:
            self._inner.append(WindowEmptied())
        return ()

    def _drain(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.window.sealed = True
        self.streams.give_up_request()
        if not self.window:
            self._inner.append(WindowEmptied())
            return ()
        self._deadline_ms = now_ms + self.config.drain_timeout_ms
        return (self._pings.ask(self._known_connection(), self.window.sent, now_ms),)

    def _close_channel(self, event: ProducerEvent, now_ms: int) -> Effects:
        self._deadline_ms = now_ms + self.config.close_timeout_ms
        return (CloseChannel(connection_id=self._known_connection(), code=NORMAL_CLOSURE),)

    def _abort_termination(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.trouble = "the consumer did not answer our Close"
        abort = AbortChannel(connection_id=self._known_connection())
        return (abort, *self._finish(event, now_ms))

    def _finish(self, event: ProducerEvent, now_ms: int) -> Effects:
        self.window.sealed = True
        left = len(self.window)
        success = self.state is S.CLOSED and not left
        if isinstance(event, ChannelLost):
            self.trouble = event.reason or "the channel was lost before the consumer's Close"
        return (
            ReportEnd(
                status=Status.SUCCESS if success else Status.FAILURE,
                unacknowledged=left,
                exception=self._refusal,
                reason="" if success else self.trouble or f"{left} frames were not acknowledged",
            ),
        )

    def _known_connection(self) -> ConnectionId:
        assert self.connection_id is not None
        return self.connection_id


def _is_due(deadline_ms: int | None, now_ms: int) -> bool:
    return deadline_ms is not None and deadline_ms <= now_ms
