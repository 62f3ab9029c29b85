"""What a consumer believes: posts may be wrong or invented, and answers may be nonsense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.synchronisation import SynchronisationState as S
from mnstream.core.notification_effects import (
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    ReportRestart,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
)
from mnstream.core.notification_values import UNTOLD, Epoch, StoredRange
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import UNCONFIRMED, NotificationConsumer
from mnstream.core.notifications.sequence import LEAP_MAX
from tests.core.notifications.support import (
    DEADLINE,
    E1,
    E2,
    NO_LIST,
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

CONFIG = NotificationConsumerConfig(
    reorder_wait_ms=500, buffer_max=5, fetch_max=3, fruitless_max=2, back_off_initial_ms=1_000
)
FAR = 2**63
NOT_KNOWN = "the producer does not know them"
TWO = "a number stands for two notifications"
FEWER = "the producer has fewer numbers than it said"


def behind(number: int, epoch: Epoch = E1) -> NotificationConsumer:
    return NotificationConsumer(S1, checkpoint=no(number, epoch=epoch), config=CONFIG)


def feed(
    consumer: NotificationConsumer, *events: NotificationConsumerEvent
) -> tuple[NotificationConsumerEffect, ...]:
    """Feed events as soon as they are due; give the effects of all of them."""
    effects: tuple[NotificationConsumerEffect, ...] = ()
    for event in events:
        now_ms = consumer.next_deadline_ms() or 0 if isinstance(event, DeadlineReached) else 0
        effects += consumer.handle(event, now_ms=now_ms)
    return effects


def lost(first: int, last: int | None, reason: str) -> tuple[ReportLost, RereadObjects]:
    return ReportLost(epoch=E1, first=first, last=last, reason=reason), reread(reason)


def reread(reason: str) -> RereadObjects:
    return RereadObjects(notification_types=None, reason=reason)


def saved(number: int, epoch: Epoch = E1) -> SaveCheckpoint:
    return SaveCheckpoint(number=no(number, epoch=epoch))


def has_room(consumer: NotificationConsumer) -> bool:
    return consumer.has_room


def deny(
    consumer: NotificationConsumer, has: StoredRange, first: int, last: int
) -> tuple[NotificationConsumerEffect, ...]:
    """Let the producer say as often as it takes that it has no such numbers."""
    effects: tuple[NotificationConsumerEffect, ...] = ()
    for _ in range(CONFIG.fruitless_max):
        asked = feed(consumer, DEADLINE)
        assert asked == (ask(first, last),)
        effects += feed(consumer, answer(has, first, last))
    return effects


def takes(consumer: NotificationConsumer, *numbers: int) -> None:
    """Post numbers of epoch 1, each of which has to be handed over at once."""
    for number in numbers:
        assert hand(number) in feed(consumer, got(number))
        assert saved(number) in feed(consumer, handed(number))


# --- numbers that do not exist --------------------------------------------------------------------


@pytest.mark.parametrize("invented", [heard(FAR), heard(6), got(FAR), got(7)])
def test_what_is_invented_makes_nothing_lost(invented: NotificationConsumerEvent) -> None:
    consumer = behind(4)
    assert feed(consumer, invented) == ()
    last = 6 if invented in (heard(6), got(7)) else 7
    assert deny(consumer, window(1, 4), 5, last) == ()
    assert consumer.state is S.IN_SEQUENCE
    assert consumer.next_deadline_ms() is None
    takes(consumer, 5, 6)
    assert (consumer.counts.lost, consumer.counts.duplicates) == (0, 0)


def test_what_is_invented_is_not_lost_while_others_are() -> None:
    consumer = behind(0)
    feed(consumer, heard(FAR), DEADLINE)
    assert feed(consumer, answer(window(2, 2), 1, 3, 2)) == (
        *lost(1, 1, "the producer has not stored them any more"),
        saved(1),
        hand(2),
        ask(3, 5),
    )
    feed(consumer, answer(window(2, 2), 3, 5))
    assert feed(consumer, DEADLINE, answer(window(2, 2), 3, 5)) == (ask(3, 5),)
    feed(consumer, handed(2))
    takes(consumer, 3, 4)
    assert consumer.counts.lost == 1


def test_what_is_not_given_is_lost_no_further_than_it_is_claimed() -> None:
    consumer = behind(4)
    feed(consumer, heard(FAR))
    reason = "the producer does not give what it claims to have stored"
    assert deny(consumer, window(1, 6), 5, 7) == (*lost(5, 6, reason), saved(6))


def test_a_list_that_is_behind_is_asked_again() -> None:
    consumer = behind(4)
    feed(consumer, got(6), DEADLINE)
    assert feed(consumer, answer(window(1, 4), 5, 5)) == ()
    assert feed(consumer, DEADLINE) == (ask(5, 5),)
    assert feed(consumer, answer(window(1, 6), 5, 5, 5)) == (hand(5),)


def test_as_many_as_are_missing_prove_that_a_list_stands_still() -> None:
    consumer = behind(4)
    feed(consumer, got(7))
    assert deny(consumer, window(1, 4), 5, 6) == ()
    assert feed(consumer, got(8)) == ()
    assert deny(consumer, window(1, 4), 5, 6) == (*lost(5, 6, NOT_KNOWN), saved(6), hand(7))
    assert feed(consumer, handed(7))[-1] == hand(8)


def test_what_is_far_ahead_is_believed_when_the_producer_confirms_it() -> None:
    consumer = behind(4)
    feed(consumer, got(FAR), DEADLINE)
    effects = feed(consumer, answer(window(FAR, FAR), 5, 7))
    reason = "the producer has not stored them any more"
    assert effects == (*lost(5, FAR - 1, reason), saved(FAR - 1), hand(FAR))


def test_when_an_epoch_is_over_its_list_does_not_change_any_more() -> None:
    consumer = behind(4)
    feed(consumer, got(6), got(FAR), DEADLINE)
    over = window(1, 4, next_epoch=E2)
    assert feed(consumer, answer(over, 5, 5))[:4] == (*lost(5, 5, NOT_KNOWN), saved(5), hand(6))
    assert feed(consumer, handed(6), DEADLINE) == (saved(6), ask(7, 9))
    effects = feed(consumer, answer(over, 7, 9))
    assert effects[0] == ReportRestart(before=E1, after=E2, certain=True)


def test_inventions_do_not_take_up_the_room_for_ever() -> None:
    consumer = behind(0)
    feed(consumer, got(1), handed(1), *(got(FAR + number) for number in range(5)))
    assert not has_room(consumer)
    assert deny(consumer, window(1, 1), 2, 2) == (reread(UNCONFIRMED),)
    assert has_room(consumer)
    takes(consumer, 2, 3)


# --- a producer that cannot be asked --------------------------------------------------------------


def test_what_is_near_is_believed_without_a_list() -> None:
    consumer = behind(4)
    number = 4 + LEAP_MAX
    feed(consumer, got(number), DEADLINE)
    effects = feed(consumer, NO_LIST)
    assert effects == (*lost(5, number - 1, "404"), saved(number - 1), hand(number))


def test_what_is_far_ahead_is_believed_without_a_list_when_the_next_comes() -> None:
    consumer = behind(4)
    feed(consumer, got(FAR), DEADLINE)
    assert feed(consumer, NO_LIST) == (reread(UNCONFIRMED),)
    takes(consumer, 5, 6)
    feed(consumer, got(FAR + 1), DEADLINE)
    effects = feed(consumer, NO_LIST)
    assert effects == (*lost(7, FAR - 1, "404"), saved(FAR - 1), hand(FAR))


@pytest.mark.parametrize("last", [5, FAR])
def test_a_heartbeat_alone_makes_nothing_lost_without_a_list(last: int) -> None:
    consumer = behind(4)
    feed(consumer, heard(last), DEADLINE)
    assert feed(consumer, NO_LIST) == (reread(UNCONFIRMED),)
    feed(consumer, heard(last), DEADLINE)
    assert feed(consumer, NO_LIST) == ()  # once with each notification
    takes(consumer, 5, 6)


def test_inventions_make_room_without_a_list_as_well() -> None:
    consumer = behind(4)
    feed(consumer, *(got(FAR + 2 * number) for number in range(5)), DEADLINE)
    assert feed(consumer, NO_LIST) == (reread(UNCONFIRMED),)
    takes(consumer, 5, 6)


def test_what_came_and_had_no_room_counts_without_a_list() -> None:
    consumer = behind(0)
    feed(consumer, got(1), *(got(number) for number in range(3, 9)))
    assert consumer.counts.dropped == 2
    feed(consumer, DEADLINE, NO_LIST)
    assert feed(consumer, handed(1)) == (saved(1), *lost(2, 2, "404"), saved(2), hand(3))
    for number in range(3, 6):
        feed(consumer, handed(number))
    assert feed(consumer, handed(6)) == (saved(6), *lost(7, 8, "404"), saved(8))


# --- one number, two notifications ----------------------------------------------------------------


def test_the_application_is_told_once_that_a_number_stands_for_two_notifications() -> None:
    consumer = behind(0)
    other = got(1, text="other")
    assert feed(consumer, got(1), other) == (hand(1), reread(TWO), ask())
    assert feed(consumer, other, other) == ()
    assert feed(consumer, answer(window(1, 1))) == (ask(),)
    feed(consumer, answer(window(1, 1)))
    assert feed(consumer, handed(1)) == (saved(1), reread(TWO))
    assert feed(consumer, other, got(1)) == (ask(),)
    feed(consumer, answer(window(1, 1)), got(2))
    assert feed(consumer, handed(2)) == (saved(2), reread(TWO))


def test_what_is_not_remembered_is_no_contradiction() -> None:
    consumer = behind(4)
    assert feed(consumer, got(4)) == (ask(),)
    assert feed(consumer, answer(window(1, 4))) == ()
    assert consumer.counts.duplicates == 1


# --- a window that is nonsense --------------------------------------------------------------------


@pytest.mark.parametrize("nonsense", [window(9, 2), window(0, 0), window(FAR, 4), window(7, 5)])
def test_a_window_that_is_nonsense_makes_nothing_lost_that_it_does_not_have(
    nonsense: StoredRange,
) -> None:
    consumer = behind(4)
    feed(consumer, heard(6), DEADLINE)
    feed(consumer, answer(nonsense, 5, 6))
    last = max(4, nonsense.newest_sequence_no)
    assert consumer.counts.lost == last - 4
    if consumer.state is S.WAITING:
        feed(consumer, DEADLINE)
    first = last + 1
    has = answer(window(1, 6), first, 6, *range(first, 7))
    assert feed(consumer, has)[-1] == hand(first)


def test_a_window_that_ends_too_high_is_unlearned() -> None:
    consumer = behind(4)
    feed(consumer, SYNCHRONISE, answer(window(1, FAR)))
    assert deny(consumer, window(1, 4), 5, 7) == ()
    takes(consumer, 5, 6)


def test_whoever_joined_behind_nonsense_goes_back() -> None:
    consumer = NotificationConsumer(S1, config=CONFIG)
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, answer(window(1, FAR), asked=UNTOLD)) == (saved(FAR),)
    assert feed(consumer, got(8)) == (ask(),)
    assert feed(consumer, answer(window(1, 8))) == (saved(8), reread(FEWER))
    takes(consumer, 9, 10)


def test_what_was_lost_to_nonsense_and_is_prepared_later_is_handed_over() -> None:
    consumer = behind(4)
    feed(consumer, heard(7))
    deny(consumer, window(1, 7), 5, 7)
    assert consumer.counts.lost == 3
    assert feed(consumer, got(5)) == (ask(),)
    assert feed(consumer, answer(window(1, 5))) == (saved(5), reread(FEWER))
    takes(consumer, 6, 7)


def test_what_was_handed_over_is_not_handed_over_again_whatever_the_window_says() -> None:
    consumer = behind(4)
    takes(consumer, 5, 6)
    assert feed(consumer, SYNCHRONISE, answer(window(1, 2))) == (ask(),)
    feed(consumer, got(7))
    assert feed(consumer, SYNCHRONISE, answer(window(1, 2))) == (ask(),)
    assert feed(consumer, got(5), got(6), got(7)) == ()
    assert feed(consumer, handed(7)) == (saved(7),)


def test_an_invention_that_was_handed_over_is_unlearned_when_both_ways_contradict_it() -> None:
    consumer = behind(FAR)  # of a life in which it was believed
    assert feed(consumer, got(5)) == (ask(),)
    assert feed(consumer, answer(window(1, 5))) == (saved(4), reread(FEWER))
    assert feed(consumer, DEADLINE, answer(window(1, 5), 5, 5, 5)) == (ask(5, 5), hand(5))


# --- an answer that is nonsense -------------------------------------------------------------------


def test_an_answer_in_disorder_doubled_and_beside_the_question_is_put_in_order() -> None:
    consumer = behind(1)
    feed(consumer, got(5), DEADLINE)
    effects = feed(consumer, answer(window(1, 5), 2, 4, 9, 4, 1, 3, 3, 2, 4, 0, FAR))
    assert effects == (hand(2),)
    assert consumer.counts.recovered == 3
    for number in (2, 3, 4):
        assert feed(consumer, handed(number)) == (saved(number), hand(number + 1))
    assert feed(consumer, handed(5)) == (saved(5),)


def test_notifications_of_another_epoch_are_not_taken_from_an_answer() -> None:
    consumer = behind(4)
    feed(consumer, got(6), DEADLINE)
    mixed = replace(answer(window(1, 6), 5, 5), notifications=(note(5, E2), note(5, UNTOLD)))
    assert feed(consumer, mixed) == ()
    assert feed(consumer, DEADLINE, answer(window(1, 6), 5, 5, 5))[-1] == hand(5)


# --- epochs that flip -----------------------------------------------------------------------------


def given(effects: tuple[NotificationConsumerEffect, ...]) -> list[tuple[Epoch, int]]:
    return [
        (each.received.number.epoch, each.received.number.sequence_no)
        for each in effects
        if isinstance(each, HandOver)
    ]


def test_an_answer_about_another_epoch_does_not_make_deaf_for_this_one() -> None:
    consumer = behind(4)
    takes(consumer, 5)
    feed(consumer, SYNCHRONISE)
    effects = feed(consumer, answer(window(1, 3, E2), asked=E1))
    assert ReportRestart(before=E1, after=E2, certain=False) in effects
    effects = feed(consumer, answer(window(1, 7), 1, 3, asked=E2))
    assert ReportRestart(before=E2, after=E1, certain=False) in effects
    assert saved(5) in effects
    assert feed(consumer, DEADLINE) == (ask(6, 7),)
    assert given(feed(consumer, answer(window(1, 7), 6, 7, 6, 7))) == [(E1, 6)]


def test_a_producer_that_goes_back_and_forth_is_not_run_after() -> None:
    consumer = behind(4)
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, answer(window(0, 0, E2), asked=E1))[-1] == ask(epoch=E2)
    assert feed(consumer, answer(window(1, 4), asked=E2))[-1] == saved(4)
    assert consumer.state is S.IN_SEQUENCE
    feed(consumer, SYNCHRONISE)
    effects = feed(consumer, answer(window(0, 0, E2), asked=E1))
    assert effects[-1] == saved(0, E2)
    assert consumer.counts.restarts == 3


@pytest.mark.parametrize("following", [E1, Epoch(E1 - 1)])
def test_an_epoch_that_is_followed_by_no_later_one_lasts(following: Epoch) -> None:
    for consumer in (behind(4), NotificationConsumer(S1, config=CONFIG)):
        feed(consumer, SYNCHRONISE)
        asked = E1 if consumer.sequence is not None else UNTOLD
        feed(consumer, answer(window(1, 4, next_epoch=following), asked=asked))
        assert consumer.state is S.IN_SEQUENCE
        takes(consumer, 5)


def test_whoever_joins_is_not_led_in_circles() -> None:
    consumer = NotificationConsumer(S1, config=CONFIG)
    feed(consumer, SYNCHRONISE)
    circle = window(1, 4, next_epoch=E2)
    assert feed(consumer, answer(circle, asked=UNTOLD)) == (ask(epoch=E2),)
    effects = feed(consumer, answer(circle, asked=E2))
    assert effects[:2] == (saved(4), ReportRestart(before=E1, after=E2, certain=True))


def test_an_invented_epoch_is_left_again_without_a_list() -> None:
    consumer = behind(4)
    takes(consumer, 5)
    assert given(feed(consumer, got(1, E2), NO_LIST)) == [(E2, 1)]
    feed(consumer, handed(1, E2), DEADLINE, NO_LIST)
    assert feed(consumer, got(5)) == ()  # late
    assert given(feed(consumer, got(6), NO_LIST)) == [(E1, 6)]
    feed(consumer, handed(6), DEADLINE, NO_LIST)
    assert given(feed(consumer, got(2, E2), NO_LIST)) == [(E2, 2)]


def test_answers_about_ever_new_epochs_wait_in_bounded_number() -> None:
    consumer = behind(4)
    feed(consumer, got(5))
    for number in range(100):
        feed(consumer, SYNCHRONISE)
        feed(consumer, answer(window(1, 1, Epoch(E1 + 1 + number)), asked=E1))
    effects = feed(consumer, handed(5))
    restarts = [each for each in effects if isinstance(each, ReportRestart)]
    assert [each.after for each in restarts] == [Epoch(E1 + 100)]


# --- times that are nonsense ----------------------------------------------------------------------


def test_a_time_in_the_far_future_hides_no_restart() -> None:
    consumer = behind(0, UNTOLD)
    feed(consumer, got(1, UNTOLD), handed(1, UNTOLD))
    feed(consumer, got(2, UNTOLD, time_ms=2**62), handed(2, UNTOLD))
    feed(consumer, replace(heard(2, UNTOLD), last_event_time_ms=2**62))
    again = NotificationReceived(received=note(1, UNTOLD, text="again", time_ms=9_000))
    assert feed(consumer, again) == (ask(2, 2, UNTOLD),)
    effects = feed(consumer, answer(window(1, 1, UNTOLD), 2, 2))
    assert ReportRestart(before=UNTOLD, after=UNTOLD, certain=False) in effects


def test_what_was_not_sent_may_be_absurd() -> None:
    absurd = frozenset({"", "notify\0", "x" * 10_000})
    consumer = behind(0)
    feed(consumer, NotificationReceived(received=note(1, not_sent_types=absurd)))
    reason = "the producer did not prepare some notifications"
    effects = feed(consumer, handed(1))
    assert effects == (saved(1), RereadObjects(notification_types=absurd, reason=reason))
    takes(consumer, 2)


def test_an_answer_is_taken_once() -> None:
    consumer = behind(4)
    feed(consumer, heard(5), DEADLINE)
    has: RangeFetched = answer(window(1, 5), 5, 5, 5)
    assert feed(consumer, has, has) == (hand(5),)
