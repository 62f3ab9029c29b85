"""Fuzz what reads octets from outside: ``python -m tests.fuzz --inputs 1000000``.

Each target runs in a process of its own under atheris (coverage-guided, ``pip install -e
".[fuzz]"``), which also stops it at an input that takes longer than ``TIME_S`` or a process that
grows beyond ``MEMORY_MIB``. What breaks a promise is left in a file whose name is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS

TIME_S = 5
"""For one input of at most ``INPUT_BYTES_MAX``; the slowest take milliseconds."""
MEMORY_MIB = 1024
"""For a process, the instrumented interpreter and all libraries included."""
INPUT_BYTES_MAX = 4096

_DONE = re.compile(rb"Done (\d+) runs?")


def fuzz(name: str, inputs: int, seed: int) -> int | None:
    """Run one target; returns how many inputs it took, None when one broke a promise."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, sample in enumerate(TARGETS[name].samples()):
            (Path(corpus) / f"{number:04}").write_bytes(sample)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.one", name, f"-runs={inputs}", corpus),
                *(f"-seed={seed}", f"-timeout={TIME_S}", f"-rss_limit_mb={MEMORY_MIB}"),
                *(f"-max_len={INPUT_BYTES_MAX}", f"-artifact_prefix=fuzz-{name}-"),
            ],
            capture_output=True,
            check=False,
        )
    counted = _DONE.search(done.stderr + done.stdout)
    if done.returncode or counted is None:
        sys.stdout.buffer.write((done.stdout + done.stderr)[-4000:])
        return None
    return int(counted[1])


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=100_000, help="in all (100000)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (1)")
    options = parser.parse_args()
    names: list[str] = options.targets or list(TARGETS)
    unknown = sorted(set(names) - set(TARGETS))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    weights = {name: TARGETS[name].weight for name in names}
    taken = 0
    failed = 0
    for name in names:
        started = time.monotonic()
        share = -(-options.inputs * weights[name] // sum(weights.values()))
        count = fuzz(name, share, options.seed)
        seconds = time.monotonic() - started
        if count is None:
            failed += 1
            sys.stdout.write(f"{name:>16}: broke a promise after {seconds:.0f} s\n")
        else:
            taken += count
            sys.stdout.write(f"{name:>16}: {count:>9,} inputs in {seconds:>5.0f} s\n")
        sys.stdout.flush()
    sys.stdout.write(f"{taken:,} inputs; {failed} targets broke a promise\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
