"""P10: what one step of a pure core object costs, control operations."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from statistics import median
from time import perf_counter_ns
from typing import Protocol, cast

from transitions import Machine

from mnstream.adapters.bench.frames import frames, stream_infos, stream_number
from mnstream.adapters.bench.producer_steps import live_once
from mnstream.adapters.bench.results import Result, Side, Target, significant
from mnstream.adapters.bench.settings import Settings
from mnstream.adapters.codecs import READERS
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
)
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, ProducerId, StreamId, StreamInfo

UNIT = "us a step"
TARGET = Target(reach=25.0, beyond=10.0, higher_is_better=False)
SEVERAL = "10 streams"
"""Part of the names of steps about several streams; they are reported, and do not count."""

_SAMPLES_A_SECOND = 1_000
_SAMPLES_MIN = 20
_TRIGGERS = 1_000
_UNUSED = ConnectionId("unused")
_WHAT = (
    "median time of one handle() of a core object, the event ready made, effects not carried out; "
    "StreamingConsumer with {connections:,} open connections of {streams} streams, steps spread "
    "over them, and StreamingProducer; the number is the worst of these medians over the control "
    "steps about one stream, connection or channel; those about 10 streams are in extra and do not "
    "count; the ratio is the number itself, in us; peer, for comparison: one trigger of a machine "
    "of two states of the library transitions"
)

Note = Callable[[str, int], None]
"""Takes the name of a step and its nanoseconds."""


def measure(settings: Settings) -> Result:
    """Measure P10."""
    crowd = _Crowd(settings.connections, settings.streams)
    samples = max(_SAMPLES_MIN, int(_SAMPLES_A_SECOND * settings.seconds))
    rounds: list[dict[str, float]] = []
    triggers: list[float] = []
    for number in range(1, settings.rounds + 1):
        taken: defaultdict[str, list[int]] = defaultdict(list)

        def note(name: str, elapsed_ns: int, taken: dict[str, list[int]] = taken) -> None:
            taken[name].append(elapsed_ns)

        crowd.run(samples, note)
        for _ in range(samples):
            live_once(note)
        rounds.append({name: significant(median(each) / 1000) for name, each in taken.items()})
        triggers.append(_trigger_us())
        worst, worst_us = _worst(rounds[-1])
        settings.say(f"P10 round {number}/{settings.rounds}: {worst_us:.2f} us ({worst})")
    medians = {name: median(each[name] for each in rounds) for name in rounds[0]}
    worst, worst_us = _worst(medians)
    return Result(
        name="P10",
        what=_WHAT.format(connections=settings.connections, streams=settings.streams),
        target=TARGET,
        ours=Side(name=f"worst of {len(medians)} steps: {worst}", value=worst_us, unit=UNIT),
        peer=Side(name="transitions, one trigger", value=median(triggers), unit=UNIT),
        ratio=worst_us,
        rounds=rounds,
        extra=medians,
    )


def _worst(medians: Mapping[str, float]) -> tuple[str, float]:
    """Find the slowest step that counts."""
    counting = {name: value for name, value in medians.items() if SEVERAL not in name}
    worst = max(counting, key=lambda name: counting[name])
    return worst, counting[worst]


class _Crowd:
    """A consumer with many open connections, and steps that leave it as it was."""

    def __init__(self, connections: int, streams: int) -> None:
        self._consumer = StreamingConsumer(readers=READERS)
        self._streams = streams
        self._now_ms = 0
        self._fresh = connections
        self._identifiers = [ConnectionId(f"connection-{n:022}") for n in range(connections)]
        for number, connection_id in enumerate(self._identifiers):
            self._establish(connection_id, stream_infos(number, streams))
            self._handle(ChannelRequested(connection_id=connection_id))
            first = frames(stream_number(number, 0, streams), 1)[0]
            self._handle(FrameReceived(connection_id=connection_id, payload=first))

    def run(self, samples: int, note: Note) -> None:
        """Take every step ``samples`` times."""
        # A step that is not a neighbour's: five thousand connections do not fit into a cache.
        stride = max(1, len(self._identifiers) * 5 // 8)
        places = cycle(range(0, len(self._identifiers) * stride, stride))
        for _, place in zip(range(samples), places, strict=False):
            number = place % len(self._identifiers)
            for name, event in self._steps(number):
                begin = perf_counter_ns()
                self._consumer.handle(event, now_ms=self._now_ms)
                note(name, perf_counter_ns() - begin)

    def _steps(self, number: int) -> Iterator[tuple[str, ConsumerEvent]]:
        """Give the steps of one sample; each event is complete before it is timed."""
        connection_id = self._identifiers[number]
        own = StreamId(str(stream_number(number, 0, self._streams)))
        extra = self._fresh_streams(1)
        ask = self._asked
        yield "AddStream", ask(AddStream(connection_id=connection_id, stream_info_list=extra))
        found = GetStreamInfo(connection_id=connection_id, stream_id_list=(own,))
        yield "GetStreamInfo", ask(found)
        yield "GetConnectionInfo", ask(GetConnectionInfo(connection_id_list=(connection_id,)))
        added = (extra[0].stream_id,)
        yield "DeleteStream", ask(DeleteStream(connection_id=connection_id, stream_id_list=added))
        yield "PingReceived", PingReceived(connection_id=connection_id, payload=bytes(8))
        yield "PongReceived", PongReceived(connection_id=connection_id, payload=bytes(8))
        yield "ChannelLost", ChannelLost(connection_id=connection_id)
        yield "ChannelRequested", ChannelRequested(connection_id=connection_id)
        yield "DeadlineReached, nothing due", DeadlineReached()
        for name, streams in (("1 stream", 1), (SEVERAL, 10)):
            fresh = ConnectionId(f"fresh-{self._fresh:022}")
            infos = self._fresh_streams(streams)
            yield f"EstablishStreamingConnection, {name}", self._establishing(fresh, infos)
            yield f"ChannelRequested, fresh, {name}", ChannelRequested(connection_id=fresh)
            yield f"CloseReceived, {name}", CloseReceived(connection_id=fresh, code=1000)

    def _fresh_streams(self, count: int) -> tuple[StreamInfo, ...]:
        self._fresh += 1
        return stream_infos(self._fresh, max(count, self._streams))[:count]

    def _establish(self, connection_id: ConnectionId, streams: tuple[StreamInfo, ...]) -> None:
        self._handle(self._establishing(connection_id, streams))

    def _establishing(
        self, connection_id: ConnectionId, streams: tuple[StreamInfo, ...]
    ) -> OperationRequested:
        operation = EstablishStreamingConnection(
            producer_id=ProducerId("ManagedElement=1"), stream_info_list=streams
        )
        return self._asked(operation, connection_id)

    def _asked(
        self, operation: ControlOperation, fresh: ConnectionId = _UNUSED
    ) -> OperationRequested:
        return OperationRequested(operation=operation, fresh_connection_id=fresh)

    def _handle(self, event: ConsumerEvent) -> None:
        self._consumer.handle(event, now_ms=self._now_ms)


class _Triggered(Protocol):
    """What ``transitions`` makes of a model."""

    def trigger(self, name: str, /) -> bool: ...


class _Model:
    """A model without anything of its own."""


def _trigger_us() -> float:
    """Return the median time of one trigger of the smallest machine."""
    model = _Model()
    moves = [["go", "here", "there"], ["back", "there", "here"]]
    logging.getLogger("transitions").setLevel(logging.WARNING)  # it tells of every step
    Machine(model=model, states=["here", "there"], transitions=moves, initial="here")
    trigger = cast("_Triggered", model).trigger
    taken: list[int] = []
    for _ in range(_TRIGGERS // 2):
        for name in ("go", "back"):
            begin = perf_counter_ns()
            trigger(name)
            taken.append(perf_counter_ns() - begin)
    return median(taken) / 1000
