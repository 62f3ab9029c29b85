"""Heartbeats, line by line of what TS 28.622 4.3.21 and TS 28.532 11.4 ask for."""

from __future__ import annotations

import pytest

from mnstream.core.errors import LocalProtocolError
from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    NotificationProducerEffect,
    PostHeartbeat,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    DeliveryRejected,
    HeartbeatControlSet,
    HeartbeatPosted,
    HeartbeatTriggered,
    RecipientGone,
    SubscriptionDeleted,
)
from mnstream.core.notification_values import AvailabilityStatus, HeartbeatControl, OperationalState
from mnstream.core.notifications.producer import NotificationProducer
from tests.core.notifications.support import (
    AWAY,
    BASE,
    E1,
    HOME,
    S1,
    S2,
    beats,
    emitted,
    failed,
    modified,
    no,
    posting,
    s1,
    settings,
    stored,
    subscribed,
    taken,
)

TRIGGER = HeartbeatTriggered(subscription_id=S1)
DEADLINE = DeadlineReached()
REJECTED = DeliveryRejected(number=no(1), reason="HTTP 404")


def control(heartbeat: HeartbeatControl | None) -> HeartbeatControlSet:
    return HeartbeatControlSet(subscription_id=S1, heartbeat=heartbeat)


def beating(period_s: int = 60) -> NotificationProducer:
    producer = subscribed()
    producer.handle(control(beats(period_s)), now_ms=2_000)
    return producer


def count(effects: tuple[NotificationProducerEffect, ...]) -> int:
    return sum(isinstance(effect, PostHeartbeat) for effect in effects)


def test_a_heartbeat_says_which_number_was_the_last_and_needs_none_itself() -> None:
    producer = posting(2)
    producer.handle(taken(1), now_ms=3_000)
    _, beat = producer.handle(control(beats(60)), now_ms=4_000)
    assert beat == PostHeartbeat(
        notification_id=3,
        subscription_id=S1,
        base=BASE,
        recipient=HOME,
        heartbeat=beats(60),
        epoch=E1,
        last_sequence_no=1,
        last_event_time_ms=5_000_000,
    )
    assert s1(producer).prepared == 2


def test_a_subscription_without_notifications_says_so() -> None:
    producer = subscribed()
    _, beat = producer.handle(control(beats(60)), now_ms=4_000)
    assert isinstance(beat, PostHeartbeat)
    assert (beat.last_sequence_no, beat.last_event_time_ms) == (0, None)


def test_created_with_a_period_it_beats_at_once_and_then_every_period() -> None:
    producer = subscribed()
    effects = producer.handle(control(beats(60)), now_ms=2_000)
    kept = StoreSubscription(
        subscription_id=S1, base=BASE, settings=settings(), heartbeat=beats(60), epoch=E1
    )
    assert effects[0] == kept
    assert count(effects) == 1
    assert producer.next_deadline_ms() == 62_000
    assert producer.handle(DEADLINE, now_ms=61_999) == ()
    assert count(producer.handle(DEADLINE, now_ms=62_000)) == 1
    assert producer.next_deadline_ms() == 122_000


def test_created_with_period_0_it_does_not_beat() -> None:
    producer = subscribed()
    assert count(producer.handle(control(beats(0)), now_ms=2_000)) == 0
    assert producer.next_deadline_ms() is None


def test_deleted_it_stops_at_once_and_without_a_last_one() -> None:
    producer = beating()
    assert count(producer.handle(control(None), now_ms=3_000)) == 0
    assert producer.next_deadline_ms() is None
    assert producer.handle(TRIGGER, now_ms=4_000) == ()


@pytest.mark.parametrize(("before", "after"), [(0, 30), (60, 30), (60, 90)])
def test_a_new_period_begins_at_once(before: int, after: int) -> None:
    producer = beating(before)
    assert count(producer.handle(control(beats(after)), now_ms=10_000)) == 1
    assert producer.next_deadline_ms() == 10_000 + after * 1_000


def test_period_0_stops_it_at_once_and_without_a_last_one() -> None:
    producer = beating()
    assert count(producer.handle(control(beats(0)), now_ms=3_000)) == 0
    assert producer.next_deadline_ms() is None
    assert s1(producer).heartbeat == beats(0)


def test_the_same_period_written_again_changes_nothing() -> None:
    producer = beating()
    assert count(producer.handle(control(beats(60)), now_ms=3_000)) == 0
    assert producer.next_deadline_ms() == 62_000


def test_created_again_after_it_was_deleted_it_beats_at_once() -> None:
    producer = beating()
    producer.handle(control(None), now_ms=3_000)
    assert count(producer.handle(control(beats(60)), now_ms=4_000)) == 1


def test_a_trigger_sends_one_more_and_leaves_the_timer_alone() -> None:
    producer = beating()
    assert count(producer.handle(TRIGGER, now_ms=3_000)) == 1
    assert producer.next_deadline_ms() == 62_000
    silent = beating(0)
    assert count(silent.handle(TRIGGER, now_ms=3_000)) == 1
    assert silent.next_deadline_ms() is None


def test_heartbeats_are_not_selected_by_types() -> None:
    producer = subscribed(settings(types=frozenset({"notifyNewAlarm"})))
    assert count(producer.handle(control(beats(60)), now_ms=2_000)) == 1


def test_a_locked_subscription_sends_none_and_goes_on_when_it_is_unlocked() -> None:
    producer = beating()
    producer.handle(modified(settings(locked=True)), now_ms=3_000)
    assert producer.handle(TRIGGER, now_ms=3_000) == ()
    assert producer.handle(DEADLINE, now_ms=62_000) == ()
    producer.handle(modified(settings()), now_ms=63_000)
    assert count(producer.handle(DEADLINE, now_ms=122_000)) == 1


def test_a_recipient_that_is_gone_gets_none_before_the_subscription_is_modified() -> None:
    producer = beating()
    producer.handle(emitted(), now_ms=3_000)
    producer.handle(stored(2), now_ms=3_000)
    producer.handle(RecipientGone(number=no(1)), now_ms=4_000)
    assert producer.handle(DEADLINE, now_ms=62_000) == ()
    late = HeartbeatPosted(subscription_id=S1, taken=True)
    producer.handle(late, now_ms=62_000)  # it was under way
    assert s1(producer).status().operational_state is OperationalState.DISABLED
    producer.handle(modified(settings(AWAY)), now_ms=63_000)
    (beat,) = producer.handle(DEADLINE, now_ms=122_000)
    assert isinstance(beat, PostHeartbeat)
    assert beat.recipient == AWAY


def test_a_deleted_subscription_sends_none() -> None:
    producer = posting(1)
    producer.handle(control(beats(1)), now_ms=2_000)
    producer.handle(SubscriptionDeleted(subscription_id=S1), now_ms=2_500)
    assert producer.next_deadline_ms() == 12_000
    with pytest.raises(LocalProtocolError):
        producer.handle(TRIGGER, now_ms=3_000)


def test_a_heartbeat_shows_whether_the_recipient_can_be_reached() -> None:
    producer = beating()
    assert producer.handle(HeartbeatPosted(subscription_id=S1, taken=False), now_ms=3_000) == ()
    status = s1(producer).status()
    assert status.availability_status == {AvailabilityStatus.DEPENDENCY}
    assert status.operational_state is OperationalState.DISABLED
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=True), now_ms=4_000)
    assert s1(producer).status().operational_state is OperationalState.ENABLED
    assert s1(producer).status().availability_status == frozenset()
    gone = HeartbeatPosted(subscription_id=S2, taken=False)
    assert producer.handle(gone, now_ms=5_000) == ()


@pytest.mark.parametrize("is_rejected", [True, False])
def test_a_heartbeat_does_not_hide_that_a_notification_was_not_taken(is_rejected: bool) -> None:
    producer = posting(3)
    taken_beat = HeartbeatPosted(subscription_id=S1, taken=True)
    if is_rejected:
        producer.handle(REJECTED, now_ms=3_000)
    now_ms = 3_000
    while s1(producer).finished < 1:
        producer.handle(failed(1), now_ms=now_ms)
        if s1(producer).finished < 1:
            now_ms = producer.next_deadline_ms() or now_ms
            producer.handle(DEADLINE, now_ms=now_ms)
    producer.handle(taken_beat, now_ms=now_ms)
    assert s1(producer).status().operational_state is OperationalState.DISABLED
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=False), now_ms=now_ms)
    producer.handle(taken_beat, now_ms=now_ms)
    assert s1(producer).status().availability_status == {AvailabilityStatus.DEPENDENCY}
    producer.handle(taken(2), now_ms=now_ms)
    assert s1(producer).status().operational_state is OperationalState.ENABLED
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=False), now_ms=now_ms)
    producer.handle(taken_beat, now_ms=now_ms)
    assert s1(producer).status().operational_state is OperationalState.ENABLED


def test_a_heartbeat_tells_of_a_recipient_that_subscribed_again() -> None:
    producer = posting(1)
    producer.handle(REJECTED, now_ms=3_000)
    assert s1(producer).status().operational_state is OperationalState.DISABLED
    producer.handle(modified(settings(AWAY)), now_ms=4_000)
    assert s1(producer).status().operational_state is OperationalState.DISABLED
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=True), now_ms=5_000)
    assert s1(producer).status().operational_state is OperationalState.ENABLED
