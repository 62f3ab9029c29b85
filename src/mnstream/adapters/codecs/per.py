"""Performance data stream units in ASN.1, aligned PER, read (TS 28.550 Annex G, Rel-16).

The rules pack bits, and yet nearly everything of this schema begins at an octet: lengths do, what
has a length does, and a measured value, whichever it is, ends where an octet ends. So a value has
a head of one octet, and behind it are fields:

```
0 00 00000   INTEGER         0 11 p 0 iii   sub-counter: p, is there a value; iii, kind of index
0 01 00000   REAL            0 11 p 1 0 nnnnnn 0000   sub-counter with an index of a later release
0 10 00000   VisibleString   1 0 nnnnnn     an alternative of a later release, as an open type
```

Only the time of a unit has fields that cross octets. Bits that are there to reach a boundary have
to be zero, as X.691 says. That is stricter than need be, on purpose: payloads of several formats
may share a connection, and what is strict is not taken for another.

``read_units`` has to walk over the values, because nothing tells how long a unit is, but does not
look into them: damage inside a value is found by ``decode_pdsus``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import cast

from mnstream.adapters.codecs.gpb import SUB_COUNTER_DEPTH_MAX
from mnstream.adapters.codecs.per_fields import (
    CLAUSE,
    broken,
    read_date_time,
    read_integer,
    read_length,
    read_real_value,
    read_text,
    skip_octets,
)
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)
from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import Unit
from mnstream.core.values import StreamId

INTEGER_HEAD = 0x00
REAL_HEAD = 0x20
TEXT_HEAD = 0x40
SUB_COUNTER_HEAD = 0x60
VALUE_PRESENT = 0x10
VENDOR_PRESENT = 0x80
KINDS = tuple(IndexKind)
"""Kinds of index, in the order of the alternatives."""

_EXTENSION = 0x80
_INDEX_EXTENSION = 0x08
_PLAIN_HEADS = frozenset((INTEGER_HEAD, REAL_HEAD, TEXT_HEAD))
_NUMBER_INDICES = frozenset((1, 2, 3, 4))
_PLMN = KINDS.index(IndexKind.PLMN)
_SNSSAI = KINDS.index(IndexKind.SNSSAI)
_PLMN_OCTETS = 3
_SNSSAI_OCTETS = 4
_UNIT_OCTETS_MIN = 8  # head 1, stream 2, time 4, no values 1
_VALUE_OCTETS_MIN = 2
_INDICES_KEPT = 1_024

# The hot path takes the head, the length and eight octets behind them at once, and shifts those
# away that are not of the number. So the octets need a few more behind them.
_Pair = Callable[[bytes, int], tuple[int, int]]
_two_and_eight = cast("_Pair", struct.Struct(">Hq").unpack_from)
_real_parts = cast("_Pair", struct.Struct(">xxHQ").unpack_from)
_PADDING = bytes(10)
_SHIFTS = [64 - 8 * size for size in range(9)]
"""Bits to shift away, by the number of octets that are meant."""
_FULL_REAL = REAL_HEAD << 8 | 9
"""Head and length of a REAL whose mantissa has seven octets, as nearly every double has."""
_COUNTED_HEADS = frozenset(
    (SUB_COUNTER_HEAD | VALUE_PRESENT | number) << 8 | 1 for number in _NUMBER_INDICES
)
"""Heads and lengths of sub-counters that have a value and are counted by a number of one octet."""
_SCALES = {
    sign << 8 | exponent & 0xFF: (1.0 if sign == 0x80 else -1.0) * 2.0**exponent
    for sign in (0x80, 0xC0)
    for exponent in range(-128, 128)
}
"""What a mantissa is multiplied with, by the octets of sign and exponent; base 2, not scaled."""

_stream_id = cast("Callable[[int], StreamId]", str)
"""Canonical decimal of a stream number."""


def read_units(payload: bytes) -> Sequence[Unit]:
    """Name the stream and count the values of each unit.

    No bytes mean no units, and so does the single octet 00: both are a keep-alive.

    Raises:
        Undecodable: Not exactly one PDSUs value.
    """
    units: list[Unit] = []
    if not payload:
        return units
    try:
        at, more = 0, True
        while more:
            count, at, more = _read_count(payload, at, _UNIT_OCTETS_MIN)
            for _ in range(count):
                has_vendor, at = _read_unit_head(payload, at)
                stream, at = read_integer(payload, at)
                _, at = read_date_time(payload, at)
                values, at = _skip_values(payload, at)
                if has_vendor:
                    vendor_values, at = _skip_values(payload, at)
                    values += vendor_values
                units.append((_stream_id(stream), values))
    except IndexError as error:
        raise _cut_off() from error
    _check_end(payload, at)
    return units


def decode_pdsus(payload: bytes) -> tuple[PerformanceDataStreamUnit, ...]:
    """Read the units of a message, in order.

    An alternative that a later release adds reads as a missing value, or as a sub-counter without
    an index. The text of ``sum`` is not compared: the alternative says what it means. A list of
    vendor specific values that is there and empty reads as one that is not.

    Raises:
        Undecodable: Not exactly one PDSUs value, sub-counters nested too deeply, a number of more
            octets than ``NUMBER_OCTETS_MAX``, or a REAL beyond the range of a double.
    """
    units: list[PerformanceDataStreamUnit] = []
    if not payload:
        return ()
    octets = payload + _PADDING  # whoever reads of it ends behind the payload, and is found out
    try:
        at, more = 0, True
        while more:
            count, at, more = _read_count(octets, at, _UNIT_OCTETS_MIN)
            for _ in range(count):
                unit, at = _read_unit(octets, at)
                units.append(unit)
    except (IndexError, struct.error) as error:
        raise _cut_off() from error
    _check_end(payload, at)
    return tuple(units)


def _cut_off() -> Undecodable:
    return Undecodable("not a PDSUs value: it ends too early", clause=CLAUSE)


def _check_end(payload: bytes, at: int) -> None:
    if at > len(payload):
        raise _cut_off()
    if at < len(payload):
        raise broken(f"{len(payload) - at} octets behind the units", at)


def _read_count(payload: bytes, at: int, octets_min: int) -> tuple[int, int, bool]:
    """Read how many items follow; refuse a number that so few octets cannot hold."""
    count, end, more = payload[at], at + 1, False
    if count > 0x7F:
        count, end, more = read_length(payload, at)
    if count * octets_min > len(payload) - end:
        raise broken(f"{count} items do not fit into the rest", at)
    return count, end, more


def _read_unit_head(payload: bytes, at: int) -> tuple[bool, int]:
    """Read whether there is a list of vendor specific values."""
    head = payload[at]
    if head & ~VENDOR_PRESENT:
        raise broken("padding that is not zero", at)
    return bool(head), at + 1


def _read_unit(payload: bytes, at: int) -> tuple[PerformanceDataStreamUnit, int]:
    has_vendor, at = _read_unit_head(payload, at)
    stream, at = read_integer(payload, at)
    seconds, at = read_date_time(payload, at)
    standardized, at = _read_values(payload, at)
    vendor_specific: list[MeasValue] = []
    if has_vendor:
        vendor_specific, at = _read_values(payload, at)
    unit = PerformanceDataStreamUnit(
        stream_id=stream,
        granularity_period_end_time_ns=seconds * 1_000_000_000,
        standardized=tuple(standardized),
        vendor_specific=tuple(vendor_specific),
    )
    return unit, at


def _read_values(octets: bytes, at: int) -> tuple[list[MeasValue], int]:
    """Read a list of values; the hot path, which knows the forms that nearly all of them have.

    These are integers of up to eight octets, doubles, and such integers by an index of one octet.
    Every line was measured: to look a shift up, a list is cheaper than a dict, and to recognise a
    head, a comparison with a number.
    """
    values: list[MeasValue] = []
    two_and_eight, real_parts, shifts, scales = _two_and_eight, _real_parts, _SHIFTS, _SCALES
    full_real, counted = _FULL_REAL, _COUNTED_HEADS
    more = True
    while more:
        count, at, more = _read_count(octets, at, _VALUE_OCTETS_MIN)
        for _ in repeat(None, count):
            head, number = two_and_eight(octets, at)
            if 0 < head < 9:  # the head of an INTEGER is 0, and the rest is its length
                values.append(number >> shifts[head])
                at += head + 2
                continue
            if head == full_real:
                sign_and_exponent, mantissa = real_parts(octets, at)
                if sign_and_exponent in scales:
                    values.append((mantissa >> 8) * scales[sign_and_exponent])
                    at += 11
                    continue
            elif head in counted:
                inner, number_in_bin = two_and_eight(octets, at + 3)
                if 0 < inner < 9:
                    index = _number_index(head >> 8 & 0x07, number >> 56)
                    values.append(SubCounter(index, number_in_bin >> shifts[inner]))
                    at += inner + 5
                    continue
            value, at = _read_value(octets, at)
            values.append(value)
    return values, at


def _read_value(payload: bytes, at: int) -> tuple[MeasValue, int]:
    """Read a value; sub-counters are wrapped around it from the innermost outwards."""
    head = payload[at]
    if head & ~0x1F != SUB_COUNTER_HEAD:
        return _read_plain(payload, at, head)
    indices: list[SubCounterIndex | None] = []
    value: MeasValue = None
    while head & ~0x1F == SUB_COUNTER_HEAD:
        if len(indices) == SUB_COUNTER_DEPTH_MAX:
            raise broken(f"more than {SUB_COUNTER_DEPTH_MAX} dimensions", at)
        index, at = _read_index(payload, at)
        indices.append(index)
        if not head & VALUE_PRESENT:
            break
        head = payload[at]
    else:
        value, at = _read_plain(payload, at, head)
    for index in reversed(indices):
        value = SubCounter(index, value)
    return value, at


def _read_plain(payload: bytes, at: int, head: int) -> tuple[MeasValue, int]:
    if head == TEXT_HEAD:
        return read_text(payload, at + 1)
    if head == REAL_HEAD:
        return read_real_value(payload, at + 1)
    if head == INTEGER_HEAD:
        return read_integer(payload, at + 1)
    return None, _skip_extension(payload, at)


@lru_cache(maxsize=_INDICES_KEPT)
def _number_index(number: int, value: int) -> SubCounterIndex:
    """Make an index that is a number; the same few come again in every unit."""
    return SubCounterIndex(KINDS[number], value)


def _read_index(payload: bytes, at: int) -> tuple[SubCounterIndex | None, int]:
    head = payload[at]
    if head & _INDEX_EXTENSION:
        return None, _skip_index_extension(payload, at)
    number = head & 0x07
    at += 1
    if number in _NUMBER_INDICES:
        value, at = read_integer(payload, at)
        return _number_index(number, value), at
    if number == _PLMN:
        end = at + _PLMN_OCTETS
        return SubCounterIndex(IndexKind.PLMN, payload[at:end]), end
    if number == _SNSSAI:
        end = at + _SNSSAI_OCTETS
        snssai = Snssai(payload[at : at + 1], payload[at + 1 : end])
        return SubCounterIndex(IndexKind.SNSSAI, snssai), end
    text, at = read_text(payload, at)
    return SubCounterIndex(KINDS[number], text), at


def _skip_extension(payload: bytes, at: int) -> int:
    """Give the place behind an alternative of MeasValue that is not known.

    Its number is 6 bits of the head, or an INTEGER of its own from 64 on (X.691 11.6). asn1tools
    does not put that one at an octet, against X.691 11.8; no schema has so many alternatives.
    """
    head = payload[at]
    if not head & _EXTENSION or (head & 0x40 and head & 0x3F):
        raise broken("padding that is not zero", at)
    at += 1
    if head & 0x40:
        at = skip_octets(payload, at)
    return skip_octets(payload, at)


def _skip_index_extension(payload: bytes, at: int) -> int:
    """Give the place behind an index that is not known; its number begins in the head."""
    if payload[at] & 0x04:
        if payload[at] & 0x03:
            raise broken("padding that is not zero", at)
        at = skip_octets(payload, at + 1)
    else:
        if payload[at + 1] & 0x0F:
            raise broken("padding that is not zero", at + 1)
        at += 2
    return skip_octets(payload, at)


def _skip_values(payload: bytes, at: int) -> tuple[int, int]:
    """Count a list of values; the hot path of ingest."""
    total = 0
    more = True
    while more:
        count, at, more = _read_count(payload, at, _VALUE_OCTETS_MIN)
        total += count
        for _ in range(count):
            size = payload[at + 1]
            if payload[at] in _PLAIN_HEADS and size < 0x80:
                at += size + 2
            else:
                at = _skip_value(payload, at)
    return total, at


def _skip_value(payload: bytes, at: int) -> int:
    depth = 0
    while (head := payload[at]) & ~0x1F == SUB_COUNTER_HEAD:
        if depth == SUB_COUNTER_DEPTH_MAX:
            raise broken(f"more than {SUB_COUNTER_DEPTH_MAX} dimensions", at)
        depth += 1
        at = _skip_index(payload, at)
        if not head & VALUE_PRESENT:
            return at
    return skip_octets(payload, at + 1) if head in _PLAIN_HEADS else _skip_extension(payload, at)


def _skip_index(payload: bytes, at: int) -> int:
    head = payload[at]
    if head & _INDEX_EXTENSION:
        return _skip_index_extension(payload, at)
    number = head & 0x07
    if number == _PLMN:
        return at + 1 + _PLMN_OCTETS
    if number == _SNSSAI:
        return at + 1 + _SNSSAI_OCTETS
    return skip_octets(payload, at + 1)
