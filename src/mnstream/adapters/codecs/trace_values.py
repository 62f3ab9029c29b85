"""What a record of a TRACE stream says (TS 32.423 5.2 and Annex G.2; O-RAN O1 Annex D).

One model for both outermost messages and both generations of the header. What the network function
traced is the ``payload``, which only ``payload_schema_uri`` explains; the rest is about the record.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from mnstream.adapters.codecs.values import time_text
from mnstream.core.values import Json, StreamId

_NS_PER_MS = 1_000_000


class TraceRecordType(IntEnum):
    """What a record is for; everything but NORMAL is administrative."""

    NORMAL = 0
    TRACE_SESSION_START = 1
    TRACE_SESSION_STOP = 2
    TRACE_RECORDING_SESSION_START = 3
    TRACE_RECORDING_SESSION_STOP = 4
    TRACE_STREAM_HEARTBEAT = 5
    TRACE_RECORDING_SESSION_DROPPED_EVENTS = 6
    TRACE_RECORDING_SESSION_NOT_STARTED = 7


class Outermost(Enum):
    """Which message a record is: G.1 names the one, G.2 ends with the other."""

    TRACE_RECORD = "TraceRecord"
    STREAMING_TRACE_RECORD = "StreamingTraceRecord"


class HeaderGeneration(Enum):
    """How the header of a record is numbered."""

    REL16 = "rel16"
    """vendor_extension is field 9, and there is no GlobalGnbId."""
    LATER = "later"
    """GlobalGnbId is field 9, vendor_extension is field 10."""


@dataclass(frozen=True, slots=True)
class GlobalGnbId:
    """The gNB that a record is about: PLMN (3 octets, TS 38.413) and its number there."""

    plmn_identity: bytes
    gnb_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrativeMessage:
    """What an administrative record says beside its header.

    Attributes:
        name: Which message it is; never NORMAL.
        number_of_dropped_events: Of TRACE_RECORDING_SESSION_DROPPED_EVENTS; None for the others.
        reason: Of TRACE_RECORDING_SESSION_NOT_STARTED; None for the others.
        vendor_extension: What the vendor adds.
    """

    name: TraceRecordType
    number_of_dropped_events: int | None = None
    reason: str | None = None
    vendor_extension: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecord:
    """One record.

    Attributes:
        time_stamp_ms: Milliseconds since the Unix epoch.
        nf_instance_id: Network function that recorded it.
        nf_type: What kind of one that is.
        trace_reference: 3 to 7 octets: Trace ID; with the PLMN before it; with the Trace
            Differentiator behind it (contradiction 55).
        trace_recording_session_ref: 2 octets, or none when it is about no recording session.
        record_type: A ``TraceRecordType``, or a number that a later release adds.
        ran_ue_id: 8 octets; None when it is about no UE.
        payload_schema_uri: What the payload is; "" when that does not matter.
        global_gnb_id: The gNB; None when the producer gave none.
        vendor_extension: What the vendor adds, for example ``oranUENodeIdentifiers``.
        payload: What was traced; ``b""`` when nothing was.
        administrative: What an administrative record says; None when it says nothing more.
    """

    time_stamp_ms: int
    nf_instance_id: str
    nf_type: str
    trace_reference: bytes
    trace_recording_session_ref: bytes = b""
    record_type: int = TraceRecordType.NORMAL
    ran_ue_id: bytes | None = None
    payload_schema_uri: str = ""
    global_gnb_id: GlobalGnbId | None = None
    vendor_extension: Mapping[str, str] = field(default_factory=dict[str, str])
    payload: bytes = b""
    administrative: AdministrativeMessage | None = None

    @property
    def stream_id(self) -> StreamId:
        """The stream: capital hexadecimal digits of the Trace Reference (TS 32.423 Annex B.1)."""
        return trace_stream_id(self.trace_reference)

    @property
    def is_administrative(self) -> bool:
        """Whether it is about the stream, not about what the stream is for."""
        return self.record_type != TraceRecordType.NORMAL or self.administrative is not None


def trace_stream_id(trace_reference: bytes) -> StreamId:
    """Give the stream that a Trace Reference names."""
    return StreamId(trace_reference.hex().upper())


def record_json(record: TraceRecord) -> dict[str, Json]:
    """Give a record as people and other programs read it; what is absent is left out.

    The names are those of TS 32.423 in camel case. ``timeStamp`` is RFC 3339 in UTC,
    ``traceRecordTypeId`` the name of the type, or its number when this version does not know it.
    Identifiers of octets become capital hexadecimal digits, ``payload`` becomes base64.
    ``administrativeMessage`` has ``name`` and what the message carries.
    """
    members: dict[str, Json] = {
        "timeStamp": time_text(record.time_stamp_ms * _NS_PER_MS),
        **_present("nfInstanceId", record.nf_instance_id),
        **_present("nfType", record.nf_type),
        "traceReference": record.stream_id,
        **_present(
            "traceRecordingSessionReference", record.trace_recording_session_ref.hex().upper()
        ),
        "traceRecordTypeId": _type_json(record.record_type),
    }
    if record.ran_ue_id is not None:
        members["ranUeId"] = record.ran_ue_id.hex().upper()
    members.update(_present("payloadSchemaUri", record.payload_schema_uri))
    if record.global_gnb_id is not None:
        members["globalGnbId"] = {
            "plmnIdentity": record.global_gnb_id.plmn_identity.hex().upper(),
            "gnbId": record.global_gnb_id.gnb_id,
        }
    members.update(_present("vendorExtension", dict(record.vendor_extension)))
    members.update(_present("payload", b64encode(record.payload).decode("ascii")))
    if record.administrative is not None:
        members["administrativeMessage"] = _administrative_json(record.administrative)
    return members


def _administrative_json(message: AdministrativeMessage) -> dict[str, Json]:
    members: dict[str, Json] = {"name": message.name.name}
    if message.number_of_dropped_events is not None:
        members["numberOfDroppedEvents"] = message.number_of_dropped_events
    if message.reason is not None:
        members["reason"] = message.reason
    members.update(_present("vendorExtension", dict(message.vendor_extension)))
    return members


def _type_json(record_type: int) -> Json:
    try:
        return TraceRecordType(record_type).name
    except ValueError:
        return record_type


def _present(name: str, value: str | dict[str, str]) -> dict[str, Json]:
    if isinstance(value, str):
        return {name: value} if value else {}
    members: dict[str, Json] = dict(value)
    return {name: members} if members else {}
