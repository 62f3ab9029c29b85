"""The producer's end of one channel on which a capture is played."""

from __future__ import annotations

import anyio

from mnstream.ports.channel import (
    Broken,
    Channel,
    Closed,
    PeerClosed,
    PeerViolated,
    Ping,
    Pong,
    TransportError,
)

_NUMBER_BYTES = 8
_NORMAL_CLOSURE = 1000


class Link:
    """Sends frames and tells when the service has them, durably.

    For one task that delivers; ``listen`` runs beside it as long as the channel lives.
    """

    def __init__(self, channel: Channel) -> None:
        """Take an open channel."""
        self._channel = channel
        self._number = 0
        self._answered = 0
        self._over = False
        self._news = anyio.Event()
        self._listening = anyio.CancelScope()

    @property
    def is_over(self) -> bool:
        """Whether the channel has ended, so that another one is needed."""
        return self._over

    async def listen(self) -> None:
        """Attend to what the service says, until the channel ends."""
        try:
            with self._listening:
                while await self._hear():
                    pass
                await self._channel.abort()
        finally:
            self._over = True
            self._tell()

    async def deliver(self, frames: list[bytes]) -> None:
        """Send frames and return when the service has answered that it has them.

        Raises:
            Broken: The channel ended before; how many of them arrived is unknown.
            Closed: The same, and the service ended it.
        """
        self._number += 1
        number = self._number
        await self._channel.send(frames)
        await self._channel.ping(number.to_bytes(_NUMBER_BYTES, "big"))
        while self._answered < number:
            if self._over:
                raise Broken("the service ended the channel")
            await self._news.wait()

    async def close(self) -> bool:
        """End the connection; returns whether the service agreed."""
        self._listening.cancel()
        return await self._channel.close(_NORMAL_CLOSURE)

    async def abort(self) -> None:
        """End the channel and leave the connection. Never raises."""
        self._over = True
        await self._channel.abort()

    async def _hear(self) -> bool:
        """Take what has arrived; False when nothing will follow."""
        try:
            messages = await self._channel.receive()
        except (Broken, Closed):
            return False
        for message in messages:
            match message:
                case Pong(payload=payload):
                    self._answered = max(self._answered, int.from_bytes(payload, "big"))
                    self._tell()
                case Ping(payload=payload):
                    try:
                        await self._channel.pong(payload)
                    except TransportError:
                        return False
                case PeerClosed(code=code):
                    await self._channel.close(code)
                    return False
                case PeerViolated():
                    return False
                case bytes():
                    pass  # data from a consumer means nothing (12.5.1.1.4)
        return True

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()
