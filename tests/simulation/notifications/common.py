"""What both sides of the simulation know."""

from __future__ import annotations

from enum import Enum

from mnstream.core.notification_values import HeartbeatControl, ObjectPath

BASE = ObjectPath("ManagedElement=1")
BEATS = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=1)
TYPES = ("notifyMOICreation", "notifyMOIDeletion", "notifyNewAlarm")
SOME_TYPES = frozenset(TYPES[:2])
WALL_MS = 1_700_000_000_000


class Sabotage(Enum):
    """What may be wrong with a simulation, to see that somebody notices."""

    NONE = "nothing"
    POST_EARLY = "notifications are posted before they are durable"
    HIDE_CRASH = "a producer that restarted does not say so"
    CORRUPT = "what is fetched is not what was stored"
    OVERSTATE_LOSS = "the oldest notification that is stored is not given"
    HIDE_EPOCHS = "nobody is told that another epoch follows"
    CHECKPOINT_LATE = "the next notification is handed over before the checkpoint is durable"
    ALWAYS_WELL = "attributes always say that all is well"


class Answer(Enum):
    """What a recipient says."""

    TAKEN = 204
    LATER = 503
    NEVER = 400
    GONE = 410
