"""What goes, and when: the oldest first, and a text with its last number."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.storage import SqliteNotificationStore
from mnstream.adapters.storage.notifications import retention
from mnstream.core.notification_values import Epoch, SubscriptionId
from mnstream.ports.notification_store import Committed
from mnstream.testing.notification_samples import (
    FIRST,
    SECOND,
    SUBSCRIPTIONS,
    WALL_MS,
    A,
    B,
    C,
    append,
    common,
    ids,
    number,
)
from tests.adapters.storage.notifications.helpers import FAST, rows, until

pytestmark = pytest.mark.anyio


async def held(store: SqliteNotificationStore, subscription_id: SubscriptionId) -> list[int]:
    return ids(
        await store.read_span(
            subscription_id, from_ms=None, to_ms=None, count_max=9_999, bytes_max=1 << 30
        )
    )


def bodies(directory: Path) -> list[int]:
    return [row[0] for row in rows(directory, "SELECT id FROM notification ORDER BY id")]


async def test_a_shared_text_is_stored_once_and_goes_with_its_last_number(tmp_path: Path) -> None:
    config = replace(FAST, notifications_max=2)
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        for each in SUBSCRIPTIONS:
            store.save_subscription(each)
        append(store, 1, number(A, FIRST, 1), number(B, FIRST, 1), number(C, FIRST, 1))
        append(store, 2, number(A, FIRST, 2))
        await store.flush()
        assert bodies(tmp_path) == [1, 2]
        append(store, 3, number(A, FIRST, 3))
        await store.flush()
        assert (await held(store, A), await held(store, B)) == ([2, 3], [1])
        assert bodies(tmp_path) == [1, 2, 3], "two subscriptions still have it"
        store.forget_subscription(B)
        append(store, 4, number(A, FIRST, 4), number(B, FIRST, 2))
        await store.flush()
        assert bodies(tmp_path) == [1, 3, 4]
        store.forget_subscription(C)
        await store.flush()
        assert bodies(tmp_path) == [3, 4]
        append(store, 5, number(C, FIRST, 2))  # for nobody
        await store.flush()
        assert bodies(tmp_path) == [3, 4]
    assert rows(tmp_path, "SELECT bytes FROM mark") == [(2 * len(common(1)),)]


async def test_octets_count_once_for_all_subscriptions(tmp_path: Path) -> None:
    config = replace(FAST, bytes_max=3 * len(common(1)))
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        for each in SUBSCRIPTIONS:
            store.save_subscription(each)
        append(store, 1, number(A, FIRST, 1), number(B, FIRST, 1))
        append(store, 2, number(A, FIRST, 2), number(B, FIRST, 2), number(C, FIRST, 1))
        append(store, 3, number(B, FIRST, 3))
        await store.flush()
        assert await store.committed() == Committed(notification_id=3, rolled_over={})
        append(store, 4, number(B, FIRST, 4))
        append(store, 5, number(B, FIRST, 5))
        await store.flush()
        assert await store.committed() == Committed(
            notification_id=5, rolled_over={A: 3, B: 3, C: 2}
        )
        assert bodies(tmp_path) == [3, 4, 5]
        window = store.window(A, FIRST)
        assert window is not None
        assert (window.range.oldest_sequence_no, window.range.newest_sequence_no) == (0, 2)
        append(store, 6, number(A, FIRST, 3), size=10_000)
        await store.flush()
        assert bodies(tmp_path) == [], "it is larger than all that may be kept"
        assert store.last_notification_id == 0
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        assert store.last_notification_id == 6
        assert [each.last_sequence_no for each in store.restored()] == [3, 5, 1]
        append(store, 7, number(A, FIRST, 4))
        await store.flush()
        assert await held(store, A) == [7]


async def test_age_is_looked_at_when_something_is_written_and_when_not(tmp_path: Path) -> None:
    config = replace(FAST, age_max_s=10, idle_ms=5)
    now_ms = WALL_MS
    async with SqliteNotificationStore.open(tmp_path, config, wall_ms=lambda: now_ms) as store:
        for each in SUBSCRIPTIONS:
            store.save_subscription(each)
        for index, numbers in enumerate(
            [[number(A, FIRST, 1)], [number(A, FIRST, 2), number(B, FIRST, 1)]], start=1
        ):
            append(store, index, *numbers)  # with an eventTime that says nothing about its age
            now_ms = WALL_MS + index * 1_000
            await store.flush()
        assert await store.committed() == Committed(notification_id=2, rolled_over={})
        append(store, 3, number(A, FIRST, 3))
        now_ms = WALL_MS + 12_000  # what was stored in the second 2 is not older than ten seconds
        await store.flush()
        assert await held(store, A) == [2, 3]
        assert await store.committed() == Committed(notification_id=3, rolled_over={A: 2})
        now_ms = WALL_MS + 12_001
        with anyio.fail_after(20):
            assert await store.committed() == Committed(notification_id=3, rolled_over={A: 3, B: 2})
        assert (await held(store, A), await held(store, B)) == ([3], [])
        now_ms = WALL_MS
    assert bodies(tmp_path) == [3]


async def test_epochs_are_bounded_and_go_with_what_is_left_in_them(tmp_path: Path) -> None:
    config = replace(FAST, epochs_max=3)
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        for index in range(6):
            epoch = Epoch(FIRST + index)
            store.save_subscription(replace(SUBSCRIPTIONS[0], epoch=epoch))
            append(store, index + 1, number(A, epoch, 1))
            if index == 3:
                await store.flush()
        await store.flush()
        for _ in range(2):
            assert store.epochs(A) == (FIRST + 3, FIRST + 4, FIRST + 5)
            assert await held(store, A) == [4, 5, 6]
            assert store.window(A, FIRST) is None
    assert bodies(tmp_path) == [4, 5, 6]
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        assert store.epochs(A) == (FIRST + 3, FIRST + 4, FIRST + 5)


async def test_an_older_epoch_that_grows_in_the_commit_of_a_newer_one_is_complete(
    tmp_path: Path,
) -> None:
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        append(store, 1, number(A, FIRST, 1))
        store.save_subscription(replace(SUBSCRIPTIONS[0], epoch=SECOND))
        append(store, 2, number(A, SECOND, 1))
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        window = store.window(A, FIRST)
        assert window is not None
        assert window.range.newest_sequence_no == 1


async def test_a_large_subscription_is_removed_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SWEEP_NUMBERS", 10)
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        for each in SUBSCRIPTIONS[:2]:
            store.save_subscription(each)
        for index in range(1, 96):
            append(store, index, number(A, FIRST, index), number(B, FIRST, index))
        await store.flush()
        store.forget_subscription(A)
        await store.flush()
        assert await held(store, A) == [], "it is gone at once for those who read"
        store.save_subscription(SUBSCRIPTIONS[0])
        append(store, 96, number(A, FIRST, 1))
        await store.flush()
        assert await held(store, A) == [96]
        await until(lambda: not rows(tmp_path, "SELECT * FROM forgotten"))
        assert rows(tmp_path, "SELECT count(*) FROM number") == [(96,)]
        assert await held(store, B) == [*range(1, 96)]


async def test_what_is_left_of_a_subscription_goes_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SWEEP_NUMBERS", 10)
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        for index in range(1, 96):
            append(store, index, number(A, FIRST, index))
        await store.flush()
        store.forget_subscription(A)
    assert rows(tmp_path, "SELECT count(*) FROM forgotten") == [(1,)]
    async with SqliteNotificationStore.open(tmp_path, replace(FAST, idle_ms=1)):
        await until(lambda: not rows(tmp_path, "SELECT * FROM forgotten"))
    assert bodies(tmp_path) == []


async def test_a_long_time_off_is_caught_up_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = WALL_MS
    async with SqliteNotificationStore.open(tmp_path, FAST, wall_ms=lambda: now_ms) as store:
        for each in SUBSCRIPTIONS[:2]:
            store.save_subscription(each)
        for index in range(1, 96):
            append(store, index, number(A, FIRST, index), number(B, FIRST, index))
            now_ms = WALL_MS + index * 1_000
            await store.flush()
    monkeypatch.setattr(retention, "CUT_NOTIFICATIONS", 10)
    now_ms = WALL_MS + FAST.age_max_s * 1_000 + 90_500
    async with SqliteNotificationStore.open(tmp_path, FAST, wall_ms=lambda: now_ms) as store:
        append(store, 96, number(A, FIRST, 96))
        await store.flush()
        window = store.window(A, FIRST)
        assert window is not None
        assert window.range.oldest_sequence_no == 13, "ten, and two for the one that was added"
        await until(lambda: bodies(tmp_path) == [91, 92, 93, 94, 95, 96])
        assert await held(store, A) == [91, 92, 93, 94, 95, 96]


async def test_loss_in_an_epoch_that_is_over_by_now_is_not_told(tmp_path: Path) -> None:
    config = replace(FAST, notifications_max=1)
    async with SqliteNotificationStore.open(tmp_path, config) as store:
        for each in SUBSCRIPTIONS:
            store.save_subscription(each)
        for index in (1, 2):
            numbers = (number(A, FIRST, index), number(B, FIRST, index), number(C, FIRST, index))
            append(store, index, *numbers)
        await store.flush()
        store.save_subscription(replace(SUBSCRIPTIONS[0], epoch=SECOND))
        store.forget_subscription(B)
        await store.flush()
        assert await store.committed() == Committed(notification_id=2, rolled_over={C: 2})
