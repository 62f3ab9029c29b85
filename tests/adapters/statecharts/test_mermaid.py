from __future__ import annotations

import re
from typing import Any

import pytest

from mnstream.adapters.statecharts import mermaid, trigger_name
from mnstream.core.lifecycles import LIFECYCLES
from mnstream.core.lifecycles.compile import Lifecycle
from mnstream.core.lifecycles.stream import STREAM

STREAM_DIAGRAM = """\
%% stream: A reporting stream at its producer.
stateDiagram-v2
    state "wanted" as WANTED
    state "proposed" as PROPOSED
    state "reporting" as REPORTING
    state "withdrawing" as WITHDRAWING
    state "rejected" as REJECTED
    state "removed" as REMOVED
    [*] --> WANTED
    WANTED --> PROPOSED : stream_proposed / await_answer
    WANTED --> REMOVED : streams_withdrawn / forget
    PROPOSED --> PROPOSED : deadline_reached / ask_again
    PROPOSED --> REPORTING : stream_accepted / announce
    PROPOSED --> WITHDRAWING : streams_withdrawn / await_answer
    PROPOSED --> REJECTED : stream_rejected / report_failure
    REPORTING --> PROPOSED : stream_proposed / await_answer
    REPORTING --> WITHDRAWING : streams_withdrawn / await_answer
    WITHDRAWING --> REPORTING : stream_kept / report_failure
    WITHDRAWING --> WITHDRAWING : deadline_reached / ask_again
    WITHDRAWING --> REMOVED : stream_removed / forget
    REJECTED --> [*]
    REMOVED --> [*]"""

ARROW = re.compile(r"    (\w+) --> (\w+) : (.+)")


def test_a_diagram_reads_like_this() -> None:
    assert mermaid(STREAM) == STREAM_DIAGRAM


@pytest.mark.parametrize("lifecycle", LIFECYCLES.values(), ids=list(LIFECYCLES))
def test_each_row_is_a_line_of_the_only_arrow_between_its_states(lifecycle: Lifecycle[Any]) -> None:
    drawn = [
        found.groups() for found in map(ARROW.fullmatch, mermaid(lifecycle).splitlines()) if found
    ]
    ends = [(source, destination) for source, destination, _ in drawn]
    assert len(set(ends)) == len(ends)
    moves = {
        (source, destination, label)
        for source, destination, labels in drawn
        for label in labels.split("<br/>")
    }
    assert moves == {
        (row.state.name, row.next_state.name, f"{trigger_name(row.event)} / {row.action}")
        for row in lifecycle.rows
    }
