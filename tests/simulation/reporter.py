"""A reporter process: an application and the driver of its ``StreamingProducer``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

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
from mnstream.core.errors import OperationError
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
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import (
    ConnectionId,
    ProducerId,
    StreamId,
    StreamInfo,
    StreamType,
    VsDataContainer,
)
from tests.core.support import frame, performance, stream
from tests.simulation.collector import CollectorProcess
from tests.simulation.network import Channel, Close, Item, Lost, Ping, Pong
from tests.simulation.world import Action

CONFIG = ProducerConfig(
    window_frames_max=16,
    window_bytes_max=2_000,
    ping_frames=4,
    ping_interval_ms=20,
    keep_alive_ms=1_000,
    pong_timeout_ms=800,
    request_timeout_ms=500,
    close_timeout_ms=400,
    drain_timeout_ms=20_000,
    back_off_initial_ms=10,
    back_off_max_ms=200,
)
STREAMS_MAX = 4
BAD_STREAM = 999
OPAQUE = "V"
"""How the name of a stream begins whose payloads nobody can read."""
OPAQUE_LETTER = "Z"
"""How those payloads begin."""


@dataclass
class Account:
    """What one life of a reporter has offered, and what it was told about it.

    Attributes:
        producer_id: Name of this life; no other has it.
        offered: Every frame, in order.
        acknowledged: How many of them are acknowledged.
        early: Frames that were acknowledged although they were not durable.
        end: How the connection ended.
        crashed: Whether the reporter lost its window before that.
    """

    producer_id: ProducerId
    offered: list[bytes] = field(default_factory=list[bytes])
    acknowledged: int = 0
    early: list[bytes] = field(default_factory=list[bytes])
    end: ReportEnd | None = None
    crashed: bool = False


class ReporterProcess:
    """One life after the other, each with a producer of its own."""

    def __init__(self, name: str, number: int, collector: CollectorProcess) -> None:
        self.name = name
        self.collector = collector
        self.network = collector.network
        self.world = collector.world
        self.counts = collector.counts
        self.accounts: list[Account] = []
        self.last = False
        """Whether no life follows this one."""
        self._next_stream = 1 + 1_000 * number
        self._begin()

    # --- life and death --------------------------------------------------------------------------

    def _begin(self) -> None:
        self.account = Account(ProducerId(f"{self.name}.{len(self.accounts)}"))
        self.accounts.append(self.account)
        self.producer = StreamingProducer(self.account.producer_id, config=CONFIG)
        self._channel: Channel | None = None
        self._attempt = 0
        self._alarm_ms: int | None = None
        self._ready: set[StreamId] = set()
        self._offer(performance(self._next_stream), performance(self._next_stream + 1))
        self._feed(StartRequested())

    def crash(self) -> None:
        """Lose the window, and begin a new life."""
        if self.producer.finished:
            return
        self.counts["reporter crashes"] += 1
        self.world.note(f"{self.name}: crash with {len(self.producer.window)} frames")
        self.account.crashed = True
        if self._channel is not None:
            self._channel.break_off("the reporter is gone")
        self.settle()
        self._begin()

    def break_channel(self) -> None:
        """Let the channel break, if there is one."""
        if self._channel is not None:
            self.world.note(f"{self.name}: channel breaks")
            self._channel.break_off("broken")

    def settle(self) -> None:
        """Count what a life did when it is over."""
        self.counts["frames resent"] += self.producer.counts.frames_resent
        self.counts["connections created"] += self.producer.counts.connections_created
        self.counts["channels opened"] += self.producer.counts.channels_opened

    # --- the application -------------------------------------------------------------------------

    def report(self) -> None:
        """Offer some frames of streams that the consumer has accepted, as far as there is room."""
        if self.producer.finished or self.producer.window.sealed or not self._ready:
            return
        number = len(self.account.offered)
        frames = tuple(self._frame(number + k) for k in range(self.world.between(1, 5)))
        if self.producer.window.has_room(frames):
            self.account.offered += frames
            self._feed(StreamDataOffered(frames=frames))

    def _frame(self, number: int) -> bytes:
        if self.world.chance(0.02):
            return b""
        (name,) = self.world.random.sample(sorted(self._ready), 1)
        bad = self.network.fails(self.network.faults.bad_frames)
        body = f"{self.account.producer_id}#{number}{'.' * self.world.between(0, 60)}"
        if name.startswith(OPAQUE):
            return frame(body, letter=OPAQUE_LETTER)
        return frame(body, (BAD_STREAM if bad else int(name), 2))

    def change_streams(self) -> None:
        """Offer another stream, or withdraw one."""
        if self.producer.finished or self.producer.window.sealed:
            return
        if len(self.producer.streams.states()) < STREAMS_MAX:
            # One opaque stream at a time: of several, nobody could say which a frame is about.
            known = any(name.startswith(OPAQUE) for name in self.producer.streams.states())
            if not known and self.world.chance(0.6):
                name = f"{OPAQUE}{self._next_stream}"
                info = VsDataContainer()
                self._offer(stream(name, StreamType.PROPRIETARY, additional_info=info))
            else:
                self._offer(performance(self._next_stream))
        elif len(self._ready) > 1:
            (name,) = self.world.random.sample(sorted(self._ready), 1)
            self._ready.discard(name)
            self._feed(StreamsWithdrawn(stream_id_list=(name,)))

    def terminate(self) -> None:
        """Report nothing more."""
        if not self.producer.finished:
            self._feed(TerminateRequested())

    def _offer(self, *infos: StreamInfo) -> None:
        self._next_stream += len(infos)
        self._feed(StreamsOffered(stream_info_list=infos))

    # --- the core --------------------------------------------------------------------------------

    def _feed(self, event: ProducerDriverEvent) -> None:
        for effect in self.producer.handle(event, now_ms=self.world.now_ms):
            self._carry_out(effect)
        self._rearm()

    def _carry_out(self, effect: ProducerEffect) -> None:
        match effect:
            case RequestOperation():
                self._request(effect.operation)
            case OpenChannel():
                self._open(effect.connection_id)
            case SendFrames():
                assert self._channel is not None
                for payload in effect.frames:
                    self._channel.to_consumer.put(payload)
            case SendPing():
                assert self._channel is not None
                self._channel.to_consumer.put(Ping(effect.payload))
                self._feed(PingSent(connection_id=effect.connection_id, payload=effect.payload))
            case CloseChannel():
                assert self._channel is not None
                self._channel.to_consumer.put(Close(effect.code))
            case AbortChannel():
                self._attempt += 1
                if self._channel is not None:
                    self._channel.leave(self._channel.to_consumer)
                    self._channel = None
            case ReportAcknowledged():
                self._acknowledged(effect.frames)
            case ReportStream():
                assert effect.exception is None
                if effect.stream_id in self.producer.streams:
                    self._ready.add(effect.stream_id)
            case ReportEnd():
                self.world.note(f"{self.name}: end {effect.status.value} {effect.reason}")
                self.account.end = effect
                self.counts[f"ends: {effect.status.value}"] += 1
                self.settle()
                if not self.last:
                    self.world.after(self.world.between(1, 100), self._begin)
            case _:
                assert_never(effect)

    def _acknowledged(self, frames: int) -> None:
        first = self.account.acknowledged
        self.account.acknowledged += frames
        payloads = self.account.offered[first : first + frames]
        durable = self.collector.log.durable_payloads
        self.account.early += [each for each in payloads if each and each not in durable]

    def _rearm(self) -> None:
        producer = self.producer
        deadline_ms = producer.next_deadline_ms()
        if deadline_ms is None or deadline_ms == self._alarm_ms:
            return
        self._alarm_ms = deadline_ms

        def wake() -> None:
            if self.producer is producer and self._alarm_ms == deadline_ms:
                self._alarm_ms = None
                self._feed(DeadlineReached(jitter=self.world.random.random()))

        self.world.after(max(0, deadline_ms - self.world.now_ms), wake)

    # --- requests --------------------------------------------------------------------------------

    def _request(self, operation: ControlOperation) -> None:
        producer = self.producer

        def request(lose: Action) -> None:
            self.collector.perform(operation, self.name, partial(answer, lose), lose)

        def answer(lose: Action, outcome: Outcome) -> None:
            self.network.answer(self.name, partial(answered, outcome), lose)

        def answered(outcome: Outcome) -> None:
            if self.producer is producer and not producer.finished:
                self._feed(
                    OperationAnswered(
                        operation=operation, outcome=outcome, jitter=self.world.random.random()
                    )
                )

        def failed() -> None:
            if self.producer is producer and not producer.finished:
                jitter = self.world.random.random()
                self._feed(OperationFailed(operation=operation, reason="lost", jitter=jitter))

        self.network.call(self.name, request, failed)

    # --- the channel -----------------------------------------------------------------------------

    def _open(self, connection_id: ConnectionId) -> None:
        self._attempt += 1
        producer, attempt = self.producer, self._attempt

        def waits() -> bool:
            return self.producer is producer and self._attempt == attempt

        def make() -> Channel:
            return Channel(
                self.network,
                self.name,
                connection_id,
                at_consumer=self.collector.take,
                at_producer=self._take,
            )

        def request(lose: Action) -> None:
            opened = self.collector.open_channel(connection_id, self.name, make)
            if opened is None:
                lose()
            elif not self.network.answer(self.name, partial(answered, opened), lose) and (
                isinstance(opened, Channel)
            ):
                opened.break_off("the answer to the upgrade was lost")

        def answered(opened: Channel | OperationError) -> None:
            if not waits():
                if isinstance(opened, Channel):
                    opened.leave(opened.to_consumer)
            elif isinstance(opened, Channel):
                self._channel = opened
                self.world.note(f"{self.name}: channel of {connection_id} open")
                self._feed(ChannelOpened(connection_id=connection_id))
            else:
                jitter = self.world.random.random()
                self.world.note(f"{self.name}: upgrade of {connection_id} refused: {opened}")
                self._feed(
                    ChannelRefused(connection_id=connection_id, exception=opened, jitter=jitter)
                )

        def failed() -> None:
            if waits():
                jitter = self.world.random.random()
                self._feed(ChannelFailed(connection_id=connection_id, reason="lost", jitter=jitter))

        self.network.call(self.name, request, failed)

    def _take(self, channel: Channel, items: Sequence[Item]) -> None:
        for item in items:
            self._take_item(channel, item)

    def _take_item(self, channel: Channel, item: Item) -> None:
        if channel is not self._channel:
            return
        name, jitter = channel.connection_id, self.world.random.random()
        match item:
            case Pong():
                self._feed(PongReceived(connection_id=name, payload=item.payload))
            case Ping():
                channel.to_consumer.put(Pong(item.payload))
            case Close():
                self._feed(CloseReceived(connection_id=name, code=item.code, jitter=jitter))
                self._channel = None
            case Lost():
                self._channel = None
                self._feed(ChannelLost(connection_id=name, reason=item.reason, jitter=jitter))
            case bytes():
                raise AssertionError("a collector sends no data")
            case _:
                assert_never(item)
