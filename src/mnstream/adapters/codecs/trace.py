"""Trace records in Google Protocol Buffers (TS 32.423 Annex G).

A message is one or more records, each behind a varint that gives its length. The standard leaves
two things open that the octets of each record settle:

* Which message is a record (contradiction 56)? In a StreamingTraceRecord, field 1 of its field 1 is
  the header, which is length-delimited. In a TraceRecord the same place has the time, which is a
  varint, or nothing when the time is 0. So where a header is found there, it is the former.
* Which field is the vendor's extension (57)? Field 9 of the header is an entry of the map when its
  second field is length-delimited, and a GlobalGnbId when that is a varint. Without one it is a
  GlobalGnbId whose number is 0 if its first field has the 3 octets of a PLMN, else an entry whose
  text is empty; few write that without its second field.

Two schemas read the same octets. Ingest asks only whose records these are, so ``read_records`` does
not look at the rest: damage there is found by ``decode_records``, when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Protocol, cast

from google.protobuf.message import DecodeError

from mnstream.adapters.codecs import trace_record_pb2 as pb
from mnstream.adapters.codecs.trace_values import (
    AdministrativeMessage,
    GlobalGnbId,
    HeaderGeneration,
    Outermost,
    TraceRecord,
    TraceRecordType,
    trace_stream_id,
)
from mnstream.core.errors import LocalProtocolError, Undecodable
from mnstream.core.streaming.multiplexing import NO_VALUES, Unit

CLAUSE = "TS 32.423 Annex G"

RECORDS_MAX = 65_536
"""Records of one message: 16 MiB, the longest message, of records of 256 octets."""
RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Octets of one record; no message is longer than that."""
TRACE_REFERENCE_OCTETS = range(3, 8)
"""From the Trace ID alone to PLMN, Trace ID and Trace Differentiator (contradiction 55)."""

_LENGTH_OCTETS_MAX = 5  # a varint of 32 bits, as every writer of delimited messages uses
_MORE = 0x80
_PLMN_OCTETS = 3


def read_records(payload: bytes) -> Sequence[Unit]:
    """Name the stream of each record, in order; the hot path.

    No octets mean no records: that is a keep-alive.

    Raises:
        Undecodable: Not a sequence of records that each have a header with a Trace Reference.
    """
    units: list[Unit] = []
    for number, body in _bodies(payload):
        reference, _ = _route(number, body)
        units.append((trace_stream_id(reference), NO_VALUES))
    return units


def decode_records(payload: bytes) -> tuple[TraceRecord, ...]:
    """Read the records of a message, in order.

    Fields that this version does not know are passed over. ``payload_size`` is not compared with
    the payload: the octets that came are what was traced. Sizes of the other identifiers are not
    checked either: GPB does not limit them.

    Raises:
        Undecodable: Not a sequence of records that each have a header with a Trace Reference; the
            text says which record, and what is wrong with it.
    """
    return tuple(_read_record(number, body) for number, body in _bodies(payload))


def encode_records(
    records: Iterable[TraceRecord],
    *,
    outermost: Outermost = Outermost.STREAMING_TRACE_RECORD,
    header: HeaderGeneration = HeaderGeneration.LATER,
) -> bytes:
    """Write records as one message; no records give no octets.

    Args:
        records: What to write.
        outermost: Which message a record is. G.2's is the one that has room for what an
            administrative record says, so it is what we send unless told otherwise.
        header: How the header is numbered. The later one carries everything; a reader of Rel-16
            passes over the extension of the vendor, and misreads a GlobalGnbId.

    Raises:
        LocalProtocolError: A record has something for which there is no room, or a number or text
            does not fit; the text says which record.
    """
    parts: list[bytes] = []
    for number, record in enumerate(records, start=1):
        if number > RECORDS_MAX:
            raise LocalProtocolError(f"more than {RECORDS_MAX} records", clause=CLAUSE)
        try:
            message = pb.StreamingTraceRecord()
            _write_record(message.record, record, header)
            if record.administrative is not None:
                if outermost is Outermost.TRACE_RECORD:
                    raise ValueError("a TraceRecord has no room for an administrative message")
                _write_administrative(message.administrative_message, record.administrative)
            whole = message if outermost is Outermost.STREAMING_TRACE_RECORD else message.record
            body = whole.SerializeToString(deterministic=True)
        except (ValueError, TypeError) as error:
            raise LocalProtocolError(f"record {number}: {error}", clause=CLAUSE) from error
        if len(body) > RECORD_BYTES_MAX:
            raise LocalProtocolError(f"record {number} has {len(body)} octets", clause=CLAUSE)
        parts += (_varint(len(body)), body)
    return b"".join(parts)


def _bodies(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a message into records and number them from 1."""
    at, number = 0, 0
    while at < len(payload):
        number += 1
        if number > RECORDS_MAX:
            raise Undecodable(f"more than {RECORDS_MAX} records", clause=CLAUSE)
        size, at = payload[at], at + 1
        if size >= _MORE:
            size, at = _read_length(payload, at - 1, number)
        if size > min(len(payload) - at, RECORD_BYTES_MAX):
            left = len(payload) - at
            raise _broken(number, f"it should have {size} octets, and {left} are left")
        yield number, payload[at : at + size]
        at += size


def _read_length(payload: bytes, at: int, number: int) -> tuple[int, int]:
    size = 0
    for place, octet in enumerate(payload[at : at + _LENGTH_OCTETS_MAX]):
        size |= octet % _MORE << 7 * place
        if not octet & _MORE:
            return size, at + place + 1
    raise _broken(number, "its length has no end")


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number >= _MORE:
        octets.append(number % _MORE | _MORE)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _route(number: int, body: bytes) -> tuple[bytes, Outermost]:
    """Find the Trace Reference, and which message it was found in."""
    try:
        first = pb.RoutedTraceRecord.FromString(body).first
    except DecodeError as error:
        raise _broken(number, str(error)) from error
    if first.HasField("header"):
        reference, outermost = first.header.trace_reference, Outermost.STREAMING_TRACE_RECORD
    else:
        reference, outermost = first.trace_reference, Outermost.TRACE_RECORD
    if len(reference) not in TRACE_REFERENCE_OCTETS:
        raise _broken(number, f"its Trace Reference has {len(reference)} octets")
    return reference, outermost


def _broken(number: int, what: str) -> Undecodable:
    return Undecodable(f"trace record {number}: {what}", clause=CLAUSE)


def _read_record(number: int, body: bytes) -> TraceRecord:
    reference, outermost = _route(number, body)
    administrative = None
    try:
        if outermost is Outermost.STREAMING_TRACE_RECORD:
            message = pb.StreamingTraceRecord.FromString(body)
            record = message.record
            administrative = _read_administrative(message.administrative_message)
        else:
            record = pb.TraceRecord.FromString(body)
        gnb_id, extension = _read_fields_9(record.header.field_9)
    except (DecodeError, UnicodeDecodeError) as error:
        raise _broken(number, str(error)) from error
    header = record.header
    return TraceRecord(
        time_stamp_ms=header.time_stamp,
        nf_instance_id=header.nf_instance_id,
        nf_type=header.nf_type,
        trace_reference=reference,
        trace_recording_session_ref=header.trace_recording_session_ref,
        record_type=header.trace_rec_type_id,
        ran_ue_id=header.ran_ue_id if header.HasField("ran_ue_id") else None,
        payload_schema_uri=header.payload_schema_uri,
        global_gnb_id=gnb_id,
        vendor_extension=extension | dict(header.vendor_extension),
        payload=record.payload.binary_payload,
        administrative=administrative,
    )


def _read_fields_9(fields: Sequence[bytes]) -> tuple[GlobalGnbId | None, dict[str, str]]:
    """Tell the two generations apart; what stands for either of them is taken for what it is."""
    gnb_id: GlobalGnbId | None = None
    extension: dict[str, str] = {}
    for octets in fields:
        entry = pb.Field9.FromString(octets)
        found = pb.GlobalGnbId.FromString(octets)
        is_gnb_id = found.HasField("gnb_id") or len(entry.key) == _PLMN_OCTETS
        if entry.HasField("value") or not is_gnb_id:
            extension[entry.key.decode()] = entry.value.decode()
        else:
            gnb_id = GlobalGnbId(found.plmn_identity, found.gnb_id)
    return gnb_id, extension


class _Extended(Protocol):
    """What all administrative messages have."""

    @property
    def vendor_extension(self) -> MutableMapping[str, str]: ...


_FIELD_OF_TYPE: dict[TraceRecordType, str] = {
    kind: kind.name.lower() for kind in TraceRecordType if kind is not TraceRecordType.NORMAL
}
_TYPE_OF_FIELD = {field: kind for kind, field in _FIELD_OF_TYPE.items()}


def _read_administrative(message: pb.CommonTracePayload) -> AdministrativeMessage | None:
    """Read what an administrative record says; None for what a later release adds."""
    field = message.WhichOneof("record_payload")
    if field is None:
        return None
    kind = _TYPE_OF_FIELD[field]
    dropped = kind is TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS
    not_started = kind is TraceRecordType.TRACE_RECORDING_SESSION_NOT_STARTED
    return AdministrativeMessage(
        name=kind,
        number_of_dropped_events=(
            message.trace_recording_session_dropped_events.number_of_dropped_events
            if dropped
            else None
        ),
        reason=message.trace_recording_session_not_started.reason if not_started else None,
        vendor_extension=dict(cast("_Extended", getattr(message, field)).vendor_extension),
    )


def _write_record(
    message: pb.TraceRecord, record: TraceRecord, generation: HeaderGeneration
) -> None:
    if len(record.trace_reference) not in TRACE_REFERENCE_OCTETS:
        raise ValueError(f"a Trace Reference has no {len(record.trace_reference)} octets")
    header = message.header
    header.time_stamp = record.time_stamp_ms
    header.nf_instance_id = record.nf_instance_id
    header.nf_type = record.nf_type
    header.trace_reference = record.trace_reference
    header.trace_recording_session_ref = record.trace_recording_session_ref
    header.trace_rec_type_id = cast("pb.TraceRecordType", record.record_type)
    if record.ran_ue_id is not None:
        header.ran_ue_id = record.ran_ue_id
    header.payload_schema_uri = record.payload_schema_uri
    _write_fields_9(header, record, generation)
    if record.payload:
        message.payload.payload_size = len(record.payload)
        message.payload.binary_payload = record.payload


def _write_fields_9(
    header: pb.TraceRecordHeader, record: TraceRecord, generation: HeaderGeneration
) -> None:
    gnb_id = record.global_gnb_id
    if generation is HeaderGeneration.LATER:
        _write_extension(header.vendor_extension, record.vendor_extension)
        if gnb_id is not None:
            field = pb.GlobalGnbId(plmn_identity=gnb_id.plmn_identity, gnb_id=gnb_id.gnb_id)
            header.field_9.append(field.SerializeToString())
        return
    if gnb_id is not None:
        raise ValueError("the header of Rel-16 has no room for a GlobalGnbId")
    for key, value in sorted(record.vendor_extension.items()):
        entry = pb.Field9(key=key.encode(), value=value.encode())
        header.field_9.append(entry.SerializeToString())


def _write_administrative(message: pb.CommonTracePayload, said: AdministrativeMessage) -> None:
    field = _FIELD_OF_TYPE.get(said.name)
    if field is None:
        raise ValueError("NORMAL is no administrative message")
    inner = getattr(message, field)
    inner.SetInParent()
    if said.number_of_dropped_events is not None:
        if said.name is not TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS:
            raise ValueError(f"{said.name.name} drops no events")
        inner.number_of_dropped_events = said.number_of_dropped_events
    if said.reason is not None:
        if said.name is not TraceRecordType.TRACE_RECORDING_SESSION_NOT_STARTED:
            raise ValueError(f"{said.name.name} has no reason")
        inner.reason = said.reason
    _write_extension(cast("_Extended", inner).vendor_extension, said.vendor_extension)


def _write_extension(written: MutableMapping[str, str], given: Mapping[str, str]) -> None:
    for key, value in given.items():
        written[key] = value
