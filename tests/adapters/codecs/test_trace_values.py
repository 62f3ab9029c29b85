"""Trace records as people read them."""

import pytest

from mnstream.adapters.codecs.trace_values import (
    AdministrativeMessage,
    GlobalGnbId,
    TraceRecord,
    TraceRecordType,
    record_json,
)

REFERENCE = bytes.fromhex("13f232000056")
BARE = TraceRecord(time_stamp_ms=0, nf_instance_id="", nf_type="", trace_reference=REFERENCE)


def test_the_stream_is_the_trace_reference_in_capitals() -> None:
    assert BARE.stream_id == "13F232000056"


@pytest.mark.parametrize("kind", TraceRecordType)
def test_everything_but_normal_is_administrative(kind: TraceRecordType) -> None:
    record = TraceRecord(
        time_stamp_ms=0, nf_instance_id="", nf_type="", trace_reference=b"abc", record_type=kind
    )
    assert record.is_administrative is (kind is not TraceRecordType.NORMAL)


def test_a_message_makes_a_record_administrative_whatever_its_type() -> None:
    message = AdministrativeMessage(name=TraceRecordType.TRACE_SESSION_START)
    record = TraceRecord(
        time_stamp_ms=0,
        nf_instance_id="",
        nf_type="",
        trace_reference=b"abc",
        administrative=message,
    )
    assert record.is_administrative


def test_what_is_absent_is_left_out() -> None:
    assert record_json(BARE) == {
        "timeStamp": "1970-01-01T00:00:00Z",
        "traceReference": "13F232000056",
        "traceRecordTypeId": "NORMAL",
    }


def test_everything_is_shown_under_the_names_of_the_standard() -> None:
    record = TraceRecord(
        time_stamp_ms=1_629_129_697_123,
        nf_instance_id="nf-1",
        nf_type="GNB_CU_CP",
        trace_reference=REFERENCE,
        trace_recording_session_ref=b"\x09\x1a",
        record_type=99,
        ran_ue_id=bytes(7) + b"\xab",
        payload_schema_uri="https://example.com/schema",
        global_gnb_id=GlobalGnbId(b"\x04\xf5\x93", 300),
        vendor_extension={"k": "v"},
        payload=b"abc",
        administrative=AdministrativeMessage(
            name=TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS,
            number_of_dropped_events=0,
            vendor_extension={"x": "y"},
        ),
    )
    assert record_json(record) == {
        "timeStamp": "2021-08-16T16:01:37.123Z",
        "nfInstanceId": "nf-1",
        "nfType": "GNB_CU_CP",
        "traceReference": "13F232000056",
        "traceRecordingSessionReference": "091A",
        "traceRecordTypeId": 99,
        "ranUeId": "00000000000000AB",
        "payloadSchemaUri": "https://example.com/schema",
        "globalGnbId": {"plmnIdentity": "04F593", "gnbId": 300},
        "vendorExtension": {"k": "v"},
        "payload": "YWJj",
        "administrativeMessage": {
            "name": "TRACE_RECORDING_SESSION_DROPPED_EVENTS",
            "numberOfDroppedEvents": 0,
            "vendorExtension": {"x": "y"},
        },
    }


def test_the_reason_why_a_session_did_not_start_is_shown() -> None:
    message = AdministrativeMessage(
        name=TraceRecordType.TRACE_RECORDING_SESSION_NOT_STARTED, reason="no resources"
    )
    record = TraceRecord(
        time_stamp_ms=0,
        nf_instance_id="",
        nf_type="",
        trace_reference=b"abc",
        record_type=message.name,
        administrative=message,
    )
    assert record_json(record)["administrativeMessage"] == {
        "name": "TRACE_RECORDING_SESSION_NOT_STARTED",
        "reason": "no resources",
    }
