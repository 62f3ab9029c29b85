"""Stores of notifications and checkpoints in memory, for tests and for those who need no more."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

import anyio
import anyio.lowlevel

from mnstream.adapters.storage.memory_image import Append, Image, Mark, Operation
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import (
    Committed,
    StoredNotification,
    StoredSubscription,
    StoredWindow,
)


class MemoryNotificationStore:
    """A ``mnstream.ports.notification_store.NotificationStore`` as simple as it can be.

    It is the model that the one on disk is compared with. Nothing grows old in it. What is asked
    for a subscription or an epoch that is not kept is passed over.
    """

    def __init__(
        self,
        earlier: MemoryNotificationStore | None = None,
        *,
        notifications_max: int = 100_000,
        bytes_max: int = 1 << 30,
        epochs_max: int = 1_000,
        commits_itself: bool = True,
    ) -> None:
        """Begin with what was durable in an earlier store.

        Args:
            earlier: What this one is a restart of; it must not be used any more.
            notifications_max: Notifications of one subscription.
            bytes_max: Octets of all notifications, each counted once.
            epochs_max: Epochs known of one subscription.
            commits_itself: Whether everything is durable at once; otherwise ``commit`` makes it so.
        """
        self._image: Image = Image() if earlier is None else copy.deepcopy(earlier._image)
        self._image.lost.clear()
        self._notifications_max = notifications_max
        self._bytes_max = bytes_max
        self._epochs_max = epochs_max
        self._commits_itself = commits_itself
        self._trouble = ""
        self._was_clean, self._image.clean = self._image.clean, False
        self._source_position = self._image.source_position
        self._last_notification_id = self._told_id = self._image.notification_id
        self._restored = tuple(each.restored() for each in self._image.subscriptions.values())
        self._operations: list[Operation] = []
        self._recent: dict[Number, bytes] = {}
        self._asked = self._durable = 0
        self._changed = anyio.Event()

    def append(
        self,
        common: bytes,
        *,
        notification_id: int,
        event_time_ms: int,
        numbers: Sequence[Number],
        source_position: int | None = None,
    ) -> None:
        """Keep a notification once, under each of its numbers."""
        self._recent.update(dict.fromkeys(numbers, common))
        self._ask(Append(common, notification_id, event_time_ms, numbers, source_position))

    def save_subscription(self, subscription: StoredSubscription) -> None:
        """Keep a subscription, new or changed; a greater ``epoch`` begins an epoch."""
        self._ask(subscription)

    def forget_subscription(self, subscription_id: SubscriptionId) -> None:
        """Drop a subscription and all that is kept for it, in every epoch."""
        self._ask(subscription_id)

    def mark(self, *, source_position: int | None = None, clean: bool = False) -> None:
        """Note how far a source has come, and whether the producer is ending in good order."""
        self._ask(Mark(source_position, clean))

    async def committed(self) -> Committed:
        """Wait until more is durable than the last call told, or more is lost, and tell it."""
        await anyio.lowlevel.checkpoint()
        while not self.has_news:
            await self._changed.wait()
        self._told_id = self._image.notification_id
        told = Committed(notification_id=self._told_id, rolled_over=self._rolled_over())
        self._image.lost.clear()
        return told

    async def flush(self) -> None:
        """Wait until everything that was asked for before is durable. Safe to cancel."""
        position = self._asked
        await anyio.lowlevel.checkpoint()
        while position > self._durable:
            await self._changed.wait()

    def restored(self) -> tuple[StoredSubscription, ...]:
        """Give the subscriptions that were there when the store was opened, oldest first."""
        return self._restored

    @property
    def was_clean(self) -> bool:
        """Whether the producer before this one ended in good order, or there was none."""
        return self._was_clean

    @property
    def source_position(self) -> int | None:
        """Where the source had come to when the store was opened; None for no source."""
        return self._source_position

    @property
    def last_notification_id(self) -> int:
        """Highest notificationId that was ever kept when the store was opened; 0 for none."""
        return self._last_notification_id

    @property
    def trouble(self) -> str:
        """What ``set_trouble`` was given last."""
        return self._trouble

    @property
    def notifications_max(self) -> int:
        """How many notifications of one subscription are kept at most."""
        return self._notifications_max

    def recent(self, number: Number) -> bytes | None:
        """Give the common text of a notification that was appended since this store began."""
        return self._recent.get(number)

    async def read(
        self,
        subscription_id: SubscriptionId,
        epoch: Epoch,
        *,
        first: int,
        last: int,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        """Read notifications by number, in order: the first of them that fit the limits."""
        await anyio.lowlevel.checkpoint()
        found = (
            each
            for _, each in self._numbers(subscription_id)
            if each.number.epoch == epoch and first <= each.number.sequence_no <= last
        )
        return _within(found, count_max, bytes_max)

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        """Read notifications of every epoch by eventTime, both ends included."""
        await anyio.lowlevel.checkpoint()
        found = (
            each
            for _, each in self._numbers(subscription_id)
            if (from_ms is None or from_ms <= each.event_time_ms)
            and (to_ms is None or each.event_time_ms <= to_ms)
        )
        return _within(found, count_max, bytes_max)

    def window(self, subscription_id: SubscriptionId, epoch: Epoch) -> StoredWindow | None:
        """Tell what is kept of one epoch; None when the epoch is unknown."""
        subscription = self._image.subscriptions.get(subscription_id)
        return None if subscription is None else subscription.window(epoch)

    def epochs(self, subscription_id: SubscriptionId) -> tuple[Epoch, ...]:
        """Give the epochs of a subscription that are known, oldest first, the present one last."""
        subscription = self._image.subscriptions.get(subscription_id)
        return () if subscription is None else tuple(subscription.epochs)

    @property
    def has_news(self) -> bool:
        """Whether waiting for what is committed would return at once."""
        return self._image.notification_id != self._told_id or bool(self._rolled_over())

    def commit(self) -> None:
        """Make everything durable, unless there is trouble."""
        if self._trouble:
            return
        for operation in self._operations:
            self._image.apply(operation)
        self._operations.clear()
        self._image.keep_limits(
            notifications_max=self._notifications_max,
            bytes_max=self._bytes_max,
            epochs_max=self._epochs_max,
        )
        self._durable = self._asked
        self._changed.set()
        self._changed = anyio.Event()

    def set_trouble(self, trouble: str) -> None:
        """Pretend that the disk refuses, or with ``""`` that it works again."""
        self._trouble = trouble
        if self._commits_itself:
            self.commit()

    def _ask(self, operation: Operation) -> None:
        self._operations.append(operation)
        self._asked += 1
        if self._commits_itself:
            self.commit()

    def _rolled_over(self) -> dict[SubscriptionId, int]:
        """Give the lowest number that is left of present epochs that lost some."""
        held = self._image.subscriptions
        return {
            each: held[each].epochs[epoch].oldest
            for each, epoch in self._image.lost.items()
            if epoch == held[each].present
        }

    def _numbers(self, subscription_id: SubscriptionId) -> Iterable[tuple[int, StoredNotification]]:
        subscription = self._image.subscriptions.get(subscription_id)
        return () if subscription is None else subscription.numbers()


def _within(
    notifications: Iterable[StoredNotification], count_max: int, bytes_max: int
) -> tuple[StoredNotification, ...]:
    taken: list[StoredNotification] = []
    for each in notifications:
        size = sum(len(before.common) for before in taken) + len(each.common)
        if len(taken) >= count_max or (taken and size > bytes_max):
            break
        taken.append(each)
    return tuple(taken)


class MemoryCheckpoints:
    """A ``mnstream.ports.checkpoints.Checkpoints`` that forgets with its process.

    Attributes:
        numbers: What was saved, by subscription.
        checksums: What was saved beside it.
        settings: What was remembered, by name.
        trouble: Why saving fails; empty when it works.
    """

    def __init__(self, earlier: MemoryCheckpoints | None = None) -> None:
        """Begin with what an earlier one had."""
        self.numbers: dict[SubscriptionId, Number] = {} if earlier is None else {**earlier.numbers}
        self.checksums: dict[SubscriptionId, int | None] = {}
        if earlier is not None:
            self.checksums.update(earlier.checksums)
        self.settings: dict[str, str] = {} if earlier is None else {**earlier.settings}
        self.trouble = ""

    def load(self, subscription_id: SubscriptionId) -> Number | None:
        """Return the last number that was saved; None for none."""
        return self.numbers.get(subscription_id)

    def checksum(self, subscription_id: SubscriptionId) -> int | None:
        """Return what was saved beside that number; None for nothing."""
        return self.checksums.get(subscription_id)

    async def save(self, number: Number, checksum: int | None = None) -> None:
        """Remember that everything up to this number was processed.

        Raises:
            OSError: There is ``trouble``.
        """
        await self._pretend_to_write()
        self.numbers[number.subscription_id] = number
        self.checksums[number.subscription_id] = checksum

    def setting(self, name: str) -> str | None:
        """Return what was remembered under a name; None for nothing."""
        return self.settings.get(name)

    async def remember(self, name: str, value: str) -> None:
        """Remember a value.

        Raises:
            OSError: There is ``trouble``.
        """
        await self._pretend_to_write()
        self.settings[name] = value

    async def _pretend_to_write(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.trouble:
            raise OSError(self.trouble)
