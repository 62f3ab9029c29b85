"""The data pipe of one connection: a WebSocket on the wire, anything else in a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mnstream.core.errors import MnSError


class TransportError(MnSError):
    """The world failed: translate every foreign exception into one of the two below."""


class Closed(TransportError):
    """We closed it, so it cannot be used."""


class Broken(TransportError):
    """They, or the network between us, ended it without saying goodbye."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The peer asks to be told that everything which it sent before has arrived."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    """The peer says that everything which was sent before the Ping of this payload has arrived."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer's Close; answer it with ``close``. Nothing follows it."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class PeerViolated:
    """The peer broke the rules and has been sent ``code``. Nothing follows it."""

    code: int
    reason: str


Message = bytes | Ping | Pong | PeerClosed | PeerViolated
"""One thing that a channel delivers; ``bytes`` is a whole binary message."""


class Channel(Protocol):
    """An ordered, two-way pipe of binary messages with Ping, Pong and a closing handshake.

    One task may receive while others send; two tasks may send at the same time and their messages
    are not mixed. Messages, Pings and Close arrive in the order in which they were sent.
    """

    async def receive(self) -> Sequence[Message]:
        """Wait for messages and return all that have arrived, in order.

        Empty when something arrived that completes no message: a sign of life. The rest of a large
        message may take longer than a peer may be silent, and no Pong comes before its end (RFC
        6455 5.4). A transport that sees whole messages only never returns it, and says so.

        Safe to cancel: nothing is lost.

        Raises:
            Broken: The pipe ended without a closing handshake.
            Closed: ``close`` or ``abort`` was called on this side, or PeerClosed or PeerViolated
                was returned before.
        """
        ...

    async def send(self, messages: Sequence[bytes]) -> None:
        """Send binary messages; returns when the transport has taken them.

        When it is cancelled or raises, the channel is broken: how much was sent is unknown.

        Raises:
            Broken: The pipe ended.
            Closed: ``close`` or ``abort`` was called on this side, or the peer closed.
        """
        ...

    async def ping(self, payload: bytes) -> None:
        """Send a Ping of at most 125 bytes; errors as ``send``."""
        ...

    async def pong(self, payload: bytes) -> None:
        """Answer the received Ping of this payload, now; errors as ``send``.

        A transport that answers by itself does nothing here, and says so in its docstring: its
        acknowledgement means "received", not "durable" (ARCHITECTURE.md 1).
        """
        ...

    async def close(self, code: int, reason: str = "") -> bool:
        """Do our part of the closing handshake, within a time limit, and release the pipe.

        Returns whether the peer's Close was seen. Never raises; calling it again does nothing and
        returns the same. ``code`` is ignored when the peer closed first.
        """
        ...

    async def abort(self) -> None:
        """Release the pipe without a goodbye. Never raises."""
        ...
