"""A suite that everything passes proves nothing: each of these faults has to be found."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.memory import MemoryChannel, MemoryTransport
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Broken, Channel, Message, Ping
from mnstream.ports.transport import ProducerTransport, StreamingService
from mnstream.testing.channels import ChannelPair, check_channel
from mnstream.testing.transports import check_producer_transport

pytestmark = pytest.mark.trio


class AnswersPings(MemoryChannel):
    async def receive(self) -> Sequence[Message]:
        messages = await super().receive()
        for message in messages:
            if isinstance(message, Ping):
                await super().pong(message.payload)
        return messages


class LosesWhenCancelled(MemoryChannel):
    async def receive(self) -> Sequence[Message]:
        messages = await super().receive()
        for _ in range(5):  # one might fall between two cancellations: trio shuffles its tasks
            await trio.lowlevel.checkpoint()
        return messages


class FeignsLife(MemoryChannel):
    async def receive(self) -> Sequence[Message]:
        with anyio.move_on_after(0.001):
            return await super().receive()
        return []


class Reorders(MemoryChannel):
    async def receive(self) -> Sequence[Message]:
        return sorted(await super().receive(), key=str)


class CutsLongMessages(MemoryChannel):
    async def send(self, messages: Sequence[bytes]) -> None:
        await super().send([message[:65_535] for message in messages])


class ForgetsThatItBroke(MemoryChannel):
    async def send(self, messages: Sequence[bytes]) -> None:
        try:
            await super().send(messages)
        except Broken:
            return


class ClosesWithoutWaiting(MemoryChannel):
    async def close(self, code: int, reason: str = "") -> bool:
        await self.abort()
        return True


class SurvivesItsAbort(MemoryChannel):
    async def abort(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    "kind",
    [
        AnswersPings,
        LosesWhenCancelled,
        FeignsLife,
        Reorders,
        CutsLongMessages,
        ForgetsThatItBroke,
        ClosesWithoutWaiting,
        SurvivesItsAbort,
    ],
)
async def test_faulty_channels(
    kind: type[MemoryChannel], autojump_clock: trio.testing.MockClock
) -> None:
    @asynccontextmanager
    async def make_pair() -> AsyncGenerator[ChannelPair]:
        producer, consumer = kind.pair(close_ms=1_000, send_ms=2_000)
        yield ChannelPair(producer=producer, consumer=consumer)

    await must_fail(check_channel(make_pair))


async def test_the_same_without_a_fault() -> None:
    @asynccontextmanager
    async def make_pair() -> AsyncGenerator[ChannelPair]:
        producer, consumer = MemoryChannel.pair()
        yield ChannelPair(producer=producer, consumer=consumer)

    await check_channel(make_pair)


class Forgetful(MemoryTransport):
    async def request(self, operation: ControlOperation) -> Outcome:
        await super().request(operation)
        return await super().request(operation)


class Deaf(MemoryTransport):
    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        try:
            return await super().open_channel(connection_id)
        except Exception as exc:
            raise Broken("something went wrong") from exc


@pytest.mark.parametrize("kind", [Forgetful, Deaf])
async def test_faulty_transports(
    kind: type[MemoryTransport], autojump_clock: trio.testing.MockClock
) -> None:
    @asynccontextmanager
    async def connect(service: StreamingService) -> AsyncGenerator[ProducerTransport]:
        async with anyio.create_task_group() as tasks:
            yield kind(service, tasks=tasks, request_ms=1_000)
            tasks.cancel_scope.cancel()

    await must_fail(check_producer_transport(connect))


async def must_fail(check: Coroutine[None, None, None]) -> None:
    """Require an AssertionError, a TransportError or a TimeoutError, alone or in a group."""
    try:
        await check
    except (AssertionError, TimeoutError, Broken, ExceptionGroup):
        return
    pytest.fail("the fault was not found")
