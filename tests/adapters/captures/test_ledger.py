"""One capture reckoned up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnstream.adapters.captures import Ledger, StreamLedger
from mnstream.adapters.storage import LogReader
from mnstream.core.records import ConnectionEnded, Disposition, Ending, Record
from mnstream.core.values import ConnectionId, ProducerId, StreamId
from mnstream.testing.logs import changed, established
from tests.adapters.captures.helpers import FIVE, NS_PER_S, SIX, capture, of_records, unit
from tests.adapters.storage.helpers import frame, only_segment, write

PRODUCER = "SubNetwork=1,ManagedElement=1"
T = 1_700_000_000 * NS_PER_S


def ended(ending: Ending) -> ConnectionEnded:
    return ConnectionEnded(connection_id=ConnectionId("x"), ending=ending, wall_ms=1)


def ledger_of(path: Path, *, granularity_ns: int | None = None) -> Ledger:
    ledger = Ledger(granularity_ns=granularity_ns)
    for entry in LogReader(path).entries():
        ledger.add(entry)
    return ledger


def line_of(ledger: Ledger, stream_id: str, producer_id: str = PRODUCER) -> StreamLedger:
    return ledger.streams[ProducerId(producer_id), StreamId(stream_id)]


def test_every_unit_stands_in_one_column(tmp_path: Path) -> None:
    good = unit(T, 1, 2)
    bad = frame(unit(T + NS_PER_S, 1), disposition=Disposition.QUARANTINED, cause="wrongValueCount")
    ledger = ledger_of(
        of_records(
            tmp_path,
            established("x", 1, [FIVE, SIX]),
            frame(good),
            frame(unit(T, 1, 2, stream=6)),
            frame(good, disposition=Disposition.DUPLICATE),
            bad,
            frame(unit(T, 1, stream=7), disposition=Disposition.QUARANTINED, cause="unknownStream"),
            frame(b"\xff", disposition=Disposition.QUARANTINED, cause="undecodable"),
            frame(b"", disposition=Disposition.KEEP_ALIVE),
        )
    )
    assert {
        line.stream_id: (line.received, line.duplicate, line.quarantined)
        for line in ledger.streams.values()
    } == {"5": (1, 1, 1), "6": (1, 0, 0), "7": (0, 0, 1), None: (0, 0, 1)}
    assert ledger.frames == {
        Disposition.DELIVERED: 2,
        Disposition.DUPLICATE: 1,
        Disposition.QUARANTINED: 3,
        Disposition.KEEP_ALIVE: 1,
    }
    assert ledger.frames_received == 6
    line = line_of(ledger, "5")
    assert line.producer_id == "SubNetwork=1,ManagedElement=1"
    assert line.object_dn == "SubNetwork=1,ManagedElement=\u00e9"
    assert (line.first_ns, line.last_ns) == (T, T + NS_PER_S)


def test_a_period_whose_unit_was_put_aside_is_not_missing(tmp_path: Path) -> None:
    frames = [
        frame(unit(T + second * NS_PER_S, 1), disposition=Disposition.QUARANTINED, cause="x")
        if second == 4
        else frame(unit(T + second * NS_PER_S, 1, 2))
        for second in range(10)
    ]
    del frames[7]
    path = of_records(tmp_path, established("x", 1, [FIVE]), *frames)
    (line,) = ledger_of(path).streams.values()
    assert [(run.first_ns, run.count) for run in line.missing()] == [(T + 7 * NS_PER_S, 1)]


def test_late_and_repeated_units(tmp_path: Path) -> None:
    seconds = [0, 1, 2, 4, 5, 3, 6, 6, 5]
    payloads = [unit(T + second * NS_PER_S, second, 0) for second in seconds[:-1]]
    ledger = ledger_of(capture(tmp_path, *payloads, unit(T + 5 * NS_PER_S, 9, 9)))
    line = line_of(ledger, "5")
    assert (line.received, line.late, line.repeated) == (9, 1, 2)
    assert [(each.stream_id, each.time_ns) for each in ledger.repetitions] == [
        ("5", T + 5 * NS_PER_S)
    ], "the same values again contradict nothing"
    assert list(line.missing()) == []


def test_what_one_producer_reports_does_not_hide_what_another_one_lacks(tmp_path: Path) -> None:
    other = replace(established("y", 2, [FIVE]), producer_id=ProducerId("other"))
    frames = [
        frame(unit(T + second * NS_PER_S, version, 0), version=version)
        for second in range(10)
        for version in (1, 2)
        if (second, version) not in ((4, 2), (5, 2))
    ]
    ledger = ledger_of(of_records(tmp_path, established("x", 1, [FIVE]), other, *frames))
    mine, others = line_of(ledger, "5"), line_of(ledger, "5", "other")
    assert (mine.received, others.received) == (10, 8)
    assert list(mine.missing()) == []
    assert [(run.first_ns, run.count) for run in others.missing()] == [(T + 4 * NS_PER_S, 2)]
    assert (mine.repeated, others.repeated, ledger.repetitions) == (0, 0, [])


def test_a_stream_that_one_producer_ended_is_expected_of_the_other(tmp_path: Path) -> None:
    other = replace(established("y", 2, [FIVE]), producer_id=ProducerId("other"))
    path = of_records(
        tmp_path,
        *(established("x", 1, [FIVE]), other),
        *(frame(unit(T + s * NS_PER_S, 1, 2), version=v) for s in range(4) for v in (1, 2)),
        changed("x", 3, removed=["5"]),
        *(frame(unit(T + s * NS_PER_S, 1, 2), version=2) for s in range(7, 10)),
    )
    ledger = ledger_of(path)
    assert [run.count for run in line_of(ledger, "5", "other").missing()] == [3]


def test_what_a_restarted_reporter_hands_back_is_repeated_and_not_late(tmp_path: Path) -> None:
    payloads = [unit(T + 7 * number, number, 0) for number in range(500)]  # on no grid
    ledger = ledger_of(capture(tmp_path, *payloads, *payloads[-300:]))
    line = line_of(ledger, "5")
    assert (line.received, line.late, line.repeated) == (800, 0, 300)
    assert ledger.repetitions == []


def test_what_is_remembered_of_periods_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnstream.adapters.captures.ledger.REMEMBERED_PERIODS", 40)
    monkeypatch.setattr("mnstream.adapters.captures.ledger.REMEMBERED_PERIODS_MIN", 10)
    payloads = [
        unit(T + number * NS_PER_S, number, 0, stream=stream)
        for number in range(30)
        for stream in (5, 6)
    ]
    ledger = ledger_of(capture(tmp_path, *payloads, *payloads[-40:], *payloads[:2]))
    for stream in "56":
        line = line_of(ledger, stream)
        assert (line.repeated, line.late) == (20, 1)


def test_counters_that_began_again(tmp_path: Path) -> None:
    values = [*range(0, 100, 10), 3, 13]
    ledger = ledger_of(
        capture(tmp_path, *(unit(T + n * NS_PER_S, value, 1) for n, value in enumerate(values)))
    )
    assert line_of(ledger, "5").counter_resets == 1
    (reset,) = ledger.resets
    assert (reset.stream_id, reset.time_ns) == ("5", T + 10 * NS_PER_S)
    assert (reset.reset.metric, reset.reset.before, reset.reset.after) == ("a", 90, 3)


def test_a_given_granularity(tmp_path: Path) -> None:
    path = capture(tmp_path, unit(T, 1, 2), unit(T + 30 * NS_PER_S, 1, 2))
    (line,) = ledger_of(path).streams.values()
    assert line.granularity_ns is None
    (line,) = ledger_of(path, granularity_ns=10 * NS_PER_S).streams.values()
    assert [run.count for run in line.missing()] == [2]


def test_records_that_damage_swallowed_are_counted(tmp_path: Path) -> None:
    lost = [frame(unit(T, 1, 2)) for _ in range(3)]
    write(tmp_path, [[established("x", 1, [FIVE])], lost, [frame(unit(T + 1, 1, 2))]])
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(lost[0].payload)] ^= 1
    path.write_bytes(data)
    ledger = ledger_of(tmp_path)
    assert ledger.unreadable_records == 3
    assert len(ledger.holes) == 1
    assert ledger.frames_received == 1


def test_invented_streams_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnstream.adapters.captures.ledger.UNKNOWN_STREAMS_MAX", 10)
    invented = 50
    ledger = ledger_of(
        of_records(
            tmp_path,
            established("x", 1, [FIVE]),
            *(
                frame(unit(T, 1, stream=100 + number), disposition=Disposition.QUARANTINED)
                for number in range(invented)
            ),
            frame(unit(T, 1, 2)),
        )
    )
    assert len(ledger.streams) <= 12
    assert sum(line.quarantined for line in ledger.streams.values()) == invented
    assert line_of(ledger, "5").received == 1


@pytest.mark.parametrize(
    ("between", "missing"),
    [
        ([], 3),
        ([ended(Ending.TERMINATED), established("y", 2, [FIVE, SIX])], 0),
        ([ended(Ending.EXPIRED), established("y", 2, [FIVE, SIX])], 3),
        ([established("y", 2, [FIVE, SIX])], 0),
        ([replace(established("y", 2, [FIVE]), producer_id=ProducerId("another"))], 0),
        ([changed("x", 2, removed=["5"]), changed("x", 2, added=[FIVE])], 0),
        ([changed("x", 2, removed=["6"])], 3),
    ],
)
def test_nothing_is_missing_while_the_producer_had_ended_the_stream(
    tmp_path: Path, between: list[Record], missing: int
) -> None:
    def frames(version: int, *seconds: int) -> list[Record]:
        return [frame(unit(T + s * NS_PER_S, 1, 2), version=version) for s in seconds]

    path = of_records(
        tmp_path,
        established("x", 1, [FIVE, SIX]),
        *frames(1, 0, 1, 2, 3),
        *between,
        *frames(2 if between else 1, 7, 8, 9),
    )
    lines = ledger_of(path).streams.values()
    assert sum(run.count for line in lines for run in line.missing()) == missing
