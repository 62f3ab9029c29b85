"""Short ways to say what happens to the two sides of reliable notifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zlib import crc32

from mnstream.core.errors import InvalidFilter
from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    CancelPost,
    FetchRange,
    HandOver,
    NotificationProducerEffect,
    PostNotification,
    StoreNotification,
)
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliverySucceeded,
    FetchFailed,
    HandedOver,
    HeartbeatReceived,
    NotificationEmitted,
    NotificationReceived,
    NotificationsStored,
    RangeFetched,
    SubscriptionCreated,
    SubscriptionModified,
    SynchronisationRequested,
)
from mnstream.core.notification_values import (
    UNTOLD,
    Content,
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    Received,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.notifications.selection import Predicate
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.profiles import SEED, NotificationProfile
from mnstream.core.values import Json

S1 = SubscriptionId("s1")
S2 = SubscriptionId("s2")
BASE = ObjectPath("ManagedElement=1")
E1 = Epoch(1_000_000)
E2 = Epoch(2_000_000)
HOME = "https://example.org/home"
AWAY = "https://example.org/away"
CREATION = "notifyMOICreation"
ALARM = "notifyNewAlarm"
CONFIG = NotificationProducerConfig(
    unstored_max=8,
    pending_max=10,
    post_timeout_ms=10_000,
    attempts_max=3,
    back_off_initial_ms=1_000,
    back_off_max_ms=4_000,
    ending_timeout_ms=60_000,
)

# --- the producer --------------------------------------------------------------------------------


def compile_filter(text: str) -> Predicate:
    """Read a filter of these tests: a type that is wanted."""
    if text == "bad":
        raise InvalidFilter("bad")

    def wants(content: Content) -> bool:
        return content.notification_type == text

    return wants


def settings(
    address: str = HOME,
    *,
    types: frozenset[str] | None = None,
    notification_filter: str | None = None,
    locked: bool = False,
) -> SubscriptionSettings:
    """Say what a consumer wants."""
    return SubscriptionSettings(
        notification_recipient_address=address,
        notification_types=types,
        notification_filter=notification_filter,
        locked=locked,
    )


def created(
    wanted: SubscriptionSettings | None = None,
    subscription_id: SubscriptionId = S1,
    *,
    wall_ms: int = E1,
) -> SubscriptionCreated:
    """Build the event of a new subscription; its epoch is the time."""
    return SubscriptionCreated(
        subscription_id=subscription_id, base=BASE, settings=wanted or settings(), wall_ms=wall_ms
    )


def modified(
    wanted: SubscriptionSettings, subscription_id: SubscriptionId = S1
) -> SubscriptionModified:
    """Build the event of other settings."""
    return SubscriptionModified(subscription_id=subscription_id, settings=wanted)


def emitted(
    notification_type: str = CREATION,
    *,
    time_ms: int = 5_000_000,
    path: str = BASE,
    body: Mapping[str, Json] | None = None,
) -> NotificationEmitted:
    """Build the event of something that happened."""
    return NotificationEmitted(
        notification_type=notification_type,
        object_path=ObjectPath(path),
        body=body or {},
        event_time_ms=time_ms,
    )


def stored(notification_id: int) -> NotificationsStored:
    """Build the event of a store that has caught up."""
    return NotificationsStored(notification_id=notification_id)


def beats(period_s: int) -> HeartbeatControl:
    """Build a HeartbeatControl."""
    return HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=period_s)


def no(sequence_no: int, subscription_id: SubscriptionId = S1, epoch: Epoch = E1) -> Number:
    """Name a number."""
    return Number(subscription_id=subscription_id, epoch=epoch, sequence_no=sequence_no)


def post(sequence_no: int, recipient: str = HOME) -> PostNotification:
    """Build the effect that posts a notification of s1."""
    return PostNotification(number=no(sequence_no), recipient=recipient)


def cancel(sequence_no: int) -> CancelPost:
    """Build the effect that stops waiting for an answer."""
    return CancelPost(number=no(sequence_no))


def taken(sequence_no: int) -> DeliverySucceeded:
    """Build the event of a recipient that took a notification."""
    return DeliverySucceeded(number=no(sequence_no))


def failed(sequence_no: int, retry_after_ms: int | None = None) -> DeliveryFailed:
    """Build the event of a recipient that did not."""
    return DeliveryFailed(number=no(sequence_no), reason="503", retry_after_ms=retry_after_ms)


def new_producer(
    config: NotificationProducerConfig = CONFIG,
    *,
    profile: NotificationProfile = SEED,
    with_alarms: bool = False,
) -> NotificationProducer:
    """Make a producer without subscriptions."""
    return NotificationProducer(
        compile_filter=compile_filter, config=config, profile=profile, with_alarms=with_alarms
    )


def subscribed(
    wanted: SubscriptionSettings | None = None,
    config: NotificationProducerConfig = CONFIG,
    *,
    profile: NotificationProfile = SEED,
    with_alarms: bool = False,
) -> NotificationProducer:
    """Make a producer with subscription s1, at 1 s."""
    producer = new_producer(config, profile=profile, with_alarms=with_alarms)
    producer.handle(created(wanted), now_ms=1_000)
    return producer


def posting(
    count: int = 2, config: NotificationProducerConfig = CONFIG, *, with_alarms: bool = False
) -> NotificationProducer:
    """... and some notifications that became durable at 2 s, the first of them in flight."""
    producer = subscribed(config=config, with_alarms=with_alarms)
    for _ in range(count):
        producer.handle(emitted(), now_ms=2_000)
    producer.handle(stored(count), now_ms=2_000)
    return producer


def s1(producer: NotificationProducer) -> Subscription:
    """Give subscription s1."""
    return producer.subscriptions[S1]


def contents(effects: Sequence[NotificationProducerEffect]) -> list[tuple[str, dict[str, Json]]]:
    """Give types and bodies of what is to be stored."""
    return [
        (effect.content.notification_type, dict(effect.content.body))
        for effect in effects
        if isinstance(effect, StoreNotification)
    ]


# --- the consumer --------------------------------------------------------------------------------

DEADLINE = DeadlineReached()
SYNCHRONISE = SynchronisationRequested()
NO_LIST = FetchFailed(reason="404", permanent=True)


def note(
    sequence_no: int,
    epoch: Epoch = E1,
    *,
    text: str = "",
    time_ms: int | None = None,
    not_sent_types: frozenset[str] | None = frozenset(),
) -> Received:
    """Build a notification; its content follows from its number unless said otherwise."""
    return Received(
        number=no(sequence_no, epoch=epoch),
        notification_type=CREATION,
        event_time_ms=sequence_no if time_ms is None else time_ms,
        payload=f"{sequence_no}{text}".encode(),
        content=crc32(f"{sequence_no}{text}".encode()),
        not_sent_types=not_sent_types,
    )


def got(
    sequence_no: int, epoch: Epoch = E1, *, text: str = "", time_ms: int | None = None
) -> NotificationReceived:
    """Build the event of a notification that was posted."""
    return NotificationReceived(received=note(sequence_no, epoch, text=text, time_ms=time_ms))


def heard(last: int | None, epoch: Epoch = E1) -> HeartbeatReceived:
    """Build the event of a heartbeat."""
    return HeartbeatReceived(epoch=epoch, last_sequence_no=last, last_event_time_ms=None)


def handed(sequence_no: int, epoch: Epoch = E1) -> HandedOver:
    """Build the event of an application that has processed a notification."""
    return HandedOver(number=no(sequence_no, epoch=epoch))


def hand(sequence_no: int, epoch: Epoch = E1) -> HandOver:
    """Build the effect that gives a notification to the application."""
    return HandOver(received=note(sequence_no, epoch))


def ask(first: int = 1, last: int = 0, epoch: Epoch = E1) -> FetchRange:
    """Build the effect that asks the producer; only for its window unless said otherwise."""
    return FetchRange(epoch=epoch, first=first, last=last)


def window(
    oldest: int, newest: int, epoch: Epoch = E1, *, next_epoch: Epoch | None = None
) -> StoredRange:
    """Say what a producer has."""
    return StoredRange(
        epoch=epoch, oldest_sequence_no=oldest, newest_sequence_no=newest, next_epoch=next_epoch
    )


def answer(
    has: StoredRange,
    first: int = 1,
    last: int = 0,
    *given: int,
    asked: Epoch | None = None,
    known: bool = True,
) -> RangeFetched:
    """Build the event of a producer that answered."""
    return RangeFetched(
        epoch=has.epoch if asked is None else asked,
        first=first,
        last=last,
        notifications=tuple(note(number, has.epoch) for number in given),
        window=replace(has, known=known),
    )


OLDEST = UNTOLD
"""Epoch to ask for when none is followed."""
