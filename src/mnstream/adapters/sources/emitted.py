"""Notifications that somebody describes as lines of JSON, to be sent to whom they concern.

A line is an object: ``notificationType``, ``href`` and the members of the body. Without
``eventTime`` it happened just now. Members that the producer writes itself, such as notificationId
and sequenceNo, are dropped: a notification that was received can be given as it is.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS
from mnstream.adapters.rest.notification_json import HEADER_MEMBERS, read_date_time, read_path
from mnstream.adapters.rest.uris import percent_encode
from mnstream.adapters.sources.lines import LINE_BYTES_MAX, Readable, lines_of
from mnstream.core.errors import LocalProtocolError
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import HEARTBEAT, ObjectPath
from mnstream.core.notifications.families import check_body
from mnstream.core.values import Json
from mnstream.ports.clock import Clock

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_RDN: Final = re.compile(r"[A-Za-z_][\w.-]*=.+", re.DOTALL)
_DN: Final = re.compile(r"[^/,=]+=(?:\\.|[^\\,])*,\s*[A-Za-z_][\w.-]*=", re.DOTALL)
_DN_PART: Final = re.compile(r"(?:\\.|[^\\,])+", re.DOTALL)


_HREF_CHARS_MAX: Final = 4_096
"""More is no URI that anybody takes."""


class EmissionFailed(ValueError):
    """A line that is no notification; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmittedLine:
    """One line that was read.

    Attributes:
        number: From 1 for the first line that was read.
        end: Place behind the line in the file, in bytes: where reading can go on.
        event: What it says; None when it cannot be read.
        problem: Why it cannot be read, with the number of the line; empty when it can.
    """

    number: int
    end: int
    event: NotificationEmitted | None
    problem: str = ""


async def emitted_lines(
    file: Readable,
    *,
    base: ObjectPath,
    clock: Clock,
    offset: int = 0,
    check_bodies: bool = False,
) -> AsyncGenerator[EmittedLine]:
    """Read notifications as they come; empty lines are passed over, bad ones are told.

    Safe to cancel while it waits for a line; see ``lines_of``.

    Args:
        file: Where to read; at ``offset`` already.
        base: Object that contains the subscriptions.
        clock: Where a line without eventTime gets one.
        offset: Place in the file.
        check_bodies: Whether a body that is not what its type looks like is bad.

    Raises:
        OSError: The file cannot be read.
    """
    async with aclosing(lines_of(file, offset=offset)) as lines:
        async for line in lines:
            if line.text is not None and not line.text.strip():
                continue
            event, problem = None, ""
            try:
                if line.text is None:
                    raise EmissionFailed(f"longer than {LINE_BYTES_MAX} bytes")
                event = emitted(
                    line.text, base=base, wall_ms=clock.wall_ms(), check_bodies=check_bodies
                )
            except EmissionFailed as error:
                problem = f"line {line.number}: {error}"
            yield EmittedLine(number=line.number, end=line.end, event=event, problem=problem)


def emitted(
    line: bytes, *, base: ObjectPath, wall_ms: int, check_bodies: bool = False
) -> NotificationEmitted:
    """Read one line.

    An absolute URI goes out as it is, any other name below the root of URIs, with all that it says
    of objects above the base object. Without ``href`` the notification is about the base object.

    Raises:
        EmissionFailed: The line is something else.
    """
    try:
        members = read_json(line, DEFAULT_LIMITS)
        if not isinstance(members, dict):
            raise Unreadable("not a JSON object")
        return _emitted(members, base, wall_ms, check_bodies=check_bodies)
    except Unreadable as error:
        raise EmissionFailed(str(error)) from error


def _emitted(
    members: dict[str, Json], base: ObjectPath, wall_ms: int, *, check_bodies: bool
) -> NotificationEmitted:
    notification_type = members.get("notificationType")
    if not isinstance(notification_type, str) or not notification_type:
        raise Unreadable("notificationType is missing or no string")
    if notification_type == HEARTBEAT:
        raise Unreadable("heartbeats are sent by the producer itself")
    href = members.get("href", "")
    if not isinstance(href, str):
        raise Unreadable("href is no string")
    if len(href) > _HREF_CHARS_MAX:
        raise Unreadable(f"href is longer than {_HREF_CHARS_MAX} characters")
    event_time = members.get("eventTime")
    if event_time is not None and not isinstance(event_time, str):
        raise Unreadable("eventTime is no string")
    body = {name: value for name, value in members.items() if name not in HEADER_MEMBERS}
    wrong = check_body(notification_type, body) if check_bodies else ""
    if wrong:
        raise Unreadable(wrong)
    path = object_path(href, base) if href else base
    return NotificationEmitted(
        notification_type=notification_type,
        object_path=path,
        body=body,
        event_time_ms=wall_ms if event_time is None else read_date_time(event_time),
        href=_sent(href, path),
    )


def object_path(href: str, base: ObjectPath) -> ObjectPath:
    """Find out which object is meant, as a path that begins with the base object.

    ``href`` is a URI, of which the segments ``Class=id`` at its end count; a path; or a DN
    (TS 32.300). The path is what it says from the base object on, when that is in it. Otherwise it
    is all that it says, put below the base object: a subscription there is about everything that
    this producer tells, however it is named.

    Raises:
        Unreadable: It names no object.
    """
    segments = [] if not href else _segments(href)
    if not segments:
        raise Unreadable(f"{href[:100]!r} names no object: Class=id/Class=id, or a URI or DN of it")
    own = base.split("/") if base else []
    for start in range(len(segments) - len(own) + 1):
        if segments[start : start + len(own)] == own:
            return ObjectPath("/".join(segments[start:]))
    return ObjectPath("/".join([*own, *segments]))


def _sent(href: str, path: ObjectPath) -> str | None:
    """Say what goes out as ``href`` when the path of the object does not say all that it says."""
    if _ABSOLUTE.match(href):
        return href
    whole = "/".join(_segments(href))
    return None if path.endswith(whole) else whole


def _segments(href: str) -> list[str]:
    absolute = _ABSOLUTE.match(href)
    if absolute is None and _DN.match(href):
        parts = [re.sub(r"\\(.)", r"\1", part.strip()) for part in _DN_PART.findall(href)]
        if not all(map(_RDN.fullmatch, parts)):
            raise Unreadable(f"{href[:100]!r} is no DN: Class=id,Class=id")
        names = (part.partition("=") for part in parts)
        try:
            return [f"{name}={percent_encode(value)}" for name, _, value in names]
        except LocalProtocolError as error:
            raise Unreadable("href is not Unicode") from error
    path = href[absolute.end() :] if absolute else href
    raw = re.split(r"[?#]", path, maxsplit=1)[0].strip("/").split("/")
    while absolute and raw and not _RDN.fullmatch(raw[0]):
        raw.pop(0)  # name and version of a management service (TS 32.158 4.4.3)
    return read_path("/".join(raw)).split("/") if raw and raw != [""] else []
