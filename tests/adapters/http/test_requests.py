"""A server of requests without anything of 3GPP."""

from __future__ import annotations

import anyio
import pytest
import trio

from mnstream.adapters.http import HttpLimits, RequestServer, listen, port_of
from mnstream.adapters.rest import HttpProblem, HttpRequest, HttpResponse
from mnstream.core.errors import NotPermitted, Unavailable
from mnstream.ports.transport import Peer
from tests.adapters.http.helpers import UPGRADE, Counts, get, post, rest_of, statuses, stream_pair


async def echo(request: HttpRequest, peer: Peer) -> HttpResponse:
    """Answer with the body, or as the path says."""
    match request.target.rpartition("/")[2]:
        case "problem":
            raise HttpProblem(405, NotPermitted("no"), headers=(("Allow", "POST"),))
        case "refused":
            raise Unavailable("later")
        case "fault":
            raise ZeroDivisionError
        case _:
            return HttpResponse(status=200, body=request.body)


async def ask(data: bytes, counts: Counts, *, limits: HttpLimits | None = None) -> bytes:
    client, stream = stream_pair()
    server = RequestServer(echo, observer=counts, limits=limits or HttpLimits())
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, stream)
        await client.send(data)
        await client.send_eof()
        return await rest_of(client)


@pytest.mark.trio
async def test_the_handler_answers_and_refuses(caplog: pytest.LogCaptureFixture) -> None:
    counts = Counts()
    data = get("/problem") + get("/refused") + get("/fault") + post("/x", b"hello")
    answer = await ask(data, counts)
    assert statuses(answer) == [405, 503, 500, 200]
    assert answer.endswith(b"\r\n\r\nhello")
    assert b"Allow: POST\r\n" in answer
    assert b"unavailable: later" in answer
    assert b"ZeroDivision" not in answer
    assert "ZeroDivisionError" in caplog.text
    assert counts.seen == {
        ("http_requests_refused", "unknown_method"): 1,
        ("http_requests_refused", "refused"): 1,
        ("http_requests_failed", "internal"): 1,
    }


@pytest.mark.trio
@pytest.mark.parametrize("headers", [UPGRADE, UPGRADE[1:]])
async def test_an_upgrade_is_a_request_like_any_other(headers: tuple[bytes, ...]) -> None:
    counts = Counts()
    assert statuses(await ask(get("/x", *headers) + get("/x"), counts)) == [200, 200]
    assert not counts.seen


@pytest.mark.trio
async def test_limits_hold() -> None:
    counts = Counts()
    limits = HttpLimits(body_bytes_max=10, linger_ms=100)
    assert statuses(await ask(post("/x", b"y" * 11), counts, limits=limits)) == [413]
    assert counts.seen == {("http_requests_refused", "body_too_large"): 1}


@pytest.mark.anyio
async def test_stopping_answers_what_has_begun() -> None:
    begun, go_on, stop = anyio.Event(), anyio.Event(), anyio.Event()

    async def slow(request: HttpRequest, peer: Peer) -> HttpResponse:
        assert peer.address.startswith("127.0.0.1:")
        begun.set()
        await go_on.wait()
        return HttpResponse(status=204)

    answer = b""
    server = RequestServer(slow)
    listeners = await listen("127.0.0.1", 0)
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await server.serve(listeners, stop=stop)

        tasks.start_soon(serve)
        async with (
            await anyio.connect_tcp("127.0.0.1", port_of(listeners)) as busy,
            await anyio.connect_tcp("127.0.0.1", port_of(listeners)) as idle,
        ):
            await busy.send(get("/x"))
            await begun.wait()
            stop.set()
            with pytest.raises(anyio.EndOfStream):
                await idle.receive()
            go_on.set()
            answer = await rest_of(busy)
    assert statuses(answer) == [204]
    assert b"Connection: close\r\n" in answer
    assert server.sockets == 0
