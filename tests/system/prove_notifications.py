"""Prove it at full size: ``python -m tests.system.prove_notifications --notifications 100000``.

Prints the reckoning as JSON; exit code 0 only if nothing was lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.system.notification_kit import prove, staged


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.prove_notifications")
    parser.add_argument("--notifications", type=int, default=100_000, help="lines (100000)")
    parser.add_argument("--kill-every", type=float, metavar="SECONDS", help="kill either side")
    parser.add_argument("--seed", type=int, default=1, help="decides about every fault (1)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds at most (3600)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave all files here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with staged(folder, options.notifications, seed=options.seed) as scene:
            result = prove(
                scene,
                kill_every_s=options.kill_every,
                seed=options.seed,
                timeout_s=options.timeout,
            )
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0 if result["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
