"""Scope as JSON, in a subscription and in the query of a GET (TS 28.622 4.3.23)."""

from __future__ import annotations

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.core.notification_values import Scope, ScopeType
from mnstream.core.values import Json

_WITH_LEVEL = (ScopeType.BASE_NTH_LEVEL, ScopeType.BASE_SUBTREE)
_LEVEL_MAX = 2**31 - 1


def read_scope(value: Json) -> Scope:
    """Read a scope.

    Raises:
        Unreadable: It is none, or one that selects by dataNodeSelector.
    """
    if not isinstance(value, dict):
        raise Unreadable("a scope is an object with scopeType and scopeLevel")
    if "dataNodeSelector" in value:
        raise Unreadable("dataNodeSelector is not supported: use scopeType and scopeLevel")
    unknown = sorted(value.keys() - {"scopeType", "scopeLevel"})
    if unknown:
        raise Unreadable(f"a scope has no {unknown[0][:100]}")
    try:
        scope_type = ScopeType(value.get("scopeType"))
    except ValueError as problem:
        names = ", ".join(each.value for each in ScopeType)
        raise Unreadable(f"scopeType is none of {names}") from problem
    level = value.get("scopeLevel")
    if level is None and scope_type in _WITH_LEVEL:
        raise Unreadable(f"{scope_type.value} needs a scopeLevel")
    if level is not None and scope_type not in _WITH_LEVEL:
        raise Unreadable(f"{scope_type.value} has no scopeLevel")
    if level is not None and (
        not isinstance(level, int) or isinstance(level, bool) or not 0 <= level <= _LEVEL_MAX
    ):
        raise Unreadable(f"scopeLevel is no integer from 0 to {_LEVEL_MAX}")
    return Scope(scope_type=scope_type, scope_level=level)


def write_scope(scope: Scope) -> dict[str, Json]:
    """Write a scope."""
    members: dict[str, Json] = {"scopeType": scope.scope_type.value}
    if scope.scope_level is not None:
        members["scopeLevel"] = scope.scope_level
    return members


def contains_level(scope: Scope, level: int) -> bool:
    """Tell whether objects so many levels below the base object are meant."""
    match scope.scope_type:
        case ScopeType.BASE_ONLY:
            return level == 0
        case ScopeType.BASE_ALL:
            return True
        case ScopeType.BASE_NTH_LEVEL:
            return level == (scope.scope_level or 0)
        case ScopeType.BASE_SUBTREE:
            return level <= (scope.scope_level or 0)


def reaches_below(scope: Scope, level: int) -> bool:
    """Tell whether objects deeper than so many levels below the base object may be meant."""
    match scope.scope_type:
        case ScopeType.BASE_ONLY:
            return False
        case ScopeType.BASE_ALL:
            return True
        case ScopeType.BASE_NTH_LEVEL | ScopeType.BASE_SUBTREE:
            return level < (scope.scope_level or 0)
