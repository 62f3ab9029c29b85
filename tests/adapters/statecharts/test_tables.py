from __future__ import annotations

from mnstream.adapters.statecharts import json_value, table
from mnstream.core.lifecycles.producer_connection import PRODUCER_CONNECTION
from mnstream.core.lifecycles.stream import STREAM


def test_a_table_is_aligned() -> None:
    lines = table(STREAM).splitlines()
    assert lines[:7] == [
        "stream: A reporting stream at its producer.",
        "initial: WANTED; resting: WANTED, REPORTING; final: REJECTED, REMOVED",
        "",
        "state        event             next state   action          source",
        "-----------  ----------------  -----------  --------------  ------------------",
        "WANTED       StreamProposed    PROPOSED     await_answer    11.5.1.1, 11.5.1.4",
        "WANTED       StreamsWithdrawn  REMOVED      forget          ours",
    ]
    assert len(lines) == 5 + len(STREAM.rows)
    assert all(line == line.rstrip() for line in lines)


def test_json_says_everything() -> None:
    value = json_value(PRODUCER_CONNECTION)
    assert list(value) == [
        "name", "summary", "initial", "resting", "final", "states", "events", "rows",
    ]  # fmt: skip
    assert (value["initial"], value["resting"]) == ("IDLE", ["IDLE"])
    assert value["final"] == ["CLOSED", "FAILED"]
    rows = value["rows"]
    assert isinstance(rows, list)
    assert len(rows) == len(PRODUCER_CONNECTION.rows)
    assert rows[3] == {
        "state": "IDLE",
        "event": "StartRequested",
        "next_state": "CREATING",
        "action": "post_connection",
        "source": "12.5.1.1.2-1",
    }
