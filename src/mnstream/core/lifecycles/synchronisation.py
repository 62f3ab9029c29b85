"""Lifecycle of the synchronisation of one subscription, at its consumer (the study, part 1, 2).

A consumer is in sequence when it has every number up to the highest that it knows to exist. A hole
may close by itself, because notifications overtake each other; after a limited time the missing
ones are fetched from the producer's store. Asking without a hole tells what the producer has: at
the beginning, and when only the producer can say what happened.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.compile import compile_table
from mnstream.core.notification_events import (
    FetchFailed,
    HoleClosed,
    HoleFound,
    RangeFetched,
    SynchronisationRequested,
)


class SynchronisationState(Enum):
    """Where the synchronisation is."""

    IN_SEQUENCE = "in sequence"
    WAITING = "waiting"
    FETCHING = "fetching"
    PAUSING = "pausing"


S = SynchronisationState

SYNCHRONISATION = compile_table(
    "synchronisation",
    "What a consumer knows to be missing of one subscription.",
    [
        # state           event                     next state     action   source
        (S.IN_SEQUENCE, HoleFound,                S.WAITING,     "wait",  "TR 28.871 5.a part 1"),
        (S.IN_SEQUENCE, SynchronisationRequested, S.FETCHING,    "fetch", "TR 28.871 5.a part 2"),

        (S.WAITING,     HoleFound,                S.WAITING,     "wait",  "TR 28.871 5.a part 1"),
        (S.WAITING,     HoleClosed,               S.IN_SEQUENCE, "rest",  "TR 28.871 5.a part 1"),
        (S.WAITING,     SynchronisationRequested, S.FETCHING,    "fetch", "TR 28.871 5.a part 2"),
        (S.WAITING,     DeadlineReached,          S.FETCHING,    "fetch", "TR 28.871 5.a part 2"),

        (S.FETCHING,    RangeFetched,             S.IN_SEQUENCE, "take",  "TR 28.871 5.a part 2"),
        (S.FETCHING,    HoleClosed,               S.IN_SEQUENCE, "rest",  "ours"),
        (S.FETCHING,    FetchFailed,              S.PAUSING,     "pause", "ours"),
        (S.FETCHING,    DeadlineReached,          S.PAUSING,     "pause", "ours"),

        (S.PAUSING,     HoleClosed,               S.IN_SEQUENCE, "rest",  "TR 28.871 5.a part 1"),
        (S.PAUSING,     DeadlineReached,          S.FETCHING,    "fetch", "ours"),
    ],
    initial=S.IN_SEQUENCE,
    resting=(S.IN_SEQUENCE,),
    final=(),
)  # fmt: skip
