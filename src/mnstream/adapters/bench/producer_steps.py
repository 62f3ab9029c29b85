"""The steps of a ``StreamingProducer`` that P10 times: the life of one connection."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from mnstream.adapters.bench.frames import frames, stream_infos, stream_number
from mnstream.core.effects import RequestOperation, SendPing
from mnstream.core.events import (
    ChannelLost,
    ChannelOpened,
    CloseReceived,
    DeadlineReached,
    OperationAnswered,
    PongReceived,
    ProducerDriverEvent,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
)
from mnstream.core.operations import (
    AddStreamOutcome,
    DeleteStreamOutcome,
    EstablishOutcome,
    Outcome,
)
from mnstream.core.streaming.producer import Effects, StreamingProducer
from mnstream.core.values import ConnectionId, ProducerId, Status

_CONNECTION = ConnectionId("connection")
_STREAMS = stream_infos(0, 2)
_FRAME = frames(stream_number(0, 0, 2), 1)
_SUCCESS = Status.SUCCESS


class _Life:
    """A producer, and the time that it lives in."""

    def __init__(self, note: Callable[[str, int], None]) -> None:
        self._producer = StreamingProducer(ProducerId("ManagedElement=1"))
        self._note = note
        self._now_ms = 0

    def step(self, name: str, event: ProducerDriverEvent) -> Effects:
        """Time one step."""
        now_ms = self._now_ms
        begin = perf_counter_ns()
        effects = self._producer.handle(event, now_ms=now_ms)
        self._note(f"producer: {name}", perf_counter_ns() - begin)
        return effects

    def answer(self, name: str, effects: Effects, outcome: Outcome) -> Effects:
        """Answer the request among the effects."""
        (operation,) = (each.operation for each in effects if isinstance(each, RequestOperation))
        return self.step(name, OperationAnswered(operation=operation, outcome=outcome))

    def wait(self, name: str) -> Effects:
        """Let the time come that the producer waits for."""
        deadline_ms = self._producer.next_deadline_ms()
        assert deadline_ms is not None
        self._now_ms = max(self._now_ms, deadline_ms)
        return self.step(name, DeadlineReached(jitter=0.5))


def live_once(note: Callable[[str, int], None]) -> None:
    """Lead a producer through its life: start, streams, a frame, a loss, an orderly end."""
    life = _Life(note)
    life.step("StreamsOffered, idle", StreamsOffered(stream_info_list=_STREAMS[:1]))
    asked = life.step("StartRequested", StartRequested())
    created = EstablishOutcome(status=_SUCCESS, connection_id=_CONNECTION)
    life.answer("OperationAnswered, establish", asked, created)
    life.step("ChannelOpened", ChannelOpened(connection_id=_CONNECTION))
    asked = life.step("StreamsOffered", StreamsOffered(stream_info_list=_STREAMS[1:]))
    added = AddStreamOutcome(status=_SUCCESS, stream_info_list=_STREAMS[1:])
    life.answer("OperationAnswered, add", asked, added)
    life.step("StreamDataOffered, 1 frame", StreamDataOffered(frames=tuple(_FRAME)))
    (ping,) = life.wait("DeadlineReached, Ping")
    assert isinstance(ping, SendPing)
    life.step("PongReceived", PongReceived(connection_id=_CONNECTION, payload=ping.payload))
    gone = (_STREAMS[1].stream_id,)
    asked = life.step("StreamsWithdrawn", StreamsWithdrawn(stream_id_list=gone))
    life.answer("OperationAnswered, delete", asked, DeleteStreamOutcome(status=_SUCCESS))
    life.step("ChannelLost", ChannelLost(connection_id=_CONNECTION))
    life.wait("DeadlineReached, try again")
    life.step("ChannelOpened, again", ChannelOpened(connection_id=_CONNECTION))
    life.step("TerminateRequested", TerminateRequested())
    life.step("CloseReceived", CloseReceived(connection_id=_CONNECTION, code=1000))
