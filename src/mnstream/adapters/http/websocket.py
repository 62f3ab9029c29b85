"""A channel on a byte stream: RFC 6455 over anything that anyio calls a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import anyio
from anyio.abc import ByteStream

from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, NO_OBSERVER, HttpLimits
from mnstream.adapters.http.frames import FRAME_HEAD_BYTES_MAX, FrameCodec
from mnstream.adapters.http.wire import (
    IO_BYTES,
    STREAM_ERRORS,
    NotReading,
    drain,
    linger,
    lost,
    write,
)
from mnstream.ports.channel import Broken, Closed, Message, PeerViolated
from mnstream.ports.observer import Observer


class WebSocketChannel:
    """``ports.channel.Channel`` after the opening handshake, for both sides.

    A received Ping is answered by ``pong`` only, and the peer's Close by ``close`` only: no other
    call lets an answer out. A violation is answered within ``receive``.
    """

    __slots__ = (
        "_closed",
        "_closing",
        "_codec",
        "_failure",
        "_limits",
        "_lock",
        "_observer",
        "_pending",
        "_reading",
        "_server",
        "_stream",
        "_woken",
    )

    def __init__(
        self,
        stream: ByteStream,
        *,
        server: bool,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        observer: Observer = NO_OBSERVER,
        leftover: bytes = b"",
    ) -> None:
        """Own ``stream`` from now on; ``leftover`` came behind the handshake already."""
        self._stream = stream
        self._server = server
        self._limits = limits
        self._observer = observer
        self._codec = FrameCodec(server=server, message_bytes_max=limits.message_bytes_max)
        self._lock = anyio.Lock(fast_acquire=True)  # one writer
        self._pending = self._codec.feed(leftover) if leftover else None  # decoded, not returned
        self._failure = ""  # why nothing can be sent any more, when that is the network's fault
        self._reading = False
        self._woken: anyio.Event | None = None  # set when whoever reads stops reading
        self._closing: anyio.Event | None = None  # set when the first `close` is done
        self._closed = False  # the stream is released

    async def receive(self) -> Sequence[Message]:
        """Wait for messages and return all that have arrived, in order.

        Empty when what was read, at most 64 KiB, completes no message: the peer is alive.
        Safe to cancel: nothing is lost. One task may receive at a time.

        Raises:
            Broken: The stream ended without a Close, or a send failed.
            Closed: ``close`` or ``abort`` was called, or PeerClosed or PeerViolated was returned.
        """
        while True:
            if self._closed or self._closing is not None:
                raise Closed("the channel was closed by us")
            if self._pending is not None:
                messages = self._pending
                if messages and isinstance(messages[-1], PeerViolated):
                    await self._answer_violation()
                self._pending = None
                return messages
            if self._codec.ended:
                raise Closed("the peer has said goodbye already")
            if self._failure:
                raise Broken(self._failure)
            self._pending = await self._read()

    async def _read(self) -> list[Message]:
        """Read once and decode; nobody else may be reading."""
        self._reading = True
        try:
            data = await self._stream.receive(IO_BYTES)
        except STREAM_ERRORS as exc:
            if self._closed or self._closing is not None:
                raise Closed("the channel was closed by us") from exc
            self._broke("lost", lost(exc))
            raise Broken(self._failure) from exc
        finally:
            self._reading = False
            if self._woken is not None:
                self._woken.set()
        return self._codec.feed(data)

    async def _answer_violation(self) -> None:
        """Send the Close that names the violation, once; whoever cannot take it goes without."""
        frame, self._codec.goodbye = self._codec.goodbye, b""
        if not frame:
            return
        assert self._pending
        violation = self._pending[-1]
        assert isinstance(violation, PeerViolated)
        self._observer.count("channels_violated", str(violation.code))
        try:
            await self._write([frame], self._limits.close_ms)
        except (Broken, Closed):
            return

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send binary messages; returns when the transport has taken them.

        When it is cancelled or raises, the channel is broken: how much was sent is unknown.

        Raises:
            Broken: The stream ended, or nothing was taken for ``HttpLimits.send_ms``.
            Closed: ``close`` or ``abort`` was called on this side, or the peer closed.
        """
        self._check_open()
        await self._write(self._encoded(messages), self._limits.send_ms)

    def _encoded(self, messages: Sequence[bytes]) -> Iterator[bytes]:
        """Encode messages in portions, so that a large window is not in memory twice."""
        portion: list[bytes] = []
        size = 0
        for message in messages:
            cost = len(message) + FRAME_HEAD_BYTES_MAX
            if portion and size + cost > IO_BYTES:
                yield self._codec.binary(portion)
                portion, size = [], 0
            portion.append(message)
            size += cost
        if portion:
            yield self._codec.binary(portion)

    async def ping(self, payload: bytes) -> None:
        """Send a Ping of at most 125 bytes; errors as ``send``."""
        self._check_open()
        await self._write([self._codec.ping(payload)], self._limits.send_ms)

    async def pong(self, payload: bytes) -> None:
        """Answer the received Ping of this payload, now; errors as ``send``.

        RFC 6455 5.5.3 allows to answer only the latest of several Pings.
        """
        self._check_open()
        await self._write([self._codec.pong(payload)], self._limits.send_ms)

    def _check_open(self) -> None:
        if self._closed or self._closing is not None:
            raise Closed("the channel was closed by us")
        if self._failure:
            raise Broken(self._failure)
        if self._codec.ended:
            raise Closed("the peer has said goodbye")

    async def _write(self, portions: Iterable[bytes], limit_ms: int) -> None:
        """Write bytes, all of them or never again."""
        async with self._lock:
            if self._closed:
                raise Closed("the channel was closed by us")
            if self._failure:
                raise Broken(self._failure)
            try:
                for portion in portions:
                    await write(self._stream, portion, limit_ms)
            except Broken as exc:
                self._broke("not_reading" if isinstance(exc, NotReading) else "lost", str(exc))
                raise
            except BaseException:  # cancelled: part of a frame may be on its way
                self._broke("cancelled", "a send was cancelled")
                raise

    def _broke(self, cause: str, failure: str) -> None:
        """Remember that the channel is of no use any more, and count it the first time."""
        if not self._failure:
            self._failure = failure
            self._observer.count("channels_broken", cause)

    async def close(self, code: int, reason: str = "") -> bool:
        """Do our part of the closing handshake and release the stream.

        Takes ``HttpLimits.close_ms`` at most for our Close and the peer's, and, after a violation
        of the peer, ``HttpLimits.linger_ms`` to let it read what it was told. Messages that
        arrive meanwhile are dropped: ``receive`` raises Closed. Cancelled, it releases the stream.

        Returns whether the peer's Close was seen. Never raises; calling it again does nothing and
        returns the same. ``code`` is ignored when the peer closed first.
        """
        if self._closing is not None:
            await self._closing.wait()
            return self._codec.peer_closed
        self._closing = anyio.Event()
        try:
            if not self._closed:
                with anyio.move_on_after(self._limits.close_ms / 1000):
                    await self._say_goodbye(code, reason)
                await self._part()
        finally:
            await self.abort()
            self._closing.set()
        return self._codec.peer_closed

    async def _say_goodbye(self, code: int, reason: str) -> None:
        """Send our Close, or the answer to the peer's, and wait for theirs."""
        codec = self._codec
        if codec.ended:
            frame, codec.goodbye = codec.goodbye, b""
        else:
            frame = codec.close(code, reason)
        try:
            if frame:
                await self._write([frame], self._limits.close_ms)
            while not codec.ended:
                if self._reading:
                    self._woken = anyio.Event()
                    await self._woken.wait()
                else:
                    await self._read()
        except (Broken, Closed):
            return

    async def _part(self) -> None:
        """End the byte stream so that the peer still reads what was written last.

        RFC 6455 7.1.1: the server closes first, the client waits for that. Closing over bytes that
        were not read would reset the connection, hence reading on after a violation.
        """
        codec = self._codec
        if self._failure or not codec.ended:
            return
        if not self._server:
            with anyio.move_on_after(self._limits.close_ms / 1000):
                await drain(self._stream, self._limits.linger_bytes_max)
        elif not codec.peer_closed:
            await linger(self._stream, self._limits)

    async def abort(self) -> None:
        """Release the stream without a goodbye. Never raises."""
        if self._closed:
            return
        self._closed = True
        await anyio.aclose_forcefully(self._stream)
