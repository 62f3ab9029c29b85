"""A case for every row: what parts 1 and 2 of the study ask of a consumer that misses something."""

from __future__ import annotations

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.synchronisation import SYNCHRONISATION
from mnstream.core.lifecycles.synchronisation import SynchronisationState as S
from mnstream.core.notification_effects import ReportRestart, SaveCheckpoint
from mnstream.core.notification_events import (
    FetchFailed,
    HoleClosed,
    HoleFound,
    RangeFetched,
    SynchronisationRequested,
)
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from tests.core.notifications.support import (
    E1,
    E2,
    S1,
    answer,
    ask,
    got,
    hand,
    handed,
    no,
    window,
)
from tests.core.support import Rows

covers = Rows(SYNCHRONISATION)

CONFIG = NotificationConsumerConfig(
    reorder_wait_ms=400,
    buffer_max=10,
    fetch_max=3,
    fetch_timeout_ms=5_000,
    back_off_initial_ms=1_000,
    back_off_max_ms=4_000,
)
SYNCHRONISE = SynchronisationRequested()

# --- histories: each number that comes is also processed, unless something before it is missing --


def begun() -> NotificationConsumer:
    """Number 1 was processed, at 1 s."""
    consumer = NotificationConsumer(S1, checkpoint=no(0), config=CONFIG)
    consumer.handle(got(1), now_ms=1_000)
    consumer.handle(handed(1), now_ms=1_000)
    return consumer


def waiting() -> NotificationConsumer:
    """... and number 3 came at 2 s, so that number 2 is missing."""
    consumer = begun()
    assert consumer.handle(got(3), now_ms=2_000) == ()
    return consumer


def fetching() -> NotificationConsumer:
    """... and is asked for at 2.5 s."""
    consumer = waiting()
    assert consumer.handle(DeadlineReached(), now_ms=2_500) == (ask(2, 2),)
    return consumer


def pausing() -> NotificationConsumer:
    """... which failed at 3 s; it is tried again at 3.5 s."""
    consumer = fetching()
    assert consumer.handle(FetchFailed(reason="no route"), now_ms=3_000) == ()
    return consumer


def assert_in(
    consumer: NotificationConsumer, state: S, *, complete: int, deadline_ms: int | None = None
) -> None:
    assert consumer.state is state
    assert consumer.sequence is not None
    assert consumer.sequence.complete == complete
    assert consumer.next_deadline_ms() == deadline_ms


# --- in sequence ---------------------------------------------------------------------------------


@covers(S.IN_SEQUENCE, HoleFound)
def test_a_hole_may_close_by_itself_for_some_time() -> None:
    assert_in(waiting(), S.WAITING, complete=1, deadline_ms=2_400)


@covers(S.IN_SEQUENCE, SynchronisationRequested)
def test_a_consumer_may_ask_at_any_time_what_there_is() -> None:
    consumer = begun()
    assert consumer.handle(SYNCHRONISE, now_ms=2_000) == (ask(),)
    assert_in(consumer, S.FETCHING, complete=1, deadline_ms=7_000)


# --- waiting -------------------------------------------------------------------------------------


@covers(S.WAITING, HoleFound)
def test_another_hole_gets_its_own_time() -> None:
    consumer = waiting()
    consumer.handle(got(5), now_ms=2_100)
    assert_in(consumer, S.WAITING, complete=1, deadline_ms=2_400)
    assert consumer.handle(got(2), now_ms=2_200) == (hand(2),)
    assert_in(consumer, S.WAITING, complete=3, deadline_ms=2_600)
    consumer.handle(got(6), now_ms=2_300)
    assert_in(consumer, S.WAITING, complete=3, deadline_ms=2_600)


@covers(S.WAITING, HoleClosed)
def test_a_hole_that_closes_is_not_fetched() -> None:
    consumer = waiting()
    assert consumer.handle(got(2), now_ms=2_200) == (hand(2),)
    assert_in(consumer, S.IN_SEQUENCE, complete=3)
    assert consumer.handle(got(5), now_ms=2_300) == ()  # and the next hole is a hole again
    assert_in(consumer, S.WAITING, complete=3, deadline_ms=2_700)


@covers(S.WAITING, SynchronisationRequested)
def test_whoever_asks_need_not_wait_for_the_hole() -> None:
    consumer = waiting()
    assert consumer.handle(SYNCHRONISE, now_ms=2_100) == (ask(2, 2),)
    assert_in(consumer, S.FETCHING, complete=1, deadline_ms=7_100)


@covers(S.WAITING, DeadlineReached)
def test_a_hole_that_stays_is_fetched() -> None:
    assert_in(fetching(), S.FETCHING, complete=1, deadline_ms=7_500)


# --- fetching ------------------------------------------------------------------------------------


@covers(S.FETCHING, RangeFetched)
def test_what_was_missing_is_taken_in() -> None:
    consumer = fetching()
    effects = consumer.handle(answer(window(1, 3), 2, 2, 2), now_ms=3_000)
    assert effects == (hand(2),)
    assert_in(consumer, S.IN_SEQUENCE, complete=3)
    assert consumer.counts.recovered == 1


@covers(S.FETCHING, HoleClosed)
def test_what_was_asked_in_an_epoch_that_is_over_is_not_waited_for() -> None:
    consumer = begun()
    consumer.handle(got(2), now_ms=1_500)  # in hand, so that nothing else goes on
    consumer.handle(SYNCHRONISE, now_ms=2_000)
    over = answer(window(1, 2, next_epoch=E2))
    assert consumer.handle(over, now_ms=2_100) == ()
    assert consumer.handle(SYNCHRONISE, now_ms=2_200) == (ask(),)
    effects = consumer.handle(handed(2), now_ms=2_300)
    assert effects == (
        SaveCheckpoint(number=no(2)),
        ReportRestart(before=E1, after=E2, certain=True),
        SaveCheckpoint(number=no(0, epoch=E2)),
        ask(epoch=E2),
    )
    assert_in(consumer, S.FETCHING, complete=0, deadline_ms=7_300)


@covers(S.FETCHING, FetchFailed)
def test_a_fetch_that_failed_is_tried_again_after_a_pause() -> None:
    consumer = pausing()
    assert_in(consumer, S.PAUSING, complete=1, deadline_ms=3_500)


@covers(S.FETCHING, DeadlineReached)
def test_a_fetch_without_an_answer_is_tried_again_after_a_pause() -> None:
    consumer = fetching()
    assert consumer.handle(DeadlineReached(), now_ms=7_500) == ()
    assert_in(consumer, S.PAUSING, complete=1, deadline_ms=8_000)
    late = answer(window(1, 3), 2, 2, 2)
    assert consumer.handle(late, now_ms=7_600) == ()
    assert_in(consumer, S.PAUSING, complete=1, deadline_ms=8_000)


@covers(S.FETCHING, RangeFetched)
def test_what_is_still_missing_is_asked_for_at_once() -> None:
    consumer = begun()
    consumer.handle(got(5), now_ms=2_000)
    assert consumer.handle(DeadlineReached(), now_ms=2_500) == (ask(2, 4),)
    effects = consumer.handle(answer(window(1, 5), 2, 4, 2), now_ms=3_000)
    assert effects == (hand(2), ask(3, 4))
    assert_in(consumer, S.FETCHING, complete=2, deadline_ms=8_000)


# --- pausing -------------------------------------------------------------------------------------


@covers(S.PAUSING, HoleClosed)
def test_a_hole_that_closes_during_a_pause_is_not_fetched() -> None:
    consumer = pausing()
    assert consumer.handle(got(2), now_ms=3_100) == (hand(2),)
    assert_in(consumer, S.IN_SEQUENCE, complete=3)
    assert consumer.handle(got(5), now_ms=3_200) == ()
    assert_in(consumer, S.WAITING, complete=3, deadline_ms=3_600)


@covers(S.PAUSING, DeadlineReached)
def test_after_the_pause_it_is_asked_for_again() -> None:
    consumer = pausing()
    assert consumer.handle(DeadlineReached(), now_ms=3_500) == (ask(2, 2),)
    assert_in(consumer, S.FETCHING, complete=1, deadline_ms=8_500)


# --- all of them ---------------------------------------------------------------------------------


def test_every_row_has_a_case() -> None:
    covers.assert_complete()
