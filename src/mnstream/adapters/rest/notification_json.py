"""Notifications as JSON (TS 28.623 ComDefs NotificationHeader; TS 28.532 A.*; the SA5 study).

A notification that many subscriptions want is written once. What differs from one to another, the
number, the subscription and the epoch, is put in front of the common text, so that what is stored,
posted, fetched and posted again is the same byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from zlib import crc32

from mnstream.adapters.rest.json_text import Unreadable, read_json, write_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.uris import percent_decode, percent_encode
from mnstream.core.errors import LocalProtocolError, MalformedRequest
from mnstream.core.notification_effects import PostHeartbeat
from mnstream.core.notification_events import HeartbeatReceived, NotificationEmitted
from mnstream.core.notification_values import (
    HEARTBEAT,
    NOT_SENT,
    UNTOLD,
    Content,
    Epoch,
    Number,
    ObjectPath,
    Received,
    SubscriptionId,
)
from mnstream.core.notifications.announcing import FAULTY_ALARMS, FAULTY_TREE
from mnstream.core.values import Json

HEADER_MEMBERS = frozenset(
    {
        "href",
        "notificationId",
        "notificationType",
        "eventTime",
        "systemDN",
        "sequenceNo",
        "subscriptionId",
        "epoch",
    }
)
"""Members that the producer writes itself; ``epoch`` is our extension."""

NUMBER_MAX = 2**64 - 1
"""sequenceNo is a uint64 (YANG, Rel-19)."""

_RDN = re.compile(r"[A-Za-z_][\w.-]*=.+", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ESCAPED = re.compile(r'[,=+<>#;\\"]')
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How the objects of a producer are called on the wire.

    Attributes:
        root: Beginning of the canonical URI of every object, without a slash at its end.
        system_dn: DN of the producer's management agent.
    """

    root: str
    system_dn: str


def check_header(event: NotificationEmitted) -> None:
    """Refuse what no header could tell.

    Raises:
        LocalProtocolError: The time has no date, or a text is not Unicode.
    """
    date_time(event.event_time_ms)
    write_json([event.notification_type, event.object_path, event.href])


def body_text(body: Mapping[str, Json]) -> bytes:
    """Write the members beyond the header: one JSON object.

    Raises:
        LocalProtocolError: The body is not JSON, or has a member of the header.
    """
    taken = sorted(HEADER_MEMBERS & body.keys())
    if taken:
        raise LocalProtocolError(f"{', '.join(taken)} belong to the header of a notification")
    return write_json(dict(body))


def common_text(content: Content, naming: Naming, body: bytes | None = None) -> bytes:
    """Write what is the same for every subscription: one JSON object.

    Args:
        content: The notification.
        naming: How objects are called.
        body: Its body, when that is written already.

    Raises:
        LocalProtocolError: The body is not JSON, or has a member of the header.
    """
    header: dict[str, Json] = {
        "href": _href(content, naming),
        "notificationId": content.notification_id,
        "notificationType": content.notification_type,
        "eventTime": date_time(content.event_time_ms),
        "systemDN": naming.system_dn,
    }
    if body is None:
        body = body_text(content.body)
    return write_json(header)[:-1] + (b"}" if body == b"{}" else b"," + body[1:])


def _href(content: Content, naming: Naming) -> str:
    if content.href and _SCHEME.match(content.href):
        return content.href
    return object_uri(ObjectPath(content.href or content.object_path), naming)


def numbered_text(common: bytes, number: Number, *, tell_epoch: bool = True) -> bytes:
    """Write a notification as one subscription gets it."""
    subscription = json.dumps(number.subscription_id)
    epoch = f',"epoch":{number.epoch}' if tell_epoch else ""
    head = f'{{"sequenceNo":{number.sequence_no},"subscriptionId":{subscription}{epoch},'
    return head.encode("ascii") + common[1:]


def heartbeat_text(
    heartbeat: PostHeartbeat,
    naming: Naming,
    *,
    event_time_ms: int,
    tell_epoch: bool = True,
) -> bytes:
    """Write a heartbeat: no number of its own, but the last one that was used (P1.6, P1.7)."""
    control = heartbeat.heartbeat
    path = below(
        subscription_path(heartbeat.base, heartbeat.subscription_id),
        "HeartbeatControl",
        control.heartbeat_control_id,
    )
    members: dict[str, Json] = {
        "href": object_uri(path, naming),
        "notificationId": heartbeat.notification_id,
        "notificationType": HEARTBEAT,
        "eventTime": date_time(event_time_ms),
        "systemDN": naming.system_dn,
        "subscriptionId": heartbeat.subscription_id,
        "heartbeatNtfPeriod": control.heartbeat_ntf_period_s,
        "lastSequenceNo": heartbeat.last_sequence_no,
    }
    if heartbeat.last_event_time_ms is not None:
        members["lastEventTime"] = date_time(heartbeat.last_event_time_ms)
    if tell_epoch:
        members["epoch"] = heartbeat.epoch
    return write_json(members)


def read_notification(
    text: bytes, *, limits: RestLimits = DEFAULT_LIMITS
) -> Received | tuple[SubscriptionId, HeartbeatReceived]:
    """Read what a producer posted: a notification, or a heartbeat and whose it is.

    A subscription that is not named is the empty one; an eventTime that cannot be read is None.

    Raises:
        MalformedRequest: Not a JSON object with a type, or a notification without a number.
    """
    try:
        members = read_json(text, limits)
        if not isinstance(members, dict):
            raise Unreadable("not an object")
        return _notification(members, text)
    except Unreadable as error:
        raise MalformedRequest(f"not a notification: {error}") from error


def _notification(
    members: dict[str, Json], text: bytes
) -> Received | tuple[SubscriptionId, HeartbeatReceived]:
    notification_type = members.get("notificationType")
    if not isinstance(notification_type, str):
        raise Unreadable("notificationType is missing or no string")
    subscription = members.get("subscriptionId", "")
    if not isinstance(subscription, str):
        raise Unreadable("subscriptionId is no string")
    subscription_id = SubscriptionId(subscription)
    epoch = Epoch(_number(members, "epoch") or UNTOLD)
    if notification_type == HEARTBEAT:
        return subscription_id, HeartbeatReceived(
            epoch=epoch,
            last_sequence_no=_number(members, "lastSequenceNo"),
            last_event_time_ms=_time(members, "lastEventTime"),
        )
    sequence_no = _number(members, "sequenceNo")
    if sequence_no is None:
        raise Unreadable("sequenceNo is missing: this producer does not number notifications")
    return Received(
        number=Number(subscription_id=subscription_id, epoch=epoch, sequence_no=sequence_no),
        notification_type=notification_type,
        event_time_ms=_time(members, "eventTime"),
        payload=text,
        content=crc32(json.dumps(members, sort_keys=True).encode("ascii")),
        not_sent_types=_not_sent_types(notification_type, members),
    )


def _not_sent_types(notification_type: str, members: dict[str, Json]) -> frozenset[str] | None:
    if notification_type in (FAULTY_TREE, FAULTY_ALARMS):
        return None
    if notification_type != NOT_SENT:
        return frozenset()
    types = members.get("notificationTypes")
    if not isinstance(types, list):
        return None
    return frozenset(each for each in types if isinstance(each, str)) or None


def _number(members: dict[str, Json], name: str) -> int | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= NUMBER_MAX:
        raise Unreadable(f"{name} is no unsigned integer of 64 bits")
    return value


def _time(members: dict[str, Json], name: str) -> int | None:
    value = members.get(name)
    try:
        return read_date_time(value) if isinstance(value, str) else None
    except Unreadable:
        return None


# --- times and names ----------------------------------------------------------------------------


def date_time(wall_ms: int) -> str:
    """Write a time as RFC 3339 does, UTC, milliseconds.

    Raises:
        LocalProtocolError: No year of four digits.
    """
    try:
        moment = _EPOCH_START + timedelta(milliseconds=wall_ms)
    except OverflowError as error:
        raise LocalProtocolError(f"{wall_ms} ms is no time that has a date") from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_date_time(text: str) -> int:
    """Read a time as RFC 3339 writes it, milliseconds since the Unix epoch, rounded down.

    Raises:
        Unreadable: It is none, or has no time zone.
    """
    if not _DATE_TIME.fullmatch(text):
        raise Unreadable(f"{text[:100]!r} is no date-time")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise Unreadable(f"{text[:100]!r} is no date-time: {error}") from error
    return (moment - _EPOCH_START) // timedelta(milliseconds=1)


def object_uri(path: ObjectPath, naming: Naming) -> str:
    """Write the canonical URI of an object (TS 32.158 4.2.3)."""
    return f"{naming.root}/{path}" if path else naming.root


def distinguished_name(path: ObjectPath) -> str:
    """Write the path of an object as a DN (TS 32.300); what separates is escaped in identifiers."""
    names = (unquote(segment).partition("=") for segment in path.split("/")) if path else ()
    return ",".join(f"{name}={_ESCAPED.sub(_escape, value)}" for name, _, value in names)


def read_path(path: str) -> ObjectPath:
    """Read the path of an object, however it is percent-encoded; slashes at its ends do not count.

    Raises:
        Unreadable: A segment is not ``Class=id``.
    """
    segments = [percent_decode(segment) for segment in path.strip("/").split("/")] if path else []
    if any(not _RDN.fullmatch(segment) for segment in segments):
        raise Unreadable(f"{path[:100]!r} is not the path of an object: Class=id/Class=id")
    parts = (segment.partition("=") for segment in segments)
    return ObjectPath("/".join(f"{name}={percent_encode(value)}" for name, _, value in parts))


def below(path: ObjectPath, class_name: str, identifier: str) -> ObjectPath:
    """Name an object that another contains."""
    return ObjectPath(f"{path}/{class_name}={percent_encode(identifier)}".lstrip("/"))


def subscription_path(base: ObjectPath, subscription_id: SubscriptionId) -> ObjectPath:
    """Name the NtfSubscriptionControl of a subscription."""
    return below(base, "NtfSubscriptionControl", subscription_id)


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}"
