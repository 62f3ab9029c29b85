"""The only writer of a database of notifications. Everything here blocks, one thread at a time."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import assert_never

from mnstream.adapters.storage.database import opening
from mnstream.adapters.storage.notifications.config import NotificationStoreConfig
from mnstream.adapters.storage.notifications.kept import Books, Kept, KeptSubscription
from mnstream.adapters.storage.notifications.operations import (
    Append,
    Changes,
    Forget,
    Held,
    Mark,
    Operation,
    Save,
)
from mnstream.adapters.storage.notifications.retention import Retention
from mnstream.adapters.storage.notifications.schema import MIGRATIONS
from mnstream.adapters.storage.notifications.subscriptions import read_settings, write_settings
from mnstream.core.notification_values import ObjectPath, SubscriptionId
from mnstream.ports.notification_store import StoredSubscription

DATABASE = "notifications.sqlite"


class Refused(Exception):
    """The disk does not take a commit at present; nothing changed. Never leaves this package."""


class Writer:
    """Commits operations, and keeps the limits while it does.

    Attributes:
        restored: The subscriptions that were there when the database was opened.
        was_clean: Whether the producer before this one ended in good order.
        source_position: Where its source had come to.
        notification_id: Highest notificationId that was kept then.
    """

    def __init__(
        self,
        directory: Path,
        config: NotificationStoreConfig,
        *,
        connection_type: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        """Open the database in ``directory``, creating it where there is none.

        Raises:
            LogInUse: Somebody else writes it.
            LogUnreadable: It is damaged, or a later version of this program wrote it.
            StorageError: The disk refuses to open it.
            OSError: The disk refuses the directory.
        """
        self._config = config
        self.path = directory / DATABASE
        with opening(self.path, MIGRATIONS, config.durability, connection_type) as self._database:
            self._connection = self._database.connection
            self._read_books()
            self.restored = self._restored()
            self.was_clean = self._books.clean
            self.source_position = self._books.source_position
            self.notification_id = self._books.notification_id
            self._connection.execute("UPDATE mark SET clean = 0")
            self._books.clean = False
        self._repeating = False

    def held(self) -> dict[SubscriptionId, Held]:
        """Tell what is kept of every subscription."""
        return {
            subscription_id: Held(kept.row, dict(kept.epochs))
            for subscription_id, kept in self._books.subscriptions.items()
        }

    def commit(self, operations: Sequence[Operation], now_ms: int) -> Changes:
        """Carry operations out and make them durable, all of them or none.

        Raises:
            Refused: The disk does not take them; the same ones are to be tried again.
        """
        try:
            if self._repeating:
                self._read_books()  # whatever became of the attempt before, this is what is there
            self._connection.execute("BEGIN IMMEDIATE")
            changes = self._apply(operations, now_ms)
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._repeating = True
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if _is_of_the_disk(error):
                raise Refused(str(error)) from error
            raise
        self._repeating = False
        return changes

    def close(self) -> None:
        """Close the database and give its lock back. Never raises."""
        self._database.close()

    def _read_books(self) -> None:
        self._books = Books(self._connection)
        self._retention = Retention(self._connection, self._books, self._config)

    def _restored(self) -> tuple[StoredSubscription, ...]:
        restored: list[StoredSubscription] = []
        for subscription_id, base, text in self._connection.execute(
            "SELECT subscription_id, base, settings FROM subscription ORDER BY row"
        ):
            settings, heartbeat = read_settings(text)
            kept = self._books.subscriptions[subscription_id]
            last = kept.epochs[kept.present]
            restored.append(
                StoredSubscription(
                    subscription_id=SubscriptionId(subscription_id),
                    base=ObjectPath(base),
                    settings=settings,
                    heartbeat=heartbeat,
                    epoch=kept.present,
                    last_sequence_no=last.newest,
                    last_event_time_ms=last.newest_time_ms,
                )
            )
        return tuple(restored)

    def _apply(self, operations: Sequence[Operation], now_ms: int) -> Changes:
        books = self._books
        before = (books.notification_id, books.stored_bytes, books.source_position, books.clean)
        changed: dict[SubscriptionId, KeptSubscription | None] = {}
        if self._repeating:
            changed.update(books.subscriptions)
        added = self._insert(operations, changed, now_ms)
        grown = [kept for kept in changed.values() if kept is not None]
        lost, more = self._retention.keep_limits(grown, added=added, now_ms=now_ms)
        changed.update((each, books.subscriptions[each]) for each in lost)
        self._write_epochs(kept for kept in changed.values() if kept is not None)
        after = (books.notification_id, books.stored_bytes, books.source_position, books.clean)
        if after != before:
            self._connection.execute(
                "UPDATE mark SET notification_id = ?, bytes = ?, source_position = ?, clean = ?",
                after,
            )
        return Changes(
            books.notification_id,
            {
                subscription_id: None if kept is None else Held(kept.row, dict(kept.epochs))
                for subscription_id, kept in changed.items()
            },
            frozenset(
                each for each, epoch in lost.items() if epoch == books.subscriptions[each].present
            ),
            more,
        )

    def _write_epochs(self, subscriptions: Iterable[KeptSubscription]) -> None:
        rows: list[tuple[int, int, int, int, int | None]] = []
        for kept in subscriptions:
            for epoch in kept.unwritten & kept.epochs.keys():
                oldest, newest, _, newest_time_ms = kept.epochs[epoch]
                rows.append((kept.row, epoch, oldest, newest, newest_time_ms))
            kept.unwritten.clear()
        self._connection.executemany("REPLACE INTO epoch VALUES (?, ?, ?, ?, ?)", rows)

    def _insert(
        self,
        operations: Sequence[Operation],
        changed: dict[SubscriptionId, KeptSubscription | None],
        now_ms: int,
    ) -> int:
        """Carry out operations in order, and return how many notifications are new."""
        books = self._books
        numbers: list[tuple[int, int, int, int, int]] = []
        notifications: list[tuple[int, int, int, bytes]] = []
        for operation in operations:
            match operation:
                case Append():
                    if self._repeating and operation.notification_id <= books.notification_id:
                        continue
                    before = len(numbers)
                    self._number(operation, numbers, changed)
                    count = len(numbers) - before
                    if count:
                        common = operation.common
                        notifications.append((operation.notification_id, now_ms, count, common))
                        books.stored_bytes += len(common)
                    books.notification_id = operation.notification_id
                    if operation.source_position is not None:
                        books.source_position = operation.source_position
                case Save():
                    self._save(operation.subscription, changed)
                case Forget():
                    self._forget(operation.subscription_id, changed)
                case Mark():
                    books.clean = operation.clean
                    if operation.source_position is not None:
                        books.source_position = operation.source_position
                case _:
                    assert_never(operation)
        self._connection.executemany("INSERT INTO notification VALUES (?, ?, ?, ?)", notifications)
        self._connection.executemany("INSERT INTO number VALUES (?, ?, ?, ?, ?)", numbers)
        return len(notifications)

    def _number(
        self,
        append: Append,
        numbers: list[tuple[int, int, int, int, int]],
        changed: dict[SubscriptionId, KeptSubscription | None],
    ) -> None:
        """Note the numbers of a notification; those of what is not kept are passed over."""
        subscriptions = self._books.subscriptions
        notification_id, time_ms = append.notification_id, append.event_time_ms
        assert notification_id > self._books.notification_id, "notificationIds go up"
        for number in append.numbers:
            subscription_id, epoch, sequence_no = (
                number.subscription_id,
                number.epoch,
                number.sequence_no,
            )
            subscription = subscriptions.get(subscription_id)
            if subscription is None or epoch not in subscription.epochs:
                continue
            oldest, newest, oldest_time_ms, _ = subscription.epochs[epoch]
            assert sequence_no == newest + 1 or not newest, "numbers are dense"
            if oldest > newest:
                oldest, oldest_time_ms = sequence_no, time_ms
            subscription.unwritten.add(epoch)
            subscription.epochs[epoch] = Kept(oldest, sequence_no, oldest_time_ms, time_ms)
            if not subscription.size:
                self._books.set_front(subscription, notification_id)
            subscription.size += 1
            changed[subscription_id] = subscription
            numbers.append((subscription.row, epoch, sequence_no, notification_id, time_ms))

    def _save(
        self,
        subscription: StoredSubscription,
        changed: dict[SubscriptionId, KeptSubscription | None],
    ) -> None:
        subscription_id, epoch = subscription.subscription_id, subscription.epoch
        text = write_settings(subscription.settings, subscription.heartbeat)
        kept = self._books.subscriptions.get(subscription_id)
        if kept is None:
            row = self._connection.execute(
                "INSERT INTO subscription (subscription_id, base, settings) VALUES (?, ?, ?)",
                (subscription_id, subscription.base, text),
            ).lastrowid
            assert row is not None
            kept = self._books.add(subscription_id, row)
        else:
            self._connection.execute(
                "UPDATE subscription SET base = ?, settings = ? WHERE row = ?",
                (subscription.base, text, kept.row),
            )
        if not kept.epochs or epoch > kept.present:
            kept.epochs[epoch] = Kept()
            kept.unwritten.add(epoch)
        changed[subscription_id] = kept

    def _forget(
        self,
        subscription_id: SubscriptionId,
        changed: dict[SubscriptionId, KeptSubscription | None],
    ) -> None:
        row = self._books.forget(subscription_id)
        changed[subscription_id] = None
        if row is not None:
            self._connection.execute("DELETE FROM subscription WHERE row = ?", (row,))
            self._connection.execute("DELETE FROM epoch WHERE subscription = ?", (row,))
            self._connection.execute("INSERT INTO forgotten VALUES (?)", (row,))


def _is_of_the_disk(error: BaseException) -> bool:
    """Tell what may pass by itself, or by somebody's help, from mistakes of ours."""
    ours = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)
    return isinstance(error, sqlite3.DatabaseError | OSError) and not isinstance(error, ours)
