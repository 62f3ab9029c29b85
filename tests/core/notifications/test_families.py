from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.errors import MalformedRequest
from mnstream.core.notifications.alarms import (
    AlarmType,
    CorrelatedAlarmNotification,
    NewAlarm,
    PerceivedSeverity,
)
from mnstream.core.notifications.families import (
    FAMILIES,
    REQUIRED_MEMBERS,
    ChangeOperation,
    MoiChange,
    MoiChanges,
    ThresholdCrossing,
    check_body,
)
from mnstream.core.notifications.members import ABSENT, Family
from mnstream.core.values import Json
from tests.strategies import json_values, texts

Bodies = st.SearchStrategy[Json]

integers: Bodies = st.integers(0, 2**63)
words: Bodies = texts
booleans: Bodies = st.booleans()
problems: Bodies = integers | words
maps: Bodies = st.dictionaries(texts, json_values, max_size=2)
some: Bodies = st.dictionaries(texts, json_values, min_size=1, max_size=2)
others = st.dictionaries(texts.map("x-{}".format), json_values, max_size=2)


def one_of(values: str) -> Bodies:
    return st.sampled_from(values.split())


def array(items: Bodies, least: int = 0, most: int = 2) -> Bodies:
    return st.lists(items, min_size=least, max_size=most).map(list)


def body_of(members: Mapping[str, Bodies], required: str = "") -> Bodies:
    """Objects with members that are known, the required ones always, and with others."""
    must = {name: members[name] for name in required.split()}
    may = {name: values for name, values in members.items() if name not in must}
    known = st.fixed_dictionaries(must, optional=may)
    return st.tuples(known, others).map(lambda parts: {**parts[1], **parts[0]})


def correlated(source: str) -> Bodies:
    members = {source: words, "notificationIds": array(integers)}
    return array(body_of(members, f"{source} notificationIds"))


CM = {
    "correlatedNotifications": correlated("source"),
    "additionalText": words,
    "sourceIndicator": one_of("RESOURCE_OPERATION MANAGEMENT_OPERATION SON_OPERATION UNKNOWN"),
}
CHANGE = {
    **CM,
    "notificationId": integers,
    "op": one_of("add remove replace"),
    "path": words,
    "insert": one_of("before after"),
    "value": json_values,
    "oldValue": json_values,
}
ALARM = {
    "alarmId": words,
    "alarmType": one_of(
        "COMMUNICATIONS_ALARM QUALITY_OF_SERVICE_ALARM PROCESSING_ERROR_ALARM EQUIPMENT_ALARM "
        "ENVIRONMENTAL_ALARM INTEGRITY_VIOLATION OPERATIONAL_VIOLATION PHYSICAL_VIOLATION "
        "SECURITY_SERVICE_OR_MECHANISM_VIOLATION TIME_DOMAIN_VIOLATION"
    ),
    "probableCause": problems,
    "perceivedSeverity": one_of("INDETERMINATE CRITICAL MAJOR MINOR WARNING CLEARED"),
}
SECURITY = {"serviceUser": words, "serviceProvider": words, "securityAlarmDetector": words}
TOLD = {
    "additionalText": words,
    "additionalInformation": maps,
    "correlatedNotifications": correlated("sourceObjectInstance"),
    **SECURITY,
}
DESCRIBED = {
    **ALARM,
    **TOLD,
    "specificProblem": problems,
    "backedUpStatus": booleans,
    "backUpObject": words,
    "trendIndication": one_of("MORE_SEVERE NO_CHANGE LESS_SEVERE"),
    "thresholdInfo": json_values,
    "stateChangeDefinition": json_values,
    "monitoredAttributes": maps,
    "proposedRepairActions": words,
    "rootCauseIndicator": booleans,
}
FILES = {
    "fileInfoList": array(
        body_of(
            {
                "fileLocation": words,
                "fileSize": integers,
                "fileReadyTime": words,
                "fileExpirationTime": words,
                "fileCompression": words,
                "fileFormat": words,
                "fileDataType": one_of("Performance Trace Analytics Proprietary"),
            }
        )
    ),
    "additionalText": words,
}
FOUR = "alarmId alarmType probableCause perceivedSeverity"

TYPES: dict[str, tuple[Family, dict[str, Bodies], str]] = {
    "notifyMOICreation": (Family.CM, {**CM, "attributeList": some}, ""),
    "notifyMOIDeletion": (Family.CM, {**CM, "attributeList": some}, ""),
    "notifyMOIAttributeValueChanges": (
        Family.CM,
        {**CM, "attributeListValueChanges": array(maps, 1)},
        "attributeListValueChanges",
    ),
    "notifyMOIChanges": (
        Family.CM,
        {"moiChanges": array(body_of(CHANGE, "notificationId op path"))},
        "moiChanges",
    ),
    "notifyEvent": (
        Family.CM,
        {"specificProblem": problems, "additionalText": words, "additionalInformation": maps},
        "specificProblem",
    ),
    "notifyPotentialFaultyDataNodeTree": (Family.CM, {"scope": maps}, ""),
    "notifyDataNodeTreeSyncRecommended": (Family.CM, {"scope": maps}, ""),
    "notifyNewAlarm": (Family.FM, DESCRIBED, FOUR),
    "notifyChangedAlarm": (Family.FM, DESCRIBED, FOUR),
    "notifyClearedAlarm": (
        Family.FM,
        {**DESCRIBED, "clearUserId": words, "clearSystemId": words},
        FOUR,
    ),
    "notifyChangedAlarmGeneral": (
        Family.FM,
        {**ALARM, **TOLD, "changedAlarmAttributes": json_values},
        "alarmId alarmType probableCause",
    ),
    "notifyAckStateChanged": (
        Family.FM,
        {
            **ALARM,
            "ackState": one_of("ACKNOWLEDGED UNACKNOWLEDGED"),
            "ackUserId": words,
            "ackSystemId": words,
        },
        f"{FOUR} ackState ackUserId",
    ),
    "notifyCorrelatedNotificationChanged": (
        Family.FM,
        {
            "alarmId": words,
            "correlatedNotifications": correlated("sourceObjectInstance"),
            "rootCauseIndicator": booleans,
        },
        "alarmId correlatedNotifications",
    ),
    "notifyComments": (Family.FM, {**ALARM, "comments": maps}, f"{FOUR} comments"),
    "notifyAlarmListRebuilt": (
        Family.FM,
        {
            "reason": words,
            "alarmListAlignmentRequirement": one_of("ALIGNMENT_REQUIRED ALIGNMENT_NOT_REQUIRED"),
        },
        "reason",
    ),
    "notifyPotentialFaultyAlarmList": (Family.FM, {"reason": words}, "reason"),
    "notifyThresholdCrossing": (
        Family.PM,
        {
            "observedPerfMetricName": words,
            "observedPerfMetricValue": json_values,
            "observedPerfMetricDirection": one_of("UP DOWN"),
            "thresholdValue": json_values,
            "hysteresis": json_values,
            "monitorGranularityPeriod": integers,
            "additionalText": words,
        },
        "",
    ),
    "notifyFileReady": (Family.FILE, FILES, ""),
    "notifyFilePreparationError": (Family.FILE, {**FILES, "reason": words}, ""),
    "notifyHeartbeat": (
        Family.HEARTBEAT,
        {"heartbeatNtfPeriod": integers, "lastSequenceNo": integers, "lastEventTime": words},
        "",
    ),
    "notifyNotificationNotSent": (
        Family.RELIABILITY,
        {
            "notificationTypes": array(words),
            "reason": words,
            "startTime": words,
            "endTime": words,
        },
        "",
    ),
}
SAMPLES: dict[str, Json] = {
    "attributeListValueChanges": [{}],
    "moiChanges": [],
    "specificProblem": "",
    "alarmId": "7",
    "alarmType": "EQUIPMENT_ALARM",
    "probableCause": 14,
    "perceivedSeverity": "CRITICAL",
    "ackState": "ACKNOWLEDGED",
    "ackUserId": "",
    "comments": {},
    "correlatedNotifications": [],
    "reason": "",
}
"""A right value of each member that some type requires."""
ODDITIES: list[Json] = [None, True, 1.5, "?", [], {}, [1]]
FREE = {
    "value",
    "oldValue",
    "thresholdInfo",
    "stateChangeDefinition",
    "changedAlarmAttributes",
    "observedPerfMetricValue",
    "thresholdValue",
    "hysteresis",
}


def canonical(body: Mapping[str, Json]) -> str:
    """Text that tells 1 from true and 1.0, which are equal in Python."""
    return json.dumps(body, sort_keys=True)


@given(data=st.data(), kind=st.sampled_from(sorted(TYPES)))
def test_a_body_is_the_same_after_it_was_read_and_written(data: st.DataObject, kind: str) -> None:
    _, members, required = TYPES[kind]
    body = data.draw(body_of(members, required))
    assert isinstance(body, dict)
    read = FAMILIES[kind].from_body(body)
    assert canonical(read.to_body()) == canonical(body)
    assert FAMILIES[kind].from_body(read.to_body()) == read
    assert check_body(kind, body) == ""
    assert set(read.other) == {name for name in body if name.startswith("x-")}


@given(data=st.data(), kind=st.sampled_from(sorted(TYPES)))
def test_any_body_is_read_or_refused(data: st.DataObject, kind: str) -> None:
    _, members, _ = TYPES[kind]
    names = st.sampled_from(sorted(members))
    body = data.draw(st.dictionaries(names, json_values | maps | array(maps)))
    wrong = check_body(kind, body)
    if wrong:
        with pytest.raises(MalformedRequest, match=re.escape(wrong)):
            FAMILIES[kind].from_body(body)
    else:
        assert canonical(FAMILIES[kind].from_body(body).to_body()) == canonical(body)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_required_members_are_those_of_the_yaml(kind: str) -> None:
    family, _, required = TYPES[kind]
    assert REQUIRED_MEMBERS[kind] == (family, frozenset(required.split()))
    body = {name: SAMPLES[name] for name in required.split()}
    assert check_body(kind, body) == ""
    for name in required.split():
        assert check_body(kind, {**body, name: None}).startswith(name)
        del body[name]
        assert check_body(kind, body) == f"{name} is missing"
        body[name] = SAMPLES[name]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in sorted(TYPES) for name in sorted(TYPES[kind][1])]
)
def test_a_member_of_a_wrong_type_is_named(kind: str, name: str) -> None:
    _, _, required = TYPES[kind]
    body = {other: SAMPLES[other] for other in required.split()}
    accepted = [value for value in ODDITIES if accepts(kind, body, name, value)]
    if name in FREE:
        assert accepted == ODDITIES
    else:
        assert len(accepted) <= 1


def accepts(kind: str, body: Mapping[str, Json], name: str, value: Json) -> bool:
    wrong = check_body(kind, {**body, name: value})
    assert not wrong or wrong.startswith(name)
    return not wrong


WRONG: list[tuple[str, dict[str, Json], str]] = [
    (
        "notifyMOIChanges",
        {"moiChanges": [{"notificationId": 1, "op": "add", "path": ""}, {"op": "add"}]},
        "moiChanges[1].notificationId is missing",
    ),
    (
        "notifyMOIChanges",
        {"moiChanges": [{"notificationId": True, "op": "add", "path": ""}]},
        "moiChanges[0].notificationId is not an integer",
    ),
    ("notifyMOIChanges", {"moiChanges": ["add"]}, "moiChanges[0] is not an object"),
    (
        "notifyMOIChanges",
        {"moiChanges": [{"notificationId": 1, "op": "CREATE", "path": ""}]},
        "moiChanges[0].op is none of add, remove, replace",
    ),
    ("notifyEvent", {"specificProblem": 1.5}, "specificProblem is not int or str"),
    ("notifyMOICreation", {"attributeList": {}}, "attributeList has 0 items, not 1 or more"),
    (
        "notifyMOIAttributeValueChanges",
        {"attributeListValueChanges": [{}, {}, {}]},
        "attributeListValueChanges has 3 items, not 1 to 2",
    ),
    (
        "notifyMOIDeletion",
        {"correlatedNotifications": [{"source": "", "notificationIds": [1, "2"]}]},
        "correlatedNotifications[0].notificationIds[1] is not an integer",
    ),
]


@pytest.mark.parametrize(("kind", "body", "wrong"), WRONG)
def test_what_is_wrong_is_told_exactly(kind: str, body: dict[str, Json], wrong: str) -> None:
    assert check_body(kind, body) == wrong


def test_types_without_a_body_here_are_not_checked() -> None:
    assert check_body("notifyVendorThing", {"anything": None}) == ""
    assert set(FAMILIES) == set(TYPES)


def test_an_alarm_is_written_under_the_names_of_the_yaml() -> None:
    alarm = NewAlarm(
        alarm_id="7",
        alarm_type=AlarmType.EQUIPMENT_ALARM,
        probable_cause=14,
        perceived_severity=PerceivedSeverity.CRITICAL,
        root_cause_indicator=False,
        correlated_notifications=(
            CorrelatedAlarmNotification(source_object_instance="A=1", notification_ids=(1, 2)),
        ),
        security_alarm_detector="",
        other={"vendor": [None]},
    )
    assert alarm.to_body() == {
        "alarmId": "7",
        "alarmType": "EQUIPMENT_ALARM",
        "probableCause": 14,
        "perceivedSeverity": "CRITICAL",
        "rootCauseIndicator": False,
        "correlatedNotifications": [{"sourceObjectInstance": "A=1", "notificationIds": [1, 2]}],
        "securityAlarmDetector": "",
        "vendor": [None],
    }


def test_null_is_a_value_and_not_the_absence_of_one() -> None:
    change = MoiChange(notification_id=1, op=ChangeOperation.REPLACE, path="", value=None)
    written = MoiChanges(moi_changes=(change,)).to_body()
    assert written == {
        "moiChanges": [{"notificationId": 1, "op": "replace", "path": "", "value": None}]
    }
    read = MoiChanges.from_body(written).moi_changes[0]
    assert read.value is None
    assert read.old_value is ABSENT
    assert ThresholdCrossing.from_body({}).to_body() == {}
