"""When a producer sends Pings, and what it concludes from their Pongs (TS 28.532 11.5.1.1.1).

A Ping serves two ends: it asks for the acknowledgement of the frames before it, and it keeps the
connection alive when there is nothing to report. Its payload is the number of the last frame before
it, eight bytes, big-endian.

A slow link is not a dead one. A Ping that waits behind other bytes is not unanswered yet, so its
time runs from when it has left; and whatever is answered shows that the consumer lives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from mnstream.core.effects import SendPing
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.values import ConnectionId

PAYLOAD_BYTES = 8


class Pings:
    """The Pings of one channel."""

    __slots__ = (
        "_asked",
        "_config",
        "_heard_ms",
        "_idle_since_ms",
        "_unasked_bytes",
        "_unasked_since_ms",
        "_unsent",
        "_waiting",
    )

    def __init__(self, config: ProducerConfig) -> None:
        """Start without a channel."""
        self._config = config
        self._unsent: deque[int] = deque()  # asked for, not handed to the network yet
        self._waiting: deque[tuple[int, int]] = deque()  # number, and when it left
        self.restart(0, 0)

    def restart(self, acknowledged: int, now_ms: int) -> None:
        """Begin on a new channel: Pings of the old one will not be answered."""
        self._asked = acknowledged
        self._heard_ms = now_ms
        self._idle_since_ms = now_ms
        self._unasked_bytes = 0
        self._unasked_since_ms: int | None = None
        self._unsent.clear()
        self._waiting.clear()

    def portions(self, frames: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """Split frames so that a Ping can follow each portion."""
        start = size_bytes = 0
        for end, frame in enumerate(frames, start=1):
            size_bytes += len(frame)
            if end - start >= self._config.ping_frames or size_bytes >= self._config.ping_bytes:
                yield frames[start:end]
                start, size_bytes = end, 0
        if start < len(frames):
            yield frames[start:]

    def note_sent(self, sent: int, size_bytes: int, now_ms: int) -> None:
        """Note that frames up to number ``sent`` were sent, ``size_bytes`` more than before."""
        self._unasked_bytes += size_bytes
        if self._unasked_since_ms is None and sent > self._asked:
            self._unasked_since_ms = now_ms

    def is_due(self, sent: int, now_ms: int) -> bool:
        """Tell whether a Ping should be sent now."""
        if sent - self._asked >= self._config.ping_frames:
            return True
        if self._unasked_bytes >= self._config.ping_bytes:
            return True
        if self._unasked_since_ms is not None:
            return now_ms - self._unasked_since_ms >= self._config.ping_interval_ms
        return now_ms - self._idle_since_ms >= self._config.keep_alive_ms

    def ask(self, connection_id: ConnectionId, sent: int, now_ms: int) -> SendPing:
        """Send a Ping after frame ``sent``."""
        self._asked = sent
        self._idle_since_ms = now_ms
        self._unasked_bytes = 0
        self._unasked_since_ms = None
        self._unsent.append(sent)
        return SendPing(connection_id=connection_id, payload=sent.to_bytes(PAYLOAD_BYTES, "big"))

    def left(self, payload: bytes, now_ms: int) -> None:
        """Note that the Ping of this payload, and all before it, were handed to the network."""
        number = _number(payload)
        while self._unsent and self._unsent[0] <= number:
            self._waiting.append((self._unsent.popleft(), now_ms))

    def answered(self, payload: bytes, now_ms: int) -> int | None:
        """Return the number of the frame that a Pong acknowledges, None when it answers no Ping.

        A Pong answers all Pings before its own (RFC 6455 5.5.3). It may be noticed before it is
        noticed that its Ping has left.
        """
        number = _number(payload)
        if number not in self._unsent and not any(asked == number for asked, _ in self._waiting):
            return None
        self.left(payload, now_ms)
        while self._waiting and self._waiting[0][0] <= number:
            self._waiting.popleft()
        self._heard_ms = self._idle_since_ms = now_ms
        return number

    def is_silent(self, now_ms: int) -> bool:
        """Tell whether nothing was answered for too long."""
        silent_ms = self._silent_ms()
        return silent_ms is not None and silent_ms <= now_ms

    def next_deadline_ms(self) -> int:
        """Say when a Ping is due, or nothing was answered for too long."""
        if self._unasked_since_ms is not None:
            due_ms = self._unasked_since_ms + self._config.ping_interval_ms
        else:
            due_ms = self._idle_since_ms + self._config.keep_alive_ms
        silent_ms = self._silent_ms()
        return due_ms if silent_ms is None else min(due_ms, silent_ms)

    def _silent_ms(self) -> int | None:
        if not self._waiting:
            return None
        return max(self._waiting[0][1], self._heard_ms) + self._config.pong_timeout_ms


def _number(payload: bytes) -> int:
    return int.from_bytes(payload, "big") if len(payload) == PAYLOAD_BYTES else -1
