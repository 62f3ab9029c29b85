"""Lifecycle of a streaming connection, as its producer sees it (TS 28.532 11.5.1.1-3).

The application wants one thing, that its frames arrive, and says two: start, and terminate when it
has reported everything. Between the two the producer creates the connection, opens the channel, and
does both again after a time whenever one of them is lost. A connection that the consumer still
knows is only upgraded again; what was not acknowledged is sent again first.

Terminate seals the window: no more data is taken. If there is a channel, the producer drains, which
is to wait for the last acknowledgements, and closes; if there is none, it goes on trying for one.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import (
    ChannelFailed,
    ChannelLost,
    ChannelOpened,
    ChannelRefused,
    CloseReceived,
    ConnectionCreated,
    ConnectionForgotten,
    ConnectionRefused,
    DeadlineReached,
    GiveUpReached,
    PeerSilent,
    PingSent,
    PongReceived,
    RequestFailed,
    StartRequested,
    StreamDataOffered,
    StreamsOffered,
    StreamsWithdrawn,
    TerminateRequested,
    WindowEmptied,
)
from mnstream.core.lifecycles.compile import compile_table


class ProducerConnectionState(Enum):
    """Where a connection is."""

    IDLE = "idle"
    CREATING = "creating"
    UPGRADING = "upgrading"
    OPEN = "open"
    DRAINING = "draining"
    CLOSING = "closing"
    BACKING_OFF = "backing off"
    CLOSED = "closed"
    FAILED = "failed"


S = ProducerConnectionState

PRODUCER_CONNECTION = compile_table(
    "producer-connection",
    "A streaming connection at its producer (the reporter).",
    [
        # state         event               next state     action                source
        (S.IDLE,        StreamsOffered,     S.IDLE,        "offer_streams",      "11.5.1.1.2"),
        (S.IDLE,        StreamsWithdrawn,   S.IDLE,        "withdraw_streams",   "11.5.1.1.2"),
        (S.IDLE,        StreamDataOffered,  S.IDLE,        "take_frames",        "ours"),
        (S.IDLE,        StartRequested,     S.CREATING,    "post_connection",    "12.5.1.1.2-1"),
        (S.IDLE,        TerminateRequested, S.CLOSED,      "finish",             "ours"),

        (S.CREATING,    StreamsOffered,     S.CREATING,    "offer_streams",      "11.5.1.4"),
        (S.CREATING,    StreamsWithdrawn,   S.CREATING,    "withdraw_streams",   "11.5.1.5"),
        (S.CREATING,    StreamDataOffered,  S.CREATING,    "take_frames",        "ours"),
        (S.CREATING,    ConnectionCreated,  S.UPGRADING,   "open_channel",       "12.5.1.1.2-3"),
        (S.CREATING,    ConnectionRefused,  S.FAILED,      "give_up",            "11.5.1.1.4"),
        (S.CREATING,    RequestFailed,      S.BACKING_OFF, "back_off",           "ours"),
        (S.CREATING,    DeadlineReached,    S.BACKING_OFF, "back_off",           "ours"),
        (S.CREATING,    TerminateRequested, S.CREATING,    "seal",               "ours"),

        (S.UPGRADING,   StreamsOffered,     S.UPGRADING,   "offer_streams",      "11.5.1.4"),
        (S.UPGRADING,   StreamsWithdrawn,   S.UPGRADING,   "withdraw_streams",   "11.5.1.5"),
        (S.UPGRADING,   StreamDataOffered,  S.UPGRADING,   "take_frames",        "ours"),
        (S.UPGRADING,   ChannelOpened,      S.OPEN,        "resume",             "12.5.1.1.2-4"),
        (S.UPGRADING,   ConnectionForgotten, S.BACKING_OFF, "forget_connection", "ours"),
        (S.UPGRADING,   ChannelRefused,     S.BACKING_OFF, "back_off",           "12.5.1.1.2-4"),
        (S.UPGRADING,   ChannelFailed,      S.BACKING_OFF, "back_off",           "ours"),
        (S.UPGRADING,   DeadlineReached,    S.BACKING_OFF, "back_off",           "ours"),
        (S.UPGRADING,   TerminateRequested, S.UPGRADING,   "seal",               "ours"),

        (S.OPEN,        StreamsOffered,     S.OPEN,        "offer_streams",      "11.5.1.4"),
        (S.OPEN,        StreamsWithdrawn,   S.OPEN,        "withdraw_streams",   "11.5.1.5"),
        (S.OPEN,        StreamDataOffered,  S.OPEN,        "take_frames",        "11.5.1.3"),
        (S.OPEN,        PingSent,           S.OPEN,        "await_pong",         "ours"),
        (S.OPEN,        PongReceived,       S.OPEN,        "acknowledge",        "RFC 6455 5.5.3"),
        (S.OPEN,        DeadlineReached,    S.OPEN,        "tend",               "11.5.1.1.1"),
        (S.OPEN,        PeerSilent,         S.BACKING_OFF, "abandon_channel",    "ours"),
        (S.OPEN,        ChannelLost,        S.BACKING_OFF, "back_off",           "ours"),
        (S.OPEN,        CloseReceived,      S.BACKING_OFF, "answer_close",       "RFC 6455 5.5.1"),
        (S.OPEN,        TerminateRequested, S.DRAINING,    "drain",              "11.5.1.2"),

        (S.DRAINING,    PingSent,           S.DRAINING,    "await_pong",         "ours"),
        (S.DRAINING,    PongReceived,       S.DRAINING,    "acknowledge",        "RFC 6455 5.5.3"),
        (S.DRAINING,    WindowEmptied,      S.CLOSING,     "close_channel",      "12.5.1.1.3"),
        (S.DRAINING,    DeadlineReached,    S.DRAINING,    "tend",               "ours"),
        (S.DRAINING,    GiveUpReached,      S.CLOSING,     "close_channel",      "ours"),
        (S.DRAINING,    PeerSilent,         S.BACKING_OFF, "abandon_channel",    "ours"),
        (S.DRAINING,    ChannelLost,        S.BACKING_OFF, "back_off",           "ours"),
        (S.DRAINING,    CloseReceived,      S.BACKING_OFF, "answer_close",       "RFC 6455 5.5.1"),
        (S.DRAINING,    TerminateRequested, S.DRAINING,    "seal",               "ours"),

        (S.CLOSING,     CloseReceived,      S.CLOSED,      "finish",             "12.5.1.1.3"),
        (S.CLOSING,     PingSent,           S.CLOSING,     "await_pong",         "ours"),
        (S.CLOSING,     PongReceived,       S.CLOSING,     "acknowledge",        "RFC 6455 5.5.3"),
        (S.CLOSING,     ChannelLost,        S.FAILED,      "give_up",            "12.5.1.1.3"),
        (S.CLOSING,     DeadlineReached,    S.FAILED,      "abort_termination",  "12.5.1.1.3"),
        (S.CLOSING,     TerminateRequested, S.CLOSING,     "seal",               "ours"),

        (S.BACKING_OFF, StreamsOffered,     S.BACKING_OFF, "offer_streams",      "11.5.1.4"),
        (S.BACKING_OFF, StreamsWithdrawn,   S.BACKING_OFF, "withdraw_streams",   "11.5.1.5"),
        (S.BACKING_OFF, StreamDataOffered,  S.BACKING_OFF, "take_frames",        "ours"),
        (S.BACKING_OFF, DeadlineReached,    S.CREATING,    "try_again",          "ours"),
        (S.BACKING_OFF, TerminateRequested, S.BACKING_OFF, "seal",               "ours"),
        (S.BACKING_OFF, WindowEmptied,      S.CLOSED,      "finish",             "ours"),
        (S.BACKING_OFF, GiveUpReached,      S.FAILED,      "give_up",            "ours"),
    ],
    initial=S.IDLE,
    resting=(S.IDLE,),
    final=(S.CLOSED, S.FAILED),
)  # fmt: skip
