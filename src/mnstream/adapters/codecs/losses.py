"""What of a unit an encoding cannot carry (TS 28.550 Annexes G and I).

The model takes the wider of both ranges. Here stands, once, where each of them ends; the writer of
ASN.1 and the conversion ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from mnstream.adapters.codecs.gpb import SUB_COUNTER_DEPTH_MAX
from mnstream.adapters.codecs.per_fields import EPOCH_DAY, NUMBER_OCTETS_MAX, YEARS
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from mnstream.core.errors import LocalProtocolError
from mnstream.core.streaming.multiplexing import Family

NANOSECONDS = "nanoseconds"
"""The one loss that leaves the rest of the unit true: a time in whole seconds."""

_SECOND_NS = 1_000_000_000
_FIRST_SECOND = (date(YEARS[0], 1, 1).toordinal() - EPOCH_DAY) * 86_400
_END_SECOND = (date(YEARS[-1], 12, 31).toordinal() - EPOCH_DAY + 1) * 86_400
_UNKNOWN = "an alternative of a later release"
_TEXT_KINDS = (IndexKind.SUM, IndexKind.STRING_INDEX)


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that the other encoding cannot carry.

    Attributes:
        place: Where it is, for example ``"stream 5: standardized[3].subCounters"``.
        what: What it is, for people, for example ``"an integer of 70 bits"``; ``NANOSECONDS`` for
            the parts of a second.
    """

    place: str
    what: str


def losses(unit: PerformanceDataStreamUnit, target: Family) -> tuple[Loss, ...]:
    """List what a target cannot carry of a unit; ``()`` when it can carry all of it.

    Raises:
        LocalProtocolError: The target carries no performance data.
    """
    # Python writes no integer that is much longer than those that ASN.1 may carry here.
    longer = unit.stream_id.bit_length() > NUMBER_OCTETS_MAX * 8
    stream = f"{unit.stream_id:#x}" if longer else f"{unit.stream_id}"
    return tuple(Loss(f"stream {stream}: {at}", what) for at, what in faults(unit, target))


def faults(unit: PerformanceDataStreamUnit, target: Family) -> Iterator[tuple[str, str]]:
    """Give place and kind of each loss, in the order of the unit; places are within the unit.

    Raises:
        LocalProtocolError: The target carries no performance data.
    """
    rules = _RULES.get(target)
    if rules is None:
        raise LocalProtocolError(f"{target.value} carries no performance data")
    if fault := rules.integer(unit.stream_id):
        yield "stream_id", fault
    for fault in rules.time(unit.granularity_period_end_time_ns):
        yield "granularity_period_end_time", fault
    lists = (("standardized", unit.standardized), ("vendor_specific", unit.vendor_specific))
    for name, values in lists:
        for number, value in enumerate(values):
            for at, fault in _value_faults(value, rules):
                yield f"{name}[{number}]{at}", fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """What one encoding carries; each function gives what is wrong, or nothing."""

    integer: Callable[[int], str]
    index_integer: Callable[[int], str]
    text: Callable[[str], str]
    time: Callable[[int | None], Iterator[str]]
    octets_are_counted: bool
    none_is_carried: bool


def _value_faults(value: MeasValue, rules: _Rules) -> Iterator[tuple[str, str]]:
    at, depth = "", 0
    while isinstance(value, SubCounter):
        depth += 1
        if depth > SUB_COUNTER_DEPTH_MAX:
            yield at, f"more than {SUB_COUNTER_DEPTH_MAX} dimensions"
            return
        at += ".subCounters"
        if fault := _index_fault(value.index, rules):
            yield at, fault
        value = value.value
        if value is None:  # an empty bin
            return
    if fault := _plain_fault(value, rules):
        yield at, fault


def _plain_fault(value: float | str | UnknownAlternative | None, rules: _Rules) -> str:
    match value:
        case UnknownAlternative():
            return _UNKNOWN  # what it means may hang on its encoding
        case None:
            return "" if rules.none_is_carried else "no value"
        case int():
            return rules.integer(value)
        case float():
            return ""
        case str():
            return rules.text(value)


def _index_fault(index: SubCounterIndex | UnknownAlternative | None, rules: _Rules) -> str:
    if index is None:
        return "" if rules.none_is_carried else "no index"
    if isinstance(index, UnknownAlternative):
        return _UNKNOWN
    match index.kind, index.value:
        case ((IndexKind.SUM | IndexKind.STRING_INDEX), str() as text):
            if rules.octets_are_counted and index.kind is IndexKind.SUM and text != "SUM":
                return 'a sum that is not called "SUM"'
            return rules.text(text)
        case IndexKind.PLMN, bytes() as plmn:
            return _octets_fault("a PLMN", plmn, 3, rules)
        case IndexKind.SNSSAI, Snssai(sst, sd):
            return _octets_fault("an SST", sst, 1, rules) or _octets_fault("an SD", sd, 3, rules)
        case kind, int() as number if kind in _NUMBER_KINDS:
            return rules.index_integer(number)
        case kind, value:
            return f"a value of type {type(value).__name__} as {kind.value}"


_NUMBER_KINDS = frozenset(IndexKind) - {*_TEXT_KINDS, IndexKind.PLMN, IndexKind.SNSSAI}


def _octets_fault(what: str, octets: bytes, count: int, rules: _Rules) -> str:
    if rules.octets_are_counted and len(octets) != count:
        return f"{what} of {len(octets)} octets"
    return ""


def _fits(bits: int) -> Callable[[int], str]:
    """Make the rule of integers of so many bits and a sign."""

    def fault(value: int) -> str:
        if isinstance(value, bool):
            return "a bool"
        # The complement of a negative number has as many bits as a number of the same range.
        size = (value if value >= 0 else ~value).bit_length()
        return f"an integer of {size + 1} bits" if size > bits else ""

    return fault


def _visible_fault(text: str) -> str:
    return "" if text.isascii() and text.isprintable() else "a text that is no VisibleString"


def _utf8_fault(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text without a UTF-8 form"
    return ""


def _date_time_faults(time_ns: int | None) -> Iterator[str]:
    if time_ns is None:
        yield "no time"
        return
    seconds, nanoseconds = divmod(time_ns, _SECOND_NS)
    if nanoseconds:
        yield NANOSECONDS
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        yield f"a time outside the years {YEARS[0]} to {YEARS[-1]}"


def _timestamp_faults(time_ns: int | None) -> Iterator[str]:
    if time_ns is not None and not -(2**63) <= time_ns // _SECOND_NS < 2**63:
        yield "a time of more than 64 bits"


_RULES: Mapping[Family, _Rules] = MappingProxyType(
    {
        Family.PDSU_GPB: _Rules(
            integer=_fits(63),
            index_integer=_fits(31),
            text=_utf8_fault,
            time=_timestamp_faults,
            octets_are_counted=False,
            none_is_carried=True,
        ),
        Family.PDSU_ASN1: _Rules(
            integer=_fits(NUMBER_OCTETS_MAX * 8 - 1),
            index_integer=_fits(NUMBER_OCTETS_MAX * 8 - 1),
            text=_visible_fault,
            time=_date_time_faults,
            octets_are_counted=True,
            none_is_carried=False,
        ),
    }
)
