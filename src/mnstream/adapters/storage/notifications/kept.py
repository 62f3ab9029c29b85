"""What a store of notifications has, as far as it is remembered outside of the database.

Numbers are dense, and what goes are always the oldest of a subscription. So two numbers tell all
that is kept of an epoch.
"""

from __future__ import annotations

import heapq
import sqlite3
from dataclasses import dataclass, field
from typing import NamedTuple

from mnstream.core.notification_values import Epoch, StoredRange, SubscriptionId
from mnstream.ports.notification_store import StoredWindow


class Kept(NamedTuple):
    """What is kept of one subscription in one epoch.

    Attributes:
        oldest: Lowest number that is kept; behind ``newest`` when there is none.
        newest: Highest number that was ever kept; 0 for none.
        oldest_time_ms: eventTime of the oldest; None when there is none.
        newest_time_ms: eventTime of the newest, kept or not; None for none.
    """

    oldest: int = 1
    newest: int = 0
    oldest_time_ms: int | None = None
    newest_time_ms: int | None = None

    @property
    def size(self) -> int:
        """How many numbers are kept."""
        return self.newest - self.oldest + 1


def stored_window(epochs: dict[Epoch, Kept], epoch: Epoch) -> StoredWindow | None:
    """Describe one epoch of a subscription; ``epochs`` is in order."""
    kept = epochs.get(epoch)
    if kept is None:
        return None
    following = None
    if epoch != next(reversed(epochs)):
        following = min(later for later in epochs if later > epoch)
    return StoredWindow(
        range=StoredRange(
            epoch=epoch,
            oldest_sequence_no=kept.oldest if kept.size else 0,
            newest_sequence_no=kept.newest,
            next_epoch=following,
        ),
        number_of_stored_notifications=kept.size,
        oldest_event_time_ms=kept.oldest_time_ms,
        newest_event_time_ms=kept.newest_time_ms if kept.size else None,
    )


@dataclass(slots=True)
class KeptSubscription:
    """What is kept of one subscription.

    Attributes:
        subscription_id: Its identifier.
        row: Its row in the database.
        epochs: Its epochs, the present one last.
        size: How many numbers are kept in all epochs.
        front: notificationId of the oldest one; None when there is none.
        unwritten: Epochs whose rows in the database are not up to date.
    """

    subscription_id: SubscriptionId
    row: int
    epochs: dict[Epoch, Kept] = field(default_factory=dict[Epoch, Kept])
    size: int = 0
    front: int | None = None
    unwritten: set[Epoch] = field(default_factory=set[Epoch])

    @property
    def present(self) -> Epoch:
        """The epoch that it is in."""
        return next(reversed(self.epochs))


class Books:
    """What the writer remembers of its database, as it is after the last statement.

    Attributes:
        subscriptions: Every subscription.
        forgotten: Rows of subscriptions that are gone, of which numbers may be left.
        notification_id: Highest notificationId that was ever kept.
        stored_bytes: Octets of all notifications.
        source_position: Where the source has come to.
        clean: Whether the producer ended in good order.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read them; it takes time with the number of epochs, not of notifications."""
        self.subscriptions: dict[SubscriptionId, KeptSubscription] = {}
        self._by_row: dict[int, KeptSubscription] = {}
        self._fronts: list[tuple[int, int]] = []
        for row, subscription_id in connection.execute(
            "SELECT row, subscription_id FROM subscription ORDER BY row"
        ):
            self.add(SubscriptionId(subscription_id), row)
        for row, epoch, oldest, newest, newest_time_ms in connection.execute(
            "SELECT * FROM epoch ORDER BY subscription, epoch"
        ).fetchall():
            kept = Kept(oldest, newest, None, newest_time_ms)
            if kept.size:
                front, time_ms = connection.execute(
                    "SELECT notification_id, event_time_ms FROM number"
                    " WHERE subscription = ? AND epoch = ? AND sequence_no = ?",
                    (row, epoch, oldest),
                ).fetchone()
                kept = kept._replace(oldest_time_ms=time_ms)
                if self._by_row[row].front is None:
                    self.set_front(self._by_row[row], front)
            self._by_row[row].epochs[Epoch(epoch)] = kept
            self._by_row[row].size += kept.size
        self.forgotten = [
            row for (row,) in connection.execute("SELECT subscription FROM forgotten")
        ]
        self.notification_id: int
        self.stored_bytes: int
        self.source_position: int | None
        (self.notification_id, self.stored_bytes, self.source_position, clean) = connection.execute(
            "SELECT notification_id, bytes, source_position, clean FROM mark"
        ).fetchone()
        self.clean = bool(clean)

    def add(self, subscription_id: SubscriptionId, row: int) -> KeptSubscription:
        """Begin to keep a subscription."""
        kept = KeptSubscription(subscription_id, row)
        self._by_row[row] = self.subscriptions[subscription_id] = kept
        return kept

    def forget(self, subscription_id: SubscriptionId) -> int | None:
        """Keep a subscription no longer; returns its row, None when there is none."""
        kept = self.subscriptions.pop(subscription_id, None)
        if kept is None:
            return None
        del self._by_row[kept.row]
        self.forgotten.append(kept.row)
        return kept.row

    def set_front(self, kept: KeptSubscription, front: int | None) -> None:
        """Note the oldest notification of a subscription."""
        kept.front = front
        if front is None:
            return
        heapq.heappush(self._fronts, (front, kept.row))
        if len(self._fronts) > 2 * len(self._by_row) + 100:
            self._fronts = [
                (each.front, row) for row, each in self._by_row.items() if each.front is not None
            ]
            heapq.heapify(self._fronts)

    def pop_front(self, up_to: int) -> KeptSubscription | None:
        """Give a subscription whose oldest notification is not after ``up_to``; None for none.

        Its front has to be set before the next call.
        """
        while self._fronts and self._fronts[0][0] <= up_to:
            front, row = heapq.heappop(self._fronts)
            kept = self._by_row.get(row)
            if kept is not None and kept.front == front:
                return kept
        return None
