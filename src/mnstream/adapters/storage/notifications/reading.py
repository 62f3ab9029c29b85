"""Reading a database of notifications while it is written. Everything here blocks."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from mnstream.adapters.storage.errors import StorageError
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import StoredNotification

TIME_MIN, TIME_MAX = -(1 << 63), (1 << 63) - 1
_COLUMNS = (
    "SELECT number.epoch, sequence_no, number.event_time_ms, common"
    " FROM number JOIN notification ON notification.id = notification_id WHERE subscription = ?"
)


def within(
    notifications: Iterable[StoredNotification], *, count_max: int, bytes_max: int
) -> tuple[StoredNotification, ...]:
    """Give the first that fit the limits; one that is too large for them only alone."""
    taken: list[StoredNotification] = []
    if count_max <= 0:
        return ()
    for each in notifications:
        bytes_max -= len(each.common)
        if taken and bytes_max < 0:
            break
        taken.append(each)
        if len(taken) == count_max or bytes_max < 0:
            break
    return tuple(taken)


class Reader:
    """A connection that only reads; from one thread at a time. It sees whole commits."""

    def __init__(self, path: Path) -> None:
        """Open an existing database.

        Raises:
            StorageError: The disk refuses.
        """
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}") from error

    def read(
        self,
        subscription_id: SubscriptionId,
        row: int,
        epoch: Epoch,
        first: int,
        last: int,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        """Read numbers of one epoch, in order.

        Raises:
            StorageError: The disk refuses.
        """
        return self._read(
            subscription_id,
            _COLUMNS + " AND epoch = ? AND sequence_no BETWEEN ? AND ? ORDER BY sequence_no",
            (row, epoch, first, last),
            count_max,
            bytes_max,
        )

    def read_span(
        self,
        subscription_id: SubscriptionId,
        row: int,
        from_ms: int,
        to_ms: int,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        """Read what happened in a span of time, both ends included, by epoch and number.

        Raises:
            StorageError: The disk refuses.
        """
        return self._read(
            subscription_id,
            _COLUMNS + " AND number.event_time_ms BETWEEN ? AND ? ORDER BY epoch, sequence_no",
            (row, from_ms, to_ms),
            count_max,
            bytes_max,
        )

    def close(self) -> None:
        """Close the connection. Never raises."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def _read(
        self,
        subscription_id: SubscriptionId,
        statement: str,
        parameters: tuple[int, ...],
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        try:
            # Closing the cursor ends the reading at once: one left open would keep the writer from
            # beginning its log anew.
            with contextlib.closing(self._connection.execute(statement, parameters)) as rows:
                return within(
                    (
                        StoredNotification(
                            number=Number(
                                subscription_id=subscription_id,
                                epoch=Epoch(epoch),
                                sequence_no=sequence_no,
                            ),
                            event_time_ms=event_time_ms,
                            common=common,
                        )
                        for epoch, sequence_no, event_time_ms, common in rows
                    ),
                    count_max=count_max,
                    bytes_max=bytes_max,
                )
        except sqlite3.Error as error:
            raise StorageError(f"reading notifications: {error}") from error
