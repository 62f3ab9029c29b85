"""What a store of notifications in memory holds, and how it changes: the simplest way there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mnstream.core.notification_values import Epoch, Number, StoredRange, SubscriptionId
from mnstream.ports.notification_store import (
    StoredNotification,
    StoredSubscription,
    StoredWindow,
)


@dataclass(frozen=True, slots=True)
class Append:
    """Keep a notification."""

    common: bytes
    notification_id: int
    event_time_ms: int
    numbers: Sequence[Number]
    source_position: int | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Note how far the source has come, and whether this is an end in good order."""

    source_position: int | None
    clean: bool


Operation = Append | Mark | StoredSubscription | SubscriptionId
"""What a store is asked to do; an identifier alone is a subscription to be dropped."""


@dataclass(slots=True)
class HeldEpoch:
    """One epoch of a subscription: what is left, and the newest that ever was.

    Attributes:
        notifications: What is left, each with its notificationId.
        newest: Highest number; 0 for none.
        newest_time_ms: Its eventTime; None for none.
    """

    notifications: deque[tuple[int, StoredNotification]] = field(
        default_factory=deque[tuple[int, StoredNotification]]
    )
    newest: int = 0
    newest_time_ms: int | None = None

    @property
    def oldest(self) -> int:
        """The lowest number that is left; the next one where there is none."""
        return self.newest - len(self.notifications) + 1


@dataclass(slots=True)
class HeldSubscription:
    """A subscription and its epochs, in order."""

    stored: StoredSubscription
    epochs: dict[Epoch, HeldEpoch] = field(default_factory=dict[Epoch, HeldEpoch])

    @property
    def present(self) -> Epoch:
        """The epoch that it is in."""
        return max(self.epochs)

    @property
    def size(self) -> int:
        """How many numbers are left in all epochs."""
        return sum(len(each.notifications) for each in self.epochs.values())

    def numbers(self) -> Iterable[tuple[int, StoredNotification]]:
        """Give what is left of every epoch, with its notificationId, the oldest first."""
        for epoch in self.epochs.values():
            yield from epoch.notifications

    def restored(self) -> StoredSubscription:
        """Describe it to the next producer."""
        kept = self.epochs[self.present]
        return replace(
            self.stored,
            epoch=self.present,
            last_sequence_no=kept.newest,
            last_event_time_ms=kept.newest_time_ms,
        )

    def window(self, epoch: Epoch) -> StoredWindow | None:
        """Tell what is left of one epoch; None when it is unknown."""
        kept = self.epochs.get(epoch)
        if kept is None:
            return None
        times_ms = [
            kept.notifications[index][1].event_time_ms
            for index in (0, -1)
            if kept.oldest <= kept.newest
        ]
        return StoredWindow(
            range=StoredRange(
                epoch=epoch,
                oldest_sequence_no=kept.oldest if times_ms else 0,
                newest_sequence_no=kept.newest,
                next_epoch=min((each for each in self.epochs if each > epoch), default=None),
            ),
            number_of_stored_notifications=len(kept.notifications),
            oldest_event_time_ms=times_ms[0] if times_ms else None,
            newest_event_time_ms=times_ms[1] if times_ms else None,
        )


class Image:
    """What would be found if the process ended now.

    Attributes:
        subscriptions: Every subscription, in the order of their creation.
        sizes: Octets of each notification, by notificationId, and how many numbers it has.
        notification_id: Highest notificationId that was ever kept.
        source_position: Where the source has come to.
        clean: Whether the producer ended in good order.
        lost: The latest epoch that lost numbers, of each subscription that did.
    """

    def __init__(self) -> None:
        """Begin with nothing, in good order."""
        self.subscriptions: dict[SubscriptionId, HeldSubscription] = {}
        self.sizes: dict[int, tuple[int, int]] = {}
        self.notification_id = 0
        self.source_position: int | None = None
        self.clean = True
        self.lost: dict[SubscriptionId, Epoch] = {}
        self._bytes = 0

    def apply(self, operation: Operation) -> None:
        """Carry out one operation."""
        match operation:
            case Append():
                self._append(operation)
            case Mark():
                self.clean = operation.clean
            case StoredSubscription():
                subscription = self.subscriptions.setdefault(
                    operation.subscription_id, HeldSubscription(operation)
                )
                subscription.stored = operation
                if operation.epoch > max(subscription.epochs, default=-1):
                    subscription.epochs[operation.epoch] = HeldEpoch()
            case _:
                forgotten = self.subscriptions.pop(operation, None)
                for notification_id, _ in () if forgotten is None else forgotten.numbers():
                    self._release(notification_id)
                self.lost.pop(operation, None)
        if isinstance(operation, Append | Mark) and operation.source_position is not None:
            self.source_position = operation.source_position

    def keep_limits(self, *, notifications_max: int, bytes_max: int, epochs_max: int) -> None:
        """Drop what is beyond the limits, the oldest first."""
        for subscription in self.subscriptions.values():
            for _ in range(subscription.size - notifications_max):
                self._drop_oldest(subscription)
            for epoch in [*subscription.epochs][: max(0, len(subscription.epochs) - epochs_max)]:
                while subscription.epochs[epoch].notifications:
                    self._drop_oldest(subscription)
                del subscription.epochs[epoch]
        while self._bytes > bytes_max:
            notification_id = next(iter(self.sizes))
            for subscription in self.subscriptions.values():
                oldest = next(iter(subscription.numbers()), None)
                if oldest is not None and oldest[0] == notification_id:
                    self._drop_oldest(subscription)

    def _append(self, append: Append) -> None:
        assert append.notification_id > self.notification_id, "notificationIds go up"
        self.notification_id = append.notification_id
        count = 0
        for number in append.numbers:
            subscription = self.subscriptions.get(number.subscription_id)
            if subscription is None or number.epoch not in subscription.epochs:
                continue
            epoch = subscription.epochs[number.epoch]
            assert number.sequence_no == epoch.newest + 1 or not epoch.newest, "numbers are dense"
            epoch.newest, epoch.newest_time_ms = number.sequence_no, append.event_time_ms
            stored = StoredNotification(
                number=number, event_time_ms=append.event_time_ms, common=append.common
            )
            epoch.notifications.append((append.notification_id, stored))
            count += 1
        if count:
            self.sizes[append.notification_id] = (len(append.common), count)
            self._bytes += len(append.common)

    def _drop_oldest(self, subscription: HeldSubscription) -> None:
        for epoch, kept in subscription.epochs.items():
            if kept.notifications:
                notification_id, _ = kept.notifications.popleft()
                self._release(notification_id)
                self.lost[subscription.stored.subscription_id] = epoch
                return

    def _release(self, notification_id: int) -> None:
        size, count = self.sizes[notification_id]
        if count > 1:
            self.sizes[notification_id] = (size, count - 1)
        else:
            del self.sizes[notification_id]
            self._bytes -= size
