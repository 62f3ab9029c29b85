"""Performance data stream units in ASN.1, aligned PER, written (TS 28.550 Annex G, Rel-16).

What PER can carry is asked before a unit is written. Nothing is rounded, cut or left out.

Where asn1tools, with which the tests compare, writes something else than X.691 says, this writes
what X.691 says: a REAL has as few octets as possible (asn1tools puts a zero octet before a mantissa
of 8, 16, ... bits, and has no minus zero).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from mnstream.adapters.codecs.losses import faults
from mnstream.adapters.codecs.per import VENDOR_PRESENT
from mnstream.adapters.codecs.per_fields import CLAUSE, EPOCH_DAY, FRAGMENT_ITEMS
from mnstream.adapters.codecs.per_values import (
    INTEGER_HEAD,
    KINDS,
    REAL_HEAD,
    SUB_COUNTER_HEAD,
    TEXT_HEAD,
    VALUE_PRESENT,
)
from mnstream.adapters.codecs.real import write_real
from mnstream.adapters.codecs.values import (
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from mnstream.core.errors import LocalProtocolError
from mnstream.core.streaming.multiplexing import Family

_NUMBER_OF_KIND = {kind: number for number, kind in enumerate(KINDS)}
_FRAGMENTS_MAX = 4


def encode_pdsus(units: Iterable[PerformanceDataStreamUnit]) -> bytes:
    """Write units as one message; no units give the single octet 00.

    Raises:
        LocalProtocolError: There is no time, or one with parts of a second or outside the years
            1582 to 9999; a text is no VisibleString, or a sum not "SUM"; an integer has more
            octets than ``NUMBER_OCTETS_MAX``; PLMN, SST or SD have another size; a value or an
            index is missing or of another type; or sub-counters nest deeper than
            ``SUB_COUNTER_DEPTH_MAX``. It names the first such place.
    """
    every = tuple(units)
    out = bytearray()
    for start, end in _fragments(out, len(every)):
        for number in range(start, end):
            for place, what in faults(every[number], Family.PDSU_ASN1):
                raise LocalProtocolError(
                    f"no PDSU in ASN.1: pdsu[{number}].{place}: {what}", clause=CLAUSE
                )
            _write_unit(out, every[number])
    return bytes(out)


def _write_unit(out: bytearray, unit: PerformanceDataStreamUnit) -> None:
    time_ns = unit.granularity_period_end_time_ns
    assert time_ns is not None, "a unit without a time was let through"
    out.append(VENDOR_PRESENT if unit.vendor_specific else 0)
    _write_integer(out, unit.stream_id)
    _write_date_time(out, time_ns // 1_000_000_000)
    _write_values(out, unit.standardized)
    if unit.vendor_specific:
        _write_values(out, unit.vendor_specific)


def _write_values(out: bytearray, values: Sequence[MeasValue]) -> None:
    for start, end in _fragments(out, len(values)):
        for value in values[start:end]:
            _write_value(out, value)


def _write_value(out: bytearray, value: MeasValue) -> None:
    while isinstance(value, SubCounter):
        assert isinstance(value.index, SubCounterIndex), "an index that is none was let through"
        _write_index(out, value.index, 0 if value.value is None else VALUE_PRESENT)
        value = value.value
        if value is None:
            return
    match value:
        case int():
            out.append(INTEGER_HEAD)
            _write_integer(out, value)
        case float():
            out.append(REAL_HEAD)
            _write_octets(out, write_real(value))
        case str():
            out.append(TEXT_HEAD)
            _write_octets(out, value.encode("ascii"))
        case UnknownAlternative() | None:
            raise AssertionError("a value that is none was let through")


def _write_index(out: bytearray, index: SubCounterIndex, value_present: int) -> None:
    """Write the head of a sub-counter and its index."""
    out.append(SUB_COUNTER_HEAD | value_present | _NUMBER_OF_KIND[index.kind])
    match index.value:
        case int():
            _write_integer(out, index.value)
        case str():
            _write_octets(out, index.value.encode("ascii"))
        case bytes():
            out += index.value
        case Snssai(sst, sd):
            out += sst + sd


def _write_integer(out: bytearray, value: int) -> None:
    # A sign needs a bit of its own, and the complement of a negative number has the others.
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    _write_octets(out, value.to_bytes(size, "big", signed=True))


def _write_octets(out: bytearray, content: bytes) -> None:
    for start, end in _fragments(out, len(content)):
        out += content[start:end]


def _fragments(out: bytearray, count: int) -> Iterator[tuple[int, int]]:
    """Write the length of each fragment, and give which items follow it (X.691 11.9.3)."""
    at = 0
    while (left := count - at) >= FRAGMENT_ITEMS:
        times = min(left // FRAGMENT_ITEMS, _FRAGMENTS_MAX)
        out.append(0xC0 | times)
        yield at, at + times * FRAGMENT_ITEMS
        at += times * FRAGMENT_ITEMS
    out += bytes((left,)) if left < 0x80 else (0x8000 | left).to_bytes(2, "big")
    yield at, count


def _write_date_time(out: bytearray, seconds: int) -> None:
    """Write a DATE-TIME: the year as one of four ranges, then 26 bits (X.691 32)."""
    days, clock = divmod(seconds, 86_400)
    day = date.fromordinal(days + EPOCH_DAY)
    hours, rest = divmod(clock, 3600)
    fields = day.month - 1 << 22 | day.day - 1 << 17 | hours << 12 | rest // 60 << 6 | rest % 60
    year = day.year
    if 2005 <= year <= 2020:
        out += (year - 2005 << 26 | fields).to_bytes(4, "big")
        return
    if 2021 <= year <= 2276:
        out += bytes((0x40, year - 2021))
    elif 1749 <= year <= 2004:
        out += bytes((0x80, year - 1749))
    else:
        out.append(0xC0)
        _write_integer(out, year)
    out += (fields << 6).to_bytes(4, "big")
