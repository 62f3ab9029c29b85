"""A lifecycle as a Machine of the library ``transitions``, for whoever lives in that library.

Not for the running system: a trigger costs ten times a step of the core, and more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from transitions import EventData, Machine, Transition

from mnstream.core.lifecycles.compile import Lifecycle

S = TypeVar("S", bound=Enum)

_WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")


def trigger_name(event: type[object]) -> str:
    """Return what fires for an event: ``ChannelLost`` fires ``channel_lost``."""
    return _WORD_BEGINS.sub("_", event.__name__).lower()


class Recorder:
    """A model that remembers its actions. Override ``on_action`` to carry them out instead.

    Attributes:
        actions: Words of the moves so far, oldest first; as long as the history.
        state: Member of the lifecycle's enumeration; the Machine sets it.
        trigger: Fires by name; the Machine adds it, and a method for each trigger.
    """

    state: Enum
    trigger: Callable[..., bool]

    def __init__(self) -> None:
        self.actions: list[str] = []

    def on_action(self, action: str) -> None:
        """Take the word of a move; called once for each, when ``state`` is the next state."""
        self.actions.append(action)


class LifecycleTransition(Transition):
    """A transition that knows its row.

    Attributes:
        action: Word of the row.
        clause: Source of the row.
    """

    # The library passes what it has by position, and what it does not know by name.
    def __init__(self, *args: Any, action: str = "", clause: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.action = action
        self.clause = clause


class LifecycleMachine(Machine):
    """A Machine that tells its models which action each move asks for.

    Callbacks get the EventData, also those that users add. A model without ``on_action`` is not
    told anything.
    """

    transition_cls: type[Transition] = LifecycleTransition

    def tell_action(self, event: EventData) -> None:
        """Give the word of the move that was just made to the model that made it."""
        hear: Callable[[str], object] | None = getattr(event.model, "on_action", None)
        if hear is not None and isinstance(event.transition, LifecycleTransition):
            hear(event.transition.action)


def machine(lifecycle: Lifecycle[S], model: object | None = None) -> LifecycleMachine:
    """Build the Machine of a lifecycle, with every state, move and action of its table.

    Args:
        lifecycle: A checked table.
        model: Who has the state and the triggers; a new Recorder when None. More can be added.

    Returns:
        A Machine whose ``model`` is in the initial state. A trigger that has no row in the model's
        state raises ``transitions.MachineError`` and changes nothing. Triggers are not queued.
    """
    made = LifecycleMachine(
        model=Recorder() if model is None else model,
        states=[{"name": state, "final": state in lifecycle.final} for state in lifecycle.states],
        initial=lifecycle.initial,
        name=lifecycle.name,
        send_event=True,
        auto_transitions=False,
        queued=False,
    )
    for row in lifecycle.rows:
        made.add_transition(
            trigger_name(row.event),
            row.state,
            row.next_state,
            after=made.tell_action,
            action=row.action,
            clause=row.source,
        )
    return made
