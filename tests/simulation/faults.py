"""What may go wrong, and how often. Each seed draws its own mix: some faults hide others."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from mnstream.core.profiles import REL19, STRICT, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """One mix; times are means in milliseconds, 0 for never.

    Attributes:
        delay_max_ms: Longest time that anything takes through the network.
        break_every_ms: A channel breaks; what was under way is cut at any byte.
        silent: Probability that one end of a broken channel is not told.
        partition_every_ms: A reporter and the collector cannot reach each other.
        partition_max_ms: For how long at most.
        request_lost: Probability that a request or an upgrade does not arrive.
        answer_lost: Probability that it is carried out and its answer does not arrive.
        no_failure: Probability that whoever waits for a lost answer is not told.
        upgrade_refused: Probability that an upgrade is answered with 503.
        collector_crash_every_ms: The collector loses its memory and what is not durable.
        collector_stop_every_ms: The collector stops in order and starts again.
        reporter_crash_every_ms: A reporter loses its window.
        reporter_end_every_ms: A reporter terminates its connection and begins another.
        flush_max_ms: Longest time that the disk takes.
        stall: Probability that it takes a hundred times as long.
        grace_ms: How long a connection outlives its channel.
        bad_frames: Probability that a frame is of a stream that nobody announced.
        profile: What the collector does with such frames.
    """

    delay_max_ms: int
    break_every_ms: int
    silent: float
    partition_every_ms: int
    partition_max_ms: int
    request_lost: float
    answer_lost: float
    no_failure: float
    upgrade_refused: float
    collector_crash_every_ms: int
    collector_stop_every_ms: int
    reporter_crash_every_ms: int
    reporter_end_every_ms: int
    flush_max_ms: int
    stall: float
    grace_ms: int
    bad_frames: float
    profile: Profile


def draw(random: Random) -> Faults:
    """Choose a mix."""
    return Faults(
        delay_max_ms=random.choice([1, 5, 30, 120]),
        break_every_ms=random.choice([0, 300, 1_000, 4_000]),
        silent=random.choice([0.0, 0.2, 0.6]),
        partition_every_ms=random.choice([0, 0, 3_000]),
        partition_max_ms=random.choice([200, 3_000]),
        request_lost=random.choice([0.0, 0.05, 0.3]),
        answer_lost=random.choice([0.0, 0.05, 0.3]),
        no_failure=random.choice([0.0, 0.5]),
        upgrade_refused=random.choice([0.0, 0.0, 0.2]),
        collector_crash_every_ms=random.choice([0, 1_500, 5_000]),
        collector_stop_every_ms=random.choice([0, 0, 4_000]),
        reporter_crash_every_ms=random.choice([0, 0, 4_000]),
        reporter_end_every_ms=random.choice([0, 2_000]),
        flush_max_ms=random.choice([1, 10, 60]),
        stall=random.choice([0.0, 0.0, 0.02]),
        grace_ms=random.choice([400, 2_000, 20_000]),
        bad_frames=random.choice([0.0, 0.0, 0.02]),
        profile=random.choice([REL19, REL19, STRICT]),
    )
