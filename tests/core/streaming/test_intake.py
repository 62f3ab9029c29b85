"""What becomes of a frame, on the plain path and on the other (ARCHITECTURE.md 5)."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstream.core.effects import Store
from mnstream.core.errors import LocalProtocolError
from mnstream.core.events import ChannelLost, ConsumerEvent, DeadlineReached
from mnstream.core.operations import AddStream, DeleteStream
from mnstream.core.profiles import REL19, STRICT, Profile
from mnstream.core.records import SENT_AGAIN, Disposition, FrameStored
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import Effects, StreamingConsumer
from mnstream.core.streaming.multiplexing import ANY_COUNT, NO_CHECKS, Checks, Family, Readers
from mnstream.core.values import ConnectionId, StreamId, StreamType
from tests.core.support import (
    C1,
    C2,
    CHECKS,
    READERS,
    closed,
    establish,
    frame,
    frozen,
    ids,
    new_consumer,
    one,
    open_consumer,
    performance,
    pinged,
    received,
    requested,
    stream,
    upgrade,
)

# --- one column of the ledger for each frame -----------------------------------------------------


def stored(consumer: StreamingConsumer, payload: bytes) -> FrameStored:
    effects = consumer.handle(received(payload, wall_ms=7), now_ms=10)
    record = one(effects, Store).record
    assert isinstance(record, FrameStored)
    assert (record.payload, record.wall_ms, record.streams_version) == (payload, 7, 1)
    return record


def test_data_of_announced_streams_are_delivered() -> None:
    consumer = open_consumer(performance(1), performance(3, metrics=("x",)))
    payload = frame("a", (1, 2), (3, 1), (1, 2))
    record = stored(consumer, payload)
    assert (record.disposition, record.cause) == (Disposition.DELIVERED, "")
    assert consumer.counts.frames_delivered == 1
    assert consumer.counts.bytes_delivered == len(payload)


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (frame("a", (9, 2)), "unknownStream"),
        (frame("a", (1, 2), (9, 2)), "unknownStream"),
        (frame("a", (1, 3), (9, 2)), "unknownStream"),
        (frame("a", (1, 3)), "wrongValueCount"),
        (frame("a", (1, 0)), "wrongValueCount"),
        (frame("a", (1, 2), (1, 1)), "wrongValueCount"),
        (b"Z;", "undecodable"),
    ],
)
def test_what_is_wrong_is_stored_aside_whole_under_its_worst_cause(
    payload: bytes, cause: str
) -> None:
    consumer = open_consumer()
    record = stored(consumer, payload)
    assert (record.disposition, record.cause) == (Disposition.QUARANTINED, cause)
    assert consumer.counts.frames_quarantined == {
        "unknownStream": 0,
        "wrongValueCount": 0,
        "undecodable": 0,
    } | {cause: 1}
    assert consumer.counts.frames_delivered == consumer.counts.bytes_delivered == 0


@pytest.mark.parametrize("payload", [b"", b"G;"])
def test_empty_stream_data_keep_the_connection_alive_and_are_not_stored(payload: bytes) -> None:
    consumer = open_consumer()
    assert consumer.accept_frames(C1, [payload], 10) == 0
    assert consumer.handle(received(payload), now_ms=10) == ()
    assert consumer.connections.existing(C1).heard_ms == 10
    assert consumer.counts.keep_alives == 1


def test_a_frame_sent_again_is_stored_as_duplicate() -> None:
    consumer = open_consumer()
    stored(consumer, frame("a"))
    consumer.handle(ChannelLost(connection_id=C1), now_ms=20)
    consumer.handle(upgrade(), now_ms=30)
    assert consumer.accept_frames(C1, [frame("a")], 40) == 0
    record = stored(consumer, frame("a"))
    assert (record.disposition, record.cause) == (Disposition.DUPLICATE, "")
    assert consumer.counts.frames_duplicate == 1
    assert consumer.counts.frames_delivered == 1


def test_an_opaque_frame_sent_again_is_delivered_again_and_what_follows_it_is_recognised() -> None:
    # Nothing in it says which one it is; two equal ones may be two.
    consumer = open_consumer(performance(1), OPAQUE)
    for payload in (b"Z;", frame("a")):
        stored(consumer, payload)
    consumer.handle(ChannelLost(connection_id=C1), now_ms=20)
    consumer.handle(upgrade(), now_ms=30)
    again = stored(consumer, b"Z;")
    assert (again.disposition, again.cause) == (Disposition.DELIVERED, SENT_AGAIN)
    assert stored(consumer, frame("a")).disposition is Disposition.DUPLICATE
    assert stored(consumer, frame("b")).disposition is Disposition.DELIVERED


def test_a_wrong_opaque_frame_sent_again_is_a_duplicate_as_well() -> None:
    # It names a stream of measurements, and holds none.
    names_one: Readers = {Family.OPAQUE: lambda _: [(StreamId("1"), ANY_COUNT)]}
    consumer = open_consumer(performance(1), OPAQUE, readers={**READERS, **names_one})
    assert stored(consumer, b"Z;").cause == "wrongValueCount"
    consumer.handle(ChannelLost(connection_id=C1), now_ms=20)
    consumer.handle(upgrade(), now_ms=30)
    assert stored(consumer, b"Z;").disposition is Disposition.DUPLICATE
    assert consumer.counts.frames_quarantined["wrongValueCount"] == 1


def test_a_wrong_frame_sent_again_is_a_duplicate_and_no_second_fault() -> None:
    consumer = open_consumer()
    stored(consumer, b"Z;")
    consumer.handle(ChannelLost(connection_id=C1), now_ms=20)
    consumer.handle(upgrade(), now_ms=30)
    assert stored(consumer, b"Z;").disposition is Disposition.DUPLICATE
    assert consumer.counts.frames_quarantined["undecodable"] == 1


def test_keep_alives_do_not_interrupt_a_resend() -> None:
    consumer = open_consumer()
    for payload in (frame("a"), b"", frame("b")):
        consumer.handle(received(payload), now_ms=10)
    consumer.handle(ChannelLost(connection_id=C1), now_ms=20)
    consumer.handle(upgrade(), now_ms=30)
    assert stored(consumer, frame("a")).disposition is Disposition.DUPLICATE
    assert consumer.handle(received(b""), now_ms=40) == ()
    assert stored(consumer, frame("b")).disposition is Disposition.DUPLICATE
    assert stored(consumer, frame("c")).disposition is Disposition.DELIVERED


def test_the_version_that_is_in_force_is_stamped_on_a_frame() -> None:
    consumer = open_consumer(performance(1))
    operation = AddStream(connection_id=C1, stream_info_list=(performance(2),))
    consumer.handle(requested(operation), now_ms=5)
    effects = consumer.handle(received(frame("a", (2, 2))), now_ms=10)
    record = one(effects, Store).record
    assert isinstance(record, FrameStored)
    assert record.streams_version == 2


# --- the plain path ------------------------------------------------------------------------------


def warmed(profile: Profile = REL19) -> StreamingConsumer:
    """A first frame of the channel was taken the other way."""
    consumer = open_consumer(profile=profile)
    assert consumer.accept_frames(C1, [frame("first")], 5) == 0
    stored(consumer, frame("first"))
    return consumer


def test_a_plain_frame_is_taken_at_once() -> None:
    consumer = warmed()
    assert consumer.accept_frames(C1, [frame("a")], 40) == 1
    assert consumer.connections.existing(C1).heard_ms == 40
    assert consumer.counts.frames_delivered == 2
    assert consumer.counts.bytes_delivered == len(frame("first")) + len(frame("a"))


@pytest.mark.parametrize(
    "payload",
    [b"", b"G;", b"Z;", frame("a", (9, 2)), frame("a", (1, 3)), frame("a", (1, 2), (9, 2))],
)
def test_anything_else_is_left_to_the_other_path(payload: bytes) -> None:
    consumer = warmed()
    before = frozen(consumer)
    assert consumer.accept_frames(C1, [payload], 40) == 0
    assert frozen(consumer) == before


def test_a_connection_that_is_not_open_takes_nothing_at_once() -> None:
    consumer = warmed()
    assert consumer.accept_frames(C2, [frame("a")], 40) == 0
    consumer.handle(upgrade(), now_ms=40)  # probes
    assert consumer.accept_frames(C1, [frame("a")], 41) == 0
    consumer.handle(ChannelLost(connection_id=C1), now_ms=42)
    assert consumer.accept_frames(C1, [frame("a")], 43) == 0


def test_after_a_change_of_streams_the_other_path_looks_once() -> None:
    consumer = warmed()
    operation = AddStream(connection_id=C1, stream_info_list=(performance(2),))
    consumer.handle(requested(operation), now_ms=20)
    assert consumer.accept_frames(C1, [frame("a")], 30) == 0
    consumer.handle(received(frame("a")), now_ms=30)
    assert consumer.accept_frames(C1, [frame("b", (2, 2))], 40) == 2


# --- the two paths are one -----------------------------------------------------------------------


class Frame(NamedTuple):
    """A frame on a connection."""

    connection_id: ConnectionId
    payload: bytes


class Wait(NamedTuple):
    """Time that passes."""

    ms: int


CONFIG = ConsumerConfig(
    announce_timeout_ms=60,
    keep_alive_ms=30,
    probe_timeout_ms=10,
    grace_ms=100,
    resend_window_frames=4,
)
OPAQUE = stream("V", StreamType.PROPRIETARY)

connections = st.sampled_from([C1, C2])
payloads = st.sampled_from(
    [
        *(frame(body) for body in "abcdef"),
        frame("g", (2, 1)),
        frame("h", (1, 2), (2, 1)),
        frame("i", (9, 1)),
        frame("j", (1, 1)),
        b"Z;",
        b"G;",
        b"",
    ]
)
frames = st.builds(Frame, connections, payloads)
others: st.SearchStrategy[ConsumerEvent] = st.one_of(
    connections.map(upgrade),
    connections.map(lambda name: ChannelLost(connection_id=name)),
    connections.map(lambda name: pinged(b"1", name)),
    connections.map(closed),
    connections.map(
        lambda name: requested(
            AddStream(connection_id=name, stream_info_list=(performance(2, metrics=("x",)),))
        )
    ),
    connections.map(
        lambda name: requested(AddStream(connection_id=name, stream_info_list=(OPAQUE,)))
    ),
    connections.map(
        lambda name: requested(DeleteStream(connection_id=name, stream_id_list=ids(2)))
    ),
)
waits = st.builds(Wait, st.integers(1, 40))
Step = Frame | Wait | ConsumerEvent
steps: st.SearchStrategy[Step] = st.one_of(frames, frames, frames, others, waits)


def pair(profile: Profile, checks: Checks) -> tuple[StreamingConsumer, StreamingConsumer]:
    """Make two equal consumers with two open connections each."""
    made: list[StreamingConsumer] = []
    for _ in range(2):
        consumer = new_consumer(CONFIG, profile=profile, checks=checks)
        for name in (C1, C2):
            consumer.handle(establish(connection_id=name), now_ms=0)
            consumer.handle(upgrade(name), now_ms=0)
        made.append(consumer)
    return made[0], made[1]


def handled(consumer: StreamingConsumer, event: ConsumerEvent, now_ms: int) -> Effects | str:
    try:
        return consumer.handle(event, now_ms=now_ms)
    except LocalProtocolError as error:
        return str(error)


def event_of(step: Step, now_ms: int) -> ConsumerEvent:
    """Say what a driver would feed for a step."""
    match step:
        case Frame():
            return received(step.payload, step.connection_id, wall_ms=now_ms)
        case Wait():
            return DeadlineReached(wall_ms=now_ms)
        case _:
            return step


def stored_as_delivered(payload: bytes, version: int, wall_ms: int) -> Store:
    """Build the effect of a frame that a driver stores by itself."""
    return Store(
        record=FrameStored(
            streams_version=version,
            disposition=Disposition.DELIVERED,
            cause="",
            wall_ms=wall_ms,
            payload=payload,
        )
    )


def is_delivery(effects: Effects | str) -> bool:
    return any(
        isinstance(effect, Store)
        and isinstance(effect.record, FrameStored)
        and effect.record.disposition is Disposition.DELIVERED
        for effect in effects
    )


worlds = st.tuples(st.sampled_from([REL19, STRICT]), st.sampled_from([NO_CHECKS, CHECKS]))


@settings(max_examples=150)
@given(worlds, st.lists(steps, max_size=40))
def test_accept_frame_is_what_handle_does(
    world: tuple[Profile, Checks], history: list[Step]
) -> None:
    quick, slow = pair(*world)
    now_ms = 0
    for step in history:
        now_ms += step.ms if isinstance(step, Wait) else 0
        event = event_of(step, now_ms)
        if not isinstance(step, Frame):
            assert handled(quick, event, now_ms) == handled(slow, event, now_ms)
            continue
        connection = quick.connections.get(step.connection_id)
        looks_first = connection is None or (
            connection.state.value != "open"
            or connection.demultiplexer is None
            or connection.resends is None
            or connection.resends.resuming
        )
        before = frozen(quick)
        version = quick.accept_frames(step.connection_id, [step.payload], now_ms)
        effects = handled(slow, event, now_ms)
        if version:
            assert effects == (stored_as_delivered(step.payload, version, now_ms),)
        else:
            assert frozen(quick) == before
            assert handled(quick, event, now_ms) == effects
            # What was refused although it is delivered is what the docstring names.
            assert looks_first or not is_delivery(effects)
        assert frozen(quick) == frozen(slow)
    assert quick.next_deadline_ms() == slow.next_deadline_ms()


def taken(
    consumer: StreamingConsumer, name: ConnectionId, payloads: list[bytes], now_ms: int
) -> list[object]:
    """Take a run as a driver does: whole if possible, else its halves."""
    before = frozen(consumer)
    version = consumer.accept_frames(name, payloads, now_ms)
    if version:
        return [stored_as_delivered(payload, version, now_ms) for payload in payloads]
    assert frozen(consumer) == before
    if len(payloads) == 1:
        effects = handled(consumer, received(payloads[0], name, wall_ms=now_ms), now_ms)
        return [effects] if isinstance(effects, str) else [*effects]
    middle = len(payloads) // 2
    return [
        effect
        for half in (payloads[:middle], payloads[middle:])
        for effect in taken(consumer, name, half, now_ms)
    ]


runs = st.lists(st.tuples(connections, st.lists(payloads, min_size=1, max_size=12)), max_size=6)


@settings(max_examples=150)
@given(worlds, runs, st.booleans())
def test_a_run_of_frames_is_what_its_frames_are(
    world: tuple[Profile, Checks], history: list[tuple[ConnectionId, list[bytes]]], lose: bool
) -> None:
    quick, slow = pair(*world)
    for now_ms, (name, run) in enumerate(history):
        one_by_one: list[object] = []
        for payload in run:
            effects = handled(slow, received(payload, name, wall_ms=now_ms), now_ms)
            one_by_one += [effects] if isinstance(effects, str) else effects
        assert taken(quick, name, run, now_ms) == one_by_one
        if lose:
            for consumer in (quick, slow):
                handled(consumer, ChannelLost(connection_id=name), now_ms)
                handled(consumer, upgrade(name), now_ms)
        assert frozen(quick) == frozen(slow)


def test_a_run_with_anything_special_in_it_is_left_whole_to_the_other_path() -> None:
    consumer = warmed()
    before = frozen(consumer)
    for special in (b"", b"Z;", frame("x", (9, 2)), frame("x", (1, 3))):
        run = [frame("a"), special, frame("b")]
        assert consumer.accept_frames(C1, run, 40) == 0
        assert frozen(consumer) == before
    assert consumer.accept_frames(C1, [frame("a"), frame("b")], 40) == 1
    assert consumer.counts.frames_delivered == 3


def test_the_frames_of_a_run_are_remembered() -> None:
    consumer = warmed()
    assert consumer.accept_frames(C1, [frame("a"), frame("b")], 40) == 1
    consumer.handle(ChannelLost(connection_id=C1), now_ms=50)
    consumer.handle(upgrade(), now_ms=60)
    for body in "ab":
        assert stored(consumer, frame(body)).disposition is Disposition.DUPLICATE
    assert stored(consumer, frame("c")).disposition is Disposition.DELIVERED
