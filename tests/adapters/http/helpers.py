"""Streams without sockets, a counter that remembers, and bytes of clients that we did not write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
import trio
import trio.testing
from anyio.abc import ByteStream, SocketAttribute, SocketStream

from mnstream.adapters.http import (
    Handler,
    HttpLimits,
    HttpServer,
    RequestServer,
    WebSocketChannel,
    listen,
    port_of,
)
from mnstream.testing.services import ScriptedService

BASE = "/3GPPManagement"
HOST = b"Host: collector.example\r\n"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class Counts:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, cause: str = "", amount: int = 1) -> None:
        self.seen[name, cause] += amount

    def __getitem__(self, key: tuple[str, str]) -> int:
        return self.seen[key]


class TrioByteStream(ByteStream):
    """A trio stream with the face of anyio's, so that time can be trio's virtual time."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.trio_stream = stream

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        try:
            data = await self.trio_stream.receive_some(max_bytes)
        except trio.ClosedResourceError as exc:
            raise anyio.ClosedResourceError from exc
        except trio.BrokenResourceError as exc:
            raise anyio.BrokenResourceError from exc
        if not data:
            raise anyio.EndOfStream
        return bytes(data)

    async def send(self, item: bytes) -> None:
        try:
            await self.trio_stream.send_all(item)
        except trio.ClosedResourceError as exc:
            raise anyio.ClosedResourceError from exc
        except trio.BrokenResourceError as exc:
            raise anyio.BrokenResourceError from exc

    async def send_eof(self) -> None:
        await self.trio_stream.send_eof()

    async def aclose(self) -> None:
        await self.trio_stream.aclose()


def stream_pair() -> tuple[TrioByteStream, TrioByteStream]:
    """Return two ends of an unbounded pipe."""
    one, two = trio.testing.memory_stream_pair()
    return TrioByteStream(one), TrioByteStream(two)


def lockstep_pair() -> tuple[TrioByteStream, TrioByteStream]:
    """Return two ends of a pipe that holds nothing: a send waits for its receiver."""
    one, two = trio.testing.lockstep_stream_pair()
    return TrioByteStream(one), TrioByteStream(two)


def channel_pair(
    *, limits: HttpLimits | None = None, counts: Counts | None = None, lockstep: bool = False
) -> tuple[WebSocketChannel, WebSocketChannel]:
    """Return a producer's and a consumer's channel on one pipe."""
    ends = lockstep_pair() if lockstep else stream_pair()
    limits = limits or HttpLimits()
    counts = counts or Counts()
    return (
        WebSocketChannel(ends[0], server=False, limits=limits, observer=counts),
        WebSocketChannel(ends[1], server=True, limits=limits, observer=counts),
    )


@asynccontextmanager
async def served(server: HttpServer) -> AsyncGenerator[TrioByteStream]:
    """Serve one pipe and give the client's end; both are closed when it is left."""
    client, stream = stream_pair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, stream)
        yield client
        await client.aclose()


async def converse(
    data: bytes,
    *,
    service: ScriptedService | None = None,
    limits: HttpLimits | None = None,
    counts: Counts | None = None,
    one_by_one: bool = False,
) -> bytes:
    """Send bytes to a server, end our half, and return everything that it answers."""
    server = HttpServer(
        service or ScriptedService(),
        base_path=BASE,
        limits=limits or HttpLimits(),
        observer=counts or Counts(),
    )
    async with served(server) as client:
        try:
            for piece in [bytes([each]) for each in data] if one_by_one else [data]:
                await client.send(piece)
            await client.send_eof()
        except anyio.BrokenResourceError:
            pass  # it has heard enough
        return await rest_of(client)


async def rest_of(stream: ByteStream) -> bytes:
    """Read to the end."""
    data = b""
    try:
        while True:
            data += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return data


async def receive_exactly(stream: ByteStream, count: int) -> bytes:
    """Read this many bytes."""
    data = b""
    while len(data) < count:
        data += await stream.receive(count - len(data))
    return data


async def sockets_left(server: HttpServer, count: int) -> None:
    """Wait until a server has no more sockets than this."""
    while server.sockets > count:  # noqa: ASYNC110 -- it tells nobody
        await anyio.sleep(0.001)


def get(path: str, *headers: bytes) -> bytes:
    """Write a GET below the root."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return f"GET {BASE}{path} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n"


def post(path: str, body: bytes, *headers: bytes) -> bytes:
    """Write a POST below the root."""
    lines = b"".join(header + b"\r\n" for header in headers)
    head = f"POST {BASE}{path} HTTP/1.1\r\n".encode() + HOST + lines
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


UPGRADE = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: " + KEY,
    b"Sec-WebSocket-Version: 13",
)
ESTABLISH = post(
    "/connections",
    b'{"producer":"p","streams":[{"streamId":"1","streamType":"PROPRIETARY",'
    b'"serializationFormat":"GPB"}]}',
    b"Content-Type: application/json",
)
MASK = b"\x01\x02\x03\x04"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """Write a frame by hand, lengths in their shortest form."""
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + MASK + number.to_bytes(len(payload), "big")


def statuses(answers: bytes) -> list[int]:
    """Return the status codes of answers that follow each other."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


class ByHand:
    """A server on a real port that answers with the bytes that it is told to.

    Attributes:
        port: Where it listens.
        heard: What came, one item a read.
        accepted: Sockets so far.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: list[bytes] = []
        self.accepted = 0


@asynccontextmanager
async def by_hand(*answers: bytes, close: bool = False) -> AsyncGenerator[ByHand]:
    """Answer requests, each of them in one read, with these in turn, over however many sockets.

    The last answer is the answer to every later request. An empty answer, or ``close`` after any,
    ends the socket.
    """
    left = list(answers)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = ByHand(listener.extra(SocketAttribute.local_port))

    async def attend(stream: SocketStream) -> None:
        server.accepted += 1
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    server.heard.append(await stream.receive())
                    answer = left.pop(0) if len(left) > 1 else left[0]
                    await stream.send(answer)
                    if close or not answer:
                        return

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, attend)
        yield server
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def answering(
    handler: Handler, *, limits: HttpLimits | None = None, counts: Counts | None = None
) -> AsyncGenerator[int]:
    """Serve requests on a real port with a function, and give the port."""
    server = RequestServer(handler, limits=limits or HttpLimits(), observer=counts or Counts())
    listeners = await listen("127.0.0.1", 0)
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.serve, listeners)
        yield port_of(listeners)
        tasks.cancel_scope.cancel()


def plain(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    """Write an answer."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines, len(body), body)
