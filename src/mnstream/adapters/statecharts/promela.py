"""Lifecycles as a model for the checker Spin.

One process for each lifecycle. In every round the world lets one of the events happen that the
state has a row for; which one is open. Without a property, Spin proves that a lifecycle never gets
stuck in a state that is not final; properties can be written on ``<name>_state``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnstream.core.lifecycles.compile import Lifecycle


def promela(lifecycles: Sequence[Lifecycle[Any]]) -> str:
    """Write one model that holds all of the lifecycles, at least one, each independent.

    Returns:
        Text without an end of line at its end; always the same for the same tables.
    """
    events = dict.fromkeys(event.__name__ for each in lifecycles for event in each.events)
    parts = [_mtype(list(events)), *(_process(each) for each in lifecycles)]
    return "\n\n".join(parts)


def _identifier(lifecycle: Lifecycle[Any]) -> str:
    return lifecycle.name.replace("-", "_")


def _mtype(names: list[str]) -> str:
    return "mtype = {\n    " + ",\n    ".join(names) + "\n};"


def _process(lifecycle: Lifecycle[Any]) -> str:
    name = _identifier(lifecycle)
    moves = [
        f"    :: atomic {{ {name}_state == {name}_{row.state.name} -> "
        f"{name}_event = {row.event.__name__}; "
        f"{name}_state = {name}_{row.next_state.name} }} /* {row.action}; {row.source} */"
        for row in lifecycle.rows
    ]
    final = [state.name for state in lifecycle.states if state in lifecycle.final]
    leave = [f"    :: {name}_state == {name}_{state} -> goto end_{state}" for state in final]
    # Waiting for nothing at a label that begins with "end" is how a process may stop.
    ends = [f"end_{state}:\n    false;" for state in final]
    return "\n".join(
        [
            f"/* {lifecycle.name}: {lifecycle.summary} */",
            _mtype([f"{name}_{state.name}" for state in lifecycle.states]),
            f"mtype {name}_state = {name}_{lifecycle.initial.name};",
            f"mtype {name}_event;",
            "",
            f"active proctype {name}()",
            "{",
            "    do",
            *moves,
            *leave,
            "    od;",
            *ends,
            "}",
        ]
    )
