"""A case for every row: what TS 28.622 4.3.22 and CR-0625 ask of a subscription."""

from __future__ import annotations

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.delivery import DeliveryState
from mnstream.core.lifecycles.subscription import SUBSCRIPTION
from mnstream.core.lifecycles.subscription import SubscriptionState as S
from mnstream.core.notification_effects import (
    ForgetSubscription,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    NotificationEmitted,
    QueueEmptied,
    SubscriptionDeleted,
    SubscriptionLocked,
    SubscriptionModified,
    SubscriptionUnlocked,
)
from mnstream.core.notification_values import Content, OperationalState, SubscriptionSettings
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.notifications.subscription import Subscription
from tests.core.notifications.support import (
    AWAY,
    BASE,
    CREATION,
    E1,
    S1,
    cancel,
    emitted,
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

covers = Rows(SUBSCRIPTION)

DELETED = SubscriptionDeleted(subscription_id=S1)
FORGET = ForgetSubscription(subscription_id=S1)
LOCKED = settings(locked=True)


def kept(wanted: SubscriptionSettings) -> StoreSubscription:
    return StoreSubscription(
        subscription_id=S1, base=BASE, settings=wanted, heartbeat=None, epoch=E1
    )


# --- histories -----------------------------------------------------------------------------------


def locked() -> NotificationProducer:
    """A subscription is locked while a notification is on its way into the store."""
    producer = subscribed()
    producer.handle(emitted(), now_ms=2_000)
    producer.handle(modified(LOCKED), now_ms=2_500)
    return producer


def ending() -> NotificationProducer:
    """A subscription is deleted at 3 s while its only notification is in flight."""
    producer = posting(1)
    producer.handle(DELETED, now_ms=3_000)
    return producer


def assert_in(subscription: Subscription, state: S) -> None:
    assert subscription.state is state


# --- active --------------------------------------------------------------------------------------


@covers(S.ACTIVE, NotificationEmitted)
def test_what_is_wanted_is_numbered_and_stored() -> None:
    producer = subscribed()
    content = Content(
        notification_type=CREATION,
        object_path=BASE,
        notification_id=1,
        event_time_ms=5_000_000,
        body={},
    )
    effects = producer.handle(emitted(), now_ms=2_000)
    assert effects == (StoreNotification(content=content, numbers=(no(1),)),)
    assert s1(producer).state is S.ACTIVE


@covers(S.ACTIVE, SubscriptionModified)
def test_other_settings_are_in_force_at_once() -> None:
    producer = posting(1)
    wanted = settings(AWAY, types=frozenset({CREATION}))
    effects = producer.handle(modified(wanted), now_ms=3_000)
    assert effects == (kept(wanted), cancel(1), post(1, AWAY))
    assert s1(producer).state is S.ACTIVE
    assert producer.handle(emitted("notifyNewAlarm"), now_ms=3_000) == ()
    effects = producer.handle(emitted(), now_ms=3_000)
    assert [each.numbers for each in effects if isinstance(each, StoreNotification)] == [(no(2),)]


@covers(S.ACTIVE, SubscriptionLocked)
def test_a_locked_subscription_prepares_and_sends_nothing() -> None:
    producer = locked()
    assert s1(producer).state is S.LOCKED
    assert s1(producer).delivery is DeliveryState.STOPPED
    assert producer.handle(emitted(), now_ms=3_000) == ()
    assert producer.handle(stored(1), now_ms=3_000) == ()
    assert s1(producer).status().operational_state is OperationalState.DISABLED


@covers(S.ACTIVE, SubscriptionDeleted)
def test_a_deleted_subscription_first_delivers_what_waits() -> None:
    producer = ending()
    assert s1(producer).state is S.ENDING
    assert producer.next_deadline_ms() == 12_000
    assert producer.handle(emitted(), now_ms=3_500) == ()


@covers(S.ACTIVE, SubscriptionDeleted)
def test_a_deleted_subscription_for_which_nothing_waits_is_forgotten_at_once() -> None:
    producer = subscribed()
    assert producer.handle(DELETED, now_ms=2_000) == (cancel(1), FORGET)
    assert producer.subscriptions == {}
    assert producer.next_deadline_ms() is None


# --- locked --------------------------------------------------------------------------------------


@covers(S.LOCKED, SubscriptionModified)
def test_a_locked_subscription_may_be_modified_and_stays_locked() -> None:
    producer = locked()
    wanted = settings(AWAY, locked=True)
    assert producer.handle(modified(wanted), now_ms=3_000) == (kept(wanted),)
    assert s1(producer).state is S.LOCKED
    assert s1(producer).delivery is DeliveryState.STOPPED
    assert producer.handle(stored(1), now_ms=3_500) == ()


@covers(S.LOCKED, SubscriptionUnlocked)
def test_an_unlocked_subscription_goes_on_with_the_next_number() -> None:
    producer = locked()
    producer.handle(stored(1), now_ms=3_000)
    assert producer.handle(modified(settings()), now_ms=3_000) == (kept(settings()),)
    assert s1(producer).state is S.ACTIVE
    assert s1(producer).delivery is DeliveryState.IDLE
    assert producer.next_deadline_ms() is None
    producer.handle(emitted(), now_ms=3_500)
    assert producer.handle(stored(2), now_ms=3_500) == (post(2),)


@covers(S.LOCKED, SubscriptionDeleted)
def test_a_locked_subscription_ends_when_its_notifications_are_stored() -> None:
    producer = locked()
    subscription = s1(producer)
    assert producer.handle(DELETED, now_ms=3_000) == ()
    assert_in(subscription, S.ENDING)
    assert producer.next_deadline_ms() == 63_000
    assert producer.handle(stored(1), now_ms=3_500) == (cancel(2), FORGET)
    assert_in(subscription, S.ENDED)


# --- ending --------------------------------------------------------------------------------------


@covers(S.ENDING, QueueEmptied)
def test_the_last_delivery_ends_the_subscription() -> None:
    producer = ending()
    subscription = s1(producer)
    assert producer.handle(taken(1), now_ms=4_000) == (cancel(2), FORGET)
    assert subscription.state is S.ENDED
    assert producer.subscriptions == {}
    assert producer.next_deadline_ms() is None


@covers(S.ENDING, DeadlineReached)
def test_a_deleted_subscription_does_not_wait_for_ever() -> None:
    producer = locked()
    subscription = s1(producer)
    producer.handle(DELETED, now_ms=3_000)
    assert producer.handle(DeadlineReached(), now_ms=63_000) == (cancel(1), FORGET)
    assert subscription.state is S.ENDED
    assert producer.subscriptions == {}
    assert producer.next_deadline_ms() is None


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()
