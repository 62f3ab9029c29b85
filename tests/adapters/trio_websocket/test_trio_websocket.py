"""What is particular about trio-websocket, and its two sides with ours and others on the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.to_thread
import pytest
import trio
import trio.testing
from websockets.sync.client import connect

from mnstream import TrioWebSocketServer, TrioWebSocketTransport
from mnstream.adapters.http import HttpLimits, HttpServer, HttpTransport, listen, port_of
from mnstream.core.errors import ConnectionInUse, UnknownConnection
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Broken, Closed, PeerClosed, PeerViolated, Ping, Pong
from mnstream.testing.channels import receive_messages, receive_until_close
from mnstream.testing.services import Attended, ScriptedService
from mnstream.testing.transports import ESTABLISH as ESTABLISH_OPERATION
from mnstream.testing.transports import check_producer_transport, open_pair
from tests.adapters.http.helpers import (
    BASE,
    ESTABLISH,
    UPGRADE,
    Counts,
    TrioByteStream,
    frame,
    get,
    lockstep_pair,
    receive_exactly,
    rest_of,
    served,
    statuses,
)
from tests.contracts.transports import trio_websocket

pytestmark = pytest.mark.trio

LIMITS = HttpLimits(message_bytes_max=1_000, close_ms=1_000, send_ms=30_000, linger_ms=100)


@asynccontextmanager
async def attended(
    counts: Counts | None = None, behind: bytes = b""
) -> AsyncGenerator[tuple[TrioByteStream, Attended]]:
    """Open a channel by hand and give both ends."""
    service = ScriptedService()
    server = TrioWebSocketServer(
        service, base_path=BASE, limits=LIMITS, observer=counts or Counts()
    )
    async with served(server) as raw:
        await raw.send(ESTABLISH)
        await raw.receive()
        await raw.send(get("/connections/c1", *UPGRADE) + behind)
        found = await service.attended()
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await receive_exactly(raw, 1)
        assert statuses(head) == [101]
        assert b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in head.lower()
        yield raw, found
        found.done.set()


async def test_frames_behind_the_handshake_are_not_lost() -> None:
    async with attended(behind=frame(2, b"early") + frame(2, b"later")[:3]) as (raw, end):
        assert await receive_messages(end.channel, 1) == [b"early"]
        await raw.send(frame(2, b"later")[3:])
        assert await receive_messages(end.channel, 1) == [b"later"]


async def test_it_answers_pings_by_itself() -> None:
    async with attended() as (raw, end):
        await raw.send(frame(2, b"x") + frame(9, b"p"))
        assert await receive_messages(end.channel, 1) == [b"x"]
        pong = frame(10, b"p", masked=False)
        assert await receive_exactly(raw, len(pong)) == pong
        await end.channel.pong(b"p")
        with trio.move_on_after(0.05) as nothing:
            await raw.receive()
        assert nothing.cancelled_caught


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"text"), 1003),
        (frame(2, bytes(1_001)), 1009),
        (frame(2, bytes(600), fin=False) + frame(0, bytes(600)), 1009),
        (frame(0, b"no start"), 1002),
        (frame(2, b"not masked", masked=False), 1002),
        (frame(11), 1002),
    ],
)
async def test_violations(data: bytes, code: int, autojump_clock: trio.testing.MockClock) -> None:
    """Nothing that came before is lost."""
    counts = Counts()
    async with attended(counts) as (raw, end):
        await raw.send(frame(2, b"1") + frame(2, b"2") + data)
        messages = await receive_messages(end.channel, 3)
        assert messages[:2] == [b"1", b"2"]
        violation = messages[2]
        assert isinstance(violation, PeerViolated)
        assert violation.code == code
        if code != 1002:  # there trio-websocket ends the stream without a Close
            close = await receive_exactly(raw, 4)
            assert close[0] == 0x88
            assert int.from_bytes(close[2:], "big") == code
        with pytest.raises(Closed):
            await end.channel.receive()
        with pytest.raises((Closed, Broken)):
            await end.channel.send([b"x"])
        assert not await end.channel.close(1011)
    assert counts["channels_violated", str(code)] == 1


async def test_fragments_are_one_message() -> None:
    async with attended() as (raw, end):
        await raw.send(frame(2, b"1", fin=False) + frame(0, b"2", fin=False) + frame(0, b"3"))
        assert await receive_messages(end.channel, 1) == [b"123"]


async def test_part_of_a_message_is_a_sign_of_life(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with attended() as (raw, end):
        for byte in frame(2, b"slow")[:-1]:
            await raw.send(bytes([byte]))
            assert await end.channel.receive() == []
        await raw.send(frame(2, b"slow")[-1:])
        assert await receive_messages(end.channel, 1) == [b"slow"]
        with trio.move_on_after(10) as silence:
            await end.channel.receive()
        assert silence.cancelled_caught


async def test_a_cut_stream_is_broken() -> None:
    counts = Counts()
    async with attended(counts) as (raw, end):
        await raw.send(frame(2, b"whole") + frame(2, b"not whole")[:5])
        await raw.aclose()
        assert await receive_messages(end.channel, 1) == [b"whole"]
        with pytest.raises(Broken):
            await end.channel.receive()
        with pytest.raises(Broken):
            await end.channel.send([b"x"])
    assert counts["channels_broken", "lost"] == 1


async def test_a_peer_that_never_reads_is_left(autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    service = ScriptedService()
    server = TrioWebSocketServer(service, base_path=BASE, limits=LIMITS, observer=counts)
    raw, stream = lockstep_pair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, stream)
        await raw.send(ESTABLISH)
        await raw.receive()
        await raw.send(get("/connections/c1", *UPGRADE))
        await raw.receive()
        end = await service.attended()
        before = trio.current_time()
        with pytest.raises(Broken, match="took nothing for 30000 ms"):
            await end.channel.send([b"x"])
        assert trio.current_time() - before == pytest.approx(30)
        assert counts["channels_broken", "not_reading"] == 1
        assert not await end.channel.close(1001)
        end.done.set()
    await raw.aclose()


async def test_a_client_that_does_not_take_the_101_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    counts = Counts()
    service = ScriptedService()
    server = TrioWebSocketServer(service, base_path=BASE, limits=LIMITS, observer=counts)
    raw, stream = lockstep_pair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, stream)
        await raw.send(ESTABLISH)
        await raw.receive()
        await raw.send(get("/connections/c1", *UPGRADE))
    assert counts["http_sockets_failed", "broken"] == 1
    await raw.aclose()


async def test_requests_are_those_of_the_other_server() -> None:
    service = ScriptedService()
    server = TrioWebSocketServer(service, base_path=BASE, limits=LIMITS)
    async with served(server) as raw:
        await raw.send(ESTABLISH + get("/connections") + get("/connections/no", *UPGRADE))
        assert statuses(await rest_of(raw)) == [201, 200, 404]


async def test_pongs_come_in_the_order_of_the_pings() -> None:
    async with attended() as (raw, end):
        for payload in (b"1", b"2", b"3"):
            await end.channel.ping(payload)
        await end.channel.ping(b"3")  # still on its way: not sent again
        pings = b"".join(frame(9, each, masked=False) for each in (b"1", b"2", b"3"))
        assert sorted(await receive_exactly(raw, len(pings))) == sorted(pings)
        # RFC 6455 5.5.3: the answer to the latest answers all.
        await raw.send(frame(10, b"2") + frame(10, b"3") + frame(10, b"1"))
        received = await receive_messages(end.channel, 3)
        assert received == [Pong(b"1"), Pong(b"2"), Pong(b"3")]


@pytest.mark.parametrize(
    ("server_type", "producer_is_trio_websocket"),
    [(HttpServer, True), (TrioWebSocketServer, False)],
)
async def test_each_side_with_ours(
    server_type: type[HttpServer], producer_is_trio_websocket: bool
) -> None:
    await check_producer_transport(
        partial(
            trio_websocket,
            server_type=server_type,
            producer_is_trio_websocket=producer_is_trio_websocket,
        )
    )


async def test_a_producer_of_trio_websocket_waits_for_our_pong() -> None:
    """Its acknowledgement is as durable as the consumer's, which is ours here."""
    service = ScriptedService()
    async with trio_websocket(service, server_type=HttpServer) as transport:
        producer, end = await open_pair(transport, service)
        await producer.send([b"x"])
        await producer.ping(b"durable?")
        assert await receive_messages(end.channel, 2) == [b"x", Ping(b"durable?")]
        with trio.move_on_after(0.05) as withheld:
            await receive_messages(producer, 1)
        assert withheld.cancelled_caught
        await end.channel.pong(b"durable?")
        assert await receive_messages(producer, 1) == [Pong(b"durable?")]
        async with trio.open_nursery() as tasks:
            tasks.start_soon(producer.close, 1000, "done")
            assert await receive_until_close(end.channel) == [PeerClosed(1000, "done")]
        assert await producer.close(1000)
        end.done.set()


async def test_an_independent_client_of_websockets() -> None:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)

    def produce() -> None:
        with connect(f"ws://127.0.0.1:{port}/connections/c1") as websocket:
            websocket.send(b"whole")
            websocket.send(iter([b"in ", b"fragments"]))
            assert websocket.ping(b"?").wait(10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(TrioWebSocketServer(service).serve, listeners)
        transport = HttpTransport(f"http://127.0.0.1:{port}")
        await transport.request(ESTABLISH_OPERATION)
        await transport.aclose()
        tasks.start_soon(anyio.to_thread.run_sync, produce)
        end = await service.attended()
        received = await receive_messages(end.channel, 3)
        assert received == [b"whole", b"in fragments", PeerClosed(1000, "")]
        assert await end.channel.close(1000)
        end.done.set()
        tasks.cancel_scope.cancel()


async def test_refusals_and_silence_of_a_consumer(autojump_clock: trio.testing.MockClock) -> None:
    service = ScriptedService()
    async with trio_websocket(service) as transport:
        with pytest.raises(UnknownConnection):
            await transport.open_channel(ConnectionId("no"))
        producer, end = await open_pair(transport, service)
        with pytest.raises(ConnectionInUse):
            await transport.open_channel(ConnectionId("c1"))
        await producer.abort()
        end.done.set()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_answers_that_are_none(answer: bytes) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        await stream.aclose()

    async with trio.open_nursery() as tasks:
        listeners = await tasks.start(trio.serve_tcp, handle, 0)
        port = listeners[0].socket.getsockname()[1]
        async with anyio.create_task_group() as readers:
            transport = TrioWebSocketTransport(
                f"http://127.0.0.1:{port}", tasks=readers, limits=HttpLimits(request_ms=500)
            )
            with pytest.raises(Broken):
                await transport.open_channel(ConnectionId("7"))
        tasks.cancel_scope.cancel()


async def test_headers_that_cannot_be_had_are_as_if_nobody_answered() -> None:
    async def headers() -> tuple[tuple[str, str], ...]:
        raise ConnectionError("the token endpoint refuses client_secret=hush")

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    async with trio.open_nursery() as tasks:
        listeners = await tasks.start(trio.serve_tcp, handle, 0)
        port = listeners[0].socket.getsockname()[1]
        async with anyio.create_task_group() as readers:
            transport = TrioWebSocketTransport(
                f"http://127.0.0.1:{port}", tasks=readers, headers=headers
            )
            with pytest.raises(Broken, match=r"source of headers failed: ConnectionError$"):
                await transport.open_channel(ConnectionId("7"))
        tasks.cancel_scope.cancel()
