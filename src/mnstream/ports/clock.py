"""Time and entropy, for services; the core gets both inside its events."""

from __future__ import annotations

from typing import Protocol

from mnstream.core.values import ConnectionId


class Clock(Protocol):
    """Where services read time."""

    def monotonic_ms(self) -> int:
        """Return milliseconds that never decrease; the origin means nothing."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since the Unix epoch, UTC."""
        ...


class Entropy(Protocol):
    """Where services get what nobody else may guess or repeat."""

    def token(self) -> str:
        """Return a fresh, unguessable token that is safe in a URI path segment."""
        ...

    def connection_id(self) -> ConnectionId:
        """Return a fresh, unguessable token that is safe in a URI path segment."""
        ...

    def jitter(self) -> float:
        """Return a random number, 0 <= jitter < 1."""
        ...
