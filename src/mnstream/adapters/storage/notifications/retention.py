"""What has to go for the sake of what comes: the oldest first, in the transaction that adds.

The work is in proportion to what is added. What may be much at once, such as a subscription that
was deleted, or everything after a long time off, goes in steps of a bounded size.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from mnstream.adapters.storage.notifications.config import NotificationStoreConfig
from mnstream.adapters.storage.notifications.kept import Books, KeptSubscription
from mnstream.core.notification_values import Epoch, SubscriptionId

SWEEP_NUMBERS = 1_000
"""Numbers of deleted subscriptions that one transaction removes: about 5 ms."""
CUT_NOTIFICATIONS = 256
"""Notifications that one transaction removes for their age or size, beside twice as many as it
adds: with 200 subscriptions each, about a tenth of a second."""

_Row = tuple[int, int, int, int]
"""epoch, sequence_no, notification_id, event_time_ms"""

_OLDEST = (
    "SELECT epoch, sequence_no, notification_id, event_time_ms FROM number"
    " WHERE subscription = ? ORDER BY epoch, sequence_no"
)


class Retention:
    """Keeps the limits of a store, inside of the writer's transactions."""

    def __init__(
        self, connection: sqlite3.Connection, books: Books, config: NotificationStoreConfig
    ) -> None:
        """Work on this database, whose books are these."""
        self._connection = connection
        self._books = books
        self._config = config
        self._dropped: Counter[int] = Counter()

    def keep_limits(
        self, grown: Iterable[KeptSubscription], *, added: int, now_ms: int
    ) -> tuple[dict[SubscriptionId, Epoch], bool]:
        """Remove what is beyond the limits.

        Args:
            grown: Subscriptions that may have more numbers or epochs than before.
            added: Notifications that this transaction has added.
            now_ms: Wall clock.

        Returns:
            The latest epoch that lost numbers, for each subscription that did, and whether more is
            to be removed in another transaction.
        """
        lost: dict[SubscriptionId, Epoch] = {}
        for kept in grown:
            self._keep_counts(kept, lost)
        if self._books.forgotten:
            self._sweep(self._books.forgotten[0])
        self._release()
        more = self._cut(CUT_NOTIFICATIONS + 2 * added, now_ms, lost)
        return lost, more or bool(self._books.forgotten)

    def _keep_counts(self, kept: KeptSubscription, lost: dict[SubscriptionId, Epoch]) -> None:
        excess = kept.size - self._config.notifications_max
        excess_epochs = len(kept.epochs) - self._config.epochs_max
        old_epochs = [*kept.epochs][: max(0, excess_epochs)]
        excess = max(excess, sum(kept.epochs[epoch].size for epoch in old_epochs))
        if excess > 0:
            rows: list[_Row] = self._connection.execute(
                _OLDEST + " LIMIT ?", (kept.row, excess + 1)
            ).fetchall()
            front = rows[excess] if len(rows) > excess else None
            self._dropped.update(row[2] for row in rows[:excess])
            self._remove(kept, rows[:excess], front, lost)
        for epoch in old_epochs:
            del kept.epochs[epoch]
            self._connection.execute(
                "DELETE FROM epoch WHERE subscription = ? AND epoch = ?", (kept.row, epoch)
            )

    def _cut(self, count_max: int, now_ms: int, lost: dict[SubscriptionId, Epoch]) -> bool:
        """Remove the oldest notifications while they are too many octets, or too old."""
        books = self._books
        too_old_ms = now_ms - self._config.age_max_s * 1000
        cut: int | None = None
        count = 0
        for notification_id, stored_ms, size in self._connection.execute(
            "SELECT id, stored_ms, length(common) FROM notification ORDER BY id LIMIT ?",
            (count_max,),
        ):
            if books.stored_bytes <= self._config.bytes_max and stored_ms >= too_old_ms:
                break
            cut = notification_id
            books.stored_bytes -= size
            count += 1
        if cut is None:
            return False
        while (kept := books.pop_front(cut)) is not None:
            rows: list[_Row] = []
            front = None
            for row in self._connection.execute(_OLDEST, (kept.row,)):
                if row[2] > cut:
                    front = row
                    break
                rows.append(row)
            self._remove(kept, rows, front, lost)
        self._connection.execute("DELETE FROM notification WHERE id <= ?", (cut,))
        return count == count_max

    def _remove(
        self,
        kept: KeptSubscription,
        rows: Sequence[_Row],
        front: _Row | None,
        lost: dict[SubscriptionId, Epoch],
    ) -> None:
        """Remove the oldest numbers of a subscription; ``front`` is the one behind them."""
        epoch, sequence_no, _, _ = rows[-1]
        self._connection.execute(
            "DELETE FROM number WHERE subscription = ? AND (epoch, sequence_no) <= (?, ?)",
            (kept.row, epoch, sequence_no),
        )
        for each, last in {Epoch(row[0]): row[1] for row in rows}.items():
            left = front is not None and front[0] == each
            kept.unwritten.add(each)
            kept.epochs[each] = kept.epochs[each]._replace(
                oldest=last + 1, oldest_time_ms=front[3] if front and left else None
            )
        kept.size -= len(rows)
        self._books.set_front(kept, None if front is None else front[2])
        lost[kept.subscription_id] = Epoch(epoch)

    def _sweep(self, row: int) -> None:
        """Remove some of what is left of a subscription that was forgotten."""
        rows: list[_Row] = self._connection.execute(
            _OLDEST + " LIMIT ?", (row, SWEEP_NUMBERS)
        ).fetchall()
        self._dropped.update(each[2] for each in rows)
        if rows:
            self._connection.execute(
                "DELETE FROM number WHERE subscription = ? AND (epoch, sequence_no) <= (?, ?)",
                (row, *rows[-1][:2]),
            )
        if len(rows) < SWEEP_NUMBERS:
            self._books.forgotten.remove(row)
            self._connection.execute("DELETE FROM forgotten WHERE subscription = ?", (row,))

    def _release(self) -> None:
        """Remove the notifications that lost their last number."""
        for notification_id, dropped in self._dropped.items():
            found = self._connection.execute(
                "SELECT numbers, length(common) FROM notification WHERE id = ?", (notification_id,)
            ).fetchone()
            if found is None:
                continue  # it was cut, and only a forgotten subscription still had a number for it
            numbers, size = found
            if numbers > dropped:
                self._connection.execute(
                    "UPDATE notification SET numbers = numbers - ? WHERE id = ?",
                    (dropped, notification_id),
                )
            else:
                self._connection.execute(
                    "DELETE FROM notification WHERE id = ?", (notification_id,)
                )
                self._books.stored_bytes -= size
        self._dropped.clear()
