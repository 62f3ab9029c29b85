"""A producer's way to consumers that are slow, wrong, or somewhere else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from websockets.utils import accept_key

from mnstream.adapters.http import (
    HeaderSource,
    HttpLimits,
    HttpServer,
    HttpTransport,
    client_context,
    listen,
    port_of,
)
from mnstream.adapters.http.exchange import Headers
from mnstream.adapters.http.pool import PER_ORIGIN_MAX
from mnstream.core.errors import (
    ConnectionInUse,
    LimitExceeded,
    MalformedRequest,
    NotPermitted,
    OperationError,
    Unavailable,
    UnknownConnection,
)
from mnstream.core.operations import (
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetConnectionInfo,
    Outcome,
)
from mnstream.core.values import ConnectionId, Status, StreamId
from mnstream.ports.channel import Broken, Closed
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import ESTABLISH, PRODUCER, open_pair, stream
from tests.adapters.http.helpers import Counts

pytestmark = pytest.mark.anyio

LIMITS = HttpLimits(
    head_bytes_max=2_000, body_bytes_max=1_000, request_ms=300, tls_handshake_ms=200, close_ms=200
)
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
INFO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
DELETE = DeleteStream(connection_id=ConnectionId("7"), stream_id_list=(StreamId("1"),))

Handler = Callable[[SocketStream], Awaitable[None]]


@asynccontextmanager
async def consumer(handler: Handler, **options: object) -> AsyncGenerator[HttpTransport]:
    """Serve sockets by hand and give a transport to them."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)

    async def attend(stream: SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await handler(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attend)
        options.setdefault("limits", LIMITS)
        transport = HttpTransport(f"http://127.0.0.1:{port}/base", **options)  # type: ignore[arg-type]  # the caller's keywords
        yield transport
        await transport.aclose()
        tasks.cancel_scope.cancel()


def answering(*answers: bytes) -> Handler:
    """Answer each request on a socket with the next of these, then end it."""

    async def handle(stream: SocketStream) -> None:
        for answer in answers:
            await stream.receive()
            await stream.send(answer)

    return handle


def plain(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines, len(body), body)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "ended the stream"),
        (b"HTTP/1.1 200", "ended the stream"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 3_000, "not HTTP"),
        (plain(200, b"x" * 1_001), "more than 1000 bytes"),
        (plain(200, b"not JSON"), "cannot be understood"),
        (plain(201), "cannot be understood"),
        (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "not HTTP"),
    ],
)
async def test_answers_that_are_none(answer: bytes, message: str) -> None:
    async with consumer(answering(answer)) as transport:
        operation = ESTABLISH if answer.startswith(b"HTTP/1.1 201") else GetConnectionInfo()
        with pytest.raises(Broken, match=message):
            await transport.request(operation)


async def test_a_silent_consumer_is_left() -> None:
    async def silent(stream: SocketStream) -> None:
        await anyio.sleep_forever()

    async with consumer(silent) as transport:
        with pytest.raises(Broken, match="within 300 ms"):
            await transport.request(GetConnectionInfo())
        with pytest.raises(Broken, match="within 300 ms"):
            await transport.open_channel(ConnectionId("7"))


async def test_a_consumer_of_one_byte_at_a_time_is_left() -> None:
    async def drip(stream: SocketStream) -> None:
        await stream.receive()
        for each in INFO:
            await stream.send(bytes([each]))
            await anyio.sleep(0.05)

    async with consumer(drip) as transport:
        with pytest.raises(Broken, match="within 300 ms"):
            await transport.request(GetConnectionInfo())


async def test_nobody_there() -> None:
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    for listener in listeners:
        await listener.aclose()
    for url in (f"http://127.0.0.1:{port}", "http://nowhere.invalid"):
        transport = HttpTransport(url)
        with pytest.raises(Broken, match="cannot reach"):
            await transport.request(GetConnectionInfo())
        with pytest.raises(Broken, match="cannot reach"):
            await transport.open_channel(ConnectionId("7"))
        await transport.aclose()


async def test_a_consumer_without_tls() -> None:
    async with consumer(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as plain_text:
        root = plain_text._base  # pyright: ignore[reportPrivateUsage]
        transport = HttpTransport(
            f"https://127.0.0.1:{root.origin.port}",
            limits=LIMITS,
            tls=client_context(),  # takes long: it reads every root of the system
        )
        with pytest.raises(Broken, match="no TLS"):
            await transport.request(GetConnectionInfo())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (plain(404), UnknownConnection),
        (plain(409), ConnectionInUse),
        (plain(400), MalformedRequest),
        (plain(401), NotPermitted),
        (plain(426, b"", b"Sec-WebSocket-Version: 14"), OperationError),
        (plain(503), Unavailable),
        (plain(302, b"", b"Location: http://elsewhere.example/"), OperationError),
        (plain(409, b'{"error":{"errorInfo":"connectionInUse: 7"}}'), ConnectionInUse),
        (plain(404, b'{"error":{"errorInfo":"unknownConnection: 7"}}'), UnknownConnection),
        (plain(403, b"<html>"), NotPermitted),
        (plain(200, b"[]"), Broken),  # it does not know what an upgrade is
        (b"", Broken),
        (b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", Broken),
        (b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", Broken),
    ],
)
async def test_refused_channels(answer: bytes, error: type[Exception]) -> None:
    async with consumer(answering(answer)) as transport:
        with pytest.raises(error) as raised:
            await transport.open_channel(ConnectionId("7"))
        assert type(raised.value) is error


async def test_an_extension_that_we_did_not_offer_is_broken() -> None:
    async def handle(stream: SocketStream) -> None:
        request = await stream.receive()
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
        await stream.send(
            b"HTTP/1.1 101 X\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )

    async with consumer(handle) as transport:
        with pytest.raises(Broken, match="did not ask for"):
            await transport.open_channel(ConnectionId("7"))


async def test_redirects_are_not_followed() -> None:
    moved = plain(307, b"", b"Location: http://127.0.0.1:1/connections")
    async with consumer(answering(moved)) as transport:
        outcome = await transport.request(ESTABLISH)
        assert outcome.status is Status.FAILURE


async def test_what_a_request_looks_like() -> None:
    seen: list[bytes] = []

    async def token() -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {len(seen)}"),)

    async def handle(stream: SocketStream) -> None:
        for _ in range(2):
            seen.append(await stream.receive())
            await stream.send(INFO)

    async with consumer(handle, headers=token) as transport:
        await transport.request(GetConnectionInfo())
        await transport.request(GetConnectionInfo())
    for number, request in enumerate(seen):
        assert request.startswith(b"GET /base/connections HTTP/1.1\r\nHost: 127.0.0.1:")
        assert b"\r\nAuthorization: Bearer %d\r\n" % number in request


async def no_token() -> Headers:
    raise ConnectionError("the token endpoint refuses client_secret=hush")


async def bad_token() -> Headers:
    return (("Authorization", "Bearer hush\n"),)


async def strange_token() -> Headers:
    return (("Authorization", "Bearer h\u00fcsh"),)


@pytest.mark.parametrize("headers", [no_token, bad_token, strange_token])
async def test_headers_that_cannot_be_had_are_as_if_nobody_answered(headers: HeaderSource) -> None:
    """What is told has nothing of them: they are secrets."""
    async with consumer(answering(INFO, INFO), headers=headers) as transport:
        with pytest.raises(Broken, match="source of headers") as raised:
            await transport.request(GetConnectionInfo())
        assert "hush" not in str(raised.value)
        with pytest.raises(Broken, match="source of headers"):
            await transport.open_channel(ConnectionId("7"))


async def test_requests_at_the_same_time_are_bounded() -> None:
    sockets = 0
    come = anyio.Event()

    async def handle(stream: SocketStream) -> None:
        nonlocal sockets
        sockets += 1
        while True:
            await stream.receive()
            if sockets == PER_ORIGIN_MAX:
                come.set()
            await come.wait()
            await stream.send(INFO)

    limits = HttpLimits()
    async with consumer(handle, limits=limits) as transport, anyio.create_task_group() as tasks:
        for _ in range(PER_ORIGIN_MAX + 6):
            tasks.start_soon(transport.request, GetConnectionInfo())
    assert sockets == PER_ORIGIN_MAX


# --- early answers ------------------------------------------------------------------------------

METRICS = ("DRB.UEThpDl.5QI1", "DRB.UEThpUl.5QI1", "RRU.PrbTotDl", "RRU.PrbUsedDl", *"12345678")
LARGE = EstablishStreamingConnection(
    producer_id=PRODUCER,
    stream_info_list=tuple(stream(str(number), *METRICS) for number in range(20_000)),
)
TOO_LARGE = plain(413, b'{"error":{"errorInfo":"limitExceeded: 1000"}}', b"Connection: close")


def refused_as_too_large(outcome: Outcome) -> bool:
    return outcome.status is Status.FAILURE and isinstance(outcome.exception, LimitExceeded)


async def answer_early(socket: SocketStream) -> None:
    """As servers without a lingering close do: answer, and close over bytes that come."""
    await socket.receive(1_000)
    await socket.send(TOO_LARGE)


async def answer_early_and_stall(socket: SocketStream) -> None:
    """The client's writes never fail: nothing is read, nothing is closed."""
    await answer_early(socket)
    await anyio.sleep_forever()


@pytest.mark.parametrize("handler", [answer_early, answer_early_and_stall])
async def test_an_answer_before_the_end_of_the_request(handler: Handler) -> None:
    async with consumer(handler, limits=HttpLimits()) as transport:
        for _ in range(5):
            with anyio.fail_after(5):
                assert refused_as_too_large(await transport.request(LARGE))


async def test_an_early_answer_ends_the_socket() -> None:
    """What is left of the request would be taken for the next one."""
    sockets = 0

    async def handle(stream: SocketStream) -> None:
        nonlocal sockets
        sockets += 1
        request = await stream.receive(1_000)
        large = request.startswith(b"POST")
        await stream.send(TOO_LARGE.replace(b"close", b"keep-alive") if large else INFO)
        await anyio.sleep_forever()

    async with consumer(handle, limits=HttpLimits()) as transport:
        assert refused_as_too_large(await transport.request(LARGE))
        assert (await transport.request(GetConnectionInfo())).status is Status.SUCCESS
    assert sockets == 2


async def test_an_early_end_without_an_answer_is_broken() -> None:
    async def hang_up(stream: SocketStream) -> None:
        await stream.receive(1_000)

    async with consumer(hang_up, limits=HttpLimits()) as transport:
        with anyio.fail_after(5):
            with pytest.raises(Broken):
                await transport.request(LARGE)


@pytest.mark.parametrize("secure", [False, True])
async def test_our_server_and_a_body_over_its_limit(
    secure: bool, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """4 MiB at a limit of 1 MiB: refused by its announced length, before it is there."""
    server_tls, client_tls = tls_contexts if secure else (None, None)
    counts = Counts()
    listeners = await listen("127.0.0.1", 0)
    limits = HttpLimits(body_bytes_max=1024 * 1024, linger_bytes_max=100_000)
    server = HttpServer(ScriptedService(), limits=limits, observer=counts, tls=server_tls)
    scheme = "https" if secure else "http"
    transport = HttpTransport(f"{scheme}://localhost:{port_of(listeners)}", tls=client_tls)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, listeners)
        for _ in range(5):
            with anyio.fail_after(5):
                assert refused_as_too_large(await transport.request(LARGE))
        await transport.aclose()
        tasks.cancel_scope.cancel()
    assert counts["http_requests_refused", "body_too_large"] == 5


# --- kept sockets -------------------------------------------------------------------------------


async def count_sockets(
    answers: tuple[bytes, ...], *, pause: float = 0.0
) -> tuple[list[Exception | None], int]:
    """Ask twice and tell what came of it, and on how many sockets."""
    sockets = 0

    async def handle(stream: SocketStream) -> None:
        nonlocal sockets
        sockets += 1
        await answering(*answers)(stream)

    results: list[Exception | None] = []
    async with consumer(handle) as transport:
        for operation in (GetConnectionInfo(), GetConnectionInfo()):
            try:
                await transport.request(operation)
                results.append(None)
            except Broken as exc:
                results.append(exc)
            await anyio.sleep(pause)
    return results, sockets


async def test_a_socket_is_kept() -> None:
    assert await count_sockets((INFO, INFO)) == ([None, None], 1)


async def test_a_socket_that_was_ended_meanwhile_is_not_used() -> None:
    assert await count_sockets((INFO,), pause=0.05) == ([None, None], 2)


async def test_a_socket_that_says_something_unasked_is_not_used() -> None:
    assert await count_sockets((INFO + INFO, INFO), pause=0.05) == ([None, None], 2)


async def test_a_socket_that_is_to_be_closed_is_not_kept() -> None:
    closing = INFO.replace(b"Content", b"Connection: close\r\nContent")
    assert await count_sockets((closing, INFO)) == ([None, None], 2)


async def test_only_a_get_is_repeated() -> None:
    """The server ends a kept socket when the next request comes: may it have acted on it?"""
    asked: list[bytes] = []

    async def handle(stream: SocketStream) -> None:
        asked.append(await stream.receive())
        await stream.send(NO_CONTENT if asked[-1].startswith(b"DELETE") else INFO)
        asked.append(await stream.receive())

    async with consumer(handle) as transport:
        await transport.request(GetConnectionInfo())
        assert (await transport.request(GetConnectionInfo())).status is Status.SUCCESS
        with pytest.raises(Broken):
            await transport.request(DELETE)
        assert (await transport.request(DELETE)).status is Status.SUCCESS
    methods = [request.split()[0] for request in asked]
    assert methods == [b"GET", b"GET", b"GET", b"DELETE", b"DELETE"]


async def test_a_socket_is_not_kept_for_long() -> None:
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    server = HttpServer(service)
    limits = HttpLimits(reuse_ms=0)
    transport = HttpTransport(f"http://127.0.0.1:{port_of(listeners)}", limits=limits)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, listeners)
        for _ in range(2):
            await transport.request(GetConnectionInfo())
        assert service.asked[0][1].address != service.asked[1][1].address
        await transport.aclose()
        tasks.cancel_scope.cancel()


async def test_a_closed_transport_keeps_nothing() -> None:
    async with consumer(answering(INFO, INFO)) as transport:
        await transport.request(GetConnectionInfo())
        await transport.aclose()
        with pytest.raises(Closed):
            await transport.request(GetConnectionInfo())


# --- Location -----------------------------------------------------------------------------------


async def test_a_location_on_the_same_host_is_followed() -> None:
    """Two servers of one collector: POST goes to one, the connection lives on the other."""
    counts = Counts()
    service = ScriptedService()
    front_sockets = await listen("127.0.0.1", 0)
    back_sockets = await listen("127.0.0.1", 0)
    back_url = f"http://127.0.0.1:{port_of(back_sockets)}/back"
    front = HttpServer(service, base_path="/front", base_url=back_url)
    back = HttpServer(service, base_path="/back")
    front_url = f"http://127.0.0.1:{port_of(front_sockets)}/front"
    transport = HttpTransport(front_url, observer=counts)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(front.serve, front_sockets)
        tasks.start_soon(back.serve, back_sockets)
        producer, attended = await open_pair(transport, service)
        assert (front.sockets, back.sockets) == (1, 1)
        outcome = await transport.request(
            DeleteStream(connection_id=attended.connection_id, stream_id_list=(StreamId("1"),))
        )
        assert outcome.status is Status.SUCCESS
        await producer.abort()
        await transport.aclose()
        tasks.cancel_scope.cancel()
    assert counts.seen.total() == 0


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_location_on_another_host_needs_leave(
    allowed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Not followed, it still names the connection, which is looked for under the base URL."""
    caplog.set_level("INFO", logger="mnstream")
    counts = Counts()
    service = ScriptedService()
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    server = HttpServer(service, base_url=f"http://localhost:{port}")
    hosts = ("LOCALHOST",) if allowed else ()
    transport = HttpTransport(f"http://127.0.0.1:{port}", observer=counts, location_hosts=hosts)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, listeners)
        outcome = await transport.request(ESTABLISH)
        assert isinstance(outcome, EstablishOutcome)
        assert outcome.connection_id == "c1"
        channel = await transport.open_channel(ConnectionId("c1"))
        await channel.abort()
        await transport.aclose()
        tasks.cancel_scope.cancel()
    assert counts["http_locations_not_followed", ""] == (0 if allowed else 1)
    location = f"Location 'http://localhost:{port}/connections/c1'"
    told = [] if allowed else [f"not followed, the base URL is used: {location}"]
    assert [each.message for each in caplog.records] == told
