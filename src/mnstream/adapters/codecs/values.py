"""What a unit of a PERFORMANCE stream says, in whichever encoding it came (TS 28.550 Annex C).

One model for GPB (Annex I) and ASN.1 (Annex G). Where their ranges differ the model takes the
wider one, and the encoder of the narrower one refuses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from mnstream.core.values import Json


class IndexKind(Enum):
    """What a sub-counter counts by; the names of Annex G."""

    SUM = "sum"
    BIN_INDEX = "binIndex"
    QOS_5QI = "qOS-5QI"
    QOS_QCI = "qOS-QCI"
    CAUSE = "cause"
    STRING_INDEX = "stringIndex"
    PLMN = "plMN"
    SNSSAI = "sNSSAI"


@dataclass(frozen=True, slots=True)
class Snssai:
    """S-NSSAI: ``sst`` is 1 octet, ``sd`` 3 octets, ``ff ff ff`` when there is none."""

    sst: bytes
    sd: bytes


@dataclass(frozen=True, slots=True)
class SubCounterIndex:
    """Which sub-counter this is.

    Attributes:
        kind: What ``value`` means.
        value: str for SUM ("SUM") and STRING_INDEX; bytes for PLMN (3 octets, TS 38.413); Snssai
            for SNSSAI; int for the others.
    """

    kind: IndexKind
    value: int | str | bytes | Snssai


@dataclass(frozen=True, slots=True)
class UnknownAlternative:
    """What a later release added, in the place of a value or an index, and nobody here can read.

    Attributes:
        octets: All of it, as its encoding has it.
    """

    octets: bytes


@dataclass(frozen=True, slots=True)
class SubCounter:
    """One bin of a measurement; a further dimension is a SubCounter as its value.

    Attributes:
        index: Which bin; None when the producer gave no index.
        value: What it counted; None for an empty bin.
    """

    index: SubCounterIndex | UnknownAlternative | None
    value: MeasValue


MeasValue = int | float | str | SubCounter | UnknownAlternative | None
"""One measured value; None where the producer has none. Never a bool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceDataStreamUnit:
    """One granularity period of one PERFORMANCE stream.

    Attributes:
        stream_id: Number that ties the unit to its StreamInfo.
        granularity_period_end_time_ns: Nanoseconds since the Unix epoch, UTC, exactly as received;
            None when the producer gave none. ASN.1 carries whole seconds.
        standardized: Values of the first performance metrics, in their order.
        vendor_specific: Values of the remaining ones.
    """

    stream_id: int
    granularity_period_end_time_ns: int | None
    standardized: tuple[MeasValue, ...]
    vendor_specific: tuple[MeasValue, ...] = ()


_NAMES_OF_FLOATS = frozenset(("NaN", "Infinity", "-Infinity"))


def _index_json(index: SubCounterIndex | UnknownAlternative | None) -> Json:
    if index is None:
        return None
    if isinstance(index, UnknownAlternative):
        return _unknown_json(index)
    match index.value:
        case bytes():
            value: Json = index.value.hex().upper()
        case Snssai(sst, sd):
            value = {"sst": sst.hex().upper(), "sd": sd.hex().upper()}
        case _:
            value = index.value
    return {index.kind.value: value}


def _unknown_json(unknown: UnknownAlternative) -> Json:
    return {"unknown": unknown.octets.hex().upper()}


def value_json(value: MeasValue) -> Json:
    """Give a value as people and other programs read it; no two values look the same.

    Octets become upper-case hexadecimal digits. JSON has no numbers for the other floats, so they
    become the strings "NaN", "Infinity" and "-Infinity"; a text that reads so is
    ``{"stringValue": "NaN"}``. What nobody can read is ``{"unknown": OCTETS}``.
    """
    match value:
        case UnknownAlternative():
            return _unknown_json(value)
        case str() if value in _NAMES_OF_FLOATS:
            return {"stringValue": value}
        case SubCounter():
            return {
                "subCounterIndex": _index_json(value.index),
                "subCounterValue": value_json(value.value),
            }
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case _:
            return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_text(time_ns: int) -> str:
    """Give a time as RFC 3339 in UTC, with as many digits of a second as it has (0, 3, 6 or 9).

    A time outside the years 1 to 9999, which only a broken producer sends, is given as its number
    of nanoseconds.
    """
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    try:
        text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    except OverflowError:
        return str(time_ns)
    digits = f"{nanoseconds:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z" if digits else f"{text}Z"
