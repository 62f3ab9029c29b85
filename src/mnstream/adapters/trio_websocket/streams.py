"""A byte stream of anyio with the face of a trio stream."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import trio
from anyio.abc import ByteStream

from mnstream.adapters.http.wire import IO_BYTES, STREAM_ERRORS
from mnstream.ports.channel import Broken


class TrioStream(trio.abc.Stream):
    """What trio-websocket reads and writes.

    Attributes:
        opened: Set it after the opening handshake. Before, the end of the stream is raised as
            Broken, because trio-websocket would wait for ever.
        ended: Whether the peer or the network has ended it.
        on_digested: Called when trio-websocket, done with what it read last, reads again.
    """

    def __init__(self, stream: ByteStream, request: bytes = b"", leftover: bytes = b"") -> None:
        """Wrap a stream.

        Args:
            stream: What to read from and write to.
            request: At a server, the request that was read before; given first, and nothing more
                until ``opened``, because trio-websocket does not look at frames that arrive
                before its answer until others follow.
            leftover: What was read behind the request.
        """
        self.opened = trio.Event()
        self.ended = False
        self.on_digested: Callable[[], None] | None = None
        self._stream = stream
        self._request = request
        self._leftover = leftover
        self._server = bool(request)
        self._fed = False  # the last read gave something

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything; a stream on which that fails is broken."""
        try:
            await self._stream.send(bytes(data))
        except STREAM_ERRORS as exc:
            self.ended = True
            raise trio.BrokenResourceError from exc

    async def wait_send_all_might_not_block(self) -> None:
        """Say that it might be so now."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive something; nothing at the end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._request:
            data, self._request = self._request, b""
            return data
        if self._server:
            await self.opened.wait()
        if self._fed and self.on_digested is not None:
            self.on_digested()
        self._fed = False
        data = await self._next(max_bytes or IO_BYTES)
        self._fed = bool(data)
        return data

    async def _next(self, max_bytes: int) -> bytes:
        """Return what came behind the request, then what comes; nothing at the end."""
        if self._leftover:
            data, self._leftover = self._leftover, b""
            return data
        try:
            return await self._stream.receive(max_bytes)
        except STREAM_ERRORS as exc:
            self.ended = not isinstance(exc, anyio.ClosedResourceError)
            if not self.opened.is_set():
                raise Broken("the stream ended within the opening handshake") from exc
            if isinstance(exc, anyio.EndOfStream):
                return b""
            raise trio.BrokenResourceError from exc

    async def aclose(self) -> None:
        """Close the stream, at once."""
        await anyio.aclose_forcefully(self._stream)
