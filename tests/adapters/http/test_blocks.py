"""Requests and answers without HTTP: what is written is read, and nothing else gets through."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from anyio.abc import ByteStream
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.http import HttpLimits, blocks
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.ports.channel import Broken
from tests.adapters.http.helpers import TrioByteStream, stream_pair

LIMITS = HttpLimits(body_bytes_max=200, request_ms=3_000)
READERS: list[Callable[[ByteStream], Awaitable[HttpRequest | HttpResponse]]] = [
    lambda stream: blocks.receive_request(stream, limits=LIMITS),
    lambda stream: blocks.receive_response(stream, limits=LIMITS),
]
text = st.text(st.characters(exclude_categories=["Cs"]))


def block(message: object) -> bytes:
    data = json.dumps(message).encode()
    return len(data).to_bytes(4, "big") + data


@given(text, text, text)
def test_requests_are_read_as_they_were_written(method: str, target: str, body: str) -> None:
    async def exchange() -> None:
        one, two = stream_pair()
        request = HttpRequest(method=method, target=target, body=body.encode())
        await blocks.send_request(one, request)
        assert await blocks.receive_request(two) == request

    trio.run(exchange)


@given(st.integers(100, 599), text, text)
def test_answers_are_read_as_they_were_written(status: int, location: str, body: str) -> None:
    async def exchange() -> None:
        one, two = stream_pair()
        headers = (("Location", location),) if location else ()
        response = HttpResponse(status=status, headers=headers, body=body.encode())
        await blocks.send_response(one, response)
        await one.send(b"what follows")
        assert await blocks.receive_response(two) == response
        assert await two.receive() == b"what follows", "it is left to whoever reads on"

    trio.run(exchange)


async def told(data: bytes) -> ByteStream:
    one, two = stream_pair()
    await one.send(data)
    await one.aclose()
    return two


@pytest.mark.trio
@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\4[]",
        b"\0\0\0\0",
        block([]),
        block({}),
        block(["GET", "/"]),
        block([200, ""]),
        block(["200", "", 1]),
        block([1.5, "", ""]),
        block(["GET", "/", None]),
        block("[" * 100),
        (100).to_bytes(4, "big") + b"[" * 100,
        b"\0\0\0\2\xff\xff",
        (201).to_bytes(4, "big") + bytes(201),
        b"\xff\xff\xff\xff",
    ],
)
async def test_refused(
    read: Callable[[ByteStream], Awaitable[HttpRequest | HttpResponse]], data: bytes
) -> None:
    with pytest.raises(Broken):
        await read(await told(data))


@given(st.binary(max_size=100), st.sampled_from(READERS))
def test_bytes_from_outside(
    data: bytes, read: Callable[[ByteStream], Awaitable[HttpRequest | HttpResponse]]
) -> None:
    async def receive() -> None:
        for each in (data, len(data).to_bytes(4, "big") + data):
            try:
                await read(await told(each))
            except Broken:
                continue

    trio.run(receive)


@pytest.mark.trio
async def test_a_peer_that_stops_within_a_block(autojump_clock: trio.testing.MockClock) -> None:
    one, two = stream_pair()
    assert isinstance(one, TrioByteStream)
    await one.send(b"\0\0")
    with pytest.raises(Broken, match="3000 ms"):
        await blocks.receive_request(two, limits=LIMITS)
    assert trio.current_time() == pytest.approx(3)
    await one.aclose()
    with pytest.raises(Broken, match="ended"):
        await blocks.receive_request(two, limits=LIMITS)
