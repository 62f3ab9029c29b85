"""How operations travel: what a producer drives, and what a consumer's transport calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Who is at the other end.

    Attributes:
        identity: Authenticated name, for example the subject of a client certificate; empty when
            the transport does not authenticate.
        address: Where they come from, ``HOST:PORT``. It decides nothing about the service; only
            what this machine may see of its administration.
    """

    identity: str = ""
    address: str = ""


class ProducerTransport(Protocol):
    """A producer's way to one consumer. Every call has a time limit of its own."""

    async def request(self, operation: ControlOperation) -> Outcome:
        """Carry out a control operation and return the consumer's answer, good or bad.

        Raises:
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
            LocalProtocolError: This transport has no form for the operation.
        """
        ...

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        """Open the data pipe of a connection.

        Raises:
            OperationError: The consumer answered and refused.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        ...

    async def aclose(self) -> None:
        """Release what is kept between calls. Never raises."""
        ...


class StreamingService(Protocol):
    """A consumer's service, as its transports see it. Calls may overlap."""

    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        """Answer a control operation; what it changed is durable when this returns."""
        ...

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        """Attend to the data pipe of a connection until it ends.

        ``accept`` is called at most once, after the service has agreed; it answers the producer and
        returns the channel. Exceptions of ``accept`` pass through.

        Raises:
            OperationError: The service refuses; ``accept`` was not called.
        """
        ...
