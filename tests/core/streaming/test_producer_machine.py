"""A producer against a model of its consumer and of a network that loses things.

Frames are numbered, so that what was received can be told from what was acknowledged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import assert_never

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

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
from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    LocalProtocolError,
    Unavailable,
    UnknownConnection,
    UnknownStreamId,
)
from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelOpened,
    ChannelRefused,
    CloseReceived,
    DeadlineReached,
    OperationAnswered,
    OperationFailed,
    PongReceived,
    ProducerDriverEvent,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
)
from mnstream.core.lifecycles.producer_connection import ProducerConnectionState as S
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
    EstablishOutcome,
    EstablishStreamingConnection,
    Outcome,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ConnectionId, Status, StreamId, StreamInfo
from tests.core.support import GNB, frozen, ids, performance

CONFIG = ProducerConfig(
    window_frames_max=8,
    window_bytes_max=60,
    ping_frames=3,
    ping_interval_ms=20,
    keep_alive_ms=500,
    pong_timeout_ms=300,
    request_timeout_ms=200,
    close_timeout_ms=150,
    drain_timeout_ms=250,
    back_off_initial_ms=10,
    back_off_max_ms=80,
)
HEALING_STEPS_MAX = 2_000

jitters = st.floats(0, 1, exclude_max=True)


@dataclass
class Channel:
    """Two pipes: what the producer sent, and what the consumer answered."""

    connection_id: ConnectionId
    next_frame: int
    to_consumer: deque[SendPing | CloseChannel | bytes] = field(
        default_factory=deque[SendPing | CloseChannel | bytes]
    )
    to_producer: deque[ProducerDriverEvent] = field(default_factory=deque[ProducerDriverEvent])


class ProducerMachine(RuleBasedStateMachine):
    """Drives a producer, carries its effects out in a bad world, and keeps the accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.producer = StreamingProducer(GNB, config=CONFIG)
        self.now_ms = 0
        # The application.
        self.offered: list[bytes] = []
        self.acknowledged = 0
        self.streams: dict[StreamId, StreamInfo] = {}
        self.reported: dict[StreamId, bool] = {}
        self.end: ReportEnd | None = None
        # The consumer.
        self.known: dict[ConnectionId, dict[StreamId, StreamInfo]] = {}
        self.received: set[int] = set()
        self.made = 0
        # The network.
        self.channel: Channel | None = None
        self.upgrading: ConnectionId | None = None
        self.requests: list[ControlOperation] = []

    # --- the driver ------------------------------------------------------------------------------

    def feed(self, event: ProducerDriverEvent) -> None:
        for effect in self.producer.handle(event, now_ms=self.now_ms):
            self.carry_out(effect)

    def carry_out(self, effect: ProducerEffect) -> None:
        assert self.end is None, "nothing follows the end"
        match effect:
            case RequestOperation():
                self.requests.append(effect.operation)
            case OpenChannel():
                assert self.channel is None
                assert self.upgrading is None
                self.upgrading = effect.connection_id
            case SendFrames():
                self.channel_of(effect.connection_id).to_consumer.extend(effect.frames)
            case SendPing() | CloseChannel():
                self.channel_of(effect.connection_id).to_consumer.append(effect)
                if isinstance(effect, CloseChannel) and self.producer.state is not S.CLOSING:
                    self.channel = None  # it answers the consumer's Close
            case AbortChannel():
                self.channel = self.upgrading = None
            case ReportAcknowledged():
                assert effect.frames > 0
                for number in range(effect.frames):
                    assert self.acknowledged + number + 1 in self.received
                self.acknowledged += effect.frames
            case ReportStream():
                assert effect.exception is None
                self.reported[effect.stream_id] = True
            case ReportEnd():
                self.end = effect
            case _:
                assert_never(effect)

    def channel_of(self, connection_id: ConnectionId) -> Channel:
        assert self.channel is not None
        assert self.channel.connection_id == connection_id
        return self.channel

    @property
    def talks(self) -> bool:
        return self.channel is not None

    # --- the application -------------------------------------------------------------------------

    @rule(sizes=st.lists(st.integers(0, 20), max_size=4))
    def offer_frames(self, sizes: list[int]) -> None:
        first = len(self.offered) + 1
        frames = tuple(
            f"{number}:{'x' * size}".encode() for number, size in enumerate(sizes, first)
        )
        takes = self.producer.state not in (S.DRAINING, S.CLOSING, S.CLOSED, S.FAILED)
        room = self.producer.window.has_room(frames)
        if takes and room and not self.producer.window.sealed:
            self.offered += frames
            self.feed(StreamDataOffered(frames=frames))
        else:
            before = frozen(self.producer)
            with pytest.raises(LocalProtocolError):
                self.feed(StreamDataOffered(frames=frames))
            assert frozen(self.producer) == before

    @precondition(
        lambda self: self.producer.state not in (S.DRAINING, S.CLOSING, S.CLOSED, S.FAILED)
    )
    @rule(number=st.integers(1, 4), wanted=st.booleans(), metric=st.sampled_from("ab"))
    def change_streams(self, number: int, wanted: bool, metric: str) -> None:
        (name,) = ids(number)
        if wanted:
            info = self.streams.setdefault(name, performance(number, metrics=(metric,)))
            self.feed(StreamsOffered(stream_info_list=(info,)))
        else:
            self.streams.pop(name, None)
            self.reported.pop(name, None)
            self.feed(StreamsWithdrawn(stream_id_list=(name,)))

    @precondition(lambda self: self.producer.state is S.IDLE)
    @rule()
    def start(self) -> None:
        self.feed(StartRequested())

    @precondition(lambda self: not self.producer.finished and len(self.offered) > 4)
    @rule()
    def terminate(self) -> None:
        self.feed(TerminateRequested())

    # --- control operations ----------------------------------------------------------------------

    @precondition(lambda self: bool(self.requests))
    @rule(
        fate=st.sampled_from(["answer", "answer", "answer", "lose answer", "lose", "refuse"]),
        jitter=jitters,
    )
    def answer_operation(self, fate: str, jitter: float) -> None:
        operation = self.requests.pop(0)
        outcome = self.perform(operation) if fate in ("answer", "lose answer") else None
        if fate == "refuse":
            outcome = self.refuse(operation)
        if fate.startswith("lose") or outcome is None:
            failed = OperationFailed(operation=operation, reason="lost", jitter=jitter)
            self.feed(failed)
        else:
            answer = OperationAnswered(operation=operation, outcome=outcome, jitter=jitter)
            self.feed(answer)

    def perform(self, operation: ControlOperation) -> Outcome:
        match operation:
            case EstablishStreamingConnection():
                self.made += 1
                name = ConnectionId(f"c{self.made}")
                self.known[name] = {info.stream_id: info for info in operation.stream_info_list}
                return EstablishOutcome(status=Status.SUCCESS, connection_id=name)
            case AddStream():
                streams = self.known.get(operation.connection_id)
                if streams is None:
                    gone = UnknownConnection(identifiers=(operation.connection_id,))
                    return AddStreamOutcome(status=Status.FAILURE, exception=gone)
                asked = {info.stream_id: info for info in operation.stream_info_list}
                new = [info for name, info in asked.items() if name not in streams]
                old = [name for name in asked if name in streams]
                assert all(streams[name] == asked[name] for name in old), "values under other names"
                streams |= {info.stream_id: info for info in new}
                partly = Status.PARTIAL_SUCCESS if new else Status.FAILURE
                return AddStreamOutcome(
                    status=partly if old else Status.SUCCESS,
                    stream_info_list=tuple(new),
                    exception=DuplicateStream(identifiers=tuple(old)) if old else None,
                )
            case DeleteStream():
                streams = self.known.get(operation.connection_id, {})
                unknown = [each for each in operation.stream_id_list if each not in streams]
                if unknown:
                    named = tuple(unknown) if self.made % 2 else ()
                    exception = UnknownStreamId(identifiers=named)
                    return DeleteStreamOutcome(status=Status.FAILURE, exception=exception)
                for stream_id in operation.stream_id_list:
                    del streams[stream_id]
                return DeleteStreamOutcome(status=Status.SUCCESS)
            case _:
                raise AssertionError(operation)

    def refuse(self, operation: ControlOperation) -> Outcome:
        exception = Unavailable("not now")
        match operation:
            case EstablishStreamingConnection():
                return EstablishOutcome(status=Status.FAILURE, exception=exception)
            case AddStream():
                return AddStreamOutcome(status=Status.FAILURE, exception=exception)
            case _:
                return DeleteStreamOutcome(status=Status.FAILURE, exception=exception)

    # --- the channel -----------------------------------------------------------------------------

    @precondition(lambda self: self.upgrading is not None)
    @rule(
        fate=st.sampled_from(["accept", "accept", "accept", "busy", "forget", "fail"]),
        jitter=jitters,
    )
    def answer_upgrade(self, fate: str, jitter: float) -> None:
        name, self.upgrading = self.upgrading, None
        assert name is not None
        if fate == "forget":
            self.known.pop(name, None)
        if fate == "fail":
            self.feed(ChannelFailed(connection_id=name, reason="lost", jitter=jitter))
        elif fate == "busy":
            exception = ConnectionInUse("busy")
            self.feed(ChannelRefused(connection_id=name, exception=exception, jitter=jitter))
        elif name not in self.known:
            unknown = UnknownConnection(identifiers=(name,))
            self.feed(ChannelRefused(connection_id=name, exception=unknown, jitter=jitter))
        else:
            self.channel = Channel(connection_id=name, next_frame=self.acknowledged + 1)
            self.feed(ChannelOpened(connection_id=name))

    @precondition(lambda self: self.talks)
    @rule(count=st.integers(1, 6))
    def carry_to_consumer(self, count: int) -> None:
        channel = self.channel
        assert channel is not None
        for _ in range(min(count, len(channel.to_consumer))):
            item = channel.to_consumer.popleft()
            if isinstance(item, bytes):
                number = int(item.split(b":")[0])
                assert number == channel.next_frame, "in order, beginning with the oldest"
                assert item == self.offered[number - 1]
                channel.next_frame += 1
                self.received.add(number)
            elif isinstance(item, SendPing):
                pong = PongReceived(connection_id=item.connection_id, payload=item.payload)
                channel.to_producer.append(pong)
            else:
                self.known.pop(channel.connection_id, None)
                close = CloseReceived(connection_id=channel.connection_id, code=1000)
                channel.to_producer.append(close)

    @precondition(lambda self: self.talks)
    @rule(count=st.integers(1, 3))
    def carry_to_producer(self, count: int) -> None:
        for _ in range(count):
            channel = self.channel
            if channel is None or not channel.to_producer:
                return
            event = channel.to_producer.popleft()
            self.feed(event)
            if isinstance(event, CloseReceived):
                self.channel = None

    @precondition(lambda self: self.talks)
    @rule(jitter=jitters)
    def lose_channel(self, jitter: float) -> None:
        assert self.channel is not None
        name, self.channel = self.channel.connection_id, None
        self.feed(ChannelLost(connection_id=name, reason="lost", jitter=jitter))

    @precondition(lambda self: self.talks)
    @rule()
    def consumer_goes_away(self) -> None:
        assert self.channel is not None
        name = self.channel.connection_id
        self.channel.to_producer.append(CloseReceived(connection_id=name, code=1001))

    # --- time ------------------------------------------------------------------------------------

    @rule(wait_ms=st.sampled_from([0, 1, 10, 20, 50, 150, 300, 500]), jitter=jitters)
    def wait(self, wait_ms: int, jitter: float) -> None:
        until_ms = self.now_ms + wait_ms
        while (alarm_ms := self.producer.next_deadline_ms()) is not None and alarm_ms <= until_ms:
            self.now_ms = max(self.now_ms, alarm_ms)
            self.feed(DeadlineReached(jitter=jitter))
            again_ms = self.producer.next_deadline_ms()
            assert again_ms is None or again_ms > self.now_ms, "an alarm is not for nothing"
        self.now_ms = until_ms

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def nothing_is_acknowledged_that_did_not_arrive(self) -> None:
        assert set(range(1, self.acknowledged + 1)) <= self.received
        assert self.producer.window.acknowledged == self.acknowledged
        assert self.producer.window.frames() == tuple(self.offered[self.acknowledged :])

    @invariant()
    def the_window_is_bounded(self) -> None:
        window = self.producer.window
        assert len(window) <= 8
        assert window.queued_bytes == sum(map(len, window.frames()))
        assert window.queued_bytes <= 60 or len(window) == 1

    @invariant()
    def whoever_waits_has_a_deadline(self) -> None:
        rests = self.producer.state is S.IDLE or self.producer.finished
        assert (self.producer.next_deadline_ms() is None) is rests

    @invariant()
    def the_end_is_reported_once_and_truly(self) -> None:
        assert (self.end is not None) is self.producer.finished
        if self.end is not None:
            assert self.end.unacknowledged == len(self.offered) - self.acknowledged
            success = self.end.status is Status.SUCCESS
            assert success is (self.producer.state is S.CLOSED and not self.end.unacknowledged)
            assert bool(self.end.reason) is not success

    @invariant()
    def no_stream_is_forgotten(self) -> None:
        assert self.streams.keys() <= self.producer.streams.states().keys()

    @invariant()
    def who_asks_for_nothing_more_agrees_with_the_consumer(self) -> None:
        name = self.producer.connection_id
        settled = self.producer.state is S.OPEN and not self.producer.streams.is_asking
        if settled and name is not None and name in self.known:
            assert self.known[name] == self.streams

    # --- healing ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        """The world is good again: everything arrives, and the connection ends in order."""
        if self.producer.state is S.IDLE:
            self.start()
        too_late = self.producer.state in (S.CLOSING, S.CLOSED, S.FAILED)
        if not self.producer.finished:
            self.feed(TerminateRequested())
        for _ in range(HEALING_STEPS_MAX):
            if self.producer.finished:
                break
            if self.requests:
                self.answer_operation("answer", 0.5)
            elif self.upgrading is not None:
                self.answer_upgrade("accept", 0.5)
            elif self.channel is not None and self.channel.to_consumer:
                self.carry_to_consumer(1)
            elif self.channel is not None and self.channel.to_producer:
                self.carry_to_producer(1)
            else:
                alarm_ms = self.producer.next_deadline_ms()
                assert alarm_ms is not None
                self.wait(alarm_ms - self.now_ms, 0.5)
        assert self.end is not None
        self.the_end_is_reported_once_and_truly()
        if not too_late:
            assert self.acknowledged == len(self.offered)
            assert self.end.status is Status.SUCCESS


ProducerMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=50)
TestProducerMachine = ProducerMachine.TestCase
