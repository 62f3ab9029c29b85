"""What a consumer of notifications counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class NotificationConsumerCounts:
    """What a consumer has seen since it was made; every number only grows.

    Attributes:
        received: Notifications that were posted to it.
        duplicates: Of those, how many it had already.
        out_of_order: Of those, how many came after a later one.
        dropped: Of those, how many there was no room for; they are fetched later.
        recovered: Notifications that were fetched from the producer's store.
        handed_over: Notifications that the application has processed.
        lost: Numbers that were reported as lost.
        restarts: New epochs.
        heartbeats: Heartbeats that were posted to it.
    """

    received: int = 0
    duplicates: int = 0
    out_of_order: int = 0
    dropped: int = 0
    recovered: int = 0
    handed_over: int = 0
    lost: int = 0
    restarts: int = 0
    heartbeats: int = 0
