"""What a reporter has to say on one channel."""

from __future__ import annotations

from collections import deque

import anyio

from mnstream.adapters.runtime.waking import Signal
from mnstream.core.effects import CloseChannel, SendFrames, SendPing
from mnstream.core.values import ConnectionId


class Line:
    """One channel and what is to be sent on it, in order."""

    __slots__ = ("connection_id", "outbox", "over", "scope", "something_to_send")

    def __init__(self, connection_id: ConnectionId) -> None:
        self.connection_id = connection_id
        self.outbox: deque[SendFrames | SendPing | CloseChannel] = deque()
        self.something_to_send = Signal()
        self.scope = anyio.CancelScope()
        self.over = False
        """Whether the core knows that this channel is gone."""

    def put(self, effect: SendFrames | SendPing | CloseChannel) -> None:
        """Send this next, behind what waits already."""
        if self.over:
            self.outbox.clear()  # the consumer has closed: only our Close makes sense
        self.outbox.append(effect)
        self.something_to_send.notify()
