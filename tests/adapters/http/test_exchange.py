"""Requests as clients write them, good and bad, on pipes and virtual time."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import anyio
import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnstream.adapters.http import HttpLimits, HttpServer
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Channel
from mnstream.ports.transport import Peer
from mnstream.testing.services import ScriptedService
from tests.adapters.http.helpers import (
    BASE,
    ESTABLISH,
    HOST,
    UPGRADE,
    Counts,
    converse,
    get,
    post,
    rest_of,
    served,
    statuses,
)

LIMITS = HttpLimits(
    head_bytes_max=2_000,
    header_count_max=20,
    body_bytes_max=1_000,
    request_ms=10_000,
    idle_ms=60_000,
    send_ms=30_000,
    linger_ms=2_000,
    linger_bytes_max=10_000,
)

CHUNKED = (
    f"POST {BASE}/connections HTTP/1.1\r\n".encode() + HOST + b"Transfer-Encoding: chunked\r\n"
)
JUNK_SMUGGLING = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.trio
@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(
    ("data", "status", "cause"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed"),  # TLS
        (b"GET\r\n\r\n", 400, "malformed"),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "malformed"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed"),  # no Host
        (b"GET / HTTP/1.1\r\n" + HOST + b"Bad Name: x\r\n\r\n", 400, "malformed"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: \x00\r\n\r\n", 400, "malformed"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", 400, "malformed"),
        (CHUNKED + b"\r\nzz\r\n", 400, "malformed"),
        (CHUNKED + b"Transfer-Encoding: gzip\r\n\r\n", 501, "malformed"),
        (get("/connections", b"A: " + b"x" * 2_000), 431, "head_too_large"),
        (get("/connections", *[b"A: x"] * 20), 431, "head_too_large"),
        (get("/connections?" + "a" * 2_100), 431, "head_too_large"),
        (post("/connections", b"x" * 1_001), 413, "body_too_large"),
        (CHUNKED + b"\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n", 400, "malformed"),  # ends
        (get("/nothing"), 404, "unknown_path"),
        (b"GET /connections HTTP/1.1\r\n" + HOST + b"\r\n", 404, "unknown_path"),
        (get("/connections").replace(b"GET", b"PUT"), 405, "unknown_method"),
        (get("/connections").replace(b"GET", b"BREW"), 405, "unknown_method"),
        (get("/connections", b"Accept: text/html"), 406, "unacceptable"),
        (post("/connections", b"{}", b"Content-Type: text/plain"), 415, "unacceptable"),
        (post("/connections", b"{"), 400, "malformed"),
        (post("/connections", b"[]"), 400, "malformed"),
        (post("/connections", b'{"producer":"p","streams":[{}]}'), 400, "malformed"),
        (get("/connections/%ff"), 400, "malformed"),
    ],
)
async def test_what_is_wrong_with_a_request(
    data: bytes,
    status: int,
    cause: str,
    one_by_one: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    counts = Counts()
    answer = await converse(data, limits=LIMITS, counts=counts, one_by_one=one_by_one)
    assert statuses(answer) == [status]
    assert counts.seen == {("http_requests_refused", cause): 1}
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert body["error"]


@pytest.mark.trio
@pytest.mark.parametrize(
    "host", [b"h\xe9", b"h/x", b"h:x", b"u@h", b"a b", b"a, b", b"[::1", b"::1"]
)
async def test_nothing_is_done_for_a_host_of_which_no_location_can_be_made(
    host: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    service, counts = ScriptedService(), Counts()
    server = HttpServer(service, base_path=BASE, limits=LIMITS, observer=counts)
    async with served(server) as client:
        await client.send(ESTABLISH.replace(HOST, b"Host: " + host + b"\r\n"))
        assert statuses(await rest_of(client)) == [400]
    assert counts.seen == {("http_requests_refused", "malformed"): 1}
    assert service.asked == []


@pytest.mark.trio
@pytest.mark.parametrize(
    ("host", "root"),
    [
        (b"h:81", b"http://h:81"),
        (b"192.0.2.1", b"http://192.0.2.1"),
        (b"[fe80::1%25eth0]:8532", b"http://[fe80::1%25eth0]:8532"),
        (b"my_host.example.", b"http://my_host.example."),
        (b"", b"http://localhost"),
    ],
)
async def test_location_has_the_host_that_was_asked(host: bytes, root: bytes) -> None:
    async with served(HttpServer(ScriptedService(), base_path=BASE)) as client:
        await client.send(ESTABLISH.replace(HOST, b"Host: " + host + b"\r\n"))
        assert b"Location: " + root + BASE.encode() + b"/connections/c1\r\n" in (
            await client.receive()
        )


@pytest.mark.trio
async def test_the_length_alone_is_enough_to_refuse(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody is made to send what is not wanted: curl waits for 100 or an answer."""
    head = post("/connections", b"", b"Expect: 100-continue")
    head = head.replace(b"Content-Length: 0", b"Content-Length: 1001")
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS)
    async with served(server) as client:
        await client.send(head)
        assert statuses(await rest_of(client)) == [413]


@pytest.mark.trio
async def test_a_chunked_body_is_counted(autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    answer = await converse(CHUNKED + b"\r\n" + chunk * 11, limits=LIMITS, counts=counts)
    assert statuses(answer) == [413]
    assert counts["http_requests_refused", "body_too_large"] == 1


@pytest.mark.trio
async def test_a_client_that_waits_for_100_gets_it() -> None:
    service = ScriptedService()
    head, _, body = ESTABLISH.partition(b"\r\n\r\n")
    server = HttpServer(service, base_path=BASE)
    async with served(server) as client:
        await client.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.receive()).startswith(b"HTTP/1.1 100 ")
        await client.send(body)
        assert statuses(await client.receive()) == [201]


@pytest.mark.trio
async def test_one_byte_a_second_is_too_slow(autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS, observer=counts)
    async with served(server) as client:

        async def drip() -> None:
            for each in ESTABLISH:
                await client.send(bytes([each]))
                await trio.sleep(1)

        async with trio.open_nursery() as tasks:
            tasks.start_soon(drip)
            assert statuses(await rest_of(client)) == [408]
            tasks.cancel_scope.cancel()
    assert counts["http_requests_refused", "too_slow"] == 1
    assert trio.current_time() == pytest.approx(10)


@pytest.mark.trio
async def test_a_silent_client_is_left(autojump_clock: trio.testing.MockClock) -> None:
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS)
    async with served(server) as client:
        assert await rest_of(client) == b""
    assert trio.current_time() == pytest.approx(60)


@pytest.mark.trio
async def test_a_kept_socket_is_left_when_it_falls_silent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS)
    async with served(server) as client:
        await client.send(get("/connections"))
        await trio.sleep(50)
        await client.send(get("/connections"))
        assert statuses(await rest_of(client)) == [200, 200]
    assert trio.current_time() == pytest.approx(110)


@pytest.mark.trio
async def test_a_refused_client_can_read_why_while_it_still_sends(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Closing over unread bytes would reset the connection under the answer."""
    server = HttpServer(ScriptedService(), base_path=BASE, limits=LIMITS)
    async with served(server) as client:
        await client.send(post("/connections", b"x" * 5_000))
        await client.send(b"y" * 3_000)
        assert statuses(await rest_of(client)) == [413]
        await client.send(b"z")  # still no reset
    assert trio.current_time() == pytest.approx(0)


@pytest.mark.trio
async def test_requests_follow_each_other(autojump_clock: trio.testing.MockClock) -> None:
    data = ESTABLISH + get("/connections") + get("/nothing") + get("/connections/c1")
    for one_by_one in (False, True):
        counts = Counts()
        answer = await converse(data, counts=counts, one_by_one=one_by_one)
        assert statuses(answer) == [201, 200, 404, 200]
        assert b"Location: http://collector.example/3GPPManagement/connections/c1\r\n" in answer


@pytest.mark.trio
@pytest.mark.parametrize(
    "data",
    [
        get("/connections", b"Connection: close") + get("/connections"),
        get("/connections").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_the_last_request_is_the_last(data: bytes) -> None:
    assert statuses(await converse(data)) == [200]


@pytest.mark.trio
async def test_head_has_no_body() -> None:
    answer = await converse(get("/connections").replace(b"GET", b"HEAD"))
    assert statuses(answer) == [405]
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.trio
async def test_a_request_that_could_be_two_is_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Both framings at once: whoever reads the other one sees another request (RFC 9112 6.1)."""
    data = f"POST {BASE}/connections HTTP/1.1\r\n".encode() + HOST + JUNK_SMUGGLING
    answer = await converse(data + b"\r\n0\r\n\r\n" + get("/connections"))
    assert 201 not in statuses(answer)


class BriefService(ScriptedService):
    """Leaves a channel after a second: in a test of any bytes nobody else would."""

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        with anyio.move_on_after(1):
            await super().run_channel(connection_id, peer=peer, accept=accept)


# Whatever comes, one of these goes.
ALLOWED = {101, 200, 201, 400, 404, 405, 406, 408, 413, 414, 415, 426, 431, 501, 505}

fragments = st.sampled_from(
    [
        b"GET ", b"POST ", b"/", BASE.encode(), b"/connections", b"/c1", b" HTTP/1.1\r\n", HOST,
        b"\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n",
        b"5\r\n", b"hello", *[line + b"\r\n" for line in UPGRADE], ESTABLISH,
        get("/connections"), get("/connections/c1", *UPGRADE), b"\x00", b"\xff", b": ", b"?a=b,",
    ]
)  # fmt: skip


@given(st.lists(fragments | st.binary(max_size=8), max_size=12).map(b"".join))
@example(ESTABLISH + get("/connections/c1", *UPGRADE) + b"\xff")
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_any_bytes_have_an_answer_and_pieces_make_no_difference(data: bytes) -> None:
    async def run(one_by_one: bool) -> tuple[list[int], dict[tuple[str, str], int]]:
        counts = Counts()
        answer = await converse(
            data, service=BriefService(), limits=LIMITS, counts=counts, one_by_one=one_by_one
        )
        return statuses(answer), dict(counts.seen)

    clock = trio.testing.MockClock(autojump_threshold=0)
    whole = trio.run(run, False, clock=clock)
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(run, True, clock=clock) == whole
    assert set(whole[0]) <= ALLOWED
