"""Notifications in SQLite: asked for on the event loop, committed by a thread, in groups."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

import anyio
import anyio.lowlevel
import anyio.to_thread

from mnstream.adapters.storage.errors import NotAllWritten
from mnstream.adapters.storage.notifications.committing import Committer
from mnstream.adapters.storage.notifications.config import NotificationStoreConfig
from mnstream.adapters.storage.notifications.kept import stored_window
from mnstream.adapters.storage.notifications.operations import (
    Append,
    Forget,
    Mark,
    Save,
)
from mnstream.adapters.storage.notifications.reading import TIME_MAX, TIME_MIN, Reader, within
from mnstream.adapters.storage.notifications.recent import Recent
from mnstream.adapters.storage.notifications.writer import Writer
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import (
    Committed,
    StoredNotification,
    StoredSubscription,
    StoredWindow,
)


def machine_wall_ms() -> int:
    """Return the machine's time."""
    return time.time_ns() // 1_000_000


class SqliteNotificationStore:
    """A ``mnstream.ports.notification_store.NotificationStore`` in a directory; for one event loop.

    When the disk refuses, ``trouble`` says why, nothing becomes durable, and the commit is tried
    again until it works; nothing is lost or kept twice. What waits meanwhile is the caller's to
    bound. What is asked for a subscription or an epoch that is not kept is passed over.
    """

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        config: NotificationStoreConfig,
        wall_ms: Callable[[], int],
    ) -> None:
        """Wrap an opened database; ``open`` does that and runs the task that commits."""
        self._writer = writer
        self._reader = reader
        self._config = config
        self._committer = Committer(writer, config, wall_ms)
        self._held = self._committer.held
        self._recent = Recent(config.recent_bytes)
        self._read_limiter = anyio.CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        directory: Path,
        config: NotificationStoreConfig | None = None,
        *,
        wall_ms: Callable[[], int] = machine_wall_ms,
        connection_type: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> AsyncGenerator[Self]:
        """Open the store in ``directory``, creating it where there is none.

        Leaving the context commits everything, also when it is cancelled, and takes as long as
        that. Exceptions of the body pass through unchanged.

        Args:
            directory: Where its files are.
            config: Limits and times.
            wall_ms: Milliseconds since the Unix epoch, by which notifications age.
            connection_type: What the writer's connection is; tests give one that fails.

        Raises:
            LogInUse: Somebody else writes it.
            LogUnreadable: It is damaged, or a later version of this program wrote it.
            StorageError: The disk refuses to open it.
            OSError: The disk refuses the directory.
            NotAllWritten: On leaving: the disk refuses, and what was never reported durable is
                lost. Not raised when the body raises.
        """
        config = config or NotificationStoreConfig()
        writer = await anyio.to_thread.run_sync(
            partial(Writer, directory, config, connection_type=connection_type)
        )
        failure: Exception | None = None
        try:
            reader = Reader(writer.path)
            try:
                store = cls(writer, reader, config, wall_ms)
                committer = store._committer
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(committer.commit_until_stopped)
                    try:
                        yield store
                    except Exception as error:  # raised again below, outside the group
                        failure = error
                    finally:
                        committer.stop()
            finally:
                reader.close()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(writer.close)
        if failure is not None:
            raise failure
        if committer.waiting:
            raise NotAllWritten(committer.trouble, records=committer.waiting)

    # --- asking ---------------------------------------------------------------------------------

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
        self._recent.add(common, event_time_ms, numbers)
        self._committer.ask(
            Append(common, notification_id, event_time_ms, numbers, source_position)
        )

    def save_subscription(self, subscription: StoredSubscription) -> None:
        """Keep a subscription, new or changed; a greater ``epoch`` begins an epoch."""
        self._committer.ask(Save(subscription))

    def forget_subscription(self, subscription_id: SubscriptionId) -> None:
        """Drop a subscription and all that is kept for it, in every epoch."""
        self._recent.forget(subscription_id)
        self._committer.ask(Forget(subscription_id))

    def mark(self, *, source_position: int | None = None, clean: bool = False) -> None:
        """Note how far a source has come, and whether the producer is ending in good order.

        The last call decides about the latter.
        """
        self._committer.ask(Mark(source_position, clean))

    # --- what is durable ------------------------------------------------------------------------

    async def committed(self) -> Committed:
        """Wait until more is durable than the last call told, or more is lost, and tell it.

        Raises:
            LogClosed: The store was closed.
        """
        return await self._committer.committed()

    async def flush(self) -> None:
        """Wait until everything that was asked for before is durable. Safe to cancel.

        Raises:
            LogClosed: The store was closed while its disk refused.
        """
        await self._committer.flush()

    def restored(self) -> tuple[StoredSubscription, ...]:
        """Give the subscriptions that were there when the store was opened, oldest first."""
        return self._writer.restored

    @property
    def was_clean(self) -> bool:
        """Whether the producer before this one ended in good order, or there was none."""
        return self._writer.was_clean

    @property
    def source_position(self) -> int | None:
        """Where the source had come to when the store was opened; None for no source."""
        return self._writer.source_position

    @property
    def last_notification_id(self) -> int:
        """Highest notificationId that was ever kept when the store was opened; 0 for none."""
        return self._writer.notification_id

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable at present, for people; empty when all is well."""
        return self._committer.trouble

    @property
    def notifications_max(self) -> int:
        """How many notifications of one subscription are kept at most."""
        return self._config.notifications_max

    # --- reading --------------------------------------------------------------------------------

    def recent(self, number: Number) -> bytes | None:
        """Give the common text of a notification that was appended lately, durable or not."""
        found = self._recent.get(number.subscription_id, number.epoch, number.sequence_no)
        return None if found is None else found[0]

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
        """Read notifications by number, in order: the first of them that fit the limits.

        Raises:
            StorageError: The disk refuses.
        """
        await anyio.lowlevel.checkpoint()
        held = self._held.get(subscription_id)
        kept = None if held is None else held.epochs.get(epoch)
        if held is None or kept is None:
            return ()
        first, last = max(first, kept.oldest), min(last, kept.newest)
        if first > last or count_max <= 0:
            return ()
        last = min(last, first + count_max - 1)
        if self._recent.get(subscription_id, epoch, first) is not None:
            found = self._from_memory(subscription_id, epoch, first, last)
            return within(found, count_max=count_max, bytes_max=bytes_max)
        return await anyio.to_thread.run_sync(
            self._reader.read,
            *(subscription_id, held.row, epoch, first, last, count_max, bytes_max),
            limiter=self._read_limiter,
        )

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        """Read notifications of every epoch by eventTime, both ends included.

        Raises:
            StorageError: The disk refuses.
        """
        await anyio.lowlevel.checkpoint()
        held = self._held.get(subscription_id)
        first_ms = TIME_MIN if from_ms is None else max(from_ms, TIME_MIN)
        last_ms = TIME_MAX if to_ms is None else min(to_ms, TIME_MAX)
        if held is None or first_ms > last_ms or count_max <= 0:
            return ()
        return await anyio.to_thread.run_sync(
            self._reader.read_span,
            *(subscription_id, held.row, first_ms, last_ms, count_max, bytes_max),
            limiter=self._read_limiter,
        )

    def window(self, subscription_id: SubscriptionId, epoch: Epoch) -> StoredWindow | None:
        """Tell what is kept of one epoch; None when the epoch is unknown."""
        held = self._held.get(subscription_id)
        return None if held is None else stored_window(held.epochs, epoch)

    def epochs(self, subscription_id: SubscriptionId) -> tuple[Epoch, ...]:
        """Give the epochs of a subscription that are known, oldest first, the present one last."""
        held = self._held.get(subscription_id)
        return () if held is None else tuple(held.epochs)

    def _from_memory(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> Iterator[StoredNotification]:
        """Give what memory has without a gap; the caller asks again for what is missing."""
        for sequence_no in range(first, last + 1):
            notification = self._recent.get(subscription_id, epoch, sequence_no)
            if notification is None:
                return
            number = Number(subscription_id=subscription_id, epoch=epoch, sequence_no=sequence_no)
            common, event_time_ms = notification
            yield StoredNotification(number=number, event_time_ms=event_time_ms, common=common)
