"""A producer's transport straight into a consumer's service."""

from __future__ import annotations

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from mnstream.adapters.memory.channel import (
    CLOSE_MS,
    MESSAGES_MAX,
    SEND_MS,
    MemoryChannel,
)
from mnstream.core.errors import OperationError
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Broken, Channel, Closed
from mnstream.ports.transport import Peer, StreamingService

REQUEST_MS = 30_000
"""How long an operation or an upgrade may take, as over HTTP."""


class MemoryTransport:
    """``ports.transport.ProducerTransport`` into a ``StreamingService`` of the same process.

    Operations and outcomes are handed over as they are. The service's side of a channel runs in
    ``tasks``. What it raises after it has accepted, which is a mistake of ours, ends that task
    group: no server is between them that could log it.

    Attributes:
        reachable: Set it to False to make every request fail with Broken, as a missing route does.
    """

    def __init__(
        self,
        service: StreamingService,
        *,
        tasks: TaskGroup,
        peer: Peer | None = None,
        messages_max: int = MESSAGES_MAX,
        request_ms: int = REQUEST_MS,
        send_ms: int = SEND_MS,
        close_ms: int = CLOSE_MS,
    ) -> None:
        """Keep the service.

        Args:
            service: The consumer.
            tasks: Where its channels are attended to.
            peer: What it is told about the producer.
            messages_max: Messages that wait at one end of a channel before the other has to.
            request_ms: Time limit of an operation and of opening a channel.
            send_ms: How long an end of a channel may take nothing.
            close_ms: How long the closing of a channel waits for the peer.
        """
        self.reachable = True
        self._service = service
        self._tasks = tasks
        self._peer = peer or Peer(address="memory")
        self._messages_max = messages_max
        self._request_ms = request_ms
        self._send_ms = send_ms
        self._close_ms = close_ms
        self._channels: set[MemoryChannel] = set()  # the producer's ends of those that live
        self._closed = False

    async def request(self, operation: ControlOperation) -> Outcome:
        """Carry out a control operation; calls may overlap.

        Raises:
            Broken: Not ``reachable``, or no answer within ``request_ms``.
            Closed: After ``aclose``.
        """
        await self._travel()
        try:
            with anyio.fail_after(self._request_ms / 1000):
                return await self._service.perform(operation, peer=self._peer)
        except TimeoutError as exc:
            raise Broken(f"no answer within {self._request_ms} ms") from exc

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        """Open the channel of a connection.

        Raises:
            OperationError: The service refused.
            Broken: Not ``reachable``, the service ended without an answer, or none came within
                ``request_ms``.
            Closed: After ``aclose``.
        """
        await self._travel()
        opening = _Opening()
        self._tasks.start_soon(self._attend, connection_id, opening)
        try:
            with anyio.fail_after(self._request_ms / 1000):
                await opening.decided.wait()
        except TimeoutError as exc:
            raise Broken(f"no answer within {self._request_ms} ms") from exc
        finally:
            if not opening.decided.is_set():
                opening.scope.cancel()
        if opening.refusal is not None:
            raise opening.refusal
        if opening.channel is None:
            raise Broken("the service ended without an answer")
        return opening.channel

    async def aclose(self) -> None:
        """Take no more requests. Channels stay open. Never raises."""
        self._closed = True

    def cut(self) -> None:
        """Lose every channel at once, as a broken network does; what was on its way is lost."""
        for channel in self._channels:
            channel.cut()
        self._channels.clear()

    async def _travel(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self._closed:
            raise Closed("the transport was closed by us")
        if not self.reachable:
            raise Broken("no route to the consumer")

    async def _attend(self, connection_id: ConnectionId, opening: _Opening) -> None:
        """Run the service's side of one channel."""
        consumer_end: MemoryChannel | None = None

        async def accept() -> Channel:
            await anyio.lowlevel.checkpoint()
            nonlocal consumer_end
            assert consumer_end is None, "accepted once"
            opening.channel, consumer_end = MemoryChannel.pair(
                messages_max=self._messages_max, send_ms=self._send_ms, close_ms=self._close_ms
            )
            self._channels.add(opening.channel)
            opening.decided.set()
            return consumer_end

        with opening.scope:
            try:
                await self._service.run_channel(connection_id, peer=self._peer, accept=accept)
            except OperationError as refusal:
                if opening.decided.is_set():
                    raise
                opening.refusal = refusal
            finally:
                opening.decided.set()
                if consumer_end is not None:
                    await consumer_end.abort()
                if opening.channel is not None:
                    self._channels.discard(opening.channel)


class _Opening:
    """What becomes of one upgrade."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.decided = anyio.Event()
        self.channel: MemoryChannel | None = None
        self.refusal: OperationError | None = None
