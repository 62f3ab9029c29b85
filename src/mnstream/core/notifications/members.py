"""How the body of a notification is read and written: once, for every type of notification.

A body is a frozen dataclass; its annotations say what each member is, and this module does what
they say. Members are named as in the YAML files: the name of the attribute in camelCase. An
attribute without a default is a member that must be there. Members that nobody here knows are kept
in ``other`` and written back, because later releases add some.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from mnstream.core.errors import MalformedRequest
from mnstream.core.values import Json

_Read = Callable[[Json, str], object]
_Write = Callable[[object], Json]


class _Anything:
    """Stands for ``Json`` while annotations are read; the real one contains itself."""


class Absent(Enum):
    """A member that is not there, where null is a value like others."""

    ABSENT = "absent"


ABSENT: Final[Literal[Absent.ABSENT]] = Absent.ABSENT


def size(least: int, most: int | None = None) -> dict[str, tuple[int, int | None]]:
    """Say how many items an array or a map has: metadata of an attribute."""
    return {"size": (least, most)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """Members of a notification beyond its header, or of an object in it.

    Attributes:
        other: Members that this class does not know; none of the names that it knows.
    """

    other: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def to_body(self) -> dict[str, Json]:
        """Write it under the names of the YAML files; what is absent is left out."""
        written: dict[str, Json] = {}
        for member in members_of(type(self)):
            value = getattr(self, member.attribute)
            if value is not member.absent:
                written[member.name] = member.write(value)
        return {**written, **self.other}

    @classmethod
    def from_body(cls, body: Mapping[str, Json]) -> Self:
        """Read it.

        Raises:
            MalformedRequest: A member is missing or is something else; the text names it.
        """
        return _read_body(cls, body, "")


class Family(Enum):
    """Which management service a notification belongs to."""

    CM = "CM"
    """Provisioning (TS 28.532 11.1)."""
    FM = "FM"
    """Fault supervision (TS 28.532 11.2, TS 28.111)."""
    PM = "PM"
    """Performance threshold monitoring (TS 28.532 11.3)."""
    FILE = "FILE"
    """File data reporting (TS 28.532 11.6)."""
    HEARTBEAT = "HEARTBEAT"
    """Heartbeat (TS 28.532 11.4)."""
    RELIABILITY = "RELIABILITY"
    """Reliable notification transfer (the SA5 study)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationBody(Body):
    """Body of one type of notification.

    Attributes:
        notification_type: The type.
        family: The service that it belongs to.
    """

    notification_type: ClassVar[str]
    family: ClassVar[Family]


_AnyBody = TypeVar("_AnyBody", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a body.

    Attributes:
        attribute: Its name here.
        name: Its name in JSON.
        required: Whether it must be there.
        absent: Value of the attribute when it is not there.
        read: Makes the attribute of a JSON value; raises ``MalformedRequest``.
        write: The other way.
    """

    attribute: str
    name: str
    required: bool
    absent: object
    read: _Read
    write: _Write


_MEMBERS: dict[type[Body], tuple[Member, ...]] = {}


def members_of(body_type: type[Body]) -> tuple[Member, ...]:
    """List the members that a type of body knows."""
    known = _MEMBERS.get(body_type)
    if known is None:
        known = _MEMBERS[body_type] = _describe(body_type)
    return known


def _describe(body_type: type[Body]) -> tuple[Member, ...]:
    hints = get_type_hints(body_type, localns={"Json": _Anything})
    members: list[Member] = []
    for entry in fields(body_type):
        if entry.name == "other":
            continue
        read, write = _kind(hints[entry.name])
        least, most = entry.metadata.get("size", (0, None))
        members.append(
            Member(
                attribute=entry.name,
                name=_camel_case(entry.name),
                required=entry.default is MISSING,
                absent=entry.default,
                read=_sized(read, least, most) if entry.metadata else read,
                write=write,
            )
        )
    return tuple(members)


def _read_body(body_type: type[_AnyBody], body: Mapping[str, Json], where: str) -> _AnyBody:
    # Any: the attributes have the types that the annotations say, which no checker can follow.
    values: dict[str, Any] = {}
    members = members_of(body_type)
    for member in members:
        name = f"{where}{member.name}"
        if member.name in body:
            values[member.attribute] = member.read(body[member.name], name)
        elif member.required:
            raise MalformedRequest(f"{name} is missing")
    known = {member.name for member in members}
    other = {name: value for name, value in body.items() if name not in known}
    return body_type(**values, other=other)


def _camel_case(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _kind(hint: object) -> tuple[_Read, _Write]:
    """Find out how values of an annotated type are read and written."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        present = [argument for argument in arguments if argument not in {type(None), Absent}]
        kinds = [_kind(argument) for argument in present]
        return kinds[0] if len(kinds) == 1 else (_either(present), _as_it_is)
    if origin is tuple:
        return _array(*_kind(arguments[0]))
    if hint is _Anything:
        return _anything, _as_it_is
    if origin is Mapping:
        return _plain("an object", dict), _as_it_is
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enumerated(hint), _value_of
    if isinstance(hint, type) and issubclass(hint, Body):
        return _object(hint), lambda value: cast("Body", value).to_body()
    return _PLAIN[cast("type", hint)], _as_it_is


def _plain(described: str, *accepted: type) -> _Read:
    def read(value: Json, name: str) -> Json:
        # A bool is an int in Python, but never a number in JSON.
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise MalformedRequest(f"{name} is not {described}")
        return value

    return read


_PLAIN: Mapping[type, _Read] = {
    str: _plain("a string", str),
    int: _plain("an integer", int),
    bool: _plain("a boolean", bool),
}


def _either(accepted: list[type]) -> _Read:
    return _plain(" or ".join(kind.__name__ for kind in accepted), *accepted)


def _anything(value: Json, _name: str) -> Json:
    return value


def _as_it_is(value: object) -> Json:
    return cast("Json", value)


def _value_of(value: object) -> Json:
    return cast("str", cast("Enum", value).value)


def _enumerated(values: type[Enum]) -> _Read:
    known: dict[object, Enum] = {member.value: member for member in values}

    def read(value: Json, name: str) -> Enum:
        found = known.get(value) if isinstance(value, str) else None
        if found is None:
            raise MalformedRequest(f"{name} is none of {', '.join(map(str, known))}")
        return found

    return read


def _object(body_type: type[Body]) -> _Read:
    def read(value: Json, name: str) -> Body:
        if not isinstance(value, dict):
            raise MalformedRequest(f"{name} is not an object")
        return _read_body(body_type, value, f"{name}.")

    return read


def _array(read_item: _Read, write_item: _Write) -> tuple[_Read, _Write]:
    def read(value: Json, name: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise MalformedRequest(f"{name} is not an array")
        return tuple(read_item(item, f"{name}[{index}]") for index, item in enumerate(value))

    def write(value: object) -> Json:
        return [write_item(item) for item in cast("tuple[object, ...]", value)]

    return read, write


def _sized(read_any: _Read, least: int, most: int | None) -> _Read:
    def read(value: Json, name: str) -> object:
        found = read_any(value, name)
        count = len(cast("tuple[object, ...]", found))
        if count < least or (most is not None and count > most):
            allowed = f"{least} or more" if most is None else f"{least} to {most}"
            raise MalformedRequest(f"{name} has {count} items, not {allowed}")
        return found

    return read
