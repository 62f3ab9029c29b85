"""Telling a repetition from a restart at a producer that does not tell its epochs (B4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mnstream.core.notification_values import UNTOLD, Number, Received
from mnstream.core.notifications.gaps import Span
from mnstream.core.notifications.sequence import EpochSequence

RECENT_MAX = 1_024
"""Processed notifications whose content is remembered: what a network repeats, it repeats soon."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A number that is here or was processed, asked for again beside those that are missing.

    A producer that does not tell its epochs may have restarted and gone past it already; then the
    number stands for something else.
    """

    number: int
    checksum: int

    def before(self, missing: Span | None) -> Span:
        """Put it in front of what is missing, which it precedes."""
        return Span(self.number, self.number if missing is None else missing.last)

    def is_denied(self, notifications: Iterable[Received]) -> bool:
        """Tell whether the number stands for something else now."""
        return any(
            each.number.sequence_no == self.number and each.content != self.checksum
            for each in notifications
        )


class Recent:
    """What the last processed notifications were like."""

    __slots__ = ("_checksums", "_last_time_ms")

    def __init__(self) -> None:
        """Start without memory."""
        self._checksums: dict[int, int] = {}
        self._last_time_ms: int | None = None

    def remember(self, received: Received) -> None:
        """Remember a notification; the oldest is forgotten."""
        self._checksums[received.number.sequence_no] = received.content
        self._last_time_ms = received.event_time_ms
        if len(self._checksums) > RECENT_MAX:
            del self._checksums[next(iter(self._checksums))]

    def restore(self, number: int, checksum: int) -> None:
        """Remember a notification of which only the checksum is left."""
        self._checksums[number] = checksum

    def checksum(self, number: Number) -> int | None:
        """Give the CRC-32 of a notification that was processed lately, where it is of use."""
        return self._checksums.get(number.sequence_no) if number.epoch == UNTOLD else None

    def anchor(self, sequence: EpochSequence) -> Anchor | None:
        """Give what to ask for again; None where the epoch tells a restart, or nothing is known."""
        number = sequence.complete
        if sequence.epoch != UNTOLD or number == 0:
            return None
        here = sequence.find(number)
        checksum = self._checksums.get(number) if here is None else here.content
        return None if checksum is None else Anchor(number, checksum)

    def is_known(self, received: Received, here: Received | None) -> bool:
        """Tell whether a notification is the same as one that was seen lately.

        Args:
            received: It.
            here: The one of the same number that is not processed yet, if there is one.
        """
        if here is not None:
            return here.content == received.content
        return self._checksums.get(received.number.sequence_no) == received.content

    def is_contradicted(self, received: Received, here: Received | None) -> bool:
        """Tell whether a notification is another than the one of its number that is remembered.

        Args:
            received: It.
            here: The one of the same number that is not processed yet, if there is one.
        """
        is_remembered = here is not None or received.number.sequence_no in self._checksums
        return is_remembered and not self.is_known(received, here)

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
