"""When a producer sends Pings, and what it concludes from their Pongs (TS 28.532 11.5.1.1.1).

A Ping serves two ends: it asks for the acknowledgement of the frames before it (DESIGN decision 1),
and it keeps the connection alive when there is nothing to report. Its payload is the number of the
last frame before it, eight bytes, big-endian.
"""

from __future__ import annotations

from collections import deque

from mnstream.core.effects import SendPing
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.values import ConnectionId

PAYLOAD_BYTES = 8


class Pings:
    """The Pings of one channel."""

    __slots__ = ("_asked", "_config", "_idle_since_ms", "_unasked_since_ms", "_waiting")

    def __init__(self, config: ProducerConfig) -> None:
        """Start without a channel."""
        self._config = config
        self._asked = 0
        self._idle_since_ms = 0
        self._unasked_since_ms: int | None = None
        self._waiting: deque[tuple[int, int]] = deque()

    def restart(self, acknowledged: int, now_ms: int) -> None:
        """Begin on a new channel: Pings of the old one will not be answered."""
        self._asked = acknowledged
        self._idle_since_ms = now_ms
        self._unasked_since_ms = None
        self._waiting.clear()

    def note_sent(self, sent: int, now_ms: int) -> None:
        """Note that frames up to number ``sent`` were sent."""
        if self._unasked_since_ms is None and sent > self._asked:
            self._unasked_since_ms = now_ms

    def is_due(self, sent: int, now_ms: int) -> bool:
        """Tell whether a Ping should be sent now."""
        if sent - self._asked >= self._config.ping_frames:
            return True
        if self._unasked_since_ms is not None:
            return now_ms - self._unasked_since_ms >= self._config.ping_interval_ms
        return now_ms - self._idle_since_ms >= self._config.keep_alive_ms

    def ask(self, connection_id: ConnectionId, sent: int, now_ms: int) -> SendPing:
        """Send a Ping after frame ``sent``."""
        self._asked = sent
        self._idle_since_ms = now_ms
        self._unasked_since_ms = None
        self._waiting.append((sent, now_ms))
        return SendPing(connection_id=connection_id, payload=sent.to_bytes(PAYLOAD_BYTES, "big"))

    def answered(self, payload: bytes, now_ms: int) -> int | None:
        """Return the number of the frame that a Pong acknowledges, None when it answers no Ping.

        A Pong answers all Pings before its own (RFC 6455 5.5.3).
        """
        number = int.from_bytes(payload, "big") if len(payload) == PAYLOAD_BYTES else -1
        if not any(asked == number for asked, _ in self._waiting):
            return None
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()
        self._idle_since_ms = now_ms
        return number

    def is_silent(self, now_ms: int) -> bool:
        """Tell whether the oldest Ping has been unanswered for too long."""
        timeout_ms = self._config.pong_timeout_ms
        return bool(self._waiting) and now_ms - self._waiting[0][1] >= timeout_ms

    def next_deadline_ms(self) -> int:
        """Say when a Ping is due or one has been unanswered for too long."""
        if self._unasked_since_ms is not None:
            due_ms = self._unasked_since_ms + self._config.ping_interval_ms
        else:
            due_ms = self._idle_since_ms + self._config.keep_alive_ms
        if self._waiting:
            due_ms = min(due_ms, self._waiting[0][1] + self._config.pong_timeout_ms)
        return due_ms
