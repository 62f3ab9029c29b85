"""Where a producer keeps its subscriptions and every notification that it prepared (part 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubscription:
    """A subscription as it survives its producer.

    Attributes:
        subscription_id: Its identifier.
        base: The object that contains it.
        settings: What the consumer wants.
        heartbeat: Its HeartbeatControl, if there is one.
        epoch: The epoch that it is in.
        last_sequence_no: Highest number of that epoch, kept or not; 0 for none.
        last_event_time_ms: Its eventTime; None for none.
    """

    subscription_id: SubscriptionId
    base: ObjectPath
    settings: SubscriptionSettings
    heartbeat: HeartbeatControl | None
    epoch: Epoch
    last_sequence_no: int = 0
    last_event_time_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotification:
    """A notification as it is kept for one subscription.

    Attributes:
        number: Where it stands.
        event_time_ms: Its eventTime.
        common: Its JSON object without the members that differ from one subscription to another,
            byte for byte as it was stored.
    """

    number: Number
    event_time_ms: int
    common: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWindow:
    """What is kept of one subscription in one epoch.

    Attributes:
        range: Lowest and highest number, and the epoch that followed.
        number_of_stored_notifications: How many there are.
        oldest_event_time_ms: eventTime of the oldest; None when there is none.
        newest_event_time_ms: eventTime of the newest; None when there is none.
    """

    range: StoredRange
    number_of_stored_notifications: int
    oldest_event_time_ms: int | None
    newest_event_time_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became durable, and what had to go for it.

    Attributes:
        notification_id: Highest notificationId that is durable with everything before it.
        rolled_over: Lowest number of the present epoch that is left, for each subscription that
            lost some of that epoch.
    """

    notification_id: int
    rolled_over: Mapping[SubscriptionId, int]


class NotificationStore(Protocol):
    """Durable, bounded, oldest first out. One store belongs to one producer at a time.

    Methods that are not ``async`` return at once and never fail: what they ask for is done in the
    order of the calls, in groups, and is durable when ``committed`` says so. Reading sees what is
    durable.
    """

    def append(
        self,
        common: bytes,
        *,
        notification_id: int,
        event_time_ms: int,
        numbers: Sequence[Number],
        source_position: int | None = None,
    ) -> None:
        """Keep a notification once, under each of its numbers.

        Args:
            common: Its JSON object without what differs from one subscription to another.
            notification_id: Greater than every one before.
            event_time_ms: Its eventTime, milliseconds since the Unix epoch.
            numbers: Where it stands, at least one; dense for each subscription and epoch.
            source_position: Kept with it, for a source that goes on where it was.
        """
        ...

    def save_subscription(self, subscription: StoredSubscription) -> None:
        """Keep a subscription, new or changed; a greater ``epoch`` begins an epoch.

        ``last_sequence_no`` and ``last_event_time_ms`` are not looked at.
        """
        ...

    def forget_subscription(self, subscription_id: SubscriptionId) -> None:
        """Drop a subscription and all that is kept for it, in every epoch."""
        ...

    def mark(self, *, source_position: int | None = None, clean: bool = False) -> None:
        """Note how far a source has come, and whether the producer is ending in good order."""
        ...

    async def committed(self) -> Committed:
        """Wait until more is durable than the last call told, and tell it.

        Safe to cancel. Called by one task.
        """
        ...

    async def flush(self) -> None:
        """Wait until everything that was asked for before is durable. Safe to cancel."""
        ...

    def restored(self) -> Sequence[StoredSubscription]:
        """Give the subscriptions that were there when the store was opened."""
        ...

    @property
    def was_clean(self) -> bool:
        """Whether the producer before this one ended in good order, or there was none."""
        ...

    @property
    def source_position(self) -> int | None:
        """Where the source had come to when the store was opened; None for no source."""
        ...

    @property
    def last_notification_id(self) -> int:
        """Highest notificationId that was ever kept when the store was opened; 0 for none."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable at present, for people; empty when all is well."""
        ...

    @property
    def notifications_max(self) -> int:
        """How many notifications of one subscription are kept at most."""
        ...

    def recent(self, number: Number) -> bytes | None:
        """Return the common text of a notification that was appended lately; None: ``read`` it."""
        ...

    async def read(
        self,
        subscription_id: SubscriptionId,
        epoch: Epoch,
        *,
        first: int,
        last: int,
        count_max: int,
        bytes_max: int,
    ) -> Sequence[StoredNotification]:
        """Read notifications by number, in order: the first of them that fit the limits.

        One that alone is larger than ``bytes_max`` is still given, as the only one.
        """
        ...

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
        bytes_max: int,
    ) -> Sequence[StoredNotification]:
        """Read notifications of every epoch by eventTime, both ends included, by epoch and number.

        The first of them that fit the limits, as ``read`` does.
        """
        ...

    def window(self, subscription_id: SubscriptionId, epoch: Epoch) -> StoredWindow | None:
        """Tell what is kept of one epoch; None when the epoch is unknown."""
        ...

    def epochs(self, subscription_id: SubscriptionId) -> Sequence[Epoch]:
        """Give the epochs of a subscription that are known, oldest first, the present one last.

        An epoch stays known after its notifications went, so that their loss can be told.
        """
        ...
