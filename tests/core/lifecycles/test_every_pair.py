"""Every state and every event: it moves as the table says, or is refused and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from mnstream.core.effects import RefuseChannel
from mnstream.core.errors import ConnectionInUse, LocalProtocolError, UnknownConnection
from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelOpened,
    ChannelRefused,
    ChannelViolated,
    CloseReceived,
    ConnectionCreated,
    ConnectionForgotten,
    ConnectionRefused,
    ConsumerEvent,
    DeadlineReached,
    GiveUpReached,
    OperationAnswered,
    OperationFailed,
    OperationRequested,
    PartReceived,
    PeerSilent,
    PingSent,
    PongReceived,
    ProducerDriverEvent,
    ProducerEvent,
    RequestFailed,
    StartRequested,
    StopRequested,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
    WindowEmptied,
)
from mnstream.core.lifecycles.consumer_connection import CONSUMER_CONNECTION
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState as C
from mnstream.core.lifecycles.producer_connection import PRODUCER_CONNECTION
from mnstream.core.lifecycles.producer_connection import ProducerConnectionState as P
from mnstream.core.lifecycles.stream import StreamState
from mnstream.core.operations import AddStream, GetConnectionInfo
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.produced import ProducedStreams
from mnstream.core.streaming.producer import StreamingProducer
from tests.core.lifecycles import test_consumer_connection as at_consumer
from tests.core.lifecycles import test_producer_connection as at_producer
from tests.core.lifecycles import test_stream as of_stream
from tests.core.support import (
    C1,
    C2,
    closed,
    created,
    establish,
    frame,
    frozen,
    ids,
    lost,
    offered,
    performance,
    pinged,
    pong,
    received,
    requested,
    upgrade,
)

LATER_MS = 4_000_000
"""After every deadline."""

# --- the consumer --------------------------------------------------------------------------------


def terminated() -> StreamingConsumer:
    consumer = at_consumer.opened()
    consumer.handle(closed(), now_ms=3_000)
    return consumer


def expired() -> StreamingConsumer:
    consumer = at_consumer.announced()
    consumer.handle(DeadlineReached(), now_ms=61_000)
    return consumer


CONSUMERS: dict[C, Callable[[], StreamingConsumer]] = {
    C.ANNOUNCED: at_consumer.announced,
    C.OPEN: at_consumer.opened,
    C.PROBED: at_consumer.probed,
    C.DETACHED: at_consumer.detached,
    C.TERMINATED: terminated,
    C.EXPIRED: expired,
}
CONSUMER_EVENTS: list[ConsumerEvent] = [
    requested(GetConnectionInfo()),
    upgrade(),
    received(frame("a")),
    pinged(b"1"),
    PartReceived(connection_id=C1),
    PongReceived(connection_id=C1, payload=b""),
    closed(),
    ChannelLost(connection_id=C1),
    ChannelViolated(connection_id=C1, code=1003, reason="text"),
    StopRequested(),
    DeadlineReached(wall_ms=5),
]


def test_the_lists_of_the_consumer_are_complete() -> None:
    assert set(CONSUMERS) == set(C)
    operations = {OperationRequested}
    assert {type(event) for event in CONSUMER_EVENTS} - operations == set(
        CONSUMER_CONNECTION.events
    )


def state_of(consumer: StreamingConsumer) -> object:
    consumer.next_deadline_ms()  # drops what is left of old timers
    return frozen(consumer)


@pytest.mark.parametrize("event", CONSUMER_EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", C)
def test_consumer(state: C, event: ConsumerEvent) -> None:
    consumer = CONSUMERS[state]()
    connection = consumer.connections.get(C1)
    assert (None if connection is None else connection.state) == (
        None if state in CONSUMER_CONNECTION.final else state
    )
    deadline_ms = consumer.next_deadline_ms() or 70_000
    consumer.handle(establish(connection_id=C2), now_ms=deadline_ms)  # to see it left alone
    other = consumer.connections.existing(C2)
    other_before, before = frozen(other), state_of(consumer)
    move = CONSUMER_CONNECTION.step(state, type(event))
    match event:
        case _ if move is not None:
            consumer.handle(event, now_ms=deadline_ms)
            assert connection is not None
            assert connection.state is move[0]
            assert (consumer.connections.get(C1) is None) is (move[0] in CONSUMER_CONNECTION.final)
        case OperationRequested() | DeadlineReached():
            consumer.handle(event, now_ms=deadline_ms)
            assert state_of(consumer) == before
        case StopRequested():
            assert consumer.handle(event, now_ms=deadline_ms) == ()
            assert connection is None or connection.state is state
        case _ if event == upgrade():
            unknown = UnknownConnection(identifiers=(C1,))
            refusal = RefuseChannel(connection_id=C1, exception=unknown)
            assert consumer.handle(event, now_ms=deadline_ms) == (refusal,)
            assert state_of(consumer) == before
        case _:
            with pytest.raises(LocalProtocolError):
                consumer.handle(event, now_ms=deadline_ms)
            assert state_of(consumer) == before
    assert frozen(other) == other_before


# --- the producer --------------------------------------------------------------------------------


def closed_producer() -> StreamingProducer:
    producer = at_producer.closing()
    producer.handle(closed(), now_ms=6_000)
    return producer


def failed_producer() -> StreamingProducer:
    producer = at_producer.closing()
    producer.handle(lost(), now_ms=6_000)
    return producer


PRODUCERS: dict[P, Callable[[], StreamingProducer]] = {
    P.IDLE: at_producer.idle,
    P.CREATING: lambda: at_producer.creating()[0],
    P.UPGRADING: at_producer.upgrading,
    P.OPEN: lambda: at_producer.opened("a"),
    P.DRAINING: at_producer.draining,
    P.CLOSING: at_producer.closing,
    P.BACKING_OFF: lambda: at_producer.backing_off("a"),
    P.CLOSED: closed_producer,
    P.FAILED: failed_producer,
}
FOREIGN = AddStream(connection_id=C1, stream_info_list=(performance(9),))
DRIVER_EVENTS: list[ProducerDriverEvent] = [
    StartRequested(),
    TerminateRequested(),
    StreamsOffered(stream_info_list=(performance(2),)),
    StreamsWithdrawn(stream_id_list=ids(1)),
    offered("z"),
    created(FOREIGN, jitter=0.5),
    OperationFailed(operation=FOREIGN, reason="no route", jitter=0.5),
    ChannelOpened(connection_id=C1),
    ChannelRefused(connection_id=C1, exception=ConnectionInUse("busy"), jitter=0.5),
    ChannelFailed(connection_id=C1, reason="no route", jitter=0.5),
    lost(jitter=0.5),
    CloseReceived(connection_id=C1, code=1001, jitter=0.5),
    PingSent(connection_id=C1, payload=b""),
    pong(2),
    DeadlineReached(jitter=0.5),
]
SELF_TOLD: list[ProducerEvent] = [
    ConnectionCreated(connection_id=C1),
    ConnectionRefused(),
    ConnectionForgotten(exception=UnknownConnection(), jitter=0.5),
    RequestFailed(),
    PeerSilent(),
    WindowEmptied(),
    GiveUpReached(),
]


def test_the_lists_of_the_producer_are_complete() -> None:
    assert set(PRODUCERS) == set(P)
    answers = {OperationAnswered, OperationFailed}
    events = {type(event) for event in (*DRIVER_EVENTS, *SELF_TOLD)}
    assert events - answers == set(PRODUCER_CONNECTION.events)


def reachable_from(state: P) -> set[P]:
    """Where the producer may be when it has also told itself what follows."""
    reached = {state}
    for event in SELF_TOLD:
        move = PRODUCER_CONNECTION.step(state, type(event))
        if move is not None and move[0] is not state:
            reached |= reachable_from(move[0])
    return reached


@pytest.mark.parametrize("event", DRIVER_EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", P)
def test_producer(state: P, event: ProducerDriverEvent) -> None:
    producer = PRODUCERS[state]()
    assert producer.state is state
    before = frozen(producer)
    deadline_ms = producer.next_deadline_ms()
    now_ms = LATER_MS if deadline_ms is None else deadline_ms
    move = PRODUCER_CONNECTION.step(state, type(event))
    if move is not None:
        producer.handle(event, now_ms=now_ms)
        assert producer.state in reachable_from(move[0])
    elif isinstance(event, OperationAnswered | OperationFailed | DeadlineReached):
        # Late answers and early alarms are nobody's fault.
        assert producer.handle(event, now_ms=now_ms) == ()
        assert frozen(producer) == before
    else:
        with pytest.raises(LocalProtocolError):
            producer.handle(event, now_ms=now_ms)
        assert frozen(producer) == before


@pytest.mark.parametrize("event", SELF_TOLD, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", P)
def test_what_a_producer_may_only_tell_itself(state: P, event: ProducerEvent) -> None:
    if PRODUCER_CONNECTION.step(state, type(event)) is not None:
        return  # only the core itself brings this about; the row has a case
    producer = PRODUCERS[state]()
    before = frozen(producer)
    with pytest.raises(LocalProtocolError):
        producer.handle(cast("ProducerDriverEvent", event), now_ms=LATER_MS)
    assert frozen(producer) == before


@pytest.mark.parametrize("state", [state for state in P if state is not P.UPGRADING])
def test_an_upgrade_that_nobody_waits_for_cannot_be_refused_as_unknown(state: P) -> None:
    producer = PRODUCERS[state]()
    before = frozen(producer)
    event = ChannelRefused(connection_id=C1, exception=UnknownConnection(), jitter=0.5)
    with pytest.raises(LocalProtocolError, match=f"ConnectionForgotten while {state.value}"):
        producer.handle(event, now_ms=LATER_MS)
    assert frozen(producer) == before


@pytest.mark.parametrize("state", [P.IDLE, P.CREATING, P.UPGRADING, P.OPEN, P.BACKING_OFF])
def test_frames_for_which_there_is_no_room_are_refused_whole(state: P) -> None:
    producer = PRODUCERS[state]()
    producer.handle(offered("b"), now_ms=5_000)
    before = frozen(producer)
    with pytest.raises(LocalProtocolError, match="window is full"):
        producer.handle(offered(*"cdefghijk"), now_ms=5_000)
    assert frozen(producer) == before


@pytest.mark.parametrize("state", [P.CREATING, P.UPGRADING, P.BACKING_OFF])
def test_frames_after_terminate_are_refused(state: P) -> None:
    producer = PRODUCERS[state]()
    producer.handle(TerminateRequested(), now_ms=5_000)
    before = frozen(producer)
    with pytest.raises(LocalProtocolError, match="no more data is taken"):
        producer.handle(offered("z"), now_ms=5_000)
    assert frozen(producer) == before


# --- streams of a producer -----------------------------------------------------------------------

STREAMS: dict[StreamState, Callable[[], ProducedStreams]] = {
    StreamState.WANTED: of_stream.wanted,
    StreamState.PROPOSED: lambda: of_stream.proposed()[0],
    StreamState.REPORTING: of_stream.reporting,
    StreamState.WITHDRAWING: lambda: of_stream.withdrawing()[0],
}
UNMOVED: list[tuple[StreamState, str, Callable[[ProducedStreams], object]]] = [
    (StreamState.WANTED, "accepted", lambda streams: streams.accepted()),
    (StreamState.WANTED, "deadline", lambda streams: streams.give_up_request()),
    (StreamState.REPORTING, "accepted", lambda streams: streams.accepted()),
    (StreamState.REPORTING, "deadline", lambda streams: streams.give_up_request()),
    (StreamState.WITHDRAWING, "accepted", lambda streams: streams.accepted()),
    (StreamState.WITHDRAWING, "withdrawn", lambda streams: streams.withdraw(ids(1), 99)),
]
WITHOUT_ANY_EFFECT: list[Callable[[ProducedStreams], object]] = [
    lambda streams: streams.withdraw(ids(9), 99),
    lambda streams: streams.answered(created(FOREIGN), now_ms=9_000),
    lambda streams: streams.answered(
        OperationFailed(operation=FOREIGN, reason="no route"), now_ms=9_000
    ),
]


@pytest.mark.parametrize(("state", "name", "event"), UNMOVED)
def test_a_stream_that_has_no_row_for_it_is_left_alone(
    state: StreamState, name: str, event: Callable[[ProducedStreams], object]
) -> None:
    streams = STREAMS[state]()
    before = frozen(streams)
    assert event(streams) in (None, []), name
    assert frozen(streams) == before or (name == "deadline" and streams.deadline_ms is None)
    assert set(streams.states().values()) == {state}


@pytest.mark.parametrize("event", WITHOUT_ANY_EFFECT)
@pytest.mark.parametrize("state", STREAMS)
def test_what_is_about_no_known_stream_changes_nothing(
    state: StreamState, event: Callable[[ProducedStreams], object]
) -> None:
    streams = STREAMS[state]()
    before = frozen(streams)
    assert event(streams) in (None, [])
    assert frozen(streams) == before
