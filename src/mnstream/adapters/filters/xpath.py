"""notificationFilter as XPath 1.0 on the notification (TS 28.622 4.3.22, Rel-16 to Rel-18.1).

The standard does not say what the tree of a notification looks like. Ours has one element for each
member of its JSON, under a root element ``notification``, in the order of the header and the body::

    <notification>
      <href/> <notificationId/> <notificationType/> <eventTime/>     as in JSON
      <objectClass/> <objectInstance/>                               of stage 2: class and DN (LDN)
      <alarmId>7</alarmId>                                           a scalar is text, null is empty
      <attributeList><administrativeState>LOCKED</administrativeState></attributeList>
      <moiChanges>...</moiChanges> <moiChanges>...</moiChanges>      an array repeats its member
    </notification>

``href`` is the path of the object when the notification has no URI of its own. What is different
for each subscription (sequenceNo, subscriptionId, epoch) and systemDN are not there. Arrays in
arrays have elements ``item``. In names, all but ASCII letters,
digits and ``_.-`` is ``_``. The present node is
the element ``notification``; the result is converted as ``boolean()`` does. These are the same::

    /notification[notificationType='notifyNewAlarm' and perceivedSeverity='CRITICAL']
    notificationType='notifyNewAlarm' and perceivedSeverity='CRITICAL'

A notification must not get lost: one that is too big to be looked into, for which the filter would
cost too much, or on which it fails, matches. What a filter costs is known when it is read.

lxml (libxml2) evaluates. It adds up decimal digits, so numbers with more than 15 of them are equal
only if they are written alike, and it writes numbers as ``1e+22``. (elementpath 5.1.4 finds no node
that is equal to a number, 2026-11.)
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from mnstream.adapters.filters.cost import COST_MAX, cost_of
from mnstream.adapters.filters.tokens import tokens_of
from mnstream.adapters.filters.tree import ROOT_ELEMENT, TooBig, Tree, tree_of
from mnstream.core.errors import InvalidFilter
from mnstream.core.notification_values import Content
from mnstream.core.notifications.selection import Predicate

_SAMPLE: Final = etree.Element(ROOT_ELEMENT)


class XPathFilters:
    """A ``FilterCompiler``; its filters share the tree of the notification that was seen last.

    For one thread: evaluation holds it, and the GIL, until it is done.
    """

    def __init__(self) -> None:
        self._last: tuple[Content, Tree | None] | None = None

    def __call__(self, text: str) -> Predicate:
        """Read a filter.

        Raises:
            InvalidFilter: It is not XPath 1.0, or more than is supported; the text says what.
        """
        cost = cost_of(tokens_of(text))
        evaluate = _compiled(text)

        def matches(content: Content) -> bool:
            tree = self._tree(content)
            if tree is None or cost.of(tree.size) > COST_MAX:
                return True
            try:
                return evaluate(tree.root) is True
            except etree.XPathError:
                return True

        return matches

    def _tree(self, content: Content) -> Tree | None:
        last = self._last
        if last is None or last[0] is not content:
            try:
                last = content, tree_of(content)
            except TooBig:
                last = content, None
            self._last = last
        return last[1]


def _compiled(text: str) -> etree.XPath:
    """Compile it twice: ``a) or (b`` is no expression, and becomes one only in brackets."""
    try:
        etree.XPath(text, regexp=False, smart_strings=False)
        # In a condition, because libxml2 knows position() and last() only there.
        whole = f"boolean(self::*[boolean({text})])"
        evaluate = etree.XPath(whole, regexp=False, smart_strings=False)
        # Arguments of the wrong type and expressions that nest too deeply fail here, not later.
        evaluate(_SAMPLE)
    except etree.XPathSyntaxError as error:
        last = error.error_log.last_error
        where = f" at column {last.column + 1}" if last is not None else ""
        raise InvalidFilter(f"not XPath 1.0{where}: {error}") from error
    except etree.XPathError as error:
        raise InvalidFilter(f"not XPath 1.0: {error}") from error
    return evaluate


compile_filter = XPathFilters()
"""Reads a notificationFilter; the one compiler of this process."""
