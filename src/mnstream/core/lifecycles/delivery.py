"""Lifecycle of the delivery of one subscription, at its producer (TS 28.532 12, FACTS B14-B15).

One notification is in flight at a time, which keeps the order. The standard says nothing about
retries. Ours: a failure is retried a bounded number of times, then the next notification gets its
turn and the consumer finds a hole that it can fetch. What the recipient rejects is not retried. A
recipient that says that it is gone is not asked again before the subscription is modified; what is
prepared meanwhile is passed over and stays in the store.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.compile import compile_table
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryGivenUp,
    DeliveryPassedOver,
    DeliveryRejected,
    DeliverySucceeded,
    RecipientGone,
    SubscriptionLocked,
    SubscriptionModified,
    WorkWaiting,
)


class DeliveryState(Enum):
    """Where the delivery is."""

    IDLE = "idle"
    POSTING = "posting"
    PAUSING = "pausing"
    STOPPED = "stopped"


S = DeliveryState

DELIVERY = compile_table(
    "delivery",
    "Delivery of the notifications of one subscription, at its producer.",
    [
        # state      event                next state  action        source
        (S.IDLE,    WorkWaiting,          S.POSTING,  "post",       "TS 28.532 12"),
        (S.IDLE,    SubscriptionLocked,   S.STOPPED,  "give_up",    "CR-0625"),

        (S.POSTING, DeliverySucceeded,    S.IDLE,     "advance",    "TS 28.532 12"),
        (S.POSTING, DeliveryRejected,     S.IDLE,     "skip",       "ours"),
        (S.POSTING, DeliveryFailed,       S.PAUSING,  "pause",      "ours"),
        (S.POSTING, DeadlineReached,      S.PAUSING,  "time_out",   "ours"),
        (S.POSTING, RecipientGone,        S.STOPPED,  "stop",       "RFC 9110 15.5.11"),
        (S.POSTING, DeliveryPassedOver,   S.IDLE,     "cancel",     "ours"),
        (S.POSTING, SubscriptionModified, S.IDLE,     "cancel",     "ours"),
        (S.POSTING, SubscriptionLocked,   S.STOPPED,  "withdraw",   "CR-0625"),

        (S.PAUSING, DeadlineReached,      S.POSTING,  "post",       "ours"),
        (S.PAUSING, DeliveryGivenUp,      S.IDLE,     "skip",       "ours"),
        (S.PAUSING, DeliveryPassedOver,   S.IDLE,     "begin_anew", "ours"),
        (S.PAUSING, SubscriptionModified, S.IDLE,     "begin_anew", "ours"),
        (S.PAUSING, SubscriptionLocked,   S.STOPPED,  "give_up",    "CR-0625"),

        (S.STOPPED, WorkWaiting,          S.STOPPED,  "give_up",    "ours"),
        (S.STOPPED, SubscriptionModified, S.IDLE,     "begin_anew", "ours"),
    ],
    initial=S.IDLE,
    resting=(S.IDLE, S.STOPPED),
    final=(),
)  # fmt: skip
