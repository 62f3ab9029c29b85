"""Performance data stream units in Google Protocol Buffers (TS 28.550 Annex I, Rel-18).

Two schemas read the same bytes. Ingest asks only whose units these are and how many values each
has, so ``read_units`` leaves the values alone: damage inside a value is found by
``decode_pdsus``, when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from google.protobuf.message import DecodeError

from mnstream.adapters.codecs.pdsu_pb2 import PDSUs
from mnstream.adapters.codecs.pdsu_routing_pb2 import RoutedPDSUs
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from mnstream.core.errors import LocalProtocolError, Undecodable
from mnstream.core.streaming.multiplexing import RunCheck, Unit
from mnstream.core.values import StreamId

CLAUSE = "TS 28.550 Annex I"
NO_UNIT = "a message without a unit: only fields that this schema does not know"

_PDSU_FIELD = 0x0A  # field 1, length-delimited
_VARINT_BITS = 0x7F

SUB_COUNTER_DEPTH_MAX = 48
"""Dimensions of one value. protobuf reads 100 messages inside each other; each dimension is two."""

_Unit = PDSUs.PDSUType
_Value = PDSUs.PDSUType.MeasValue
_Index = PDSUs.PDSUType.SubCounterIndexType

_stream_id = cast("Callable[[int], StreamId]", str)
"""Canonical decimal of a stream number; a NewType called as a function would cost 50 ns a unit."""


def read_units(payload: bytes) -> Sequence[Unit]:
    """Name the stream and count the values of each unit; the hot path.

    No bytes mean no units: that is a keep-alive.

    Raises:
        Undecodable: Not a PDSUs message, or one in which nothing but unknown fields is.
    """
    try:
        message = RoutedPDSUs.FromString(payload)
    except DecodeError as error:
        raise Undecodable(f"not a PDSUs message: {error}", clause=CLAUSE) from error
    if payload and not message.pdsu:
        raise Undecodable(NO_UNIT, clause=CLAUSE)
    units: list[Unit] = []
    for unit in message.pdsu:
        count = len(unit.standardized_meas_results) + len(unit.vendor_specific_meas_results)
        units.append((_stream_id(unit.stream_id), count))
    return units


def check_units(expected: Mapping[StreamId, int]) -> RunCheck:
    """Make the quick check of a set of streams: ``read_units`` for many payloads at once.

    Messages of repeated fields can be joined: the units of the whole are those of the parts. What
    must not happen is that the end of one payload and the beginning of the next make a unit, so
    each has to consist of whole fields.

    Args:
        expected: Number of values of each stream, by its decimal identifier.
    """
    value_counts = {int(stream_id): count for stream_id, count in expected.items()}

    def check(payloads: Sequence[bytes]) -> bool:
        try:
            if not all(map(_is_whole, payloads)):
                return False
            message = RoutedPDSUs.FromString(b"".join(payloads))
        except (IndexError, DecodeError):
            return False
        for unit in message.pdsu:
            count = len(unit.standardized_meas_results) + len(unit.vendor_specific_meas_results)
            if value_counts.get(unit.stream_id) != count:
                return False
        return True

    return check


def _is_whole(payload: bytes) -> bool:
    """Tell whether a payload is one or more fields ``pdsu``, each of less than 16 KiB.

    Raises:
        IndexError: It ends within the head of a field.
    """
    at, end = 0, len(payload)
    while at < end:
        if payload[at] != _PDSU_FIELD:
            return False
        size = payload[at + 1]
        at += 2
        if size > _VARINT_BITS:
            high = payload[at]
            if high > _VARINT_BITS:
                return False
            size = (size & _VARINT_BITS) | high << 7
            at += 1
        at += size
    return at == end > 0


def decode_pdsus(payload: bytes) -> tuple[PerformanceDataStreamUnit, ...]:
    """Read the units of a message, in order.

    Sizes of PLMN and S-NSSAI are not checked: GPB does not limit them. Where a later release adds
    an alternative, it reads as an unknown one; a field beside those that are known is passed over.

    Raises:
        Undecodable: Not a PDSUs message, one in which nothing but unknown fields is, or
            sub-counters nested too deeply.
    """
    message = _parsed(payload)
    if payload and not message.pdsu:
        raise Undecodable(NO_UNIT, clause=CLAUSE)
    return tuple(
        PerformanceDataStreamUnit(
            stream_id=unit.stream_id,
            granularity_period_end_time_ns=_read_time(unit),
            standardized=tuple(map(_read_value, unit.standardized_meas_results)),
            vendor_specific=tuple(map(_read_value, unit.vendor_specific_meas_results)),
        )
        for unit in message.pdsu
    )


def holds_unknown_fields(payload: bytes) -> bool:
    """Tell whether there are fields in a message that ``decode_pdsus`` passes over, at any depth.

    Raises:
        Undecodable: Not a PDSUs message.
    """
    message = _parsed(payload)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size


def _parsed(payload: bytes) -> PDSUs:
    try:
        return PDSUs.FromString(payload)
    except DecodeError as error:
        raise Undecodable(f"not a PDSUs message: {error}", clause=CLAUSE) from error


def encode_pdsus(units: Iterable[PerformanceDataStreamUnit]) -> bytes:
    """Write units as one message; no units give no bytes.

    Raises:
        LocalProtocolError: A number does not fit (stream and integer values 64 bits, indices 32
            bits, signed), a text has no UTF-8 form, a value or index is of another type, or
            sub-counters nest deeper than ``SUB_COUNTER_DEPTH_MAX``.
    """
    message = PDSUs()
    try:
        for unit in units:
            _write_unit(message.pdsu.add(), unit)
        return message.SerializeToString()
    except (ValueError, TypeError) as error:
        raise LocalProtocolError(f"no PDSU in GPB: {error}", clause=CLAUSE) from error


def _read_time(unit: PDSUs.PDSUType) -> int | None:
    if not unit.HasField("granularity_period_end_time"):
        return None
    time = unit.granularity_period_end_time
    return time.seconds * 1_000_000_000 + time.nanos


def _read_value(message: PDSUs.PDSUType.MeasValue) -> MeasValue:
    match message.WhichOneof("meas_value_type"):
        case "integer_value":
            return message.integer_value
        case "real_value":
            return message.real_value
        case "string_value":
            return message.string_value
        case "sub_counters":
            counters = message.sub_counters
            has_value = counters.HasField("sub_counter_value")
            return SubCounter(
                _read_index(counters.sub_counter_index),
                _read_value(counters.sub_counter_value) if has_value else None,
            )
        case _:
            octets = message.SerializeToString()
            return UnknownAlternative(octets) if octets else None


_INDEX_FIELDS = {
    "sum": IndexKind.SUM,
    "bin_index": IndexKind.BIN_INDEX,
    "qOS_5QI": IndexKind.QOS_5QI,
    "qOS_QCI": IndexKind.QOS_QCI,
    "cause": IndexKind.CAUSE,
    "string_index": IndexKind.STRING_INDEX,
    "plmn": IndexKind.PLMN,
    "snssai": IndexKind.SNSSAI,
}
_FIELD_OF_KIND = {kind: field for field, kind in _INDEX_FIELDS.items()}
_TYPE_OF_FIELD = {"sum": str, "string_index": str, "plmn": bytes, "snssai": Snssai}


def _read_index(
    message: PDSUs.PDSUType.SubCounterIndexType,
) -> SubCounterIndex | UnknownAlternative | None:
    field = message.WhichOneof("type")
    if field is None:
        octets = message.SerializeToString()
        return UnknownAlternative(octets) if octets else None
    if field == "snssai":
        return SubCounterIndex(IndexKind.SNSSAI, Snssai(message.snssai.sst, message.snssai.sd))
    return SubCounterIndex(_INDEX_FIELDS[field], getattr(message, field))


def _write_unit(message: PDSUs.PDSUType, unit: PerformanceDataStreamUnit) -> None:
    message.stream_id = unit.stream_id
    if unit.granularity_period_end_time_ns is not None:
        seconds, nanos = divmod(unit.granularity_period_end_time_ns, 1_000_000_000)
        time = message.granularity_period_end_time
        time.SetInParent()
        time.seconds = seconds
        time.nanos = nanos
    for value in unit.standardized:
        _write_value(message.standardized_meas_results.add(), value, 0)
    for value in unit.vendor_specific:
        _write_value(message.vendor_specific_meas_results.add(), value, 0)


def _write_value(message: PDSUs.PDSUType.MeasValue, value: MeasValue, depth: int) -> None:
    match value:
        case None:
            pass
        case bool():
            raise TypeError("a measured value is never a bool")
        case int():
            message.integer_value = value
        case float():
            message.real_value = value
        case str():
            message.string_value = value
        case UnknownAlternative():
            raise TypeError("an alternative of a later release")
        case SubCounter():
            if depth == SUB_COUNTER_DEPTH_MAX:
                raise ValueError(f"more than {SUB_COUNTER_DEPTH_MAX} dimensions")
            counters = message.sub_counters
            counters.SetInParent()
            if value.index is not None:
                _write_index(counters.sub_counter_index, value.index)
            if value.value is not None:
                _write_value(counters.sub_counter_value, value.value, depth + 1)


def _write_index(
    message: PDSUs.PDSUType.SubCounterIndexType, index: SubCounterIndex | UnknownAlternative
) -> None:
    if isinstance(index, UnknownAlternative):
        raise TypeError("an index of a later release")
    field = _FIELD_OF_KIND[index.kind]
    match index.value:
        case Snssai(sst, sd) if field == "snssai":
            message.snssai.SetInParent()
            message.snssai.sst = sst
            message.snssai.sd = sd
        case value if type(value) is _TYPE_OF_FIELD.get(field, int):
            setattr(message, field, value)
        case value:
            raise TypeError(f"{value!r} is no {index.kind.value}")
