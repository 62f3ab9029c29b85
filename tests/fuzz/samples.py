"""Good inputs, from which fuzzing begins."""

from __future__ import annotations

from dataclasses import replace

from mnstream.adapters.codecs import gpb, per_writing
from mnstream.adapters.codecs.trace import encode_records
from mnstream.adapters.codecs.trace_values import (
    AdministrativeMessage,
    GlobalGnbId,
    HeaderGeneration,
    Outermost,
    TraceRecord,
    TraceRecordType,
)
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)
from mnstream.adapters.storage.format import Content, encode_block, encode_frame, encode_metadata
from mnstream.adapters.storage.segment_header import SegmentHeader, encode_segment_header
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.values import (
    AdditionalInfo,
    AnalyticsInfo,
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
)

_S = 1_000_000_000
_INDICES = (
    SubCounterIndex(IndexKind.SUM, "SUM"),
    SubCounterIndex(IndexKind.BIN_INDEX, 3),
    SubCounterIndex(IndexKind.QOS_5QI, 9),
    SubCounterIndex(IndexKind.QOS_QCI, -1),
    SubCounterIndex(IndexKind.CAUSE, 0),
    SubCounterIndex(IndexKind.STRING_INDEX, "x"),
    SubCounterIndex(IndexKind.PLMN, bytes.fromhex("435807")),
    SubCounterIndex(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff")),
)


def _unit(*values: MeasValue, vendor: tuple[MeasValue, ...] = ()) -> PerformanceDataStreamUnit:
    return PerformanceDataStreamUnit(
        stream_id=5,
        granularity_period_end_time_ns=1_629_129_697 * _S,
        standardized=values,
        vendor_specific=vendor,
    )


UNITS = (
    (),
    (_unit(7, 1.5, "x", SubCounter(_INDICES[1], 9)),),
    (_unit(0, -1, 127, 128, -129, 2**31, 2**62), _unit(0.0, -0.5, 1e300, 5e-324)),
    (_unit(*(SubCounter(index, None) for index in _INDICES)),),
    (_unit(SubCounter(_INDICES[6], SubCounter(_INDICES[7], 1)), vendor=("", "a" * 200)),),
    (_unit(*range(200)),),
)
GPB_FRAMES = [gpb.encode_pdsus(units) for units in UNITS]
PER_FRAMES = [per_writing.encode_pdsus(units) for units in UNITS]
_RECORD = TraceRecord(
    time_stamp_ms=1_629_129_697_000,
    nf_instance_id="nf-1",
    nf_type="GNB_CU_CP",
    trace_reference=bytes.fromhex("4358070034D7"),
    trace_recording_session_ref=bytes.fromhex("0911"),
    payload=b"abc",
)
_DROPPED = replace(
    _RECORD,
    record_type=TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS,
    ran_ue_id=bytes(8),
    payload_schema_uri="urn:x",
    vendor_extension={"a": "b"},
    administrative=AdministrativeMessage(
        name=TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS, number_of_dropped_events=3
    ),
)
_WITH_GNB = replace(_RECORD, global_gnb_id=GlobalGnbId(bytes.fromhex("04F593"), 7))
TRACE_FRAMES = [
    encode_records([_RECORD], outermost=Outermost.TRACE_RECORD),
    encode_records([_RECORD, _DROPPED], header=HeaderGeneration.REL16),
    encode_records([_WITH_GNB, _DROPPED]),
]
OPAQUE_FRAMES = [
    b'{"streamId": "1", "a": [1, {"b": null}]}',
    b"{}",
    b"\x00\x01",
    b'{"streamId": 1}',
]


def _stream(stream_id: str, kind: StreamType, form: SerializationFormat) -> StreamInfo:
    infos: dict[StreamType, AdditionalInfo] = {
        StreamType.PERFORMANCE: PerformanceInfo(
            meas_obj_dn="ManagedElement=1", performance_metrics=("a", "b", "c", "d")
        ),
        StreamType.TRACE: TraceInfo(attributes={"jobId": "1"}),
    }
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=kind,
        serialization_format=form,
        additional_info=infos.get(kind, AnalyticsInfo(activity_details="x")),
    )


GPB, ASN1 = SerializationFormat.GPB, SerializationFormat.ASN1
_STREAMS = (
    _stream("5", StreamType.PERFORMANCE, GPB),
    _stream("6", StreamType.PERFORMANCE, ASN1),
    _stream("4358070034D7", StreamType.TRACE, GPB),
    _stream("1", StreamType.ANALYTICS, GPB),
)
_C = ConnectionId("c")
_METADATA = (
    ConnectionEstablished(
        connection_id=_C,
        producer_id=ProducerId("p"),
        identity="",
        streams_version=1,
        stream_info_list=_STREAMS[:1],
        wall_ms=1,
    ),
    StreamsChanged(connection_id=_C, streams_version=2, added=_STREAMS[1:], removed=(), wall_ms=2),
)


def _frame(payload: bytes, disposition: Disposition = Disposition.DELIVERED) -> FrameStored:
    return FrameStored(
        streams_version=2, disposition=disposition, cause="", wall_ms=3, payload=payload
    )


_END = ConnectionEnded(connection_id=_C, ending=Ending.TERMINATED, wall_ms=4)
_RECORDS: tuple[tuple[Record, ...], ...] = (
    _METADATA,
    (_frame(GPB_FRAMES[1]), _frame(b"", Disposition.KEEP_ALIVE)),
    (*map(_frame, TRACE_FRAMES), _frame(PER_FRAMES[1], Disposition.QUARANTINED)),
    (_frame(OPAQUE_FRAMES[0]), _frame(GPB_FRAMES[1], Disposition.DUPLICATE), _END),
)


def _encoded(record: Record) -> bytes:
    return encode_frame(record) if isinstance(record, FrameStored) else encode_metadata(record)


def _capture(blocks: int) -> bytes:
    parts = [encode_segment_header(SegmentHeader(0, 1, 7))]
    position = 0
    for records in _RECORDS[:blocks]:
        parts.append(
            encode_block(
                map(_encoded, records),
                first_position=position,
                count=len(records),
                first_wall_ms=min(record.wall_ms for record in records),
                last_wall_ms=max(record.wall_ms for record in records),
                content=Content.MIXED,
                mark=7,
            )
        )
        position += len(records)
    return b"".join(parts)


CAPTURES = [_capture(blocks) for blocks in range(len(_RECORDS) + 1)]
RECORD_BODIES = [
    *(_encoded(record) for records in _RECORDS for record in records),
    bytes.fromhex("86260720038040"),  # a frame whose cause is a list, as fuzzing found
]
