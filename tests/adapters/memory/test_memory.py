"""What memory does beyond the contract: time limits, bounds, and faults on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.memory import MemoryChannel, MemoryTransport
from mnstream.core.operations import GetConnectionInfo
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import Broken, Channel, Closed, PeerClosed
from mnstream.ports.transport import Peer
from mnstream.testing.channels import receive_messages
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import ESTABLISH, open_pair

pytestmark = pytest.mark.trio

FIRST = ConnectionId("c1")


async def test_an_inbox_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    one, two = MemoryChannel.pair(messages_max=10, send_ms=30_000)
    with pytest.raises(Broken, match="took nothing for 30000 ms"):
        await one.send([b"%d" % number for number in range(11)])
    assert trio.current_time() == pytest.approx(30)
    # What arrived is there; then the pipe is as broken as a socket would be.
    assert await two.receive() == [b"%d" % number for number in range(10)]


async def test_a_slow_reader_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    one, two = MemoryChannel.pair(messages_max=1, send_ms=1_000)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(one.send, [b"1", b"2", b"3"])
        for expected in (b"1", b"2", b"3"):
            await trio.sleep(0.9)
            assert await two.receive() == [expected]


async def test_close_waits_for_the_peer(autojump_clock: trio.testing.MockClock) -> None:
    one, two = MemoryChannel.pair(close_ms=5_000)
    assert not await one.close(1000)
    assert trio.current_time() == pytest.approx(5)
    assert await two.receive() == [PeerClosed(1000, "")]
    assert await two.close(1000)
    assert trio.current_time() == pytest.approx(5)


async def test_a_full_inbox_does_not_hold_close_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    one, two = MemoryChannel.pair(messages_max=1, close_ms=5_000)
    await one.send([b"x"])
    assert not await one.close(1000)
    assert trio.current_time() == pytest.approx(5)
    assert await two.receive() == [b"x"]
    with pytest.raises(Broken):
        await two.receive()


async def test_a_cut_loses_what_is_on_its_way() -> None:
    service = ScriptedService()
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(service, tasks=tasks)
        producer, attended = await open_pair(transport, service)
        await producer.send([b"arrives"])
        assert await receive_messages(attended.channel, 1) == [b"arrives"]
        await producer.send([b"is lost"])
        transport.cut()
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            attended.channel.receive,
            producer.receive,
            lambda: producer.send([b"x"]),
        )
        for call in calls:
            with pytest.raises(Broken, match="cut"):
                await call()
        assert not await producer.close(1000)
        await attended.channel.abort()
        attended.done.set()
        # The transport itself goes on.
        await trio.testing.wait_all_tasks_blocked()
        again = await transport.open_channel(FIRST)
        await again.abort()
        (await service.attended()).done.set()


async def test_an_unreachable_consumer() -> None:
    service = ScriptedService()
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(service, tasks=tasks)
        transport.reachable = False
        with pytest.raises(Broken, match="no route"):
            await transport.request(GetConnectionInfo())
        with pytest.raises(Broken, match="no route"):
            await transport.open_channel(FIRST)
        transport.reachable = True
        assert (await transport.request(GetConnectionInfo())).status is Status.SUCCESS
        assert len(service.asked) == 1


async def test_the_service_is_told_who_asks() -> None:
    service = ScriptedService()
    peer = Peer(identity="gnb-7", address="rack 3")
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(service, tasks=tasks, peer=peer)
        producer, attended = await open_pair(transport, service)
        assert attended.peer == peer
        assert service.asked[0][1] == peer
        await producer.abort()
        attended.done.set()


class Undecided(ScriptedService):
    """Neither accepts nor refuses: waits, or returns."""

    def __init__(self, *, waits: bool) -> None:
        super().__init__()
        self.waits = waits
        self.cancelled = False

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        try:
            if self.waits:
                await trio.sleep_forever()
        except trio.Cancelled:
            self.cancelled = True
            raise


async def test_a_service_that_does_not_decide(autojump_clock: trio.testing.MockClock) -> None:
    waiting, returning = Undecided(waits=True), Undecided(waits=False)
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(waiting, tasks=tasks, request_ms=7_000)
        with pytest.raises(Broken, match="within 7000 ms"):
            await transport.open_channel(FIRST)
        assert trio.current_time() == pytest.approx(7)
        with trio.move_on_after(1):
            await transport.open_channel(FIRST)
        await trio.testing.wait_all_tasks_blocked()
        assert waiting.cancelled
        with pytest.raises(Broken, match="without an answer"):
            await MemoryTransport(returning, tasks=tasks).open_channel(FIRST)


async def test_a_service_that_does_not_answer(autojump_clock: trio.testing.MockClock) -> None:
    service = ScriptedService()
    service.delay = trio.sleep_forever
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(service, tasks=tasks, request_ms=7_000)
        with pytest.raises(Broken, match="within 7000 ms"):
            await transport.request(ESTABLISH)


async def test_a_closed_transport() -> None:
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(ScriptedService(), tasks=tasks)
        await transport.aclose()
        with pytest.raises(Closed):
            await transport.request(ESTABLISH)


async def test_an_error_of_the_service_is_not_hidden() -> None:
    class Faulty(ScriptedService):
        async def run_channel(
            self,
            connection_id: ConnectionId,
            *,
            peer: Peer,
            accept: Callable[[], Awaitable[Channel]],
        ) -> None:
            await accept()
            raise ZeroDivisionError

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            await MemoryTransport(Faulty(), tasks=tasks).open_channel(FIRST)
            await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await run()
    assert raised.group_contains(ZeroDivisionError)
