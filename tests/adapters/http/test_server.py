"""The consumer's port: upgrades, other routes, limits, stopping."""

from __future__ import annotations

import base64
import socket
from functools import partial

import anyio
import anyio.to_thread
import pytest
import trio
import trio.testing
from anyio.abc import SocketAttribute, SocketListener, SocketStream
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from mnstream.adapters.http import (
    HttpLimits,
    HttpServer,
    HttpTransport,
    WebSocketChannel,
    listen,
    port_of,
)
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.core.errors import NotPermitted, Unavailable
from mnstream.core.operations import ControlOperation, GetConnectionInfo, Outcome
from mnstream.core.values import Status
from mnstream.ports.channel import Broken, Closed, PeerClosed, Ping
from mnstream.ports.transport import Peer
from mnstream.testing.channels import receive_messages, receive_until_close
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import ESTABLISH as ESTABLISH_OPERATION
from mnstream.testing.transports import open_pair
from tests.adapters.http.helpers import (
    ACCEPT,
    BASE,
    ESTABLISH,
    UPGRADE,
    Counts,
    TrioByteStream,
    converse,
    frame,
    get,
    receive_exactly,
    rest_of,
    served,
    sockets_left,
    statuses,
    stream_pair,
)

KEY_OF_15_BYTES = b"Sec-WebSocket-Key: " + base64.b64encode(bytes(15))
LIMITS = HttpLimits(linger_ms=100, close_ms=1_000, stop_ms=1_000, accept_pause_ms=10)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("headers", "status", "cause"),
    [
        (UPGRADE[1:], 400, "handshake"),  # a proxy that drops hop-by-hop headers
        ((UPGRADE[0], *UPGRADE[2:]), 400, "handshake"),
        ((UPGRADE[0], b"Connection: keep-alive", *UPGRADE[2:]), 400, "handshake"),
        ((*UPGRADE[:2], UPGRADE[3]), 400, "handshake"),
        ((*UPGRADE[:2], b"Sec-WebSocket-Key: ?", UPGRADE[3]), 400, "handshake"),
        ((*UPGRADE[:2], KEY_OF_15_BYTES, UPGRADE[3]), 400, "handshake"),
        ((*UPGRADE, UPGRADE[2]), 400, "handshake"),  # two keys
        (UPGRADE[:3], 400, "handshake"),
        ((*UPGRADE[:3], b"Sec-WebSocket-Version: 8"), 426, "version"),
        ((*UPGRADE[:3], b"Sec-WebSocket-Version: 13, 8"), 426, "version"),
    ],
)
async def test_bad_handshakes(headers: tuple[bytes, ...], status: int, cause: str) -> None:
    counts = Counts()
    answer = await converse(ESTABLISH + get("/connections/c1", *headers), counts=counts)
    assert statuses(answer) == [201, status]
    assert counts.seen == {("http_requests_refused", cause): 1}
    assert (b"Sec-WebSocket-Version: 13\r\n" in answer) == (status == 426)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("path", "status", "cause"),
    [
        ("/connections", 400, "malformed"),
        ("/connections/c1/streams", 400, "malformed"),
        ("/x", 404, "unknown_path"),
        ("/connections/no", 404, "refused"),  # by the service: the path is a good one
    ],
)
async def test_paths_that_do_not_upgrade(path: str, status: int, cause: str) -> None:
    counts = Counts()
    answer = await converse(ESTABLISH + get(path, *UPGRADE), counts=counts)
    assert statuses(answer) == [201, status]
    assert counts.seen == {("http_requests_refused", cause): 1}


@pytest.mark.trio
async def test_http_1_0_does_not_upgrade() -> None:
    handshake = get("/connections/c1", *UPGRADE).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(await converse(ESTABLISH + handshake)) == [201, 400]


@pytest.mark.trio
async def test_a_post_with_upgrade_headers_is_a_post() -> None:
    """Java's client offers h2c with its first POST."""
    headers = b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n"
    request = ESTABLISH.replace(b"Content-Length", headers + b"Content-Length")
    assert statuses(await converse(request + get("/connections"))) == [201, 200]


@pytest.mark.trio
async def test_an_upgrade_selects_nothing_and_loses_nothing() -> None:
    """Frames may come right behind the handshake; extensions and subprotocols are not chosen."""
    service = ScriptedService()
    offers = (b"Sec-WebSocket-Extensions: permessage-deflate", b"Sec-WebSocket-Protocol: a, b")
    handshake = get("/connections/c1", *UPGRADE, *offers)
    server = HttpServer(service, base_path=BASE)
    async with served(server) as client:
        await client.send(ESTABLISH)
        await client.receive()
        await client.send(handshake + frame(2, b"early") + frame(9, b"early")[:3])
        attended = await service.attended()
        head = await client.receive()
        assert statuses(head) == [101]
        assert b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n" in head
        assert b"sec-websocket-extensions" not in head.lower()
        assert b"sec-websocket-protocol" not in head.lower()
        assert await attended.channel.receive() == [b"early"]
        await client.send(frame(9, b"early")[3:])
        assert await attended.channel.receive() == [Ping(b"early")]
        assert attended.connection_id == "c1"
        attended.done.set()


@pytest.mark.trio
async def test_a_second_channel_is_refused_and_the_first_goes_on() -> None:
    service = ScriptedService()
    server = HttpServer(service, base_path=BASE, limits=LIMITS)
    async with served(server) as one, served(server) as two:
        await one.send(ESTABLISH + get("/connections/c1", *UPGRADE))
        attended = await service.attended()
        await two.send(get("/connections/c1", *UPGRADE))
        answer = await rest_of(two)
        assert statuses(answer) == [409]
        assert b"connectionInUse" in answer
        await one.send(frame(2, b"still here"))
        assert await attended.channel.receive() == [b"still here"]
        attended.done.set()


@pytest.mark.trio
async def test_a_service_may_leave_its_channel_open() -> None:
    service = ScriptedService()
    async with served(HttpServer(service, base_path=BASE)) as client:
        await client.send(ESTABLISH + get("/connections/c1", *UPGRADE))
        attended = await service.attended()
        attended.done.set()
        assert statuses(await rest_of(client)) == [201, 101]
        with pytest.raises(Closed):
            await attended.channel.receive()


class Faulty(ScriptedService):
    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        if isinstance(operation, GetConnectionInfo):
            raise ZeroDivisionError
        raise Unavailable("disk full")


@pytest.mark.trio
async def test_errors_of_the_service(caplog: pytest.LogCaptureFixture) -> None:
    counts = Counts()
    data = get("/connections") + ESTABLISH + get("/connections")
    answer = await converse(data, service=Faulty(), counts=counts)
    assert statuses(answer) == [500, 503, 500]
    assert counts["http_requests_failed", "internal"] == 2
    assert counts["http_requests_refused", "refused"] == 1
    assert b"ZeroDivision" not in answer
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.trio
async def test_an_error_of_a_channels_service_stays_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FaultyChannel(ScriptedService):
        async def run_channel(self, *args: object, **kwargs: object) -> None:
            raise ZeroDivisionError

    counts = Counts()
    server = HttpServer(FaultyChannel(), base_path=BASE, observer=counts)
    client, stream = stream_pair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server._attend, stream)  # pyright: ignore[reportPrivateUsage]
        await client.send(get("/connections/c1", *UPGRADE))
        assert await rest_of(client) == b""
    assert counts["http_sockets_failed", "internal"] == 1
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.trio
async def test_other_routes_come_first() -> None:
    async def extra(request: HttpRequest, peer: Peer) -> HttpResponse | None:
        if request.target == "/healthz":
            return HttpResponse(status=200, headers=(("Content-Type", "text/plain"),), body=b"ok")
        return HttpResponse(status=299) if request.target == "/odd" else None

    server = HttpServer(ScriptedService(), base_path=BASE, extra=extra)
    async with served(server) as client:
        for path in (b"/healthz", b"/odd"):
            await client.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.send(get("/connections"))
        await client.send_eof()
        answer = await rest_of(client)
    assert statuses(answer) == [200, 299, 200, 200]
    assert answer.count(b"ok") == 1
    assert answer.count(b"Content-Length: 2\r\n") >= 2
    assert b"Date: " in answer


@pytest.mark.trio
async def test_who_asks_may_be_told_by_the_request() -> None:
    service = ScriptedService()

    async def identify(request: HttpRequest, peer: Peer) -> Peer:
        if request.header("Authorization") is None:
            raise NotPermitted("no token")
        return Peer(identity="somebody", address=peer.address)

    token = b"Authorization: Bearer 1"
    counts = Counts()
    server = HttpServer(service, base_path=BASE, identify=identify, limits=LIMITS, observer=counts)
    async with served(server) as client:
        await client.send(get("/connections") + get("/connections", token))
        await client.send(ESTABLISH.replace(b"Host", token + b"\r\nHost"))
        await client.send(get("/connections/c1", token, *UPGRADE))
        attended = await service.attended()
        assert attended.peer.identity == "somebody"
        assert [peer.identity for _, peer in service.asked] == ["somebody"] * 2
        assert statuses(await client.receive()) == [403, 200, 201, 101]
        attended.done.set()
    async with served(server) as client:
        await client.send(get("/connections/c1", *UPGRADE))
        assert statuses(await rest_of(client)) == [403]
    assert counts.seen == {("http_requests_refused", "not_permitted"): 2}


@pytest.mark.trio
async def test_location_is_what_the_configuration_says() -> None:
    url = "https://collector.example:8443/base"
    async with served(HttpServer(ScriptedService(), base_path=BASE, base_url=url)) as client:
        await client.send(ESTABLISH)
        assert b"Location: " + url.encode() + b"/connections/c1\r\n" in await client.receive()


@pytest.mark.trio
async def test_a_client_that_does_not_read_its_answer_is_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Lockstep: the answer is taken only when it is read."""
    one, two = trio.testing.lockstep_stream_pair()
    counts = Counts()
    server = HttpServer(ScriptedService(), base_path=BASE, observer=counts)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, TrioByteStream(two))
        await one.send_all(get("/connections"))
    assert trio.current_time() == pytest.approx(30)
    assert counts["http_sockets_failed", "broken"] == 1
    await one.aclose()


# --- sockets ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_an_independent_client_of_websockets() -> None:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    stop = anyio.Event()

    def produce() -> None:
        with connect(f"ws://127.0.0.1:{port}/connections/c1", compression="deflate") as websocket:
            assert websocket.subprotocol is None
            websocket.send(b"whole")
            websocket.send(iter([b"in ", b"fragments"]))
            pong = websocket.ping(b"durable?")
            assert pong.wait(10)
            with pytest.raises(ConnectionClosedOK) as closed:
                websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(HttpServer(service).serve, listeners, stop=stop))
        transport = HttpTransport(f"http://127.0.0.1:{port}")
        await transport.request(ESTABLISH_OPERATION)
        await transport.aclose()
        tasks.start_soon(anyio.to_thread.run_sync, produce)
        attended = await service.attended()
        received = await receive_messages(attended.channel, 3)
        assert received == [b"whole", b"in fragments", Ping(b"durable?")]
        await attended.channel.pong(b"durable?")
        assert await attended.channel.close(1001, "stopping")
        attended.done.set()
        stop.set()


@pytest.mark.anyio
async def test_stopping_lets_requests_and_channels_end() -> None:
    """Listeners close first; a request is answered, a channel says goodbye, idle sockets go."""
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    transport = HttpTransport(f"http://127.0.0.1:{port}")
    gate = anyio.Event()
    stop = anyio.Event()
    server = HttpServer(service)

    async def ask() -> None:
        outcome = await transport.request(GetConnectionInfo())
        assert outcome.status is Status.SUCCESS

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(server.serve, listeners, stop=stop))
        producer, attended = await open_pair(transport, service)
        idle = await anyio.connect_tcp("127.0.0.1", port)
        service.delay = gate.wait
        tasks.start_soon(ask)
        await service.was_asked(2)
        stop.set()
        with pytest.raises(anyio.EndOfStream):
            await idle.receive()
        await idle.aclose()
        with pytest.raises(OSError):  # noqa: PT011 -- refused, whatever the system calls it
            await anyio.connect_tcp("127.0.0.1", port)
        gate.set()
        async with anyio.create_task_group() as ends:
            ends.start_soon(receive_until_close, producer)
            assert await attended.channel.close(1001)
        attended.done.set()
    assert server.sockets == 0
    await transport.aclose()


@pytest.mark.anyio
async def test_stopping_does_not_wait_for_ever() -> None:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    transport = HttpTransport(f"http://127.0.0.1:{port_of(listeners)}")
    stop = anyio.Event()
    limits = HttpLimits(stop_ms=100)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                partial(HttpServer(service, limits=limits).serve, listeners, stop=stop)
            )
            producer, _ = await open_pair(transport, service)
            stop.set()
            with pytest.raises(Broken):
                await producer.receive()
            await producer.abort()
    await transport.aclose()


@pytest.mark.anyio
async def test_cancelling_cuts_everything() -> None:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    transport = HttpTransport(f"http://127.0.0.1:{port_of(listeners)}")
    scope = anyio.CancelScope()

    async def serve() -> None:
        with scope:
            await HttpServer(service).serve(listeners)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        producer, _ = await open_pair(transport, service)
        scope.cancel()
        with pytest.raises(Broken):
            await producer.receive()
        await producer.abort()
    await transport.aclose()


@pytest.mark.anyio
async def test_a_full_server_says_so_and_serves_those_it_has() -> None:
    counts = Counts()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    server = HttpServer(
        ScriptedService(), base_path=BASE, limits=HttpLimits(sockets_max=2), observer=counts
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, listeners)
        one, two = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(2)]
        await one.send(get("/connections"))
        await one.receive()
        third = await anyio.connect_tcp("127.0.0.1", port)
        assert (await third.receive()).startswith(b"HTTP/1.1 503 ")
        await third.aclose()
        assert counts["http_sockets_refused", "full"] == 1
        await one.send(get("/connections"))
        assert statuses(await one.receive()) == [200]
        await two.aclose()
        await sockets_left(server, 1)
        fourth = await anyio.connect_tcp("127.0.0.1", port)
        await fourth.send(get("/connections"))
        assert statuses(await fourth.receive()) == [200]
        await fourth.aclose()
        await one.aclose()
        tasks.cancel_scope.cancel()


class Exhausted(SocketListener):
    """A listener whose process has no descriptor left, twice."""

    def __init__(self, listener: SocketListener) -> None:
        self._listener = listener
        self._failures = 2

    async def accept(self) -> SocketStream:
        if self._failures:
            self._failures -= 1
            raise OSError(24, "Too many open files")
        return await self._listener.accept()

    @property
    def _raw_socket(self) -> socket.socket:
        raise NotImplementedError

    async def aclose(self) -> None:
        await self._listener.aclose()


@pytest.mark.anyio
async def test_a_server_without_descriptors_goes_on() -> None:
    counts = Counts()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS, observer=counts)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [Exhausted(each) for each in listeners])
        client = await anyio.connect_tcp("127.0.0.1", port)
        await client.send(get("/connections"))
        assert statuses(await client.receive()) == [200]
        await client.aclose()
        tasks.cancel_scope.cancel()
    assert counts["http_accepts_failed", ""] == 2


@pytest.mark.anyio
async def test_a_client_that_is_cut_harms_nobody() -> None:
    """A reset within a frame, beside a channel that goes on."""
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    transport = HttpTransport(f"http://127.0.0.1:{port}")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(HttpServer(service).serve, listeners)
        good, good_end = await open_pair(transport, service)
        await transport.request(ESTABLISH_OPERATION)
        raw = await anyio.connect_tcp("127.0.0.1", port)
        await raw.send(get("/connections/c2", *UPGRADE).replace(BASE.encode(), b""))
        await raw.receive()
        cut_end = await service.attended()
        await raw.send(frame(2, b"whole") + frame(2, b"not whole")[:7])
        await anyio.aclose_forcefully(raw)
        assert await receive_messages(cut_end.channel, 1) == [b"whole"]
        with pytest.raises(Broken):
            await cut_end.channel.receive()
        cut_end.done.set()
        await good.send([b"1", b"2"])
        assert await receive_messages(good_end.channel, 2) == [b"1", b"2"]
        async with anyio.create_task_group() as ends:
            ends.start_soon(good.close, 1000)
            assert await receive_until_close(good_end.channel) == [PeerClosed(1000, "")]
        good_end.done.set()
        await transport.aclose()
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_what_a_refused_client_is_told_survives_its_flood() -> None:
    """4 MiB that nobody wants, on a real socket: no reset before the answer is read."""
    listeners = await listen("127.0.0.1", 0)
    server = HttpServer(ScriptedService(), limits=HttpLimits(body_bytes_max=1_000))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, listeners)
        client = await anyio.connect_tcp("127.0.0.1", port_of(listeners))
        head = b"POST /connections HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
        await client.send(head + bytes(900_000))
        assert statuses(await receive_exactly(client, 100)) == [413]
        await client.aclose()
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_small_writes_are_not_held_back() -> None:
    """Nagle's algorithm would add 40 ms to a Ping."""
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    transport = HttpTransport(f"http://127.0.0.1:{port_of(listeners)}")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(HttpServer(service).serve, listeners)
        producer, attended = await open_pair(transport, service)
        for channel in (producer, attended.channel):
            assert isinstance(channel, WebSocketChannel)
            stream = channel._stream  # pyright: ignore[reportPrivateUsage]
            raw = stream.extra(SocketAttribute.raw_socket)
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await producer.abort()
        attended.done.set()
        await transport.aclose()
        tasks.cancel_scope.cancel()
