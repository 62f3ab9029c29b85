"""What a producer of notifications does, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.errors import (
    InvalidFilter,
    LimitExceeded,
    LocalProtocolError,
    MalformedRequest,
    ObjectExists,
)
from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    ForgetSubscription,
    PostHeartbeat,
    PostNotification,
    SetAlarm,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    DeliveryRejected,
    HeartbeatPosted,
    NotificationProducerEvent,
    RecipientGone,
    StoreRolledOver,
    SubscriptionDeleted,
    SubscriptionModified,
    SubscriptionRestored,
)
from mnstream.core.notification_values import HEARTBEAT, NOT_SENT, Epoch, Number, SubscriptionId
from mnstream.core.notification_values import AvailabilityStatus as A
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.profiles import NOTIFICATION_PROFILES, SEED, NotificationProfile
from tests.core.notifications.support import (
    ALARM,
    BASE,
    CONFIG,
    CREATION,
    E1,
    E2,
    S1,
    S2,
    beats,
    cancel,
    created,
    emitted,
    failed,
    modified,
    new_producer,
    no,
    post,
    posting,
    s1,
    settings,
    stored,
    subscribed,
    taken,
)
from tests.core.support import frozen

LOCKED = settings(locked=True)
FORGET = ForgetSubscription(subscription_id=S1)
DELETED = SubscriptionDeleted(subscription_id=S1)


def restored(
    *, last: int = 7, heartbeat_s: int | None = None, locked: bool = False
) -> SubscriptionRestored:
    return SubscriptionRestored(
        subscription_id=S1,
        base=BASE,
        settings=settings(locked=locked),
        heartbeat=None if heartbeat_s is None else beats(heartbeat_s),
        epoch=E1,
        wall_ms=E2,
        last_sequence_no=last,
        last_event_time_ms=4_000_000,
    )


# --- numbers and the store -----------------------------------------------------------------------


def test_numbers_are_dense_from_1_for_each_subscription_and_a_notification_is_stored_once() -> None:
    producer = subscribed(settings(types=frozenset({ALARM})))
    producer.handle(created(subscription_id=S2, wall_ms=E2), now_ms=1_000)
    numbers: list[tuple[Number, ...]] = []
    for name in (CREATION, ALARM, CREATION, ALARM):
        (effect,) = producer.handle(emitted(name), now_ms=2_000)
        assert isinstance(effect, StoreNotification)
        assert effect.content.notification_id == len(numbers) + 1
        numbers.append(effect.numbers)
    assert numbers == [
        (no(1, S2, E2),),
        (no(1), no(2, S2, E2)),
        (no(3, S2, E2),),
        (no(2), no(4, S2, E2)),
    ]


def test_what_nobody_wants_is_not_stored_and_gets_no_number() -> None:
    producer = subscribed(settings(types=frozenset({ALARM})))
    assert producer.handle(emitted(), now_ms=2_000) == ()
    assert producer.unstored == 0
    assert s1(producer).prepared == 0


@pytest.mark.parametrize("notification_type", [HEARTBEAT, NOT_SENT])
def test_what_only_the_producer_sends_is_not_emitted(notification_type: str) -> None:
    producer = subscribed()
    before = frozen(producer)
    with pytest.raises(LocalProtocolError, match=notification_type):
        producer.handle(emitted(notification_type), now_ms=2_000)
    assert frozen(producer) == before


def test_nothing_is_posted_before_it_is_durable() -> None:
    producer = subscribed()
    for _ in range(3):
        producer.handle(emitted(), now_ms=2_000)
    assert producer.unstored == 3
    assert producer.handle(stored(0), now_ms=2_000) == ()
    assert producer.handle(stored(2), now_ms=2_500) == (post(1),)
    assert producer.unstored == 1
    assert producer.handle(taken(1), now_ms=3_000) == (post(2),)
    assert producer.handle(taken(2), now_ms=3_000) == ()
    assert producer.handle(stored(3), now_ms=3_500) == (post(3),)


def test_status_tells_the_last_number_that_is_finished() -> None:
    producer = posting(3)
    assert s1(producer).status().last_sequence_no == 0
    assert s1(producer).status().last_event_time_ms is None
    producer.handle(taken(1), now_ms=3_000)
    producer.handle(DeliveryRejected(number=no(2), reason="400"), now_ms=3_000)
    assert s1(producer).status().last_sequence_no == 2
    assert s1(producer).status().last_event_time_ms == 5_000_000


def test_what_becomes_of_another_delivery_is_passed_over() -> None:
    producer = posting(2)
    before = frozen(producer)
    late: list[NotificationProducerEvent] = [
        taken(2),
        failed(7),
        replace(taken(1), number=no(1, epoch=E2)),
        replace(taken(1), number=no(1, S2)),
    ]
    for event in late:
        assert producer.handle(event, now_ms=3_000) == ()
    assert frozen(producer) == before


# --- retries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_ms", "pause_ms"), [(None, 500), (100, 500), (2_500, 2_500), (60_000, 4_000)]
)
def test_retry_after_is_obeyed_within_bounds(asked_ms: int | None, pause_ms: int) -> None:
    producer = posting()
    producer.handle(failed(1, asked_ms), now_ms=3_000)
    assert producer.next_deadline_ms() == 3_000 + pause_ms


def test_pauses_grow_over_all_numbers_until_something_is_taken() -> None:
    producer = posting(3)
    now_ms = 3_000
    for number, pause_ms in ((1, 500), (1, 1_000), (1, None), (2, 2_000), (2, 2_000), (2, None)):
        producer.handle(failed(number), now_ms=now_ms)
        if pause_ms is not None:
            assert producer.next_deadline_ms() == now_ms + pause_ms
            now_ms += pause_ms
            assert producer.handle(DeadlineReached(), now_ms=now_ms) == (post(number),)
    producer.handle(taken(3), now_ms=now_ms)
    producer.handle(emitted(), now_ms=now_ms)
    producer.handle(stored(4), now_ms=now_ms)
    producer.handle(failed(4), now_ms=now_ms)
    assert producer.next_deadline_ms() == now_ms + 500


def test_too_much_that_waits_is_left_to_be_fetched() -> None:
    config = replace(CONFIG, unstored_max=100)
    producer = posting(10, config)
    producer.handle(emitted(), now_ms=3_000)
    assert producer.handle(stored(11), now_ms=3_000) == (cancel(1), post(6))
    assert s1(producer).finished == 5
    assert s1(producer).availability == set()


def test_what_rolled_over_after_its_delivery_is_no_loss() -> None:
    producer = posting(2)
    producer.handle(taken(1), now_ms=3_000)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=2)
    assert producer.handle(rolled, now_ms=3_000) == ()
    assert s1(producer).availability == set()
    other = StoreRolledOver(subscription_id=S2, oldest_sequence_no=2)
    assert producer.handle(other, now_ms=3_000) == ()


def test_what_rolled_over_before_its_delivery_fills_the_log_until_the_next_success() -> None:
    producer = posting(3)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=3)
    producer.handle(rolled, now_ms=3_000)
    assert s1(producer).status().availability_status == {A.LOG_FULL}
    producer.handle(taken(3), now_ms=3_000)
    assert s1(producer).status().availability_status == frozenset()


def test_what_rolled_over_before_it_is_known_to_be_durable_is_passed_over_as_far_as_it_is() -> None:
    producer = posting(1)
    producer.handle(emitted(), now_ms=3_000)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=3)
    assert producer.handle(rolled, now_ms=3_000) == (cancel(1),)
    assert s1(producer).finished == 1


def test_what_rolled_over_before_anything_is_known_to_be_durable_is_left_alone() -> None:
    producer = subscribed()
    producer.handle(emitted(), now_ms=3_000)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=2)
    assert producer.handle(rolled, now_ms=3_000) == ()
    assert s1(producer).finished == 0


# --- subscriptions -------------------------------------------------------------------------------


def test_a_modified_subscription_goes_on_with_its_numbers() -> None:
    producer = posting(1)
    producer.handle(modified(settings(types=frozenset({ALARM}))), now_ms=3_000)
    (effect,) = producer.handle(emitted(ALARM), now_ms=3_000)
    assert isinstance(effect, StoreNotification)
    assert effect.numbers == (no(2),)


def test_locking_while_something_is_in_flight_sends_nothing_more() -> None:
    producer = posting(2)
    producer.handle(emitted(), now_ms=2_500)
    effects = producer.handle(modified(LOCKED), now_ms=3_000)
    assert [type(effect) for effect in effects] == [StoreSubscription, type(cancel(1))]
    assert producer.handle(stored(3), now_ms=3_500) == ()
    assert producer.handle(emitted(), now_ms=3_600) == ()
    producer.handle(modified(settings()), now_ms=4_000)
    producer.handle(emitted(), now_ms=4_500)
    assert producer.handle(stored(5), now_ms=5_000) == (post(4),)


def test_a_subscription_may_be_created_locked() -> None:
    producer = subscribed(LOCKED)
    assert producer.handle(emitted(), now_ms=2_000) == ()
    producer.handle(modified(settings()), now_ms=3_000)
    producer.handle(emitted(), now_ms=3_000)
    assert producer.handle(stored(2), now_ms=3_000) == (post(1),)


def test_a_deleted_subscription_still_delivers_its_last_notification() -> None:
    producer = posting(2)
    assert producer.handle(DELETED, now_ms=3_000) == ()
    assert producer.handle(taken(1), now_ms=3_000) == (post(2),)
    assert producer.handle(taken(2), now_ms=4_000) == (cancel(3), FORGET)


def test_a_deleted_subscription_whose_recipient_is_gone_ends_at_once() -> None:
    producer = posting(2)
    producer.handle(DELETED, now_ms=3_000)
    assert producer.handle(RecipientGone(number=no(1)), now_ms=4_000) == (cancel(3), FORGET)


def test_a_deleted_subscription_is_unknown_to_who_wants_to_change_it() -> None:
    producer = posting(1)
    producer.handle(DELETED, now_ms=3_000)
    for event in (DELETED, modified(settings())):
        with pytest.raises(LocalProtocolError, match="no subscription s1"):
            producer.handle(event, now_ms=3_000)
    with pytest.raises(LocalProtocolError, match="no subscription s2"):
        producer.handle(modified(settings(), S2), now_ms=3_000)


def test_a_subscription_that_ends_may_be_created_again_with_a_later_epoch() -> None:
    config = replace(CONFIG, subscriptions_max=1)
    producer = posting(2, config)
    producer.handle(emitted(), now_ms=2_500)
    producer.handle(DELETED, now_ms=3_000)
    effects = producer.handle(created(wall_ms=E1 - 5), now_ms=3_500)
    assert effects[:2] == (cancel(1), FORGET)
    assert s1(producer).epoch == E1 + 1
    assert s1(producer).prepared == 0
    assert producer.next_deadline_ms() is None
    # What was on its way for the one before is none of its business.
    assert producer.handle(stored(3), now_ms=4_000) == ()
    assert producer.next_deadline_ms() is None
    assert s1(producer).durable == 0


def test_a_store_that_is_slower_than_the_end_of_a_subscription_brings_nothing_back() -> None:
    producer = subscribed()
    producer.handle(emitted(), now_ms=2_000)
    producer.handle(DELETED, now_ms=3_000)
    assert producer.handle(DeadlineReached(), now_ms=63_000) == (cancel(1), FORGET)
    assert producer.handle(stored(1), now_ms=64_000) == ()
    assert producer.next_deadline_ms() is None
    assert producer.handle(DeadlineReached(), now_ms=200_000) == ()


def test_epochs_are_never_the_same_twice() -> None:
    producer = new_producer()
    epochs: list[Epoch] = []
    for number, wall_ms in enumerate((500, 500, 100, 501, 900)):
        name = SubscriptionId(str(number))
        producer.handle(created(subscription_id=name, wall_ms=wall_ms), now_ms=0)
        epochs.append(producer.subscriptions[name].epoch)
    assert epochs == [500, 501, 502, 503, 900]


@pytest.mark.parametrize(
    ("event", "refusal"),
    [
        (created(), ObjectExists),
        (created(subscription_id=SubscriptionId("a=b")), MalformedRequest),
        (created(subscription_id=SubscriptionId("")), MalformedRequest),
        (created(subscription_id=SubscriptionId("x" * 256)), MalformedRequest),
        (created(subscription_id=SubscriptionId("caf\u00e9")), MalformedRequest),
        (created(settings(notification_filter="bad"), S2), InvalidFilter),
        (created(settings("x" * 4_097), S2), LimitExceeded),
        (created(settings(types=frozenset(map(str, range(257)))), S2), LimitExceeded),
        (modified(settings(notification_filter="bad")), InvalidFilter),
        (modified(settings(types=frozenset({"x" * 4_097}))), LimitExceeded),
    ],
)
def test_what_is_refused_changes_nothing(
    event: SubscriptionModified, refusal: type[Exception]
) -> None:
    producer = subscribed()
    before = frozen(producer)
    assert isinstance(producer.refusal(event), refusal)
    with pytest.raises(LocalProtocolError, match="refused"):
        producer.handle(event, now_ms=2_000)
    assert frozen(producer) == before


def test_there_may_be_so_many_subscriptions() -> None:
    producer = subscribed(config=replace(CONFIG, subscriptions_max=2))
    second = created(subscription_id=S2)
    assert producer.refusal(second) is None
    producer.handle(second, now_ms=2_000)
    third = producer.refusal(created(subscription_id=SubscriptionId("s3")))
    assert isinstance(third, LimitExceeded)
    assert producer.refusal(created(subscription_id=SubscriptionId("a.b_c~d-e"))) is not None


def test_a_good_subscription_is_not_refused() -> None:
    wanted = settings(types=frozenset({ALARM}), notification_filter=ALARM)
    name = SubscriptionId("a.b_c~d-9")
    assert new_producer().refusal(created(wanted, name)) is None
    assert subscribed().refusal(modified(wanted)) is None


# --- an earlier life -----------------------------------------------------------------------------


def test_a_restored_subscription_begins_a_new_epoch_with_number_1() -> None:
    producer = new_producer()
    (kept,) = producer.handle(restored(), now_ms=1_000)
    assert isinstance(kept, StoreSubscription)
    assert kept.epoch == E2
    assert s1(producer).status().last_sequence_no == 0
    (effect,) = producer.handle(emitted(), now_ms=2_000)
    assert isinstance(effect, StoreNotification)
    assert effect.numbers == (no(1, epoch=E2),)


def test_a_restored_subscription_never_goes_back_in_time() -> None:
    producer = new_producer()
    producer.handle(replace(restored(), wall_ms=E1 - 9), now_ms=1_000)
    assert s1(producer).epoch == E1 + 1


def test_where_numbers_persist_they_go_on() -> None:
    producer = new_producer(profile=NOTIFICATION_PROFILES["persist"])
    producer.handle(restored(), now_ms=1_000)
    assert s1(producer).epoch == E1
    status = s1(producer).status()
    assert (status.last_sequence_no, status.last_event_time_ms) == (7, 4_000_000)
    producer.handle(emitted(), now_ms=2_000)
    assert producer.handle(stored(1), now_ms=2_000) == (post(8),)
    producer.handle(created(subscription_id=S2, wall_ms=1), now_ms=3_000)
    assert producer.subscriptions[S2].epoch == E1 + 1


def test_a_restored_subscription_beats_at_once_and_obeys_its_lock() -> None:
    producer = new_producer()
    kept, beat = producer.handle(restored(heartbeat_s=60), now_ms=1_000)
    assert isinstance(kept, StoreSubscription)
    assert kept.heartbeat == beats(60)
    assert isinstance(beat, PostHeartbeat)
    locked = new_producer()
    assert len(locked.handle(restored(heartbeat_s=60, locked=True), now_ms=1_000)) == 1
    assert locked.handle(emitted(), now_ms=1_000) == ()


def test_a_subscription_is_not_restored_twice() -> None:
    producer = subscribed()
    with pytest.raises(LocalProtocolError, match="already"):
        producer.handle(restored(), now_ms=2_000)


# --- alarms --------------------------------------------------------------------------------------


def test_an_alarm_follows_the_attributes() -> None:
    producer = posting(2, with_alarms=True)
    raised = SetAlarm(subscription_id=S1, raised=True)
    cleared = SetAlarm(subscription_id=S1, raised=False)
    missed = HeartbeatPosted(subscription_id=S1, taken=False)
    assert producer.handle(missed, now_ms=3_000) == (raised,)
    assert producer.handle(missed, now_ms=3_000) == ()
    assert producer.handle(taken(1), now_ms=3_000) == (post(2), cleared)
    gone = RecipientGone(number=no(2))
    assert producer.handle(gone, now_ms=4_000) == (raised,)
    assert producer.handle(DELETED, now_ms=5_000) == (cancel(3), FORGET, cleared)


def test_without_alarms_there_are_none() -> None:
    producer = posting(1)
    assert producer.handle(RecipientGone(number=no(1)), now_ms=3_000) == ()


# --- time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [SEED, NOTIFICATION_PROFILES["rel20"]])
def test_waiting_always_has_an_end(profile: NotificationProfile) -> None:
    producer = subscribed(profile=profile)
    assert producer.next_deadline_ms() is None
    producer.handle(emitted(), now_ms=2_000)
    producer.handle(stored(1), now_ms=2_000)
    for _ in range(10):
        due_ms = producer.next_deadline_ms()
        if due_ms is None:
            break
        producer.handle(DeadlineReached(), now_ms=due_ms)
    assert s1(producer).finished == 1
    assert s1(producer).availability == {A.DEPENDENCY}


def test_two_subscriptions_do_not_wait_for_each_other() -> None:
    producer: NotificationProducer = subscribed()
    producer.handle(created(subscription_id=S2, wall_ms=E2), now_ms=1_000)
    producer.handle(emitted(), now_ms=2_000)
    producer.handle(emitted(), now_ms=2_000)
    posts = producer.handle(stored(2), now_ms=2_000)
    assert [each.number for each in posts if isinstance(each, PostNotification)] == [
        no(1),
        no(1, S2, E2),
    ]
    assert producer.handle(taken(1), now_ms=3_000) == (post(2),)
