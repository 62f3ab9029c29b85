"""A channel on trio-websocket."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import anyio
import h11
import trio
from anyio.abc import TaskStatus
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.connection import ConnectionState
from wsproto.utilities import ProtocolError

from mnstream.adapters.http import HttpLimits
from mnstream.adapters.trio_websocket.streams import TrioStream
from mnstream.ports.channel import Broken, Closed, Message, PeerClosed, PeerViolated, Pong
from mnstream.ports.observer import Observer

QUEUE = 0
"""Messages that trio-websocket keeps for itself: none, because it throws them away when the peer
breaks a rule, although it may have answered a Ping behind them."""
_WAITING_MAX = 1_024  # messages that wait for `receive` before the socket is not read any more
_UNSUPPORTED_DATA = 1003
_PROTOCOL_ERROR = 1002
_ABNORMAL_CLOSURE = 1006
_CONTROL_BYTES_MAX = 125

READER_ERRORS = (ConnectionClosed, ConnectionRejected, Broken, h11.ProtocolError, ProtocolError)
OpenConnection = Callable[[trio.Nursery], Awaitable[WebSocketConnection]]
"""Does the opening handshake; the nursery is for the reader task of trio-websocket."""


class TrioWebSocketChannel:
    """``ports.channel.Channel`` on a connection of trio-websocket.

    It answers Pings and the peer's Close by itself and delivers no Ping: its acknowledgement means
    "received", not "durable" (ARCHITECTURE.md 1). A peer that breaks RFC 6455 itself (1002, 1007)
    is left without a Close. It reads one message at a time, at about a
    thirtieth of the speed of ``adapters.http``; it is here for those who have trio-websocket in
    service already.
    """

    def __init__(
        self,
        connection: WebSocketConnection,
        stream: TrioStream,
        *,
        limits: HttpLimits,
        observer: Observer,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._limits = limits
        self._observer = observer
        self._waiting: deque[Message] = deque()
        self._changed = trio.Event()  # set and replaced whenever there are news
        self._lock = trio.Lock()
        self._pings: deque[bytes] = deque()  # in the order in which they were sent
        self._answered: set[bytes] = set()
        self._tasks: trio.Nursery | None = None
        self._failure = ""
        self._delivered = False  # a message since the last read
        self._alive = False  # something arrived that completed no message
        self._goodbye_seen = False  # the last message is in `_waiting` or was returned
        self._peer_closed = False
        self._closing: trio.Event | None = None
        self._released = False
        stream.on_digested = self._digested

    @classmethod
    async def host(
        cls,
        stream: TrioStream,
        open_connection: OpenConnection,
        limits: HttpLimits,
        observer: Observer,
        *,
        task_status: TaskStatus[TrioWebSocketChannel] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Open a connection, give its channel to ``task_status`` and serve it to its end.

        Raises:
            ConnectionRejected: The server refused.
            Broken: The stream ended within the handshake, or it was none.
        """
        channel: TrioWebSocketChannel | None = None
        try:
            async with trio.open_nursery() as tasks:
                connection = await open_connection(tasks)
                stream.opened.set()
                channel = cls(connection, stream, limits=limits, observer=observer)
                channel._tasks = tasks
                task_status.started(channel)
                await channel._pump()
                while not channel._released:
                    await channel._changed.wait()
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # The reader task of trio-websocket lets these out, mostly while it answers.
            expected, other = group.split(READER_ERRORS)
            if other is not None:
                raise other from None
            if channel is None:
                assert expected is not None
                error = expected.exceptions[0]
                if isinstance(error, ConnectionRejected | Broken):
                    raise error from None
                raise Broken(f"the opening handshake failed: {error}") from error
        finally:
            if channel is not None:
                channel._tasks = None
                channel._break("the connection was given up", "lost")

    async def _pump(self) -> None:
        """Move messages from trio-websocket to ``receive`` until there are no more."""
        while True:
            try:
                message = await self._connection.get_message()
            except ConnectionClosed as exc:
                self._end(exc)
                return
            if isinstance(message, str):
                self._violated(_UNSUPPORTED_DATA, "a text frame")
                with trio.move_on_after(self._limits.close_ms / 1000):
                    await self._connection.aclose(_UNSUPPORTED_DATA, "binary messages only")
                return
            self._waiting.append(bytes(message))
            self._delivered = True
            self._wake()
            while len(self._waiting) >= _WAITING_MAX and self._closing is None:
                await self._changed.wait()

    def _end(self, exc: ConnectionClosed) -> None:
        """Find out how a connection ended, which trio-websocket tells in one exception."""
        code = exc.reason.code if exc.reason is not None else _ABNORMAL_CLOSURE
        reason = (exc.reason.reason or "") if exc.reason is not None else ""
        self._peer_closed = _both_closed(self._connection)
        if self._closing is not None:
            self._wake()
        elif self._peer_closed:
            self._goodbye_seen = True
            self._waiting.append(PeerClosed(code, reason))
            self._wake()
        elif code != _ABNORMAL_CLOSURE:
            self._violated(code, reason)  # 1009, which trio-websocket has sent
        elif not self._stream.ended:
            # Nobody closed but trio-websocket itself; which rule was broken it does not tell.
            self._violated(_PROTOCOL_ERROR, "protocol error")
        else:
            self._break("the peer ended the stream", "lost")

    def _violated(self, code: int, reason: str) -> None:
        self._goodbye_seen = True
        self._observer.count("channels_violated", str(code))
        self._waiting.append(PeerViolated(code, reason))
        self._wake()

    def _break(self, failure: str, cause: str) -> None:
        if not self._failure and not self._goodbye_seen and self._closing is None:
            self._failure = failure
            self._observer.count("channels_broken", cause)
        self._wake()

    def _digested(self) -> None:
        """Take a read that gave no message for a sign of life: part of one, or a Ping."""
        if not self._delivered:
            self._alive = True
            self._wake()
        self._delivered = False

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def receive(self) -> Sequence[Message]:
        """Wait for messages and return all that have arrived, in order.

        Empty after a read, of 64 KiB at most, that gave no message: part of one, or a Ping, which
        trio-websocket keeps to itself. Safe to cancel: nothing is lost.

        Raises:
            Broken: The stream ended without a Close, or a send failed.
            Closed: ``close`` or ``abort`` was called, or PeerClosed or PeerViolated was returned.
        """
        await trio.lowlevel.checkpoint()
        while True:
            if self._released or self._closing is not None:
                raise Closed("the channel was closed by us")
            if self._waiting:
                messages = list(self._waiting)
                self._waiting.clear()
                self._alive = False
                self._wake()
                return messages
            if self._goodbye_seen:
                raise Closed("the peer has said goodbye already")
            if self._failure:
                raise Broken(self._failure)
            if self._alive:
                self._alive = False
                return []
            await self._changed.wait()

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send binary messages, one write each.

        When it is cancelled or raises, the channel is broken: how much was sent is unknown.

        Raises:
            Broken: The stream ended, or took nothing for ``HttpLimits.send_ms``.
            Closed: ``close`` or ``abort`` was called on this side, or the peer closed.
        """
        self._check_open()
        async with self._lock:
            for message in messages:
                await self._write(partial(self._connection.send_message, message))

    async def ping(self, payload: bytes) -> None:
        """Send a Ping of at most 125 bytes, soon; errors as ``send``.

        A Ping whose payload is still on its way is not sent again: one Pong answers both.
        """
        assert len(payload) <= _CONTROL_BYTES_MAX
        self._check_open()
        if payload not in self._pings:
            self._pings.append(payload)
            assert self._tasks is not None
            self._tasks.start_soon(self._await_pong, payload)
        await trio.lowlevel.checkpoint()

    async def pong(self, payload: bytes) -> None:
        """Do nothing: trio-websocket has answered already. Errors as ``send``."""
        self._check_open()
        await trio.lowlevel.checkpoint()

    async def _await_pong(self, payload: bytes) -> None:
        """Send a Ping and turn its end into a Pong, in the order of the Pings."""
        with suppress(ConnectionClosed):
            await self._connection.ping(payload)
            self._answered.add(payload)
            while self._pings and self._pings[0] in self._answered:
                first = self._pings.popleft()
                self._answered.discard(first)
                self._waiting.append(Pong(first))
            self._wake()

    def _check_open(self) -> None:
        if self._released or self._closing is not None:
            raise Closed("the channel was closed by us")
        if self._failure:
            raise Broken(self._failure)
        reason = self._connection.closed
        if self._goodbye_seen or (reason is not None and reason.code != _ABNORMAL_CLOSURE):
            raise Closed("the peer has said goodbye")
        if reason is not None:
            raise Broken("the stream ended")

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write one message, whole or never again."""
        try:
            with trio.fail_after(self._limits.send_ms / 1000):
                await write()
        except trio.TooSlowError as exc:
            self._break(f"the peer took nothing for {self._limits.send_ms} ms", "not_reading")
            raise Broken(self._failure) from exc
        except ConnectionClosed as exc:
            if self._released or self._closing is not None:
                raise Closed("the channel was closed by us") from exc
            code = exc.reason.code if exc.reason is not None else _ABNORMAL_CLOSURE
            if code != _ABNORMAL_CLOSURE:
                raise Closed("the peer has said goodbye") from exc
            self._break("the stream ended", "lost")
            raise Broken("the stream ended") from exc
        except trio.Cancelled:
            self._break("a send was cancelled", "cancelled")
            raise

    async def close(self, code: int, reason: str = "") -> bool:
        """Do our part of the closing handshake, within ``HttpLimits.close_ms``.

        Returns whether the peer's Close was seen. Never raises; calling it again does nothing and
        returns the same. ``code`` is ignored when the peer closed first.
        """
        if self._closing is not None:
            await self._closing.wait()
            return self._peer_closed
        self._closing = trio.Event()
        self._waiting.clear()
        self._wake()
        try:
            if not (self._released or self._failure):
                with trio.move_on_after(self._limits.close_ms / 1000):
                    await self._connection.aclose(code, reason or None)
                    self._peer_closed = _both_closed(self._connection)
        finally:
            await self.abort()
            self._closing.set()
        return self._peer_closed

    async def abort(self) -> None:
        """Release the stream without a goodbye. Never raises."""
        if self._released:
            return
        self._released = True
        self._wake()
        with trio.CancelScope() as scope:
            scope.cancel()
            await self._stream.aclose()


def _both_closed(connection: WebSocketConnection) -> bool:
    """Tell whether both Closes are exchanged; the public ``closed`` is set by either."""
    protocol = connection._wsproto  # pyright: ignore[reportPrivateUsage]
    return protocol.state is ConnectionState.CLOSED
