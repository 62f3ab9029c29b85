"""A lifecycle as a Mermaid diagram.

Drawn from the Machine, not by it: the library's own diagram colours the state of a model, writes
names with blanks as identifiers, and has no place for actions.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from transitions import State

from mnstream.adapters.statecharts.machine import LifecycleMachine, LifecycleTransition, machine
from mnstream.core.lifecycles.compile import Lifecycle

S = TypeVar("S", bound=Enum)

_INDENT = "    "


def mermaid(lifecycle: Lifecycle[S]) -> str:
    """Draw a stateDiagram-v2: one arrow from a state to another, with a line for each move.

    Returns:
        Text without an end of line at its end; always the same for the same table.
    """
    chart = machine(lifecycle)
    lines = [f"%% {lifecycle.name}: {lifecycle.summary}", "stateDiagram-v2"]
    lines += [f'{_INDENT}state "{_text(state)}" as {state.name}' for state in chart.states.values()]
    lines += [f"{_INDENT}[*] --> {chart.initial}"]
    lines += [
        f"{_INDENT}{source} --> {destination} : {'<br/>'.join(labels)}"
        for (source, destination), labels in _arrows(chart).items()
    ]
    lines += [f"{_INDENT}{state.name} --> [*]" for state in chart.states.values() if state.final]
    return "\n".join(lines)


def _text(state: State) -> str:
    return str(state.value.value) if isinstance(state.value, Enum) else state.value


def _arrows(chart: LifecycleMachine) -> dict[tuple[str, str], list[str]]:
    """Collect the labels of each arrow, arrows in the order of the states, labels of the table."""
    order = list(chart.states)
    arrows: dict[tuple[str, str], list[str]] = {
        (source, destination): [] for source in order for destination in order
    }
    for trigger, event in chart.events.items():
        for moves in event.transitions.values():
            for move in moves:
                assert isinstance(move, LifecycleTransition)
                assert move.dest is not None
                arrows[move.source, move.dest].append(f"{trigger} / {move.action}")
    return {ends: labels for ends, labels in arrows.items() if labels}
