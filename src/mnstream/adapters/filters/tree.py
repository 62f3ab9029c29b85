"""A notification as the tree that XPath sees; see ``xpath`` for what it looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from lxml import etree

from mnstream.adapters.filters.tokens import NOT_XML
from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.rest.notification_json import date_time, distinguished_name
from mnstream.core.errors import LocalProtocolError, MnSError
from mnstream.core.notification_values import Content
from mnstream.core.values import Json

SIZE_MAX: Final = 10_000
"""Of a notification that is looked into: elements, and 32 characters count as one."""
Element = etree._Element  # pyright: ignore[reportPrivateUsage] - it has no other name
ROOT_ELEMENT: Final = "notification"
ITEM: Final = "item"
_LEVELS_MAX: Final = 32
_CHARS_OF_ELEMENT: Final = 32
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_NO_START: Final = re.compile(r"^(?![A-Za-z_])")


class TooBig(MnSError):
    """The notification is bigger than is looked into; never leaves this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A notification that can be looked into.

    Attributes:
        root: Element ``notification``.
        size: Elements, and one for each 32 characters of text: what a filter costs grows with it.
    """

    root: Element
    size: int


def tree_of(content: Content) -> Tree:
    """Build the tree of a notification.

    Raises:
        TooBig: It is bigger, or nests deeper, than is looked into.
    """
    builder = TreeBuilder()
    return Tree(root=_notification(builder, content), size=builder.size)


def _notification(builder: TreeBuilder, content: Content) -> Element:
    root = builder.element(None, ROOT_ELEMENT)
    path = content.object_path
    header: dict[str, Json] = {
        "href": content.href if content.href is not None else path,
        "notificationId": content.notification_id,
        "notificationType": content.notification_type,
        "eventTime": _event_time(content.event_time_ms),
        "objectClass": path.rpartition("/")[2].partition("=")[0],
        "objectInstance": distinguished_name(path),
    }
    for name, value in (*header.items(), *content.body.items()):
        builder.member(root, name, value)
    return root


class TreeBuilder:
    """Builds elements of JSON, up to a size."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._elements = 0
        self._chars = 0

    @property
    def size(self) -> int:
        """Elements, and one for each 32 characters of text."""
        return self._elements + self._chars // _CHARS_OF_ELEMENT

    def element(self, parent: Element | None, name: str) -> Element:
        """Add an element.

        Raises:
            TooBig: There are too many.
        """
        self._elements += 1
        if self.size > SIZE_MAX:
            raise TooBig
        if parent is None:
            return etree.Element(_element_name(name))
        return etree.SubElement(parent, _element_name(name))

    def member(self, parent: Element, name: str, value: Json) -> None:
        """Add a member of an object.

        Raises:
            TooBig: It is bigger, or nests deeper, than is looked into.
        """
        self._member(parent, name, value, 0)

    def _member(self, parent: Element, name: str, value: Json, level: int) -> None:
        if level > _LEVELS_MAX:
            raise TooBig
        if isinstance(value, list):
            for item in value:
                if isinstance(item, list):
                    self._member(self.element(parent, name), ITEM, item, level + 1)
                else:
                    self._member(parent, name, item, level + 1)
            return
        element = self.element(parent, name)
        if isinstance(value, dict):
            for inner_name, inner_value in value.items():
                self._member(element, inner_name, inner_value, level + 1)
        elif (text := _text(value)) != "":
            self._chars += len(text)
            if self.size > SIZE_MAX:
                raise TooBig
            element.text = NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


@lru_cache(maxsize=1024)
def _element_name(name: str) -> str:
    return _NO_START.sub("_", _NO_NAME.sub("_", name))


def _text(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return decimal_text(value)
    return value if isinstance(value, str) else write_json(value).decode("ascii")


def decimal_text(value: float) -> str:
    """Write a finite number as XPath 1.0 does: no exponent, and no point when it is whole."""
    return str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")


def _event_time(wall_ms: int) -> Json:
    try:
        return date_time(wall_ms)
    except LocalProtocolError:
        return None
