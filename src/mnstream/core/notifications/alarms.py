"""What notifications of fault supervision say (TS 28.532 11.2, TS 28.111).

See ``families`` for the other services, and for all of them by their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from mnstream.core.notifications.members import ABSENT, Absent, Body, Family, NotificationBody
from mnstream.core.values import Json


class AlarmType(Enum):
    """Kind of an alarm; the last five are those of security."""

    COMMUNICATIONS_ALARM = "COMMUNICATIONS_ALARM"
    QUALITY_OF_SERVICE_ALARM = "QUALITY_OF_SERVICE_ALARM"
    PROCESSING_ERROR_ALARM = "PROCESSING_ERROR_ALARM"
    EQUIPMENT_ALARM = "EQUIPMENT_ALARM"
    ENVIRONMENTAL_ALARM = "ENVIRONMENTAL_ALARM"
    INTEGRITY_VIOLATION = "INTEGRITY_VIOLATION"
    OPERATIONAL_VIOLATION = "OPERATIONAL_VIOLATION"
    PHYSICAL_VIOLATION = "PHYSICAL_VIOLATION"
    SECURITY_SERVICE_OR_MECHANISM_VIOLATION = "SECURITY_SERVICE_OR_MECHANISM_VIOLATION"
    TIME_DOMAIN_VIOLATION = "TIME_DOMAIN_VIOLATION"


class PerceivedSeverity(Enum):
    """How bad an alarm is."""

    INDETERMINATE = "INDETERMINATE"
    CRITICAL = "CRITICAL"
    MAJOR = "MAJOR"
    MINOR = "MINOR"
    WARNING = "WARNING"
    CLEARED = "CLEARED"


class TrendIndication(Enum):
    """How the severity of an alarm develops."""

    MORE_SEVERE = "MORE_SEVERE"
    NO_CHANGE = "NO_CHANGE"
    LESS_SEVERE = "LESS_SEVERE"


class AckState(Enum):
    """Whether somebody has taken notice of an alarm."""

    ACKNOWLEDGED = "ACKNOWLEDGED"
    UNACKNOWLEDGED = "UNACKNOWLEDGED"


class AlarmListAlignmentRequirement(Enum):
    """Whether the consumer has to read the alarm list again."""

    ALIGNMENT_REQUIRED = "ALIGNMENT_REQUIRED"
    ALIGNMENT_NOT_REQUIRED = "ALIGNMENT_NOT_REQUIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedAlarmNotification(Body):
    """Notifications of one object that belong together, as fault supervision writes them."""

    source_object_instance: str
    notification_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm(NotificationBody):
    family = Family.FM
    alarm_id: str
    alarm_type: AlarmType
    probable_cause: int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class _RatedAlarm(_Alarm):
    perceived_severity: PerceivedSeverity


@dataclass(frozen=True, slots=True, kw_only=True)
class _DescribedAlarm(_RatedAlarm):
    """What may be told of an alarm; the last three members are those of security alarms."""

    specific_problem: int | str | None = None
    backed_up_status: bool | None = None
    back_up_object: str | None = None
    trend_indication: TrendIndication | None = None
    threshold_info: Json | Absent = ABSENT
    state_change_definition: Json | Absent = ABSENT
    monitored_attributes: Mapping[str, Json] | None = None
    proposed_repair_actions: str | None = None
    additional_text: str | None = None
    additional_information: Mapping[str, Json] | None = None
    root_cause_indicator: bool | None = None
    correlated_notifications: tuple[CorrelatedAlarmNotification, ...] | None = None
    service_user: str | None = None
    service_provider: str | None = None
    security_alarm_detector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAlarm(_DescribedAlarm):
    """An alarm was raised."""

    notification_type = "notifyNewAlarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedAlarm(_DescribedAlarm):
    """The severity of an alarm is another (up to Rel-18)."""

    notification_type = "notifyChangedAlarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedAlarm(_DescribedAlarm):
    """An alarm was cleared."""

    notification_type = "notifyClearedAlarm"
    clear_user_id: str | None = None
    clear_system_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedAlarmGeneral(_Alarm):
    """Anything of an alarm is other than it was; its severity need not be told."""

    notification_type = "notifyChangedAlarmGeneral"
    perceived_severity: PerceivedSeverity | None = None
    changed_alarm_attributes: Json | Absent = ABSENT
    additional_text: str | None = None
    additional_information: Mapping[str, Json] | None = None
    correlated_notifications: tuple[CorrelatedAlarmNotification, ...] | None = None
    service_user: str | None = None
    service_provider: str | None = None
    security_alarm_detector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AckStateChanged(_RatedAlarm):
    """Somebody acknowledged an alarm, or took that back."""

    notification_type = "notifyAckStateChanged"
    ack_state: AckState
    ack_user_id: str
    ack_system_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedNotificationChanged(NotificationBody):
    """An alarm belongs together with others."""

    notification_type = "notifyCorrelatedNotificationChanged"
    family = Family.FM
    alarm_id: str
    correlated_notifications: tuple[CorrelatedAlarmNotification, ...]
    root_cause_indicator: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comments(_RatedAlarm):
    """Somebody wrote comments to an alarm."""

    notification_type = "notifyComments"
    comments: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmListRebuilt(NotificationBody):
    """The alarm list was made anew."""

    notification_type = "notifyAlarmListRebuilt"
    family = Family.FM
    reason: str
    alarm_list_alignment_requirement: AlarmListAlignmentRequirement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialFaultyAlarmList(NotificationBody):
    """The alarm list may be wrong."""

    notification_type = "notifyPotentialFaultyAlarmList"
    family = Family.FM
    reason: str
