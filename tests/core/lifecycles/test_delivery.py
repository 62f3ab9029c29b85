"""A case for every row: what TS 28.532 12, TS 28.622 and our retries ask of a delivery."""

from __future__ import annotations

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.delivery import DELIVERY
from mnstream.core.lifecycles.delivery import DeliveryState as S
from mnstream.core.notification_effects import StoreSubscription
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryGivenUp,
    DeliveryPassedOver,
    DeliveryRejected,
    DeliverySucceeded,
    HeartbeatPosted,
    RecipientGone,
    StoreRolledOver,
    SubscriptionLocked,
    SubscriptionModified,
    WorkWaiting,
)
from mnstream.core.notification_values import AvailabilityStatus as A
from mnstream.core.notification_values import SubscriptionSettings
from mnstream.core.notifications.producer import NotificationProducer
from tests.core.notifications.support import (
    AWAY,
    BASE,
    E1,
    S1,
    cancel,
    emitted,
    failed,
    modified,
    no,
    post,
    posting,
    s1,
    settings,
    stored,
    subscribed,
    taken,
)
from tests.core.support import Rows

covers = Rows(DELIVERY)


def kept(wanted: SubscriptionSettings) -> StoreSubscription:
    return StoreSubscription(
        subscription_id=S1, base=BASE, settings=wanted, heartbeat=None, epoch=E1
    )


LOCKED = settings(locked=True)
MOVED = settings(AWAY)

# --- histories -----------------------------------------------------------------------------------


def pausing(count: int = 2) -> NotificationProducer:
    """The first of some notifications has failed once, at 3 s; it is tried again at 3.5 s."""
    producer = posting(count)
    producer.handle(failed(1), now_ms=3_000)
    return producer


def trying_again(count: int = 2) -> NotificationProducer:
    """... and is in flight once more."""
    producer = pausing(count)
    producer.handle(DeadlineReached(), now_ms=3_500)
    return producer


def unreachable(count: int = 2) -> NotificationProducer:
    """... and meanwhile a heartbeat was not taken either."""
    producer = trying_again(count)
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=False), now_ms=3_600)
    return producer


def rejected() -> NotificationProducer:
    """... and was the only one, and rejected the second time."""
    producer = trying_again(1)
    producer.handle(DeliveryRejected(number=no(1), reason="400"), now_ms=4_000)
    return producer


def gone() -> NotificationProducer:
    """... and the recipient was gone the second time, at 4 s."""
    producer = trying_again()
    producer.handle(RecipientGone(number=no(1)), now_ms=4_000)
    return producer


def assert_in(
    producer: NotificationProducer,
    state: S,
    *,
    finished: int,
    attempts: int = 0,
    failures: int = 0,
    availability: frozenset[A] = frozenset(),
    deadline_ms: int | None = None,
) -> None:
    subscription = s1(producer)
    assert subscription.delivery is state
    assert subscription.finished == finished
    assert (subscription.attempts, subscription.failures) == (attempts, failures)
    assert subscription.availability == availability
    assert producer.next_deadline_ms() == deadline_ms


# --- idle ----------------------------------------------------------------------------------------


@covers(S.IDLE, WorkWaiting)
def test_what_is_durable_is_posted() -> None:
    producer = subscribed()
    producer.handle(emitted(), now_ms=1_500)
    assert_in(producer, S.IDLE, finished=0)
    assert producer.handle(stored(1), now_ms=2_000) == (post(1),)
    assert_in(producer, S.POSTING, finished=0, attempts=1, deadline_ms=12_000)


@covers(S.IDLE, SubscriptionLocked)
def test_a_locked_subscription_does_not_post() -> None:
    producer = rejected()
    assert producer.handle(modified(LOCKED), now_ms=5_000) == (kept(LOCKED),)
    assert_in(producer, S.STOPPED, finished=1, failures=1, availability=frozenset({A.DEPENDENCY}))


# --- posting -------------------------------------------------------------------------------------


@covers(S.POSTING, DeliverySucceeded)
def test_what_was_taken_makes_way_for_the_next() -> None:
    producer = unreachable()
    assert producer.handle(taken(1), now_ms=4_000) == (post(2),)
    assert_in(producer, S.POSTING, finished=1, attempts=1, deadline_ms=14_000)
    assert producer.handle(taken(2), now_ms=5_000) == ()
    assert_in(producer, S.IDLE, finished=2)


@covers(S.POSTING, DeliveryRejected)
def test_what_was_rejected_is_not_tried_again_and_proves_nothing() -> None:
    producer = unreachable()
    rejection = DeliveryRejected(number=no(1), reason="400")
    assert producer.handle(rejection, now_ms=4_000) == (post(2),)
    ill = frozenset({A.DEPENDENCY})
    assert_in(
        producer,
        S.POSTING,
        finished=1,
        attempts=1,
        failures=1,
        availability=ill,
        deadline_ms=14_000,
    )


@covers(S.POSTING, DeliveryFailed)
def test_what_failed_is_tried_again_after_a_pause() -> None:
    producer = posting()
    assert producer.handle(failed(1), now_ms=3_000) == ()
    assert_in(producer, S.PAUSING, finished=0, attempts=1, failures=1, deadline_ms=3_500)


@covers(S.POSTING, DeadlineReached)
def test_a_recipient_that_does_not_answer_is_not_waited_for_any_longer() -> None:
    producer = posting()
    assert producer.handle(DeadlineReached(), now_ms=12_000) == (cancel(1),)
    assert_in(producer, S.PAUSING, finished=0, attempts=1, failures=1, deadline_ms=12_500)


@covers(S.POSTING, RecipientGone)
def test_a_recipient_that_is_gone_is_not_asked_again() -> None:
    producer = trying_again()
    assert producer.handle(RecipientGone(number=no(1)), now_ms=4_000) == ()
    ill = frozenset({A.DEPENDENCY})
    assert_in(producer, S.STOPPED, finished=2, failures=1, availability=ill)


@covers(S.POSTING, DeliveryPassedOver)
def test_what_left_the_store_in_flight_is_not_waited_for() -> None:
    producer = trying_again(4)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=3)
    assert producer.handle(rolled, now_ms=4_000) == (cancel(1), post(3))
    full = frozenset({A.LOG_FULL})
    assert_in(producer, S.POSTING, finished=2, attempts=1, availability=full, deadline_ms=14_000)


@covers(S.POSTING, SubscriptionModified)
def test_what_is_in_flight_is_sent_to_the_new_address() -> None:
    producer = trying_again()
    effects = producer.handle(modified(MOVED), now_ms=4_000)
    assert effects == (kept(MOVED), cancel(1), post(1, AWAY))
    assert_in(producer, S.POSTING, finished=0, attempts=1, deadline_ms=14_000)


@covers(S.POSTING, SubscriptionLocked)
def test_what_is_in_flight_when_it_is_locked_is_withdrawn() -> None:
    producer = trying_again()
    assert producer.handle(modified(LOCKED), now_ms=4_000) == (kept(LOCKED), cancel(1))
    assert_in(producer, S.STOPPED, finished=2, failures=1)


# --- pausing -------------------------------------------------------------------------------------


@covers(S.PAUSING, DeadlineReached)
def test_after_the_pause_it_is_posted_again() -> None:
    producer = pausing()
    assert producer.handle(DeadlineReached(), now_ms=3_500) == (post(1),)
    assert_in(producer, S.POSTING, finished=0, attempts=2, failures=1, deadline_ms=13_500)


@covers(S.PAUSING, DeliveryGivenUp)
def test_what_failed_too_often_makes_way_for_the_next() -> None:
    producer = trying_again()
    producer.handle(failed(1), now_ms=4_000)
    producer.handle(DeadlineReached(), now_ms=5_000)
    assert producer.handle(failed(1), now_ms=6_000) == (post(2),)
    ill = frozenset({A.DEPENDENCY})
    assert_in(
        producer,
        S.POSTING,
        finished=1,
        attempts=1,
        failures=3,
        availability=ill,
        deadline_ms=16_000,
    )


@covers(S.PAUSING, DeliveryPassedOver)
def test_what_left_the_store_during_a_pause_is_not_tried_again() -> None:
    producer = pausing(4)
    rolled = StoreRolledOver(subscription_id=S1, oldest_sequence_no=3)
    assert producer.handle(rolled, now_ms=3_100) == (post(3),)
    full = frozenset({A.LOG_FULL})
    assert_in(producer, S.POSTING, finished=2, attempts=1, availability=full, deadline_ms=13_100)


@covers(S.PAUSING, SubscriptionModified)
def test_a_new_address_ends_the_pause() -> None:
    producer = pausing()
    effects = producer.handle(modified(MOVED), now_ms=3_100)
    assert effects == (kept(MOVED), post(1, AWAY))
    assert_in(producer, S.POSTING, finished=0, attempts=1, deadline_ms=13_100)


@covers(S.PAUSING, SubscriptionLocked)
def test_a_pause_ends_when_it_is_locked() -> None:
    producer = pausing()
    assert producer.handle(modified(LOCKED), now_ms=3_100) == (kept(LOCKED),)
    assert_in(producer, S.STOPPED, finished=2, failures=1)


# --- stopped -------------------------------------------------------------------------------------


@covers(S.STOPPED, WorkWaiting)
def test_what_becomes_durable_meanwhile_is_left_in_the_store() -> None:
    producer = subscribed()
    producer.handle(emitted(), now_ms=1_500)
    producer.handle(HeartbeatPosted(subscription_id=S1, taken=False), now_ms=1_800)
    producer.handle(modified(LOCKED), now_ms=2_000)
    assert producer.handle(stored(1), now_ms=2_500) == ()
    assert_in(producer, S.STOPPED, finished=1, availability=frozenset({A.DEPENDENCY}))


@covers(S.STOPPED, WorkWaiting)
def test_what_is_left_in_a_locked_store_says_nothing_about_the_recipient() -> None:
    producer = subscribed()
    producer.handle(emitted(), now_ms=1_500)
    producer.handle(modified(LOCKED), now_ms=2_000)
    producer.handle(stored(1), now_ms=2_500)
    assert_in(producer, S.STOPPED, finished=1)


@covers(S.STOPPED, SubscriptionModified)
def test_a_recipient_that_was_gone_is_asked_again_when_the_subscription_is_modified() -> None:
    producer = gone()
    assert producer.handle(modified(MOVED), now_ms=5_000) == (kept(MOVED),)
    ill = frozenset({A.DEPENDENCY})
    assert_in(producer, S.IDLE, finished=2, availability=ill)
    producer.handle(emitted(), now_ms=5_100)
    assert producer.handle(stored(3), now_ms=5_200) == (post(3, AWAY),)


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()


def test_what_is_not_stored_any_more_is_not_the_recipients_fault() -> None:
    producer = trying_again(1)
    gone = DeliveryRejected(number=no(1), reason="not stored any more", by_recipient=False)
    producer.handle(gone, now_ms=4_000)
    assert_in(producer, S.IDLE, finished=1, failures=1)
