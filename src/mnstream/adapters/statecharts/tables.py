"""Lifecycles as tables: for people, and for other programs."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import TypeVar

from mnstream.core.lifecycles.compile import Lifecycle
from mnstream.core.values import Json

S = TypeVar("S", bound=Enum)

COLUMNS = ("state", "event", "next state", "action", "source")


def table_rows(lifecycle: Lifecycle[S]) -> list[tuple[str, ...]]:
    """Return the cells of each row, in the order of COLUMNS and of the table."""
    return [
        (row.state.name, row.event.__name__, row.next_state.name, row.action, row.source)
        for row in lifecycle.rows
    ]


def heading(lifecycle: Lifecycle[S]) -> str:
    """Return two lines: what it is, and its special states."""
    special = {
        "initial": [lifecycle.initial.name],
        "resting": _names(lifecycle, lifecycle.resting),
        "final": _names(lifecycle, lifecycle.final),
    }
    states = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in special.items() if names)
    return f"{lifecycle.name}: {lifecycle.summary}\n{states}"


def table(lifecycle: Lifecycle[S]) -> str:
    """Return the heading and the table, aligned with blanks; no end of line at its end."""
    lines = [COLUMNS, *table_rows(lifecycle)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    aligned = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([heading(lifecycle), "", *aligned])


def json_value(lifecycle: Lifecycle[S]) -> dict[str, Json]:
    """Return everything about a lifecycle; states and events under their names in the code."""
    rows: list[Json] = [
        {
            "state": row.state.name,
            "event": row.event.__name__,
            "next_state": row.next_state.name,
            "action": row.action,
            "source": row.source,
        }
        for row in lifecycle.rows
    ]
    return {
        "name": lifecycle.name,
        "summary": lifecycle.summary,
        "initial": lifecycle.initial.name,
        "resting": [*_names(lifecycle, lifecycle.resting)],
        "final": [*_names(lifecycle, lifecycle.final)],
        "states": [state.name for state in lifecycle.states],
        "events": [event.__name__ for event in lifecycle.events],
        "rows": rows,
    }


def _names(lifecycle: Lifecycle[S], chosen: Collection[S]) -> list[str]:
    # In the order of the enumeration: that of a set differs from run to run.
    return [state.name for state in lifecycle.states if state in chosen]
