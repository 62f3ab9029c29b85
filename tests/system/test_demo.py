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
    assert ledger["faults"] == {"connections cut": 1, "collector killed": 1}
    assert len(ledger["reporters"]) == 4


def test_it_shows_values_of_this_machine() -> None:
    done = mnstream("demo", "--seconds", "4", "--fault", "none")
    assert done.returncode == 0, done.stderr
    assert "host.memory.available_bytes" in done.stdout
    assert "Nothing was lost" in done.stdout
