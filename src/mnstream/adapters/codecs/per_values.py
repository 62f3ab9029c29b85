"""Measured values of PDSUs in ASN.1, aligned PER, read (TS 28.550 Annex G, Rel-16).

A value, whichever it is, begins and ends where an octet does. It has a head of one octet, and
behind it are fields:

```
0 00 00000   INTEGER         0 11 p 0 iii   sub-counter: p, is there a value; iii, kind of index
0 01 00000   REAL            0 11 p 1 0 nnnnnn 0000   sub-counter with an index of a later release
0 10 00000   VisibleString   1 0 nnnnnn     an alternative of a later release, as an open type
```
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import repeat
from typing import cast

from mnstream.adapters.codecs.gpb import SUB_COUNTER_DEPTH_MAX
from mnstream.adapters.codecs.per_fields import (
    broken,
    read_count,
    read_integer,
    read_real_value,
    read_text,
    skip_octets,
)
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)

INTEGER_HEAD = 0x00
REAL_HEAD = 0x20
TEXT_HEAD = 0x40
SUB_COUNTER_HEAD = 0x60
VALUE_PRESENT = 0x10
KINDS = tuple(IndexKind)
"""Kinds of index, in the order of the alternatives."""
PADDING = bytes(10)
"""What the octets have to go on with where ``read_values`` reads them: it takes a head, a length
and eight octets behind them at once, and shifts those away that are not of the number."""

_EXTENSION = 0x80
_INDEX_EXTENSION = 0x08
_PLAIN_HEADS = frozenset((INTEGER_HEAD, REAL_HEAD, TEXT_HEAD))
_NUMBER_INDICES = frozenset((1, 2, 3, 4))
_PLMN = KINDS.index(IndexKind.PLMN)
_SNSSAI = KINDS.index(IndexKind.SNSSAI)
_PLMN_OCTETS = 3
_SNSSAI_OCTETS = 4
_VALUE_OCTETS_MIN = 2
_INDICES_KEPT = 1_024

_two_and_eight = cast("Callable[[bytes, int], tuple[int, int]]", struct.Struct(">Hq").unpack_from)
_FORMS = [(64 - 8 * size, 2 + size) for size in range(9)]
"""Bits to shift away and octets to go on, by the octets of an INTEGER."""
_FULL_REAL = REAL_HEAD << 8 | 9
"""Head and length of a REAL whose mantissa has seven octets, as nearly every double has."""
_COUNTED = {
    (SUB_COUNTER_HEAD | VALUE_PRESENT | number) << 8 | 1: tuple(
        SubCounterIndex(KINDS[number], index - (index & 0x80) * 2) for index in range(256)
    )
    for number in _NUMBER_INDICES
}
"""Indices by the octet that tells them, by head and length of sub-counters that have a value and
are counted by a number of one octet."""

_TEXT = TEXT_HEAD << 8
_TEXT_LONG = _TEXT | 0x80
"""Heads and lengths of texts of up to 127 characters; none, and one more."""

_from_the_exponent = cast(
    "Callable[[bytes, int], tuple[float]]", struct.Struct(">xxxd").unpack_from
)


def _corrections() -> dict[int, tuple[float, float]]:
    """Give what makes the number of a REAL from its last eight octets, read as an IEEE 754 double.

    Such a REAL is an octet for the sign, one for the exponent, and seven for a mantissa of up to 53
    bits. Read as a double, the last eight have 52 bits of the mantissa as their fraction; the bit
    before them and the exponent stand where a double has its own sign and exponent. So the number
    is the double, less a power of two where that bit is not set, times another one, and not a
    digit is lost. Both follow from the first 20 bits, by which they are found here.
    """
    corrections: dict[int, tuple[float, float]] = {}
    for sign_octet, sign in ((0x80, 1.0), (0xC0, -1.0)):
        for exponent in range(-128, 0):
            octet = exponent & 0xFF
            for bit_53 in (0, 1):
                found = (octet & 0x7F) << 4 | bit_53
                if not found:
                    continue  # a double without an exponent has another meaning
                power = 2.0 ** (found - 1023)
                key = (sign_octet - 0x100) << 12 | octet << 4 | bit_53
                corrections[key] = (
                    0.0 if bit_53 else -power,
                    -sign * 2.0 ** (52 + exponent - (found - 1023)),
                )
    return corrections


_CORRECTIONS = _corrections()


def read_values(octets: bytes, at: int) -> tuple[list[MeasValue], int]:
    """Read a list of values, from octets that go on with ``PADDING``; the hot path.

    It knows the forms that nearly all values have: integers of up to eight octets, doubles, and
    such integers by an index of one octet. Every line was measured: to look something up, a list is
    cheaper than a dict, and to recognise a head, a comparison with a number.
    """
    values: list[MeasValue] = []
    two_and_eight, from_the_exponent = _two_and_eight, _from_the_exponent
    forms, full_real, corrections, counted = _FORMS, _FULL_REAL, _CORRECTIONS, _COUNTED
    more = True
    while more:
        count, at, more = read_count(octets, at, _VALUE_OCTETS_MIN)
        for _ in repeat(None, count):
            head, number = two_and_eight(octets, at)
            if head and head < 9:  # the head of an INTEGER is 0, and the rest is its length
                shift, step = forms[head]
                values.append(number >> shift)
                at += step
                continue
            if head == full_real:
                try:
                    less, times = corrections[number >> 44]
                except KeyError:
                    pass
                else:
                    (double,) = from_the_exponent(octets, at)
                    if real := (double - less) * times:
                        values.append(real)
                        at += 11
                        continue
            elif head in counted:
                inner, number_in_bin = two_and_eight(octets, at + 3)
                if inner and inner < 9:
                    shift, step = forms[inner]
                    index = counted[head][number >> 56]
                    values.append(SubCounter(index, number_in_bin >> shift))
                    at += 3 + step
                    continue
            elif _TEXT <= head < _TEXT_LONG:
                end = at + 2 + head - _TEXT
                text = octets[at + 2 : end]
                if text.isascii() and (decoded := text.decode()).isprintable():
                    values.append(decoded)
                    at = end
                    continue
            value, at = _read_value(octets, at)
            values.append(value)
    return values, at


def _read_value(payload: bytes, at: int) -> tuple[MeasValue, int]:
    """Read a value; sub-counters are wrapped around it from the innermost outwards."""
    head = payload[at]
    if head & ~0x1F != SUB_COUNTER_HEAD:
        return _read_plain(payload, at, head)
    indices: list[SubCounterIndex | UnknownAlternative] = []
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
    end = _skip_extension(payload, at)
    return UnknownAlternative(payload[at:end]), end


@lru_cache(maxsize=_INDICES_KEPT)
def _number_index(number: int, value: int) -> SubCounterIndex:
    """Make an index that is a number; the same few come again in every unit."""
    return SubCounterIndex(KINDS[number], value)


def _read_index(payload: bytes, at: int) -> tuple[SubCounterIndex | UnknownAlternative, int]:
    head = payload[at]
    if head & _INDEX_EXTENSION:
        end = _skip_index_extension(payload, at)
        # The head belongs to the value as well, and says whether there is one.
        return UnknownAlternative(bytes((head & ~VALUE_PRESENT,)) + payload[at + 1 : end]), end
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


def skip_values(payload: bytes, at: int) -> tuple[int, int]:
    """Count a list of values, and give the place behind it; the hot path of ingest."""
    total = 0
    more = True
    while more:
        count, at, more = read_count(payload, at, _VALUE_OCTETS_MIN)
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
