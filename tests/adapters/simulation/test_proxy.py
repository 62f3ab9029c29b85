"""The proxy forwards, cuts, stalls, and survives a target that is not there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from mnstream.adapters.simulation import UnreliableProxy

pytestmark = pytest.mark.anyio


async def echo(stream: SocketStream) -> None:
    async with stream:
        async for data in stream:
            await stream.send(data)


@asynccontextmanager
async def proxied() -> AsyncGenerator[UnreliableProxy]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, echo)
        proxy = UnreliableProxy("127.0.0.1", listener.extra(SocketAttribute.local_port))
        async with proxy.running():
            yield proxy
        tasks.cancel_scope.cancel()


async def test_it_forwards_both_ways() -> None:
    async with proxied() as proxy, await anyio.connect_tcp("127.0.0.1", proxy.port) as stream:
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"


async def test_a_cut_ends_what_is_open_and_nothing_later() -> None:
    async with proxied() as proxy:
        async with await anyio.connect_tcp("127.0.0.1", proxy.port) as stream:
            await stream.send(b"hello")
            await stream.receive()
            assert proxy.cut() == 1
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        async with await anyio.connect_tcp("127.0.0.1", proxy.port) as stream:
            await stream.send(b"again")
            assert await stream.receive() == b"again"
        assert proxy.cuts == 1


async def test_a_stall_delays_and_loses_nothing() -> None:
    async with (
        proxied() as proxy,
        await anyio.connect_tcp("127.0.0.1", proxy.port) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(proxy.stall, 0.05)
        await anyio.lowlevel.checkpoint()
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"


async def test_a_missing_target_ends_the_connection() -> None:
    async with proxied() as proxy:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        proxy.target = ("127.0.0.1", listener.extra(SocketAttribute.local_port))
        await listener.aclose()
        async with await anyio.connect_tcp("127.0.0.1", proxy.port) as stream:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
