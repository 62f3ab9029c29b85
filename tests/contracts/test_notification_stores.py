"""The contract of ports/notification_store.py, held by every store that is shipped."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mnstream.adapters.storage import (
    Durability,
    MemoryNotificationStore,
    NotificationStoreConfig,
    SqliteNotificationStore,
)
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import (
    Committed,
    NotificationStore,
    StoredNotification,
    StoredSubscription,
    StoredWindow,
)
from mnstream.testing.notification_stores import NotificationStoreMaker, check_notification_store

pytestmark = pytest.mark.anyio

BYTES_MAX = 1 << 20


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("notifications_max", [5, 200])
async def test_sqlite(tmp_path: Path, durability: Durability, notifications_max: int) -> None:
    config = NotificationStoreConfig(
        durability=durability, notifications_max=notifications_max, bytes_max=BYTES_MAX
    )
    await check_notification_store(lambda: SqliteNotificationStore.open(tmp_path / "s", config))


@pytest.mark.parametrize("recent_bytes", [0, 600])
@pytest.mark.parametrize("batch_numbers_max", [1, 3])
async def test_sqlite_with_small_limits(
    tmp_path: Path, recent_bytes: int, batch_numbers_max: int
) -> None:
    config = NotificationStoreConfig(
        durability=Durability.NONE,
        notifications_max=20,
        recent_bytes=recent_bytes,
        batch_numbers_max=batch_numbers_max,
    )
    await check_notification_store(lambda: SqliteNotificationStore.open(tmp_path / "s", config))


def memory_stores(kind: type[MemoryNotificationStore]) -> NotificationStoreMaker:
    last: MemoryNotificationStore | None = None

    @asynccontextmanager
    async def make() -> AsyncGenerator[NotificationStore]:
        nonlocal last
        last = kind(last, notifications_max=20, bytes_max=BYTES_MAX)
        yield last

    return make


async def test_memory() -> None:
    await check_notification_store(memory_stores(MemoryNotificationStore))


class TellsLossTwice(MemoryNotificationStore):
    async def committed(self) -> Committed:
        told = await super().committed()
        for each in told.rolled_over:
            self._image.lost[each] = self.epochs(each)[-1]
        return told


class ForgetsWithoutEnd(MemoryNotificationStore):
    def forget_subscription(self, subscription_id: SubscriptionId) -> None:
        """Do nothing."""


class MixesEpochs(MemoryNotificationStore):
    def window(self, subscription_id: SubscriptionId, epoch: Epoch) -> StoredWindow | None:
        epochs = self.epochs(subscription_id)
        return super().window(subscription_id, epochs[-1]) if epoch in epochs else None


class BeginsAnEpochEachTime(MemoryNotificationStore):
    def save_subscription(self, subscription: StoredSubscription) -> None:
        self.forget_subscription(subscription.subscription_id)
        super().save_subscription(subscription)


class IgnoresOctets(MemoryNotificationStore):
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
        return await super().read(
            subscription_id,
            epoch,
            first=first,
            last=last,
            count_max=count_max,
            bytes_max=1 << 30,
        )


class IsAlwaysClean(MemoryNotificationStore):
    @property
    def was_clean(self) -> bool:
        return True


class LosesThePosition(MemoryNotificationStore):
    def append(
        self,
        common: bytes,
        *,
        notification_id: int,
        event_time_ms: int,
        numbers: Sequence[Number],
        source_position: int | None = None,
    ) -> None:
        super().append(
            common, notification_id=notification_id, event_time_ms=event_time_ms, numbers=numbers
        )


@pytest.mark.parametrize(
    "kind",
    [
        TellsLossTwice,
        ForgetsWithoutEnd,
        MixesEpochs,
        BeginsAnEpochEachTime,
        IgnoresOctets,
        IsAlwaysClean,
        LosesThePosition,
    ],
)
async def test_the_suite_finds_faults(kind: type[MemoryNotificationStore]) -> None:
    with pytest.raises(AssertionError):
        await check_notification_store(memory_stores(kind))
