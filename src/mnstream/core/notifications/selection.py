"""Which subscriptions want a notification (TS 28.622 4.3.22-23): by types, scope and filter.

The base object contains the NtfSubscriptionControl. Reading a filter needs a library that the core
does not import: a ``FilterCompiler`` is a pure function that an adapter brings along.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from mnstream.core.notification_values import (
    HEARTBEAT,
    NOT_SENT,
    Content,
    ObjectPath,
    Scope,
    ScopeType,
    SubscriptionSettings,
)

Predicate = Callable[[Content], bool]
FilterCompiler = Callable[[str], Predicate]
"""Reads a notificationFilter; raises ``InvalidFilter`` when it cannot."""


class Selection:
    """What one subscription wants."""

    __slots__ = ("_base", "_filter", "_scope", "_types")

    def __init__(
        self, settings: SubscriptionSettings, base: ObjectPath, compile_filter: FilterCompiler
    ) -> None:
        """Read the settings of a subscription that ``base`` contains.

        Raises:
            InvalidFilter: The filter cannot be read.
        """
        self._base = base
        self._types = settings.notification_types
        self._scope = settings.scope or Scope(scope_type=ScopeType.BASE_ALL)
        text = settings.notification_filter
        self._filter = None if text is None else compile_filter(text)

    def wants(self, content: Content) -> bool:
        """Tell whether the notification belongs to the subscription."""
        if content.notification_type == NOT_SENT:
            return True  # implicit in every subscription (P3a.3)
        if content.notification_type == HEARTBEAT:
            return False  # sent by its own rules (3.5), not selected
        if self._types is not None and content.notification_type not in self._types:
            return False
        if not in_scope(content.object_path, self._base, self._scope):
            return False
        return self._filter is None or self._filter(content)

    def could_want(self, notification_types: frozenset[str] | None) -> bool:
        """Tell whether notifications of these types could belong to it; None is any type."""
        if self._types is None or notification_types is None:
            return True
        return bool(self._types & notification_types)


def in_scope(path: ObjectPath, base: ObjectPath, scope: Scope) -> bool:
    """Tell whether an object is among those that a scope chooses below its base object."""
    level = level_below(path, base)
    if level is None:
        return False
    match scope.scope_type:
        case ScopeType.BASE_ONLY:
            return level == 0
        case ScopeType.BASE_ALL:
            return True
        case ScopeType.BASE_NTH_LEVEL:
            return level == (scope.scope_level or 0)
        case ScopeType.BASE_SUBTREE:
            return level <= (scope.scope_level or 0)
        case _:
            assert_never(scope.scope_type)


def level_below(path: ObjectPath, base: ObjectPath) -> int | None:
    """Count the levels from ``base`` down to ``path``; None when it is not below it."""
    if path == base:
        return 0
    if not base:
        return path.count("/") + 1
    if not path.startswith(f"{base}/"):
        return None
    return path.count("/") - base.count("/")
