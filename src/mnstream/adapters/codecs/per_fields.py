"""Fields of the aligned packed encoding rules that PDSUs are made of, read (ITU-T X.691).

Every reader takes the whole payload and the place of the first octet, and gives what is there and
the place behind it. A field that ends behind the payload may raise IndexError instead of
Undecodable: the caller of all of them says the same of both.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from mnstream.adapters.codecs.real import read_real
from mnstream.core.errors import Undecodable

CLAUSE = "TS 28.550 Annex G"

NUMBER_OCTETS_MAX = 1_024
"""Octets of one INTEGER or REAL. ASN.1 has no limit; Python writes no integer of more than 4,300
decimal digits, and these are 2,466."""

FRAGMENT_ITEMS = 16_384
"""A longer list or text goes in fragments of one to four times as many items (X.691 11.9.3.8)."""

EPOCH_DAY = date(1970, 1, 1).toordinal()
YEARS = range(1582, 10_000)
"""Years that a DATE-TIME can name: those of four digits in the Gregorian calendar (X.680 38)."""

_TIME_BITS = 26  # month 4, day 5, hours 5, minutes 6, seconds 6
_TIME_OCTETS_MAX = 8
_TIMES_KEPT = 256
_YEAR_OCTETS = 2  # of a year that has not got a range of its own


def broken(what: str, at: int) -> Undecodable:
    """Make the error about the octet at a place."""
    return Undecodable(f"not a PDSUs value: octet {at}: {what}", clause=CLAUSE)


def read_length(payload: bytes, at: int) -> tuple[int, int, bool]:
    """Read a length determinant; the last of the three tells whether another fragment follows."""
    first = payload[at]
    if first < 0x80:
        return first, at + 1, False
    if first < 0xC0:
        return (first & 0x3F) << 8 | payload[at + 1], at + 2, False
    if 0xC1 <= first <= 0xC4:
        return (first & 0x3F) * FRAGMENT_ITEMS, at + 1, True
    raise broken(f"{first:02x} is no length", at)


def read_count(payload: bytes, at: int, octets_min: int) -> tuple[int, int, bool]:
    """Read how many items follow; refuse a number that so few octets cannot hold."""
    count, end, more = payload[at], at + 1, False
    if count > 0x7F:
        count, end, more = read_length(payload, at)
    if count * octets_min > len(payload) - end:
        raise broken(f"{count} items do not fit into the rest", at)
    return count, end, more


def read_octets(payload: bytes, at: int) -> tuple[bytes, int]:
    """Read octets behind their length, in as many fragments as there are."""
    size = payload[at]
    end = at + 1 + size
    if size < 0x80 and end <= len(payload):
        return payload[at + 1 : end], end
    parts: list[bytes] = []
    more = True
    while more:
        size, at, more = read_length(payload, at)
        if size > len(payload) - at:
            raise broken(f"{size} octets do not fit into the rest", at)
        parts.append(payload[at : at + size])
        at += size
    return b"".join(parts), at


def skip_octets(payload: bytes, at: int) -> int:
    """Give the place behind octets, without reading them."""
    more = True
    while more:
        size, at, more = read_length(payload, at)
        at += size
    return at


def read_integer(payload: bytes, at: int) -> tuple[int, int]:
    """Read an unconstrained INTEGER."""
    size = payload[at]
    if 0 < size < 0x80:
        end = at + 1 + size
        if end <= len(payload):
            return int.from_bytes(payload[at + 1 : end], "big", signed=True), end
    content, end = _read_number(payload, at)
    if not content:
        raise broken("an INTEGER without octets", at)
    return int.from_bytes(content, "big", signed=True), end


def read_real_value(payload: bytes, at: int) -> tuple[float, int]:
    """Read a REAL."""
    content, end = _read_number(payload, at)
    try:
        return read_real(content), end
    except ValueError as error:
        raise broken(str(error), at) from error


def _read_number(payload: bytes, at: int) -> tuple[bytes, int]:
    size, start, more = read_length(payload, at)
    if more or size > NUMBER_OCTETS_MAX:
        raise broken(f"a number of more than {NUMBER_OCTETS_MAX} octets", at)
    end = start + size
    if end > len(payload):
        raise broken(f"{size} octets do not fit into the rest", at)
    return payload[start:end], end


def read_text(payload: bytes, at: int) -> tuple[str, int]:
    """Read a VisibleString: space to tilde, an octet each (X.691 30.5)."""
    content, end = read_octets(payload, at)
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise broken("a text that is no VisibleString", at) from error
    if not text.isprintable():  # of the characters of ASCII, exactly those of a VisibleString are
        raise broken("a text that is no VisibleString", at)
    return text, end


def read_date_time(payload: bytes, at: int) -> tuple[int, int]:
    """Read a DATE-TIME as seconds since the Unix epoch (X.691 32).

    24:00:00 is the midnight that follows, and a leap second the first second of the next minute, as
    in every count of seconds since an epoch.
    """
    try:
        seconds, size = _moment(payload[at : at + _TIME_OCTETS_MAX])
    except ValueError as error:
        raise broken(f"no DATE-TIME: {error}", at) from error
    return seconds, at + size


@lru_cache(maxsize=_TIMES_KEPT)
def _moment(octets: bytes) -> tuple[int, int]:
    """Read seconds, and how many of the octets they took; units of a period have the same.

    The year is a choice of four ranges. Only the one of 2005 to 2020 leaves the rest where it is;
    behind the others the octet boundary comes in between.

    Raises:
        ValueError: There is no such day or time of day, or something is missing.
        IndexError: The same.
    """
    year, start, bits = _year(octets)
    end = start + 4
    if end > len(octets):
        raise ValueError("it ends too early")
    padding = 32 - bits - _TIME_BITS
    fields = int.from_bytes(octets[start:end], "big")
    if fields & (1 << padding) - 1:
        raise ValueError("padding that is not zero")
    fields >>= padding
    month, day = (fields >> 22 & 0xF) + 1, (fields >> 17 & 0x1F) + 1
    hours, minutes, seconds = fields >> 12 & 0x1F, fields >> 6 & 0x3F, fields & 0x3F
    clock = hours * 3600 + minutes * 60 + seconds
    if clock > 86_400 or minutes > 59 or seconds > 60 or year not in YEARS:
        raise ValueError(f"{year}, {hours}:{minutes}:{seconds}")
    return (date(year, month, day).toordinal() - EPOCH_DAY) * 86_400 + clock, end


def _year(octets: bytes) -> tuple[int, int, int]:
    """Read the year; give it, where month to seconds are, and how many bits come before them."""
    head = octets[0]
    choice = head >> 6
    if choice == 0:
        return 2005 + (head >> 2 & 0xF), 0, 6
    if head & 0x3F:
        raise ValueError("padding that is not zero")
    if choice == 1:
        return 2021 + octets[1], 2, 0
    if choice == 2:
        return 1749 + octets[1], 2, 0
    if octets[1] != _YEAR_OCTETS:
        raise ValueError(f"a year of {octets[1]} octets")
    return int.from_bytes(octets[2:4], "big", signed=True), 4, 0
