"""Trace records: the vectors, both generations in both messages, every doubt, and garbage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnstream.adapters.codecs import trace
from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.trace import (
    TRACE_REFERENCE_OCTETS,
    decode_records,
    encode_records,
    read_records,
)
from mnstream.adapters.codecs.trace_values import (
    AdministrativeMessage,
    GlobalGnbId,
    HeaderGeneration,
    Outermost,
    TraceRecord,
    TraceRecordType,
)
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.core.errors import LocalProtocolError, Undecodable
from mnstream.core.streaming.multiplexing import NO_VALUES
from tests.adapters.codecs.strategies import INT64, TEXT, units

# Made with protoc and the schema of 32.423 Annex G.2; each begins with its length.
PLAIN = bytes.fromhex(
    "2f0a2408e8cdc9fdb42f12046e662d311a09474e425f43555f435022064358070034d72a02091112070803"
    "1203616263"
)
STREAMING = bytes.fromhex(
    "310a2f0a2408e8cdc9fdb42f12046e662d311a09474e425f43555f435022064358070034d72a0209111207"
    "08031203616263"
)
HEARTBEAT = bytes.fromhex(
    "2e0a280a2608e8cdc9fdb42f12046e662d311a09474e425f43555f435022064358070034d72a020911300512022a00"
)
REFERENCE = bytes.fromhex("4358070034D7")
RECORD = TraceRecord(
    time_stamp_ms=1_629_129_697_000,
    nf_instance_id="nf-1",
    nf_type="GNB_CU_CP",
    trace_reference=REFERENCE,
    trace_recording_session_ref=b"\x09\x11",
    payload=b"abc",
)
HEARTBEAT_RECORD = replace(
    RECORD,
    payload=b"",
    record_type=TraceRecordType.TRACE_STREAM_HEARTBEAT,
    administrative=AdministrativeMessage(name=TraceRecordType.TRACE_STREAM_HEARTBEAT),
)
UNIT = ("4358070034D7", NO_VALUES)
BOTH_MESSAGES = pytest.mark.parametrize("outermost", Outermost)
BOTH_HEADERS = pytest.mark.parametrize("header", HeaderGeneration)


def field(number: int, content: bytes) -> bytes:
    """Write a length-delimited field of fewer than 128 octets."""
    return bytes([number << 3 | 2, len(content)]) + content


def delimited(body: bytes) -> bytes:
    return bytes([len(body)]) + body


def wrapped(header: bytes, outermost: Outermost) -> bytes:
    """Make a message of one record, of which the header is given."""
    record = field(1, header)
    whole = record if outermost is Outermost.TRACE_RECORD else field(1, record)
    return delimited(whole)


@pytest.mark.parametrize(
    ("vector", "record", "outermost"),
    [
        (PLAIN, RECORD, Outermost.TRACE_RECORD),
        (STREAMING, RECORD, Outermost.STREAMING_TRACE_RECORD),
        (HEARTBEAT, HEARTBEAT_RECORD, Outermost.STREAMING_TRACE_RECORD),
    ],
)
def test_vectors(vector: bytes, record: TraceRecord, outermost: Outermost) -> None:
    assert decode_records(vector) == (record,)
    assert list(read_records(vector)) == [UNIT]
    assert encode_records([record], outermost=outermost) == vector


def test_records_stand_back_to_back_and_each_settles_its_own_form() -> None:
    assert decode_records(PLAIN + HEARTBEAT + STREAMING) == (RECORD, HEARTBEAT_RECORD, RECORD)
    assert list(read_records(PLAIN + HEARTBEAT + STREAMING)) == [UNIT] * 3


def test_no_octets_are_a_keep_alive_and_not_an_error() -> None:
    assert decode_records(b"") == ()
    assert list(read_records(b"")) == []
    assert encode_records([]) == b""


@pytest.mark.parametrize("vector", [PLAIN, STREAMING, HEARTBEAT, PLAIN + STREAMING])
def test_every_truncation_is_refused(vector: bytes) -> None:
    for end in range(1, len(vector)):
        part = vector[:end]
        if part == PLAIN:
            continue
        with pytest.raises(Undecodable, match=r"trace record [12]: "):
            decode_records(part)
        with pytest.raises(Undecodable):
            read_records(part)


@BOTH_MESSAGES
@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\x22\x06" + REFERENCE, id="no time: 0 is left out"),
        pytest.param(b"\x22\x06" + REFERENCE + b"\x08\x00", id="time behind the rest"),
        pytest.param(b"\x1a\x01\x78\x08\x00\x22\x06" + REFERENCE, id="time in the middle"),
        pytest.param(b"\xa8\x06\x01\x22\x06" + REFERENCE + b"\xf2\x06\x01x", id="unknown fields"),
    ],
)
def test_the_message_is_told_without_its_time(header: bytes, outermost: Outermost) -> None:
    payload = wrapped(header, outermost)
    (record,) = decode_records(payload)
    assert (record.trace_reference, record.time_stamp_ms) == (REFERENCE, 0)
    assert list(read_records(payload)) == [UNIT]


def test_fields_of_the_outermost_message_may_come_in_any_order() -> None:
    header = field(1, b"\x08\x05" + field(4, REFERENCE))
    payload = field(2, field(2, b"abc"))
    (plain,) = decode_records(delimited(payload + header))
    assert (plain.time_stamp_ms, plain.payload) == (5, b"abc")
    heartbeat = field(2, field(5, b""))
    (streaming,) = decode_records(delimited(heartbeat + field(1, payload + header)))
    assert (streaming.time_stamp_ms, streaming.payload) == (5, b"abc")
    assert streaming.administrative == HEARTBEAT_RECORD.administrative


@BOTH_MESSAGES
@pytest.mark.parametrize("octets", range(10))
def test_a_trace_reference_has_3_to_7_octets(octets: int, outermost: Outermost) -> None:
    payload = wrapped(b"\x08\x01" + (field(4, bytes(octets)) if octets else b""), outermost)
    if octets in TRACE_REFERENCE_OCTETS:
        assert decode_records(payload)[0].stream_id == "00" * octets
        assert list(read_records(payload)) == [("00" * octets, NO_VALUES)]
        return
    with pytest.raises(Undecodable, match=f"record 1: its Trace Reference has {octets} octets"):
        decode_records(payload)
    with pytest.raises(Undecodable):
        read_records(payload)


@BOTH_MESSAGES
@pytest.mark.parametrize(
    ("field_9", "gnb_id", "extension"),
    [
        pytest.param("0a016b120176", None, {"k": "v"}, id="entry of Rel-16"),
        pytest.param("0a03616263120176", None, {"abc": "v"}, id="entry with a key of 3 octets"),
        pytest.param("0a016b", None, {"k": ""}, id="entry without its empty text"),
        pytest.param("120176", None, {"": "v"}, id="entry without its empty key"),
        pytest.param("", None, {"": ""}, id="entry of empty texts"),
        pytest.param("0a0304f59310ac02", GlobalGnbId(b"\x04\xf5\x93", 300), {}, id="later"),
        pytest.param("0a0304f593", GlobalGnbId(b"\x04\xf5\x93", 0), {}, id="later, 0 left out"),
        pytest.param("1001", GlobalGnbId(b"", 1), {}, id="later, no PLMN"),
    ],
)
def test_field_9_is_what_its_second_field_says(
    field_9: str, gnb_id: GlobalGnbId | None, extension: dict[str, str], outermost: Outermost
) -> None:
    header = field(4, REFERENCE) + field(9, bytes.fromhex(field_9))
    (record,) = decode_records(wrapped(header, outermost))
    assert (record.global_gnb_id, record.vendor_extension) == (gnb_id, extension)


def test_several_entries_of_rel_16_and_one_of_the_later_generation_beside_a_gnb_id() -> None:
    first, second = bytes.fromhex("0a016b120176"), bytes.fromhex("0a016c120177")
    rel16 = field(4, REFERENCE) + field(9, first) + field(9, second)
    later = field(4, REFERENCE) + field(9, bytes.fromhex("1001")) + field(10, first)
    payload = wrapped(rel16, Outermost.TRACE_RECORD) + wrapped(later, Outermost.TRACE_RECORD)
    one, other = decode_records(payload)
    assert (one.global_gnb_id, one.vendor_extension) == (None, {"k": "v", "l": "w"})
    assert (other.global_gnb_id, other.vendor_extension) == (GlobalGnbId(b"", 1), {"k": "v"})


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(field(4, REFERENCE) + field(2, b"\xff"), id="nf_instance_id no UTF-8"),
        pytest.param(field(4, REFERENCE) + field(9, b"\x0a\x01\xff\x12\x00"), id="key no UTF-8"),
        pytest.param(field(4, REFERENCE) + field(9, b"\x0a"), id="field 9 cut off"),
    ],
)
def test_damage_beside_the_reference_is_found_by_who_looks(header: bytes) -> None:
    payload = wrapped(header, Outermost.TRACE_RECORD)
    assert list(read_records(payload)) == [UNIT]
    with pytest.raises(Undecodable, match="trace record 1: "):
        decode_records(payload)


def test_a_type_and_a_message_of_a_later_release_are_kept_and_passed_over() -> None:
    header = field(4, REFERENCE) + b"\x30\x63"
    payload = delimited(field(1, field(1, header)) + field(2, field(8, b"")))
    (record,) = decode_records(payload)
    assert (record.record_type, record.administrative) == (99, None)
    assert record.is_administrative


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x00", id="empty record"),
        pytest.param(b"\x80" * 5 + PLAIN, id="length without an end"),
        pytest.param(b"\xff\xff\xff\xff\x0f" + PLAIN, id="4 GiB"),
        pytest.param(PLAIN + b"\x00", id="something behind the last record"),
        pytest.param(PLAIN[1:], id="no length"),
    ],
)
def test_what_is_no_sequence_of_records_is_refused(payload: bytes) -> None:
    with pytest.raises(Undecodable, match="trace record"):
        decode_records(payload)
    with pytest.raises(Undecodable, match="trace record"):
        read_records(payload)


def test_the_number_and_the_size_of_records_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "RECORDS_MAX", 2)
    assert len(read_records(PLAIN * 2)) == 2
    with pytest.raises(Undecodable, match="more than 2 records"):
        read_records(PLAIN * 3)
    with pytest.raises(LocalProtocolError, match="more than 2 records"):
        encode_records([RECORD] * 3)
    monkeypatch.setattr(trace, "RECORD_BYTES_MAX", len(PLAIN) - 2)
    with pytest.raises(Undecodable, match="record 1: it should have 47 octets"):
        decode_records(PLAIN)
    with pytest.raises(LocalProtocolError, match="record 1 has 47 octets"):
        encode_records([RECORD], outermost=Outermost.TRACE_RECORD)


@given(st.lists(units(), min_size=1, max_size=4))
def test_performance_data_is_never_taken_for_a_trace(
    given_units: list[PerformanceDataStreamUnit],
) -> None:
    with pytest.raises(Undecodable):
        read_records(encode_pdsus(given_units))


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (replace(RECORD, trace_reference=b"12"), "a Trace Reference has no 2 octets"),
        (replace(RECORD, time_stamp_ms=2**63), ""),
        (replace(RECORD, record_type=2**31), ""),
        (replace(RECORD, nf_type="\ud800"), ""),
        (replace(RECORD, vendor_extension={"k": "\ud800"}), ""),
        (replace(RECORD, global_gnb_id=GlobalGnbId(b"", 2**63)), ""),
        (
            replace(RECORD, administrative=AdministrativeMessage(name=TraceRecordType.NORMAL)),
            "NORMAL is no administrative message",
        ),
        (
            replace(
                RECORD,
                administrative=AdministrativeMessage(
                    name=TraceRecordType.TRACE_STREAM_HEARTBEAT, number_of_dropped_events=1
                ),
            ),
            "TRACE_STREAM_HEARTBEAT drops no events",
        ),
        (
            replace(
                RECORD,
                administrative=AdministrativeMessage(
                    name=TraceRecordType.TRACE_STREAM_HEARTBEAT, reason=""
                ),
            ),
            "TRACE_STREAM_HEARTBEAT has no reason",
        ),
    ],
)
@BOTH_HEADERS
def test_what_cannot_be_written_is_named(
    record: TraceRecord, problem: str, header: HeaderGeneration
) -> None:
    with pytest.raises(LocalProtocolError, match=f"^record 2: .*{problem}"):
        encode_records([RECORD, record], header=header)


def test_what_a_chosen_form_has_no_room_for_is_named() -> None:
    with pytest.raises(LocalProtocolError, match="record 1: a TraceRecord has no room"):
        encode_records([HEARTBEAT_RECORD], outermost=Outermost.TRACE_RECORD)
    record = replace(RECORD, global_gnb_id=GlobalGnbId(b"abc", 1))
    with pytest.raises(LocalProtocolError, match="record 1: the header of Rel-16 has no room"):
        encode_records([record], header=HeaderGeneration.REL16)


EXTENSION = st.dictionaries(TEXT, TEXT, max_size=3)


@st.composite
def administrative_messages(draw: st.DrawFn) -> AdministrativeMessage:
    name = draw(st.sampled_from([kind for kind in TraceRecordType if kind]))
    dropped = name is TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS
    not_started = name is TraceRecordType.TRACE_RECORDING_SESSION_NOT_STARTED
    return AdministrativeMessage(
        name=name,
        number_of_dropped_events=draw(INT64) if dropped else None,
        reason=draw(TEXT) if not_started else None,
        vendor_extension=draw(EXTENSION),
    )


@st.composite
def records(draw: st.DrawFn, outermost: Outermost, header: HeaderGeneration) -> TraceRecord:
    rel16 = header is HeaderGeneration.REL16
    plain = outermost is Outermost.TRACE_RECORD
    gnb_ids = st.builds(GlobalGnbId, st.binary(max_size=4), INT64)
    return TraceRecord(
        time_stamp_ms=draw(st.just(0) | INT64),
        nf_instance_id=draw(TEXT),
        nf_type=draw(TEXT),
        trace_reference=draw(st.binary(min_size=3, max_size=7)),
        trace_recording_session_ref=draw(st.binary(max_size=2)),
        record_type=draw(st.sampled_from(TraceRecordType) | st.integers(-(2**31), 2**31 - 1)),
        ran_ue_id=draw(st.none() | st.binary(max_size=8)),
        payload_schema_uri=draw(TEXT),
        global_gnb_id=None if rel16 else draw(st.none() | gnb_ids),
        vendor_extension=draw(EXTENSION),
        payload=draw(st.binary(max_size=200)),
        administrative=None if plain else draw(st.none() | administrative_messages()),
    )


@BOTH_MESSAGES
@BOTH_HEADERS
@given(data=st.data())
def test_round_trip(data: st.DataObject, outermost: Outermost, header: HeaderGeneration) -> None:
    given_records = data.draw(st.lists(records(outermost, header), max_size=4))
    payload = encode_records(given_records, outermost=outermost, header=header)
    assert list(decode_records(payload)) == given_records
    assert list(read_records(payload)) == [(each.stream_id, NO_VALUES) for each in given_records]


def check_outcome(payload: bytes) -> None:
    try:
        routed = list(read_records(payload))
    except Undecodable:
        routed = None
    try:
        decoded = decode_records(payload)
    except Undecodable:
        return
    assert routed == [(record.stream_id, NO_VALUES) for record in decoded]


@given(
    st.binary(max_size=200)
    | st.binary(max_size=40).map(PLAIN.__add__)
    | st.binary(max_size=60).map(delimited)
    | st.binary(max_size=60).map(lambda inner: delimited(field(1, inner)))
)
@example(wrapped(b"\x0b" * 20 + b"\x0c" * 20, Outermost.STREAMING_TRACE_RECORD))
def test_any_bytes_are_records_or_undecodable(payload: bytes) -> None:
    check_outcome(payload)


@given(st.sampled_from([PLAIN, STREAMING, HEARTBEAT]), st.integers(0, 8 * 60))
def test_a_flipped_bit_gives_records_or_undecodable(vector: bytes, bit: int) -> None:
    octets = bytearray(vector)
    octets[bit // 8 % len(octets)] ^= 1 << bit % 8
    check_outcome(bytes(octets))
