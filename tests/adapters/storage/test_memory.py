"""The log in memory, as tests of services use it."""

import anyio
import anyio.lowlevel
import pytest

from mnstream.adapters.storage import MemoryLog
from mnstream.testing.logs import established
from tests.adapters.storage.helpers import frame

pytestmark = pytest.mark.anyio


async def is_waiting(log: MemoryLog, position: int | None = None) -> bool:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await (log.has_room() if position is None else log.durable(position))
    return scope.cancelled_caught


async def test_a_record_is_durable_when_the_test_says_so() -> None:
    log = MemoryLog([established("a", 1)], commits_itself=False)
    position = log.append_frame(1, 5, b"x")
    assert position == 1
    assert not await is_waiting(log, 0)
    assert await is_waiting(log, position)
    assert log.durable_records == [established("a", 1)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.durable, position)
        await anyio.lowlevel.checkpoint()
        log.commit()
    assert log.durable_records == log.records == [established("a", 1), frame(b"x", 5)]


async def test_nothing_becomes_durable_in_trouble() -> None:
    log = MemoryLog()
    log.set_trouble("disk full")
    assert log.trouble == "disk full"
    position = log.append_frame(1, 5, b"x")
    assert await is_waiting(log, position)
    log.set_trouble("")
    assert not await is_waiting(log, position)


async def test_room_is_what_the_test_says() -> None:
    log = MemoryLog()
    assert not await is_waiting(log)
    log.set_room(room=False)
    assert await is_waiting(log)
    log.set_room(room=True)
    assert not await is_waiting(log)
