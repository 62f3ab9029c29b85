"""Telling a repetition from a restart at a producer that does not tell its epochs (B4)."""

from __future__ import annotations

from zlib import crc32

from mnstream.core.notification_values import Received

RECENT_MAX = 1_024
"""Processed notifications whose content is remembered: what a network repeats, it repeats soon."""


class Recent:
    """What the last processed notifications were like."""

    __slots__ = ("_checksums", "_last_time_ms")

    def __init__(self) -> None:
        """Start without memory."""
        self._checksums: dict[int, int] = {}
        self._last_time_ms: int | None = None

    def remember(self, received: Received) -> None:
        """Remember a notification; the oldest is forgotten."""
        self._checksums[received.number.sequence_no] = crc32(received.payload)
        self._last_time_ms = received.event_time_ms
        if len(self._checksums) > RECENT_MAX:
            del self._checksums[next(iter(self._checksums))]

    def is_known(self, received: Received, here: Received | None) -> bool:
        """Tell whether a notification is the same, byte for byte, as one that was seen lately.

        Args:
            received: It.
            here: The one of the same number that is not processed yet, if there is one.
        """
        if here is not None:
            return here.payload == received.payload
        return self._checksums.get(received.number.sequence_no) == crc32(received.payload)

    def is_repetition(self, received: Received, here: Received | None) -> bool:
        """Tell whether a number that was seen before stands for the same notification as before.

        Args:
            received: It.
            here: The one of the same number that is not processed yet, if there is one.
        """
        if here is not None or self.is_known(received, here):
            return self.is_known(received, here)
        if self._last_time_ms is None or received.event_time_ms is None:
            return received.number.sequence_no not in self._checksums
        return received.event_time_ms <= self._last_time_ms
