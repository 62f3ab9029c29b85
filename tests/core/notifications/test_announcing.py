"""How a producer says that notifications were not prepared: the study's way and that of Rel-19."""

from __future__ import annotations

import pytest

from mnstream.core.notification_values import NOT_SENT
from mnstream.core.notifications.announcing import (
    ALARMS_REBUILT,
    FAULTY_ALARMS,
    FAULTY_TREE,
    SYNC_RECOMMENDED,
    failure,
    is_about_alarms,
    recovery,
)
from mnstream.core.profiles import Announcement
from tests.core.notifications.support import ALARM, CREATION

STUDY, REL19 = Announcement.NOT_SENT, Announcement.REL19


def test_the_study_has_one_notification_that_names_the_types_if_they_are_known() -> None:
    known = failure(STUDY, frozenset({CREATION, ALARM}), "why")
    assert known == [(NOT_SENT, {"reason": "why", "notificationTypes": [CREATION, ALARM]})]
    assert failure(STUDY, None, "why") == [(NOT_SENT, {"reason": "why"})]
    assert recovery(STUDY, None, "why") == []


@pytest.mark.parametrize(
    ("types", "failed", "recovered"),
    [
        (None, [FAULTY_TREE, FAULTY_ALARMS], [SYNC_RECOMMENDED, ALARMS_REBUILT]),
        (
            frozenset({ALARM, CREATION}),
            [FAULTY_TREE, FAULTY_ALARMS],
            [SYNC_RECOMMENDED, ALARMS_REBUILT],
        ),
        (frozenset({ALARM}), [FAULTY_ALARMS], [ALARMS_REBUILT]),
        (frozenset({CREATION}), [FAULTY_TREE], [SYNC_RECOMMENDED]),
        (frozenset[str](), [], []),
    ],
)
def test_rel_19_tells_the_tree_from_the_alarms(
    types: frozenset[str] | None, failed: list[str], recovered: list[str]
) -> None:
    assert [name for name, _ in failure(REL19, types, "why")] == failed
    assert [name for name, _ in recovery(REL19, types, "why")] == recovered


def test_rel_19_says_of_alarms_why_and_what_to_do() -> None:
    assert failure(REL19, frozenset({ALARM}), "why") == [(FAULTY_ALARMS, {"reason": "why"})]
    rebuilt = {"reason": "why", "alarmListAlignmentRequirement": "ALIGNMENT_REQUIRED"}
    assert recovery(REL19, frozenset({ALARM}), "why") == [(ALARMS_REBUILT, rebuilt)]


@pytest.mark.parametrize(
    ("name", "about_alarms"),
    [
        ("notifyNewAlarm", True),
        ("notifyAlarmListRebuilt", True),
        ("notifyAckStateChanged", True),
        ("notifyComments", True),
        ("notifyCorrelatedNotificationChanged", True),
        ("notifyMOICreation", False),
        ("notifyThresholdCrossing", False),
        ("notifyFileReady", False),
    ],
)
def test_what_belongs_to_fault_supervision(name: str, *, about_alarms: bool) -> None:
    assert is_about_alarms(name) is about_alarms
