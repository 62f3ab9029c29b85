"""Objects as JSON: hierarchical, or as an array of objects without their children (TS 32.158 7.6).

Stored notifications are spliced in as they are: what was posted and what is read are the same byte
for byte (B11).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from urllib.parse import unquote

from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.rest.notification_json import distinguished_name
from mnstream.adapters.rest.provisioning.targets import HEARTBEAT_CLASS
from mnstream.core.notification_values import ObjectPath
from mnstream.core.values import Json


@dataclass(frozen=True, slots=True)
class RawArray:
    """An array whose items are JSON texts already."""

    texts: tuple[bytes, ...]


Attributes = Mapping[str, Json | RawArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One object and those below it that are shown.

    Attributes:
        path: Its path.
        attributes: Its attributes; None when it only shows where its children are.
        children: Objects below it, those of one class beside each other.
    """

    path: ObjectPath
    attributes: Attributes | None
    children: tuple[Resource, ...] = ()

    @property
    def class_name(self) -> str:
        """Name of its class."""
        return self.path.rpartition("/")[2].partition("=")[0]

    @property
    def identifier(self) -> str:
        """Value of its naming attribute."""
        return unquote(self.path.rpartition("/")[2].partition("=")[2])

    def head(self) -> dict[str, Json]:
        """Return the members that every object has."""
        return {
            "id": self.identifier,
            "objectClass": self.class_name,
            "objectInstance": distinguished_name(self.path),
        }


def write_hierarchical(resource: Resource) -> bytes:
    """Write an object with its children in it."""
    pieces = [write_json(resource.head())[:-1]]
    if resource.attributes is not None:
        pieces.append(b',"attributes":' + _write_attributes(resource.attributes))
    for name, group in groupby(resource.children, key=lambda child: child.class_name):
        texts = [write_hierarchical(child) for child in group]
        # HeartbeatControl is the one class of which there is one: an object in the YAML.
        value = texts[0] if name == HEARTBEAT_CLASS else b"[" + b",".join(texts) + b"]"
        pieces.append(b"," + write_json(name) + b":" + value)
    return b"".join(pieces) + b"}"


def write_flat(resource: Resource) -> bytes:
    """Write an object and its children beside each other, those that are meant."""
    return b"[" + b",".join(_flat(resource)) + b"]"


def keep(resource: Resource, selected: Container[ObjectPath]) -> Resource:
    """Show only the selected objects, and where they are."""
    children = (keep(child, selected) for child in resource.children)
    return replace(
        resource,
        attributes=resource.attributes if resource.path in selected else None,
        children=tuple(filter(is_shown, children)),
    )


def is_shown(resource: Resource) -> bool:
    """Tell whether the object or any below it is meant."""
    return resource.attributes is not None or any(map(is_shown, resource.children))


def _flat(resource: Resource) -> Iterator[bytes]:
    if resource.attributes is not None:
        head = write_json(resource.head())[:-1]
        yield head + b',"attributes":' + _write_attributes(resource.attributes) + b"}"
    for child in resource.children:
        yield from _flat(child)


def _write_attributes(attributes: Attributes) -> bytes:
    plain: dict[str, Json] = {}
    raw: list[bytes] = []
    for name, value in attributes.items():
        if isinstance(value, RawArray):
            raw.append(write_json(name) + b":[" + b",".join(value.texts) + b"]")
        else:
            plain[name] = value
    # One call for all that is plain: in a tree of a thousand subscriptions most time goes here.
    members = [write_json(plain)[1:-1]] if plain else []
    return b"{" + b",".join([*members, *raw]) + b"}"
