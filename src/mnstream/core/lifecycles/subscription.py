"""Lifecycle of a subscription, as its producer sees it (TS 28.622 4.3.22).

Creating the NtfSubscriptionControl subscribes, deleting it unsubscribes, at once. The last thing
that a consumer is sent is the deletion itself, so a deleted subscription goes on for a limited time
until its queue is empty; nothing new is prepared for it. A locked one prepares and sends nothing.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.compile import compile_table
from mnstream.core.notification_events import (
    NotificationEmitted,
    QueueEmptied,
    SubscriptionDeleted,
    SubscriptionLocked,
    SubscriptionModified,
    SubscriptionUnlocked,
)


class SubscriptionState(Enum):
    """Where a subscription is."""

    ACTIVE = "active"
    LOCKED = "locked"
    ENDING = "ending"
    ENDED = "ended"


S = SubscriptionState

SUBSCRIPTION = compile_table(
    "subscription",
    "A subscription at its producer.",
    [
        # state     event                 next state  action     source
        (S.ACTIVE, NotificationEmitted,  S.ACTIVE,  "prepare", "TR 28.871 5.a part 1, 2"),
        (S.ACTIVE, SubscriptionModified, S.ACTIVE,  "modify",  "TS 28.622 4.3.22"),
        (S.ACTIVE, SubscriptionLocked,   S.LOCKED,  "lock",    "CR-0625"),
        (S.ACTIVE, SubscriptionDeleted,  S.ENDING,  "end",     "TS 28.622 4.3.22"),

        (S.LOCKED, SubscriptionModified, S.LOCKED,  "modify",  "TS 28.622 4.3.22"),
        (S.LOCKED, SubscriptionUnlocked, S.ACTIVE,  "unlock",  "CR-0625"),
        (S.LOCKED, SubscriptionDeleted,  S.ENDING,  "end",     "TS 28.622 4.3.22"),

        (S.ENDING, QueueEmptied,         S.ENDED,   "forget",  "TS 28.622 4.3.22"),
        (S.ENDING, DeadlineReached,      S.ENDED,   "forget",  "ours"),
    ],
    initial=S.ACTIVE,
    resting=(S.ACTIVE, S.LOCKED),
    final=(S.ENDED,),
)  # fmt: skip
