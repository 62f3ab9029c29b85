"""The command line of a simulation: run many histories, or look at one of them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Protocol

from tests.simulation.simulate import History, SimulationFailed

BATCH = 20


class Live(Protocol):
    """Simulates the history of a seed, without keeping it; a function of a module."""

    def __call__(self, seed: int, trace_lines: int | None = ...) -> History:
        """Keep so many lines of the trace, or all."""
        ...


def _live_through(live: Live, seeds: range) -> list[History]:
    return [live(seed) for seed in seeds]


def _show(history: History) -> int:
    """Print the whole trace of one history."""
    sys.stdout.write("\n".join((*history.trace, *history.faults, "")))
    return 1 if history.faults else 0


def _run(live: Live, seeds: range, jobs: int) -> int:
    """Print what happened in many histories; returns how many of them broke a promise."""
    counts: Counter[str] = Counter()
    failed = 0
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        for histories in pool.map(partial(_live_through, live), batches):
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


def main(live: Live, *, prog: str, description: str | None) -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--seeds", type=int, default=200, help="how many (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=int, default=None, help="processes (one for each core)")
    parser.add_argument("--show", type=int, metavar="SEED", help="print the trace of one seed")
    options = parser.parse_args()
    if options.show is not None:
        return _show(live(options.show, None))
    seeds = range(options.first, options.first + options.seeds)
    return 1 if _run(live, seeds, options.jobs) else 0
