"""What every ``mnstream.ports.notification_store.NotificationStore`` does, checked on yours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import anyio

from mnstream.core.notification_values import Epoch, SubscriptionId, SubscriptionSettings
from mnstream.ports.notification_store import (
    Committed,
    NotificationStore,
    StoredNotification,
)
from mnstream.testing.notification_samples import (
    FIRST,
    SECOND,
    SUBSCRIPTIONS,
    THIRD,
    WALL_MS,
    A,
    B,
    C,
    append,
    common,
    ids,
    number,
    window,
)

NotificationStoreMaker = Callable[[], AbstractAsyncContextManager[NotificationStore]]
"""Opens the store. The first time it is empty; then it holds what was durable when it was left. It
keeps between 5 and 1,000 notifications of a subscription, and a megabyte of all of them."""

TIME_LIMIT_S = 20
"""For one wait. Nobody waits so long for a disk, and a hang becomes a failure."""


async def check_notification_store(make: NotificationStoreMaker) -> None:
    """Check a store; AssertionError says what it does wrong.

    Call it in a task of anyio. It opens the store several times, one after the other.
    """
    await _check_new(make)
    await _check_reading(make)
    await _check_epochs(make)
    await _check_waiting(make)
    await _check_roll_over(make)
    await _check_forgetting(make)
    await _check_marks(make)


async def _check_new(make: NotificationStoreMaker) -> None:
    """A new store is empty and in good order; what is asked for is durable after a flush."""
    async with make() as store:
        assert not store.restored(), "a new store restores nothing"
        assert store.was_clean, "a new store is in good order"
        assert store.source_position is None
        assert store.last_notification_id == 0
        assert store.trouble == ""
        assert 5 <= store.notifications_max <= 1_000, "for this suite"  # noqa: PLR2004
        assert store.window(A, FIRST) is None
        assert not store.epochs(A)
        assert not await _read(store, A, FIRST)
        for each in SUBSCRIPTIONS:
            store.save_subscription(each)
        await _flush(store)
        assert store.window(A, FIRST) == window(FIRST, 0, 0, None, None)
        assert [*store.epochs(A)] == [FIRST]
        append(store, 3, number(A, FIRST, 1), number(B, FIRST, 1))
        append(store, 4, number(A, FIRST, 2), source_position=7)
        append(store, 9, number(A, FIRST, 3), number(B, FIRST, 2), size=100_000)
        with anyio.fail_after(TIME_LIMIT_S):
            told = await store.committed()
            while told.notification_id < 9:  # noqa: PLR2004 - the last one above
                assert not told.rolled_over
                told = await store.committed()
        assert told == Committed(notification_id=9, rolled_over={})


async def _check_reading(make: NotificationStoreMaker) -> None:
    """What was durable is there again, byte for byte, within the limits of the reader."""
    async with make() as store:
        assert [*store.restored()] == [
            replace(SUBSCRIPTIONS[0], last_sequence_no=3, last_event_time_ms=WALL_MS + 9_000),
            replace(SUBSCRIPTIONS[1], last_sequence_no=2, last_event_time_ms=WALL_MS + 9_000),
            SUBSCRIPTIONS[2],
        ], "subscriptions come back as they were, in the order of their creation"
        assert not store.was_clean, "nobody said that it ended in good order"
        assert store.source_position == 7  # noqa: PLR2004 - as above
        assert store.last_notification_id == 9  # noqa: PLR2004
        assert store.window(A, FIRST) == window(FIRST, 1, 3, (3, 9), None)
        assert store.window(B, FIRST) == window(FIRST, 1, 2, (3, 9), None)
        assert store.window(C, FIRST) == window(FIRST, 0, 0, None, None)
        await _check_read_limits(store)
        # The same limits, for what was appended a moment ago and may still be in memory.
        append(store, 10, number(C, FIRST, 1))
        append(store, 11, number(C, FIRST, 2))
        append(store, 12, number(C, FIRST, 3), size=100_000)
        await _flush(store)
        assert ids(await _read(store, C, FIRST)) == [10, 11, 12]
        assert ids(await _read(store, C, FIRST, count_max=2)) == [10, 11]
        assert ids(await _read(store, C, FIRST, bytes_max=100_000)) == [10, 11]
        assert ids(await _read(store, C, FIRST, first=3, bytes_max=1)) == [12]


async def _check_read_limits(store: NotificationStore) -> None:
    whole = await _read(store, A, FIRST)
    assert whole == [
        StoredNotification(
            number=number(A, FIRST, sequence_no),
            event_time_ms=WALL_MS + 1_000 * notification_id,
            common=common(notification_id, size),
        )
        for sequence_no, notification_id, size in ((1, 3, 0), (2, 4, 0), (3, 9, 100_000))
    ], "notifications come back byte for byte"
    assert ids(await _read(store, B, FIRST)) == [3, 9], "one text for many subscriptions"
    assert await _read(store, A, FIRST, first=2, last=2) == whole[1:2]
    assert await _read(store, A, FIRST, first=0, last=2**64 - 1) == whole
    assert not await _read(store, A, FIRST, first=4, last=2**64 - 1)
    assert not await _read(store, A, FIRST, first=3, last=2)
    assert await _read(store, A, FIRST, count_max=2) == whole[:2]
    assert not await _read(store, A, FIRST, count_max=0)
    assert await _read(store, A, FIRST, bytes_max=len(common(3)) * 2) == whole[:2]
    assert await _read(store, A, FIRST, bytes_max=len(common(3)) * 2 - 1) == whole[:1]
    assert await _read(store, A, FIRST, first=3, bytes_max=1) == whole[2:], "it is all there is"
    assert not await _read(store, SubscriptionId("unknown"), FIRST)
    assert not await _read(store, A, SECOND)
    assert ids(await _span(store, A)) == [3, 4, 9]
    assert ids(await _span(store, A, from_ms=WALL_MS + 4_000)) == [4, 9]
    assert ids(await _span(store, A, to_ms=WALL_MS + 4_000)) == [3, 4]
    assert ids(await _span(store, A, from_ms=WALL_MS + 4_000, to_ms=WALL_MS + 4_000)) == [4]
    assert not await _span(store, A, from_ms=WALL_MS + 4_001, to_ms=WALL_MS + 8_999)
    assert ids(await _span(store, A, from_ms=-(2**70), to_ms=2**70)) == [3, 4, 9]
    assert ids(await _span(store, A, count_max=1)) == [3]
    assert ids(await _span(store, A, bytes_max=100_000)) == [3, 4]
    assert not await _span(store, SubscriptionId("unknown"))


async def _check_epochs(make: NotificationStoreMaker) -> None:
    """Numbers begin anew in each epoch; changing settings begins none."""
    changed = replace(
        SUBSCRIPTIONS[0],
        settings=SubscriptionSettings(notification_recipient_address="http://other.example/"),
        heartbeat=None,
        last_sequence_no=77,
        last_event_time_ms=77,
    )
    async with make() as store:
        store.save_subscription(changed)
        append(store, 20, number(A, FIRST, 4))
        store.save_subscription(replace(changed, epoch=SECOND))
        append(store, 21, number(A, SECOND, 1), number(B, FIRST, 3))
        store.save_subscription(replace(changed, epoch=THIRD))
        store.save_subscription(replace(changed, epoch=FIRST))
        await _flush(store)
        for _ in range(2):
            assert [*store.epochs(A)] == [FIRST, SECOND, THIRD]
            assert store.window(A, FIRST) == window(FIRST, 1, 4, (3, 20), SECOND)
            assert store.window(A, SECOND) == window(SECOND, 1, 1, (21, 21), THIRD)
            assert store.window(A, THIRD) == window(THIRD, 0, 0, None, None)
            assert ids(await _span(store, A)) == [3, 4, 9, 20, 21], "by epoch and number"
            assert ids(await _read(store, A, SECOND, last=9)) == [21]
    async with make() as store:
        restored = {each.subscription_id: each for each in store.restored()}
        assert restored[A] == replace(
            changed, epoch=THIRD, last_sequence_no=0, last_event_time_ms=None
        )
        assert store.window(A, FIRST) == window(FIRST, 1, 4, (3, 20), SECOND)
        assert store.window(A, THIRD) == window(THIRD, 0, 0, None, None)


async def _check_waiting(make: NotificationStoreMaker) -> None:
    """Any number may wait, and give up."""
    async with make() as store:
        with anyio.move_on_after(0.01) as gave_up:
            await store.committed()
        assert gave_up.cancelled_caught, "there is no news"
        for notification_id in range(30, 40):
            append(store, notification_id, number(C, FIRST, notification_id - 26))
            with anyio.CancelScope() as scope:
                scope.cancel()
                await store.flush()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await store.committed()
            assert scope.cancelled_caught, "waiting can be cancelled"
            with anyio.CancelScope() as scope:
                scope.cancel()
                await _read(store, C, FIRST)
            with anyio.CancelScope() as scope:
                scope.cancel()
                await _span(store, C)
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(_flush, store)
        with anyio.fail_after(TIME_LIMIT_S):
            told = await store.committed()
            while told.notification_id < 39:  # noqa: PLR2004 - the last one above
                told = await store.committed()
        append(store, 40, number(C, FIRST, 14))  # nobody waits; leaving commits it
    async with make() as store:
        assert store.last_notification_id == 40, "leaving commits"  # noqa: PLR2004
        newest = await _read(store, C, FIRST, first=14, last=14)
        assert ids(newest) == [40], "leaving commits"


async def _check_roll_over(make: NotificationStoreMaker) -> None:
    """Beyond the limit of a subscription its oldest notifications go, and only its own."""
    async with make() as store:
        size = store.notifications_max
        numbers = [number(A, THIRD, each) for each in range(1, size + 1)]
        for index, each in enumerate(numbers):
            append(store, 50 + index, each)
        await _flush(store)
        with anyio.fail_after(TIME_LIMIT_S):
            told = await store.committed()
        assert not told.rolled_over, "what went was of epochs that are over"
        ends = (50, 50 + size - 1)
        assert store.window(A, THIRD) == window(THIRD, 1, size, ends, None)
        assert store.window(A, FIRST) == window(FIRST, 0, 4, None, SECOND), "it stays known"
        assert [*store.epochs(A)] == [FIRST, SECOND, THIRD]
        assert not await _read(store, A, FIRST)
        assert ids(await _read(store, B, FIRST)) == [3, 9, 21], "they are no others'"
        shared = (number(A, THIRD, size + 1), number(C, FIRST, 15))
        append(store, 50 + size, *shared)
        append(store, 51 + size, number(A, THIRD, size + 2))
        await _flush(store)
        with anyio.fail_after(TIME_LIMIT_S):
            told = await store.committed()
        assert told.notification_id == 51 + size
        assert told.rolled_over[A] == 3, "the lowest that is left"  # noqa: PLR2004
        assert B not in told.rolled_over, "it lost nothing"
        with anyio.move_on_after(0.01) as gave_up:
            await store.committed()
        assert gave_up.cancelled_caught, "it is told once"
    async with make() as store:
        rolled = window(THIRD, 3, size + 2, (52, 51 + size), None)
        assert store.window(A, THIRD) == rolled
        assert store.window(A, SECOND) == window(SECOND, 0, 1, None, THIRD)
        assert ids(await _read(store, A, THIRD, last=4)) == [52, 53]


async def _check_forgetting(make: NotificationStoreMaker) -> None:
    """What is forgotten is gone, also when a subscription of its name follows."""
    async with make() as store:
        top = store.last_notification_id
        store.forget_subscription(A)
        store.forget_subscription(SubscriptionId("unknown"))
        append(store, top + 1, number(A, THIRD, 9_999), number(B, FIRST, 4))
        await _flush(store)
        assert store.window(A, THIRD) is None
        assert not store.epochs(A)
        assert not await _read(store, A, THIRD, last=9_999)
        assert not await _span(store, A)
        assert ids(await _read(store, B, FIRST)) == [3, 9, 21, top + 1]
        store.save_subscription(replace(SUBSCRIPTIONS[0], epoch=THIRD))
        append(store, top + 2, number(A, THIRD, 1))
        await _flush(store)
        assert store.window(A, THIRD) == window(THIRD, 1, 1, (top + 2, top + 2), None)
        assert ids(await _read(store, A, THIRD, last=9_999)) == [top + 2]
    async with make() as store:
        assert [each.subscription_id for each in store.restored()] == [B, C, A]
        assert [*store.epochs(A)] == [THIRD]
        assert ids(await _span(store, A)) == [top + 2]


async def _check_marks(make: NotificationStoreMaker) -> None:
    """The end of a producer is in good order when it says so, every time."""
    async with make() as store:
        assert not store.was_clean
        store.mark(source_position=8)
    async with make() as store:
        assert not store.was_clean, "the last one did not say so"
        assert store.source_position == 8  # noqa: PLR2004 - as above
        store.mark(clean=True)
    async with make() as store:
        assert store.was_clean
        assert store.source_position == 8, "it was not changed"  # noqa: PLR2004
    async with make() as store:
        assert not store.was_clean, "opening forgets it"
        store.mark(source_position=0, clean=True)
    async with make() as store:
        assert store.was_clean
        assert store.source_position == 0


async def _flush(store: NotificationStore) -> None:
    with anyio.fail_after(TIME_LIMIT_S):
        await store.flush()


async def _read(
    store: NotificationStore,
    subscription_id: SubscriptionId,
    epoch: Epoch,
    *,
    first: int = 1,
    last: int = 1_000,
    count_max: int = 1_000,
    bytes_max: int = 1 << 20,
) -> Sequence[StoredNotification]:
    with anyio.fail_after(TIME_LIMIT_S):
        return [
            *await store.read(
                *(subscription_id, epoch),
                first=first,
                last=last,
                count_max=count_max,
                bytes_max=bytes_max,
            )
        ]


async def _span(
    store: NotificationStore,
    subscription_id: SubscriptionId,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    count_max: int = 1_000,
    bytes_max: int = 1 << 20,
) -> Sequence[StoredNotification]:
    with anyio.fail_after(TIME_LIMIT_S):
        return [
            *await store.read_span(
                subscription_id,
                from_ms=from_ms,
                to_ms=to_ms,
                count_max=count_max,
                bytes_max=bytes_max,
            )
        ]
