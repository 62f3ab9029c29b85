"""Reporters and a collector over a faulty network, on virtual time; see ``simulate``.

``MNSTREAM_SIMULATION_SEEDS=2000`` runs more histories than the default.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.collector import Sabotage
from tests.simulation.simulate import SimulationFailed, simulate

SEEDS = range(int(os.environ.get("MNSTREAM_SIMULATION_SEEDS", "60")))
BATCH = 5
BATCHES = [SEEDS[first : first + BATCH] for first in range(0, len(SEEDS), BATCH)]


@pytest.mark.parametrize("seeds", BATCHES, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_every_promise_is_kept(seeds: range) -> None:
    for seed in seeds:
        simulate(seed).check()


def test_there_really_was_trouble() -> None:
    counts: Counter[str] = Counter()
    for seed in range(40):
        counts += simulate(seed).counts
    rare = {
        "answers lost",
        "channels broken",
        "channels violated",
        "collector crashes",
        "collector stops",
        "connections expired",
        "connections terminated",
        "ends not told",
        "ends: Success",
        "frames acknowledged",
        "frames delivered",
        "frames delivered again",
        "frames duplicate",
        "frames lost with a reporter's memory",
        "frames quarantined",
        "frames resent",
        "partitions",
        "records lost",
        "reporter crashes",
        "requests lost",
        "upgrades refused: connectionInUse",
        "upgrades refused: unknownConnection",
    }
    assert rare - counts.keys() == set(), "never happened"
    assert counts["frames duplicate"] > 100
    assert counts["connections created"] > counts["lives of reporters"]
    assert counts["frames acknowledged"] < counts["frames offered"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_gives_the_same_history(seed: int) -> None:
    again = simulate.__wrapped__(seed)
    assert again.trace == simulate(seed).trace
    assert again == simulate(seed)
    assert again.digest != simulate(seed + 1).digest


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        (Sabotage.ACKNOWLEDGE_EARLY, "acknowledged before it was durable"),
        (Sabotage.DROP_FRAMES, "in the log is"),
        (Sabotage.FORGET_RESENDS, "is delivered, not duplicate"),
    ],
)
def test_a_broken_collector_is_found_out(sabotage: Sabotage, words: str) -> None:
    for seed in range(30):
        history = simulate(seed, sabotage)
        if history.faults:
            assert any(words in fault for fault in history.faults)
            break
    else:
        pytest.fail(f"nobody noticed: {sabotage.value}")


def test_a_failure_names_the_seed_and_shows_the_end_of_the_trace() -> None:
    history = next(
        history
        for seed in range(30)
        if (history := simulate(seed, Sabotage.ACKNOWLEDGE_EARLY)).faults
    )
    with pytest.raises(SimulationFailed) as caught:
        history.check()
    text = str(caught.value)
    assert text.startswith(f"seed {history.seed}:\n{history.faults[0]}")
    assert text.endswith(history.trace[-1])
