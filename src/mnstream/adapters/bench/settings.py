"""How large a benchmark is, and how it says what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BACKENDS = ("trio", "asyncio", "asyncio+uvloop")
"""Event loops that our side can run on."""
DEFAULT_BACKEND = "trio"
"""What ``mnstream collect`` runs on unless it is told otherwise."""


def _silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Sizes of a run. Smaller ones are for trying out; the defaults are what is judged.

    Attributes:
        seconds: Length of one round of one side.
        rounds: Rounds; both sides take turns, and medians are compared. 5: two may be disturbed.
        connections: Connections of the benchmarks about many of them; more than 200 are as good as
            200 where they are subscriptions.
        streams: Streams of each of those.
        directory: Where logs are written; None takes a temporary directory on a disk.
        say: Told what is going on, one line at a time.
    """

    seconds: float = 1.0
    rounds: int = 5
    connections: int = 5_000
    streams: int = 10
    directory: Path | None = None
    say: Callable[[str], None] = _silent


DEFAULTS = Settings()
