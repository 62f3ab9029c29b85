"""Run many histories: ``python -m tests.simulation.notifications --seeds 2000``; or look at one."""

from __future__ import annotations

import sys

from tests.simulation.many import main
from tests.simulation.notifications.simulate import simulate
from tests.simulation.simulate import TRACE_LINES, History


def live(seed: int, trace_lines: int | None = TRACE_LINES) -> History:
    """Simulate one seed."""
    return simulate.__wrapped__(seed, trace_lines=trace_lines)


if __name__ == "__main__":
    sys.exit(main(live, prog="python -m tests.simulation.notifications", description=__doc__))
