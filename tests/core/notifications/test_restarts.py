"""A producer that restarts: with epochs that it tells, and without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.lifecycles.synchronisation import SynchronisationState as S
from mnstream.core.notification_effects import (
    NotificationConsumerEffect,
    ReportLost,
    ReportRestart,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
)
from mnstream.core.notification_values import UNTOLD, Epoch, Number
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.core.notifications.epochs import EPOCHS_MAX
from mnstream.core.notifications.recent import RECENT_MAX, Recent
from tests.core.notifications.support import (
    DEADLINE,
    E1,
    E2,
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
    reorder_wait_ms=500,
    buffer_max=8,
    fetch_max=5,
    fetch_timeout_ms=5_000,
    back_off_initial_ms=1_000,
    back_off_max_ms=4_000,
    refusals_max=3,
)
E3 = Epoch(3_000_000)
ELSE = "a number stands for something else"
ROLLED = "the producer has not stored them any more"
WENT_BACK = "numbers went back"
FORGOTTEN = "the producer does not remember this epoch"


def new(
    checkpoint: Number | None = None, *, checksum: int | None = None, from_start: bool = False
) -> NotificationConsumer:
    return NotificationConsumer(
        S1, checkpoint=checkpoint, checksum=checksum, from_start=from_start, config=CONFIG
    )


def checksum(number: int) -> int:
    """What is saved beside a number whose epoch is not told."""
    return note(number, UNTOLD).content


def following(number: int, epoch: Epoch = E1) -> NotificationConsumer:
    """Numbers up to this one were processed."""
    consumer = new(no(0, epoch=epoch))
    for each in range(1, number + 1):
        feed(consumer, got(each, epoch), handed(each, epoch))
    return consumer


def feed(
    consumer: NotificationConsumer, *events: NotificationConsumerEvent, now_ms: int = 1_000
) -> tuple[NotificationConsumerEffect, ...]:
    effects: tuple[NotificationConsumerEffect, ...] = ()
    for event in events:
        effects += consumer.handle(event, now_ms=now_ms)
    return effects


def saved(number: int, epoch: Epoch) -> SaveCheckpoint:
    return SaveCheckpoint(number=no(number, epoch=epoch))


def restart(before: Epoch, after: Epoch, *, certain: bool = True) -> tuple[object, object]:
    return ReportRestart(before=before, after=after, certain=certain), saved(0, after)


def unknown(epoch: Epoch, first: int, reason: str) -> tuple[object, object]:
    return (
        ReportLost(epoch=epoch, first=first, last=None, reason=reason),
        RereadObjects(notification_types=None, reason=reason),
    )


# --- epochs that are told ------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [got(1, E2), got(9, E2), heard(0, E2)])
def test_another_epoch_is_begun_when_the_one_before_is_finished(
    sign: NotificationConsumerEvent,
) -> None:
    consumer = following(2)
    assert feed(consumer, sign) == (ask(),)
    over = answer(window(1, 4, next_epoch=E2))
    assert feed(consumer, over) == ()
    assert consumer.state is S.WAITING
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(3, 4),)
    rest = answer(window(1, 4, next_epoch=E2), 3, 4, 3, 4)
    assert feed(consumer, rest, now_ms=1_600) == (hand(3),)
    assert feed(consumer, handed(3), now_ms=1_600) == (saved(3, E1), hand(4))
    effects = feed(consumer, handed(4), now_ms=1_600)
    assert effects[:3] == (saved(4, E1), *restart(E1, E2))
    assert effects[-1] in (ask(epoch=E2), ask(1, 5, E2))
    assert consumer.counts.restarts == 1


def test_what_came_of_the_new_epoch_is_handed_over_first() -> None:
    consumer = following(2)
    feed(consumer, got(1, E2), got(2, E2))
    effects = feed(consumer, answer(window(1, 2, next_epoch=E2)))
    assert effects == (*restart(E1, E2), hand(1, E2), ask(epoch=E2))
    assert feed(consumer, handed(1, E2)) == (saved(1, E2), hand(2, E2))
    assert feed(consumer, got(2)) == ()  # late, of an epoch that is over
    assert consumer.counts.duplicates == 1


def test_epochs_that_were_never_heard_of_are_not_left_out() -> None:
    consumer = following(2)
    assert feed(consumer, got(1, E3)) == (ask(),)
    effects = feed(consumer, answer(window(1, 2, next_epoch=E2)))
    assert effects == (*restart(E1, E2), ask(epoch=E2))
    effects = feed(consumer, answer(window(1, 1, E2, next_epoch=E3)))
    assert effects == ()
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 1, E2),)
    feed(consumer, answer(window(1, 1, E2, next_epoch=E3), 1, 1, 1), now_ms=1_500)
    effects = feed(consumer, handed(1, E2), now_ms=1_500)
    assert effects == (
        saved(1, E2),
        *restart(E2, E3),
        hand(1, E3),
        ask(epoch=E3),
    )


def test_an_epoch_without_notifications_is_passed_through() -> None:
    consumer = following(2)
    feed(consumer, got(1, E3))
    feed(consumer, answer(window(1, 2, next_epoch=E2)))
    effects = feed(consumer, answer(window(0, 0, E2, next_epoch=E3)))
    assert effects == (*restart(E2, E3), hand(1, E3), ask(epoch=E3))


def test_an_epoch_that_the_producer_has_forgotten_is_lost_without_an_end() -> None:
    consumer = following(2)
    feed(consumer, got(4), got(1, E2))
    forgotten = answer(window(0, 0, next_epoch=E2), 3, 3, known=False)
    effects = feed(consumer, forgotten)
    assert effects[0] == ReportLost(
        epoch=E1, first=3, last=3, reason="the producer does not know them"
    )
    assert effects[2:] == (saved(3, E1), hand(4))
    effects = feed(consumer, handed(4))
    assert effects[:5] == (saved(4, E1), *unknown(E1, 5, FORGOTTEN), *restart(E1, E2))


def test_notifications_wait_while_the_present_one_is_in_hand() -> None:
    consumer = following(1)
    feed(consumer, got(2), got(1, E2))
    assert feed(consumer, answer(window(1, 2, next_epoch=E2))) == ()
    assert feed(consumer, got(2, E2), heard(3, E2)) == ()
    effects = feed(consumer, handed(2))
    assert effects == (saved(2, E1), *restart(E1, E2), hand(1, E2), ask(3, 3, E2))


def test_an_epoch_of_nobody_is_asked_about_whenever_it_is_heard_of() -> None:
    consumer = following(2)
    old = Epoch(E1 - 1)
    for _ in range(3):
        assert feed(consumer, got(1, old)) == (ask(),)
        assert feed(consumer, answer(window(1, 2))) == ()
        assert consumer.state is S.IN_SEQUENCE
    assert consumer.counts.restarts == 0


def test_an_epoch_that_is_not_stored_yet_is_asked_about_again() -> None:
    consumer = following(2)
    assert feed(consumer, heard(0, E2)) == (ask(),)
    assert feed(consumer, answer(window(1, 2))) == ()
    assert feed(consumer, got(1, E2)) == (ask(),)
    effects = feed(consumer, answer(window(1, 2, next_epoch=E2)))
    assert effects == (*restart(E1, E2), hand(1, E2), ask(epoch=E2))


def test_what_is_heard_while_it_is_asked_is_asked_about_again() -> None:
    consumer = following(2)
    assert feed(consumer, SYNCHRONISE, got(1, E2)) == (ask(),)
    assert feed(consumer, answer(window(1, 2))) == (ask(),)
    effects = feed(consumer, answer(window(1, 2, next_epoch=E2)))
    assert effects == (*restart(E1, E2), hand(1, E2), ask(epoch=E2))


def test_so_many_epochs_may_wait_and_be_remembered() -> None:
    consumer = following(2)
    for number in range(EPOCHS_MAX + 2):
        feed(consumer, got(1, Epoch(number + 1)))
    assert consumer.counts.duplicates == 2  # of whom there was no room for
    feed(consumer, answer(window(1, 2)))
    feed(consumer, answer(window(1, 2)))
    for number in range(EPOCHS_MAX + 1):
        following_one = Epoch(E1 + number + 1)
        feed(consumer, heard(0, following_one))
        feed(consumer, answer(window(0, 0, Epoch(E1 + number), next_epoch=following_one)))
        feed(consumer, answer(window(0, 0, following_one)))
    assert feed(consumer, got(0, Epoch(E1 + 1))) == ()  # late
    assert feed(consumer, got(2, E1)) != ()  # the oldest is not remembered


# --- who joins a producer that has restarted before ----------------------------------------------


def test_whoever_joins_leaves_alone_what_was_before() -> None:
    consumer = new()
    assert feed(consumer, SYNCHRONISE) == (ask(epoch=UNTOLD),)
    assert feed(consumer, answer(window(1, 9, next_epoch=E2), asked=UNTOLD)) == (ask(epoch=E2),)
    assert feed(consumer, answer(window(1, 7, E2))) == (saved(7, E2),)
    assert feed(consumer, got(8, E2)) == (hand(8, E2),)


def test_whoever_joins_does_not_lose_what_it_has_got_before_a_restart() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE, got(9))
    effects = feed(consumer, answer(window(1, 9, next_epoch=E2), asked=UNTOLD))
    assert effects == (saved(8, E1), hand(9), ask())


def test_whoever_wants_everything_begins_with_the_oldest_epoch() -> None:
    consumer = new(from_start=True)
    feed(consumer, SYNCHRONISE)
    effects = feed(consumer, answer(window(1, 1, next_epoch=E2), asked=UNTOLD))
    assert effects == (saved(0, E1),)
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(1, 1),)


def test_whoever_joins_asks_again_where_it_was() -> None:
    consumer = new()
    feed(consumer, SYNCHRONISE, answer(window(1, 9, next_epoch=E2), asked=UNTOLD))
    feed(consumer, FetchFailed(reason="no route"))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(epoch=E2),)


def test_an_answer_about_another_epoch_says_that_ours_is_forgotten() -> None:
    consumer = new(no(5))
    feed(consumer, SYNCHRONISE)
    effects = feed(consumer, answer(window(1, 4, E2), asked=E1))
    assert effects[:2] == unknown(E1, 6, FORGOTTEN)


# --- epochs that are not told --------------------------------------------------------------------


def again(number: int, *, time_ms: int = 1_000) -> NotificationReceived:
    """A number of another life: its content is another."""
    return got(number, UNTOLD, text="again", time_ms=time_ms)


def test_numbers_that_go_back_while_time_goes_on_are_a_restart() -> None:
    consumer = following(5, UNTOLD)
    effects = feed(consumer, again(1))
    assert effects[:4] == (
        *unknown(UNTOLD, 6, WENT_BACK),
        *restart(UNTOLD, UNTOLD, certain=False),
    )
    assert effects[5:] == (ask(1, 1, epoch=UNTOLD),)
    assert consumer.counts.restarts == 1


def test_what_a_network_repeats_is_no_restart() -> None:
    consumer = following(5, UNTOLD)
    assert feed(consumer, got(3, UNTOLD)) == ()
    assert (consumer.counts.duplicates, consumer.counts.restarts) == (1, 0)


def test_what_may_be_a_repetition_is_asked_about() -> None:
    consumer = following(5, UNTOLD)
    assert feed(consumer, again(3, time_ms=2)) == (ask(5, 5, epoch=UNTOLD),)
    assert feed(consumer, answer(window(1, 5, UNTOLD), 5, 5, 5)) == ()
    assert (consumer.counts.duplicates, consumer.counts.restarts) == (1, 0)


def test_without_memory_only_the_producer_can_say_whether_it_restarted() -> None:
    consumer = new(no(5, epoch=UNTOLD))
    assert feed(consumer, got(1, UNTOLD)) == (ask(epoch=UNTOLD),)
    effects = feed(consumer, answer(window(1, 2, UNTOLD)))
    reason = "the producer has fewer numbers"
    assert effects == (
        *unknown(UNTOLD, 6, reason),
        *restart(UNTOLD, UNTOLD, certain=False),
        ask(1, 2, UNTOLD),
    )


def test_a_hole_is_given_up_at_an_inferred_restart() -> None:
    consumer = following(2, UNTOLD)
    feed(consumer, got(5, UNTOLD))
    effects = feed(consumer, again(1))
    assert effects[0] == ReportLost(epoch=UNTOLD, first=3, last=4, reason=WENT_BACK)
    assert effects[2:] == (saved(4, UNTOLD), hand(5, UNTOLD))
    effects = feed(consumer, handed(5, UNTOLD))
    assert effects[:5] == (
        SaveCheckpoint(number=no(5, epoch=UNTOLD), checksum=checksum(5)),
        *unknown(UNTOLD, 6, WENT_BACK),
        *restart(UNTOLD, UNTOLD, certain=False),
    )


def test_an_answer_after_an_inferred_restart_is_about_the_new_life() -> None:
    consumer = following(2, UNTOLD)
    feed(consumer, got(3, UNTOLD), got(6, UNTOLD))
    feed(consumer, DEADLINE, now_ms=1_500)
    feed(consumer, again(1), now_ms=1_600)
    late = answer(window(1, 9, UNTOLD), 4, 5, 4, 5)
    assert feed(consumer, late, now_ms=1_700) == ()
    effects = feed(consumer, handed(3, UNTOLD), now_ms=1_800)
    assert effects[1] == ReportLost(epoch=UNTOLD, first=4, last=5, reason=WENT_BACK)


def test_a_second_restart_before_the_first_is_finished() -> None:
    consumer = following(2, UNTOLD)
    feed(consumer, got(3, UNTOLD), again(1), again(1))
    assert consumer.counts.duplicates == 1
    feed(consumer, got(1, UNTOLD, text="once more", time_ms=2_000))
    effects = feed(consumer, handed(3, UNTOLD))
    assert effects[1:5] == (
        *unknown(UNTOLD, 4, WENT_BACK),
        *restart(UNTOLD, UNTOLD, certain=False),
    )


def test_a_restart_before_anything_is_followed() -> None:
    consumer = new()
    effects = feed(consumer, SYNCHRONISE, got(1, UNTOLD))
    assert effects[1:] == (hand(1, UNTOLD),)
    assert feed(consumer, again(1)) == ()
    effects = feed(consumer, handed(1, UNTOLD))
    assert effects[1:5] == (
        *unknown(UNTOLD, 2, WENT_BACK),
        *restart(UNTOLD, UNTOLD, certain=False),
    )


def test_who_tells_no_epochs_is_followed_while_it_cannot_be_asked() -> None:
    consumer = new(from_start=True)
    assert feed(consumer, SYNCHRONISE) == (ask(epoch=UNTOLD),)
    assert feed(consumer, got(1, UNTOLD)) == (hand(1, UNTOLD),)


def test_what_is_answered_with_something_else_is_lost_after_a_while() -> None:
    consumer = new(from_start=True)
    feed(consumer, SYNCHRONISE, got(1), got(3))
    refused = FetchFailed(reason="503", answered=True)
    now_ms = 1_000
    for _ in range(CONFIG.refusals_max - 1):
        assert feed(consumer, refused, now_ms=now_ms) == ()
        now_ms = consumer.next_deadline_ms() or now_ms
        assert feed(consumer, DEADLINE, now_ms=now_ms) == (ask(epoch=UNTOLD),)
    assert feed(consumer, refused, now_ms=now_ms) == (hand(1),)


def test_who_does_not_answer_at_all_is_asked_for_ever() -> None:
    consumer = following(2)
    feed(consumer, got(5))
    now_ms = 1_000
    for _ in range(3 * CONFIG.refusals_max):
        now_ms = consumer.next_deadline_ms() or now_ms
        assert feed(consumer, DEADLINE, now_ms=now_ms) == (ask(3, 4),)
        feed(consumer, FetchFailed(reason="no route"), now_ms=now_ms)
    assert consumer.counts.lost == 0


def test_a_heartbeat_that_goes_back_is_asked_about() -> None:
    consumer = following(5, UNTOLD)
    assert feed(consumer, heard(5, UNTOLD)) == ()
    assert feed(consumer, heard(2, UNTOLD)) == (ask(5, 5, epoch=UNTOLD),)
    effects = feed(consumer, answer(window(1, 2, UNTOLD), 5, 5))
    assert effects[2:] == (*restart(UNTOLD, UNTOLD, certain=False), ask(1, 2, UNTOLD))


def test_an_answer_that_is_older_than_what_has_come_since_is_no_restart() -> None:
    consumer = following(5, UNTOLD)
    feed(consumer, heard(2, UNTOLD))
    for number in (6, 7):
        feed(consumer, got(number, UNTOLD), handed(number, UNTOLD))
    assert feed(consumer, answer(window(1, 5, UNTOLD), 5, 5, 5)) == ()
    assert consumer.counts.restarts == 0


def test_a_late_heartbeat_makes_no_hole_of_what_is_on_its_way() -> None:
    consumer = following(5, UNTOLD)
    feed(consumer, heard(2, UNTOLD))
    assert feed(consumer, answer(window(1, 50, UNTOLD), 5, 5, 5)) == ()
    assert consumer.state is S.IN_SEQUENCE
    assert consumer.sequence is not None
    assert consumer.sequence.highest == 5


def test_the_same_spelled_in_another_way_is_the_same() -> None:
    consumer = following(5, UNTOLD)
    respelled = replace(note(5, UNTOLD), payload=b"5 ")
    assert feed(consumer, NotificationReceived(received=respelled)) == ()
    feed(consumer, heard(2, UNTOLD))
    listed = replace(answer(window(1, 5, UNTOLD), 5, 5), notifications=(respelled,))
    assert feed(consumer, listed) == ()
    assert consumer.counts.restarts == 0


def test_a_heartbeat_that_is_late_is_no_restart() -> None:
    consumer = following(5, UNTOLD)
    feed(consumer, heard(2, UNTOLD))
    assert feed(consumer, answer(window(1, 5, UNTOLD), 5, 5, 5)) == ()
    assert consumer.state is S.IN_SEQUENCE


def other_life(first: int, last: int, newest: int) -> RangeFetched:
    """An answer of a producer that has begun anew and gone past what we know."""
    given = tuple(note(each, UNTOLD, text="again") for each in range(first, last + 1))
    return replace(answer(window(1, newest, UNTOLD), first, last), notifications=given)


def test_a_hole_behind_a_number_that_stands_for_something_else_is_a_restart() -> None:
    consumer = following(2, UNTOLD)
    feed(consumer, again(6))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(2, 5, UNTOLD),)
    effects = feed(consumer, other_life(2, 5, 6), now_ms=1_600)
    assert effects == (
        *unknown(UNTOLD, 3, ELSE),
        *restart(UNTOLD, UNTOLD, certain=False),
        ask(epoch=UNTOLD),
    )
    feed(consumer, answer(window(1, 6, UNTOLD)), now_ms=1_700)
    assert consumer.sequence is not None
    assert (consumer.sequence.processed, consumer.sequence.highest) == (0, 6)


def test_a_number_in_the_buffer_serves_as_well() -> None:
    consumer = following(2, UNTOLD)
    feed(consumer, got(3, UNTOLD), got(4, UNTOLD), again(7))
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(4, 6, UNTOLD),)
    assert feed(consumer, other_life(4, 6, 7), now_ms=1_600) == ()
    effects = feed(consumer, handed(3, UNTOLD), handed(4, UNTOLD), now_ms=1_700)
    assert effects[1] == hand(4, UNTOLD)
    assert effects[3:5] == unknown(UNTOLD, 5, ELSE)


def test_a_checkpoint_tells_a_life_from_another() -> None:
    consumer = new(no(7, epoch=UNTOLD), checksum=checksum(7))
    assert feed(consumer, SYNCHRONISE) == (ask(7, 7, UNTOLD),)
    effects = feed(consumer, other_life(7, 7, 13))
    assert effects == (
        *unknown(UNTOLD, 8, ELSE),
        *restart(UNTOLD, UNTOLD, certain=False),
        ask(epoch=UNTOLD),
    )


def test_the_same_life_goes_on_behind_its_checkpoint() -> None:
    consumer = new(no(7, epoch=UNTOLD), checksum=checksum(7))
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, answer(window(1, 9, UNTOLD), 7, 7, 7)) == ()
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(7, 9, UNTOLD),)
    assert feed(consumer, answer(window(1, 9, UNTOLD), 7, 9, 7, 8, 9)) == (hand(8, UNTOLD),)
    assert consumer.counts.recovered == 2


def test_a_checkpoint_that_the_producer_has_not_stored_any_more_tells_nothing() -> None:
    consumer = new(no(7, epoch=UNTOLD), checksum=checksum(7))
    feed(consumer, SYNCHRONISE)
    assert feed(consumer, answer(window(9, 9, UNTOLD), 7, 7)) == ()
    assert feed(consumer, DEADLINE, now_ms=1_500) == (ask(7, 9, UNTOLD),)
    effects = feed(consumer, answer(window(9, 9, UNTOLD), 7, 9, 9))
    assert effects[0] == ReportLost(epoch=UNTOLD, first=8, last=8, reason=ROLLED)


def test_a_producer_that_begins_to_tell_its_epochs_begins_anew() -> None:
    consumer = new(no(5, epoch=UNTOLD))
    feed(consumer, SYNCHRONISE)
    reason = "the producer did not tell its epochs before"
    effects = feed(consumer, answer(window(1, 9, E1), asked=UNTOLD))
    assert effects == (
        *unknown(UNTOLD, 6, reason),
        *restart(UNTOLD, E1, certain=False),
        ask(1, 5),
    )


def test_a_past_epoch_is_not_heard() -> None:
    consumer = following(2)
    feed(consumer, got(1, E2), answer(window(1, 2, next_epoch=E2)))
    assert feed(consumer, heard(2, E1)) == ()


# --- telling a repetition from a restart ---------------------------------------------------------


def remembered(*numbers: int) -> Recent:
    recent = Recent()
    for number in numbers:
        recent.remember(note(number, UNTOLD, time_ms=100))
    return recent


def test_the_same_content_is_a_repetition_whatever_its_time() -> None:
    assert remembered(1).is_repetition(note(1, time_ms=900), None)
    assert remembered(1).is_known(note(1, time_ms=900), None)


def test_other_content_is_a_repetition_only_if_it_is_not_newer() -> None:
    recent = remembered(1, 2)
    assert not recent.is_repetition(note(1, text="x", time_ms=101), None)
    assert recent.is_repetition(note(1, text="x", time_ms=100), None)
    assert not recent.is_known(note(1, text="x", time_ms=100), None)


def test_what_is_here_is_compared_with_what_is_here() -> None:
    recent = remembered(1)
    assert recent.is_repetition(note(2, text="x", time_ms=900), note(2, text="x"))
    assert not recent.is_repetition(note(2, text="x", time_ms=1), note(2))


def test_without_a_time_an_unknown_number_is_a_repetition() -> None:
    received = NotificationReceived(received=note(1)).received
    timeless = type(received)(
        number=received.number,
        notification_type=received.notification_type,
        event_time_ms=None,
        payload=b"?",
        content=0,
    )
    assert not remembered(1).is_repetition(timeless, None)
    assert remembered(2).is_repetition(timeless, None)
    assert Recent().is_repetition(note(1), None)


def test_memory_is_limited() -> None:
    recent = remembered(*range(1, RECENT_MAX + 2))
    assert not recent.is_known(note(1), None)
    assert recent.is_known(note(2), None)
