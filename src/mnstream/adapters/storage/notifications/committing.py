"""The task that commits: what is asked for gathers while a thread commits what was asked before.

Nobody waits for a group to be full, and under load the groups are as large as the disk is slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel
import anyio.to_thread

from mnstream.adapters.storage.errors import LogClosed
from mnstream.adapters.storage.notifications.config import NotificationStoreConfig
from mnstream.adapters.storage.notifications.operations import (
    Append,
    Changes,
    Held,
    Mark,
    Operation,
)
from mnstream.adapters.storage.notifications.writer import Refused, Writer
from mnstream.core.notification_values import Epoch, SubscriptionId
from mnstream.ports.notification_store import Committed


class Committer:
    """Gathers operations, commits them, and tells who waits.

    Attributes:
        held: What is durable of each subscription.
        trouble: Why nothing becomes durable at present; empty when all is well.
    """

    def __init__(
        self, writer: Writer, config: NotificationStoreConfig, wall_ms: Callable[[], int]
    ) -> None:
        """Begin with what the writer has found."""
        self.held: dict[SubscriptionId, Held] = writer.held()
        self.trouble = ""
        self._writer = writer
        self._config = config
        self._wall_ms = wall_ms
        self._limiter = anyio.CapacityLimiter(1)
        self._operations: deque[Operation] = deque()
        self._asked = 0
        self._durable = 0
        self._durable_id = self._told_id = writer.notification_id
        self._rolled_over: dict[SubscriptionId, Epoch] = {}
        self._news = anyio.Event()
        self._wake = anyio.Event()
        self._stop = anyio.Event()
        self._more = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many operations are not durable."""
        return self._asked - self._durable

    def ask(self, operation: Operation) -> None:
        """Add an operation to those that gather.

        A mark behind a mark takes its place: a source whose notifications nobody wants asks for
        nothing else, and nothing stops it while the disk refuses.
        """
        last = self._operations[-1] if self._operations else None
        if isinstance(operation, Mark) and isinstance(last, Mark):
            self._operations[-1] = operation.after(last)
            return
        self._operations.append(operation)
        self._asked += 1
        self._wake.set()

    def stop(self) -> None:
        """Let the task end when everything is committed, or the disk has refused once more."""
        self._stop.set()
        self._wake.set()

    async def committed(self) -> Committed:
        """Wait for news, and tell them. Safe to cancel; called by one task.

        Raises:
            LogClosed: There will be none.
        """
        await anyio.lowlevel.checkpoint()
        while self._durable_id == self._told_id and not self._rolled_over:
            if self._closed:
                raise LogClosed("nothing becomes durable any more")
            await self._news.wait()
        self._told_id = self._durable_id
        rolled_over = {
            subscription_id: self.held[subscription_id].epochs[epoch].oldest
            for subscription_id, epoch in self._rolled_over.items()
        }
        self._rolled_over.clear()
        return Committed(notification_id=self._told_id, rolled_over=rolled_over)

    async def flush(self) -> None:
        """Wait until everything that was asked for before is durable. Safe to cancel.

        Raises:
            LogClosed: It will not be.
        """
        position = self._asked
        if position <= self._durable:
            await anyio.lowlevel.checkpoint()
        while position > self._durable:
            if self._closed:
                raise LogClosed("what was asked for did not become durable")
            await self._news.wait()

    async def commit_until_stopped(self) -> None:
        """Be the task that commits. Cancelling it does nothing; ``stop`` ends it."""
        with anyio.CancelScope(shield=True):
            try:
                while await self._anything_to_do():
                    batch = self._take_batch()
                    changes = await self._commit(batch)
                    if changes is None:
                        break
                    self._publish(len(batch), changes)
            finally:
                self._closed = True
                self._tell()

    async def _anything_to_do(self) -> bool:
        """Wait for something to commit, or until it is time to look for what is too old."""
        while not self._operations:
            if self._stop.is_set():
                return False
            if self._more:
                return True
            self._wake = anyio.Event()
            with anyio.move_on_after(self._config.idle_ms / 1000) as idle:
                await self._wake.wait()
            if idle.cancelled_caught:
                return True
        return True

    def _take_batch(self) -> list[Operation]:
        operations = self._operations
        batch: list[Operation] = []
        numbers, size = self._config.batch_numbers_max, self._config.batch_bytes_max
        while operations and numbers > 0 and size > 0:
            operation = operations.popleft()
            batch.append(operation)
            numbers -= 1
            if isinstance(operation, Append):
                numbers -= len(operation.numbers)
                size -= len(operation.common)
        return batch

    async def _commit(self, batch: Sequence[Operation]) -> Changes | None:
        """Make a batch durable, however long the disk refuses; None when closing ended that."""
        pause_ms = self._config.retry_initial_ms
        while True:
            last_attempt = self._stop.is_set()
            try:
                changes = await anyio.to_thread.run_sync(
                    self._writer.commit, batch, self._wall_ms(), limiter=self._limiter
                )
            except Refused as error:
                self.trouble = f"notification store: {error}"
            else:
                self.trouble = ""
                return changes
            if last_attempt:
                return None
            with anyio.move_on_after(pause_ms / 1000):
                await self._stop.wait()
            pause_ms = min(2 * pause_ms, self._config.retry_max_ms)

    def _publish(self, count: int, changes: Changes) -> None:
        self._durable += count
        self._durable_id = changes.notification_id
        self._more = changes.more
        for subscription_id, held in changes.held.items():
            if held is None:
                self.held.pop(subscription_id, None)
            else:
                self.held[subscription_id] = held
            epoch = self._rolled_over.get(subscription_id)
            if epoch is not None and (held is None or epoch != next(reversed(held.epochs))):
                del self._rolled_over[subscription_id]  # of an epoch that is over
        for subscription_id in changes.lost:
            self._rolled_over[subscription_id] = next(reversed(self.held[subscription_id].epochs))
        self._tell()

    def _tell(self) -> None:
        """Wake those who wait for news; one event for all, who gives up leaves nothing behind."""
        self._news.set()
        self._news = anyio.Event()
