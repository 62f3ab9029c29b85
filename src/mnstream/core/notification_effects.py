"""What the notification cores ask their drivers to do, in the order in which it is to be done."""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.notification_values import (
    Content,
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    Received,
    SubscriptionId,
    SubscriptionSettings,
)

# --- producer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNotification:
    """Keep a prepared notification, once, under each of its numbers (P2.1, P2.3).

    Answer with NotificationsStored when it is durable; one answer may stand for many. It is never
    lost on the way: whatever keeps the store from writing delays the answer.
    """

    content: Content
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSubscription:
    """Keep a subscription, so that it survives the producer."""

    subscription_id: SubscriptionId
    base: ObjectPath
    settings: SubscriptionSettings
    heartbeat: HeartbeatControl | None
    epoch: Epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetSubscription:
    """Drop a subscription and all that is stored for it."""

    subscription_id: SubscriptionId


@dataclass(frozen=True, slots=True, kw_only=True)
class PostNotification:
    """Post a stored notification to its recipient and say what became of it."""

    number: Number
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPost:
    """Stop waiting for the answer to a notification; what comes of it is not told any more."""

    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class PostHeartbeat:
    """Post a heartbeat, once, with the present time as its eventTime; answer with HeartbeatPosted.

    It has no number and is not stored, so nothing waits for it (P2.2). It tells the last number
    that was used and its eventTime (P1.6, P1.7).
    """

    notification_id: int
    subscription_id: SubscriptionId
    base: ObjectPath
    recipient: str
    heartbeat: HeartbeatControl
    epoch: Epoch
    last_sequence_no: int
    last_event_time_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAlarm:
    """Raise or clear the alarm that a subscription is not served as it should be (part 3c)."""

    subscription_id: SubscriptionId
    raised: bool


NotificationProducerEffect = (
    StoreNotification
    | StoreSubscription
    | ForgetSubscription
    | PostNotification
    | CancelPost
    | PostHeartbeat
    | SetAlarm
)
"""Everything that a ``NotificationProducer`` asks for."""


# --- consumer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Give a notification to the application; answer with HandedOver.

    One at a time: the next comes after the answer.
    """

    received: Received


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveCheckpoint:
    """Remember durably that everything up to this number was handed over, before going on.

    Attributes:
        number: The number.
        checksum: CRC-32 of what it stood for, where only that can tell a restart of the producer;
            None where its epoch tells it.
    """

    number: Number
    checksum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRange:
    """Ask the producer for stored notifications; answer with RangeFetched or FetchFailed.

    ``first`` greater than ``last`` asks for none, only for the window. Epoch 0 is the oldest that
    the producer knows of this subscription.
    """

    epoch: Epoch
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLost:
    """Tell the application that these notifications cannot be had any more, and why.

    Attributes:
        epoch: Epoch of the numbers.
        first: Lowest lost number.
        last: Highest lost number; None when nobody knows how many followed ``first``, if any.
        reason: Why, for people.
    """

    epoch: Epoch
    first: int
    last: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRestart:
    """Tell the application that the producer began a new life.

    Attributes:
        before: Last epoch, 0 when unknown.
        after: New epoch, 0 when unknown.
        certain: Whether the producer said so; otherwise it was inferred.
    """

    before: Epoch
    after: Epoch
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RereadObjects:
    """Tell the application that only reading the objects again shows what it has missed.

    Attributes:
        notification_types: Types of what it has missed; None when they are unknown.
        reason: Why, for people.
    """

    notification_types: frozenset[str] | None
    reason: str


NotificationConsumerEffect = (
    HandOver | SaveCheckpoint | FetchRange | ReportLost | ReportRestart | RereadObjects
)
"""Everything that a ``NotificationConsumer`` asks for."""
