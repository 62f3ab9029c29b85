"""The same tables, stepped by the core and by ``transitions``: same moves, same refusals."""

from __future__ import annotations

import random
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transitions import MachineError

from mnstream.adapters.statecharts import LifecycleMachine, Recorder, machine, trigger_name
from mnstream.core.lifecycles import LIFECYCLES
from mnstream.core.lifecycles.compile import Lifecycle

TABLES = list(LIFECYCLES.values())
names = pytest.mark.parametrize("lifecycle", TABLES, ids=list(LIFECYCLES))


def recorder(chart: LifecycleMachine) -> Recorder:
    assert isinstance(chart.model, Recorder)
    return chart.model


def walk(lifecycle: Lifecycle[Any], events: list[type[object]]) -> int:
    """Hold one against the other along the events; return how many moved."""
    model = recorder(machine(lifecycle))
    state: Enum = lifecycle.initial
    actions: list[str] = []
    for event in events:
        move = lifecycle.step(state, event)
        if move is None:
            with pytest.raises(MachineError):
                model.trigger(trigger_name(event))
        else:
            state, action = move
            actions.append(action)
            assert model.trigger(trigger_name(event))
        assert model.state is state
        assert model.actions == actions
    return len(actions)


@names
def test_every_pair_moves_or_is_refused_alike(lifecycle: Lifecycle[Any]) -> None:
    chart = machine(lifecycle)
    model = recorder(chart)
    for state in lifecycle.states:
        for event in lifecycle.events:
            chart.set_state(state)
            model.actions.clear()
            move = lifecycle.step(state, event)
            if move is None:
                with pytest.raises(MachineError):
                    model.trigger(trigger_name(event))
                assert (model.state, model.actions) == (state, [])
            else:
                model.trigger(trigger_name(event))
                assert (model.state, model.actions) == (move[0], [move[1]])


@given(st.data())
@names
def test_any_history_ends_alike(lifecycle: Lifecycle[Any], data: st.DataObject) -> None:
    walk(lifecycle, data.draw(st.lists(st.sampled_from(lifecycle.events), max_size=40)))


@names
@pytest.mark.parametrize("seed", range(5))
def test_a_long_walk_stays_alike(lifecycle: Lifecycle[Any], seed: int) -> None:
    # Blind events soon end in a final state: of ten, nine have a row that goes on.
    source = random.Random(seed)
    state: Any = lifecycle.initial
    ends = lifecycle.final | {
        each
        for each in lifecycle.states
        if {row.next_state for row in lifecycle.rows if row.state is each} <= lifecycle.final
    }
    events: list[type[object]] = []
    for _ in range(300):
        going_on = [
            row.event for row in lifecycle.rows if row.state is state and row.next_state not in ends
        ]
        blind = source.random() < 0.1
        event = source.choice(lifecycle.events if blind else going_on or lifecycle.events)
        move = lifecycle.step(state, event)
        if move is not None and move[0] in ends:
            continue
        events.append(event)
        state = state if move is None else move[0]
    assert walk(lifecycle, events) > 200


@names
def test_the_oracle_finds_a_wrong_row(lifecycle: Lifecycle[Any]) -> None:
    for position, row in enumerate(lifecycle.rows):
        for wrong in (
            row._replace(action="something_else"),
            row._replace(next_state=next(s for s in lifecycle.states if s is not row.next_state)),
        ):
            rows = (*lifecycle.rows[:position], wrong, *lifecycle.rows[position + 1 :])
            chart = machine(with_rows(lifecycle, rows))
            chart.set_state(row.state)
            model = recorder(chart)
            model.trigger(trigger_name(row.event))
            assert (model.state, model.actions) != (row.next_state, [row.action])


def with_rows(lifecycle: Lifecycle[Any], rows: tuple[Any, ...]) -> Lifecycle[Any]:
    return Lifecycle(
        name=lifecycle.name,
        summary=lifecycle.summary,
        initial=lifecycle.initial,
        resting=lifecycle.resting,
        final=lifecycle.final,
        rows=rows,
        moves=lifecycle.moves,
    )


@names
def test_names_of_states_and_triggers_are_those_of_the_table(lifecycle: Lifecycle[Any]) -> None:
    chart = machine(lifecycle)
    assert list(chart.states) == [state.name for state in lifecycle.states]
    assert list(chart.events) == [trigger_name(event) for event in lifecycle.events]
    assert {n for n, s in chart.states.items() if s.final} == {s.name for s in lifecycle.final}


def test_the_registry_names_every_lifecycle() -> None:
    assert set(LIFECYCLES) == {
        "producer-connection",
        "consumer-connection",
        "stream",
        "subscription",
        "delivery",
        "synchronisation",
    }
    assert all(name == each.name for name, each in LIFECYCLES.items())
