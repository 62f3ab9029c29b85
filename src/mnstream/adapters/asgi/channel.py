"""A channel on the WebSocket events of an ASGI server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

import anyio
import anyio.lowlevel
from websockets.exceptions import ProtocolError
from websockets.frames import Close, CloseCode

from mnstream.adapters.asgi.messages import SEND_ERRORS, Event, Receive, Send
from mnstream.adapters.http import HttpLimits
from mnstream.ports.channel import Broken, Closed, Message, PeerClosed, PeerViolated, Pong
from mnstream.ports.observer import Observer

AHEAD_BYTES = 65_536
"""How much is taken from the server before it is asked for, in bytes and ..."""
AHEAD_MESSAGES = 1_024
"""... in messages: one read of a socket, which is what a server holds decoded anyway."""

_CONTROL_BYTES_MAX = 125  # RFC 6455 5.5
_REASON_BYTES_MAX = 123

_LOSSES = (CloseCode.ABNORMAL_CLOSURE, CloseCode.SERVICE_RESTART)
"""Codes that no client sends: 1006 never travels, and 1012 is how a server says that it ends."""
_VERDICTS = (
    CloseCode.PROTOCOL_ERROR,
    CloseCode.UNSUPPORTED_DATA,
    CloseCode.INVALID_DATA,
    CloseCode.MESSAGE_TOO_BIG,
)
"""Codes with which servers close by themselves, because the peer broke a rule."""


class AsgiChannel:
    """``ports.channel.Channel`` on a WebSocket that an ASGI server has accepted.

    The server answers Pings and the peer's Close by itself and delivers no Ping: the
    acknowledgement means "received", not "durable" (ARCHITECTURE.md 1). It delivers whole messages
    only, so ``receive`` never returns an empty sequence. ASGI tells a lost connection only by its
    code: what is not surely the peer's own Close counts as a loss, after which a producer may come
    back, while a Close would end its connection.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        limits: HttpLimits,
        observer: Observer,
        on_abort: Callable[[], None],
    ) -> None:
        """Own an accepted WebSocket; ``pump`` has to run.

        Args:
            receive: Gives the next event of the server.
            send: Takes an event.
            limits: What a peer may cost.
            observer: Counts what goes wrong.
            on_abort: Has to make the application return, which is how a server is told to drop
                the connection.
        """
        self._asgi_receive = receive
        self._asgi_send = send
        self._limits = limits
        self._observer = observer
        self._on_abort = on_abort
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._changed: anyio.Event | None = None  # somebody waits for news
        self._lock = anyio.Lock()  # one writer
        self._sending: anyio.CancelScope | None = None  # around the event that the server takes
        self._failure = ""  # why nothing can be sent any more, when that is not our doing
        self._ending: PeerClosed | PeerViolated | None = None  # in `_waiting`, or returned
        self._end_read = False
        self._close_sent = False
        self._closing: anyio.Event | None = None
        self._released = False

    # --- what comes -----------------------------------------------------------------------------

    async def pump(self) -> None:
        """Take events from the server until the WebSocket ends.

        A task of its own, because not every server's ``receive`` may be cancelled without loss.
        """
        while self._ending is None and not self._failure:
            while self._is_full():
                await self._news()
            try:
                event = await self._asgi_receive()
            except SEND_ERRORS as exc:
                self._break("lost", f"the server failed: {exc}")
                return
            if event["type"] == "websocket.receive":
                await self._take(event)
            elif event["type"] == "websocket.disconnect":
                self._take_end(event)

    def _is_full(self) -> bool:
        return len(self._waiting) >= AHEAD_MESSAGES or self._waiting_bytes >= AHEAD_BYTES

    async def _take(self, event: Event) -> None:
        message = cast(bytes | None, event.get("bytes"))
        if message is None:
            # Opcode 0x2 is the only one of TS 28.532 12.5.1.1.4.
            violation = PeerViolated(CloseCode.UNSUPPORTED_DATA, "a text frame")
            await self._answer_violation(violation, "binary messages only")
        elif len(message) > self._limits.message_bytes_max:
            reason = f"more than {self._limits.message_bytes_max} bytes"
            await self._answer_violation(PeerViolated(CloseCode.MESSAGE_TOO_BIG, reason), reason)
        elif self._closing is None:
            self._waiting_bytes += len(message)
            self._deliver(message)

    async def _answer_violation(self, violation: PeerViolated, reason: str) -> None:
        """Send the Close that names a violation; whoever cannot take it goes without."""
        self._ending = violation
        with suppress(Broken, Closed):
            await self._write(_close_event(violation.code, reason), self._limits.close_ms)
        self._end(violation)

    def _take_end(self, event: Event) -> None:
        """Tell the peer's Close from the server's and from a loss.

        uvicorn tells a lost connection with 1005 and no reason at all; a Close without a code has
        an empty one. When we have closed, this may be the echo of that.
        """
        code = int(cast(int, event.get("code", CloseCode.NO_STATUS_RCVD)))
        reason = cast(str | None, event.get("reason")) or ""
        if self._close_sent:
            self._failure = self._failure or "the channel is closed"
            self._wake()
        elif code in _LOSSES or (code == CloseCode.NO_STATUS_RCVD and "reason" not in event):
            self._break("lost", f"the connection was lost ({code})")
        elif code in _VERDICTS:
            self._end(PeerViolated(code, reason))
        else:
            self._end(PeerClosed(code, reason))

    def _end(self, ending: PeerClosed | PeerViolated) -> None:
        self._ending = ending
        if isinstance(ending, PeerViolated):
            self._observer.count("channels_violated", str(int(ending.code)))
        if self._closing is None:
            self._deliver(ending)
        self._wake()

    def _deliver(self, message: Message) -> None:
        self._waiting.append(message)
        self._wake()

    async def receive(self) -> Sequence[Message]:
        """Wait for messages and return all that have arrived, in order; never none.

        Safe to cancel: nothing is lost.

        Raises:
            Broken: The connection was lost, the server ends, or a send failed.
            Closed: ``close`` or ``abort`` was called, or PeerClosed or PeerViolated was returned.
        """
        await anyio.lowlevel.checkpoint()
        while True:
            if self._released or self._closing is not None:
                raise Closed("the channel was closed by us")
            if self._waiting:
                messages = list(self._waiting)
                self._clear()
                self._end_read = isinstance(messages[-1], PeerClosed | PeerViolated)
                return messages
            if self._end_read:
                raise Closed("the peer has said goodbye already")
            if self._failure:
                raise Broken(self._failure)
            await self._news()

    # --- what goes ------------------------------------------------------------------------------

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send binary messages; returns when the server has taken them.

        When it is cancelled or raises, the channel is broken: how much was sent is unknown.

        Raises:
            Broken: The connection was lost, or the server took nothing for ``HttpLimits.send_ms``.
            Closed: ``close`` or ``abort`` was called on this side, or the peer closed.
        """
        self._check_open()
        for message in messages:
            event: dict[str, object] = {"type": "websocket.send", "bytes": bytes(message)}
            await self._write(event, self._limits.send_ms)

    async def ping(self, payload: bytes) -> None:
        """Answer as the peer would, unless the server has told its end; errors as ``send``.

        ASGI has no event for Ping. Dead peers are found by the server's own Pings, at its pace
        (uvicorn: ``--ws-ping-interval``, ``--ws-ping-timeout``, 20 s each), and are told as a loss.
        """
        assert len(payload) <= _CONTROL_BYTES_MAX
        self._check_open()
        pong = Pong(payload)
        if self._ending is None and pong not in self._waiting:
            self._deliver(pong)
        await anyio.lowlevel.checkpoint()

    async def pong(self, payload: bytes) -> None:
        """Do nothing: the server has answered already. Errors as ``send``."""
        self._check_open()
        await anyio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self._released or self._closing is not None:
            raise Closed("the channel was closed by us")
        if self._end_read:
            raise Closed("the peer has said goodbye")
        if self._failure:
            raise Broken(self._failure)

    async def _write(self, event: dict[str, object], limit_ms: int) -> None:
        """Have the server take one event, or never another one."""
        async with self._lock:
            if self._released:
                raise Closed("the channel was closed by us")
            if self._failure:
                raise Broken(self._failure)
            try:
                with anyio.move_on_after(limit_ms / 1000) as self._sending:
                    await self._asgi_send(event)
                    self._close_sent = self._close_sent or event["type"] == "websocket.close"
                    return
            except SEND_ERRORS as exc:
                # How it ended is an event that comes behind what has arrived before.
                with anyio.move_on_after(self._limits.close_ms / 1000):
                    while self._ending is None and not self._failure:
                        await self._news()
                if isinstance(self._ending, PeerClosed):
                    raise Closed("the peer has said goodbye") from exc
                self._break("lost", f"the server took nothing more: {exc}")
                raise Broken(self._failure) from exc
            except anyio.get_cancelled_exc_class():
                self._break("cancelled", "a send was cancelled")
                raise
            finally:
                self._sending = None
            if self._released:
                raise Closed("the channel was closed by us")
            self._break("not_reading", f"the peer took nothing for {limit_ms} ms")
            raise Broken(self._failure)

    def _break(self, cause: str, failure: str) -> None:
        """Remember that the channel is of no use any more, and count it the first time."""
        if not self._failure:
            self._failure = failure
            self._observer.count("channels_broken", cause)
        self._wake()

    # --- the end --------------------------------------------------------------------------------

    async def close(self, code: int, reason: str = "") -> bool:
        """Have the server close, within ``HttpLimits.close_ms``.

        The server waits for the peer's answer by itself and does not tell about it. Returns
        whether the peer closed first or the server has taken our Close. Never raises; calling it
        again does nothing and returns the same. ``code`` is ignored when the peer closed first.
        """
        if self._closing is None:
            self._closing = anyio.Event()
            self._clear()
            try:
                if not (self._released or self._failure or self._ending is not None):
                    with anyio.move_on_after(self._limits.close_ms / 1000):
                        await self._say_goodbye(code, reason)
            finally:
                self._released = True
                self._wake()
                self._closing.set()
        else:
            await self._closing.wait()
        if isinstance(self._ending, PeerViolated):
            return False
        return self._close_sent or self._ending is not None

    async def _say_goodbye(self, code: int, reason: str) -> None:
        with suppress(Broken, Closed):
            await self._write(_close_event(code, reason), self._limits.close_ms)

    async def abort(self) -> None:
        """Make the application return, so that the server drops the connection. Never raises."""
        self._released = True
        self._clear()
        if self._sending is not None:
            self._sending.cancel()
        self._on_abort()

    def _clear(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        self._wake()

    async def _news(self) -> None:
        """Wait until anything is different."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None


def _close_event(code: int, reason: str) -> dict[str, object]:
    """Write a Close; a code that must not be sent becomes 1011, and a long reason is cut."""
    try:
        Close(code, "").check()
    except ProtocolError:
        code = CloseCode.INTERNAL_ERROR
    shortened = reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
    return {"type": "websocket.close", "code": int(code), "reason": shortened}
