"""A consumer's service that notes what arrives, for tests of what happens in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio

from mnstream.core.errors import OperationError
from mnstream.core.operations import ControlOperation, GetConnectionInfo, GetStreamInfo, Outcome
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Channel, PeerClosed, Ping, TransportError
from mnstream.ports.transport import Peer
from mnstream.testing.services import ScriptedService


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that arrived at the consumer."""

    connection_id: ConnectionId
    payload: bytes


@dataclass(frozen=True, slots=True)
class Terminated:
    """A Close that arrived at the consumer."""

    connection_id: ConnectionId


Arrival = Frame | Terminated | ControlOperation
"""Anything that changes something at a consumer."""


class RecordingService(ScriptedService):
    """Attends to its channels by itself and notes what arrives, in order.

    Attributes:
        arrived: Operations that change something, frames, and Closes.
        answers_pings: Whether it says that it has what arrived.
    """

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[Arrival] = []
        self.answers_pings = True
        self._change = anyio.Event()

    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        """Answer an operation."""
        outcome = await super().perform(operation, peer=peer)
        if not isinstance(operation, GetConnectionInfo | GetStreamInfo):
            self._note(operation)
        return outcome

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        """Accept a channel and receive on it until it ends.

        Raises:
            OperationError: As for ``ScriptedService``.
        """
        refusals: list[OperationError] = []
        async with anyio.create_task_group() as tasks:

            async def accept_and_attend() -> Channel:
                channel = await accept()
                tasks.start_soon(self._attend, connection_id, channel, tasks.cancel_scope)
                return channel

            try:
                await super().run_channel(connection_id, peer=peer, accept=accept_and_attend)
            except OperationError as error:  # raised again below, outside the group
                refusals.append(error)
        for refusal in refusals:
            raise refusal

    async def _attend(
        self, connection_id: ConnectionId, channel: Channel, scope: anyio.CancelScope
    ) -> None:
        with suppress(TransportError):
            while await self._hear(connection_id, channel):
                pass
        scope.cancel()

    async def _hear(self, connection_id: ConnectionId, channel: Channel) -> bool:
        for message in await channel.receive():
            match message:
                case bytes():
                    self._note(Frame(connection_id, message))
                case Ping(payload=payload):
                    if self.answers_pings:
                        await channel.pong(payload)
                case PeerClosed():
                    self._note(Terminated(connection_id))
                    await channel.close(1000)
                    return False
                case _:
                    pass
        return True

    def _note(self, arrival: Arrival) -> None:
        self.arrived.append(arrival)
        self._change.set()
        self._change = anyio.Event()

    async def until(self, arrival: Arrival, times: int = 1) -> None:
        """Wait until this has arrived so many times."""
        looked_at = 0
        while True:
            times -= self.arrived[looked_at:].count(arrival)
            looked_at = len(self.arrived)
            if times <= 0:
                return
            await self._change.wait()

    async def until_payload(self, payload: bytes) -> None:
        """Wait until this frame has arrived, on whatever connection."""
        while payload not in self.payloads():
            await self._change.wait()

    def payloads(self, connection_id: ConnectionId | None = None) -> list[bytes]:
        """Give the frames that arrived, of one connection or of all."""
        return [
            each.payload
            for each in self.arrived
            if isinstance(each, Frame) and connection_id in (None, each.connection_id)
        ]
