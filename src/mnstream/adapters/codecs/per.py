"""Performance data stream units in ASN.1, aligned PER, read (TS 28.550 Annex G, Rel-16).

The rules pack bits, and yet nearly everything of this schema begins at an octet: lengths do, what
has a length does, and measured values do.

Only the time of a unit has fields that cross octets. Bits that are there to reach a boundary have
to be zero, as X.691 says. That is stricter than need be, on purpose: payloads of several formats
may share a connection, and what is strict is not taken for another.

``read_units`` has to walk over the values, because nothing tells how long a unit is, but does not
look into them: damage inside a value is found by ``decode_pdsus``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import cast

from mnstream.adapters.codecs.per_fields import (
    CLAUSE,
    broken,
    read_count,
    read_date_time,
    read_integer,
)
from mnstream.adapters.codecs.per_values import PADDING, read_values, skip_values
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import Unit
from mnstream.core.values import StreamId

VENDOR_PRESENT = 0x80

_UNIT_OCTETS_MIN = 8  # head 1, stream 2, time 4, no values 1

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
            count, at, more = read_count(payload, at, _UNIT_OCTETS_MIN)
            for _ in range(count):
                has_vendor, at = _read_unit_head(payload, at)
                stream, at = read_integer(payload, at)
                _, at = read_date_time(payload, at)
                values, at = skip_values(payload, at)
                if has_vendor:
                    vendor_values, at = skip_values(payload, at)
                    values += vendor_values
                units.append((_stream_id(stream), values))
    except IndexError as error:
        raise _cut_off() from error
    _check_end(payload, at)
    return units


def decode_pdsus(payload: bytes) -> tuple[PerformanceDataStreamUnit, ...]:
    """Read the units of a message, in order.

    An alternative that a later release adds reads as an unknown one. The text of ``sum`` is not
    compared: the alternative says what it means. A list of vendor specific values that is there and
    empty reads as one that is not.

    Raises:
        Undecodable: Not exactly one PDSUs value, sub-counters nested too deeply, a number of more
            octets than ``NUMBER_OCTETS_MAX``, or a REAL beyond the range of a double.
    """
    units: list[PerformanceDataStreamUnit] = []
    if not payload:
        return ()
    octets = payload + PADDING  # whoever reads of it ends behind the payload, and is found out
    try:
        at, more = 0, True
        while more:
            count, at, more = read_count(octets, at, _UNIT_OCTETS_MIN)
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


def _read_unit_head(payload: bytes, at: int) -> tuple[bool, int]:
    """Read whether there is a list of vendor specific values."""
    head = payload[at]
    if head & ~VENDOR_PRESENT:
        raise broken("padding that is not zero", at)
    return bool(head), at + 1


def _read_unit(octets: bytes, at: int) -> tuple[PerformanceDataStreamUnit, int]:
    has_vendor, at = _read_unit_head(octets, at)
    stream, at = read_integer(octets, at)
    seconds, at = read_date_time(octets, at)
    standardized, at = read_values(octets, at)
    vendor_specific, at = read_values(octets, at) if has_vendor else ((), at)
    unit = PerformanceDataStreamUnit(
        stream_id=stream,
        granularity_period_end_time_ns=seconds * 1_000_000_000,
        standardized=tuple(standardized),
        vendor_specific=tuple(vendor_specific),
    )
    return unit, at
