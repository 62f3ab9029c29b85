"""A store whose records become durable later, in groups, and of which a crash takes the tail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mnstream.core.notification_effects import (
    ForgetSubscription,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_values import (
    NOT_SENT,
    Content,
    Epoch,
    Number,
    StoredRange,
    SubscriptionId,
)
from tests.simulation.notifications.network import Network

Key = tuple[Epoch, int]
STALL_FACTOR = 30


@dataclass(frozen=True, slots=True)
class Record:
    """Something to be kept, and when it was asked for."""

    what: StoreNotification | StoreSubscription | ForgetSubscription
    order: int


@dataclass(frozen=True, slots=True)
class Note:
    """A notification as it is kept for one subscription."""

    notification_type: str
    event_time_ms: int
    text: str
    serial: int | None
    """Which of the emissions it is; None for an announcement of the producer."""
    not_sent_types: frozenset[str] | None
    order: int


@dataclass
class Kept:
    """What there is of one subscription."""

    subscription: StoreSubscription
    newest: dict[Epoch, int] = field(default_factory=dict[Epoch, int])
    last_time_ms: int | None = None
    notes: dict[Key, Note] = field(default_factory=dict[Key, Note])


class SimulatedStore:
    """Records in order; ``kept`` is what the durable ones come to.

    ``ledger`` remembers every notification that ever became durable, for the checks.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._world = network.world
        self.kept: dict[SubscriptionId, Kept] = {}
        self.ledger: dict[SubscriptionId, dict[Key, Note]] = {}
        self.epochs_ever: set[tuple[SubscriptionId, Epoch]] = set()
        self.last_notification_id = 0
        self.committed: Callable[[int, dict[SubscriptionId, int]], None] | None = None
        self._undurable: list[Record] = []
        self._flushing = False
        self._lives = 0
        self._order = 0

    def next_order(self) -> int:
        """Give the place of something among everything that happened."""
        self._order += 1
        return self._order

    def append(self, what: StoreNotification | StoreSubscription | ForgetSubscription) -> None:
        """Put a record at the end."""
        self._undurable.append(Record(what, self.next_order()))
        if not self._flushing:
            self._flush()

    def crash(self) -> None:
        """Lose a part of what is not durable."""
        count = self._world.between(0, len(self._undurable))
        self._network.counts["records lost"] += len(self._undurable) - count
        self._apply(count)
        self._undurable.clear()
        self._lives += 1
        self._flushing = False
        self.committed = None

    def anywhere(self, number: Number) -> Note | None:
        """Give a notification that was appended, durable or not."""
        kept = self.kept.get(number.subscription_id)
        key = (number.epoch, number.sequence_no)
        if kept is not None and key in kept.notes:
            return kept.notes[key]
        for record in self._undurable:
            if isinstance(record.what, StoreNotification) and number in record.what.numbers:
                return _note(record.what.content, number, record.order)
        return None

    def window(self, subscription_id: SubscriptionId, epoch: Epoch) -> StoredRange:
        """Tell what there is of an epoch, known or not."""
        kept = self.kept[subscription_id]
        numbers = [number for each, number in kept.notes if each == epoch]
        following = [each for each in kept.newest if each > epoch]
        return StoredRange(
            epoch=epoch,
            oldest_sequence_no=min(numbers, default=0),
            newest_sequence_no=kept.newest.get(epoch, 0),
            next_epoch=min(following, default=None),
            known=epoch in kept.newest,
        )

    def _flush(self) -> None:
        self._flushing = True
        count, life = len(self._undurable), self._lives
        delay_ms = self._world.between(1, self._network.faults.commit_max_ms)
        if self._network.fails(self._network.faults.stall):
            delay_ms *= STALL_FACTOR

        def done() -> None:
            if life == self._lives:
                self._flushed(count)

        self._world.after(delay_ms, done)

    def _flushed(self, count: int) -> None:
        self._flushing = False
        rolled_over = self._apply(count)
        if self.committed is not None:
            self.committed(self.last_notification_id, rolled_over)
        if self._undurable and not self._flushing:
            self._flush()

    def _apply(self, count: int) -> dict[SubscriptionId, int]:
        rolled_over: dict[SubscriptionId, int] = {}
        for record in self._undurable[:count]:
            match record.what:
                case StoreSubscription():
                    self._keep(record.what)
                case ForgetSubscription():
                    self.kept.pop(record.what.subscription_id, None)
                case StoreNotification():
                    self._add(record.what, record.order, rolled_over)
        del self._undurable[:count]
        return rolled_over

    def _keep(self, subscription: StoreSubscription) -> None:
        kept = self.kept.setdefault(subscription.subscription_id, Kept(subscription))
        kept.subscription = subscription
        kept.newest.setdefault(subscription.epoch, 0)
        self.epochs_ever.add((subscription.subscription_id, subscription.epoch))

    def _add(
        self, what: StoreNotification, order: int, rolled_over: dict[SubscriptionId, int]
    ) -> None:
        content = what.content
        self.last_notification_id = content.notification_id
        for number in what.numbers:
            key = (number.epoch, number.sequence_no)
            note = _note(content, number, order)
            self.ledger.setdefault(number.subscription_id, {})[key] = note
            kept = self.kept.get(number.subscription_id)
            if kept is None:
                continue
            kept.notes[key] = note
            kept.newest[number.epoch] = number.sequence_no
            kept.last_time_ms = content.event_time_ms
            self._evict(kept, rolled_over)

    def _evict(self, kept: Kept, rolled_over: dict[SubscriptionId, int]) -> None:
        while len(kept.notes) > self._network.faults.kept_max:
            epoch, number = next(iter(kept.notes))
            del kept.notes[epoch, number]
            self._network.counts["notifications rolled over"] += 1
            if epoch == kept.subscription.epoch:
                rolled_over[kept.subscription.subscription_id] = number + 1


def _note(content: Content, number: Number, order: int) -> Note:
    types = content.body.get("notificationTypes")
    told = frozenset(map(str, types)) if isinstance(types, list) else None
    serial = content.body.get("serial")
    return Note(
        notification_type=content.notification_type,
        event_time_ms=content.event_time_ms,
        text=f"{content.notification_type} {content.notification_id} {dict(content.body)}"
        f" {number.subscription_id} {number.epoch} {number.sequence_no}",
        serial=serial if isinstance(serial, int) else None,
        not_sent_types=told if content.notification_type == NOT_SENT else frozenset(),
        order=order,
    )
