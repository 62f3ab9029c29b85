"""Sockets that are kept, shared, bounded, and never used after a doubt."""

from __future__ import annotations

import random
import ssl

import anyio
import pytest
import trio.testing
from anyio.abc import SocketAttribute, SocketStream

from mnstream.adapters.http import AllowedNetworks, HttpLimits, HttpPool
from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.http.exchange import AnswerTooLarge
from mnstream.adapters.http.networks import NotAllowed
from mnstream.adapters.http.requests import RequestServer, listen, port_of
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.ports.channel import Broken, Closed
from mnstream.ports.transport import Peer
from tests.adapters.http.helpers import answering, by_hand, plain

GET = HttpRequest(method="GET", target="/x")
POST = HttpRequest(method="POST", target="/x", headers=(("Content-Length", "2"),), body=b"{}")
OK = plain(200)


def local(port: int) -> Origin:
    return Origin(False, "127.0.0.1", port)


class Recorder:
    """A handler that counts sockets and who is inside."""

    def __init__(self) -> None:
        self.peers: set[str] = set()
        self.inside = 0
        self.inside_max = 0
        self.gate: anyio.Event | None = None

    async def __call__(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        self.peers.add(peer.address)
        self.inside += 1
        self.inside_max = max(self.inside_max, self.inside)
        if self.gate is not None:
            await self.gate.wait()
        self.inside -= 1
        return HttpResponse(status=200, body=request.body)

    async def full(self, count: int) -> None:
        """Wait until this many requests are inside."""
        while self.inside < count:  # noqa: ASYNC110 -- it tells nobody
            await anyio.sleep(0.001)


@pytest.mark.anyio
async def test_one_socket_serves_requests_in_turn() -> None:
    recorder = Recorder()
    pool = HttpPool()
    async with answering(recorder) as port:
        for request in (GET, POST, GET, POST):
            response = await pool.request(local(port), request)
            assert (response.status, response.body) == (200, request.body)
        assert len(recorder.peers) == pool.sockets == 1
        await pool.aclose()
        assert pool.sockets == 0


def test_a_pool_may_be_made_before_there_is_a_loop() -> None:
    pool = HttpPool()

    async def use() -> None:
        async with by_hand(OK) as server:
            for _ in range(2):
                assert (await pool.request(local(server.port), GET)).status == 200
            await pool.aclose()

    anyio.run(use)


@pytest.mark.anyio
async def test_host_is_added() -> None:
    async with by_hand(OK) as server:
        pool = HttpPool()
        await pool.request(local(server.port), GET)
        assert b"Host: 127.0.0.1:%d\r\n" % server.port in server.heard[0]
        await pool.aclose()


@pytest.mark.anyio
async def test_a_server_gets_its_share_of_sockets_and_no_more() -> None:
    recorder = Recorder()
    recorder.gate = anyio.Event()
    pool = HttpPool(per_origin_max=3)
    async with answering(recorder) as port, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(pool.request, local(port), GET)
        await recorder.full(3)
        assert pool.sockets == 3
        recorder.gate.set()
    assert len(recorder.peers) == recorder.inside_max == 3
    await pool.aclose()


@pytest.mark.anyio
async def test_all_servers_share_what_there_is() -> None:
    """A socket that waits for another server makes room; nobody waits for ever."""
    recorders = [Recorder() for _ in range(5)]
    pool = HttpPool(sockets_max=2)
    async with (
        answering(recorders[0]) as a,
        answering(recorders[1]) as b,
        answering(recorders[2]) as c,
    ):
        for port in (a, b, c, a):
            await pool.request(local(port), GET)
            assert pool.sockets <= 2
        assert len(recorders[0].peers) == 2  # the first socket had to go for the third
        async with anyio.create_task_group() as tasks:
            for port in (a, b, c) * 10:
                tasks.start_soon(pool.request, local(port), GET)
        assert pool.sockets == 2
        await pool.aclose()


@pytest.mark.trio
async def test_a_socket_is_kept_for_a_while(mock_clock: trio.testing.MockClock) -> None:
    recorder = Recorder()
    pool = HttpPool(limits=HttpLimits(reuse_ms=4_000))
    async with answering(recorder) as port, answering(Recorder()) as other:
        await pool.request(local(port), GET)
        mock_clock.jump(3.9)
        await pool.request(local(port), GET)
        assert len(recorder.peers) == 1
        mock_clock.jump(4)
        await pool.request(local(port), GET)
        assert (len(recorder.peers), pool.sockets) == (2, 1)
        mock_clock.jump(4)
        await pool.request(local(other), GET)
        assert pool.sockets == 1  # whoever comes next clears away
        await pool.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("answer", [OK + b"unasked for", plain(200, b"", b"Connection: close")])
async def test_sockets_that_are_not_used_again(answer: bytes) -> None:
    async with by_hand(answer) as server:
        pool = HttpPool()
        for _ in range(2):
            assert (await pool.request(local(server.port), POST)).status == 200
            assert pool.sockets == 0
        assert server.accepted == 2


@pytest.mark.anyio
async def test_a_socket_that_the_server_closed_is_noticed() -> None:
    closed = anyio.Event()

    async def once(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(OK)
        closed.set()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    pool = HttpPool()
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, once)
        for _ in range(3):
            await pool.request(local(listener.extra(SocketAttribute.local_port)), POST)
            await closed.wait()
            closed = anyio.Event()
        tasks.cancel_scope.cancel()
    await pool.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_kept_socket_that_ends_instead_of_answering(repeatable: bool) -> None:
    """It may have been closed while the request was under way, or because of it."""
    async with by_hand(OK, b"", OK) as server:
        pool = HttpPool()
        await pool.request(local(server.port), POST)
        if repeatable:
            assert (await pool.request(local(server.port), POST, repeatable=True)).status == 200
        else:
            with pytest.raises(Broken, match="instead of answering"):
                await pool.request(local(server.port), POST)
        assert server.accepted == (2 if repeatable else 1)
        await pool.aclose()


@pytest.mark.anyio
async def test_a_new_socket_is_not_tried_twice() -> None:
    async with by_hand(b"") as server:
        pool = HttpPool()
        with pytest.raises(Broken, match="instead of answering"):
            await pool.request(local(server.port), POST, repeatable=True)
        assert (server.accepted, pool.sockets) == (1, 0)


@pytest.mark.anyio
async def test_half_an_answer_is_not_asked_for_again() -> None:
    """The server was there and has begun; asking again would be another request."""
    accepted: list[SocketStream] = []

    async def halves(stream: SocketStream) -> None:
        accepted.append(stream)
        async with stream:
            for answer in (OK, OK[:11]):
                await stream.receive()
                await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    pool = HttpPool()
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, halves)
        origin = local(listener.extra(SocketAttribute.local_port))
        await pool.request(origin, POST)
        with pytest.raises(Broken, match="instead of answering"):
            await pool.request(origin, POST, repeatable=True)
        tasks.cancel_scope.cancel()
    assert (len(accepted), pool.sockets) == (1, 0)


@pytest.mark.anyio
async def test_a_cancelled_request_takes_its_socket_with_it() -> None:
    recorder = Recorder()
    pool = HttpPool(per_origin_max=1)
    async with answering(recorder) as port:
        await pool.request(local(port), GET)
        recorder.gate = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pool.request, local(port), GET)
            await recorder.full(1)
            tasks.start_soon(pool.request, local(port), GET)  # waits for its turn
            tasks.cancel_scope.cancel()
        assert pool.sockets == 0
        recorder.gate.set()
        response = await pool.request(local(port), POST)
        assert response.body == b"{}"  # its own answer
        assert len(recorder.peers) == 2
        await pool.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(3))
async def test_nobody_gets_the_answer_of_somebody_else(seed: int) -> None:
    """Requests are cancelled anywhere: while they wait, dial, write or read."""
    rng = random.Random(seed)
    pool = HttpPool(per_origin_max=4, sockets_max=6)
    answered = 0

    async def ask(port: int, number: int) -> None:
        nonlocal answered
        body = b"%04d" % number * rng.choice((1, 1_000, 100_000))
        headers = (("Content-Length", str(len(body))),)
        request = HttpRequest(method="POST", target="/x", headers=headers, body=body)
        with anyio.move_on_after(rng.choice((0, 0.001, 0.01, 0.05, 5))):
            response = await pool.request(local(port), request, repeatable=True)
            assert response.body == body
            answered += 1
        assert pool.sockets <= 6

    async with answering(Recorder()) as one, answering(Recorder()) as two:
        for _ in range(4):
            async with anyio.create_task_group() as tasks:
                for number in range(40):
                    tasks.start_soon(ask, rng.choice((one, two)), number)
        assert answered
        await pool.aclose()
        assert pool.sockets == 0


@pytest.mark.anyio
async def test_answers_that_are_too_large_tell_their_status() -> None:
    async with by_hand(plain(200, b"x" * 101)) as server:
        pool = HttpPool(limits=HttpLimits(body_bytes_max=100))
        with pytest.raises(AnswerTooLarge) as caught:
            await pool.request(local(server.port), POST)
        assert caught.value.status == 200
        assert pool.sockets == 0


@pytest.mark.anyio
async def test_a_closed_pool() -> None:
    recorder = Recorder()
    recorder.gate = anyio.Event()
    pool = HttpPool()
    async with answering(recorder) as port:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pool.request, local(port), GET)
            await recorder.full(1)
            await pool.aclose()
            assert pool.sockets == 1  # in use
            recorder.gate.set()
        assert pool.sockets == 0
        with pytest.raises(Closed):
            await pool.request(local(port), GET)


@pytest.mark.anyio
async def test_nobody_there_and_nobody_to_be_asked() -> None:
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    for listener in listeners:
        await listener.aclose()
    for allowed in (None, AllowedNetworks(loopback=True)):
        pool = HttpPool(allowed=allowed)
        with pytest.raises(Broken, match=r"cannot reach 127\.0\.0\.1"):
            await pool.request(local(port), GET)
        with pytest.raises(Broken, match=r"cannot reach nowhere\.invalid"):
            await pool.request(Origin(False, "nowhere.invalid", 80), GET)
        assert pool.sockets == 0


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0", "2130706433", "0x7f.1"])
async def test_names_of_this_machine_are_not_connected_to(host: str) -> None:
    """However it is written: what is judged is what the name resolves to."""
    async with by_hand(OK) as server:
        pool = HttpPool(allowed=AllowedNetworks())
        with pytest.raises(NotAllowed):
            await pool.request(Origin(False, host, server.port), GET)
        assert server.accepted == 0


@pytest.mark.anyio
async def test_tls_checks_the_name_and_not_the_address(
    tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    recorder = Recorder()
    server = RequestServer(recorder, tls=tls_contexts[0])
    listeners = await listen("127.0.0.1", 0)
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve, listeners)
        pool = HttpPool(tls=tls_contexts[1], allowed=AllowedNetworks(loopback=True))
        for _ in range(3):
            await pool.request(Origin(True, "localhost", port_of(listeners)), GET)
        assert len(recorder.peers) == 1
        with pytest.raises(Broken, match=r"no TLS with 127\.0\.0\.1"):
            await pool.request(Origin(True, "127.0.0.1", port_of(listeners)), GET)
        await pool.aclose()
        tasks.cancel_scope.cancel()
