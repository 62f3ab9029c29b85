"""From frames to units with names."""

from dataclasses import dataclass, replace
from pathlib import Path

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.opaque import Decoded
from mnstream.adapters.codecs.per_writing import encode_pdsus as encode_per
from mnstream.adapters.codecs.trace import encode_records
from mnstream.adapters.codecs.trace_values import TraceRecord, TraceRecordType
from mnstream.adapters.codecs.values import MeasValue, PerformanceDataStreamUnit
from mnstream.adapters.storage import Hole, StoredUnit, stored_units
from mnstream.core.records import Disposition
from mnstream.core.values import (
    AnalyticsInfo,
    Json,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
    VsDataContainer,
)
from mnstream.testing.logs import STREAMS, changed, established, performance_stream
from tests.adapters.storage.helpers import frame, only_segment, write

FIVE = performance_stream("5", "a", "b")
SIX = performance_stream("6", "c")


def pdsus(**values: tuple[MeasValue, ...]) -> bytes:
    return encode_pdsus(
        PerformanceDataStreamUnit(
            stream_id=int(stream_id.removeprefix("s")),
            granularity_period_end_time_ns=10**18,
            standardized=standardized,
        )
        for stream_id, standardized in values.items()
    )


def units(path: Path, **options: object) -> list[StoredUnit]:
    return list(stored_units(path, **options))  # type: ignore[arg-type] # passed on


def told(unit: StoredUnit) -> tuple[object, ...]:
    return (unit.stream_id, unit.kind, unit.cause, unit.values)


def test_a_unit_has_the_names_that_were_in_force(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            [established("x", 1, [FIVE]), frame(pdsus(s5=(1, 2.5)), 1000)],
            [changed("x", 2, added=[performance_stream("5", "b", "a")], removed=["5"])],
            [frame(pdsus(s5=(1, 2.5)), 2000, 2)],
        ],
    )
    first, second = units(tmp_path)
    assert first.measured is not None
    assert first.measured.standardized == (1, 2.5)
    assert replace(first, measured=None) == StoredUnit(
        position=1,
        connection_id=established("x", 1).connection_id,
        producer_id=established("x", 1).producer_id,
        stream_id=StreamId("5"),
        stream_info=FIVE,
        received_ms=1000,
        time_ns=10**18,
        object_dn="SubNetwork=1,ManagedElement=\u00e9",
        values={"a": 1, "b": 2.5},
        kind="",
        cause="",
        detail="",
        payload=pdsus(s5=(1, 2.5)),
    )
    assert second.values == {"b": 1, "a": 2.5}


def test_each_unit_of_a_frame_is_judged_by_itself(tmp_path: Path) -> None:
    payload = pdsus(s5=(1, 2), s7=(3,), s6=(4, 5))
    stored = frame(payload, disposition=Disposition.QUARANTINED, cause="unknownStream")
    write(tmp_path, [[established("x", 1, [FIVE, SIX]), stored]])
    assert [told(unit) for unit in units(tmp_path)] == [
        ("5", "", "", {"a": 1, "b": 2}),
        ("7", "quarantined", "unknownStream", None),
        ("6", "quarantined", "wrongValueCount", None),
    ]
    assert units(tmp_path)[2].detail == "2 values for 1 performance metrics"


def test_duplicates_and_keep_alives_are_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            [
                established("x", 1, [FIVE]),
                frame(pdsus(s5=(1, 2)), disposition=Disposition.DUPLICATE),
                frame(b"", disposition=Disposition.KEEP_ALIVE),
            ]
        ],
    )
    assert [told(unit) for unit in units(tmp_path)] == [
        ("5", "duplicate", "", {"a": 1, "b": 2}),
        (None, "keep-alive", "", None),
    ]


def test_undecodable_frames_keep_their_bytes(tmp_path: Path) -> None:
    stored = frame(b"\xff\xff", disposition=Disposition.QUARANTINED, cause="undecodable")
    write(tmp_path, [[established("x", 1, [FIVE]), stored]])
    (unit,) = units(tmp_path)
    assert told(unit) == (None, "quarantined", "undecodable", None)
    assert unit.payload == b"\xff\xff"
    assert "PDSUs" in unit.detail


def test_other_families_are_opaque(tmp_path: Path) -> None:
    vendor = STREAMS[4]
    write(
        tmp_path,
        [
            [
                established("x", 1, [FIVE, vendor]),
                frame(b"\xffvendor"),
                frame(pdsus(s7=(1,))),
                frame(pdsus(s5=(1, 2))),
            ],
            [established("y", 2, STREAMS[2:5]), frame(b"\xffwhose?", version=2)],
        ],
    )
    assert [told(unit) for unit in units(tmp_path)] == [
        ("vendor", "", "", None),
        ("vendor", "", "", None),
        ("5", "", "", {"a": 1, "b": 2}),
        (None, "quarantined", "undecodable", None),
    ]


def test_damage_that_swallowed_the_streams_leaves_the_frame(tmp_path: Path) -> None:
    write(tmp_path, [[established("x", 1, [FIVE])], [frame(pdsus(s5=(1, 2)))]])
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"ManagedElement")] ^= 1
    path.write_bytes(bytes(data))
    holes: list[Hole] = []
    (unit,) = units(tmp_path, on_hole=holes.append)
    assert told(unit) == (None, "quarantined", "unknownStream", None)
    assert unit.connection_id is None
    assert [(hole.first_position, hole.last_position) for hole in holes] == [(0, 0)]


def test_that_a_frame_was_sent_again_is_no_reason_why_it_cannot_be_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            [
                established("x", 1, [FIVE]),
                frame(b"\xff", cause="sentAgain"),
                frame(b"\xff", version=9, cause="sentAgain"),
            ]
        ],
    )
    assert [told(unit) for unit in units(tmp_path)] == [
        (None, "quarantined", "undecodable", None),
        (None, "quarantined", "unknownStream", None),
    ]


def test_units_can_be_chosen(tmp_path: Path) -> None:
    frames = [frame(pdsus(s5=(number, 0), s6=(number,)), number) for number in range(10)]
    write(tmp_path, [[established("x", 1, [FIVE, SIX])], *([stored] for stored in frames)])
    assert len(units(tmp_path)) == 20
    assert {unit.stream_id for unit in units(tmp_path, stream_id="6")} == {"6"}
    assert [
        unit.received_ms for unit in units(tmp_path, stream_id="5", since_ms=3, until_ms=6)
    ] == [*(3, 4, 5)]
    assert [unit.stream_id for unit in units(tmp_path, limit=3)] == ["5", "6", "5"]
    assert units(tmp_path, limit=0) == []


# --- every type and format on one connection ------------------------------------------------------

IN_ASN1 = replace(performance_stream("8", "a", "b"), serialization_format=SerializationFormat.ASN1)
TRACE = StreamInfo(
    stream_id=StreamId("4358070034D7"),
    stream_type=StreamType.TRACE,
    serialization_format=SerializationFormat.GPB,
    additional_info=TraceInfo(attributes={}),
)
ANALYTICS = StreamInfo(
    stream_id=StreamId("coverage"),
    stream_type=StreamType.ANALYTICS,
    serialization_format=SerializationFormat.GPB,
    additional_info=AnalyticsInfo(activity_details="coverage"),
)
PROPRIETARY = StreamInfo(
    stream_id=StreamId("own"),
    stream_type=StreamType.PROPRIETARY,
    serialization_format=SerializationFormat.GPB,
    additional_info=VsDataContainer(),
)
RECORD = TraceRecord(
    time_stamp_ms=1_629_129_697_000,
    nf_instance_id="nf-1",
    nf_type="GNB_CU_CP",
    trace_reference=bytes.fromhex("4358070034D7"),
    payload_schema_uri="urn:x",
    payload=b"abc",
)
STOPPED = replace(RECORD, record_type=TraceRecordType.TRACE_SESSION_STOP, payload=b"")
ELSEWHERE = replace(RECORD, trace_reference=bytes.fromhex("0034D8"))


@dataclass
class Upper:
    """Decodes what is said to be urn:x, and what analytics says."""

    name: str = "upper"

    def claims(self, stream: StreamInfo, schema_uri: str) -> bool:
        return schema_uri == "urn:x" or stream.stream_type is StreamType.ANALYTICS

    def decode(self, payload: bytes) -> Json:
        return payload.decode("ascii").upper()


def write_all_types(path: Path) -> None:
    in_asn1 = PerformanceDataStreamUnit(
        stream_id=8, granularity_period_end_time_ns=10**18, standardized=(1, 2.5)
    )
    payloads = (
        pdsus(s5=(1, 2.5)),
        encode_per([in_asn1]),
        encode_records([RECORD, STOPPED, ELSEWHERE]),
        b'{"streamId": "coverage"}',
        b'{"streamId": "own"}',
    )
    streams = [FIVE, IN_ASN1, TRACE, ANALYTICS, PROPRIETARY]
    write(path, [[established("x", 1, streams), *(frame(each, 1000) for each in payloads)]])


def test_every_type_and_format_on_one_connection(tmp_path: Path) -> None:
    write_all_types(tmp_path)
    gpb, asn1, record, stopped, elsewhere, analytics, own = units(tmp_path)
    assert told(gpb) == ("5", "", "", {"a": 1, "b": 2.5})
    assert told(asn1) == ("8", "", "", {"a": 1, "b": 2.5})
    assert told(record) == ("4358070034D7", "", "", None)
    assert (record.record, record.time_ns) == (RECORD, 1_629_129_697 * 10**9)
    assert told(stopped) == ("4358070034D7", "administrative", "", None)
    assert told(elsewhere) == ("0034D8", "quarantined", "unknownStream", None)
    assert elsewhere.record == ELSEWHERE
    assert (told(analytics), told(own)) == (("coverage", "", "", None), ("own", "", "", None))
    assert {each.decoded for each in (gpb, record, analytics)} == {None}


def test_codecs_of_a_user_read_what_they_claim(tmp_path: Path) -> None:
    write_all_types(tmp_path)
    decoded = {each.stream_id: each.decoded for each in units(tmp_path, codecs=[Upper()], limit=3)}
    assert decoded == {"5": None, "8": None, "4358070034D7": Decoded(codec="upper", value="ABC")}
    analytics, own = units(tmp_path, codecs=[Upper()])[-2:]
    assert analytics.decoded == Decoded(codec="upper", value='{"STREAMID": "COVERAGE"}')
    assert own.decoded is None


def test_what_a_conversion_kept_is_nobodys_data(tmp_path: Path) -> None:
    kept = frame(pdsus(s8=(1, None)), disposition=Disposition.QUARANTINED, cause="unconvertible")
    write(tmp_path, [[established("x", 1, [IN_ASN1, ANALYTICS]), kept]])
    (unit,) = units(tmp_path)
    assert told(unit) == (None, "quarantined", "unconvertible", None)


def test_a_record_may_name_its_trace_by_the_trace_id_alone(tmp_path: Path) -> None:
    short = replace(RECORD, trace_reference=bytes.fromhex("0034D7"))
    write(tmp_path, [[established("x", 1, [TRACE]), frame(encode_records([short]))]])
    assert [told(unit) for unit in units(tmp_path)] == [("4358070034D7", "", "", None)]
