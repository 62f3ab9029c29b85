from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
import trio
from trio.testing import MockClock

from mnstream.adapters.entropy import VirtualClock
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.waking import Alarm, Signal
from tests.adapters.runtime.stage import EPOCH_MS, Later, settled


class Core:
    """Something with deadlines."""

    def __init__(self, *deadlines_ms: int) -> None:
        self.clock = VirtualClock(EPOCH_MS)
        self.deadlines_ms = sorted(deadlines_ms)
        self.woken_ms: list[int] = []
        self.alarm = Alarm(self.clock, self.next_deadline_ms, self.wake)

    def next_deadline_ms(self) -> int | None:
        return self.deadlines_ms[0] if self.deadlines_ms else None

    def wake(self) -> None:
        self.woken_ms.append(self.clock.monotonic_ms())
        self.deadlines_ms.pop(0)

    def want(self, deadline_ms: int) -> None:
        self.deadlines_ms = sorted([*self.deadlines_ms, deadline_ms])
        self.alarm.rearm()


@pytest.mark.trio
async def test_deadlines_are_met_to_the_millisecond(autojump_clock: MockClock) -> None:
    core = Core(1, 7, 7, 570, 1_001, 80_000_000)
    async with background() as tasks:
        tasks.start_soon(core.alarm.run)
        await trio.sleep(86_400)
    assert core.woken_ms == [1, 7, 7, 570, 1_001, 80_000_000]


@pytest.mark.trio
async def test_an_earlier_deadline_is_met_and_the_later_one_stays(
    autojump_clock: MockClock,
) -> None:
    core = Core(10_000)
    async with background() as tasks:
        tasks.start_soon(core.alarm.run)
        await trio.sleep(1)
        core.want(2_000)
        await trio.sleep(20)
    assert core.woken_ms == [2_000, 10_000]


@pytest.mark.trio
async def test_the_first_deadline_may_come_late(autojump_clock: MockClock) -> None:
    core = Core()
    async with background() as tasks:
        tasks.start_soon(core.alarm.run)
        await trio.sleep(3_600)
        core.want(3_600_500)
        await trio.sleep(1)
        core.want(5)  # over already
        await settled()
        assert core.woken_ms == [3_600_500, 3_601_000]


@pytest.mark.trio
async def test_a_deadline_that_moved_on_wakes_nobody(autojump_clock: MockClock) -> None:
    core = Core(1_000)
    async with background() as tasks:
        tasks.start_soon(core.alarm.run)
        await trio.sleep(0.5)
        core.deadlines_ms = [9_000]
        await trio.sleep(5)
        assert core.woken_ms == []
        await trio.sleep(5)
        assert core.woken_ms == [9_000]


@pytest.mark.trio
async def test_a_deadline_that_does_not_move_on_lets_others_run(
    autojump_clock: MockClock,
) -> None:
    core = Core(*[0] * 1_000)
    async with background() as tasks:
        tasks.start_soon(core.alarm.run)
        for _ in range(10):
            await trio.lowlevel.checkpoint()
        assert 0 < len(core.woken_ms) < 1_000


@pytest.mark.anyio
async def test_a_signal_wakes_everybody_who_waits_and_nobody_who_comes_later() -> None:
    signal = Signal()
    signal.notify()
    async with background() as tasks:
        waiting = [Later(tasks, signal.wait) for _ in range(3)]
        await settled()
        assert not any(each.is_over for each in waiting)
        signal.notify()
        late = Later(tasks, signal.wait)
        for each in waiting:
            await each.result()
        await settled()
        assert not late.is_over
        signal.notify()
        await late.result()


@pytest.mark.anyio
async def test_who_stops_waiting_for_a_signal_does_not_disturb_the_others() -> None:
    signal = Signal()
    async with background() as tasks:
        gone, stays = Later(tasks, signal.wait), Later(tasks, signal.wait)
        await settled()
        await gone.cancel()
        signal.notify()
        await stays.result()


# --- tasks beside a block -----------------------------------------------------------------------


@pytest.mark.anyio
async def test_background_tasks_end_with_the_block() -> None:
    async with background() as tasks:
        task = Later(tasks, anyio.sleep_forever)
        await settled()
        assert not task.is_over
    assert task.is_over


@pytest.mark.anyio
@pytest.mark.parametrize("make", [ValueError, lambda: ExceptionGroup("mine", [ValueError()])])
async def test_an_exception_of_the_block_comes_out_as_it_is(make: Callable[[], Exception]) -> None:
    error = make()

    async def fail() -> None:
        async with background() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            raise error

    with pytest.raises(type(error)) as raised:
        await fail()
    assert raised.value is error


@pytest.mark.anyio
async def test_an_exception_of_a_task_ends_the_block_and_comes_out_in_a_group() -> None:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise KeyError("task")

    with pytest.RaisesGroup(KeyError):
        async with background() as tasks:
            tasks.start_soon(fail)
            await anyio.sleep_forever()


@pytest.mark.anyio
async def test_cancelling_the_block_passes_through() -> None:
    with anyio.CancelScope() as scope:
        async with background() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
