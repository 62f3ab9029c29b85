"""The checks find each kind of broken promise, and nothing where all was kept."""

from __future__ import annotations

import pytest

from mnstream.core.notification_values import NOT_SENT, UNTOLD, Epoch, Number, SubscriptionId
from mnstream.core.notifications.announcing import FAULTY_ALARMS, FAULTY_TREE
from tests.simulation.notifications.checks import (
    broken_order,
    missing_told,
    missing_untold,
    unannounced,
)
from tests.simulation.notifications.consumer import Entry, Handed, Lost, Restarted
from tests.simulation.notifications.producer import Wanted
from tests.simulation.notifications.store import Key, Note

ONE = SubscriptionId("one")
E1, E2, E3 = Epoch(10), Epoch(20), Epoch(30)
ALARM, CREATION = "notifyNewAlarm", "notifyMOICreation"


def note(
    text: str,
    *,
    serial: int | None = None,
    kind: str = CREATION,
    types: frozenset[str] | None = frozenset(),
    order: int = 0,
) -> Note:
    return Note(kind, 0, text, serial, types, order)


LEDGER: dict[Key, Note] = {
    (E1, 1): note("a"),
    (E1, 2): note("b"),
    (E2, 1): note("c"),
    (E2, 2): note("d"),
}


def handed(epoch: Epoch, number: int, text: str, life: int = 1) -> Handed:
    named = Number(subscription_id=ONE, epoch=epoch, sequence_no=number)
    return Handed(life, named, text)


A, B, C, D = (
    handed(E1, 1, "a"),
    handed(E1, 2, "b"),
    handed(E2, 1, "c"),
    handed(E2, 2, "d"),
)
RESTART = Restarted(E1, E2, certain=True)
BASE = Number(subscription_id=ONE, epoch=E1, sequence_no=0)


@pytest.mark.parametrize(
    "journal",
    [
        [],
        [A, B, RESTART, C, D],
        [A, handed(E1, 1, "a", 2), handed(E1, 2, "b", 2)],  # a crash repeats the one in hand
        [A, Lost(E1, 2, None, ()), RESTART, C],
        [
            handed(UNTOLD, 1, "a"),
            Restarted(UNTOLD, UNTOLD, certain=False),
            handed(UNTOLD, 1, "c"),
        ],
        [handed(UNTOLD, 1, "a"), handed(UNTOLD, 1, "c", 2)],  # a restart behind a crash
    ],
)
def test_a_good_order_breaks_no_promise(journal: list[Entry]) -> None:
    assert broken_order("one", journal, LEDGER) == []


@pytest.mark.parametrize(
    ("journal", "fault"),
    [
        ([A, A], "one: (10, 1) comes after (10, 1)"),
        ([B, A], "one: (10, 1) comes after (10, 2)"),
        ([C, RESTART, B], "one: (10, 2) comes after (20, 1)"),
        ([A, B, handed(E1, 1, "a", 2)], "one: (10, 1) comes after (10, 2)"),
        ([handed(E1, 1, "x")], "one: is not what was stored: x"),
        ([handed(E1, 3, "x")], "one: was never stored: x"),
        ([handed(UNTOLD, 1, "x")], "one: was never stored: x"),
        ([handed(UNTOLD, 1, "a"), handed(UNTOLD, 1, "c")], "one: (0, 1) comes after (0, 1)"),
        ([Lost(E1, 1, 2, (2,))], "one: 10 1-2 is lost, but (2,) are stored"),
    ],
)
def test_a_broken_order_is_named(journal: list[Entry], fault: str) -> None:
    assert fault in broken_order("one", journal, LEDGER)


@pytest.mark.parametrize(
    "journal",
    [
        [A, B, C, D],
        [A, Lost(E1, 2, 2, ()), C, D],
        [Lost(E1, 1, None, ()), RESTART, C, D],
        [A, B, Lost(E1, 3, None, ()), Restarted(E1, E3, certain=True)],  # and all in between
    ],
)
def test_what_was_given_or_lost_is_not_missing(journal: list[Entry]) -> None:
    assert missing_told("one", journal, LEDGER, BASE) == []


@pytest.mark.parametrize(
    ("journal", "missing"),
    [
        ([A, C, D], ["one: (10, 2) was neither given nor lost"]),
        ([A, Lost(E2, 2, None, ()), C, D], ["one: (10, 2) was neither given nor lost"]),
        ([A, Lost(E1, 3, 9, ()), C, D], ["one: (10, 2) was neither given nor lost"]),
        ([A, B, RESTART, D], ["one: (20, 1) was neither given nor lost"]),
    ],
)
def test_what_is_missing_is_named(journal: list[Entry], missing: list[str]) -> None:
    assert missing_told("one", journal, LEDGER, BASE) == missing


def test_what_was_before_is_not_missing_but_whoever_never_began_is() -> None:
    behind = Number(subscription_id=ONE, epoch=E2, sequence_no=1)
    assert missing_told("one", [D], LEDGER, behind) == []
    assert missing_told("one", [], LEDGER, None) == ["one: never began"]


def test_without_epochs_only_what_nobody_can_see_may_be_missing() -> None:
    one_epoch = {key: each for key, each in LEDGER.items() if key[0] == E1}
    given: list[Entry] = [handed(UNTOLD, 1, "a")]
    assert len(missing_untold("one", given, one_epoch)) == 1
    assert missing_untold("one", [*given, Lost(UNTOLD, 2, 2, ())], one_epoch) == []
    assert len(missing_untold("one", given, LEDGER)) == 2  # both numbers 2
    assert missing_untold("one", [*given, handed(UNTOLD, 2, "b")], LEDGER) == []


def wanted(kind: str = CREATION, *, epoch: Epoch = E1, order: int = 5) -> Wanted:
    return Wanted(7, kind, epoch, order, ONE)


@pytest.mark.parametrize(
    "told",
    [
        note("x", serial=7),
        note("x", kind=NOT_SENT, types=None, order=6),
        note("x", kind=NOT_SENT, types=frozenset({CREATION}), order=6),
        note("x", kind=FAULTY_TREE, order=6),
    ],
)
def test_what_was_stored_or_admitted_is_announced(told: Note) -> None:
    assert unannounced([wanted()], {ONE: {(E1, 1): told}}, {(ONE, E1)}, set()) == []


@pytest.mark.parametrize(
    "told",
    [
        note("x", serial=8),
        note("x", kind=NOT_SENT, types=None, order=4),
        note("x", kind=NOT_SENT, types=frozenset({ALARM}), order=6),
        note("x", kind=FAULTY_ALARMS, order=6),
    ],
)
def test_what_was_neither_stored_nor_admitted_is_named(told: Note) -> None:
    ledgers = {ONE: {(E1, 1): told}}
    (fault,) = unannounced([wanted()], ledgers, {(ONE, E1)}, set())
    assert fault.endswith("was neither stored nor admitted")
    assert unannounced([wanted()], ledgers, {(ONE, E1)}, {(ONE, E1)}) == []  # it was deleted
    assert unannounced([wanted()], ledgers, set(), set()) == []  # it was never durable
