"""The conservation check finds each kind of broken promise, and nothing where all was kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnstream.core.effects import ReportEnd
from mnstream.core.records import (
    SENT_AGAIN,
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, ProducerId, Status, StreamType
from tests.core.support import C1, C2, frame, performance, stream
from tests.simulation.checks import broken_promises
from tests.simulation.reporter import BAD_STREAM, Account

ME = ProducerId("gnb0.0")
BAD = frame("d", (BAD_STREAM, 2))
OFFERED = [frame("a"), b"", frame("b"), frame("c"), BAD]


def established(
    version: int, connection_id: ConnectionId = C1, producer_id: ProducerId = ME
) -> ConnectionEstablished:
    return ConnectionEstablished(
        connection_id=connection_id,
        producer_id=producer_id,
        identity="",
        streams_version=version,
        stream_info_list=(performance(1),),
        wall_ms=0,
    )


def stored(payload: bytes, version: int = 1, *, again: bool = False) -> FrameStored:
    own = Disposition.QUARANTINED if payload == BAD else Disposition.DELIVERED
    return FrameStored(
        streams_version=version,
        disposition=Disposition.DUPLICATE if again else own,
        cause="",
        wall_ms=0,
        payload=payload,
    )


CHANGED = StreamsChanged(
    connection_id=C1, streams_version=2, added=(performance(2),), removed=(), wall_ms=0
)
GOOD: list[Record] = [
    established(1),
    stored(frame("a")),
    stored(frame("b")),
    stored(frame("a"), again=True),
    CHANGED,
    stored(frame("b"), 2, again=True),
    stored(frame("c"), 2),
    established(3, C2),
    stored(frame("c"), 3),
    stored(BAD, 3),
    ConnectionEnded(connection_id=C2, ending=Ending.TERMINATED, wall_ms=0),
]


def account(acknowledged: int = 5) -> Account:
    return Account(ME, offered=list(OFFERED), acknowledged=acknowledged)


def test_a_good_log_keeps_every_promise() -> None:
    assert broken_promises(GOOD, [account()]) == []


def test_what_is_stored_and_not_acknowledged_breaks_no_promise() -> None:
    assert broken_promises(GOOD, [account(0)]) == []
    assert broken_promises([], [account(0)]) == []


@pytest.mark.parametrize(
    ("log", "fault"),
    [
        (GOOD[:9], "gnb0.0: 4 acknowledged, 3 stored"),
        ([], "gnb0.0: 4 acknowledged, 0 stored"),
        ([*GOOD[:9], stored(frame("x"), 3)], f"gnb0.0: frame 3 in the log is {frame('x')!r}"),
        ([*GOOD, stored(frame("x"), 3)], f"gnb0.0: frame 4 in the log is {frame('x')!r}"),
        ([GOOD[0], *GOOD[2:]], f"gnb0.0: frame 0 in the log is {frame('b')!r}"),
        ([*GOOD, stored(BAD, 3)], f"gnb0.0: {BAD!r} on c2 is quarantined, not duplicate"),
        ([*GOOD, stored(frame("a"), 2)], f"gnb0.0: {frame('a')!r} on c1 is delivered, not dupl"),
        (
            [*GOOD, stored(frame("a"), 3, again=True)],
            f"gnb0.0: {frame('a')!r} on c2 is duplicate, not delivered",
        ),
        ([*GOOD, stored(frame("a"), 9)], "version 9 was never given"),
        ([*GOOD, established(3)], "version 3 was given twice"),
        (
            [*GOOD, established(4, producer_id=ProducerId("gnb7")), stored(b"?", 4)],
            "gnb7 sent 1 frames but does not exist",
        ),
    ],
)
def test_each_broken_promise_is_named(log: list[Record], fault: str) -> None:
    faults = broken_promises(log, [account()])
    assert [each for each in faults if each.startswith(fault)] != [], faults


def test_an_opaque_frame_is_delivered_again_and_marked() -> None:
    opaque = frame("e", letter="Z")
    vendor = replace(CHANGED, added=(stream("V9", StreamType.PROPRIETARY),))
    first, again = stored(opaque, 2), replace(stored(opaque, 2), cause=SENT_AGAIN)
    mine = Account(ME, offered=[opaque], acknowledged=1)
    assert broken_promises([GOOD[0], vendor, first, again], [mine]) == []
    for log, fault in (
        ([first, first], "not marked"),
        ([again], "marked"),
        ([first, replace(again, disposition=Disposition.DUPLICATE)], "duplicate, not delivered"),
    ):
        faults = broken_promises([GOOD[0], vendor, *log], [mine])
        assert faults[0] == f"gnb0.0: {opaque!r} on c1 is {fault}"
    bad = Account(ME, offered=[BAD], acknowledged=1)
    known = [GOOD[0], vendor, stored(BAD, 2)]
    assert broken_promises(known, [bad]) == [f"gnb0.0: {BAD!r} on c1 is quarantined, not delivered"]


def test_an_early_acknowledgement_is_named() -> None:
    early = replace(account(), early=[frame("a")])
    assert broken_promises(GOOD, [early]) == [
        f"gnb0.0: acknowledged before it was durable: {frame('a')!r}"
    ]


@pytest.mark.parametrize(
    ("status", "unacknowledged", "faults"),
    [
        (Status.FAILURE, 2, []),
        (Status.FAILURE, 1, ["gnb0.0: 2 are left, not 1"]),
        (Status.SUCCESS, 2, ["gnb0.0: a success with 2 frames left"]),
    ],
)
def test_an_untrue_end_is_named(status: Status, unacknowledged: int, faults: list[str]) -> None:
    end = ReportEnd(status=status, unacknowledged=unacknowledged)
    assert broken_promises(GOOD, [replace(account(3), end=end)]) == faults
