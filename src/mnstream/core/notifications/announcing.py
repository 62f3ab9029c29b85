"""How a producer says that notifications were not prepared (the study, part 3a; B12).

The study has one notification for it. Since Rel-19 TS 28.532 and TS 28.111 have others that say the
same of the data node tree and of the alarm list, and that it is time to align with them. Either
goes to every subscription that may be concerned, whatever types it asks for.
"""

from __future__ import annotations

from mnstream.core.notification_values import NOT_SENT
from mnstream.core.profiles import Announcement
from mnstream.core.values import Json

FAULTY_TREE = "notifyPotentialFaultyDataNodeTree"
SYNC_RECOMMENDED = "notifyDataNodeTreeSyncRecommended"
FAULTY_ALARMS = "notifyPotentialFaultyAlarmList"
ALARMS_REBUILT = "notifyAlarmListRebuilt"

_ALARM_WORDS = ("Alarm", "notifyAckStateChanged", "notifyComments", "notifyCorrelated")

Bodies = list[tuple[str, dict[str, Json]]]
"""Types and bodies, in the order in which they are to be sent."""


def failure(announcement: Announcement, types: frozenset[str] | None, reason: str) -> Bodies:
    """Say that notifications of some types were not prepared.

    Args:
        announcement: What the profile has for it.
        types: Those types; None when they are unknown.
        reason: What happened, for people.
    """
    if announcement is Announcement.NOT_SENT:
        body: dict[str, Json] = {"reason": reason}
        if types is not None:
            body["notificationTypes"] = [*sorted(types)]
        return [(NOT_SENT, body)]
    return _about(types, (FAULTY_TREE, {}), (FAULTY_ALARMS, {"reason": reason}))


def recovery(announcement: Announcement, types: frozenset[str] | None, reason: str) -> Bodies:
    """Say that they are prepared again; the study has nothing for that."""
    if announcement is Announcement.NOT_SENT:
        return []
    rebuilt: dict[str, Json] = {
        "reason": reason,
        "alarmListAlignmentRequirement": "ALIGNMENT_REQUIRED",
    }
    return _about(types, (SYNC_RECOMMENDED, {}), (ALARMS_REBUILT, rebuilt))


def is_about_alarms(notification_type: str) -> bool:
    """Tell whether a type belongs to fault supervision (TS 28.532 11.2, TS 28.111)."""
    return any(word in notification_type for word in _ALARM_WORDS)


def _about(
    types: frozenset[str] | None,
    tree: tuple[str, dict[str, Json]],
    alarms: tuple[str, dict[str, Json]],
) -> Bodies:
    found: Bodies = []
    if types is None or not all(map(is_about_alarms, types)):
        found.append(tree)
    if types is None or any(map(is_about_alarms, types)):
        found.append(alarms)
    return found
