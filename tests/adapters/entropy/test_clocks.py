from __future__ import annotations

import time

import anyio
import pytest
import trio.testing

from mnstream.adapters.entropy import FixedClock, SystemClock, VirtualClock
from mnstream.ports.clock import Clock

EPOCH_MS = 1_800_000_000_000


@pytest.mark.trio
async def test_monotonic_time_is_that_of_a_mocked_loop(
    autojump_clock: trio.testing.MockClock,
) -> None:
    clock: Clock = SystemClock()
    before_ms = clock.monotonic_ms()
    await anyio.sleep(3600)
    assert clock.monotonic_ms() - before_ms == 3_600_000


@pytest.mark.trio
async def test_a_loop_that_woke_in_time_is_not_a_millisecond_early(
    autojump_clock: trio.testing.MockClock,
) -> None:
    clock = SystemClock()
    for duration_ms in (570, 290, 1, 1009, 4350):
        deadline_ms = clock.monotonic_ms() + duration_ms
        await anyio.sleep(duration_ms / 1000)
        assert clock.monotonic_ms() == deadline_ms


@pytest.mark.anyio
async def test_monotonic_time_goes_on_with_every_loop() -> None:
    clock = SystemClock()
    before_ms = clock.monotonic_ms()
    await anyio.lowlevel.checkpoint()
    assert 0 <= clock.monotonic_ms() - before_ms < 60_000


def test_wall_time_is_that_of_the_machine() -> None:
    before_ms = time.time() * 1000 - 1
    assert before_ms <= SystemClock().wall_ms() <= time.time() * 1000


def test_there_is_no_monotonic_time_without_a_loop() -> None:
    with pytest.raises(anyio.NoEventLoopError):
        SystemClock().monotonic_ms()


@pytest.mark.trio
async def test_virtual_wall_time_follows_the_loop(autojump_clock: trio.testing.MockClock) -> None:
    clock: Clock = VirtualClock(EPOCH_MS)
    await anyio.sleep(5)
    assert clock.wall_ms() == EPOCH_MS
    await anyio.sleep(7 * 24 * 3600)
    assert clock.wall_ms() == EPOCH_MS + 7 * 24 * 3_600_000


@pytest.mark.trio
async def test_virtual_time_begins_with_either_reading(
    autojump_clock: trio.testing.MockClock,
) -> None:
    clock = VirtualClock(EPOCH_MS)
    before_ms = clock.monotonic_ms()
    await anyio.sleep(1.5)
    assert clock.monotonic_ms() - before_ms == 1500
    assert clock.wall_ms() == EPOCH_MS + 1500


def test_fixed_time_moves_when_told() -> None:
    clock = FixedClock(wall_ms=EPOCH_MS)
    port: Clock = clock
    assert (port.monotonic_ms(), port.wall_ms()) == (0, EPOCH_MS)
    clock.advance(250)
    assert (port.monotonic_ms(), port.wall_ms()) == (250, EPOCH_MS + 250)


def test_an_operator_sets_the_wall_time_only() -> None:
    clock = FixedClock(wall_ms=EPOCH_MS, monotonic_ms=9)
    clock.set_wall(EPOCH_MS - 3_600_000)
    assert (clock.monotonic_ms(), clock.wall_ms()) == (9, EPOCH_MS - 3_600_000)


def test_time_does_not_go_back() -> None:
    clock = FixedClock(wall_ms=EPOCH_MS)
    with pytest.raises(ValueError, match="-1 ms"):
        clock.advance(-1)
    assert (clock.monotonic_ms(), clock.wall_ms()) == (0, EPOCH_MS)
