"""What the tests of the core share: short ways to say things, readers, and a deep snapshot."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Generic, TypeVar, cast

from mnstream.core.effects import ProducerEffect, RequestOperation
from mnstream.core.errors import OperationError, Undecodable
from mnstream.core.events import (
    ChannelLost,
    ChannelRequested,
    CloseReceived,
    FrameReceived,
    OperationAnswered,
    OperationRequested,
    PingReceived,
    PingSent,
    PongReceived,
    StreamDataOffered,
)
from mnstream.core.lifecycles.compile import Lifecycle
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStreamOutcome,
    EstablishOutcome,
    EstablishStreamingConnection,
    Outcome,
)
from mnstream.core.profiles import REL19, Profile
from mnstream.core.records import ConnectionEnded, FrameStored, MetadataRecord, Record
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.multiplexing import (
    NO_CHECKS,
    Checks,
    Family,
    Readers,
    RunCheck,
    Unit,
)
from mnstream.core.streaming.resends import ResendDetector
from mnstream.core.streaming.restoration import AttributedFrame
from mnstream.core.values import (
    AdditionalInfo,
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    Status,
    StreamId,
    StreamInfo,
    StreamType,
)

E = TypeVar("E", bound=Enum)
K = TypeVar("K")

C1 = ConnectionId("c1")
C2 = ConnectionId("c2")
GNB = ProducerId("SubNetwork=1,ManagedElement=gnb1")

# --- payloads -----------------------------------------------------------------------------------
# A made-up format: a letter for the family, the units as "stream:values", a semicolon, anything.


def frame(body: str, *units: tuple[int, int], letter: str = "G") -> bytes:
    """Build a payload; of stream 1 with two values when nothing else is said."""
    listed = units or ((1, 2),)
    return f"{letter}{','.join(f'{name}:{count}' for name, count in listed)};{body}".encode()


def _reader(letter: str) -> Callable[[bytes], Sequence[Unit]]:
    def read(payload: bytes) -> list[Unit]:
        head, semicolon, _ = payload.decode().partition(";")
        if not payload or not semicolon or head[0] != letter:
            raise Undecodable(f"not of family {letter}")
        pairs = [unit.split(":") for unit in head[1:].split(",") if unit]
        return [(StreamId(name), int(count)) for name, count in pairs]

    return read


READERS: Readers = {
    Family.PDSU_GPB: _reader("G"),
    Family.PDSU_ASN1: _reader("A"),
    Family.TRACE_GPB: _reader("T"),
}


def _check(expected: Mapping[StreamId, int]) -> RunCheck:
    """Read every payload of family G of a run at once: all are good, or it does not say."""
    read = READERS[Family.PDSU_GPB]

    def check(payloads: Sequence[bytes]) -> bool:
        try:
            readings = [read(payload) for payload in payloads]
        except Undecodable:
            return False
        return all(readings) and all(
            expected.get(name) == count for units in readings for name, count in units
        )

    return check


CHECKS: Checks = {Family.PDSU_GPB: _check}

# --- values -------------------------------------------------------------------------------------


def performance(
    stream_id: int | str = 1,
    *,
    metrics: tuple[str, ...] = ("RRU.PrbTotDl", "RRU.PrbTotUl"),
    serialization_format: SerializationFormat = SerializationFormat.GPB,
) -> StreamInfo:
    """Build a PERFORMANCE stream."""
    return StreamInfo(
        stream_id=StreamId(str(stream_id)),
        stream_type=StreamType.PERFORMANCE,
        serialization_format=serialization_format,
        additional_info=PerformanceInfo(
            meas_obj_dn="SubNetwork=1,NRCellDU=1", performance_metrics=metrics
        ),
    )


def stream(
    stream_id: str,
    stream_type: StreamType,
    serialization_format: SerializationFormat | None = SerializationFormat.GPB,
    additional_info: AdditionalInfo | None = None,
) -> StreamInfo:
    """Build any stream, right or wrong."""
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=stream_type,
        serialization_format=serialization_format,
        additional_info=additional_info,
    )


def ids(*names: int | str) -> tuple[StreamId, ...]:
    """Build a list of stream identifiers."""
    return tuple(StreamId(str(name)) for name in names)


# --- a consumer and what may happen to it -------------------------------------------------------


def new_consumer(
    config: ConsumerConfig | None = None,
    *,
    profile: Profile = REL19,
    readers: Readers = READERS,
    checks: Checks = NO_CHECKS,
) -> StreamingConsumer:
    """Make a consumer that reads the payloads of this module."""
    return StreamingConsumer(readers=readers, checks=checks, config=config, profile=profile)


def requested(
    operation: ControlOperation,
    *,
    connection_id: ConnectionId = C1,
    identity: str = "",
    wall_ms: int = 0,
) -> OperationRequested:
    """Build the event of an operation; ``connection_id`` is what a new connection is to get."""
    return OperationRequested(
        operation=operation, fresh_connection_id=connection_id, identity=identity, wall_ms=wall_ms
    )


def establish(
    *streams: StreamInfo,
    connection_id: ConnectionId = C1,
    producer_id: ProducerId = GNB,
    identity: str = "",
    wall_ms: int = 0,
) -> OperationRequested:
    """Build the event of EstablishStreamingConnection, with stream 1 unless others are given."""
    operation = EstablishStreamingConnection(
        producer_id=producer_id, stream_info_list=streams or (performance(),)
    )
    return requested(operation, connection_id=connection_id, identity=identity, wall_ms=wall_ms)


def upgrade(connection_id: ConnectionId = C1, identity: str = "") -> ChannelRequested:
    """Build the event of a request for a channel."""
    return ChannelRequested(connection_id=connection_id, identity=identity)


def received(
    payload: bytes, connection_id: ConnectionId = C1, *, wall_ms: int = 0
) -> FrameReceived:
    """Build the event of a frame."""
    return FrameReceived(connection_id=connection_id, payload=payload, wall_ms=wall_ms)


def pinged(payload: bytes, connection_id: ConnectionId = C1) -> PingReceived:
    """Build the event of a Ping."""
    return PingReceived(connection_id=connection_id, payload=payload)


def closed(
    connection_id: ConnectionId = C1, *, code: int = 1000, wall_ms: int = 0
) -> CloseReceived:
    """Build the event of a Close."""
    return CloseReceived(connection_id=connection_id, code=code, wall_ms=wall_ms)


def open_consumer(
    *streams: StreamInfo,
    now_ms: int = 0,
    config: ConsumerConfig | None = None,
    profile: Profile = REL19,
    readers: Readers = READERS,
) -> StreamingConsumer:
    """Make a consumer with connection c1 and its open channel."""
    consumer = new_consumer(config, profile=profile, readers=readers)
    consumer.handle(establish(*streams), now_ms=now_ms)
    consumer.handle(upgrade(), now_ms=now_ms)
    return consumer


def taken_apart(
    log: Iterable[Record],
) -> tuple[list[MetadataRecord], list[AttributedFrame]]:
    """Give the metadata of a log, and its frames with their connections, as ``restore`` wants."""
    metadata: list[MetadataRecord] = []
    frames: list[AttributedFrame] = []
    names: dict[int, ConnectionId] = {}
    for record in log:
        if isinstance(record, FrameStored):
            frames.append((names.get(record.streams_version), record))
            continue
        metadata.append(record)
        if not isinstance(record, ConnectionEnded):
            names[record.streams_version] = record.connection_id
    return metadata, frames


def one(effects: Sequence[object], kind: type[K]) -> K:
    """Return the only effect, which is of this kind."""
    (effect,) = effects
    assert isinstance(effect, kind)
    return effect


# --- a producer and what may happen to it -------------------------------------------------------


def operation_of(effects: Sequence[ProducerEffect]) -> ControlOperation:
    """Return the operation that the effects ask for; there is exactly one."""
    (operation,) = [e.operation for e in effects if isinstance(e, RequestOperation)]
    return operation


def created(
    operation: ControlOperation, connection_id: ConnectionId = C1, *, jitter: float = 0.0
) -> OperationAnswered:
    """Build the event of a consumer that has created a connection."""
    outcome = EstablishOutcome(status=Status.SUCCESS, connection_id=connection_id)
    return OperationAnswered(operation=operation, outcome=outcome, jitter=jitter)


def refused(
    operation: ControlOperation, exception: OperationError, *, jitter: float = 0.0
) -> OperationAnswered:
    """Build the event of a consumer that has refused an operation."""
    outcome: Outcome
    match operation:
        case EstablishStreamingConnection():
            outcome = EstablishOutcome(status=Status.FAILURE, exception=exception)
        case AddStream():
            outcome = AddStreamOutcome(status=Status.FAILURE, exception=exception)
        case _:
            outcome = DeleteStreamOutcome(status=Status.FAILURE, exception=exception)
    return OperationAnswered(operation=operation, outcome=outcome, jitter=jitter)


def offered(*bodies: str) -> StreamDataOffered:
    """Build the event of an application that offers frames of stream 1."""
    return StreamDataOffered(frames=tuple(frame(body) for body in bodies))


def pong(number: int, connection_id: ConnectionId = C1) -> PongReceived:
    """Build the event of a Pong that acknowledges everything up to a frame."""
    return PongReceived(connection_id=connection_id, payload=number.to_bytes(8, "big"))


def ping_left(number: int, connection_id: ConnectionId = C1) -> PingSent:
    """Build the event of a Ping that has been handed to the network."""
    return PingSent(connection_id=connection_id, payload=number.to_bytes(8, "big"))


def lost(
    reason: str = "reset by peer", *, connection_id: ConnectionId = C1, jitter: float = 0.0
) -> ChannelLost:
    """Build the event of a channel that ended without a goodbye."""
    return ChannelLost(connection_id=connection_id, reason=reason, jitter=jitter)


# --- state --------------------------------------------------------------------------------------


def frozen(value: object) -> object:
    """Take a deep snapshot of everything that an object holds; equal states give equal snapshots.

    The order of dictionaries counts, functions count by their name.
    """
    kind = type(value).__name__
    if value is None or isinstance(value, bool | int | float | str | bytes | Enum | type):
        return value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return ("mapping", *((frozen(key), frozen(item)) for key, item in pairs))
    if isinstance(value, list | tuple | deque | array):
        items = cast("Sequence[object]", value)
        return (kind, *map(frozen, items))
    if isinstance(value, set | frozenset):
        members = cast("AbstractSet[object]", value)
        return (kind, *sorted(map(repr, map(frozen, members))))
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    names = {name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())}
    names |= getattr(value, "__dict__", {}).keys()
    if isinstance(value, BaseException):
        names.add("args")
    held = {name: getattr(value, name) for name in sorted(names)}
    assert held, f"nothing is known of what {kind} holds"
    if isinstance(value, ResendDetector):  # when it drops what is too old depends on runs
        kept = max(0, len(held["_recent"]) - held["_frames_max"])
        held["_recent"] = held["_recent"][kept:]
    return (kind, *((name, frozen(item)) for name, item in held.items()))


# --- which rows of a table have a case ----------------------------------------------------------


class Rows(Generic[E]):
    """Decorates each test with the row that it is about, and names the rows without a test."""

    def __init__(self, lifecycle: Lifecycle[E]) -> None:
        self.lifecycle = lifecycle
        self.cases: dict[tuple[E, type[object]], list[Callable[[], None]]] = {}

    def __call__(
        self, state: E, event: type[object]
    ) -> Callable[[Callable[[], None]], Callable[[], None]]:
        """Note that the decorated test is the case of this row."""

        def note(test: Callable[[], None]) -> Callable[[], None]:
            self.cases.setdefault((state, event), []).append(test)
            return test

        return note

    def assert_complete(self) -> None:
        """Fail when a row has no case, or a case has no row."""
        rows = {(row.state, row.event) for row in self.lifecycle.rows}
        assert {f"{s.name} {e.__name__}" for s, e in rows ^ self.cases.keys()} == set()
