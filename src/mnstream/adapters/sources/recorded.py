"""Units that somebody recorded, as lines of JSON: what ``inspect --json`` prints."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Final

from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)
from mnstream.adapters.sources.identity import stable_stream_id
from mnstream.core.streaming.validation import is_unit_stream_id
from mnstream.core.values import (
    Json,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)

RECORDED_LINE_BYTES_MAX: Final = 32 * 1024 * 1024
"""A message of 16 MiB, which is what we receive at most, and the text that base64 makes of it."""
_FORM = 'not {"object": DN, "values": {NAME: VALUE, ...}, ...}'
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"[T ][0-9:]+[.,][0-9]{6}([0-9]{1,3})")
_TOO_DEEP = "nested too deeply"
_NUMBERED = frozenset({"binIndex", "qOS-5QI", "qOS-QCI", "cause"})


class RecordingFailed(ValueError):
    """A recording that cannot be reported; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedUnit:
    """A unit of performance data, the stream that it belongs to, and where it was found."""

    stream: StreamInfo
    unit: PerformanceDataStreamUnit
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFrame:
    """A frame of other data, and all the streams that it belongs to."""

    streams: tuple[StreamInfo, ...]
    payload: bytes


def recorded_unit(
    line: str, *, producer_id: ProducerId, wall_ms: int, place: str = "the line"
) -> RecordedUnit | None:
    """Read one line, which is found at ``place``.

    Needed are ``object`` (measObjDn) and ``values`` (a value for each metric, by name). ``stream``
    defaults to an identifier made of producer and object, ``time`` (RFC 3339, down to nanoseconds)
    to ``wall_ms``. Other members are ignored.

    Returns:
        None for a unit without values: a quarantined one, a trace record, or opaque data. A line
        does not hold what would have to be sent, or only a part of it.

    Raises:
        RecordingFailed: The line is something else.
    """
    try:
        described: Json = json.loads(line)
    except ValueError as error:
        raise RecordingFailed(f"not JSON: {error}") from error
    except RecursionError as error:
        raise RecordingFailed(_TOO_DEEP) from error
    if isinstance(described, dict) and (
        isinstance(described.get("payload"), str) or isinstance(described.get("record"), dict)
    ):
        return None
    measured = described.get("object") if isinstance(described, dict) else None
    values = described.get("values") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(measured, str) or not measured:
        raise RecordingFailed(_FORM)
    if not isinstance(values, dict) or not values:
        raise RecordingFailed(_FORM)
    _check_text([measured, *values])
    stream_id = described.get("stream") or stable_stream_id(producer_id, measured)
    if not isinstance(stream_id, str) or not is_unit_stream_id(stream_id):
        raise RecordingFailed(f"stream {stream_id!r} is not a decimal number of 63 bits")
    time = described.get("time")
    stream = StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=StreamType.PERFORMANCE,
        serialization_format=SerializationFormat.GPB,
        additional_info=PerformanceInfo(
            meas_obj_dn=measured, performance_metrics=tuple(intern(name) for name in values)
        ),
    )
    unit = PerformanceDataStreamUnit(
        stream_id=int(stream_id),
        granularity_period_end_time_ns=wall_ms * 1_000_000 if time is None else _time_ns(time),
        standardized=_values(values),
    )
    return RecordedUnit(stream=stream, unit=unit, place=place)


def _check_text(texts: list[str]) -> None:
    """Refuse names that no announcement could carry."""
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise RecordingFailed("a name holds half of a surrogate pair") from error


def _time_ns(text: Json) -> int:
    try:
        time = datetime.fromisoformat(str(text).upper())
    except ValueError as error:
        raise RecordingFailed(f"time {text!r} is not RFC 3339") from error
    time = time.replace(tzinfo=time.tzinfo or UTC)
    # A datetime ends at microseconds and drops the other digits.
    finer = _FRACTION.search(str(text).upper())
    ns = 0 if finer is None else int(finer[1].ljust(3, "0"))
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000 + ns


def _values(values: dict[str, Json]) -> tuple[MeasValue, ...]:
    try:
        return tuple(map(_value, values.values()))
    except RecursionError as error:
        raise RecordingFailed(_TOO_DEEP) from error


def _value(value: Json) -> MeasValue:
    match value:
        case bool():
            raise RecordingFailed(f"{value} is no measured value")
        case int() | float() | None:
            return value
        case "NaN" | "Infinity" | "-Infinity":
            return math.nan if value == "NaN" else math.inf if value == "Infinity" else -math.inf
        case str():
            return value
        case {"stringValue": str(text)}:
            return text
        case {"subCounterIndex": index, "subCounterValue": counted}:
            return SubCounter(None if index is None else _index(index), _value(counted))
        case _:
            raise RecordingFailed(f"{value!r} is no measured value")


def _index(index: Json) -> SubCounterIndex:
    match index:
        case {"plMN": str(digits)}:
            return SubCounterIndex(IndexKind.PLMN, _octets(digits))
        case {"sNSSAI": {"sst": str(sst), "sd": str(sd)}}:
            return SubCounterIndex(IndexKind.SNSSAI, Snssai(_octets(sst), _octets(sd)))
        case {"sum": str(text)}:
            return SubCounterIndex(IndexKind.SUM, text)
        case {"stringIndex": str(text)}:
            return SubCounterIndex(IndexKind.STRING_INDEX, text)
        case dict() if len(index) == 1:
            ((name, number),) = index.items()
            if name in _NUMBERED and type(number) is int:
                return SubCounterIndex(IndexKind(name), number)
        case _:
            pass
    raise RecordingFailed(f"{index!r} is no index of a sub-counter")


def _octets(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise RecordingFailed(f"{digits!r} is not hexadecimal") from error
