"""Notifications as JSON: what is common, what is put in front, and what is read back."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import (
    HEADER_MEMBERS,
    NUMBER_MAX,
    Naming,
    below,
    body_text,
    common_text,
    date_time,
    distinguished_name,
    heartbeat_text,
    numbered_text,
    object_uri,
    read_date_time,
    read_notification,
    read_path,
    subscription_path,
)
from mnstream.core.errors import LocalProtocolError, MalformedRequest
from mnstream.core.notification_effects import PostHeartbeat
from mnstream.core.notification_events import HeartbeatReceived
from mnstream.core.notification_values import (
    UNTOLD,
    Content,
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    Received,
    SubscriptionId,
)
from mnstream.core.values import Json

NAMING = Naming(root="https://mgmt.example", system_dn="ManagedElement=1")
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NOON_MS = 1_700_000_000_123
NUMBER = Number(subscription_id=SubscriptionId("7"), epoch=Epoch(1_699_999_999_000), sequence_no=42)


def content(body: dict[str, Json], *, href: str | None = None) -> Content:
    return Content(
        notification_type="notifyMOICreation",
        object_path=ObjectPath("ManagedElement=1/GNBDUFunction=3"),
        notification_id=9,
        event_time_ms=NOON_MS,
        body=body,
        href=href,
    )


def received(text: bytes) -> Received:
    read = read_notification(text)
    assert isinstance(read, Received)
    return read


# --- writing ------------------------------------------------------------------------------------


def test_a_notification_has_the_header_of_rel_19_and_its_body() -> None:
    text = numbered_text(common_text(content({"attributeList": {"a": 1}}), NAMING), NUMBER)
    assert json.loads(text) == {
        "sequenceNo": 42,
        "subscriptionId": "7",
        "epoch": 1_699_999_999_000,
        "href": "https://mgmt.example/ManagedElement=1/GNBDUFunction=3",
        "notificationId": 9,
        "notificationType": "notifyMOICreation",
        "eventTime": "2023-11-14T22:13:20.123Z",
        "systemDN": "ManagedElement=1",
        "attributeList": {"a": 1},
    }


def test_the_epoch_is_an_extension_that_can_be_left_out() -> None:
    common = common_text(content({}), NAMING)
    assert "epoch" not in json.loads(numbered_text(common, NUMBER, tell_epoch=False))


def test_an_href_that_is_given_is_kept() -> None:
    written = json.loads(common_text(content({}, href="urn:x"), NAMING))
    assert written["href"] == "urn:x"


def test_an_href_without_a_scheme_is_below_the_root() -> None:
    written = json.loads(common_text(content({}, href="SubNetwork=9/A=a:b"), NAMING))
    assert written["href"] == "https://mgmt.example/SubNetwork=9/A=a:b"


NAMES = st.text().filter(lambda name: name not in HEADER_MEMBERS)


@given(body=st.dictionaries(NAMES, JSON_VALUES))
def test_a_body_written_before_is_the_same_text(body: dict[str, Json]) -> None:
    once = common_text(content(body), NAMING)
    assert common_text(content(body), NAMING, body_text(body)) == once
    assert received(numbered_text(once, NUMBER)).number == NUMBER
    members = json.loads(once)
    assert {name: members[name] for name in body} == body


@pytest.mark.parametrize("name", sorted(HEADER_MEMBERS))
def test_a_body_has_no_members_of_the_header(name: str) -> None:
    with pytest.raises(LocalProtocolError, match=name):
        common_text(content({name: 1}), NAMING)


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        body_text({"value": float("nan")})


def test_a_heartbeat_tells_the_last_number_and_has_none() -> None:
    beat = PostHeartbeat(
        notification_id=3,
        subscription_id=SubscriptionId("7"),
        base=ObjectPath("ManagedElement=1"),
        recipient="http://x",
        heartbeat=HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=30),
        epoch=Epoch(5),
        last_sequence_no=42,
        last_event_time_ms=NOON_MS,
    )
    text = heartbeat_text(beat, NAMING, event_time_ms=NOON_MS + 1000)
    members = json.loads(text)
    path = "ManagedElement=1/NtfSubscriptionControl=7/HeartbeatControl=1"
    assert members["href"] == f"https://mgmt.example/{path}"
    assert members["heartbeatNtfPeriod"] == 30
    assert "sequenceNo" not in members
    assert read_notification(text) == (
        "7",
        HeartbeatReceived(epoch=Epoch(5), last_sequence_no=42, last_event_time_ms=NOON_MS),
    )


# --- reading ------------------------------------------------------------------------------------


def test_what_is_read_keeps_the_text_byte_for_byte() -> None:
    text = b'{ "sequenceNo": 18446744073709551615, "notificationType": "x", "vendor": [1.50] }'
    read = received(text)
    assert read.payload == text
    assert read.number == Number(
        subscription_id=SubscriptionId(""), epoch=UNTOLD, sequence_no=NUMBER_MAX
    )
    assert read.event_time_ms is None
    assert read.not_sent_types == frozenset()


def test_what_is_said_is_the_same_however_it_is_spelled() -> None:
    members: dict[str, Json] = {
        "notificationType": "notifyNewAlarm",
        "sequenceNo": 3,
        "n\u00e4me": [1.50, None, {"a": "\u00e4", "b": -0.0}],
    }
    compact = received(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode())
    spaced = received(json.dumps(members, indent=2, sort_keys=True).encode())
    assert compact.payload != spaced.payload
    assert compact.content == spaced.content
    other = received(json.dumps(members | {"sequenceNo": 4}).encode())
    assert other.content != compact.content


@pytest.mark.parametrize(
    ("members", "types"),
    [
        ({"notificationTypes": ["a", "b"]}, frozenset({"a", "b"})),
        ({"notificationTypes": []}, None),
        ({"notificationTypes": "a"}, None),
        ({"notificationTypes": {"a": 1}}, None),
        ({"notificationTypes": [1, None, ["a"]]}, None),
        ({"notificationTypes": [1, "", "a", "a"]}, frozenset({"", "a"})),
        ({}, None),
    ],
)
def test_types_that_were_not_sent(members: dict[str, Json], types: frozenset[str] | None) -> None:
    header = {"sequenceNo": 1, "notificationType": "notifyNotificationNotSent"}
    assert received(json.dumps({**header, **members}).encode()).not_sent_types == types


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[]", "not an object"),
        (b"{}", "notificationType"),
        (b'{"notificationType": 1}', "notificationType"),
        (b'{"notificationType": "x"}', "sequenceNo is missing"),
        (b'{"notificationType": "x", "sequenceNo": -1}', "sequenceNo is no"),
        (b'{"notificationType": "x", "sequenceNo": 18446744073709551616}', "sequenceNo is no"),
        (b'{"notificationType": "x", "sequenceNo": true}', "sequenceNo is no"),
        (b'{"notificationType": "x", "sequenceNo": 1.0}', "sequenceNo is no"),
        (b'{"notificationType": "x", "sequenceNo": 1e3}', "sequenceNo is no"),
        (b'{"notificationType": "x", "sequenceNo": 1, "epoch": "1"}', "epoch is no"),
        (b'{"notificationType": "notifyHeartbeat", "lastSequenceNo": -1}', "lastSequenceNo is no"),
        (b'{"notificationType": "notifyHeartbeat", "lastSequenceNo": 0.5}', "lastSequenceNo is no"),
        (b'{"notificationType": "notifyHeartbeat", "epoch": -1}', "epoch is no"),
        (b'{"notificationType": "x", "sequenceNo": 1, "subscriptionId": 1}', "subscriptionId"),
        (b'{"notificationType": "x", "sequenceNo": 1', "not JSON"),
    ],
)
def test_what_is_no_notification_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(MalformedRequest, match=reason):
        read_notification(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(MalformedRequest):
        read_notification(text)


# --- times and names ----------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - UTC is added below
def test_times_come_back_to_the_millisecond(moment: datetime) -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    wall_ms = int((moment.replace(tzinfo=UTC) - start).total_seconds() * 1000)
    assert read_date_time(date_time(wall_ms)) == wall_ms


def test_other_time_zones_are_read() -> None:
    assert read_date_time("2023-11-14T23:13:20.123456+01:00") == NOON_MS


@pytest.mark.parametrize(
    "text", ["", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "1700000000"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_date_time(text)


def test_a_time_without_a_year_of_four_digits_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        date_time(10**18)


def test_names_of_objects() -> None:
    base = ObjectPath("SubNetwork=north/ManagedElement=1")
    path = subscription_path(base, SubscriptionId("7"))
    assert path == "SubNetwork=north/ManagedElement=1/NtfSubscriptionControl=7"
    assert object_uri(path, NAMING) == f"https://mgmt.example/{path}"
    assert object_uri(ObjectPath(""), NAMING) == "https://mgmt.example"
    assert distinguished_name(path) == "SubNetwork=north,ManagedElement=1,NtfSubscriptionControl=7"


def test_identifiers_with_separators_are_encoded_in_paths_and_escaped_in_names() -> None:
    path = below(ObjectPath(""), "Cell", "a/b,c")
    assert path == "Cell=a%2Fb%2Cc"
    assert distinguished_name(path) == "Cell=a/b\\,c"


def test_paths_are_read_in_one_form() -> None:
    assert read_path("/Cell=%61%2fb/") == read_path("Cell=a%2Fb") == "Cell=a%2Fb"


@pytest.mark.parametrize("path", ["Cell", "Cell=", "=1", "1Cell=1", "Cell=1//Cell=2", "Cell=%zz"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Unreadable):
        read_path(path)
