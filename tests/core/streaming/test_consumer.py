"""A consumer over time: keep-alive, dead peers, second channels, stop, strict profiles."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
from mnstream.core.errors import (
    ConnectionInUse,
    LocalProtocolError,
    NotPermitted,
    Unavailable,
    UnknownConnection,
)
from mnstream.core.events import (
    ChannelEvent,
    ChannelLost,
    ChannelViolated,
    ConsumerEvent,
    DeadlineReached,
    PongReceived,
    StopRequested,
)
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState as S
from mnstream.core.profiles import REL19, STRICT, Profile
from mnstream.core.records import ConnectionEnded, Disposition, Ending, FrameStored
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import EXPIRED_AT_ONCE_MAX, StreamingConsumer
from mnstream.core.values import ConnectionId
from tests.core.support import (
    C1,
    C2,
    READERS,
    closed,
    establish,
    frame,
    frozen,
    new_consumer,
    one,
    open_consumer,
    performance,
    pinged,
    received,
    upgrade,
)

C3 = ConnectionId("c3")
IN_USE = ConnectionInUse("the connection has a live channel")


def probe(connection_id: ConnectionId = C1) -> SendPing:
    return SendPing(connection_id=connection_id, payload=b"mnstream: still there?")


def wake(consumer: StreamingConsumer) -> tuple[int, tuple[ConsumerEffect, ...]]:
    """Let the time come that the consumer asked for."""
    deadline_ms = consumer.next_deadline_ms()
    assert deadline_ms is not None
    return deadline_ms, consumer.handle(DeadlineReached(wall_ms=deadline_ms), now_ms=deadline_ms)


def state_of(consumer: StreamingConsumer, connection_id: ConnectionId = C1) -> S:
    return consumer.connections.existing(connection_id).state


def expired(connection_id: ConnectionId, wall_ms: int) -> Store:
    return Store(
        record=ConnectionEnded(connection_id=connection_id, ending=Ending.EXPIRED, wall_ms=wall_ms)
    )


# --- time ----------------------------------------------------------------------------------------


def test_nobody_has_to_wake_a_consumer_without_connections() -> None:
    consumer = new_consumer()
    assert consumer.next_deadline_ms() is None
    assert consumer.handle(DeadlineReached(), now_ms=10**9) == ()


def test_the_whole_life_of_a_dead_peer() -> None:
    consumer = new_consumer()
    consumer.handle(establish(), now_ms=1_000)
    assert consumer.next_deadline_ms() == 61_000
    consumer.handle(upgrade(), now_ms=2_000)
    assert wake(consumer) == (32_000, (probe(),))
    assert wake(consumer) == (42_000, (AbortChannel(connection_id=C1),))
    assert wake(consumer) == (342_000, (expired(C1, 342_000),))
    assert consumer.next_deadline_ms() is None


def test_very_many_deadlines_are_worked_off_in_portions() -> None:
    consumer = new_consumer()
    for number in range(EXPIRED_AT_ONCE_MAX + 1):
        name = ConnectionId(f"c{number}")
        consumer.handle(establish(performance(1), connection_id=name), now_ms=0)
    assert len(consumer.handle(DeadlineReached(), now_ms=60_000)) == EXPIRED_AT_ONCE_MAX
    assert wake(consumer) == (60_000, (expired(ConnectionId("c1000"), 60_000),))
    assert consumer.next_deadline_ms() is None
    assert consumer.connections.stream_count == 0


def test_frames_put_the_probe_off_without_touching_the_timers() -> None:
    consumer = open_consumer(now_ms=0)
    consumer.handle(received(frame("a")), now_ms=10_000)
    assert consumer.accept_frames(C1, [frame("b")], 25_000) == 1
    assert wake(consumer) == (30_000, ())
    assert consumer.next_deadline_ms() == 55_000
    assert wake(consumer) == (55_000, (probe(),))


def test_a_late_alarm_counts_from_when_the_producer_was_heard() -> None:
    consumer = open_consumer(now_ms=0)
    consumer.handle(received(frame("a")), now_ms=10_000)
    assert consumer.handle(DeadlineReached(), now_ms=39_999) == ()
    assert consumer.next_deadline_ms() == 40_000
    assert consumer.handle(DeadlineReached(), now_ms=45_000) == (probe(),)
    assert consumer.next_deadline_ms() == 55_000


@pytest.mark.parametrize(
    "event",
    [
        received(frame("a")),
        received(b""),
        pinged(b"1"),
        PongReceived(connection_id=C1, payload=b"whatever"),
    ],
)
def test_every_sign_of_life_puts_the_probe_off(event: ConsumerEvent) -> None:
    consumer = open_consumer(now_ms=0)
    consumer.handle(event, now_ms=29_999)
    assert wake(consumer) == (30_000, ())
    assert consumer.next_deadline_ms() == 59_999


def test_a_probe_that_is_answered_at_the_last_moment() -> None:
    consumer = open_consumer(now_ms=0)
    wake(consumer)
    consumer.handle(PongReceived(connection_id=C1, payload=b""), now_ms=39_999)
    assert consumer.next_deadline_ms() == 69_999
    assert consumer.handle(DeadlineReached(), now_ms=40_000) == ()


def test_every_connection_has_its_own_time() -> None:
    consumer = new_consumer()
    for second, name in enumerate((C1, C2, C3)):
        consumer.handle(establish(connection_id=name), now_ms=1_000 * second)
    consumer.handle(upgrade(C2), now_ms=3_000)
    assert wake(consumer) == (33_000, (probe(C2),))
    assert wake(consumer) == (43_000, (AbortChannel(connection_id=C2),))
    assert wake(consumer) == (60_000, (expired(C1, 60_000),))
    assert wake(consumer) == (62_000, (expired(C3, 62_000),))
    assert wake(consumer) == (343_000, (expired(C2, 343_000),))


def test_one_alarm_serves_all_that_are_due() -> None:
    consumer = new_consumer()
    for name in (C1, C2, C3):
        consumer.handle(establish(connection_id=name), now_ms=0)
    consumer.handle(upgrade(C2), now_ms=0)
    effects = consumer.handle(DeadlineReached(wall_ms=9), now_ms=60_000)
    assert effects == (probe(C2), expired(C1, 9), expired(C3, 9))


def test_a_driver_that_slept_through_everything_catches_up_step_by_step() -> None:
    consumer = open_consumer(now_ms=0)
    assert consumer.handle(DeadlineReached(), now_ms=10**6) == (probe(),)
    assert consumer.handle(DeadlineReached(), now_ms=10**6) == ()
    assert consumer.next_deadline_ms() == 10**6 + 10_000


# --- channels ------------------------------------------------------------------------------------


def test_a_producer_that_lost_its_channel_unnoticed_gets_back_after_the_probe() -> None:
    consumer = open_consumer(now_ms=0)
    refused = RefuseChannel(connection_id=C1, exception=IN_USE)
    assert consumer.handle(upgrade(), now_ms=5_000) == (refused, probe())
    assert consumer.handle(upgrade(), now_ms=6_000) == (refused,)
    assert wake(consumer) == (15_000, (AbortChannel(connection_id=C1),))
    assert consumer.handle(upgrade(), now_ms=16_000) == (AcceptChannel(connection_id=C1),)
    assert consumer.counts.channels_opened == 2
    assert consumer.counts.channels_lost == 1


def test_a_live_channel_survives_the_probe_for_a_second_one() -> None:
    consumer = open_consumer(now_ms=0)
    consumer.handle(upgrade(), now_ms=5_000)
    consumer.handle(PongReceived(connection_id=C1, payload=b""), now_ms=5_001)
    assert state_of(consumer) is S.OPEN
    assert consumer.handle(DeadlineReached(), now_ms=15_000) == ()


@pytest.mark.parametrize("identity", ["", "CN=gnb2"])
def test_a_channel_belongs_to_the_identity_that_created_the_connection(identity: str) -> None:
    consumer = new_consumer()
    consumer.handle(establish(identity="CN=gnb1"), now_ms=0)
    before = frozen(consumer)
    refusal = NotPermitted("the connection belongs to another identity")
    assert consumer.handle(upgrade(C1, identity), now_ms=1_000) == (
        RefuseChannel(connection_id=C1, exception=refusal),
    )
    assert frozen(consumer) == before
    assert len(consumer.handle(upgrade(C1, "CN=gnb1"), now_ms=1_000)) == 1


def test_an_upgrade_of_an_unknown_connection_is_refused() -> None:
    refusal = UnknownConnection(identifiers=(C1,))
    assert new_consumer().handle(upgrade(), now_ms=0) == (
        RefuseChannel(connection_id=C1, exception=refusal),
    )
    assert refusal.http_status == 404


CHANNEL_EVENTS: list[ChannelEvent] = [
    received(frame("a")),
    pinged(b"1"),
    PongReceived(connection_id=C1, payload=b""),
    closed(),
    ChannelLost(connection_id=C1),
    ChannelViolated(connection_id=C1, code=1003, reason="text"),
]


@pytest.mark.parametrize("event", CHANNEL_EVENTS, ids=lambda event: type(event).__name__)
def test_what_happens_on_a_channel_that_does_not_exist_is_the_drivers_fault(
    event: ChannelEvent,
) -> None:
    name = type(event).__name__
    with pytest.raises(LocalProtocolError, match=f"{name} of a connection that does not exist"):
        new_consumer().handle(event, now_ms=0)
    consumer = new_consumer()
    consumer.handle(establish(), now_ms=0)
    with pytest.raises(LocalProtocolError, match=f"{name} while announced"):
        consumer.handle(event, now_ms=0)


def test_a_ping_is_acknowledged_after_what_came_before_it() -> None:
    consumer = open_consumer()
    effects: list[ConsumerEffect] = []
    for event in (received(frame("a")), received(frame("b")), pinged(b"2"), received(frame("c"))):
        effects += consumer.handle(event, now_ms=10)
    assert [type(effect) for effect in effects] == [Store, Store, Acknowledge, Store]


def test_the_close_of_one_connection_leaves_the_others_alone() -> None:
    consumer = open_consumer(performance(1))
    consumer.handle(establish(performance(1), connection_id=C2), now_ms=0)
    consumer.handle(closed(), now_ms=10)
    assert [connection.connection_id for connection in consumer.connections] == [C2]
    assert consumer.connections.stream_count == 1
    assert consumer.handle(upgrade(), now_ms=20) == (
        RefuseChannel(connection_id=C1, exception=UnknownConnection(identifiers=(C1,))),
    )


@pytest.mark.parametrize("code", [1000, 1001, 1005, 4000])
def test_any_close_of_the_producer_terminates(code: int) -> None:
    consumer = open_consumer()
    effects = consumer.handle(closed(code=code, wall_ms=9), now_ms=10)
    assert effects[-1] == CloseChannel(connection_id=C1, code=1000)
    assert consumer.counts.connections_terminated == 1


# --- stopping ------------------------------------------------------------------------------------


def test_a_stop_closes_every_channel_and_keeps_every_connection() -> None:
    consumer = new_consumer()
    for name in (C1, C2, C3):
        consumer.handle(establish(connection_id=name), now_ms=0)
    for name in (C1, C3):
        consumer.handle(upgrade(name), now_ms=0)
    away = [
        CloseChannel(connection_id=name, code=1001, reason="the collector is stopping")
        for name in (C1, C3)
    ]
    assert consumer.handle(StopRequested(), now_ms=1_000) == tuple(away)
    assert [state_of(consumer, name) for name in (C1, C2, C3)] == [
        S.DETACHED,
        S.ANNOUNCED,
        S.DETACHED,
    ]
    assert consumer.handle(StopRequested(), now_ms=2_000) == ()


def test_a_stopping_consumer_opens_no_channel() -> None:
    consumer = new_consumer()
    consumer.handle(establish(), now_ms=0)
    consumer.handle(StopRequested(), now_ms=0)
    refusal = Unavailable("the consumer is stopping")
    assert consumer.handle(upgrade(), now_ms=1_000) == (
        RefuseChannel(connection_id=C1, exception=refusal),
    )
    assert (refusal.http_status, refusal.temporary) == (503, True)
    unknown = UnknownConnection(identifiers=(C2,))
    assert consumer.handle(upgrade(C2), now_ms=1_000) == (
        RefuseChannel(connection_id=C2, exception=unknown),
    )


def test_refusals_of_a_stopping_consumer_are_counted() -> None:
    consumer = new_consumer()
    consumer.handle(StopRequested(), now_ms=0)
    one(consumer.handle(establish(), now_ms=0), Answer)
    assert consumer.counts.operations_refused == {"unavailable": 1}


# --- profiles ------------------------------------------------------------------------------------

CASES = [
    (frame("a", (9, 2)), "unknownStream", 1008),
    (b"Z;", "undecodable", 1007),
]


@pytest.mark.parametrize(("payload", "cause", "code"), CASES)
def test_a_strict_consumer_stores_what_it_does_not_understand_and_closes_the_channel(
    payload: bytes, cause: str, code: int
) -> None:
    consumer = open_consumer(profile=STRICT, now_ms=0)
    store, *goodbye = consumer.handle(received(payload, wall_ms=9), now_ms=1_000)
    assert store == Store(
        record=FrameStored(
            streams_version=1,
            disposition=Disposition.QUARANTINED,
            cause=cause,
            wall_ms=9,
            payload=payload,
        )
    )
    assert goodbye == [CloseChannel(connection_id=C1, code=code, reason=cause)]
    assert state_of(consumer) is S.DETACHED
    assert consumer.next_deadline_ms() == 301_000
    assert consumer.counts.channels_violated == {str(code): 1}
    assert consumer.counts.channels_lost == 0


@pytest.mark.parametrize(("payload", "cause", "code"), CASES)
def test_a_probed_channel_is_closed_for_it_too(payload: bytes, cause: str, code: int) -> None:
    consumer = open_consumer(profile=STRICT, now_ms=0)
    wake(consumer)
    effects = consumer.handle(received(payload), now_ms=31_000)
    assert effects[1:] == (CloseChannel(connection_id=C1, code=code, reason=cause),)
    assert state_of(consumer) is S.DETACHED


@pytest.mark.parametrize(("payload", "cause", "code"), CASES)
def test_what_is_sent_again_is_no_second_violation(payload: bytes, cause: str, code: int) -> None:
    consumer = open_consumer(profile=STRICT, now_ms=0)
    consumer.handle(received(payload), now_ms=1_000)
    consumer.handle(upgrade(), now_ms=2_000)
    one(consumer.handle(received(payload), now_ms=3_000), Store)
    assert state_of(consumer) is S.OPEN
    assert consumer.counts.frames_quarantined[cause] == 1
    assert consumer.counts.channels_violated == {str(code): 1}


@pytest.mark.parametrize(("payload", "cause", "code"), CASES)
@pytest.mark.parametrize(
    "profile",
    [
        REL19,
        replace(STRICT, close_on_undecodable=False),
        replace(STRICT, close_on_unknown_stream=False),
    ],
)
def test_each_rule_stands_for_itself(
    profile: Profile, payload: bytes, cause: str, code: int
) -> None:
    consumer = open_consumer(profile=profile)
    effects = consumer.handle(received(payload), now_ms=1_000)
    closes = {"unknownStream": profile.close_on_unknown_stream}.get(
        cause, profile.close_on_undecodable
    )
    assert [type(effect) for effect in effects] == [Store, CloseChannel][: 1 + closes]
    assert (str(code) in consumer.counts.channels_violated) is closes


def test_a_wrong_number_of_values_closes_no_channel() -> None:
    consumer = open_consumer(profile=STRICT)
    one(consumer.handle(received(frame("a", (1, 3))), now_ms=1_000), Store)


# --- what it is made from ------------------------------------------------------------------------


def test_a_consumer_has_defaults() -> None:
    consumer = StreamingConsumer(readers=READERS)
    assert consumer.config == ConsumerConfig()
    assert consumer.profile is REL19


def test_the_same_events_have_the_same_effects_and_leave_the_same_state() -> None:
    history: list[tuple[int, ConsumerEvent]] = [
        (0, establish(performance(1), wall_ms=1)),
        (5, upgrade()),
        (6, received(frame("a"), wall_ms=2)),
        (7, pinged(b"1")),
        (8, ChannelLost(connection_id=C1)),
        (9, upgrade()),
        (10, received(frame("a"), wall_ms=3)),
        (40_010, DeadlineReached(wall_ms=4)),
        (50_010, DeadlineReached(wall_ms=5)),
        (50_011, StopRequested()),
        (350_010, DeadlineReached(wall_ms=6)),
    ]
    first, second = new_consumer(), new_consumer()
    for now_ms, event in history:
        assert first.handle(event, now_ms=now_ms) == second.handle(event, now_ms=now_ms)
        assert frozen(first) == frozen(second)
