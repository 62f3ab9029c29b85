"""The numbers of one epoch, as a consumer knows them: processed, here, lost, missing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from mnstream.core.notification_values import Epoch, Received
from mnstream.core.notifications.gaps import Span, first_missing

LEAP_MAX = 10_000
"""How far ahead a single notification is believed when the producer cannot be asked. What is missed
in some minutes is less; what is invented or broken is mostly far more."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Numbers that cannot be had any more, and why."""

    span: Span
    reason: str


class EpochSequence:
    """What a consumer has of one epoch.

    Attributes:
        epoch: The epoch.
        processed: Everything up to here was handed over, or is reported as lost.
        given: The last one that was handed over, now or before this epoch was followed.
        complete: Everything up to here is here, or lost.
        highest: Nothing above is known to exist. What is here above it is not believed yet.
    """

    __slots__ = ("_buffer_max", "_dropped", "_here", "_lost", "_untouched", "complete", "epoch",
                 "given", "highest", "processed")  # fmt: skip

    def __init__(self, epoch: Epoch, *, processed: int = 0, buffer_max: int) -> None:
        """Begin behind a number."""
        self.epoch = epoch
        self.processed = self.complete = self.highest = self.given = processed
        self._buffer_max = buffer_max
        self._dropped = 0
        self._untouched = processed == 0
        self._here: dict[int, Received] = {}
        self._lost: deque[Lost] = deque()

    @property
    def has_room(self) -> bool:
        """Whether notifications are kept that are not the very next."""
        return len(self._here) < self._buffer_max

    @property
    def missing_count(self) -> int:
        """How many numbers are known to exist and neither here nor lost."""
        above = sum(number > self.complete for number in self._here)
        return max(0, self.highest - self.complete - above)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is missing that is known to exist."""
        return self.complete >= self.highest

    @property
    def lowest_here(self) -> int | None:
        """Lowest number that is here; None for none."""
        return min(self._here, default=None)

    def find(self, number: int) -> Received | None:
        """Give a notification that is here and not processed."""
        return self._here.get(number)

    def close(self) -> None:
        """Take what is behind the first missing number for nothing: it is not of this epoch."""
        for number in self._above():
            del self._here[number]
        self.highest = self.complete

    def proven(self) -> Span | None:
        """Give the first stretch of missing numbers if at least as many came from behind it.

        So whoever invents notifications makes lost at most as many as it invents.
        """
        above = self._above()
        count = min(above, default=self.complete + 1) - self.complete - 1
        return Span(self.complete + 1, self.complete + count) if 0 < count <= len(above) else None

    def doubt(self) -> bool:
        """Believe no more in what is behind the first missing number; tell if any was dropped.

        What came from there is kept while there is room, and counts again when more comes.
        """
        self.highest = self.complete
        is_full = not self.has_room
        if is_full:
            self.close()
        return is_full

    def give_up(self, reason: str, *, leaps: bool = False) -> bool:
        """Take what is missing for lost, as far as that can be believed; tell if more is heard of.

        Nobody can be asked. Only what came from behind proves that something is missing: one
        notification when it is not far ahead, and with ``leaps`` two in a row wherever they are.
        """
        reach = self.complete
        for number in sorted({*self._above(), max(self._dropped, reach)}):
            if number - reach <= LEAP_MAX or (leaps and number + 1 in self._here):
                reach = number
        self.lose(Span(1, reach), reason)
        is_more = self.highest > self.complete
        return self.doubt() or is_more

    def go_back(self, number: int, *, witness: int = 0) -> bool:
        """Take what was lost or left alone above a number for not prepared yet; tell if any was.

        What was handed over stays so, and what is here says that the number is too low. Only when
        something came as well that should have been handed over long ago, and the producer has it,
        what was handed over above was invented.
        """
        is_invented = 0 < witness <= number < self.given
        floor = witness - 1 if is_invented else max(number, self.given)
        if floor >= self.processed or self.complete > self.processed:
            return False
        self.processed = self.complete = floor
        self.given = min(self.given, floor)
        self._lost.clear()
        self.highest = max(floor, number)
        self._complete()
        return True

    def know(self, number: int) -> None:
        """Learn that a number exists."""
        self.highest = max(self.highest, number)

    def start_behind(self, number: int) -> None:
        """Take everything up to a number as processed: it was before this consumer's time."""
        self.processed = max(self.processed, number)
        self.know(number)
        self.complete = max(self.complete, number)
        self._untouched = self._untouched and number <= 0
        self._complete()

    def is_new(self, number: int) -> bool:
        """Tell whether a number is neither processed nor here; a producer may begin at 0 (B2)."""
        if number == 0:
            return self._untouched and 0 not in self._here
        return number > self.processed and number not in self._here

    def add(self, received: Received) -> bool:
        """Keep a new notification; False when there is no room for it."""
        number = received.number.sequence_no
        self.know(number)
        if not self.has_room and number > min(self.complete + 1, self.processed + 2):
            self._dropped = max(self._dropped, number)
            return False
        self._here[number] = received
        self._complete()
        return True

    def lose(self, span: Span, reason: str) -> None:
        """Give up what is missing in a stretch that begins at or below the first missing number."""
        if span.last <= self.complete:
            return
        first = self.complete + 1
        if self._lost and self._lost[-1].reason == reason and self._lost[-1].span.last == first - 1:
            first = self._lost.pop().span.first  # however long it goes on, it is one loss
        self._lost.append(Lost(Span(first, span.last), reason))
        self._complete()

    def missing(self, *, at_most: int) -> Span | None:
        """Give the first stretch of missing numbers that there is room for; None for none."""
        if self.is_finished:
            return None
        room = self._buffer_max - len(self._here)
        if room <= 0:
            if self.complete > self.processed + 1:
                return None  # what is processed makes room
            room = 1  # nothing but this one does
        return first_missing(self.complete, self.highest, self._here, at_most=min(room, at_most))

    def next(self) -> Received | Lost | None:
        """Give what follows the processed numbers, if it is here or lost."""
        if self._untouched and 0 in self._here:
            return self._here[0]
        number = self.processed + 1
        received = self._here.get(number)
        if received is not None or number > self.complete:
            return received
        while self._lost[0].span.last < number:
            self._lost.popleft()
        lost = self._lost[0]
        above = [each for each in self._here if number < each <= lost.span.last]
        return Lost(Span(number, min(above) - 1 if above else lost.span.last), lost.reason)

    def finish(self, number: int) -> None:
        """Note that everything up to a number is processed."""
        self._untouched = False
        if self._here.pop(number, None) is not None:
            self.given = number
        self.processed = number

    def _above(self) -> list[int]:
        return [number for number in self._here if number > self.complete]

    def _complete(self) -> None:
        while True:
            if self.complete + 1 in self._here:
                self.complete += 1
            elif self._lost and self._lost[-1].span.last > self.complete:
                self.complete = self._lost[-1].span.last
            else:
                return
