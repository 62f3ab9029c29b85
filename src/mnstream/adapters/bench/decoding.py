"""P5: how fast performance data in ASN.1 is decoded."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import Protocol, cast

from mnstream.adapters.bench.frames import stream_number
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.settings import Settings
from mnstream.adapters.codecs.per import decode_pdsus, read_units
from mnstream.adapters.codecs.per_writing import encode_pdsus
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    SubCounter,
    SubCounterIndex,
)

UNIT = "units/s"
TARGET = Target(reach=12.0, beyond=40.0, higher_is_better=True)
VALUES = 100
"""Values of the unit; every fifth is a real."""
SCHEMA = """
PerformanceDataStreamUnits-Schema DEFINITIONS AUTOMATIC TAGS ::= BEGIN
PDSUs ::= SEQUENCE OF PDSU
PDSU ::= SEQUENCE {
    streamId INTEGER, granularityPeriodEndTime DATE-TIME,
    standardizedMeasResults SEQUENCE OF MeasValue,
    vendorSpecificMeasResults SEQUENCE OF MeasValue OPTIONAL }
MeasValue ::= CHOICE {
    integerValue INTEGER, realValue REAL, stringValue VisibleString,
    subCounters SubCounterListType, ... }
SubCounterListType ::= SEQUENCE {
    subCounterIndex SubCounterIndexType, subCounterValue MeasValue OPTIONAL }
SubCounterIndexType ::= CHOICE {
    sum VisibleString ("SUM"), binIndex INTEGER, qOS-5QI INTEGER, qOS-QCI INTEGER, cause INTEGER,
    stringIndex VisibleString, plMN OCTET STRING (SIZE (3)),
    sNSSAI SEQUENCE { sst OCTET STRING (SIZE (1)), sd OCTET STRING (SIZE (3)) }, ... }
END
"""
"""What the peer is compiled from: specs/asn1/ without its comments, which is not installed."""

_OURS = "mnstream"
_PEER = "asn1tools"
_ROUTING = "mnstream, streams and counts only"
_VARIED = ", every alternative in turns"
_KNUTH = 2_654_435_761  # spreads consecutive numbers over 32 bits
_BATCH = 8  # units between two looks at the clock
_TURNS = 10  # the sides take turns many times a round: what disturbs the machine disturbs all
_REAL_EVERY = 5
_EPOCH_NS = 1_700_000_000 * 1_000_000_000
_WHAT = (
    "decoding of one PDSU of {values} values ({integers} integers of 1 to 6 octets, evenly spread, "
    "and {reals} reals) in ASN.1 aligned PER, {octets} octets, into the objects of either side; "
    "one thread, the sides in turns; peer: asn1tools, its schema compiled before; in extra, and "
    "without a target: our reading of streams and counts only, and both sides with a unit in which "
    "integers, reals, texts and sub-counters by 5QI take turns"
)


class _Specification(Protocol):
    """The function of a schema that asn1tools has compiled."""

    def decode(self, name: str, data: bytes) -> object: ...


def measure(settings: Settings) -> Result:
    """Measure P5."""
    payload, varied = sample(), varied_sample()
    sides: dict[str, Callable[[], object]] = {
        _OURS: partial(decode_pdsus, payload),
        _OURS + _VARIED: partial(decode_pdsus, varied),
        _ROUTING: partial(read_units, payload),
    }
    installed = importlib.util.find_spec(_PEER) is not None
    if installed:
        specification = _peer()
        sides[_PEER] = partial(specification.decode, "PDSUs", payload)
        sides[_PEER + _VARIED] = partial(specification.decode, "PDSUs", varied)
    rounds: list[dict[str, float]] = []
    for number in range(settings.rounds + 1):
        rates = _take_turns(sides, settings.seconds)
        if number:  # the first only warms up
            rounds.append(rates)
            text = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items())
            settings.say(f"P5 round {number}/{settings.rounds}: {text}")
    medians = {name: side(name, [each[name] for each in rounds], UNIT) for name in sides}
    ours, theirs = medians[_OURS], medians.get(_PEER)
    reals = VALUES // _REAL_EVERY
    return Result(
        name="P5",
        what=_WHAT.format(values=VALUES, integers=VALUES - reals, reals=reals, octets=len(payload)),
        target=TARGET,
        ours=ours,
        peer=theirs,
        ratio=None if theirs is None else ours.value / theirs.value,
        rounds=rounds,
        extra={name: each.value for name, each in medians.items() if name not in (_OURS, _PEER)},
        unavailable="" if installed else 'the peer needs: pip install "mnstream[bench]"',
    )


def sample() -> bytes:
    """Encode the unit that both sides decode: mostly integers, some reals."""
    return _encoded(
        _real(place) if place % _REAL_EVERY == _REAL_EVERY - 1 else _integer(place)
        for place in range(VALUES)
    )


def varied_sample() -> bytes:
    """Encode a unit in which the four alternatives of a value take turns."""
    values: list[MeasValue] = []
    for place in range(0, VALUES, 4):
        index = SubCounterIndex(IndexKind.QOS_5QI, place % 9 + 1)
        counter = SubCounter(index, _integer(place))
        values += (_integer(place), _real(place), f"cell {place}", counter)
    return _encoded(values)


def _encoded(values: Iterable[MeasValue]) -> bytes:
    unit = PerformanceDataStreamUnit(
        stream_id=stream_number(0, 0, 1),
        granularity_period_end_time_ns=_EPOCH_NS,
        standardized=tuple(values),
    )
    return encode_pdsus([unit])


def _integer(place: int) -> int:
    octets = place % 6 + 1
    return place * _KNUTH * _KNUTH % (1 << 8 * octets - 1)


def _real(place: int) -> float:
    return place / 3 + 0.1


def _peer() -> _Specification:
    asn1tools = importlib.import_module(_PEER)
    compile_string = cast("Callable[[str, str], _Specification]", asn1tools.compile_string)
    return compile_string(SCHEMA, "per")


def _take_turns(sides: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Return units a second of each side."""
    turn_ns = int(seconds / _TURNS * 1e9)
    units = dict.fromkeys(sides, 0)
    elapsed_ns = dict.fromkeys(sides, 0)
    for _ in range(_TURNS):
        for name, decode in sides.items():
            begin = perf_counter_ns()
            while perf_counter_ns() - begin < turn_ns:
                for _ in range(_BATCH):
                    decode()
                units[name] += _BATCH
            elapsed_ns[name] += perf_counter_ns() - begin
    return {name: significant(units[name] / elapsed_ns[name] * 1e9) for name in sides}
