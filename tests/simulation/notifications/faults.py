"""What may go wrong, and how often. Each seed draws its own mix: some faults hide others."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from mnstream.core.profiles import NOTIFICATION_PROFILES, NotificationProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """One mix; times are means in milliseconds, 0 for never; the others are probabilities.

    Attributes:
        profile: Reading of the standard.
        delay_max_ms: Longest time that anything takes through the network.
        lost: A request does not arrive.
        answer_lost: It arrives and its answer does not.
        untold: Whoever waits for a lost answer is not told that it is lost.
        twice: A request arrives a second time, later.
        refused: A recipient answers 503, 400 or 410 instead of taking a notification.
        partition_every_ms: A consumer and the producer cannot reach each other.
        partition_max_ms: For how long at most.
        producer_crash_every_ms: The producer loses its memory and what is not durable.
        consumer_crash_every_ms: A consumer loses its memory.
        down_max_ms: How long somebody who crashed is away at most.
        commit_max_ms: Longest time that the store takes.
        stall: It takes thirty times as long.
        kept_max: Notifications of one subscription that are kept.
        half: An answer to a fetch ends somewhere in the middle.
        burst_every_ms: The application emits more than the store can keep up with.
        failure_every_ms: The application fails to prepare notifications.
        change_every_ms: A subscription is modified.
        lock_every_ms: A subscription is locked for some time, where the profile has that.
        recreate_every_ms: A subscription is deleted and created again.
        work_max_ms: Longest time that an application takes for a notification.
        buffer_max: Notifications that a consumer keeps.
        invented_every_ms: Somebody posts what the producer has never sent, where epochs are told.
    """

    profile: NotificationProfile
    delay_max_ms: int
    lost: float
    answer_lost: float
    untold: float
    twice: float
    refused: float
    partition_every_ms: int
    partition_max_ms: int
    producer_crash_every_ms: int
    consumer_crash_every_ms: int
    down_max_ms: int
    commit_max_ms: int
    stall: float
    kept_max: int
    half: float
    burst_every_ms: int
    failure_every_ms: int
    change_every_ms: int
    lock_every_ms: int
    recreate_every_ms: int
    work_max_ms: int
    buffer_max: int
    invented_every_ms: int


def draw(random: Random) -> Faults:
    """Choose a mix."""
    names = ["seed", "seed", "persist", "rel19", "rel20", "strict"]
    return Faults(
        profile=NOTIFICATION_PROFILES[random.choice(names)],
        delay_max_ms=random.choice([1, 5, 30, 120]),
        lost=random.choice([0.0, 0.05, 0.3]),
        answer_lost=random.choice([0.0, 0.05, 0.3]),
        untold=random.choice([0.0, 0.5]),
        twice=random.choice([0.0, 0.0, 0.1]),
        refused=random.choice([0.0, 0.05, 0.2]),
        partition_every_ms=random.choice([0, 0, 2_000]),
        partition_max_ms=random.choice([200, 2_000]),
        producer_crash_every_ms=random.choice([0, 1_000, 3_000]),
        consumer_crash_every_ms=random.choice([0, 800, 3_000]),
        down_max_ms=random.choice([1, 50, 800]),
        commit_max_ms=random.choice([1, 10, 60]),
        stall=random.choice([0.0, 0.0, 0.02]),
        kept_max=random.choice([20, 100, 1_000]),
        half=random.choice([0.0, 0.3]),
        burst_every_ms=random.choice([0, 0, 800]),
        failure_every_ms=random.choice([0, 0, 1_500]),
        change_every_ms=random.choice([0, 1_000]),
        lock_every_ms=random.choice([0, 1_500]),
        recreate_every_ms=random.choice([0, 0, 0, 2_500]),
        work_max_ms=random.choice([1, 10, 60]),
        buffer_max=random.choice([3, 10, 200]),
        invented_every_ms=random.choice([0, 300]),
    )
