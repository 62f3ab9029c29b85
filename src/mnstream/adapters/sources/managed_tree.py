"""Managed objects in a document of JSON or TOML, and how two such documents differ.

A member whose name is ``Class=id`` is an object in the one that it stands in, and is itself a map.
Every other member is an attribute; a map of the name ``attributes`` is not one, but contains some.
The document as a whole is the base object::

    {"ManagedElement=1": {"attributes": {"userLabel": "x"}, "GNBDUFunction=1": {"gNBId": 7}}}
"""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Final, Literal, cast
from urllib.parse import unquote

from mnstream.adapters.rest.json_text import Unreadable, read_json, write_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.notification_json import below
from mnstream.adapters.rest.uris import percent_encode
from mnstream.core.errors import LocalProtocolError
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import ObjectPath
from mnstream.core.notifications.families import (
    ChangeOperation,
    MoiAttributeValueChanges,
    MoiChange,
    MoiChanges,
    MoiCreation,
    MoiDeletion,
)
from mnstream.core.notifications.members import ABSENT, Absent, NotificationBody
from mnstream.core.values import Json

OBJECTS_MAX: Final = 100_000
CHANGES_MAX: Final = 1_000
"""Changes in one notifyMOIChanges; more are spread over several."""

Objects = Mapping[ObjectPath, Mapping[str, Json]]
"""Attributes of objects, by path; an object comes before those that it contains."""
Style = Literal["each", "changes"]
"""One notification for each object, or notifyMOIChanges for all of them."""

_LIMITS: Final = RestLimits(json_values_max=40 * OBJECTS_MAX)
"""A document is our own user's, and is as long as its objects and their attributes."""
_Part = Json | Absent
_RDN: Final = re.compile(r"([A-Za-z_][\w.-]*)=(.+)", re.DOTALL)


class TreeUnreadable(ValueError):
    """A document that is not a tree of objects; the text says why."""


def read_tree(text: bytes, base: ObjectPath, *, toml: bool = False) -> Objects:
    """Read a document; there is always the base object.

    Raises:
        TreeUnreadable: It is something else, or more than is read.
    """
    objects: dict[ObjectPath, Mapping[str, Json]] = {}
    try:
        document = _toml(text) if toml else read_json(text, _LIMITS)
        for path, attributes in _objects(document, base):
            objects[path] = attributes
            if len(objects) > OBJECTS_MAX:
                raise Unreadable(f"more than {OBJECTS_MAX} objects")
    except (Unreadable, LocalProtocolError) as error:
        raise TreeUnreadable(str(error)) from error
    return objects


def _toml(text: bytes) -> Json:
    try:
        return _json(tomllib.loads(text.decode("utf-8")), 0)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not TOML: {error}") from error


def _json(value: object, level: int) -> Json:
    if level > DEFAULT_LIMITS.json_depth_max:
        raise Unreadable(f"nested deeper than {DEFAULT_LIMITS.json_depth_max} levels")
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {name: _json(inner, level + 1) for name, inner in members.items()}
    if isinstance(value, list):
        return [_json(item, level + 1) for item in cast("list[object]", value)]
    match value:
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise Unreadable(f"{value} has no JSON")
        case bool() | int() | float() | str():
            return value
        case _:
            raise AssertionError(value)


def _objects(document: Json, path: ObjectPath) -> Iterator[tuple[ObjectPath, Mapping[str, Json]]]:
    if not isinstance(document, dict):
        raise Unreadable(f"{path or 'the document'} is not a map")
    attributes: dict[str, Json] = {}
    contained: list[tuple[ObjectPath, Json]] = []
    for name, value in document.items():
        rdn = _RDN.fullmatch(name)
        if rdn is not None:
            contained.append((below(path, rdn[1], rdn[2]), value))
            continue
        found = value if name == "attributes" and isinstance(value, dict) else {name: value}
        twice = attributes.keys() & found.keys()
        if twice:
            raise Unreadable(f"{path or 'the document'} has {min(twice)} twice")
        attributes |= found
    yield path, attributes
    for inner_path, inner in contained:
        yield from _objects(inner, inner_path)


def changes(
    before: Objects,
    after: Objects,
    base: ObjectPath,
    *,
    event_time_ms: int,
    style: Style = "each",
    root: str = "",
) -> list[NotificationEmitted]:
    """Tell what became of the objects: first what is gone, then what is new, then what changed.

    Objects are deleted after those that they contain, and created before them.

    Args:
        before: What was there.
        after: What is there.
        base: What notifyMOIChanges are about.
        event_time_ms: When.
        style: Which notifications.
        root: Beginning of the URIs in notifyMOIChanges.
    """
    gone = [path for path in reversed(list(before)) if path not in after]
    new = [path for path in after if path not in before]
    other = [path for path in after if path in before and _changed(before[path], after[path])]
    events: list[tuple[ObjectPath, NotificationBody]]
    if style == "changes":
        made = _changes(before, after, gone=gone, new=new, other=other, root=root)
        parts = [made[at : at + CHANGES_MAX] for at in range(0, len(made), CHANGES_MAX)]
        events = [(base, MoiChanges(moi_changes=tuple(part))) for part in parts]
    else:
        events = [
            *((path, MoiDeletion(attribute_list=before[path] or None)) for path in gone),
            *((path, MoiCreation(attribute_list=after[path] or None)) for path in new),
            *((path, _value_changes(before[path], after[path])) for path in other),
        ]
    return [
        NotificationEmitted(
            notification_type=body.notification_type,
            object_path=path,
            body=body.to_body(),
            event_time_ms=event_time_ms,
        )
        for path, body in events
    ]


def _value_changes(
    before: Mapping[str, Json], after: Mapping[str, Json]
) -> MoiAttributeValueChanges:
    """Give new and old values; an attribute that is gone has the new value null."""
    names = _changed(before, after)
    return MoiAttributeValueChanges(
        attribute_list_value_changes=(
            {name: after.get(name) for name in names},
            {name: before[name] for name in names if name in before},
        )
    )


def _changes(
    before: Objects,
    after: Objects,
    *,
    gone: list[ObjectPath],
    new: list[ObjectPath],
    other: list[ObjectPath],
    root: str,
) -> list[MoiChange]:
    made: list[MoiChange] = []

    def add(op: ChangeOperation, path: str, *, value: _Part = ABSENT, old: _Part = ABSENT) -> None:
        number = len(made) % CHANGES_MAX + 1  # identifiers in one notification
        made.append(MoiChange(notification_id=number, op=op, path=path, value=value, old_value=old))

    for path in gone:
        add(ChangeOperation.REMOVE, _uri(path, root), old=_described(before, path))
    for path in new:
        add(ChangeOperation.ADD, _uri(path, root), value=_described(after, path))
    for path in other:
        old, now = before[path], after[path]
        for name in _changed(old, now):
            where = f"{_uri(path, root)}#/attributes/{_pointer(name)}"
            if name not in now:
                add(ChangeOperation.REMOVE, where, old=old[name])
            elif name not in old:
                add(ChangeOperation.ADD, where, value=now[name])
            else:
                add(ChangeOperation.REPLACE, where, value=now[name], old=old[name])
    return made


def _uri(path: ObjectPath, root: str) -> str:
    return f"{root}/{path}" if path or not root else root


def _described(objects: Objects, path: ObjectPath) -> Json:
    """Write an object as a resource (TS 32.158): its identifier, class and attributes."""
    class_name, _, identifier = path.rpartition("/")[2].partition("=")
    return {
        "id": unquote(identifier),
        "objectClass": class_name,
        "attributes": dict(objects[path]),
    }


def _pointer(name: str) -> str:
    """Write a name as a part of a JSON pointer in a URI fragment (RFC 6901 6)."""
    return percent_encode(name.replace("~", "~0").replace("/", "~1"))


def _changed(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[str]:
    return [
        name
        for name in {**before, **after}
        if name not in before or name not in after or not _same(before[name], after[name])
    ]


def _same(one: object, other: object) -> bool:
    """Compare as JSON does: true is not 1."""
    return one == other and write_json(cast("Json", one)) == write_json(cast("Json", other))
