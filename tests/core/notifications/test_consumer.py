"""What a consumer of notifications does within one epoch, rule by rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.errors import LocalProtocolError
from mnstream.core.lifecycles.synchronisation import SynchronisationState as S
from mnstream.core.notification_effects import (
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    NotificationConsumerEvent,
    NotificationReceived,
    SynchronisationRequested,
)
from mnstream.core.notification_values import UNTOLD, Number
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.core.notifications.gaps import Span
from tests.core.notifications.support import (
    DEADLINE,
    E1,
    E2,
    OLDEST,
    S1,
    SYNCHRONISE,
    answer,
    ask,
    got,
    hand,
    handed,
    heard,
    no,
    note,
    window,
)
from tests.core.support import frozen

CONFIG = NotificationConsumerConfig(
    reorder_wait_ms=500,
    buffer_max=5,
    fetch_max=3,
    fetch_timeout_ms=5_000,
    fruitless_max=2,
    back_off_initial_ms=1_000,
    back_off_max_ms=4_000,
)
GONE = "the producer has not stored them any more"


def new(
    checkpoint: Number | None = None, *, from_start: bool = False, buffer_max: int = 5
) -> NotificationConsumer:
    return NotificationConsumer(
        S1,
        checkpoint=checkpoint,
        from_start=from_start,
        config=replace(CONFIG, buffer_max=buffer_max),
    )


def behind(number: int, *, buffer_max: int = 5) -> NotificationConsumer:
    """Go on after a checkpoint of epoch 1."""
    return new(no(number), buffer_max=buffer_max)


def feed(
    consumer: NotificationConsumer, *events: NotificationConsumerEvent, now_ms: int = 1_000
) -> tuple[NotificationConsumerEffect, ...]:
    """Feed events at once; give the effects of all of them."""
    effects: tuple[NotificationConsumerEffect, ...] = ()
    for event in events:
        effects += consumer.handle(event, now_ms=now_ms)
    return effects


def finish(consumer: NotificationConsumer, first: int) -> list[int]:
    """Process what is handed over, from a number that is in hand; give the numbers."""
    numbers = [first]
    number = no(first)
    while True:
        given = [e for e in feed(consumer, handed(number.sequence_no)) if isinstance(e, HandOver)]
        if not given:
            return numbers
        number = given[0].received.number
        numbers.append(number.sequence_no)


def has_room(consumer: NotificationConsumer) -> bool:
    return consumer.has_room


def assert_in(consumer: NotificationConsumer, state: S) -> None:
    assert consumer.state is state


def lost(first: int, last: int | None, reason: str = GONE) -> tuple[ReportLost, RereadObjects]:
    return (
        ReportLost(epoch=E1, first=first, last=last, reason=reason),
        RereadObjects(notification_types=None, reason=reason),
    )


def saved(number: int) -> SaveCheckpoint:
    return SaveCheckpoint(number=no(number))


# --- where to begin ------------------------------------------------------------------------------


def test_without_a_checkpoint_the_first_notification_is_where_to_begin() -> None:
    consumer = new()
    assert feed(consumer, got(7)) == (hand(7),)
    assert feed(consumer, handed(7), got(8)) == (saved(7), hand(8))


def test_without_a_checkpoint_a_heartbeat_is_where_to_begin() -> None:
    consumer = new()
    assert feed(consumer, heard(7)) == ()
    assert_in(consumer, S.IN_SEQUENCE)
    assert feed(consumer, got(9)) == ()
    assert_in(consumer, S.WAITING)


def test_whose_own_subscription_it_is_wants_number_1() -> None:
    consumer = new(from_start=True)
    assert feed(consumer, got(3)) == ()
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 2),)


def test_a_producer_that_says_what_it_has_says_where_to_begin() -> None:
    consumer = new()
    assert feed(consumer, SYNCHRONISE) == (ask(epoch=OLDEST),)
    effects = feed(consumer, answer(window(1, 7), asked=OLDEST))
    assert effects == (saved(7),)
    assert feed(consumer, got(8)) == (hand(8),)


def test_what_comes_while_it_is_asked_is_not_lost() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE, got(7), got(6))
    effects = feed(consumer, answer(window(1, 8), asked=OLDEST))
    assert effects == (saved(5), hand(6), ask(8, 8))


def test_from_the_start_everything_that_is_stored_is_fetched() -> None:
    consumer = new(from_start=True)
    feed(consumer, SYNCHRONISE)
    effects = feed(consumer, answer(window(1, 2), asked=OLDEST))
    assert effects == (saved(0),)
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 2),)
    assert feed(consumer, answer(window(1, 2), 1, 2, 1, 2), now_ms=2_000) == (hand(1),)
    assert finish(consumer, 1) == [1, 2]


def test_a_subscription_that_turns_out_to_be_new_is_followed_from_the_start() -> None:
    consumer = new()
    assert feed(consumer, SynchronisationRequested(from_start=True)) == (ask(epoch=OLDEST),)
    assert feed(consumer, answer(window(1, 2), asked=OLDEST)) == (saved(0),)
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 2),)


def test_a_checkpoint_is_gone_on_from() -> None:
    consumer = behind(7)
    assert feed(consumer, SYNCHRONISE) == (ask(),)
    assert feed(consumer, answer(window(1, 9))) == ()
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(8, 9),)


def test_a_producer_may_begin_with_number_0() -> None:
    consumer = new(from_start=True)
    assert feed(consumer, got(0)) == (hand(0),)
    assert feed(consumer, handed(0), got(0), got(1)) == (saved(0), hand(1))
    assert consumer.counts.duplicates == 1


def test_number_0_counts_when_the_producer_had_none_before() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, answer(window(0, 0), asked=OLDEST)) == (saved(0),)
    assert feed(consumer, got(0)) == (hand(0),)


def test_number_0_that_came_while_it_was_asked_is_given_first() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE, got(0), got(1))
    assert feed(consumer, answer(window(0, 1), asked=OLDEST)) == (saved(0), hand(0), ask())
    assert feed(consumer, handed(0)) == (saved(0), hand(1))


# --- in order ------------------------------------------------------------------------------------


def test_one_at_a_time_is_handed_over_and_remembered_before_the_next() -> None:
    consumer = behind(0)
    assert feed(consumer, got(1), got(2), got(3)) == (hand(1),)
    assert feed(consumer, handed(1)) == (saved(1), hand(2))
    assert feed(consumer, handed(2)) == (saved(2), hand(3))
    assert feed(consumer, handed(3)) == (saved(3),)
    assert consumer.counts.handed_over == 3


def test_what_was_not_handed_over_cannot_have_been_processed() -> None:
    consumer = behind(0)
    feed(consumer, got(1))
    before = frozen(consumer)
    for event in (handed(2), handed(1, E2)):
        with pytest.raises(LocalProtocolError, match="was not handed over"):
            feed(consumer, event)
    assert frozen(consumer) == before
    with pytest.raises(LocalProtocolError, match="was not handed over"):
        feed(new(), handed(1))


def test_what_comes_twice_is_handed_over_once() -> None:
    consumer = behind(0)
    assert feed(consumer, got(1), got(1), got(2), got(2)) == (hand(1),)
    assert finish(consumer, 1) == [1, 2]
    assert feed(consumer, got(1), got(2)) == ()
    assert (consumer.counts.received, consumer.counts.duplicates) == (6, 4)


def test_what_overtakes_is_put_in_order() -> None:
    consumer = behind(0)
    assert feed(consumer, got(3), got(2)) == ()
    assert feed(consumer, got(1)) == (hand(1),)
    assert finish(consumer, 1) == [1, 2, 3]
    assert consumer.counts.out_of_order == 2
    assert consumer.next_deadline_ms() is None


def test_what_says_that_others_were_not_sent_asks_to_read_the_objects() -> None:
    for types in (frozenset({"notifyNewAlarm"}), None):
        consumer = behind(0)
        received = note(1, not_sent_types=types)
        feed(consumer, NotificationReceived(received=received))
        reason = "the producer did not prepare some notifications"
        reread = RereadObjects(notification_types=types, reason=reason)
        assert feed(consumer, handed(1)) == (saved(1), reread)


# --- what is missing -----------------------------------------------------------------------------


def test_a_heartbeat_shows_that_the_last_one_is_missing() -> None:
    consumer = behind(4)
    feed(consumer, heard(4))
    assert_in(consumer, S.IN_SEQUENCE)
    feed(consumer, heard(6))
    assert_in(consumer, S.WAITING)
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(5, 6),)
    assert consumer.counts.heartbeats == 2


def test_a_heartbeat_without_a_number_shows_nothing() -> None:
    consumer = behind(4)
    assert feed(consumer, heard(None)) == ()
    assert feed(new(), heard(None)) == ()
    assert_in(consumer, S.IN_SEQUENCE)


def test_a_deadline_that_has_not_come_means_nothing() -> None:
    consumer = behind(0)
    assert feed(consumer, DEADLINE) == ()
    feed(consumer, got(2))
    assert feed(consumer, DEADLINE, now_ms=1_499) == ()
    assert_in(consumer, S.WAITING)


def test_what_is_not_stored_any_more_is_lost_once_everything_before_is_handed_over() -> None:
    consumer = behind(0)
    feed(consumer, got(1), got(6))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(2, 4),)
    effects = feed(consumer, answer(window(4, 6), 2, 4, 4), now_ms=1_600)
    assert effects == (ask(5, 5),)
    assert feed(consumer, answer(window(4, 6), 5, 5, 5), now_ms=1_700) == ()
    assert feed(consumer, handed(1)) == (saved(1), *lost(2, 3), saved(3), hand(4))
    assert finish(consumer, 4) == [4, 5, 6]
    assert consumer.counts.lost == 2


def test_what_is_lost_stops_where_something_is_here() -> None:
    consumer = behind(0)
    feed(consumer, got(3), got(5))
    feed(consumer, DEADLINE, now_ms=1_500)
    effects = feed(consumer, answer(window(0, 5), 1, 2), now_ms=1_600)
    assert effects == (*lost(1, 2), saved(2), hand(3))
    assert feed(consumer, handed(3)) == (saved(3), *lost(4, 4), saved(4), hand(5))


def test_one_loss_after_another_is_told() -> None:
    consumer = behind(0)
    feed(consumer, got(2))
    feed(consumer, DEADLINE, now_ms=1_500)
    assert feed(consumer, answer(window(2, 2), 1, 1), now_ms=1_600)[:2] == lost(1, 1)
    feed(consumer, handed(2), got(4), now_ms=1_700)
    feed(consumer, DEADLINE, now_ms=2_200)
    effects = feed(consumer, answer(window(4, 4), 3, 3), now_ms=2_300)
    assert effects == (*lost(3, 3), saved(3), hand(4))


def test_one_loss_after_another_for_the_same_reason_is_one_loss() -> None:
    consumer = behind(0)
    feed(consumer, got(1), heard(12))
    for asked in (Span(2, 4), Span(5, 7)):
        feed(consumer, DEADLINE, now_ms=consumer.next_deadline_ms() or 0)
        feed(consumer, answer(window(1, 12), asked.first, asked.last), now_ms=9_000)
        feed(consumer, DEADLINE, now_ms=consumer.next_deadline_ms() or 0)
        feed(consumer, answer(window(1, 12), asked.first, asked.last), now_ms=9_000)
    reason = "the producer does not give what it claims to have stored"
    assert feed(consumer, handed(1)) == (saved(1), *lost(2, 7, reason), saved(7))


def test_what_comes_late_though_it_was_given_up_is_still_handed_over() -> None:
    consumer = behind(0)
    feed(consumer, got(1), got(4))
    feed(consumer, DEADLINE, now_ms=1_500)
    feed(consumer, answer(window(4, 4), 2, 3), got(3), now_ms=1_600)
    assert feed(consumer, handed(1)) == (saved(1), *lost(2, 2), saved(2), hand(3))
    assert finish(consumer, 3) == [3, 4]


def test_an_answer_that_gives_nothing_is_not_believed_for_ever() -> None:
    consumer = behind(0)
    feed(consumer, got(2))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 1),)
    assert feed(consumer, answer(window(1, 2), 1, 1), now_ms=1_600) == ()
    assert consumer.next_deadline_ms() == 2_100
    assert feed(consumer, DEADLINE, now_ms=2_100) == (ask(1, 1),)
    reason = "the producer does not give what it claims to have stored"
    effects = feed(consumer, answer(window(1, 2), 1, 1), now_ms=2_200)
    assert effects == (*lost(1, 1, reason), saved(1), hand(2))


def test_an_answer_to_another_question_is_passed_over() -> None:
    consumer = behind(0)
    feed(consumer, got(3))
    feed(consumer, DEADLINE, now_ms=1_500)
    before = frozen(consumer)
    assert feed(consumer, answer(window(1, 3), 1, 1, 1), now_ms=1_600) == ()
    assert feed(consumer, answer(window(1, 3, E2), 1, 2), now_ms=1_600) == ()
    assert frozen(consumer) == before


def test_only_what_was_asked_for_is_taken_from_an_answer() -> None:
    consumer = behind(1)
    feed(consumer, got(4))
    feed(consumer, DEADLINE, now_ms=1_500)
    effects = feed(consumer, answer(window(1, 4), 2, 3, 1, 2, 3, 4), now_ms=1_600)
    assert effects == (hand(2),)
    assert consumer.counts.recovered == 2
    assert finish(consumer, 2) == [2, 3, 4]


def test_a_fetch_that_fails_is_repeated_with_growing_pauses_until_it_succeeds() -> None:
    consumer = behind(0)
    feed(consumer, got(2))
    now_ms = 1_500
    for pause_ms in (500, 1_000, 2_000, 2_000):
        assert feed(consumer, DEADLINE, now_ms=now_ms) == (ask(1, 1),)
        feed(consumer, FetchFailed(reason="no route"), now_ms=now_ms)
        assert feed(consumer, FetchFailed(reason="late"), now_ms=now_ms) == ()
        assert consumer.next_deadline_ms() == now_ms + pause_ms
        now_ms += pause_ms
    feed(consumer, DEADLINE, now_ms=now_ms)
    assert feed(consumer, answer(window(1, 2), 1, 1, 1), now_ms=now_ms) == (hand(1),)
    assert finish(consumer, 1) == [1, 2]


def test_a_question_that_failed_is_asked_again() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE)
    feed(consumer, FetchFailed(reason="no route"))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(epoch=OLDEST),)


# --- a producer that cannot be asked -------------------------------------------------------------


def test_what_a_producer_without_a_store_has_not_sent_is_lost() -> None:
    consumer = behind(0)
    feed(consumer, got(3))
    feed(consumer, DEADLINE, now_ms=1_500)
    effects = feed(consumer, FetchFailed(reason="404", permanent=True), now_ms=1_600)
    assert effects == (*lost(1, 2, "404"), saved(2), hand(3))
    assert_in(consumer, S.IN_SEQUENCE)
    assert consumer.next_deadline_ms() is None


def test_a_producer_without_a_store_is_followed_from_what_it_sends() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, FetchFailed(reason="404", permanent=True)) == ()
    assert_in(consumer, S.IN_SEQUENCE)
    assert feed(consumer, got(4)) == (hand(4),)


def test_a_producer_without_a_store_is_followed_from_what_waits() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE, got(4), got(5))
    assert feed(consumer, FetchFailed(reason="404", permanent=True)) == (hand(4),)
    assert finish(consumer, 4) == [4, 5]


def test_a_producer_without_a_store_cannot_say_what_another_epoch_began_with() -> None:
    consumer = behind(2)
    assert feed(consumer, got(1, E2)) == (ask(),)
    effects = feed(consumer, FetchFailed(reason="404", permanent=True))
    assert effects[:2] == lost(3, None, "404")
    assert effects[-1] == hand(1, E2)


# --- limits --------------------------------------------------------------------------------------


def test_what_there_is_no_room_for_is_fetched_when_its_turn_comes() -> None:
    consumer = behind(0, buffer_max=3)
    feed(consumer, *(got(number) for number in range(1, 7)))
    assert has_room(consumer) is False
    assert consumer.counts.dropped == 3
    assert_in(consumer, S.IN_SEQUENCE)  # nothing is missing that there is room for
    assert feed(consumer, handed(1)) == (saved(1), hand(2))
    assert has_room(consumer) is True
    assert_in(consumer, S.WAITING)
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(4, 4),)
    feed(consumer, handed(2), now_ms=1_500)
    assert feed(consumer, answer(window(1, 6), 4, 4, 4), now_ms=1_600) == (ask(5, 5),)


def test_the_very_next_is_taken_even_when_there_is_no_room() -> None:
    consumer = behind(0, buffer_max=2)
    assert feed(consumer, got(3), got(4), got(1)) == (hand(1),)
    assert feed(consumer, got(2)) == ()
    assert consumer.counts.dropped == 0
    assert finish(consumer, 1) == [1, 2, 3, 4]


def test_the_very_next_is_fetched_even_when_there_is_no_room() -> None:
    consumer = behind(0, buffer_max=2)
    feed(consumer, got(3), got(4))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 1),)
    effects = feed(consumer, answer(window(1, 4), 1, 1, 1), now_ms=1_600)
    assert effects == (hand(1), ask(2, 2))
    feed(consumer, answer(window(1, 4), 2, 2, 2), now_ms=1_700)
    assert finish(consumer, 1) == [1, 2, 3, 4]


def test_a_consumer_without_any_knowledge_has_room() -> None:
    assert new().has_room


def test_a_producer_that_does_not_tell_epochs_is_followed_alike() -> None:
    consumer = NotificationConsumer(S1, from_start=True, config=CONFIG)
    assert feed(consumer, got(1, UNTOLD)) == (hand(1, UNTOLD),)
    (save,) = feed(consumer, handed(1, UNTOLD))
    assert save == SaveCheckpoint(number=no(1, epoch=UNTOLD), checksum=note(1, UNTOLD).content)


def test_a_producer_that_begins_with_0_has_what_lies_above_it() -> None:
    consumer = NotificationConsumer(S1, from_start=True, config=CONFIG)
    feed(consumer, got(0, UNTOLD), handed(0, UNTOLD), got(1, UNTOLD), handed(1, UNTOLD))
    feed(consumer, got(4, UNTOLD))
    feed(consumer, DEADLINE, now_ms=1_500)
    effects = feed(consumer, answer(window(0, 4, UNTOLD), 1, 3, 1, 2, 3), now_ms=1_600)
    assert effects == (hand(2, UNTOLD),)
    assert consumer.counts.lost == 0


def test_what_is_missing_is_counted() -> None:
    consumer = NotificationConsumer(S1, from_start=True, config=CONFIG)
    feed(consumer, got(1), got(4))
    assert consumer.sequence is not None
    assert consumer.sequence.missing_count == 2
    feed(consumer, got(2))
    assert consumer.sequence.missing_count == 1
