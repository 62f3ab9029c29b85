"""What all views have in common: pages of long lists, and how times are written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from typing import TypeVar

from mnstream.adapters.observability.admin import BadQuery, Query

PAGE_DEFAULT = 100
PAGE_MAX = 1000
"""Entries of a page at most: a stream with all its metrics takes some kilobytes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
IdentifierT = TypeVar("IdentifierT", bound=str)


def page(identifiers: Iterable[IdentifierT], query: Query) -> tuple[list[IdentifierT], str | None]:
    """Choose ``limit`` identifiers behind ``after``, sorted, and say what to ask for next.

    Returns:
        The identifiers, and the ``after`` of the next page; None on the last one.

    Raises:
        BadQuery: A parameter is unknown, or ``limit`` is no number from 1 to 1000.
    """
    unknown = query.keys() - {"limit", "after"}
    if unknown:
        raise BadQuery(f"there is no parameter {min(unknown)!r}, only 'limit' and 'after'")
    text = query.get("limit", str(PAGE_DEFAULT))
    limit = int(text) if text.isdecimal() and len(text) <= len(str(PAGE_MAX)) else 0
    if not 1 <= limit <= PAGE_MAX:
        raise BadQuery(f"'limit' is a number from 1 to {PAGE_MAX}")
    after = query.get("after")
    behind = (each for each in identifiers if after is None or each > after)
    chosen = nsmallest(limit + 1, behind)
    return chosen[:limit], (chosen[limit - 1] if len(chosen) > limit else None)


def time_text(wall_ms: int) -> str:
    """Write our own clock's time as ISO 8601 in UTC with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=wall_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
