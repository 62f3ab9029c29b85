"""What each type of notification says: the bodies of TS 28.532, TS 28.111 and the SA5 study.

Names and members are those of the YAML files of Rel-16 to Rel-19, of which the newest wins where
they differ; the mapping tables spell some of them in other ways. A member is required here when the
YAML requires it. Alarms have a file of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mnstream.core.errors import MalformedRequest
from mnstream.core.notification_values import HEARTBEAT, NOT_SENT
from mnstream.core.notifications.alarms import (
    AckStateChanged,
    AlarmListRebuilt,
    ChangedAlarm,
    ChangedAlarmGeneral,
    ClearedAlarm,
    Comments,
    CorrelatedNotificationChanged,
    NewAlarm,
    PotentialFaultyAlarmList,
)
from mnstream.core.notifications.members import (
    ABSENT,
    Absent,
    Body,
    Family,
    NotificationBody,
    members_of,
    size,
)
from mnstream.core.values import Json

# --- provisioning -------------------------------------------------------------------------------


class SourceIndicator(Enum):
    """What caused a change."""

    RESOURCE_OPERATION = "RESOURCE_OPERATION"
    MANAGEMENT_OPERATION = "MANAGEMENT_OPERATION"
    SON_OPERATION = "SON_OPERATION"
    UNKNOWN = "UNKNOWN"


class ChangeOperation(Enum):
    """What happened to an object, an attribute or a part of one."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Insert(Enum):
    """Where an item of an ordered list was put."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelatedNotification(Body):
    """Notifications of one object that belong together, as provisioning writes them."""

    source: str
    notification_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provisioning(NotificationBody):
    family = Family.CM
    correlated_notifications: tuple[CorrelatedNotification, ...] | None = None
    additional_text: str | None = None
    source_indicator: SourceIndicator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoiCreation(_Provisioning):
    """A managed object came into being."""

    notification_type = "notifyMOICreation"
    attribute_list: Mapping[str, Json] | None = field(default=None, metadata=size(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoiDeletion(_Provisioning):
    """A managed object is gone; the attributes are its last ones."""

    notification_type = "notifyMOIDeletion"
    attribute_list: Mapping[str, Json] | None = field(default=None, metadata=size(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoiAttributeValueChanges(_Provisioning):
    """Attributes of a managed object have other values: the new ones, and maybe the old ones."""

    notification_type = "notifyMOIAttributeValueChanges"
    attribute_list_value_changes: tuple[Mapping[str, Json], ...] = field(metadata=size(1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class MoiChange(Body):
    """One change among several; ``path`` is the URI of an object or of a part of one."""

    notification_id: int
    op: ChangeOperation
    path: str
    correlated_notifications: tuple[CorrelatedNotification, ...] | None = None
    additional_text: str | None = None
    source_indicator: SourceIndicator | None = None
    insert: Insert | None = None
    value: Json | Absent = ABSENT
    old_value: Json | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class MoiChanges(NotificationBody):
    """Managed objects were created, deleted or changed, together."""

    notification_type = "notifyMOIChanges"
    family = Family.CM
    moi_changes: tuple[MoiChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(NotificationBody):
    """Something happened that is no change and no alarm (Rel-18.5)."""

    notification_type = "notifyEvent"
    family = Family.CM
    specific_problem: int | str
    additional_text: str | None = None
    additional_information: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialFaultyDataNodeTree(NotificationBody):
    """What the consumer knows of the objects may be wrong (Rel-19)."""

    notification_type = "notifyPotentialFaultyDataNodeTree"
    family = Family.CM
    scope: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNodeTreeSyncRecommended(NotificationBody):
    """The consumer should read the objects again (Rel-19)."""

    notification_type = "notifyDataNodeTreeSyncRecommended"
    family = Family.CM
    scope: Mapping[str, Json] | None = None


# --- performance --------------------------------------------------------------------------------


class PerfMetricDirection(Enum):
    """On which way a metric crossed its threshold."""

    UP = "UP"
    DOWN = "DOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCrossing(NotificationBody):
    """A performance metric crossed a threshold; all but the text is M in the table (TS 28.532)."""

    notification_type = "notifyThresholdCrossing"
    family = Family.PM
    observed_perf_metric_name: str | None = None
    observed_perf_metric_value: Json | Absent = ABSENT
    observed_perf_metric_direction: PerfMetricDirection | None = None
    threshold_value: Json | Absent = ABSENT
    hysteresis: Json | Absent = ABSENT
    monitor_granularity_period: int | None = None
    additional_text: str | None = None


# --- files --------------------------------------------------------------------------------------


class FileDataType(Enum):
    """What a file contains."""

    PERFORMANCE = "Performance"
    TRACE = "Trace"
    ANALYTICS = "Analytics"
    PROPRIETARY = "Proprietary"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo(Body):
    """A file that can be fetched, or could not be made; times are as they are written."""

    file_location: str | None = None
    file_size: int | None = None
    file_ready_time: str | None = None
    file_expiration_time: str | None = None
    file_compression: str | None = None
    file_format: str | None = None
    file_data_type: FileDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReady(NotificationBody):
    """Files can be fetched."""

    notification_type = "notifyFileReady"
    family = Family.FILE
    file_info_list: tuple[FileInfo, ...] | None = None
    additional_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreparationError(NotificationBody):
    """Files could not be made."""

    notification_type = "notifyFilePreparationError"
    family = Family.FILE
    file_info_list: tuple[FileInfo, ...] | None = None
    reason: str | None = None
    additional_text: str | None = None


# --- heartbeats and reliability -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(NotificationBody):
    """The producer is alive; the last two members are those of the study (P1.6, P1.7)."""

    notification_type = HEARTBEAT
    family = Family.HEARTBEAT
    heartbeat_ntf_period: int | None = None
    last_sequence_no: int | None = None
    last_event_time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationNotSent(NotificationBody):
    """Notifications were not prepared, or may not have been (part 3 of the study)."""

    notification_type = NOT_SENT
    family = Family.RELIABILITY
    notification_types: tuple[str, ...] | None = None
    reason: str | None = None
    start_time: str | None = None
    end_time: str | None = None


# --- all of them --------------------------------------------------------------------------------

_ALL: tuple[type[NotificationBody], ...] = (
    MoiCreation,
    MoiDeletion,
    MoiAttributeValueChanges,
    MoiChanges,
    Event,
    PotentialFaultyDataNodeTree,
    DataNodeTreeSyncRecommended,
    NewAlarm,
    ChangedAlarm,
    ChangedAlarmGeneral,
    ClearedAlarm,
    AckStateChanged,
    CorrelatedNotificationChanged,
    Comments,
    AlarmListRebuilt,
    PotentialFaultyAlarmList,
    ThresholdCrossing,
    FileReady,
    FilePreparationError,
    Heartbeat,
    NotificationNotSent,
)
FAMILIES: Mapping[str, type[NotificationBody]] = {body.notification_type: body for body in _ALL}
"""Every type of notification that has a body here."""

REQUIRED_MEMBERS: Mapping[str, tuple[Family, frozenset[str]]] = {
    body.notification_type: (
        body.family,
        frozenset(member.name for member in members_of(body) if member.required),
    )
    for body in _ALL
}
"""Family and members that must be there, by type of notification."""


def check_body(notification_type: str, body: Mapping[str, Json]) -> str:
    """Tell what is wrong with a body; nothing when it is right or no body is known."""
    known = FAMILIES.get(notification_type)
    if known is None:
        return ""
    try:
        known.from_body(body)
    except MalformedRequest as error:
        return str(error.args[0])
    return ""
