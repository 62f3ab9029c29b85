"""How long to wait before trying again."""

from __future__ import annotations


def pause_ms(failures: int, jitter: float, *, initial_ms: int, max_ms: int) -> int:
    """Say how long to pause after so many failures in a row, at least one; never 0.

    Pauses double. Half of each is certain, half is chance: who fell together comes back apart.

    Args:
        failures: How many there were in a row, the last one included.
        jitter: Random number, 0 <= jitter < 1.
        initial_ms: Upper bound of the first pause.
        max_ms: Upper bound of every pause.
    """
    bound_ms = min(max_ms, initial_ms << min(failures - 1, 30))
    return max(1, bound_ms // 2 + int(bound_ms / 2 * jitter))
