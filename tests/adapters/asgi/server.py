"""An ASGI server in the hands of a test: what it gives, and what it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import cast

import anyio
import anyio.lowlevel

from mnstream.adapters.asgi.messages import Event


class FakeServer:
    """The two callables of one ASGI call.

    Attributes:
        taken: Events that the application has sent.
        received: How many events the application has asked for and got.
        refusal: Raised by ``send``, as by a server whose client is gone.
        gate: Awaited by ``send``, as by a server whose client does not read.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.taken: list[dict[str, object]] = []
        self.received = 0
        self.refusal: Exception | None = None
        self.gate: anyio.Event | None = None
        self._events = deque(events)
        self._news = anyio.Event()

    def give(self, *events: Event) -> None:
        self._events.extend(events)
        self._news.set()

    def give_messages(self, *messages: bytes) -> None:
        self.give(*({"type": "websocket.receive", "bytes": each} for each in messages))

    async def receive(self) -> Event:
        while not self._events:
            self._news = anyio.Event()
            await self._news.wait()
        self.received += 1
        return self._events.popleft()

    async def send(self, event: dict[str, object]) -> None:
        await anyio.lowlevel.checkpoint()
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(event)

    @property
    def status(self) -> object:
        return self.taken[0].get("status")

    def header(self, name: bytes) -> str | None:
        headers = cast(list[tuple[bytes, bytes]], self.taken[0]["headers"])
        return next((value.decode() for each, value in headers if each == name), None)
