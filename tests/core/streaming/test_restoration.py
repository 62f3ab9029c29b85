"""A consumer's log is its state: snapshots, records and restarts (ARCHITECTURE.md 3)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstream.core.effects import ConsumerEffect, Store
from mnstream.core.errors import LocalProtocolError
from mnstream.core.events import ChannelLost, ConsumerEvent, DeadlineReached
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState as S
from mnstream.core.operations import AddStream, DeleteStream
from mnstream.core.records import (
    SENT_AGAIN,
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, ProducerId, StreamType
from tests.core.support import (
    C1,
    C2,
    GNB,
    closed,
    establish,
    frame,
    frozen,
    ids,
    new_consumer,
    one,
    performance,
    received,
    requested,
    stream,
    taken_apart,
    upgrade,
)

CONFIG = ConsumerConfig(keep_alive_ms=30_000, grace_ms=300_000)


def records_of(effects: Iterable[ConsumerEffect]) -> list[Record]:
    return [effect.record for effect in effects if isinstance(effect, Store)]


def run(consumer: StreamingConsumer, *events: ConsumerEvent) -> list[Record]:
    """Feed events, one a second, and return what the log holds then."""
    log: list[Record] = []
    for second, event in enumerate(events):
        log += records_of(consumer.handle(event, now_ms=1_000 * second))
    return log


def restored(records: Iterable[Record], now_ms: int = 0) -> StreamingConsumer:
    consumer = new_consumer(CONFIG)
    consumer.restore(*taken_apart(records), now_ms=now_ms)
    return consumer


def what_is_known(consumer: StreamingConsumer) -> object:
    """Everything but what a channel leaves behind, and when each reporter came to a stream."""
    connections = [
        (
            connection.connection_id,
            connection.producer_id,
            connection.identity,
            connection.established_wall_ms,
            connection.streams_version,
            list(connection.streams.values()),
        )
        for connection in consumer.connections
    ]
    reporters = {
        stream_id: {
            connection.connection_id
            for connection in consumer.connections
            if stream_id in connection.streams
        }
        for stream_id in sorted(consumer.connections.all_streams())
    }
    return connections, reporters, consumer.connections.streams_version


def adding(*names: int, connection_id: ConnectionId = C1) -> ConsumerEvent:
    streams = tuple(map(performance, names))
    return requested(AddStream(connection_id=connection_id, stream_info_list=streams), wall_ms=4)


def deleting(*names: int, connection_id: ConnectionId = C1) -> ConsumerEvent:
    return requested(
        DeleteStream(connection_id=connection_id, stream_id_list=ids(*names)), wall_ms=5
    )


# --- the same state ------------------------------------------------------------------------------


def test_the_records_of_a_run_and_its_snapshot_rebuild_it() -> None:
    consumer = new_consumer(CONFIG)
    log = run(
        consumer,
        establish(performance(1), performance(2), identity="CN=gnb1", wall_ms=1),
        establish(performance(2), connection_id=C2, producer_id=ProducerId("amf"), wall_ms=2),
        upgrade(C1, "CN=gnb1"),
        adding(3, connection_id=C2),
        upgrade(C2),
        received(frame("a")),
        deleting(2, connection_id=C2),
    )
    for records in (log, consumer.snapshot()):
        again = restored(records)
        assert what_is_known(again) == what_is_known(consumer)
        assert [connection.state for connection in again.connections] == [S.DETACHED] * 2
    assert restored(log).snapshot() == consumer.snapshot()


def test_a_snapshot_says_what_is_in_force_now_and_when_it_began() -> None:
    consumer = new_consumer()
    run(consumer, establish(performance(1), wall_ms=3), adding(2), deleting(1))
    assert consumer.snapshot() == (
        ConnectionEstablished(
            connection_id=C1,
            producer_id=GNB,
            identity="",
            streams_version=3,
            stream_info_list=(performance(2),),
            wall_ms=3,
        ),
    )


def test_a_consumer_without_connections_has_an_empty_snapshot() -> None:
    assert new_consumer().snapshot() == ()
    assert what_is_known(restored(())) == what_is_known(new_consumer())


def test_every_connection_is_taken_up_as_if_its_channel_had_just_been_lost() -> None:
    consumer = new_consumer(CONFIG)
    log = run(consumer, establish(identity="CN=gnb1"))
    again = restored(log, now_ms=50_000)
    assert again.connections.existing(C1).state is S.DETACHED
    assert again.next_deadline_ms() == 350_000
    assert len(again.handle(upgrade(C1, "CN=gnb1"), now_ms=60_000)) == 1
    assert again.connections.existing(C1).state is S.OPEN


def test_an_ended_connection_does_not_come_back() -> None:
    consumer = new_consumer(CONFIG)
    log = run(consumer, establish(), upgrade(), closed(), establish(connection_id=C2))
    again = restored(log)
    assert [connection.connection_id for connection in again.connections] == [C2]
    assert again.connections.stream_count == 1


# --- duplicates after a restart ------------------------------------------------------------------


def disposition(consumer: StreamingConsumer, body: str) -> Disposition:
    (record,) = records_of(consumer.handle(received(frame(body)), now_ms=9_000))
    assert isinstance(record, FrameStored)
    return record.disposition


def test_frames_that_are_sent_again_after_a_restart_are_recognised() -> None:
    consumer = new_consumer(CONFIG)
    frames = [received(frame(body)) for body in "abc"]
    again = restored(run(consumer, establish(), upgrade(), *frames))
    again.handle(upgrade(), now_ms=8_000)
    dispositions = [disposition(again, body) for body in "bcd"]
    assert dispositions == [Disposition.DUPLICATE, Disposition.DUPLICATE, Disposition.DELIVERED]


@pytest.mark.parametrize("change", [adding(3), deleting(2)], ids=["added", "removed"])
def test_frames_of_every_version_of_the_streams_are_recognised(change: ConsumerEvent) -> None:
    # A log is opened with what is in force, which names only the newest version.
    consumer = new_consumer(CONFIG)
    opening = (establish(performance(1), performance(2)), upgrade())
    log = run(consumer, *opening, received(frame("a")), change, received(frame("b")))
    metadata, frames = taken_apart(log)
    for records in (metadata, consumer.snapshot()):
        again = new_consumer(CONFIG)
        again.restore(records, frames, now_ms=0)
        again.handle(upgrade(), now_ms=8_000)
        assert [disposition(again, body) for body in "abc"] == [
            Disposition.DUPLICATE,
            Disposition.DUPLICATE,
            Disposition.DELIVERED,
        ]


def test_a_new_frame_behind_an_opaque_one_is_delivered_once() -> None:
    consumer = new_consumer(CONFIG)
    opening = (establish(performance(1), stream("V", StreamType.PROPRIETARY)), upgrade())
    lost = ChannelLost(connection_id=C1)
    first = (received(frame("a")), received(frame("o", letter="Z")), received(frame("b")))
    new = received(frame("c"))
    log = run(consumer, *opening, *first, lost, upgrade(), *first, new, lost)
    for survivor in (consumer, restored(log)):
        survivor.handle(upgrade(), now_ms=8_000)
        columns = [
            (record.disposition, record.cause)
            for event in (*first, new)
            for record in records_of(survivor.handle(event, now_ms=9_000))
            if isinstance(record, FrameStored)
        ]
        assert columns == [
            (Disposition.DUPLICATE, ""),
            (Disposition.DELIVERED, SENT_AGAIN),
            (Disposition.DUPLICATE, ""),
            (Disposition.DUPLICATE, ""),
        ]


def test_a_duplicate_in_the_log_is_not_counted_twice() -> None:
    consumer = new_consumer(CONFIG)
    lost = ChannelLost(connection_id=C1)
    a, b = received(frame("a")), received(frame("b"))
    log = run(consumer, establish(), upgrade(), a, b, lost, upgrade(), a)
    assert [r.disposition for r in log if isinstance(r, FrameStored)][-1] is Disposition.DUPLICATE
    again = restored(log)
    again.handle(upgrade(), now_ms=8_000)
    assert [disposition(again, body) for body in "abc"] == [
        Disposition.DUPLICATE,
        Disposition.DUPLICATE,
        Disposition.DELIVERED,
    ]


def test_as_many_frames_are_remembered_as_without_a_restart() -> None:
    config = ConsumerConfig(resend_window_frames=2)
    consumer = new_consumer(config)
    log = run(consumer, establish(), upgrade(), *(received(frame(body)) for body in "abc"))
    again = new_consumer(config)
    again.restore(*taken_apart(log), now_ms=0)
    again.handle(upgrade(), now_ms=8_000)
    assert disposition(again, "a") is Disposition.DELIVERED


# --- logs that are not whole ---------------------------------------------------------------------


def added(version: int, connection_id: ConnectionId = C1) -> StreamsChanged:
    return StreamsChanged(
        connection_id=connection_id,
        streams_version=version,
        added=(performance(2),),
        removed=(),
        wall_ms=1,
    )


def stored(version: int) -> FrameStored:
    return FrameStored(
        streams_version=version,
        disposition=Disposition.DELIVERED,
        cause="",
        wall_ms=1,
        payload=frame("a"),
    )


def established(version: int, connection_id: ConnectionId = C1) -> ConnectionEstablished:
    return ConnectionEstablished(
        connection_id=connection_id,
        producer_id=GNB,
        identity="",
        streams_version=version,
        stream_info_list=(performance(1),),
        wall_ms=1,
    )


def ended(connection_id: ConnectionId = C1) -> ConnectionEnded:
    return ConnectionEnded(connection_id=connection_id, ending=Ending.TERMINATED, wall_ms=1)


def next_version(consumer: StreamingConsumer) -> int:
    fresh = ConnectionId("fresh")
    consumer.handle(establish(connection_id=fresh), now_ms=9_000)
    return consumer.connections.existing(fresh).streams_version


def test_records_of_a_connection_whose_beginning_is_lost_are_passed_over() -> None:
    again = restored([added(7), stored(7), ended(), established(8, C2)])
    assert [connection.connection_id for connection in again.connections] == [C2]


def test_frames_of_nobody_are_passed_over_and_their_versions_not_given_again() -> None:
    again = new_consumer(CONFIG)
    again.restore([established(1)], [(None, stored(7)), (C2, stored(8))], now_ms=0)
    assert again.connections.existing(C1).resends is None
    assert next_version(again) == 9


def test_a_stream_whose_beginning_is_lost_can_be_removed() -> None:
    change = StreamsChanged(
        connection_id=C1, streams_version=3, added=(), removed=ids(1, 2), wall_ms=1
    )
    again = restored([established(1), change])
    assert list(again.connections.existing(C1).streams) == []
    assert again.connections.stream_count == 0


def test_a_version_is_never_given_twice() -> None:
    assert next_version(restored([])) == 1
    assert next_version(restored([established(7)])) == 8
    assert next_version(restored([established(7), ended()])) == 8
    assert next_version(restored([established(7), added(8), ended(), added(9)])) == 10
    assert next_version(restored([added(7)])) == 8
    assert next_version(restored([stored(7)])) == 8
    assert next_version(restored([established(7), stored(7), established(3, C2)])) == 8


def test_a_snapshot_does_not_forget_the_versions_of_ended_connections() -> None:
    consumer = new_consumer()
    run(consumer, establish(), establish(connection_id=C2), upgrade(C2), closed(C2))
    assert consumer.connections.streams_version == 2
    again = restored(consumer.snapshot())
    assert what_is_known(again) == what_is_known(consumer)
    assert next_version(again) == 3


def test_a_connection_that_is_established_twice_is_the_later_one() -> None:
    again = restored([established(1), added(2), established(3)])
    connection = again.connections.existing(C1)
    assert list(connection.streams) == ["1"]
    assert connection.streams_version == 3
    assert again.connections.stream_count == 1


# --- any run -------------------------------------------------------------------------------------

names = st.sampled_from([C1, C2, ConnectionId("c3")])
numbers = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True)


def fresh_establish(streams: list[int], made: int) -> ConsumerEvent:
    name = ConnectionId(f"c{made}")
    return establish(*map(performance, streams), connection_id=name, wall_ms=made)


def add_to(step: tuple[ConnectionId, list[int]]) -> ConsumerEvent:
    return adding(*step[1], connection_id=step[0])


def delete_from(step: tuple[ConnectionId, list[int]]) -> ConsumerEvent:
    return deleting(*step[1], connection_id=step[0])


def receive_on(step: tuple[ConnectionId, str]) -> ConsumerEvent:
    letter = "Z" if step[1].isupper() else "G"
    return received(frame(step[1], letter=letter), step[0])


def add_opaque_to(name: ConnectionId) -> ConsumerEvent:
    opaque = (stream("V", StreamType.PROPRIETARY),)
    return requested(AddStream(connection_id=name, stream_info_list=opaque))


events: st.SearchStrategy[ConsumerEvent] = st.one_of(
    st.tuples(names, numbers).map(add_to),
    st.tuples(names, numbers).map(delete_from),
    names.map(upgrade),
    st.tuples(names, st.sampled_from("abcD")).map(receive_on),
    names.map(add_opaque_to),
    names.map(lambda name: ChannelLost(connection_id=name)),
    names.map(closed),
    st.just(DeadlineReached(wall_ms=9)),
)
histories = st.lists(st.one_of(numbers, events, events, events), max_size=30)


@settings(max_examples=150)
@given(histories)
def test_snapshot_and_records_of_any_run_rebuild_it(
    history: list[list[int] | ConsumerEvent],
) -> None:
    consumer = new_consumer(CONFIG)
    log: list[Record] = []
    made = 0
    for second, step in enumerate(history):
        if isinstance(step, list):
            made += 1
            event = fresh_establish(step, made)
        else:
            event = step
        try:
            log += records_of(consumer.handle(event, now_ms=second * 20_000))
        except LocalProtocolError:
            continue
    for connection in consumer.connections:
        if connection.resends is not None:
            connection.resends.resume()
    metadata, frames = taken_apart(log)
    for records in (metadata, consumer.snapshot()):
        again = new_consumer(CONFIG)
        again.restore(records, frames, now_ms=0)
        assert what_is_known(again) == what_is_known(consumer)
        assert again.snapshot() == consumer.snapshot()
        for connection, same in zip(consumer.connections, again.connections, strict=True):
            if same.resends is not None:
                same.resends.resume()
            assert frozen(same.resends) == frozen(connection.resends)


def test_one_store_for_each_change() -> None:
    consumer = new_consumer()
    effects = consumer.handle(establish(), now_ms=0)
    assert len(records_of(effects)) == 1
    consumer.handle(upgrade(), now_ms=0)
    record = one(consumer.handle(received(frame("a")), now_ms=0), Store).record
    assert isinstance(record, FrameStored)
