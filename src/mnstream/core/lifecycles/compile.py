"""Turn a table of rows into a lifecycle, or say what is wrong with the table.

Theory of operation. A lifecycle is a finite state machine whose whole definition is one literal
table: rows of (state, event, next state, action, source). The table is read once, at import. What
comes out is a frozen mapping from (state, type of event) to (next state, action), which is all that
the core steps with. A pair that has no row is refused: ``step`` returns None and nothing happens.

The action is a word. The object that owns the state has a method for each of its words. The source
is the clause that asks for the row, or "ours" where the standard is silent.

A table is wrong, and importing it fails, when it names a state of another lifecycle, when it has
two rows for one pair, when a row starts in a final state, when a state cannot be reached, or when a
state that waits for the world has no row for DeadlineReached: whoever waits without a limit waits
for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from mnstream.core.events import DeadlineReached

S = TypeVar("S", bound=Enum)


class Row(NamedTuple, Generic[S]):
    """One line of a table."""

    state: S
    event: type[object]
    next_state: S
    action: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle(Generic[S]):
    """A checked table.

    Attributes:
        name: What ``mnstream lifecycle`` calls it.
        summary: One sentence for people.
        initial: State of a new object.
        resting: States that may last for ever: nothing is expected from the world in them.
        final: States that nothing leaves.
        rows: The table as it was written.
        moves: (state, event type) to (next state, action).
    """

    name: str
    summary: str
    initial: S
    resting: frozenset[S]
    final: frozenset[S]
    rows: tuple[Row[S], ...]
    moves: Mapping[tuple[S, type[object]], tuple[S, str]]

    def step(self, state: S, event: type[object]) -> tuple[S, str] | None:
        """Return the next state and the action, or None where the table has no row."""
        return self.moves.get((state, event))

    @property
    def states(self) -> tuple[S, ...]:
        """All states, in the order of their enumeration."""
        return tuple(type(self.initial))

    @property
    def events(self) -> tuple[type[object], ...]:
        """All events that some row names, in the order of the table."""
        return tuple(dict.fromkeys(row.event for row in self.rows))

    @property
    def actions(self) -> frozenset[str]:
        """All words that the owner needs a method for."""
        return frozenset(row.action for row in self.rows)


class TableError(ValueError):
    """A table that cannot be a lifecycle; raised while importing, never later."""


def compile_table(
    name: str,
    summary: str,
    rows: Sequence[tuple[S, type[object], S, str, str]],
    *,
    initial: S,
    final: Iterable[S],
    resting: Iterable[S] = (),
) -> Lifecycle[S]:
    """Check a table and freeze it.

    Raises:
        TableError: The table is wrong; the text names every fault that was found.
    """
    table = tuple(Row(*row) for row in rows)
    end, rest = frozenset(final), frozenset(resting)
    faults = [
        *_unknown(table, type(initial), end | rest),
        *_duplicates(table),
        *(f"{row.state.name} is final but has a row" for row in table if row.state in end),
        *_unreachable(table, initial),
        *_without_deadline(table, type(initial), end | rest),
    ]
    if faults:
        raise TableError(f"{name}: {'; '.join(faults)}")
    return Lifecycle(
        name=name,
        summary=summary,
        initial=initial,
        resting=rest,
        final=end,
        rows=table,
        moves=MappingProxyType({(r.state, r.event): (r.next_state, r.action) for r in table}),
    )


def _unknown(table: Sequence[Row[S]], states: type[S], named: frozenset[S]) -> list[str]:
    used = [state for row in table for state in (row.state, row.next_state)]
    strangers = [state for state in dict.fromkeys((*used, *named)) if state not in tuple(states)]
    return [f"{state.name} is no state of {states.__name__}" for state in strangers]


def _duplicates(table: Sequence[Row[S]]) -> list[str]:
    pairs = [(row.state, row.event) for row in table]
    return [
        f"{state.name} has {pairs.count((state, event))} rows for {event.__name__}"
        for state, event in dict.fromkeys(pairs)
        if pairs.count((state, event)) > 1
    ]


def _unreachable(table: Sequence[Row[S]], initial: S) -> list[str]:
    reached, frontier = {initial}, [initial]
    while frontier:
        state = frontier.pop()
        following = {row.next_state for row in table if row.state is state} - reached
        reached |= following
        frontier.extend(following)
    return [f"nothing reaches {state.name}" for state in type(initial) if state not in reached]


def _without_deadline(
    table: Sequence[Row[S]], states: type[S], may_last: frozenset[S]
) -> list[str]:
    bounded = {row.state for row in table if row.event is DeadlineReached}
    return [
        f"{state.name} waits without a deadline"
        for state in states
        if state not in may_last and state not in bounded
    ]
