"""Payload formats: what the bytes of a message mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mnstream.adapters.codecs.gpb import check_units, decode_pdsus, encode_pdsus, read_units
from mnstream.adapters.codecs.resolve import resolve_values
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    time_text,
    value_json,
)
from mnstream.core.streaming.multiplexing import Checks, Family, Readers

__all__ = [
    "DECODERS",
    "READERS",
    "IndexKind",
    "MeasValue",
    "PerformanceDataStreamUnit",
    "Snssai",
    "SubCounter",
    "SubCounterIndex",
    "decode_pdsus",
    "encode_pdsus",
    "read_units",
    "resolve_values",
    "time_text",
    "value_json",
]

READERS: Readers = MappingProxyType({Family.PDSU_GPB: read_units})
"""How a consumer names the units of a payload, for every family that can be read."""

CHECKS: Checks = MappingProxyType({Family.PDSU_GPB: check_units})
"""How a consumer checks many payloads at once, for the families where that is worth it."""

DECODERS: Mapping[Family, Callable[[bytes], tuple[PerformanceDataStreamUnit, ...]]] = (
    MappingProxyType({Family.PDSU_GPB: decode_pdsus})
)
"""How the units of a payload are decoded, for every family that carries performance data."""
