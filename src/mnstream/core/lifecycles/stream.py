"""Lifecycle of one reporting stream, as its producer sees it (TS 28.532 11.5.1.4-5).

At the consumer a stream has no lifecycle of its own: it is in the list of its connection, or it is
not. The producer has to ask, and the answer may be lost, so here a stream can be on its way in or
out. Both of these wait for an answer for a limited time and are asked again: what was asked for
once may be there, so nothing that was proposed is simply forgotten when it is withdrawn.
"""

from __future__ import annotations

from enum import Enum

from mnstream.core.events import (
    DeadlineReached,
    StreamAccepted,
    StreamKept,
    StreamProposed,
    StreamRejected,
    StreamRemoved,
    StreamsWithdrawn,
)
from mnstream.core.lifecycles.compile import compile_table


class StreamState(Enum):
    """Where a stream is."""

    WANTED = "wanted"
    PROPOSED = "proposed"
    REPORTING = "reporting"
    WITHDRAWING = "withdrawing"
    REJECTED = "rejected"
    REMOVED = "removed"


S = StreamState

STREAM = compile_table(
    "stream",
    "A reporting stream at its producer.",
    [
        # state         event             next state     action            source
        (S.WANTED,      StreamProposed,   S.PROPOSED,    "await_answer",   "11.5.1.1, 11.5.1.4"),
        (S.WANTED,      StreamsWithdrawn, S.REMOVED,     "forget",         "ours"),
        (S.PROPOSED,    StreamAccepted,   S.REPORTING,   "announce",       "11.5.1.4.3"),
        (S.PROPOSED,    StreamRejected,   S.REJECTED,    "report_failure", "11.5.1.4.4"),
        (S.PROPOSED,    StreamsWithdrawn, S.WITHDRAWING, "await_answer",   "11.5.1.5.2"),
        (S.PROPOSED,    DeadlineReached,  S.PROPOSED,    "ask_again",      "ours"),
        (S.REPORTING,   StreamsWithdrawn, S.WITHDRAWING, "await_answer",   "11.5.1.5.2"),
        (S.REPORTING,   StreamProposed,   S.PROPOSED,    "await_answer",   "11.5.1.1.2"),
        (S.WITHDRAWING, StreamRemoved,    S.REMOVED,     "forget",         "11.5.1.5.3"),
        (S.WITHDRAWING, StreamKept,       S.REPORTING,   "report_failure", "11.5.1.5.3"),
        (S.WITHDRAWING, DeadlineReached,  S.WITHDRAWING, "ask_again",      "ours"),
    ],
    initial=S.WANTED,
    resting=(S.WANTED, S.REPORTING),
    final=(S.REJECTED, S.REMOVED),
)  # fmt: skip
