"""What the filter of a GET means: XPath 1.0 on the objects that its scope chooses (TS 32.158 6.3).

The target is the root; an object is an element of the name of its class::

    <ManagedElement> <id/> <objectClass/> <objectInstance/> <attributes/>
      <NtfSubscriptionControl> <id/> ... <attributes> <operationalState/> ... </attributes> ...

An expression that gives nodes selects the objects that they are or stand in; any other one selects
all objects or none. Stored notifications are not looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, cast

from lxml import etree

from mnstream.adapters.filters.cost import COST_MAX, cost_of
from mnstream.adapters.filters.tokens import tokens_of
from mnstream.adapters.filters.tree import Element, TooBig, TreeBuilder
from mnstream.adapters.rest.provisioning import RawArray, Resource
from mnstream.core.errors import InvalidFilter
from mnstream.core.notification_values import ObjectPath

_ATTRIBUTES: Final = "attributes"


Selector = Callable[[Resource], frozenset[ObjectPath]]
"""Gives the paths of the selected objects; raises InvalidFilter when that costs too much."""


def object_filter(text: str) -> Selector:
    """Read a filter.

    Raises:
        InvalidFilter: It is not XPath 1.0.
    """
    cost = cost_of(tokens_of(text))
    try:
        evaluate = etree.XPath(text, regexp=False, smart_strings=False)
    except etree.XPathError as error:
        raise InvalidFilter(f"not XPath 1.0: {error}") from error

    def select(target: Resource) -> frozenset[ObjectPath]:
        try:
            builder = TreeBuilder()
            objects = dict(_build(builder, None, target))
            if cost.of(builder.size) > COST_MAX:
                raise TooBig
            root = next(iter(objects), None)
            found: object = () if root is None else evaluate(root.getroottree())
        except TooBig as error:
            detail = "costs too much on so many objects; choose a smaller scope"
            raise InvalidFilter(detail) from error
        except etree.XPathError as error:
            raise InvalidFilter(f"not XPath 1.0: {error}") from error
        if not isinstance(found, list):
            return frozenset(objects.values() if found else ())
        nodes = cast("list[object]", found)
        return frozenset(filter(None, (_object_of(node, objects) for node in nodes)))

    return select


def _build(
    builder: TreeBuilder, parent: Element | None, resource: Resource
) -> Iterator[tuple[Element, ObjectPath]]:
    element = builder.element(parent, resource.class_name)
    for name, value in resource.head().items():
        builder.member(element, name, value)
    if resource.attributes is not None:
        yield element, resource.path
        attributes = builder.element(element, _ATTRIBUTES)
        for name, attribute in resource.attributes.items():
            if not isinstance(attribute, RawArray):
                builder.member(attributes, name, attribute)
    for child in resource.children:
        yield from _build(builder, element, child)


def _object_of(node: object, objects: dict[Element, ObjectPath]) -> ObjectPath | None:
    """Find the object that a node is, or stands in."""
    element = node if isinstance(node, Element) else None
    while element is not None and element not in objects:
        element = element.getparent()
    return None if element is None else objects[element]
