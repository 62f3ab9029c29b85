"""Run many histories: ``python -m tests.simulation.notifications --seeds 2000``; or look at one."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.notifications.common import Sabotage
from tests.simulation.notifications.simulate import simulate
from tests.simulation.simulate import History, SimulationFailed

BATCH = 20


def live_through(seeds: range) -> list[History]:
    """Simulate some seeds, without keeping them."""
    return [simulate.__wrapped__(seed) for seed in seeds]


def show(seed: int) -> int:
    """Print the whole trace of one history."""
    history = simulate(seed, Sabotage.NONE, None)
    sys.stdout.write("\n".join((*history.trace, *history.faults, "")))
    return 1 if history.faults else 0


def run(seeds: range, jobs: int) -> int:
    """Print what happened in many histories; returns how many of them broke a promise."""
    counts: Counter[str] = Counter()
    failed = 0
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        for histories in pool.map(live_through, batches):
            for history in histories:
                counts += history.counts
                try:
                    history.check()
                except SimulationFailed as error:
                    failed += 1
                    sys.stdout.write(f"{error}\n\n")
    for name, count in sorted(counts.items()):
        sys.stdout.write(f"{count:>12,} {name}\n")
    sys.stdout.write(f"{failed:>12,} histories that broke a promise\n")
    return failed


def main() -> int:
    """Read the arguments and run."""
    name = "python -m tests.simulation.notifications"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=int, default=None, help="processes (one for each core)")
    parser.add_argument("--show", type=int, metavar="SEED", help="print the trace of one seed")
    options = parser.parse_args()
    if options.show is not None:
        return show(options.show)
    seeds = range(options.first, options.first + options.seeds)
    return 1 if run(seeds, options.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
