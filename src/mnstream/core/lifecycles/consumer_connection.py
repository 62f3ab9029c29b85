"""Lifecycle of a streaming connection, as its consumer sees it (TS 28.532 11.5.1.1-3).

A producer announces a connection with POST and opens its channel with an upgrade. The standard says
nothing about what happens when the channel ends without a closing handshake, nor about time limits.
Ours: the connection outlives its channel for a grace time, in which the producer may upgrade again
and send what was not acknowledged; only a Close, or time, ends it. A second upgrade beside a live
channel is refused, but the live one is probed at once: it may be a dead socket.

Streams are added and deleted as long as the connection exists, whatever its channel does.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import (
    ChannelLost,
    ChannelRequested,
    ChannelViolated,
    CloseReceived,
    DeadlineReached,
    FrameReceived,
    PartReceived,
    PingReceived,
    PongReceived,
    StopRequested,
)
from mnstream.core.lifecycles.compile import compile_table


class ConsumerConnectionState(Enum):
    """Where a connection is."""

    __hash__ = object.__hash__  # that of Enum is Python code, 0.3 us a step
    ANNOUNCED = "announced"
    OPEN = "open"
    PROBED = "probed"
    DETACHED = "detached"
    TERMINATED = "terminated"
    EXPIRED = "expired"


S = ConsumerConnectionState

CONSUMER_CONNECTION = compile_table(
    "consumer-connection",
    "A streaming connection at its consumer (the collector).",
    [
        # state       event                   next state    action             source
        (S.ANNOUNCED, ChannelRequested,       S.OPEN,       "accept_channel",  "12.5.1.1.2-3,4"),
        (S.ANNOUNCED, DeadlineReached,        S.EXPIRED,    "expire",          "ours"),

        (S.OPEN,      FrameReceived,          S.OPEN,       "receive",         "11.5.1.3"),
        (S.OPEN,      PartReceived,           S.OPEN,       "hear",            "ours"),
        (S.OPEN,      PingReceived,           S.OPEN,       "acknowledge",     "RFC 6455 5.5.3"),
        (S.OPEN,      PongReceived,           S.OPEN,       "hear",            "RFC 6455 5.5.3"),
        (S.OPEN,      ChannelRequested,       S.PROBED,     "refuse_and_probe", "ours"),
        (S.OPEN,      CloseReceived,          S.TERMINATED, "terminate",       "12.5.1.1.3"),
        (S.OPEN,      ChannelLost,            S.DETACHED,   "detach",          "ours"),
        (S.OPEN,      ChannelViolated,        S.DETACHED,   "detach",          "ours"),
        (S.OPEN,      StopRequested,          S.DETACHED,   "go_away",         "RFC 6455 7.4.1"),
        (S.OPEN,      DeadlineReached,        S.PROBED,     "probe",           "11.5.1.1.1"),

        (S.PROBED,    FrameReceived,          S.OPEN,       "receive",         "11.5.1.3"),
        (S.PROBED,    PartReceived,           S.OPEN,       "hear",            "ours"),
        (S.PROBED,    PingReceived,           S.OPEN,       "acknowledge",     "RFC 6455 5.5.3"),
        (S.PROBED,    PongReceived,           S.OPEN,       "hear",            "RFC 6455 5.5.3"),
        (S.PROBED,    ChannelRequested,       S.PROBED,     "refuse_channel",  "ours"),
        (S.PROBED,    CloseReceived,          S.TERMINATED, "terminate",       "12.5.1.1.3"),
        (S.PROBED,    ChannelLost,            S.DETACHED,   "detach",          "ours"),
        (S.PROBED,    ChannelViolated,        S.DETACHED,   "detach",          "ours"),
        (S.PROBED,    StopRequested,          S.DETACHED,   "go_away",         "RFC 6455 7.4.1"),
        (S.PROBED,    DeadlineReached,        S.DETACHED,   "abandon",         "ours"),

        (S.DETACHED,  ChannelRequested,       S.OPEN,       "accept_channel",  "ours"),
        (S.DETACHED,  DeadlineReached,        S.EXPIRED,    "expire",          "ours"),
    ],
    initial=S.ANNOUNCED,
    final=(S.TERMINATED, S.EXPIRED),
)  # fmt: skip
