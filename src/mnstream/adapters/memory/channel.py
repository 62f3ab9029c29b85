"""Two channels that are each other's peer, with the meaning of a WebSocket and no bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import anyio
import anyio.lowlevel

from mnstream.ports.channel import Broken, Closed, Message, PeerClosed, Ping, Pong

MESSAGES_MAX = 1_024
"""Messages that wait at one end before the other has to. A window of a reporter may be larger: then
sending it waits for who reads, as it does on a socket whose buffer is full."""
CLOSE_MS = 5_000
"""How long ``close`` waits for the peer's Close, and a Ping, Pong or Close for room."""
SEND_MS = 30_000
"""How long a peer may take nothing before it counts as gone; both as over HTTP."""

_CONTROL_BYTES_MAX = 125  # RFC 6455 5.5


class MemoryChannel:
    """One end of a pair; see ``pair``.

    What one end sends is in the other's inbox at once and in order. Nothing is answered by
    itself: a Ping waits for ``pong``, a Close for ``close``.
    """

    def __init__(self, *, messages_max: int, send_ms: int, close_ms: int) -> None:
        self._other = self  # until the pair is made
        self._inbox: deque[Message] = deque()
        self._messages_max = messages_max
        self._send_ms = send_ms
        self._close_ms = close_ms
        self._changed: anyio.Event | None = None  # somebody waits for news of this end
        self._failure = ""  # why the network ended it, once it has
        self._peer_closed = False  # the peer's Close has reached the inbox
        self._goodbye_read = False  # ... and was returned by `receive`
        self._close_sent = False
        self._closing: anyio.Event | None = None
        self._released = False

    @classmethod
    def pair(
        cls,
        *,
        messages_max: int = MESSAGES_MAX,
        send_ms: int = SEND_MS,
        close_ms: int = CLOSE_MS,
    ) -> tuple[MemoryChannel, MemoryChannel]:
        """Return two channels that are each other's peer.

        Args:
            messages_max: Messages that wait at one end before the other has to.
            send_ms: How long an end may take nothing, in milliseconds.
            close_ms: How long ``close`` waits for the peer's Close, in milliseconds.
        """
        one = cls(messages_max=messages_max, send_ms=send_ms, close_ms=close_ms)
        two = cls(messages_max=messages_max, send_ms=send_ms, close_ms=close_ms)
        one._other, two._other = two, one
        return one, two

    async def receive(self) -> Sequence[Message]:
        """Wait for messages and return all that have arrived, in order.

        Never empty: messages arrive whole. Safe to cancel: nothing is lost.

        Raises:
            Broken: The other end was aborted, or the pair was cut.
            Closed: ``close`` or ``abort`` was called, or PeerClosed was returned.
        """
        await anyio.lowlevel.checkpoint()
        while True:
            if self._released or self._closing is not None:
                raise Closed("the channel was closed by us")
            if self._inbox:
                messages = list(self._inbox)
                self._inbox.clear()
                self._goodbye_read = self._peer_closed
                self._other._wake()
                return messages
            if self._goodbye_read:
                raise Closed("the peer has said goodbye already")
            if self._failure:
                raise Broken(self._failure)
            await self._news()

    async def send(self, messages: Sequence[bytes]) -> None:
        """Put binary messages into the other end's inbox; waits for room there.

        When it is cancelled or raises, the channel is broken: how much was sent is unknown.

        Raises:
            Broken: The pair was cut, or the other end was aborted or took nothing for ``send_ms``.
            Closed: ``close`` or ``abort`` was called on this side, or the peer closed.
        """
        self._check_open()
        await self._deliver([bytes(each) for each in messages], self._send_ms)

    async def ping(self, payload: bytes) -> None:
        """Send a Ping of at most 125 bytes; errors as ``send``."""
        assert len(payload) <= _CONTROL_BYTES_MAX
        self._check_open()
        await self._deliver([Ping(payload)], self._send_ms)

    async def pong(self, payload: bytes) -> None:
        """Answer the received Ping of this payload, now; errors as ``send``."""
        assert len(payload) <= _CONTROL_BYTES_MAX
        self._check_open()
        await self._deliver([Pong(payload)], self._send_ms)

    def _check_open(self) -> None:
        if self._released or self._closing is not None:
            raise Closed("the channel was closed by us")
        if self._failure:
            raise Broken(self._failure)
        if self._goodbye_read:
            raise Closed("the peer has said goodbye")

    async def _deliver(self, messages: Sequence[Message], limit_ms: int) -> None:
        """Put messages into the other inbox, each when there is room for it."""
        other = self._other
        try:
            await anyio.lowlevel.checkpoint()
            for message in messages:
                if len(other._inbox) >= self._messages_max:
                    with anyio.fail_after(limit_ms / 1000):
                        while len(other._inbox) >= self._messages_max and not self._ended:
                            await self._news()
                if self._failure:
                    raise Broken(self._failure)
                if self._released:
                    raise Closed("the channel was closed by us")
                other._take(message)
        except TimeoutError as exc:
            self._break(f"the peer took nothing for {limit_ms} ms")
            raise Broken(self._failure) from exc
        except anyio.get_cancelled_exc_class():
            self._break("a send was cancelled")
            raise

    @property
    def _ended(self) -> bool:
        return self._released or bool(self._failure)

    def _take(self, message: Message) -> None:
        """Receive a message into the inbox; an end that is closing keeps none."""
        if isinstance(message, PeerClosed):
            self._peer_closed = True
        if self._closing is None:
            self._inbox.append(message)
        self._wake()

    async def _news(self) -> None:
        """Wait until anything is different at this end."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _break(self, failure: str) -> None:
        """End this end as if by the network; what is in the inbox can still be read."""
        self._failure = self._failure or failure
        self._wake()

    async def close(self, code: int, reason: str = "") -> bool:
        """Do our part of the closing handshake, within ``close_ms``, and release the channel.

        Messages that arrive meanwhile are dropped: ``receive`` raises Closed.

        Returns whether the peer's Close was seen. Never raises; calling it again does nothing and
        returns the same. ``code`` is ignored when the peer closed first.
        """
        if self._closing is not None:
            await self._closing.wait()
            return self._peer_closed
        self._closing = anyio.Event()
        self._inbox.clear()
        self._wake()
        self._other._wake()
        try:
            if not self._ended:
                with anyio.move_on_after(self._close_ms / 1000):
                    await self._say_goodbye(PeerClosed(code, reason))
        finally:
            await self.abort()
            self._closing.set()
        return self._peer_closed

    async def _say_goodbye(self, goodbye: PeerClosed) -> None:
        """Send our Close and wait for the peer's."""
        try:
            await self._deliver([goodbye], self._close_ms)
        except (Broken, Closed):
            return
        self._close_sent = True
        while not self._peer_closed and not self._ended:
            await self._news()

    async def abort(self) -> None:
        """Release the channel without a goodbye. Never raises."""
        if self._released:
            return
        self._released = True
        if not (self._peer_closed and self._close_sent):
            self._other._break("the other end was aborted")
        self._inbox.clear()
        self._wake()

    def cut(self) -> None:
        """End both ends as a broken network does; what was on its way is lost."""
        for end in (self, self._other):
            end._inbox.clear()
            end._break("the network was cut")
