"""What can happen to the two sides of reliable notifications.

Events are complete: wall-clock times and random numbers arrive inside them. Names are past tense.
``DeadlineReached`` is shared with streaming, in ``events.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mnstream.core.events import DeadlineReached
from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    Received,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.values import Json

# --- producer: what applications and operators do -----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationEmitted:
    """Something happened that subscriptions may want to know.

    Attributes:
        notification_type: Its type; not notifyHeartbeat, which has rules of its own.
        object_path: The object that it is about.
        body: Members beyond the header.
        event_time_ms: When it happened, milliseconds since the Unix epoch.
        href: URI of the object, or a path below the root of URIs, when it is not to be made of
            ``object_path``.
    """

    notification_type: str
    object_path: ObjectPath
    body: Mapping[str, Json]
    event_time_ms: int
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationFailed:
    """Notifications were not prepared, or may not have been (part 3 of the study).

    Attributes:
        notification_types: Types that are affected; None when that is unknown.
        reason: What happened, for people.
        event_time_ms: When.
    """

    notification_types: frozenset[str] | None
    reason: str
    event_time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecovered:
    """Notifications of all types are prepared again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionCreated:
    """An NtfSubscriptionControl came into being.

    Attributes:
        subscription_id: Its identifier, unused so far.
        base: The object that contains it.
        settings: What the consumer wants.
        wall_ms: When, milliseconds since the Unix epoch; its epoch is made of it.
    """

    subscription_id: SubscriptionId
    base: ObjectPath
    settings: SubscriptionSettings
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRestored:
    """A subscription of an earlier life of the producer is there again.

    Attributes:
        subscription_id: Its identifier, unused so far.
        base: The object that contains it.
        settings: What the consumer wants.
        heartbeat: Its HeartbeatControl, if there is one.
        epoch: The last epoch that it was in.
        wall_ms: Now, milliseconds since the Unix epoch; a new epoch is made of it.
        last_sequence_no: Last number of that epoch, delivered or not; 0 for none.
        last_event_time_ms: Its eventTime; None for none.
    """

    subscription_id: SubscriptionId
    base: ObjectPath
    settings: SubscriptionSettings
    heartbeat: HeartbeatControl | None
    epoch: Epoch
    wall_ms: int
    last_sequence_no: int = 0
    last_event_time_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionModified:
    """The settings of a subscription are others from now on; its numbers go on (B6)."""

    subscription_id: SubscriptionId
    settings: SubscriptionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionDeleted:
    """The consumer wants the subscription to end."""

    subscription_id: SubscriptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatControlSet:
    """A HeartbeatControl was created or written, or deleted: None (TS 28.622 4.3.21)."""

    subscription_id: SubscriptionId
    heartbeat: HeartbeatControl | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatTriggered:
    """triggerHeartbeatNtf was written with TRUE."""

    subscription_id: SubscriptionId


# --- producer: what becomes of a delivery -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded:
    """The recipient took the notification (2xx)."""

    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """The recipient could not be reached, was too slow, or asked to be tried later.

    Attributes:
        number: The notification.
        reason: What happened, for people.
        retry_after_ms: What the recipient asked for; None when it did not.
        jitter: Random number, 0 <= jitter < 1.
    """

    number: Number
    reason: str
    retry_after_ms: int | None = None
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRejected:
    """A notification cannot be delivered, now or later.

    Attributes:
        number: The notification.
        reason: What happened, for people.
        by_recipient: Whether the recipient does not want it (4xx, 3xx), or may not be sent it;
            otherwise it is not stored any more.
    """

    number: Number
    reason: str
    by_recipient: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientGone:
    """The recipient says that it does not exist any more (410)."""

    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatPosted:
    """A heartbeat was posted; ``taken`` tells whether the recipient took it (2xx)."""

    subscription_id: SubscriptionId
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsStored:
    """Notifications are durable: this one and all that were to be stored before it."""

    notification_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRolledOver:
    """The store dropped the oldest notifications of a subscription.

    Attributes:
        subscription_id: The subscription.
        oldest_sequence_no: Lowest number of the present epoch that is left.
    """

    subscription_id: SubscriptionId
    oldest_sequence_no: int


# --- consumer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SynchronisationRequested:
    """The subscription exists, and the producer can be asked what it has of it.

    Attributes:
        from_start: Whether it was created for this consumer, so that number 1 is wanted.
    """

    from_start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationReceived:
    """The producer posted a notification."""

    received: Received


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReceived:
    """The producer posted a heartbeat.

    Attributes:
        epoch: Life of the subscription; 0 when the producer does not tell.
        last_sequence_no: Number of the last notification that it sent; None when it does not tell.
        last_event_time_ms: eventTime of that one; None when it does not tell.
    """

    epoch: Epoch
    last_sequence_no: int | None
    last_event_time_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeFetched:
    """The producer answered a request for stored notifications.

    Attributes:
        epoch: Epoch that was asked for.
        first: Lowest number that was asked for.
        last: Highest number that was asked for.
        notifications: Those of them that it still has, in order; maybe only the first ones.
        window: What it has at all of the epoch that it answered for.
    """

    epoch: Epoch
    first: int
    last: int
    notifications: tuple[Received, ...]
    window: StoredRange


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """The producer did not answer, or not with notifications.

    Attributes:
        reason: What happened, for people.
        permanent: Whether it makes no sense to ask again: the producer has no such list.
        answered: Whether it answered, though not with notifications: that is borne for a while.
        jitter: Random number, 0 <= jitter < 1.
    """

    reason: str
    permanent: bool = False
    answered: bool = False
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """The application has processed the notification that it was given."""

    number: Number


# --- what the cores tell their own lifecycles ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkWaiting:
    """A notification is durable and waits to be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryGivenUp:
    """A notification has failed as often as is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPassedOver:
    """Numbers up to ``last`` are not to be delivered: the store lost them, or too much waits."""

    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLocked:
    """administrativeState became LOCKED: nothing is prepared and nothing is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionUnlocked:
    """administrativeState became UNLOCKED again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEmptied:
    """Nothing waits to be delivered any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleFound:
    """Numbers are missing below one that is known to exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleClosed:
    """Nothing is missing up to the highest number that is known to exist."""


NotificationProducerEvent = (
    NotificationEmitted
    | NotificationsStored
    | GenerationFailed
    | GenerationRecovered
    | SubscriptionCreated
    | SubscriptionRestored
    | SubscriptionModified
    | SubscriptionDeleted
    | HeartbeatControlSet
    | HeartbeatTriggered
    | DeliverySucceeded
    | DeliveryFailed
    | DeliveryRejected
    | RecipientGone
    | HeartbeatPosted
    | StoreRolledOver
    | DeadlineReached
)
"""Everything that a driver may feed to a ``NotificationProducer``."""
NotificationConsumerEvent = (
    SynchronisationRequested
    | NotificationReceived
    | HeartbeatReceived
    | RangeFetched
    | FetchFailed
    | HandedOver
    | DeadlineReached
)
"""Everything that a driver may feed to a ``NotificationConsumer``."""
