"""asn1tools with our schema: another reader and writer of the same bytes.

It differs from X.691 in two things of a REAL: it puts a zero octet before a mantissa of 8, 16, ...
bits, and writes minus zero as zero. Byte for byte it is compared without those.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, cast

import asn1tools
from hypothesis import strategies as st

from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)

FILE = Path(__file__).parents[3] / "specs" / "asn1" / "PerformanceDataStreamUnits-Schema.asn"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a DATE-TIME has no zone


class Specification(Protocol):
    """The two functions of a compiled schema."""

    def encode(self, name: str, data: object) -> bytes: ...
    def decode(self, name: str, data: bytes) -> object: ...


def compiled(text: str) -> Specification:
    """Compile a schema for aligned PER."""
    compile_string = cast("Callable[[str, str], Specification]", vars(asn1tools)["compile_string"])
    return compile_string(text, "per")


SCHEMA = FILE.read_text()
ORACLE = compiled(SCHEMA)
LATER = compiled(
    SCHEMA.replace(
        "subCounters   SubCounterListType,\n    ...",
        "subCounters   SubCounterListType,\n    ...,\n    octets OCTET STRING,\n    flag BOOLEAN",
    ).replace(
        "    },\n    ...\n}", "    },\n    ...,\n    slice OCTET STRING,\n    beam INTEGER\n}"
    )
)
"""The schema as a later release may extend it."""


def written(units: list[PerformanceDataStreamUnit]) -> bytes:
    """Write units with asn1tools."""
    return bytes(ORACLE.encode("PDSUs", [_unit(each) for each in units]))


def read(payload: bytes) -> list[PerformanceDataStreamUnit]:
    """Read units with asn1tools."""
    documents = cast("list[dict[str, object]]", ORACLE.decode("PDSUs", payload))
    return [_model_unit(each) for each in documents]


def reals() -> st.SearchStrategy[float]:
    """Reals that asn1tools writes as X.691 says."""
    return st.floats(allow_nan=False).filter(_is_written_alike)


def _is_written_alike(value: float) -> bool:
    if value in (float("inf"), float("-inf")):
        return True
    if value == 0:
        return str(value) == "0.0"
    mantissa = abs(value).as_integer_ratio()[0]
    odd = mantissa // (mantissa & -mantissa)
    return odd.bit_length() % 8 != 0


def _unit(unit: PerformanceDataStreamUnit) -> dict[str, object]:
    assert unit.granularity_period_end_time_ns is not None
    seconds = unit.granularity_period_end_time_ns // 1_000_000_000
    document: dict[str, object] = {
        "streamId": unit.stream_id,
        "granularityPeriodEndTime": _EPOCH + timedelta(seconds=seconds),
        "standardizedMeasResults": [_value(each) for each in unit.standardized],
    }
    if unit.vendor_specific:
        document["vendorSpecificMeasResults"] = [_value(each) for each in unit.vendor_specific]
    return document


def _value(value: MeasValue) -> tuple[str, object]:
    match value:
        case int():
            return "integerValue", value
        case float():
            return "realValue", value
        case str():
            return "stringValue", value
        case SubCounter(SubCounterIndex(kind, index), inner):
            octets: object = index
            if isinstance(index, Snssai):
                octets = {"sst": index.sst, "sd": index.sd}
            counter: dict[str, object] = {"subCounterIndex": (kind.value, octets)}
            if inner is not None:
                counter["subCounterValue"] = _value(inner)
            return "subCounters", counter
        case _:
            raise AssertionError(f"{value} has no ASN.1")


def _model_unit(document: dict[str, object]) -> PerformanceDataStreamUnit:
    time = cast("datetime", document["granularityPeriodEndTime"]).replace(tzinfo=UTC)
    lists = (document["standardizedMeasResults"], document.get("vendorSpecificMeasResults", []))
    standardized, vendor_specific = (
        tuple(_model_value(each) for each in cast("list[tuple[str, object]]", values))
        for values in lists
    )
    return PerformanceDataStreamUnit(
        stream_id=cast("int", document["streamId"]),
        granularity_period_end_time_ns=int(time.timestamp()) * 1_000_000_000,
        standardized=standardized,
        vendor_specific=vendor_specific,
    )


def _model_value(value: tuple[str, object]) -> MeasValue:
    name, content = value
    if name != "subCounters":
        return cast("MeasValue", content)
    counter = cast("dict[str, tuple[str, object]]", content)
    kind, index = counter["subCounterIndex"]
    if isinstance(index, dict):
        parts = cast("dict[str, bytes]", index)
        index = Snssai(parts["sst"], parts["sd"])
    inner = counter.get("subCounterValue")
    return SubCounter(
        SubCounterIndex(IndexKind(kind), cast("int | str | bytes | Snssai", index)),
        None if inner is None else _model_value(inner),
    )
