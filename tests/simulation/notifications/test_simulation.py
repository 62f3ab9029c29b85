"""A producer and consumers of notifications over a faulty network; see ``simulate``.

``MNSTREAM_SIMULATION_SEEDS=2000`` runs more histories than the default.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.simulation.notifications.common import Sabotage
from tests.simulation.notifications.simulate import simulate
from tests.simulation.simulate import SimulationFailed

SEEDS = range(int(os.environ.get("MNSTREAM_SIMULATION_SEEDS", "40")))
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
        "answers that end in the middle",
        "calls lost",
        "calls repeated",
        "consumer crashes",
        "consumer: dropped",
        "consumer: duplicates",
        "consumer: out_of_order",
        "consumer: recovered",
        "deliveries: DeliveryFailed",
        "deliveries: DeliveryRejected",
        "deliveries: RecipientGone",
        "inventions",
        "notifications lost",
        "notifications not prepared",
        "notifications rolled over",
        "notifications that others were not sent",
        "objects to be read again",
        "partitions",
        "producer crashes",
        "records lost",
        "restarts told",
        "subscriptions deleted",
        "subscriptions locked",
        "subscriptions modified",
    }
    assert rare - counts.keys() == set(), "never happened"
    assert counts["consumer: recovered"] > 1_000
    assert counts["entries in journals"] > 10_000


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_same_seed_gives_the_same_history(seed: int) -> None:
    again = simulate.__wrapped__(seed)
    assert again.trace == simulate(seed).trace
    assert again == simulate(seed)
    assert again.digest != simulate(seed + 1).digest


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        (Sabotage.POST_EARLY, "was never stored|is not what was stored"),
        (Sabotage.HIDE_CRASH, "was neither stored nor admitted"),
        (Sabotage.CORRUPT, "is not what was stored"),
        (Sabotage.OVERSTATE_LOSS, "are stored"),
        (Sabotage.HIDE_EPOCHS, "was neither given nor lost"),
        (Sabotage.CHECKPOINT_LATE, "comes after"),
        (Sabotage.ALWAYS_WELL, "degraded is False, which is untrue"),
    ],
)
def test_a_broken_side_is_found_out(sabotage: Sabotage, words: str) -> None:
    for seed in range(120):  # some show only when it crashes at the right moment
        faults = simulate(seed, sabotage).faults
        if any(word in fault for word in words.split("|") for fault in faults):
            break
    else:
        pytest.fail(f"nobody noticed: {sabotage.value}")


def test_a_failure_names_the_seed_and_shows_the_end_of_the_trace() -> None:
    history = simulate(0, Sabotage.CORRUPT)
    with pytest.raises(SimulationFailed) as caught:
        history.check()
    text = str(caught.value)
    assert text.startswith(f"seed {history.seed}:\n{history.faults[0]}")
    assert text.endswith(history.trace[-1])
