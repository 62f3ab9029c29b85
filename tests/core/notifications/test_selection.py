"""Which subscriptions want a notification: types, scope and filter, all of them together."""

from __future__ import annotations

import pytest

from mnstream.core.errors import InvalidFilter
from mnstream.core.notification_values import (
    HEARTBEAT,
    NOT_SENT,
    Content,
    ObjectPath,
    Scope,
    ScopeType,
    SubscriptionSettings,
)
from mnstream.core.notifications.selection import Selection, in_scope, level_below
from tests.core.notifications.support import ALARM, BASE, CREATION, HOME, compile_filter, settings

CELL = f"{BASE}/GNBDUFunction=1/NRCellDU=1"


def content(notification_type: str = CREATION, path: str = BASE) -> Content:
    return Content(
        notification_type=notification_type,
        object_path=ObjectPath(path),
        notification_id=1,
        event_time_ms=0,
        body={},
    )


def selection(wanted: SubscriptionSettings | None = None, base: ObjectPath = BASE) -> Selection:
    return Selection(wanted or settings(), base, compile_filter)


@pytest.mark.parametrize(
    ("path", "base", "level"),
    [
        (BASE, BASE, 0),
        (f"{BASE}/GNBDUFunction=1", BASE, 1),
        (CELL, BASE, 2),
        (f"{BASE}0", BASE, None),
        ("SubNetwork=1", BASE, None),
        ("", "", 0),
        (BASE, "", 1),
        (CELL, "", 3),
        ("", BASE, None),
    ],
)
def test_levels_are_counted_below_the_base(path: str, base: str, level: int | None) -> None:
    assert level_below(ObjectPath(path), ObjectPath(base)) == level


@pytest.mark.parametrize(
    ("scope_type", "scope_level", "levels"),
    [
        (ScopeType.BASE_ONLY, None, [0]),
        (ScopeType.BASE_ALL, None, [0, 1, 2]),
        (ScopeType.BASE_NTH_LEVEL, 1, [1]),
        (ScopeType.BASE_NTH_LEVEL, 0, [0]),
        (ScopeType.BASE_NTH_LEVEL, None, [0]),
        (ScopeType.BASE_SUBTREE, 1, [0, 1]),
        (ScopeType.BASE_SUBTREE, 0, [0]),
        (ScopeType.BASE_SUBTREE, None, [0]),
    ],
)
def test_scopes(scope_type: ScopeType, scope_level: int | None, levels: list[int]) -> None:
    scope = Scope(scope_type=scope_type, scope_level=scope_level)
    paths = [BASE, f"{BASE}/GNBDUFunction=1", CELL, "SubNetwork=1"]
    chosen = [n for n, path in enumerate(paths) if in_scope(ObjectPath(path), BASE, scope)]
    assert chosen == levels


def test_without_conditions_everything_below_the_base_is_wanted() -> None:
    assert selection().wants(content(ALARM, CELL))
    assert not selection().wants(content(ALARM, "ManagedElement=2"))


def test_types_scope_and_filter_count_together() -> None:
    wanted = SubscriptionSettings(
        notification_recipient_address=HOME,
        notification_types=frozenset({CREATION, ALARM}),
        scope=Scope(scope_type=ScopeType.BASE_ONLY),
        notification_filter=ALARM,
    )
    chosen = selection(wanted)
    assert chosen.wants(content(ALARM))
    assert not chosen.wants(content(CREATION))
    assert not chosen.wants(content(ALARM, CELL))
    assert not chosen.wants(content("notifyComments"))


def test_what_was_not_sent_is_always_wanted_and_heartbeats_are_not_selected() -> None:
    narrow = selection(settings(types=frozenset({ALARM}), notification_filter=ALARM))
    assert narrow.wants(content(NOT_SENT, "elsewhere"))
    assert not selection().wants(content(HEARTBEAT))
    assert not selection(settings(types=frozenset({HEARTBEAT}))).wants(content(HEARTBEAT))


@pytest.mark.parametrize(
    ("types", "lost", "concerned"),
    [
        (None, frozenset({ALARM}), True),
        (frozenset({ALARM}), None, True),
        (frozenset({ALARM}), frozenset({ALARM, CREATION}), True),
        (frozenset({ALARM}), frozenset({CREATION}), False),
    ],
)
def test_who_may_be_concerned(
    types: frozenset[str] | None, lost: frozenset[str] | None, *, concerned: bool
) -> None:
    assert selection(settings(types=types)).could_want(lost) is concerned


def test_a_filter_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidFilter):
        selection(settings(notification_filter="bad"))
