"""Which epoch of a producer a consumer follows, which wait, and which are past."""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.notification_values import UNTOLD, Epoch, Number, StoredRange, SubscriptionId
from mnstream.core.notifications.sequence import EpochSequence

EPOCHS_MAX = 64
"""Epochs that wait, and epochs that were left; a producer restarts now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The present epoch is over.

    Attributes:
        next_epoch: The one that follows.
        certain: Whether the producer said so.
        unknown: Why nobody knows what else was in the present one; empty when that is known.
    """

    next_epoch: Epoch
    certain: bool = True
    unknown: str = ""


class Epochs:
    """The epochs of one subscription.

    Attributes:
        current: Numbers of the epoch that is followed; None before anything is known of it.
        ending: Set when that epoch is over and only has to be finished.
        join_at: Epoch to ask for as long as none is followed; 0 for the oldest that there is.
    """

    __slots__ = ("_asked_behind", "_buffer_max", "_from_start", "_later", "_left",
                 "_subscription_id", "current", "ending", "join_at")  # fmt: skip

    def __init__(
        self,
        subscription_id: SubscriptionId,
        *,
        checkpoint: Number | None,
        from_start: bool,
        buffer_max: int,
    ) -> None:
        """Begin behind a checkpoint, or with nothing."""
        self._subscription_id = subscription_id
        self._from_start = from_start
        self._buffer_max = buffer_max
        self._later: dict[Epoch, EpochSequence] = {}
        self._left: dict[Epoch, int] = {}
        self._asked_behind = 0
        self.current: EpochSequence | None = None
        self.ending: Ending | None = None
        self.join_at = UNTOLD
        if checkpoint is not None:
            self.current = self._begin_at(checkpoint.epoch, checkpoint.sequence_no)

    def find(self, epoch: Epoch) -> EpochSequence | None:
        """Give the numbers of the present epoch, or of the one that follows it."""
        if self.ending is not None and epoch == self.ending.next_epoch:
            return self._later.setdefault(epoch, self._new(epoch))
        if self.current is not None and self.current.epoch == epoch:
            return self.current
        return None

    def follow_from_start(self) -> None:
        """Want all of the first epoch, when nothing is known of it yet."""
        self._from_start = True

    def is_past(self, epoch: Epoch, number: int) -> bool:
        """Tell whether a number was handed over in an epoch that was left."""
        return number <= self._left.get(epoch, -1)

    def was_left(self, epoch: Epoch) -> bool:
        """Tell whether an epoch was followed before: who goes back and forth is not run after."""
        return epoch in self._left

    def begin_behind(self, epoch: Epoch, number: int) -> EpochSequence:
        """Begin with what came first: behind that number, or from the start."""
        self.current = self._new(epoch)
        if not self._from_start:
            self.current.start_behind(number)
        return self.current

    def join(self, window: StoredRange) -> EpochSequence | None:
        """Begin where the producer says; None when that was over before this consumer's time."""
        following = window.next_epoch or UNTOLD
        is_over = following > max(window.epoch, self.join_at) and window.epoch not in self._later
        if is_over and not self._from_start:
            self.join_at = following
            return None
        return self._begin(window.epoch, window)

    def _begin(self, epoch: Epoch, window: StoredRange | None) -> EpochSequence:
        current = self._later.pop(epoch, None) or self._new(epoch)
        self.current = current
        if not self._from_start:
            lowest = current.lowest_here
            newest = window.newest_sequence_no if window is not None else current.highest
            current.start_behind(newest if lowest is None else min(newest, lowest - 1))
        return current

    def begin_earliest(self) -> EpochSequence | None:
        """Begin with the earliest epoch that waits; None when none does."""
        return self._begin(min(self._later), None) if self._later else None

    def wait_for(self, epoch: Epoch) -> EpochSequence | None:
        """Give the numbers of an epoch that may come later; None when there are too many."""
        if epoch not in self._later and len(self._later) < EPOCHS_MAX:
            self._later[epoch] = self._new(epoch)
        return self._later.get(epoch)

    def note_asked(self) -> None:
        """Note how far the present epoch was processed when the producer was asked."""
        self._asked_behind = 0 if self.current is None else self.current.processed

    def infer_restart(self, reason: str) -> EpochSequence:
        """End the present epoch of a producer that does not tell epochs (B4); give the next."""
        current = self.current or self._begin(UNTOLD, None)
        current.give_up(reason)
        self.ending = Ending(next_epoch=UNTOLD, certain=False, unknown=reason)
        return self._later.setdefault(UNTOLD, self._new(UNTOLD))

    def do_without(self, reason: str) -> bool:
        """Give up what is missing; end the present epoch if another one waits.

        Returns:
            Whether numbers were heard of that nobody confirms.
        """
        assert self.current is not None
        dropped = self.current.give_up(reason, leaps=True)
        if self._later and self.ending is None:
            self.ending = Ending(next_epoch=min(self._later), certain=False, unknown=reason)
        return dropped

    def conclude(self, window: StoredRange, *, settled: bool, witness: int = 0) -> bool:
        """Learn from the producer whether the present epoch is over; its own word counts.

        Args:
            window: What it answered.
            settled: Whether nothing was heard of another epoch since it was asked.
            witness: A number that is past and came with what is not known; 0 for none.

        Returns:
            Whether the present epoch went back: numbers were taken for lost that it has not got to.
        """
        assert self.current is not None
        if window.epoch != self.current.epoch:
            reason = "the producer does not remember this epoch"
            if self.current.epoch == UNTOLD:
                reason = "the producer did not tell its epochs before"
            self.current.give_up(reason)
            self.ending = Ending(next_epoch=window.epoch, certain=False, unknown=reason)
            waiting = self.wait_for(window.epoch)
            if waiting is not None:
                waiting.know(window.newest_sequence_no)
        elif window.next_epoch is not None and window.next_epoch > window.epoch:
            unknown = "" if window.known else "the producer does not remember this epoch"
            self.ending = Ending(next_epoch=window.next_epoch, unknown=unknown)
        elif self.current.epoch == UNTOLD and window.newest_sequence_no < self._asked_behind:
            # What was processed while it answered, it need not have known.
            following = self.infer_restart("the producer has fewer numbers")
            following.know(window.newest_sequence_no)
        else:
            if settled and self.ending is None:
                # Whatever else was heard of is older than this one, or nobody's, or so new that the
                # producer has not stored it yet; then more will be heard of it.
                self._later.clear()
            return self.current.go_back(window.newest_sequence_no, witness=witness)
        return False

    def begin_next(self) -> EpochSequence:
        """Leave the present epoch, which is finished, for the one that follows."""
        assert self.current is not None
        assert self.ending is not None
        self._leave(self.current)
        epoch = self.ending.next_epoch
        self.current = self._later.pop(epoch, None) or self._new(epoch)
        self.ending = None
        return self.current

    def number(self, sequence_no: int) -> Number:
        """Name a number of the present epoch."""
        assert self.current is not None
        return Number(
            subscription_id=self._subscription_id,
            epoch=self.current.epoch,
            sequence_no=sequence_no,
        )

    def _leave(self, sequence: EpochSequence) -> None:
        """Remember how far an epoch was handed over: nothing of it is handed over again."""
        if sequence.epoch == UNTOLD:
            return
        self._left.pop(sequence.epoch, None)
        self._left[sequence.epoch] = sequence.given
        if len(self._left) > EPOCHS_MAX:
            del self._left[next(iter(self._left))]

    def _new(self, epoch: Epoch) -> EpochSequence:
        """Begin an epoch, or go on where it was left."""
        return self._begin_at(epoch, self._left.get(epoch, 0))

    def _begin_at(self, epoch: Epoch, number: int) -> EpochSequence:
        return EpochSequence(epoch, processed=number, buffer_max=self._buffer_max)
