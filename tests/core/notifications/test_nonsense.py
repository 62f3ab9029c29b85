"""A producer that talks nonsense for a while, and whoever pretends to be it.

Whatever is heard, an application is given each notification at most once and in order within an
epoch, every number is given or named as lost, and when the nonsense ends everything goes on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    FetchRange,
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    HandedOver,
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
    SynchronisationRequested,
)
from mnstream.core.notification_values import Epoch, Received, StoredRange
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from tests.core.notifications.support import E1, E2, NO_LIST, S1, got, heard, no, note

CONFIG = NotificationConsumerConfig(
    reorder_wait_ms=500, buffer_max=6, fetch_max=4, fruitless_max=2, refusals_max=3
)
FAR = 2**40
BEFORE = Epoch(E1 - 1)
STEPS_MAX = 400
Answer = RangeFetched | FetchFailed | StoredRange
Word = str | NotificationConsumerEvent


class Conversation:
    """A consumer with its driver, and a producer that has some notifications of epoch 1."""

    def __init__(self, *, joins: bool) -> None:
        self.consumer = NotificationConsumer(S1, checkpoint=None if joins else no(0), config=CONFIG)
        self.newest = 0
        self.given: list[tuple[Epoch, int]] = []
        self.lost: list[ReportLost] = []
        self.base: int | None = None if joins else 0
        self.nonsense: deque[Answer] = deque()
        self.now_ms = 0
        self._wanted: FetchRange | None = None
        self.feed(SynchronisationRequested())

    def feed(self, event: NotificationConsumerEvent) -> None:
        """Feed an event and do all that follows from it at once, except waiting."""
        due: deque[NotificationConsumerEffect] = deque(
            self.consumer.handle(event, now_ms=self.now_ms)
        )
        while due:
            match due.popleft():
                case HandOver(received=received):
                    self.given.append((received.number.epoch, received.number.sequence_no))
                    done = HandedOver(number=received.number)
                    due.extend(self.consumer.handle(done, now_ms=self.now_ms))
                case FetchRange() as wanted:
                    self._wanted = wanted
                case ReportLost() as lost:
                    self.lost.append(lost)
                case SaveCheckpoint(number=number):
                    if self.base is None and number.epoch == E1:
                        self.base = number.sequence_no
                case _:
                    pass

    def emit(self, *, is_lost: bool) -> None:
        self.newest += 1
        if not is_lost:
            self.feed(NotificationReceived(received=note(self.newest)))

    def answer(self) -> None:
        """Answer what is asked: with nonsense while there is some, then with the truth."""
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        numbers = range(wanted.first, min(wanted.last, self.newest) + 1)
        truth = RangeFetched(
            epoch=wanted.epoch,
            first=wanted.first,
            last=wanted.last,
            notifications=tuple(note(each) for each in numbers),
            window=StoredRange(epoch=E1, oldest_sequence_no=1, newest_sequence_no=self.newest),
        )
        if not self.nonsense:
            self.feed(truth)
            return
        match self.nonsense.popleft():
            case FetchFailed() as failed:
                self.feed(failed)
            case StoredRange() as window:
                self.feed(replace(truth, window=window))
            case RangeFetched() as other:
                found = [each for each in other.notifications if self._exists(each)]
                self.feed(replace(truth, notifications=tuple(found)))

    def _exists(self, received: Received) -> bool:
        return received.number.epoch != E1 or received.number.sequence_no <= self.newest

    def settle(self) -> None:
        """Let time pass until nothing is asked and nothing is waited for."""
        for _ in range(STEPS_MAX):
            deadline_ms = self.consumer.next_deadline_ms()
            if self._wanted is not None:
                self.answer()
            elif deadline_ms is not None:
                self.now_ms = max(self.now_ms, deadline_ms)
                self.feed(DeadlineReached())
            else:
                return
        raise AssertionError("does not come to rest")


numbers = st.one_of(st.integers(0, 12), st.integers(FAR, FAR + 3))
epochs = st.sampled_from([BEFORE, E1, E2])
windows = st.builds(
    StoredRange,
    epoch=epochs,
    oldest_sequence_no=numbers,
    newest_sequence_no=numbers.map(lambda number: min(number, FAR // 2)),  # confirms no invention
    next_epoch=st.none() | epochs,
    known=st.booleans(),
)
given_elsewhere = st.lists(st.builds(note, numbers, epochs), max_size=4).map(
    lambda found: RangeFetched(
        epoch=E1,
        first=0,
        last=0,
        notifications=tuple(found),
        window=StoredRange(epoch=E1, oldest_sequence_no=0, newest_sequence_no=0),
    )
)
nonsense_answers = st.one_of(windows, given_elsewhere, st.just(FetchFailed(reason="?")))
true_or_heard = st.one_of(
    st.sampled_from(["emit", "lose", "answer", "wait"]), st.builds(heard, numbers, st.just(E1))
)


def invented(*numbers: int) -> st.SearchStrategy[NotificationReceived]:
    posts = [got(number, text=text) for number in numbers for text in "ab"]
    return st.sampled_from(posts)


@given(
    joins=st.booleans(),
    nonsense=st.lists(nonsense_answers, max_size=6),
    said=st.lists(st.one_of(true_or_heard, invented(FAR, FAR + 1, FAR + 2)), max_size=20),
)
def test_when_the_nonsense_ends_everything_goes_on(
    *, joins: bool, nonsense: list[Answer], said: list[Word]
) -> None:
    check(joins=joins, nonsense=nonsense, said=said)


@given(
    nonsense=st.lists(st.one_of(nonsense_answers, st.just(NO_LIST)), max_size=6),
    said=st.lists(st.one_of(true_or_heard, invented(FAR, FAR + 2)), max_size=20),
)
def test_so_it_does_when_the_producer_says_that_it_has_no_list(
    *, nonsense: list[Answer], said: list[Word]
) -> None:
    """Nothing contradicts what is heard first then, or twice in a row: that is believed."""
    check(joins=False, nonsense=nonsense, said=said)


def check(*, joins: bool, nonsense: list[Answer], said: list[Word]) -> None:
    talk = Conversation(joins=joins)
    talk.nonsense.extend(nonsense)
    for word in said:
        match word:
            case "emit" | "lose":
                talk.emit(is_lost=word == "lose")
            case "answer":
                talk.answer()
            case "wait":
                talk.now_ms = max(talk.now_ms, talk.consumer.next_deadline_ms() or 0)
                talk.feed(DeadlineReached())
            case str():
                raise AssertionError(word)
            case _:
                talk.feed(word)
    talk.settle()
    talk.nonsense.clear()
    for _ in range(14):  # past whatever was said to exist, except what is far
        talk.emit(is_lost=False)
        talk.settle()
    for epoch in {epoch for epoch, _ in talk.given}:
        order = [number for each, number in talk.given if each == epoch and number < FAR]
        assert order == sorted(set(order)), (talk.given, talk.lost)
    assert (E1, talk.newest) in talk.given
    assert talk.base is not None
    for number in range(talk.base + 1, talk.newest + 1):
        told = any(
            lost.epoch == E1 and lost.first <= number <= (lost.last or number) for lost in talk.lost
        )
        assert told or (E1, number) in talk.given, number
