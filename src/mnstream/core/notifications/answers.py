"""What answers of the producer do to the numbers of an epoch; how many bad ones are borne."""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.events import DeadlineReached
from mnstream.core.notification_events import FetchFailed, RangeFetched
from mnstream.core.notification_values import StoredRange
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.gaps import Span, plan
from mnstream.core.notifications.sequence import EpochSequence
from mnstream.core.pauses import pause_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of an answer.

    Attributes:
        recovered: Notifications that were missing.
        must_go_on: Whether more is missing and it makes sense to ask for it at once.
        dropped: Whether notifications that nobody confirms had to make room.
    """

    recovered: int
    must_go_on: bool
    dropped: bool


class Answers:
    """Takes answers, and remembers how many in a row led nowhere, failed or were refused."""

    __slots__ = ("_config", "_failures", "_fruitless", "_refusals")

    def __init__(self, config: NotificationConsumerConfig) -> None:
        """Keep how many are borne."""
        self._config = config
        self._failures = self._refusals = self._fruitless = 0

    def pause_ms(self, event: FetchFailed | DeadlineReached) -> int:
        """Count a request that failed, or was not answered; say how long to wait for the next."""
        self._failures += 1
        self._refusals += isinstance(event, FetchFailed) and event.answered
        return pause_ms(
            self._failures,
            event.jitter,
            initial_ms=self._config.back_off_initial_ms,
            max_ms=self._config.back_off_max_ms,
        )

    def is_hopeless(self, failure: FetchFailed) -> bool:
        """Tell whether it makes no sense to ask on."""
        return failure.permanent or self._refusals >= self._config.refusals_max

    def note_success(self) -> None:
        """Forget about failures: it was answered."""
        self._failures = self._refusals = 0

    def take(self, sequence: EpochSequence, answer: RangeFetched, asked: Span) -> Taken:
        """Add what was given, and give up what the producer cannot give.

        Args:
            sequence: The numbers of the epoch that was asked for and answered for.
            answer: The answer. What is in it and was not asked for is passed over.
            asked: Numbers that were missing when it was asked, at least one.
        """
        given = {
            each.number.sequence_no: each
            for each in answer.notifications
            if each.number.epoch == sequence.epoch
            and asked.first <= each.number.sequence_no <= asked.last
        }
        new = [number for number in sorted(given) if sequence.is_new(number)]
        recovered = sum(sequence.add(given[number]) for number in new)
        judged = plan(asked, given, answer.window, sequence.highest)
        if judged.lost is not None:
            sequence.lose(judged.lost, "the producer has not stored them any more")
        dropped, in_vain = False, judged.fruitless or judged.denied
        self._fruitless = self._fruitless + 1 if in_vain else 0
        is_final = judged.denied and answer.window.next_epoch is not None
        if is_final or self._fruitless >= self._config.fruitless_max:
            self._fruitless = 0
            dropped = _give_up(sequence, asked, answer.window)
        must_go_on = not in_vain and sequence.missing(at_most=1) is not None
        return Taken(recovered=recovered, must_go_on=must_go_on, dropped=dropped)


def _give_up(sequence: EpochSequence, asked: Span, window: StoredRange) -> bool:
    """Give up what was asked for in vain; tell whether notifications were dropped."""
    claimed = Span(asked.first, min(asked.last, window.newest_sequence_no))
    if claimed.first <= claimed.last:
        sequence.lose(claimed, "the producer does not give what it claims to have stored")
        return False
    # Either messages were invented, or the producer's list has come to a standstill; then as many
    # come from behind what is missing as it takes to believe that.
    proven = sequence.proven()
    if proven is None:
        return sequence.doubt()
    sequence.lose(proven, "the producer does not know them")
    return False
