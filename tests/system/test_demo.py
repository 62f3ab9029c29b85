"""The demo runs, shows real counters, and reckons honestly."""

from __future__ import annotations

import json

from tests.system.processes import mnstream


def test_it_loses_nothing_and_says_so() -> None:
    done = mnstream("demo", "--seconds", "6", "--json")
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    assert ledger["nothing_acknowledged_was_lost"] is True
    assert ledger["totals"]["missing"] == 0
    assert ledger["totals"]["acknowledged"] > 100
    assert ledger["faults"] == {
        "connections cut": 1, "collector killed": 1, "notifier killed": 1
    }  # fmt: skip
    assert len(ledger["reporters"]) == 4
    notifications = ledger["notifications"]
    assert notifications["emitted"] == notifications["handed_over"] > 100
    assert notifications["swallowed"] > 0, "the network has to be bad"
    assert notifications["fetched"] > 0
    assert notifications["restarts"] == 1
    for promise in ("missing", "repeated", "disordered"):
        assert notifications[promise] == 0


def test_it_shows_values_of_this_machine() -> None:
    done = mnstream("demo", "--seconds", "4", "--fault", "none")
    assert done.returncode == 0, done.stderr
    assert "host.memory.available_bytes" in done.stdout
    assert "Nothing was lost: all 200 notifications came once and in order" in done.stdout
    assert done.stdout.count("Nothing was lost") == 2
