"""The ASGI application: prefixes, limits, refusals, peers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.asgi import StreamingApp
from mnstream.adapters.asgi.messages import Event, Scope, mount_of, peer_of
from mnstream.adapters.http import HttpLimits
from mnstream.adapters.rest import HttpRequest
from mnstream.core.errors import NotPermitted, Unavailable
from mnstream.core.operations import ControlOperation, GetConnectionInfo, Outcome
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Channel, Closed
from mnstream.ports.transport import Peer
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import ESTABLISH
from tests.adapters.asgi.server import FakeServer
from tests.adapters.http.helpers import Counts

pytestmark = pytest.mark.trio

LIMITS = HttpLimits(body_bytes_max=1_000, request_ms=3_000, send_ms=2_000)
STREAM = {
    "streamType": "PERFORMANCE",
    "serializationFormat": "GPB",
    "streamId": "1",
    "additionalInfo": {"measObjDn": "A=1", "performanceMetrics": ["m"]},
}
BODY = json.dumps({"producer": "A=1", "streams": [STREAM]}).encode()
HANDSHAKE = {
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
}


def scope_of(
    method: str = "GET",
    path: str = "/connections",
    headers: Iterable[tuple[bytes, bytes]] = ((b"host", b"collector.example"),),
    **more: object,
) -> dict[str, object]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": list(headers),
        "client": ("192.0.2.1", 5_000),
        "server": ("192.0.2.2", 80),
        **more,
    }


def body(data: bytes, *, more: bool = False) -> Event:
    return {"type": "http.request", "body": data, "more_body": more}


async def ask(
    app: StreamingApp, scope: Scope, *events: Event, server: FakeServer | None = None
) -> FakeServer:
    server = server or FakeServer()
    server.give(*(events or (body(b""),)))
    await app(scope, server.receive, server.send)
    return server


# --- where it is mounted ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "path", "raw", "mount"),
    [
        ("", "/connections/a/b", b"/connections/a%2Fb", ("", "/connections/a%2Fb")),
        ("/x", "/x/connections", b"/x/connections", ("/x", "/connections")),
        ("/x/", "/x/connections", b"/x/connections", ("/x", "/connections")),
        ("/x/y", "/x/y/c", b"/x/y/c", ("/x/y", "/c")),
        ("/\u00fc 1", "/\u00fc 1/c", b"/%C3%BC%201/c", ("/%C3%BC%201", "/c")),
        ("/\u00fc 1", "/\u00fc 1/c/\u00e4", None, ("/%C3%BC%201", "/c/%C3%A4")),
        ("/x", "/connections", b"/connections", ("/x", "/connections")),  # taken out already
        ("/x", "/c", None, ("/x", "/c")),
        ("/x", "/xy/c", b"/xy/c", ("/x", "/xy/c")),
        ("", "/c/@1,2", None, ("", "/c/@1,2")),
    ],
)
async def test_mounts(root: str, path: str, raw: bytes | None, mount: tuple[str, str]) -> None:
    assert mount_of({"root_path": root, "path": path, "raw_path": raw}) == mount


@pytest.mark.parametrize(
    ("base_url", "headers", "location"),
    [
        (None, [(b"host", b"h:81")], "https://h:81/oam/v1/connections/c1"),
        (None, [], "https://192.0.2.2/oam/v1/connections/c1"),
        ("https://front/a/", [(b"host", b"h")], "https://front/a/connections/c1"),
    ],
)
async def test_location(
    base_url: str | None, headers: list[tuple[bytes, bytes]], location: str
) -> None:
    app = StreamingApp(ScriptedService(), base_path="/v1/", base_url=base_url)
    scope = scope_of("POST", "/oam/v1/connections", headers, root_path="/oam", scheme="https")
    server = await ask(app, scope, body(BODY))
    assert server.status == 201
    assert server.header(b"location") == location


@pytest.mark.parametrize("host", ["h\u00e9", "h/x", "a, b"])
async def test_nothing_is_done_for_a_host_of_which_no_location_can_be_made(host: str) -> None:
    service, counts = ScriptedService(), Counts()
    app = StreamingApp(service, observer=counts)
    scope = scope_of("POST", "/connections", [(b"host", host.encode("latin-1"))])
    server = await ask(app, scope, body(BODY))
    assert server.status == 400
    assert counts.seen == {("http_requests_refused", "malformed"): 1}
    assert service.asked == []


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "content_type", "status", "cause"),
    [
        ("GET", "/connections", "", 200, ""),
        ("GET", "/connections/no", "", 404, ""),
        ("GET", "/", "", 404, "unknown_path"),
        ("PUT", "/connections", "", 405, "unknown_method"),
        ("HEAD", "/connections", "", 405, "unknown_method"),
        ("POST", "/connections", "text/plain", 415, "unacceptable"),
        ("POST", "/connections/%GG/streams", "", 400, "malformed"),
    ],
)
async def test_statuses(method: str, path: str, content_type: str, status: int, cause: str) -> None:
    counts = Counts()
    app = StreamingApp(ScriptedService(), observer=counts)
    headers = [(b"content-type", content_type.encode())] if content_type else []
    scope = scope_of(method, path, headers, raw_path=path.encode())
    server = await ask(app, scope, body(BODY))
    assert server.status == status
    assert counts.seen == ({("http_requests_refused", cause): 1} if cause else {})
    assert (server.taken[1]["body"] == b"") == (method == "HEAD")
    if status == 405:
        assert server.header(b"allow") == "GET, POST"


async def test_a_body_that_says_that_it_is_too_large_is_not_read() -> None:
    counts = Counts()
    app = StreamingApp(ScriptedService(), limits=LIMITS, observer=counts)
    for announced in (b"1001", b"9" * 5_000):
        scope = scope_of("POST", headers=[(b"content-length", announced)])
        server = await ask(app, scope, body(bytes(1_001)))
        assert (server.status, server.received) == (413, 0)
        assert server.header(b"connection") == "close"
    assert counts["http_requests_refused", "body_too_large"] == 2


async def test_a_body_that_turns_out_too_large_is_not_read_to_its_end() -> None:
    app = StreamingApp(ScriptedService(), limits=LIMITS)
    server = await ask(app, scope_of("POST"), *[body(bytes(400), more=True)] * 100)
    assert (server.status, server.received) == (413, 3)


async def test_a_body_comes_in_pieces() -> None:
    app = StreamingApp(ScriptedService(), limits=LIMITS)
    events = [body(BODY[:10], more=True), body(b"", more=True), body(BODY[10:])]
    assert (await ask(app, scope_of("POST"), *events)).status == 201


async def test_a_slow_body(autojump_clock: trio.testing.MockClock) -> None:
    app = StreamingApp(ScriptedService(), limits=LIMITS)
    server = await ask(app, scope_of("POST"), body(BODY[:10], more=True))
    assert server.status == 408
    assert trio.current_time() == pytest.approx(3)


async def test_a_client_that_leaves() -> None:
    counts, service = Counts(), ScriptedService()
    app = StreamingApp(service, observer=counts)
    server = await ask(app, scope_of("POST"), body(BODY, more=True), {"type": "http.disconnect"})
    assert (server.taken, service.asked) == ([], [])
    server = FakeServer()
    server.refusal = OSError("gone")
    await ask(app, scope_of("POST"), body(BODY), server=server)
    assert len(service.asked) == 1
    assert counts.seen == {("http_sockets_failed", "broken"): 2}


async def test_a_client_that_takes_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    counts, server = Counts(), FakeServer()
    server.gate = anyio.Event()
    app = StreamingApp(ScriptedService(), limits=LIMITS, observer=counts)
    await ask(app, scope_of(), server=server)
    assert counts.seen == {("http_sockets_failed", "broken"): 1}


class Faulty(ScriptedService):
    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        raise ZeroDivisionError


async def test_an_error_of_the_service_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    counts = Counts()
    server = await ask(StreamingApp(Faulty(), observer=counts), scope_of())
    assert server.status == 500
    assert "ZeroDivisionError" in caplog.text
    assert counts.seen == {("http_requests_failed", "internal"): 1}


@pytest.mark.parametrize(("left_out", "status"), [(b"upgrade", 400), (None, 501)])
async def test_a_handshake_that_arrives_as_a_request(left_out: bytes | None, status: int) -> None:
    """A proxy has dropped a header, or the server has no WebSocket."""
    headers = [(name, value) for name, value in HANDSHAKE.items() if name != left_out]
    scope = scope_of(path="/connections/c1", headers=headers)
    assert (await ask(StreamingApp(ScriptedService()), scope)).status == status


# --- who asks -----------------------------------------------------------------------------------

SUBJECT = "CN=gnb-7,O=Example"


@pytest.mark.parametrize(
    ("scope", "peer"),
    [
        ({}, Peer()),
        ({"client": None, "extensions": None}, Peer()),
        ({"client": ["::1", 7]}, Peer(address="::1:7")),
        ({"extensions": {"tls": {"client_cert_name": SUBJECT}}}, Peer(identity=SUBJECT)),
        ({"extensions": {"tls": {"client_cert_name": None}}}, Peer()),
        (
            {"extensions": {"tls": {"client_cert_name": SUBJECT, "client_cert_error": "expired"}}},
            Peer(),
        ),
    ],
)
async def test_peers(scope: Scope, peer: Peer) -> None:
    assert peer_of(scope) == peer


async def test_a_peer_is_named_or_refused_by_its_request() -> None:
    async def identify(request: HttpRequest, peer: Peer) -> Peer:
        token = request.header("Authorization")
        if token is None:
            raise NotPermitted("no token")
        return Peer(identity=token, address=peer.address)

    service = ScriptedService()
    await service.perform(ESTABLISH, peer=Peer())
    app = StreamingApp(service, identify=identify)
    assert (await ask(app, scope_of())).status == 403
    assert (await upgrade(app)).status == 403
    named = Peer(identity="gnb-7", address="192.0.2.1:5000")
    scope = scope_of(headers=[(b"authorization", b"gnb-7")])
    assert (await ask(app, scope)).status == 200
    assert service.asked[1:] == [(GetConnectionInfo(), named)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(upgrade, app, [(b"authorization", b"gnb-7")])
        attended = await service.attended()
        assert attended.peer == named
        attended.done.set()


# --- channels -----------------------------------------------------------------------------------

EXTENSION = {"websocket.http.response": dict[str, object]()}
CONNECT: Event = {"type": "websocket.connect"}


async def upgrade(
    app: StreamingApp,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    path: str = "/connections/c1",
    extensions: object = EXTENSION,
    server: FakeServer | None = None,
) -> FakeServer:
    scope = scope_of(path=path, headers=headers, type="websocket", extensions=extensions)
    del scope["method"]
    return await ask(app, scope, CONNECT, server=server)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/connections/no", 404),
        ("/connections", 400),
        ("/x", 404),
    ],
)
async def test_refused_handshakes(path: str, status: int) -> None:
    app = StreamingApp(ScriptedService())
    server = await upgrade(app, path=path)
    assert server.status == status
    assert [each["type"] for each in server.taken] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    answer = server.taken[1]["body"]
    assert isinstance(answer, bytes)
    assert json.loads(answer)["error"]
    without = await upgrade(app, path=path, extensions=None)
    assert without.taken == [{"type": "websocket.close"}], "which is 403"


async def accepted(app: StreamingApp, service: ScriptedService, server: FakeServer) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: upgrade(app, server=server))
        (await service.attended()).done.set()


async def test_a_service_that_returns_ends_the_call() -> None:
    service, server = ScriptedService(), FakeServer()
    await service.perform(ESTABLISH, peer=Peer())
    await accepted(StreamingApp(service), service, server)
    assert server.taken == [{"type": "websocket.accept"}]


async def test_abort_ends_the_call_though_the_service_goes_on() -> None:
    service, server = ScriptedService(), FakeServer()
    await service.perform(ESTABLISH, peer=Peer())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: upgrade(StreamingApp(service), server=server))
        attended = await service.attended()
        await attended.channel.abort()
        with pytest.raises(Closed):
            await attended.channel.receive()
    assert server.taken == [{"type": "websocket.accept"}]


class Refuses(ScriptedService):
    """Raises after it has accepted, which no service may do."""

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        await accept()
        raise Unavailable("too late")


async def test_a_late_refusal_is_an_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    counts, server = Counts(), FakeServer()
    await upgrade(StreamingApp(Refuses(), observer=counts), server=server)
    assert server.taken == [{"type": "websocket.accept"}]
    assert "too late" in caplog.text
    assert counts.seen == {("http_sockets_failed", "internal"): 1}


async def test_a_client_that_leaves_within_the_handshake() -> None:
    service, counts, server = ScriptedService(), Counts(), FakeServer()
    await service.perform(ESTABLISH, peer=Peer())
    server.refusal = OSError("gone")
    app = StreamingApp(service, observer=counts)
    await upgrade(app, server=server)
    await upgrade(app, path="/connections/no", server=server)
    await upgrade(app, path="/connections/no", extensions=None, server=server)
    assert counts["http_sockets_failed", "broken"] == 3
    server.refusal = None
    await accepted(app, service, server)


# --- other scopes -------------------------------------------------------------------------------


async def test_the_life_of_a_server() -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    server = await ask(StreamingApp(ScriptedService()), {"type": "lifespan"}, *events)
    assert [each["type"] for each in server.taken] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_an_unknown_scope_is_refused_as_the_specification_says() -> None:
    with pytest.raises(NotImplementedError, match="carrier-pigeon"):
        await ask(StreamingApp(ScriptedService()), {"type": "carrier-pigeon"})
