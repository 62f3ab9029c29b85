"""Two captures compared."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnstream.adapters.captures import Comparison, Difference
from mnstream.adapters.codecs import MeasValue, TraceRecord, encode_records
from mnstream.adapters.storage import LogReader
from mnstream.core.records import Disposition
from mnstream.core.streaming.multiplexing import Family
from mnstream.core.values import AnalyticsInfo, PerformanceInfo, StreamId, StreamInfo
from mnstream.testing.logs import STREAMS, changed, established, performance_stream
from tests.adapters.captures.helpers import (
    FIVE,
    NS_PER_S,
    SIX,
    asn1,
    capture,
    compared,
    of_records,
    unit,
)
from tests.adapters.storage.helpers import frame, only_segment, write

T = 1_700_000_000 * NS_PER_S
PERIOD = 900 * NS_PER_S


def series(count: int, *, stream: int = 5, family: Family = Family.PDSU_GPB) -> list[bytes]:
    return [
        unit(T + PERIOD * number, number, 0.5, stream=stream, family=family)
        for number in range(count)
    ]


def told(differences: list[Difference]) -> list[tuple[object, ...]]:
    return [(d.kind, d.stream_id, d.time_ns, d.metric, d.a, d.b) for d in differences]


def test_a_capture_is_equal_to_itself(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", *series(20), *series(20, stream=6))
    assert compared(a, a) == ([], (40, 40), [])


def test_the_order_over_streams_does_not_count(tmp_path: Path) -> None:
    frames = [*series(20), *series(20, stream=6)]
    a = capture(tmp_path / "a", *frames)
    random.Random(1).shuffle(frames)
    assert compared(a, capture(tmp_path / "b", *frames)) == ([], (40, 40), [])


def test_one_value_that_differs_is_named(tmp_path: Path) -> None:
    frames = series(5)
    a = capture(tmp_path / "a", *frames)
    frames[3] = unit(T + 3 * PERIOD, 3, 0.25)
    differences, counts, _ = compared(a, capture(tmp_path / "b", *frames))
    assert told(differences) == [("value", "5", T + 3 * PERIOD, "b", 0.5, 0.25)]
    assert counts == (5, 4)


def test_a_unit_that_only_one_has_shifts_nothing(tmp_path: Path) -> None:
    frames = series(6)
    a = capture(tmp_path / "a", *frames[:2], *frames[3:])
    b = capture(tmp_path / "b", *frames[:4], *frames[5:])
    differences, counts, _ = compared(a, b)
    assert told(differences) == [
        ("surplus", "5", T + 2 * PERIOD, None, None, {"a": 2, "b": 0.5}),
        ("missing", "5", T + 4 * PERIOD, None, {"a": 4, "b": 0.5}, None),
    ]
    assert counts == (6, 4)


def test_units_of_one_period_are_paired_in_their_order_unless_they_are_equal(
    tmp_path: Path,
) -> None:
    a = capture(tmp_path / "a", *(unit(T, number, 0) for number in (1, 2, 3)))
    b = capture(tmp_path / "b", *(unit(T, number, 0) for number in (3, 4, 5, 6)))
    differences, counts, _ = compared(a, b)
    assert told(differences) == [
        ("value", "5", T, "a", 1, 4),
        ("value", "5", T, "a", 2, 5),
        ("surplus", "5", T, None, None, {"a": 6, "b": 0}),
    ]
    assert counts == (4, 1)


def test_the_same_values_in_both_encodings_are_equal(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", *series(30))
    b = capture(
        tmp_path / "b",
        *series(30, family=Family.PDSU_ASN1),
        streams=[asn1(FIVE), asn1(SIX)],
    )
    assert compared(a, b) == compared(b, a) == ([], (30, 30), [])


def test_against_asn1_times_are_compared_at_whole_seconds(tmp_path: Path) -> None:
    fine = [unit(T + 123_456_789 + number * NS_PER_S, number, 0) for number in range(4)]
    coarse = [
        unit(T + number * NS_PER_S, number if number != 2 else 7, 0, family=Family.PDSU_ASN1)
        for number in range(4)
    ]
    a = capture(tmp_path / "a", *fine)
    b = capture(tmp_path / "b", *coarse, streams=[asn1(FIVE), asn1(SIX)])
    differences, counts, _ = compared(a, b)
    assert told(differences) == [("value", "5", T + 123_456_789 + 2 * NS_PER_S, "a", 2, 7)]
    assert counts == (4, 3)
    differences, counts, _ = compared(b, a)
    assert told(differences) == [("value", "5", T + 2 * NS_PER_S, "a", 7, 2)]
    assert counts == (4, 3)


def test_in_gpb_times_are_compared_exactly(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 0))
    b = capture(tmp_path / "b", unit(T + 1, 1, 0))
    differences, _, _ = compared(a, b)
    assert [(d.kind, d.time_ns) for d in differences] == [("missing", T), ("surplus", T + 1)]


@pytest.mark.parametrize("time_ns", [None, -5 * NS_PER_S, 2**62 * NS_PER_S])
def test_units_with_an_odd_time_are_compared(tmp_path: Path, time_ns: int | None) -> None:
    a = capture(tmp_path / "a", unit(time_ns, 1, 0), unit(T, 1, 0))
    b = capture(tmp_path / "b", unit(T, 1, 0), unit(time_ns, 2, 0))
    differences, counts, _ = compared(a, b)
    assert told(differences) == [("value", "5", time_ns, "a", 1, 2)]
    assert counts == (2, 1)


def test_metrics_that_only_one_has(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 2))
    b = capture(tmp_path / "b", unit(T, 2, 1), streams=[performance_stream("5", "b", "c"), SIX])
    differences, _, _ = compared(a, b)
    assert [d.kind for d in differences] == ["stream", "missing", "surplus"]
    assert told(differences[1:]) == [
        ("missing", "5", T, "a", 1, None),
        ("surplus", "5", T, "c", None, 1),
    ]


def test_streams_are_compared_even_when_they_are_silent(tmp_path: Path) -> None:
    info = FIVE.additional_info
    assert isinstance(info, PerformanceInfo)
    moved = replace(FIVE, additional_info=replace(info, meas_obj_dn="X=1"))
    a = capture(tmp_path / "a", unit(T, 1, 2))
    b = capture(tmp_path / "b", unit(T, 1, 2), streams=[moved])
    differences, counts, _ = compared(a, b)
    assert [(d.kind, d.stream_id) for d in differences] == [("stream", "5"), ("stream", "6")]
    assert '"X=1"' in repr(differences[0].b).replace("'", '"')
    assert differences[1].b is None
    assert counts == (1, 1)
    assert compared(a, b, stream_id="6")[0] == differences[1:]


def test_streams_that_come_later_are_compared(tmp_path: Path) -> None:
    first, second = established("x", 1, [FIVE]), changed("x", 2, added=[SIX])
    a = of_records(tmp_path / "a", first, frame(unit(T, 1, 2)), second)
    b = capture(tmp_path / "b", unit(T, 1, 2))
    assert compared(a, b)[0] == []
    c = of_records(tmp_path / "c", first, frame(unit(T, 1, 2)))
    assert told(compared(c, b)[0])[0][:2] == ("stream", "6")


def test_values_are_compared_by_the_names_in_force(tmp_path: Path) -> None:
    turned = performance_stream("5", "b", "a")
    a = capture(tmp_path / "a", unit(T, 1, 2))
    b = capture(tmp_path / "b", unit(T, 2, 1), streams=[turned, SIX])
    c = capture(tmp_path / "c", unit(T, 1, 2), streams=[turned, SIX])
    assert compared(a, b) == ([], (1, 1), [])
    assert [d.metric for d in compared(a, c)[0]] == ["a", "b"], "the octets are equal"


def test_duplicates_and_keep_alives_do_not_count(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", *series(3))
    b = of_records(
        tmp_path / "b",
        established("y", 9, [FIVE, SIX]),
        frame(b"", version=9, disposition=Disposition.KEEP_ALIVE),
        *(frame(payload, version=9) for payload in series(3)),
        frame(series(3)[2], version=9, disposition=Disposition.DUPLICATE),
    )
    assert compared(a, b) == ([], (3, 3), [])


def test_a_frame_that_only_came_as_a_duplicate_is_missing(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 2))
    twin = frame(unit(T, 1, 2), disposition=Disposition.DUPLICATE)
    b = of_records(tmp_path / "b", established("x", 1, [FIVE, SIX]), twin)
    differences, counts, _ = compared(a, b)
    assert [d.kind for d in differences] == ["missing"]
    assert counts == (1, 0)


def test_streams_are_known_from_frames_where_a_capture_begins_later(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", *series(3))
    with Comparison.open() as comparison:
        first, second = (list(LogReader(a).entries()) for _ in range(2))
        comparison.read(first, second[1:], on_hole=lambda _: None)
        assert list(comparison.differences()) == []


def test_a_quarantined_frame_is_compared_by_its_octets(tmp_path: Path) -> None:
    def with_bad(name: str, *payloads: bytes) -> Path:
        bad = [frame(each, disposition=Disposition.QUARANTINED, cause="x") for each in payloads]
        return of_records(tmp_path / name, established("x", 1, [FIVE]), *bad)

    a = with_bad("a", b"\xff1", b"\xff2", b"\xff1")
    assert compared(a, with_bad("b", b"\xff2", b"\xff1", b"\xff1")) == ([], (3, 3), [])
    differences, counts, _ = compared(a, with_bad("c", b"\xff2", b"\xff1", b"\xff3"))
    assert told(differences) == [
        ("missing", None, None, None, "/zE=", None),
        ("surplus", None, None, None, None, "/zM="),
    ]
    assert counts == (4, 2)


def test_what_a_quarantined_unit_measured_is_compared_whatever_its_encoding(
    tmp_path: Path,
) -> None:
    def with_bad(name: str, family: Family, *values: MeasValue) -> Path:
        info = FIVE if family is Family.PDSU_GPB else asn1(FIVE)
        payload = unit(T, *values, family=family)
        bad = frame(payload, disposition=Disposition.QUARANTINED, cause="wrongValueCount")
        return of_records(tmp_path / name, established("x", 1, [info]), bad)

    a = with_bad("a", Family.PDSU_GPB, 1, 2, 3)
    assert compared(a, with_bad("b", Family.PDSU_ASN1, 1, 2, 3)) == ([], (1, 1), [])
    differences, _, _ = compared(a, with_bad("c", Family.PDSU_ASN1, 1, 2, 4))
    assert differences


def test_a_frame_that_should_not_be_there_is_compared_all_the_same(tmp_path: Path) -> None:
    a, b = (capture(tmp_path / name, unit(T, 1, 2), b"\xff") for name in "ab")
    assert compared(a, b) == ([], (2, 2), [])


def test_opaque_payloads_and_trace_records_are_compared(tmp_path: Path) -> None:
    def record(number: int) -> TraceRecord:
        return TraceRecord(
            time_stamp_ms=T // 1_000_000,
            nf_instance_id="nf-1",
            nf_type="GNB_CU_CP",
            trace_reference=bytes.fromhex("26F452550021"),
            payload=bytes([number]),
        )

    opaque = StreamInfo(
        stream_id=StreamId("analytics"),
        stream_type=STREAMS[3].stream_type,
        serialization_format=STREAMS[3].serialization_format,
        additional_info=AnalyticsInfo(),
    )
    streams = [STREAMS[2], opaque]
    one_by_one = [encode_records([record(number)]) for number in range(3)]
    at_once = encode_records([record(number) for number in (2, 1, 0)])
    a = capture(tmp_path / "a", *one_by_one, b"\xffopaque", streams=streams)
    b = capture(tmp_path / "b", b"\xffopaque", at_once, streams=streams)
    assert compared(a, b) == ([], (4, 4), [])
    c = capture(tmp_path / "c", b"\xffother", encode_records([record(1)]), streams=streams)
    differences, counts, _ = compared(a, c)
    assert Counter((d.kind, d.stream_id) for d in differences) == {
        ("missing", "26F452550021"): 2,
        ("missing", "analytics"): 1,
        ("surplus", "analytics"): 1,
    }
    assert counts == (5, 1)


def test_damage_is_told_and_the_rest_is_compared(tmp_path: Path) -> None:
    a = capture(tmp_path / "a", *series(3))
    first, second, third = (frame(payload) for payload in series(3))
    write(tmp_path / "b", [[established("x", 1, [FIVE, SIX]), first], [second], [third]])
    path = only_segment(tmp_path / "b")
    data = bytearray(path.read_bytes())
    data[data.index(second.payload)] ^= 1
    path.write_bytes(data)
    differences, counts, holes = compared(a, tmp_path / "b")
    assert [(hole.first_position, hole.last_position) for hole in holes] == [(2, 2)]
    assert [(d.kind, d.time_ns) for d in differences] == [("missing", T + PERIOD)]
    assert counts == (3, 2)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from([5, 6]), st.integers(0, 3), st.integers(0, 2)), max_size=12),
    st.randoms(use_true_random=False),
    st.integers(0, 12),
    st.booleans(),
)
def test_a_difference_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory,
    units: list[tuple[int, int, int]],
    shuffler: random.Random,
    changed_at: int,
    in_asn1: bool,
) -> None:
    """Shuffled and perhaps in another encoding, a capture is equal until one value changes."""
    family = Family.PDSU_ASN1 if in_asn1 else Family.PDSU_GPB
    streams = [asn1(FIVE), asn1(SIX)] if in_asn1 else [FIVE, SIX]
    directory = tmp_path_factory.mktemp("captures")
    a = capture(directory / "a", *(unit(T + t * NS_PER_S, v, 0, stream=s) for s, t, v in units))
    shuffler.shuffle(units)

    def encoded() -> list[bytes]:
        return [unit(T + t * NS_PER_S, v, 0, stream=s, family=family) for s, t, v in units]

    b = capture(directory / "b", *encoded(), streams=streams)
    assert compared(a, b) == ([], (len(units), len(units)), [])
    if changed_at < len(units):
        stream, time, value = units[changed_at]
        units[changed_at] = (stream, time, value + 3)
        differences, counts, _ = compared(a, capture(directory / "c", *encoded(), streams=streams))
        assert len(differences) == 1, "the one that changed pairs with the one that is left"
        assert (differences[0].a, differences[0].b) == (value, value + 3)
        assert counts == (len(units), len(units) - 1)
