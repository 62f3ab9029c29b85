from __future__ import annotations

import pytest
from transitions import MachineError

from mnstream.adapters.statecharts import Recorder, machine, trigger_name
from mnstream.core.events import ChannelLost, StreamsWithdrawn
from mnstream.core.lifecycles.stream import STREAM, StreamState


class Loud(Recorder):
    """A model that overrides the hook."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[object, str]] = []

    def on_action(self, action: str) -> None:
        self.heard.append((self.state, action))


class Plain:
    """A model of somebody who does not care about actions."""

    state: StreamState


def test_triggers_are_snake_case() -> None:
    assert trigger_name(ChannelLost) == "channel_lost"
    assert trigger_name(StreamsWithdrawn) == "streams_withdrawn"


def test_a_model_hears_the_action_in_the_next_state() -> None:
    model = Loud()
    machine(STREAM, model)
    model.trigger("stream_proposed")
    model.trigger("stream_accepted")
    assert model.heard == [
        (StreamState.PROPOSED, "await_answer"),
        (StreamState.REPORTING, "announce"),
    ]
    assert model.actions == []


def test_a_model_without_the_hook_moves_all_the_same() -> None:
    model = Plain()
    chart = machine(STREAM, model)
    assert chart.dispatch("stream_proposed")
    assert model.state is StreamState.PROPOSED


def test_one_machine_drives_many_models() -> None:
    first, second = Recorder(), Recorder()
    chart = machine(STREAM, first)
    chart.add_model(second)
    second.trigger("stream_proposed")
    assert (first.state, second.state) == (StreamState.WANTED, StreamState.PROPOSED)
    assert (first.actions, second.actions) == ([], ["await_answer"])


def test_a_refused_trigger_is_a_machine_error() -> None:
    model = Recorder()
    machine(STREAM, model)
    with pytest.raises(MachineError):
        model.trigger("stream_removed")
    assert (model.state, model.actions) == (StreamState.WANTED, [])


def test_there_are_no_automatic_transitions() -> None:
    chart = machine(STREAM)
    assert not [name for name in chart.events if name.startswith("to_")]
    assert not chart.has_queue
