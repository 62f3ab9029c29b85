"""What every ``mnstream.ports.checkpoints.Checkpoints`` does, checked on one of yours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import anyio

from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.checkpoints import Checkpoints

CheckpointsMaker = Callable[[], AbstractAsyncContextManager[Checkpoints]]
"""Opens the checkpoints. The first time they are empty; then they are as they were left."""

TIME_LIMIT_S = 20
"""For one wait. Nobody waits so long for a disk, and a hang becomes a failure."""

NUMBER_MAX = 2**64 - 1
"""sequenceNo is a uint64, and so is what a producer may call its epoch."""

NUMBERS = tuple(
    Number(subscription_id=SubscriptionId(name), epoch=Epoch(epoch), sequence_no=sequence_no)
    for name, epoch, sequence_no in (
        ("1", 0, 0),
        ("a", 1_700_000_000_000, 1),
        ("\u00e9 'quoted\"; --", 0, 2**63 - 1),
        ("", 2**63, 2**63),
        ("x" * 4_096, NUMBER_MAX, NUMBER_MAX),
    )
)
"""One of each kind."""


async def check_checkpoints(make: CheckpointsMaker) -> None:
    """Check checkpoints; AssertionError says what they do wrong.

    Call it in a task of anyio. It opens them several times, one after the other.
    """
    async with make() as checkpoints:
        for number in NUMBERS:
            assert checkpoints.load(number.subscription_id) is None, "nothing was saved"
        assert checkpoints.setting("subscription") is None, "nothing was remembered"
        for number in NUMBERS:
            await _save(checkpoints, number)
            assert checkpoints.load(number.subscription_id) == number, "what was saved is another"
            assert checkpoints.checksum(number.subscription_id) is None, "nothing was beside it"
        await checkpoints.save(NUMBERS[1], 2**32 - 1)
        for value in ("", "first", "x" * 100_000, "\u00e9 'quoted'"):
            await _remember(checkpoints, "subscription", value)
            assert checkpoints.setting("subscription") == value
        await _remember(checkpoints, "1", "a setting is no checkpoint")
    for _ in range(2):  # the second time nothing was saved before
        async with make() as checkpoints:
            for number in NUMBERS:
                assert checkpoints.load(number.subscription_id) == number, "a number is lost"
                saved = checkpoints.checksum(number.subscription_id)
                assert saved == (2**32 - 1 if number == NUMBERS[1] else None), "a checksum is lost"
            assert checkpoints.setting("subscription") == "\u00e9 'quoted'", "a value is lost"
            assert checkpoints.setting("1") == "a setting is no checkpoint"
    await _check_going_back(make)
    await _check_cancellation(make)


async def _check_going_back(make: CheckpointsMaker) -> None:
    """What was saved last counts, also when it is lower: a producer may begin anew."""
    subscription_id = NUMBERS[-1].subscription_id
    lower = Number(subscription_id=subscription_id, epoch=Epoch(5), sequence_no=3)
    async with make() as checkpoints:
        await _save(checkpoints, lower)
        assert checkpoints.load(subscription_id) == lower
    async with make() as checkpoints:
        assert checkpoints.load(subscription_id) == lower


async def _check_cancellation(make: CheckpointsMaker) -> None:
    """Who is cancelled does not know whether it was saved, and nobody else is disturbed."""
    before = Number(subscription_id=SubscriptionId("c"), epoch=Epoch(1), sequence_no=1)
    after = Number(subscription_id=SubscriptionId("c"), epoch=Epoch(1), sequence_no=2)
    other = Number(subscription_id=SubscriptionId("d"), epoch=Epoch(1), sequence_no=9)
    async with make() as checkpoints:
        await _save(checkpoints, before)
        with anyio.CancelScope() as gave_up:
            gave_up.cancel()
            await checkpoints.save(after)
        with anyio.CancelScope() as gave_up:
            gave_up.cancel()
            await checkpoints.remember("c", "x")
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(_remember, checkpoints, f"name {number}", f"{number}")
            tasks.start_soon(_save, checkpoints, other)
    async with make() as checkpoints:
        assert checkpoints.load(before.subscription_id) in (before, after)
        assert checkpoints.setting("c") in (None, "x")
        assert checkpoints.load(other.subscription_id) == other
        for number in range(10):
            assert checkpoints.setting(f"name {number}") == f"{number}"


async def _save(checkpoints: Checkpoints, number: Number) -> None:
    with anyio.fail_after(TIME_LIMIT_S):
        await checkpoints.save(number)


async def _remember(checkpoints: Checkpoints, name: str, value: str) -> None:
    with anyio.fail_after(TIME_LIMIT_S):
        await checkpoints.remember(name, value)
