"""The consumer of reliable notifications.

Theory of operation. ``NotificationConsumer`` follows one subscription. The application is handed
notifications strictly by number, one at a time, and what it has processed is remembered before it
is handed the next: a crash repeats at most the one in hand. A number that is missing below one that
is known to exist, from a notification or a heartbeat, is a hole; it may close by itself within a
limited time, then it is fetched from the producer's store. What the store has not got any more is
reported as lost, number by number: the application has to read the objects again.

What is posted may be wrong or invented, so it only gives reason to ask. A number that the producer
has not prepared is not lost, and what came far ahead is kept and not believed, until the producer
confirms it, or at least as many came as are missing before it. A producer that cannot be asked is
believed when it is not far ahead, or twice in a row.

A producer that restarts begins to count anew, in a new epoch. If it tells its epochs, the old one
is finished first, from the store, and no epoch in between is left out; the new one waits. If it
does not tell them, a restart is inferred from numbers that go back while time goes on, and rather
once too often than not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from mnstream.core.errors import LocalProtocolError
from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.synchronisation import SYNCHRONISATION, SynchronisationState
from mnstream.core.notification_effects import (
    FetchRange,
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    ReportRestart,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    HandedOver,
    HeartbeatReceived,
    HoleClosed,
    HoleFound,
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
    SynchronisationRequested,
)
from mnstream.core.notification_values import UNTOLD, Epoch, Number, Received, SubscriptionId
from mnstream.core.notifications.answers import Answers
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.counts import NotificationConsumerCounts
from mnstream.core.notifications.epochs import Ending, Epochs
from mnstream.core.notifications.gaps import NO_NUMBERS, Span
from mnstream.core.notifications.recent import Anchor, Recent
from mnstream.core.notifications.sequence import EpochSequence, Lost

Effects = tuple[NotificationConsumerEffect, ...]
S = SynchronisationState
UNCONFIRMED = "numbers were heard of that nobody confirms"
_Step = (
    SynchronisationRequested | RangeFetched | FetchFailed | DeadlineReached | HoleFound | HoleClosed
)


class NotificationConsumer:
    """One subscription; pure: no I/O, no clock, no randomness."""

    def __init__(
        self,
        subscription_id: SubscriptionId,
        *,
        checkpoint: Number | None = None,
        checksum: int | None = None,
        from_start: bool = False,
        config: NotificationConsumerConfig | None = None,
    ) -> None:
        """Go on after a checkpoint, or begin.

        Args:
            subscription_id: The subscription.
            checkpoint: Last notification that was processed; None for none.
            checksum: What was saved with it, if anything was.
            from_start: Whether number 1 is wanted because the subscription is this consumer's own.
                Otherwise, without a checkpoint, what was before is left alone (B2).
            config: Limits and times.
        """
        self.subscription_id = subscription_id
        self.config = config or NotificationConsumerConfig()
        self.counts = NotificationConsumerCounts()
        self.state: SynchronisationState = SYNCHRONISATION.initial
        self._epochs = Epochs(
            subscription_id,
            checkpoint=checkpoint,
            from_start=from_start,
            buffer_max=self.config.buffer_max,
        )
        self._in_hand: Received | None = None
        self._answers = Answers(self.config)
        self._recent = Recent()
        if checkpoint is not None and checksum is not None:
            self._recent.restore(checkpoint.sequence_no, checksum)
        self._must_ask = False
        self._must_go_on = False
        self._wants_newest = False
        self._asked: tuple[Epoch, Span] | None = None
        self._anchor: Anchor | None = None
        self._hole = 0
        self._doubt, self._has_told, self._witness = "", False, 0
        self._deadline_ms: int | None = None
        self._actions: dict[str, Callable[[_Step, int], Effects]] = {
            "fetch": self._fetch,
            "pause": self._pause,
            "rest": self._rest,
            "take": self._take,
            "wait": self._wait,
        }
        assert self._actions.keys() == SYNCHRONISATION.actions

    # --- what a driver calls ----------------------------------------------------------------------

    def handle(self, event: NotificationConsumerEvent, *, now_ms: int) -> Effects:
        """Apply one event and say what the driver must do.

        Args:
            event: What happened.
            now_ms: Driver's monotonic time, integer milliseconds, never decreasing.

        Returns:
            Effects in the order in which they must be carried out. At most one HandOver is open at
            a time, and only the last FetchRange is of interest.

        Raises:
            LocalProtocolError: The application has processed what it was not given. Nothing
                changed.

        Source: the study 5.a.2, 5.a.3.1, 5.a.3.2.
        """
        effects = self._apply(event, now_ms) + self._advance() + self._tell()
        return effects + self._look(now_ms)

    def next_deadline_ms(self) -> int | None:
        """Say when to feed DeadlineReached if nothing else happens; None for never."""
        return self._deadline_ms

    @property
    def has_room(self) -> bool:
        """Whether a notification would be kept that is not the very next."""
        return self.sequence is None or self.sequence.has_room

    @property
    def sequence(self) -> EpochSequence | None:
        """Numbers of the epoch that is followed; None before anything is known of it."""
        return self._epochs.current

    def _apply(self, event: NotificationConsumerEvent, now_ms: int) -> Effects:
        match event:
            case NotificationReceived():
                return self._receive(event.received)
            case HeartbeatReceived():
                return self._hear(event)
            case HandedOver():
                return self._handed_over(event.number)
            case SynchronisationRequested():
                self._must_ask = True
                if event.from_start:
                    self._epochs.follow_from_start()
                return ()
            case RangeFetched():
                if self._asked != (event.epoch, Span(event.first, event.last)):
                    return ()
                return self._step(event, now_ms)
            case FetchFailed():
                return self._step(event, now_ms)
            case DeadlineReached():
                if self._deadline_ms is None or now_ms < self._deadline_ms:
                    return ()
                return self._step(event, now_ms)
            case _:
                assert_never(event)

    # --- what the producer sends ------------------------------------------------------------------

    def _receive(self, received: Received) -> Effects:
        self.counts.received += 1
        number = received.number
        sequence = self._sequence_of(number.epoch, number.sequence_no, number.sequence_no - 1)
        if sequence is None:
            self.counts.duplicates += 1
            return ()
        if not sequence.is_new(number.sequence_no):
            here = sequence.find(number.sequence_no)
            if number.epoch != UNTOLD or self._recent.is_repetition(received, here):
                self.counts.duplicates += 1
                if sequence is self.sequence and not self._recent.is_known(received, here):
                    self._must_ask = True  # its window tells whether it restarted, or we are wrong
                    self._witness = number.sequence_no
                    if number.epoch != UNTOLD and self._recent.is_contradicted(received, here):
                        self._doubt = "a number stands for two notifications"
                return ()
            sequence = self._epochs.infer_restart("numbers went back")
        if number.sequence_no < sequence.highest:
            self.counts.out_of_order += 1
        if not sequence.add(received):
            self.counts.dropped += 1
        return ()

    def _hear(self, heartbeat: HeartbeatReceived) -> Effects:
        """Learn from a heartbeat that a number exists; it has none of its own (B3)."""
        self.counts.heartbeats += 1
        last = heartbeat.last_sequence_no
        sequence = None if last is None else self._sequence_of(heartbeat.epoch, last, last)
        if last is None or sequence is None:
            return ()
        if heartbeat.epoch == UNTOLD and last < sequence.processed:
            self._must_go_on = True  # late, or of a producer that restarted: its window tells
        sequence.know(last)
        return ()

    def _sequence_of(self, epoch: Epoch, number: int, behind: int) -> EpochSequence | None:
        """Give the numbers of an epoch, begun ``behind`` one if it is the first; None if past."""
        sequence = self._epochs.find(epoch)
        if sequence is not None:
            return sequence
        if self._epochs.is_past(epoch, number):
            return None
        is_asking = self._must_ask or self.state in (S.FETCHING, S.PAUSING)
        if self.sequence is None and (epoch == UNTOLD or not is_asking):
            return self._epochs.begin_behind(epoch, behind)
        self._must_ask = True  # only the producer knows what was between, or which one is older
        return self._epochs.wait_for(epoch)

    # --- the words of the table -------------------------------------------------------------------

    def _step(self, event: _Step, now_ms: int) -> Effects:
        move = SYNCHRONISATION.step(self.state, type(event))
        if move is None:
            return ()
        self.state, action = move
        return self._actions[action](event, now_ms)

    def _look(self, now_ms: int) -> Effects:
        """See whether something is missing, and tell the lifecycle."""
        effects: Effects = ()
        if self.state is S.FETCHING and self._asked is None:
            effects += self._step(HoleClosed(), now_ms)  # asked in an epoch that is over
        missing = self.sequence.missing(at_most=1) if self.sequence is not None else None
        if self._must_ask or self._must_go_on:
            effects += self._step(SynchronisationRequested(), now_ms)
        elif missing is None and self.state in (S.WAITING, S.PAUSING):
            effects += self._step(HoleClosed(), now_ms)
        elif missing is not None and missing.first != self._hole:
            effects += self._step(HoleFound(), now_ms)
        return effects

    def _wait(self, event: _Step, now_ms: int) -> Effects:
        assert self.sequence is not None
        self._hole = self.sequence.complete + 1
        self._deadline_ms = now_ms + self.config.reorder_wait_ms
        return ()

    def _rest(self, event: _Step, now_ms: int) -> Effects:
        self._hole = 0
        self._deadline_ms = None
        return ()

    def _fetch(self, event: _Step, now_ms: int) -> Effects:
        """Ask for the first stretch that is missing, or only for what there is."""
        epoch, span, self._anchor = self._epochs.join_at, None, None
        if self.sequence is not None:
            epoch = self.sequence.epoch
            span = self.sequence.missing(at_most=self.config.fetch_max)
            self._anchor = self._recent.anchor(self.sequence)
        if self._anchor is not None:
            span = self._anchor.before(span)
        span = span or NO_NUMBERS
        self._epochs.note_asked()
        self._asked = (epoch, span)
        self._wants_newest, self._must_ask, self._must_go_on = self._must_ask, False, False
        self._deadline_ms = now_ms + self.config.fetch_timeout_ms
        return (FetchRange(epoch=epoch, first=span.first, last=span.last),)

    def _pause(self, event: _Step, now_ms: int) -> Effects:
        assert isinstance(event, FetchFailed | DeadlineReached)
        self._must_ask = self._must_ask or self._wants_newest
        self._asked = None
        self._deadline_ms = now_ms + self._answers.pause_ms(event)
        if isinstance(event, FetchFailed) and self._answers.is_hopeless(event):
            self._do_without(event.reason)
        return ()

    def _do_without(self, reason: str) -> None:
        """Go on at a producer that cannot be asked: what is missing is lost."""
        self._must_ask = False
        if self.sequence is None:
            self._epochs.begin_earliest()
        elif self._epochs.do_without(reason):
            self._doubt = UNCONFIRMED

    def _take(self, event: _Step, now_ms: int) -> Effects:
        assert isinstance(event, RangeFetched)
        self._rest(event, now_ms)
        self._answers.note_success()
        self._asked = None
        window, sequence = event.window, self.sequence
        effects: Effects = ()
        if sequence is None:
            sequence = self._epochs.join(window)
            if sequence is None:
                self._must_ask = True
                return ()
            effects = (SaveCheckpoint(number=self._epochs.number(sequence.processed)),)
        if self._anchor is not None and self._anchor.is_denied(event.notifications):
            sequence.close()
            self._epochs.infer_restart("a number stands for something else")
            return effects
        if self._epochs.find(window.epoch) is sequence:
            if window.next_epoch is not None or self._wants_newest:
                sequence.know(window.newest_sequence_no)
            first = event.first if self._anchor is None else event.first + 1
            if first <= event.last:
                taken = self._answers.take(sequence, event, Span(first, event.last))
                self.counts.recovered += taken.recovered
                self._must_go_on = taken.must_go_on
                self._doubt = UNCONFIRMED if taken.dropped else self._doubt
        witness, self._witness = self._witness, 0
        if self._epochs.conclude(window, settled=not self._must_ask, witness=witness):
            self._doubt = "the producer has fewer numbers than it said"
            effects += (SaveCheckpoint(number=self._epochs.number(sequence.processed)),)
        return effects

    # --- what the application gets ----------------------------------------------------------------

    def _advance(self) -> Effects:
        """Give the application what is next, or tell it what it will never get."""
        effects: Effects = ()
        while self.sequence is not None and self._in_hand is None:
            following = self.sequence.next()
            if isinstance(following, Received):
                self._in_hand = following
                return (*effects, HandOver(received=following))
            if following is not None:
                effects += self._report(self.sequence, following)
            elif self._epochs.ending is not None and self.sequence.is_finished:
                effects += self._begin_next(self.sequence, self._epochs.ending)
            else:
                break
        return effects

    def _tell(self) -> Effects:
        """Tell the application that messages contradict each other; once with each notification."""
        if not self._doubt or self._has_told:
            return ()
        reason, self._doubt, self._has_told = self._doubt, "", True
        return (RereadObjects(notification_types=None, reason=reason),)

    def _handed_over(self, number: Number) -> Effects:
        received, sequence = self._in_hand, self.sequence
        if received is None or sequence is None or received.number != number:
            raise LocalProtocolError(f"{number} was not handed over")
        self._in_hand, self._has_told = None, False
        sequence.finish(number.sequence_no)
        self._recent.remember(received)
        self.counts.handed_over += 1
        saved = SaveCheckpoint(number=number, checksum=self._recent.checksum(number))
        if received.not_sent_types == frozenset():
            return (saved,)
        reason = "the producer did not prepare some notifications"
        reread = RereadObjects(notification_types=received.not_sent_types, reason=reason)
        return saved, reread

    def _report(self, sequence: EpochSequence, lost: Lost) -> Effects:
        sequence.finish(lost.span.last)
        self.counts.lost += lost.span.last - lost.span.first + 1
        return (
            ReportLost(
                epoch=sequence.epoch,
                first=lost.span.first,
                last=lost.span.last,
                reason=lost.reason,
            ),
            RereadObjects(notification_types=None, reason=lost.reason),
            SaveCheckpoint(number=self._epochs.number(lost.span.last)),
        )

    def _begin_next(self, before: EpochSequence, ending: Ending) -> Effects:
        effects: Effects = ()
        if ending.unknown:
            first = before.processed + 1
            effects += (
                ReportLost(epoch=before.epoch, first=first, last=None, reason=ending.unknown),
                RereadObjects(notification_types=None, reason=ending.unknown),
            )
        after = self._epochs.begin_next()
        self._recent = Recent()
        self._asked, self._hole, self._must_go_on, self._witness = None, 0, False, 0
        self._must_ask = not self._epochs.was_left(after.epoch)  # it may be over as well
        self.counts.restarts += 1
        restart = ReportRestart(before=before.epoch, after=after.epoch, certain=ending.certain)
        return (*effects, restart, SaveCheckpoint(number=self._epochs.number(after.processed)))
