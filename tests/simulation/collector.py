"""A collector process: the driver of a ``StreamingConsumer`` over a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from itertools import groupby
from typing import assert_never

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
    ChannelLost,
    ChannelRequested,
    CloseReceived,
    ConsumerEvent,
    DeadlineReached,
    FrameReceived,
    OperationRequested,
    PingReceived,
    PongReceived,
    StopRequested,
)
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.records import SENT_AGAIN, Disposition, FrameStored, MetadataRecord
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.multiplexing import NO_CHECKS
from mnstream.core.values import ConnectionId
from tests.core.support import CHECKS, READERS
from tests.simulation.log import SimulatedLog
from tests.simulation.network import Channel, Close, Item, Lost, Network, Ping, Pong

RESEND_WINDOW_FRAMES = 16


class Sabotage(Enum):
    """What a broken collector would do; the checks have to find each of them."""

    NONE = "none"
    ACKNOWLEDGE_EARLY = "acknowledge before it is durable"
    DROP_FRAMES = "store only some of the frames"
    FORGET_RESENDS = "do not remember over a restart which frames there were"


class CollectorProcess:
    """Lives, crashes and lives again; its log outlives it."""

    def __init__(self, network: Network, sabotage: Sabotage = Sabotage.NONE) -> None:
        self.network = network
        self.world = network.world
        self.log = SimulatedLog(network)
        self.counts = network.counts
        self.consumer: StreamingConsumer | None = None
        self._sabotage = sabotage
        self._channels: dict[ConnectionId, Channel] = {}
        self._made = 0
        self._alarm_ms: int | None = None
        self._quick = True

    # --- life and death --------------------------------------------------------------------------

    def start(self) -> None:
        """Begin with what the log holds."""
        config = ConsumerConfig(
            announce_timeout_ms=2_000,
            keep_alive_ms=1_000,
            probe_timeout_ms=300,
            grace_ms=self.network.faults.grace_ms,
            resend_window_frames=RESEND_WINDOW_FRAMES,
        )
        self.consumer = StreamingConsumer(
            readers=READERS,
            checks=CHECKS if self.world.chance(0.5) else NO_CHECKS,
            config=config,
            profile=self.network.faults.profile,
        )
        frames = () if self._sabotage is Sabotage.FORGET_RESENDS else self.log.frames()
        self.consumer.restore(self.log.restored(), frames, now_ms=self.world.now_ms)
        self._alarm_ms = None
        self._quick = self.world.chance(0.8)
        self.world.note(f"collector: up with {len(self.consumer.connections)} connections")
        self._rearm()

    def crash(self) -> None:
        """Lose the memory, every channel, and what is not durable."""
        if self.consumer is None:
            return
        self.counts["collector crashes"] += 1
        self.world.note("collector: crash")
        self._die(self.consumer)
        self.log.crash()

    def stop(self) -> None:
        """Say goodbye to everybody, then end."""
        consumer = self.consumer
        if consumer is None:
            return
        self.counts["collector stops"] += 1
        self.world.note("collector: stop")
        self._feed(StopRequested())

        def end() -> None:
            if self.consumer is consumer:
                self._die(consumer)

        self.log.when_durable(end)

    def _die(self, consumer: StreamingConsumer) -> None:
        self._count(consumer)
        self.consumer = None
        for channel in list(self._channels.values()):
            channel.break_off("the collector is gone")
        self._channels.clear()
        self.world.after(self.world.between(1, 500), self.start)

    def settle(self) -> None:
        """Count what the last life did."""
        if self.consumer is not None:
            self._count(self.consumer)

    def _count(self, consumer: StreamingConsumer) -> None:
        self.counts["connections expired"] += consumer.counts.connections_expired
        self.counts["connections terminated"] += consumer.counts.connections_terminated
        self.counts["channels violated"] += sum(consumer.counts.channels_violated.values())

    # --- what reporters ask for ------------------------------------------------------------------

    def perform(
        self,
        operation: ControlOperation,
        identity: str,
        answer: Callable[[Outcome], None],
        lose: Callable[[], None],
    ) -> None:
        """Answer an operation when what it changed is durable."""
        if self.consumer is None:
            lose()
            return
        self._made += 1
        event = OperationRequested(
            operation=operation,
            fresh_connection_id=ConnectionId(f"c{self._made}"),
            identity=identity,
            wall_ms=self.world.now_ms,
        )
        for effect in self._feed(event):
            if isinstance(effect, Answer):
                self.log.when_durable(partial(answer, effect.outcome))

    def open_channel(
        self, connection_id: ConnectionId, identity: str, make: Callable[[], Channel]
    ) -> Channel | OperationError | None:
        """Answer an upgrade; None when there is nobody to answer."""
        if self.consumer is None:
            return None
        if self.network.fails(self.network.faults.upgrade_refused):
            return Unavailable("the load balancer does not like it")
        requested = ChannelRequested(connection_id=connection_id, identity=identity)
        for effect in self._feed(requested):
            if isinstance(effect, RefuseChannel):
                self.counts[f"upgrades refused: {effect.exception.name}"] += 1
                return effect.exception
        channel = make()
        self._channels[connection_id] = channel
        return channel

    def take(self, channel: Channel, items: Sequence[Item]) -> None:
        """Take what a channel delivers, frames in runs; what follows its end is dropped."""
        for is_frame, run in groupby(items, lambda item: isinstance(item, bytes)):
            if is_frame:
                self._take_frames(channel, [item for item in run if isinstance(item, bytes)])
            else:
                for item in run:
                    self._take_item(channel, item)

    def _takes(self, channel: Channel) -> bool:
        return self._channels.get(channel.connection_id) is channel

    def _take_item(self, channel: Channel, item: Item) -> None:
        if not self._takes(channel):
            return
        name = channel.connection_id
        match item:
            case bytes():
                event = FrameReceived(connection_id=name, payload=item, wall_ms=self.world.now_ms)
                self._feed(event)
            case Ping():
                self._feed(PingReceived(connection_id=name, payload=item.payload))
            case Pong():
                self._feed(PongReceived(connection_id=name, payload=item.payload))
            case Close():
                close = CloseReceived(connection_id=name, code=item.code, wall_ms=self.world.now_ms)
                self._feed(close)
            case Lost():
                del self._channels[name]
                self._feed(ChannelLost(connection_id=name, reason=item.reason))
            case _:
                assert_never(item)

    # --- the core --------------------------------------------------------------------------------

    def _take_frames(self, channel: Channel, frames: list[bytes]) -> None:
        consumer, now_ms = self.consumer, self.world.now_ms
        if consumer is None or not self._takes(channel):
            return
        name = channel.connection_id
        version = consumer.accept_frames(name, frames, now_ms) if self._quick else 0
        if version:
            for payload in frames:
                record = FrameStored(
                    streams_version=version,
                    disposition=Disposition.DELIVERED,
                    cause="",
                    wall_ms=now_ms,
                    payload=payload,
                )
                self._store(record)
        elif len(frames) == 1:
            self._take_item(channel, frames[0])
        else:
            middle = len(frames) // 2
            self._take_frames(channel, frames[:middle])
            self._take_frames(channel, frames[middle:])

    def _feed(self, event: ConsumerEvent) -> tuple[ConsumerEffect, ...]:
        assert self.consumer is not None
        effects = self.consumer.handle(event, now_ms=self.world.now_ms)
        for effect in effects:
            self._carry_out(effect)
        self._rearm()
        return effects

    def _carry_out(self, effect: ConsumerEffect) -> None:
        match effect:
            case Store():
                self._store(effect.record)
            case Acknowledge():
                self._acknowledge(effect)
            case SendPing():
                self._channels[effect.connection_id].to_producer.put(Ping(effect.payload))
            case CloseChannel():
                self._close(self._channels.pop(effect.connection_id), effect.code)
            case AbortChannel():
                channel = self._channels.pop(effect.connection_id)
                channel.leave(channel.to_producer)
            case Answer() | AcceptChannel() | RefuseChannel():
                pass  # for whoever asked
            case _:
                assert_never(effect)

    def _store(self, record: FrameStored | MetadataRecord) -> None:
        frame = isinstance(record, FrameStored)
        if frame and self._sabotage is Sabotage.DROP_FRAMES and self.world.chance(0.02):
            return
        if isinstance(record, FrameStored):
            self.counts[f"frames {record.disposition.value}"] += 1
            self.counts["frames delivered again"] += record.cause == SENT_AGAIN
        self.log.append(record)

    def _acknowledge(self, effect: Acknowledge) -> None:
        channel = self._channels[effect.connection_id]

        def pong() -> None:
            if self._channels.get(effect.connection_id) is channel:
                channel.to_producer.put(Pong(effect.payload))

        if self._sabotage is Sabotage.ACKNOWLEDGE_EARLY:
            pong()
        else:
            self.log.when_durable(pong)

    def _close(self, channel: Channel, code: int) -> None:
        def close() -> None:
            channel.to_producer.put(Close(code))
            channel.to_producer.end("", told=False)

        self.log.when_durable(close)

    def _rearm(self) -> None:
        consumer = self.consumer
        deadline_ms = None if consumer is None else consumer.next_deadline_ms()
        if deadline_ms is None or deadline_ms == self._alarm_ms:
            return
        self._alarm_ms = deadline_ms

        def wake() -> None:
            if self.consumer is consumer and self._alarm_ms == deadline_ms:
                self._alarm_ms = None
                self._feed(DeadlineReached(wall_ms=self.world.now_ms))

        self.world.after(max(0, deadline_ms - self.world.now_ms), wake)
