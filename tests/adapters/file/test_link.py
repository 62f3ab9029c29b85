"""The producer's end of a channel: what it says and what it hears."""

from __future__ import annotations

import anyio
import pytest
import trio.testing

from mnstream.adapters.file.link import Link
from mnstream.adapters.memory import MemoryChannel
from mnstream.ports.channel import Broken, Closed, PeerClosed, Ping, Pong

pytestmark = pytest.mark.trio


async def test_frames_are_delivered_when_their_ping_is_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, service = MemoryChannel.pair()
    link, delivered = Link(ours), anyio.Event()

    async def deliver() -> None:
        await link.deliver([b"1", b"2"])
        delivered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.listen)
        tasks.start_soon(deliver)
        messages = await received(service, 3)
        ping = messages[2]
        assert messages[:2] == [b"1", b"2"]
        assert isinstance(ping, Ping)
        await anyio.sleep(3600)
        assert not delivered.is_set()
        await service.pong(ping.payload)
        await delivered.wait()
        assert not link.is_over
        tasks.cancel_scope.cancel()


async def received(channel: MemoryChannel, count: int) -> list[object]:
    messages: list[object] = []
    while len(messages) < count:
        messages.extend(await channel.receive())
    return messages


async def test_a_service_that_asks_is_answered() -> None:
    """A capture may be silent for longer than a producer may."""
    ours, service = MemoryChannel.pair()
    link = Link(ours)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.listen)
        await service.send([b"means nothing"])
        await service.ping(b"still there?")
        assert await received(service, 1) == [Pong(b"still there?")]
        tasks.cancel_scope.cancel()


async def test_a_service_that_says_goodbye_is_answered_and_its_frames_are_not_delivered() -> None:
    ours, service = MemoryChannel.pair()
    link = Link(ours)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.listen)

        async def say_goodbye() -> None:
            await received(service, 2)
            assert await service.close(1001)

        tasks.start_soon(say_goodbye)
        with pytest.raises((Broken, Closed)):
            await link.deliver([b"1"])
    assert link.is_over


async def test_a_channel_that_breaks_while_frames_wait() -> None:
    ours, service = MemoryChannel.pair()
    link = Link(ours)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.listen)

        async def break_it() -> None:
            await received(service, 2)
            await service.abort()

        tasks.start_soon(break_it)
        with pytest.raises(Broken):
            await link.deliver([b"1"])
    assert link.is_over


async def test_closing_waits_for_the_service(autojump_clock: trio.testing.MockClock) -> None:
    for answers in (True, False):
        ours, service = MemoryChannel.pair(close_ms=1000)
        link = Link(ours)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.listen)
            await trio.testing.wait_all_tasks_blocked()
            if answers:

                async def answer(end: MemoryChannel) -> None:
                    assert await received(end, 1) == [PeerClosed(1000, "")]
                    await end.close(1000)

                tasks.start_soon(answer, service)
            assert await link.close() is answers
        assert link.is_over


async def test_an_aborted_link_is_over() -> None:
    ours, service = MemoryChannel.pair()
    link = Link(ours)
    await link.abort()
    assert link.is_over
    with pytest.raises(Broken):
        await service.receive()
