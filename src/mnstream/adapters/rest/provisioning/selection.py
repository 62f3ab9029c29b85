"""What a GET wants to see: scope, attributes and fields (TS 32.158 6.1, 6.2).

``attributes`` and ``fields`` add up. A name that no object has selects nothing. A pointer into an
array is refused: what has a place in an array when it is asked for may have another one, or none,
when it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import RestLimits
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.resources import Attributes, RawArray
from mnstream.adapters.rest.provisioning.scopes import read_scope
from mnstream.adapters.rest.uris import percent_decode, query_parameters
from mnstream.core.notification_values import Scope, ScopeType
from mnstream.core.values import Json

NOTIFICATIONS = "notifications"
FILTER = "filter"
SELECTION_PARAMETERS = ("scope", "scopeType", "scopeLevel", "attributes", "fields", FILTER)

_BASE_ONLY = Scope(scope_type=ScopeType.BASE_ONLY)
_INTEGER_CHARS_MAX = 20
_ALWAYS = ("id", "objectClass", "objectInstance")
_ARRAYS = frozenset(
    {
        "availabilityStatus",
        "epochs",
        "goneSequenceNos",
        "notSentNotificationTypes",
        "notificationTypes",
        NOTIFICATIONS,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is to be shown.

    Attributes:
        scope: Which objects, seen from the target.
        names: Attributes by name; None when none are named.
        pointers: Fields, each as the names on the way below ``attributes``; None when none are
            named, the empty way means all attributes.
    """

    scope: Scope = _BASE_ONLY
    names: frozenset[str] | None = None
    pointers: tuple[tuple[str, ...], ...] | None = None

    @property
    def everything(self) -> bool:
        """Whether all attributes are wanted because none were named."""
        return self.names is None and self.pointers is None

    def wants_notifications(self, *, direct: bool) -> bool:
        """Tell whether stored notifications are wanted.

        They are when they are named. All attributes of a NotificationList include them only when it
        is the target itself: a tree of a thousand subscriptions is to stay small.
        """
        named = self.names is not None and NOTIFICATIONS in self.names
        ways = self.pointers or ()
        pointed = any(way[:1] == (NOTIFICATIONS,) for way in ways)
        return named or pointed or (direct and (self.everything or () in ways))

    def of(self, attributes: Attributes) -> Attributes:
        """Choose from the attributes of one object."""
        if self.everything:
            return attributes
        chosen: dict[str, Json | RawArray] = {}
        for name, value in attributes.items():
            ways = [way[1:] for way in self.pointers or () if way[:1] in ((), (name,))]
            if name in (self.names or ()) or () in ways:
                chosen[name] = value
            elif ways:
                part = _part(value, ways)
                if part != {}:
                    chosen[name] = part
        return chosen


def read_parameters(query: str, known: Sequence[str]) -> dict[str, list[str]]:
    """Read the parameters of a query, values still percent-encoded, by name.

    Raises:
        Refusal: 400, one that is not known here.
    """
    parameters: dict[str, list[str]] = {}
    try:
        pairs = query_parameters(query)
    except Unreadable as problem:
        raise Refusal(400, str(problem)) from problem
    for name, value in pairs:
        if name not in known:
            detail = f"unknown query parameter: {name[:100]}"
            raise Refusal(400, detail, bad_query_params=(name[:100],))
        parameters.setdefault(name, []).append(value)
    return parameters


def read_selection(parameters: dict[str, list[str]], limits: RestLimits) -> Selection:
    """Read what a GET wants to see.

    Raises:
        Refusal: 400, a parameter that cannot be understood.
    """
    names = items_of(parameters, "attributes")
    fields = items_of(parameters, "fields")
    return Selection(
        scope=_scope(parameters, limits),
        names=None if names is None else frozenset(names),
        pointers=None if fields is None else tuple(filter_ways(fields)),
    )


def items_of(parameters: dict[str, list[str]], name: str) -> list[str] | None:
    """Return the items of a list that may be repeated and may have commas; None when absent.

    Raises:
        Refusal: 400, an item is empty or not percent-encoded UTF-8. An empty value is no item.
    """
    values = parameters.get(name)
    if values is None:
        return None
    # Clients that encode the commas of a list send one item; none of the items has a comma.
    texts = [_decoded(name, value) for value in values]
    items = [item for text in texts if text for item in text.split(",")]
    if "" in items:
        raise Refusal(400, f"{name} has an empty item", bad_query_params=(name,))
    return items


def text_of(parameters: dict[str, list[str]], name: str) -> str | None:
    """Return a parameter that is given once at most; None when absent.

    Raises:
        Refusal: 400.
    """
    match parameters.get(name, []):
        case []:
            return None
        case [value]:
            return _decoded(name, value)
        case _:
            raise Refusal(400, f"{name} is given twice", bad_query_params=(name,))


def integer_of(parameters: dict[str, list[str]], name: str) -> int | None:
    """Return a parameter that is an unsigned integer; None when absent.

    Raises:
        Refusal: 400.
    """
    text = text_of(parameters, name)
    return None if text is None else read_integer(name, text)


def read_integer(name: str, text: str) -> int:
    """Read an unsigned integer.

    Raises:
        Refusal: 400.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > _INTEGER_CHARS_MAX:
        raise Refusal(400, f"{name} is no unsigned integer of 64 bits", bad_query_params=(name,))
    return int(text)


def filter_ways(fields: list[str]) -> list[tuple[str, ...]]:
    """Read JSON pointers; those to members that are always there need nothing.

    Raises:
        Refusal: 400, a pointer to something else, or into an array.
    """
    ways: list[tuple[str, ...]] = []
    for field in fields:
        start, *segments = field.split("/")
        way = [segment.replace("~1", "/").replace("~0", "~") for segment in segments]
        if start or way[:1] not in (["attributes"], *([name] for name in _ALWAYS)):
            refused = f"{field[:100]!r} is no JSON pointer to /attributes"
            raise Refusal(400, refused, bad_query_params=("fields",))
        if way[2:] and way[1] in _ARRAYS:
            refused = f"{field[:100]!r} points into an array, which is given as a whole"
            raise Refusal(400, refused, bad_query_params=("fields",))
        if way[0] == "attributes":
            ways.append(tuple(way[1:]))
    return ways


def _scope(parameters: dict[str, list[str]], limits: RestLimits) -> Scope:
    """Read the scope as one JSON text (Rel-19) or as two parameters (before); C5."""
    text = text_of(parameters, "scope")
    scope_type = text_of(parameters, "scopeType")
    level = integer_of(parameters, "scopeLevel")
    names = tuple(name for name in SELECTION_PARAMETERS[:3] if name in parameters)
    if not names:
        return _BASE_ONLY
    try:
        if text is not None:
            if len(names) > 1:
                raise Unreadable("scope is given in two forms")
            return read_scope(read_json(text.encode(), limits))
        return read_scope({"scopeType": scope_type, "scopeLevel": level})
    except Unreadable as problem:
        raise Refusal(400, str(problem), bad_query_params=names) from problem


def _decoded(name: str, value: str) -> str:
    try:
        return percent_decode(value)
    except Unreadable as problem:
        raise Refusal(400, str(problem), bad_query_params=(name,)) from problem


def _part(value: Json | RawArray, ways: list[tuple[str, ...]]) -> Json | RawArray:
    """Cut a value down to what the ways lead to; ``{}`` when none leads anywhere."""
    part: dict[str, Json] = {}
    for name, member in value.items() if isinstance(value, dict) else ():
        rest = [way[1:] for way in ways if way[0] == name]
        if () in rest:
            part[name] = member
        elif rest:
            inner = cast("Json", _part(member, rest))
            if inner != {}:
                part[name] = inner
    return part
