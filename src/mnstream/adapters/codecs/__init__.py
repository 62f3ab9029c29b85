"""Payload formats: what the bytes of a message mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from mnstream.adapters.codecs import gpb, per, per_writing
from mnstream.adapters.codecs.opaque import Decoded, load_codec, read_opaque
from mnstream.adapters.codecs.resolve import resolve_values
from mnstream.adapters.codecs.trace import decode_records, encode_records, read_records
from mnstream.adapters.codecs.trace_values import TraceRecord, record_json
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
    time_text,
    value_json,
)
from mnstream.core.streaming.multiplexing import Checks, Family, Readers

__all__ = [
    "CHECKS",
    "DECODERS",
    "ENCODERS",
    "READERS",
    "Decoded",
    "IndexKind",
    "MeasValue",
    "PerformanceDataStreamUnit",
    "Snssai",
    "StreamUnit",
    "SubCounter",
    "SubCounterIndex",
    "TraceRecord",
    "UnknownAlternative",
    "decode_records",
    "encode_records",
    "load_codec",
    "record_json",
    "resolve_values",
    "time_text",
    "value_json",
]

StreamUnit = PerformanceDataStreamUnit | TraceRecord
"""A unit of a payload that can be decoded."""

READERS: Readers = MappingProxyType(
    {
        Family.PDSU_GPB: gpb.read_units,
        Family.PDSU_ASN1: per.read_units,
        Family.TRACE_GPB: read_records,
        Family.OPAQUE: read_opaque,
    }
)
"""How a consumer names the units of a payload of each family."""

CHECKS: Checks = MappingProxyType({Family.PDSU_GPB: gpb.check_units})
"""How a consumer checks many payloads at once, for the families where that is worth it."""

DECODERS: Mapping[Family, Callable[[bytes], tuple[StreamUnit, ...]]] = MappingProxyType(
    {
        Family.PDSU_GPB: gpb.decode_pdsus,
        Family.PDSU_ASN1: per.decode_pdsus,
        Family.TRACE_GPB: decode_records,
    }
)
"""How the units of a payload are decoded; nobody but a user's codec decodes the opaque family."""

ENCODERS: Mapping[Family, Callable[[Iterable[PerformanceDataStreamUnit]], bytes]] = (
    MappingProxyType(
        {Family.PDSU_GPB: gpb.encode_pdsus, Family.PDSU_ASN1: per_writing.encode_pdsus}
    )
)
"""How performance data is written in both of its families."""
