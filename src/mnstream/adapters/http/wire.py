"""Byte streams of anyio as this project uses them: every failure is Broken, every write bounded."""

from __future__ import annotations

import ssl

import anyio
from anyio.abc import ByteStream

from mnstream.adapters.http.config import HttpLimits
from mnstream.ports.channel import Broken

STREAM_ERRORS = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    ssl.SSLError,
    OSError,
)
"""Everything that a byte stream raises when the other side or the network fails."""

IO_BYTES = 65_536
"""One read, and one write. 64 KiB hold 640 frames of 97 bytes. Each write has the whole time limit,
so that a slow link is not taken for a dead one."""


class NotReading(Broken):
    """The peer took nothing for too long."""


async def write(stream: ByteStream, data: bytes, limit_ms: int) -> None:
    """Write bytes, all of them or never again.

    Raises:
        NotReading: The stream took nothing for ``limit_ms``.
        Broken: The stream ended.
    """
    try:
        for start in range(0, len(data), IO_BYTES):
            with anyio.move_on_after(limit_ms / 1000) as limit:
                await stream.send(data[start : start + IO_BYTES])
            if limit.cancelled_caught:
                raise NotReading(f"the peer took nothing for {limit_ms} ms")
    except STREAM_ERRORS as exc:
        raise Broken(lost(exc)) from exc


def lost(exc: BaseException) -> str:
    """Say in few words how a stream ended."""
    if isinstance(exc, anyio.EndOfStream):
        return "the peer ended the stream"
    cause = exc.__cause__ or exc
    return f"the stream was lost: {str(cause) or type(cause).__name__}"


async def linger(stream: ByteStream, limits: HttpLimits) -> None:
    """End our half and drop what still comes, so that the peer can read our last words.

    Takes ``linger_ms`` or ``linger_bytes_max``, whichever is reached first. Never raises.
    """
    try:
        await stream.send_eof()
    except (*STREAM_ERRORS, NotImplementedError):
        pass  # TLS of anyio has no half-closed state: the peer sees the end when we close
    with anyio.move_on_after(limits.linger_ms / 1000):
        await drain(stream, limits.linger_bytes_max)


async def drain(stream: ByteStream, bytes_max: int) -> None:
    """Read and drop until the peer ends the stream or ``bytes_max`` came. Never raises."""
    dropped = 0
    try:
        while dropped < bytes_max:
            dropped += len(await stream.receive(IO_BYTES))
    except STREAM_ERRORS:
        return
