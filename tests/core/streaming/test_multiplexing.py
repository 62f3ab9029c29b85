"""Which streams is a frame about? TS 28.532 11.5.1.1.1; contradiction 26."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import (
    ANY_COUNT,
    NO_CHECKS,
    NO_VALUES,
    Checks,
    Demultiplexer,
    Family,
    Readers,
    RunCheck,
    Unit,
    family_of,
    trace_namer,
)
from mnstream.core.values import SerializationFormat, StreamId, StreamInfo, StreamType
from tests.core.support import CHECKS, READERS, frame, performance, stream

GPB, ASN1 = SerializationFormat.GPB, SerializationFormat.ASN1

OVER_GPB = performance(1)
OVER_ASN1 = performance(2, serialization_format=ASN1)
TRACE = stream("T1", StreamType.TRACE)
VENDOR = stream("V1", StreamType.PROPRIETARY)
ANALYTICS = stream("A1", StreamType.ANALYTICS)


def demultiplexer(
    *streams: StreamInfo, readers: Readers = READERS, checks: Checks = NO_CHECKS
) -> Demultiplexer:
    return Demultiplexer({each.stream_id: each for each in streams}, readers, checks)


def opaque_reader(payload: bytes) -> list[Unit]:
    """Read "O" and the name of a stream."""
    if not payload.startswith(b"O"):
        raise Undecodable("names no stream")
    return [(StreamId(payload[1:].decode()), ANY_COUNT)]


def units_of(made: Demultiplexer, payload: bytes) -> list[tuple[str, int]]:
    return [(str(name), count) for name, count in made.read(payload)]


@pytest.mark.parametrize(
    ("stream_type", "serialization_format", "family"),
    [
        (StreamType.PERFORMANCE, GPB, Family.PDSU_GPB),
        (StreamType.PERFORMANCE, ASN1, Family.PDSU_ASN1),
        (StreamType.TRACE, GPB, Family.TRACE_GPB),
        (StreamType.TRACE, ASN1, Family.OPAQUE),  # nothing defines it (32.423 G has GPB only)
        (StreamType.ANALYTICS, GPB, Family.OPAQUE),
        (StreamType.ANALYTICS, ASN1, Family.OPAQUE),
        (StreamType.PROPRIETARY, GPB, Family.OPAQUE),
        (StreamType.PROPRIETARY, ASN1, Family.OPAQUE),
        (StreamType.PROPRIETARY, None, Family.OPAQUE),
    ],
)
def test_family(
    stream_type: StreamType, serialization_format: SerializationFormat | None, family: Family
) -> None:
    assert family_of(stream("1", stream_type, serialization_format)) is family


def test_expected_numbers_of_values() -> None:
    made = demultiplexer(OVER_GPB, performance(3, metrics=("a",)), TRACE, VENDOR)
    assert made.expected == {"1": 2, "3": 1, "T1": NO_VALUES, "V1": ANY_COUNT}


def test_units_are_named_in_order() -> None:
    made = demultiplexer(OVER_GPB)
    assert units_of(made, frame("x", (1, 2), (7, 3), (1, 0))) == [("1", 2), ("7", 3), ("1", 0)]


def test_no_units_are_no_units() -> None:
    assert list(demultiplexer(OVER_GPB).read(b"G;")) == []


def test_a_run_is_plain_when_every_payload_is() -> None:
    for checks in (NO_CHECKS, CHECKS):
        made = demultiplexer(OVER_GPB, performance(3, metrics=("a",)), checks=checks)
        good = [frame("a"), frame("b", (3, 1)), frame("c", (1, 2), (3, 1))]
        assert made.are_plain(good)
        for bad in (b"", b"G;", b"Z;", frame("x", (9, 2)), frame("x", (1, 2), (3, 2))):
            assert not made.are_plain([bad])
            assert not made.are_plain([*good, bad])
            assert not made.are_plain([bad, *good])


@pytest.mark.parametrize("streams", [(OVER_GPB,), (OVER_GPB, performance(2))])
def test_a_quick_check_is_used_when_it_is_of_the_only_format(streams: list[StreamInfo]) -> None:
    made = demultiplexer(*streams, checks={Family.PDSU_GPB: lambda _: lambda _: True})
    assert made.are_plain([b"what no reader knows"])


@pytest.mark.parametrize(
    "streams", [(OVER_GPB, OVER_ASN1), (OVER_GPB, VENDOR), (OVER_ASN1,), (VENDOR,), ()]
)
def test_otherwise_every_payload_is_read(streams: list[StreamInfo]) -> None:
    made = demultiplexer(*streams, checks={Family.PDSU_GPB: lambda _: lambda _: True})
    assert not made.are_plain([b"Z;", b""])


def test_a_quick_check_knows_the_streams() -> None:
    asked: list[object] = []

    def make(expected: Mapping[StreamId, int]) -> RunCheck:
        asked.append(expected)
        return lambda _: False

    made = demultiplexer(OVER_GPB, checks={Family.PDSU_GPB: make})
    assert asked == [{"1": 2}]
    assert not made.are_plain([frame("a")])


def test_with_one_format_every_other_payload_is_undecodable() -> None:
    with pytest.raises(Undecodable):
        demultiplexer(OVER_GPB).read(frame("x", letter="A"))


def test_with_several_formats_the_one_that_fits_is_taken() -> None:
    made = demultiplexer(OVER_GPB, OVER_ASN1, TRACE)
    assert units_of(made, frame("x", (1, 2))) == [("1", 2)]
    assert units_of(made, frame("x", (2, 2), letter="A")) == [("2", 2)]
    assert units_of(made, b"TT1:0;") == [("T1", NO_VALUES)]
    assert made.reading(frame("x", (2, 2), letter="A"))[0] is Family.PDSU_ASN1


def test_with_several_formats_a_payload_that_fits_none_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="not of family A"):
        demultiplexer(OVER_GPB, OVER_ASN1).read(b"Z;")


def both(letter: str) -> Readers:
    """Make readers that can both read a payload; the letter's finds stream 1, the other 9."""

    def named(name: str) -> list[Unit]:
        return [(StreamId("1" if name == letter else "9"), 2)]

    return {Family.PDSU_GPB: lambda _: named("G"), Family.PDSU_ASN1: lambda _: named("A")}


@pytest.mark.parametrize("letter", ["G", "A"])
def test_a_reading_that_names_only_announced_streams_fits_best(letter: str) -> None:
    made = demultiplexer(OVER_GPB, OVER_ASN1, readers=both(letter))
    assert units_of(made, b"anything") == [("1", 2)]


def test_of_two_readings_the_one_with_the_right_number_of_values_fits_best() -> None:
    def counted(count: int) -> Callable[[bytes], list[Unit]]:
        return lambda _: [(StreamId("1"), count)]

    for gpb, asn1 in ((3, 2), (2, 3)):
        readers = {Family.PDSU_GPB: counted(gpb), Family.PDSU_ASN1: counted(asn1)}
        made = demultiplexer(OVER_GPB, OVER_ASN1, readers=readers)
        assert units_of(made, b"anything") == [("1", 2)]
    wrong = {Family.PDSU_GPB: counted(3), Family.PDSU_ASN1: counted(4)}
    assert units_of(demultiplexer(OVER_GPB, OVER_ASN1, readers=wrong), b"any") == [("1", 3)]


def test_when_no_reading_names_announced_streams_the_first_is_taken() -> None:
    made = demultiplexer(OVER_GPB, OVER_ASN1)
    assert units_of(made, frame("x", (9, 2), letter="A")) == [("9", 2)]
    made = demultiplexer(OVER_GPB, OVER_ASN1, readers=both("neither"))
    assert units_of(made, b"anything") == [("9", 2)]


def test_the_only_stream_without_a_reader_gets_what_no_reader_knows() -> None:
    made = demultiplexer(OVER_GPB, VENDOR)
    assert units_of(made, b"Z;") == [("V1", ANY_COUNT)]
    assert units_of(made, frame("x", (9, 2))) == [("V1", ANY_COUNT)]
    assert units_of(made, frame("x", (1, 2))) == [("1", 2)]
    assert units_of(demultiplexer(VENDOR), b"Z;") == [("V1", ANY_COUNT)]


def test_of_several_streams_without_a_reader_none_can_be_chosen() -> None:
    made = demultiplexer(VENDOR, ANALYTICS)
    with pytest.raises(Undecodable, match="of this connection could be meant: V1, A1"):
        made.read(b"Z;")


def test_an_unknown_stream_in_a_known_format_is_better_than_no_choice() -> None:
    made = demultiplexer(OVER_GPB, VENDOR, ANALYTICS)
    assert units_of(made, frame("x", (9, 2))) == [("9", 2)]


@pytest.mark.parametrize("others", [(), (OVER_GPB,), (VENDOR,), (VENDOR, ANALYTICS)])
def test_what_a_reader_finds_to_have_no_units_is_a_keep_alive(
    others: tuple[StreamInfo, ...],
) -> None:
    assert list(demultiplexer(OVER_ASN1, *others).read(b"A;")) == []


def test_a_connection_without_streams_has_no_payloads() -> None:
    with pytest.raises(Undecodable, match="no stream of this connection"):
        demultiplexer().read(frame("x"))


def test_a_family_without_a_reader_is_opaque() -> None:
    made = demultiplexer(OVER_GPB, readers={})
    assert units_of(made, frame("x")) == [("1", ANY_COUNT)]


# --- opaque payloads that name their stream -------------------------------------------------------

NAMING: Readers = {**READERS, Family.OPAQUE: opaque_reader}


def test_an_opaque_payload_may_name_its_stream() -> None:
    made = demultiplexer(OVER_GPB, VENDOR, ANALYTICS, readers=NAMING)
    assert made.reading(b"OA1") == (Family.OPAQUE, [("A1", ANY_COUNT)])
    assert units_of(made, b"OV1") == [("V1", ANY_COUNT)]
    assert units_of(made, frame("x", (1, 2))) == [("1", 2)]


@pytest.mark.parametrize("payload", [b"OX9", b"Z;"])
def test_an_opaque_payload_that_names_none_belongs_to_the_only_opaque_stream(
    payload: bytes,
) -> None:
    assert units_of(demultiplexer(OVER_GPB, VENDOR, readers=NAMING), payload) == [("V1", ANY_COUNT)]
    with pytest.raises(Undecodable, match="several streams"):
        demultiplexer(VENDOR, ANALYTICS, readers=NAMING).read(payload)


# --- names of traces ------------------------------------------------------------------------------

REFERENCE, WITH_DIFFERENTIATOR = "26F452550021", "4358070034D701"


def traces(*stream_ids: str) -> dict[StreamId, StreamInfo]:
    return {StreamId(each): stream(each, StreamType.TRACE) for each in stream_ids}


def test_records_may_name_a_trace_by_less_than_its_reference() -> None:
    made = demultiplexer(*traces(REFERENCE, WITH_DIFFERENTIATOR).values())
    for name, stream_id in (
        (REFERENCE, REFERENCE),
        ("550021", REFERENCE),
        (WITH_DIFFERENTIATOR, WITH_DIFFERENTIATOR),
        ("4358070034D7", WITH_DIFFERENTIATOR),
        ("0034D7", WITH_DIFFERENTIATOR),
        ("FFFFFF", "FFFFFF"),
    ):
        assert units_of(made, f"T{name}:0;".encode()) == [(stream_id, NO_VALUES)]


def test_a_trace_may_be_announced_in_small_letters() -> None:
    made = demultiplexer(*traces(REFERENCE.lower()).values())
    assert units_of(made, f"T{REFERENCE}:0;".encode()) == [(REFERENCE.lower(), NO_VALUES)]


@pytest.mark.parametrize(
    ("announced", "name", "meant"),
    [
        ((REFERENCE, "13F232550021"), "550021", "550021"),  # the Trace ID of two of them
        ((WITH_DIFFERENTIATOR, "4358070034D702"), "4358070034D7", "4358070034D7"),
        ((WITH_DIFFERENTIATOR, "4358070034D7"), "4358070034D7", "4358070034D7"),
        ((WITH_DIFFERENTIATOR,), "4358070034D702", "4358070034D702"),  # another recording
        ((REFERENCE,), REFERENCE + "01", REFERENCE),  # more than was announced
        ((REFERENCE.lower(),), REFERENCE + "01", REFERENCE.lower()),
        (("T1",), "T2", "T2"),
    ],
)
def test_a_name_that_could_mean_two_traces_means_none(
    announced: tuple[str, ...], name: str, meant: str
) -> None:
    assert trace_namer(traces(*announced))(StreamId(name)) == meant


def test_only_traces_have_other_names() -> None:
    named = trace_namer({StreamId(REFERENCE): stream(REFERENCE, StreamType.PROPRIETARY)})
    assert named(StreamId("550021")) == "550021"
