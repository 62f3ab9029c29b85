"""What a unit says, in a form in which two captures can be compared whatever encoding they have.

Two contents are equal exactly when their bytes are: numbers are equal when their values are (1 and
1.0), because the two encodings write them differently; NaN equals NaN; a text is never equal to a
number. The order of the metrics does not count, their names do.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Any, cast

import cbor2

from mnstream.adapters.codecs import (
    MeasValue,
    SubCounter,
    UnknownAlternative,
    record_json,
    value_json,
)
from mnstream.adapters.rest.stream_info import encode_stream_info
from mnstream.adapters.storage import StoredUnit
from mnstream.core.values import (
    AdditionalInfo,
    Json,
    PerformanceInfo,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)

_NS_PER_S = 1_000_000_000
_WRITTEN_OUT = 10**21
"""Whole numbers below it are told digit by digit, whatever they came as: any of 64 bits is."""


class Sort(IntEnum):
    """What a content is; contents of different sorts are never equal."""

    VALUES = 0
    """A value for each metric."""
    RECORD = 1
    """A trace record."""
    PAYLOAD = 2
    """Octets that nobody can read."""
    QUARANTINED = 3
    """What a unit that is wrong measured, or its octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A unit as it is compared.

    Attributes:
        stream_id: Its stream; None when the frame does not tell.
        sort: What the body is.
        time_ns: End of the granularity period, or time of the record; None where there is none.
        coarse: Whether that time has whole seconds only, because it came in ASN.1.
        body: What it says; equal bytes mean the same.
    """

    stream_id: StreamId | None
    sort: Sort
    time_ns: int | None
    coarse: bool
    body: bytes

    @property
    def second(self) -> int | None:
        """The second in which the period ends."""
        return None if self.time_ns is None else self.time_ns // _NS_PER_S


def is_silent(unit: StoredUnit) -> bool:
    """Tell whether a unit says nothing of its own: a duplicate or a keep-alive."""
    return unit.kind in ("duplicate", "keep-alive")


def content_of(unit: StoredUnit) -> Content:
    """Give what a unit says that is not silent.

    A quarantined unit says its cause and what it measured, where that can be read, otherwise its
    payload. One that nobody can read says its payload.
    """
    make = partial(Content, stream_id=unit.stream_id)
    if unit.kind == "quarantined":
        return make(sort=Sort.QUARANTINED, time_ns=None, coarse=False, body=_set_aside(unit))
    if unit.values is not None:
        values = {name: _plain(value) for name, value in sorted(unit.values.items())}
        return make(
            sort=Sort.VALUES,
            time_ns=unit.time_ns,
            coarse=_is_coarse(unit.stream_info),
            body=cbor2.dumps(values),
        )
    if unit.record is not None:
        body = cbor2.dumps(record_json(unit.record), canonical=True)
        return make(sort=Sort.RECORD, time_ns=unit.time_ns, coarse=False, body=body)
    body = cbor2.dumps(unit.payload)
    return make(sort=Sort.PAYLOAD, time_ns=None, coarse=False, body=body)


def _set_aside(unit: StoredUnit) -> bytes:
    measured = unit.measured
    if measured is None:
        return cbor2.dumps(unit.payload)
    values = (*measured.standardized, *measured.vendor_specific)
    return cbor2.dumps({"cause": unit.cause, "values": [_plain(value) for value in values]})


def values_in(body: bytes) -> dict[str, Json]:
    """Give the values in the body of a content of that sort, by metric, as they are compared."""
    return cast("dict[str, Json]", cbor2.loads(body))


def shown(value: Any) -> Json:
    """Give a value of a body as ``inspect --json`` gives it: payloads in base64, no NaN."""
    match value:
        case bytes():
            return b64encode(value).decode("ascii")
        case dict():
            members = cast("dict[str, object]", value)
            return {name: shown(member) for name, member in members.items()}
        case list():
            return [shown(member) for member in cast("list[object]", value)]
        case _:
            return value_json(cast("MeasValue", value))


def shown_body(body: bytes) -> Json:
    """Give a whole body so."""
    return shown(cbor2.loads(body))


def _plain(value: MeasValue) -> object:
    """Give numbers of equal value the same form: an int, or a float where an int is too long."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, UnknownAlternative):
        return value_json(value)
    if isinstance(value, SubCounter):
        described = value_json(SubCounter(value.index, None))
        assert isinstance(described, dict)
        return {**described, "subCounterValue": _plain(value.value)}
    if -_WRITTEN_OUT < value < _WRITTEN_OUT:
        return value if isinstance(value, int) or not value.is_integer() else int(value)
    try:
        nearest = float(value)
    except OverflowError:
        return value
    return nearest if nearest == value else value


def _is_coarse(info: StreamInfo | None) -> bool:
    return info is not None and info.serialization_format is SerializationFormat.ASN1


@dataclass(frozen=True, slots=True)
class Description:
    """What two captures have to agree about a stream: all of StreamInfo but its encoding."""

    stream_type: StreamType
    additional_info: AdditionalInfo | None

    def as_json(self) -> dict[str, Json]:
        """Describe it with the names of ``streamInfo-Type``."""
        info = StreamInfo(
            stream_id=StreamId(""),
            stream_type=self.stream_type,
            serialization_format=None,
            additional_info=self.additional_info,
        )
        members = encode_stream_info(info, keep_absent_format=True)
        del members["streamId"]
        return members


def description_of(info: StreamInfo) -> Description:
    """Describe a stream; the order of its metrics is left out, because values have names."""
    additional = info.additional_info
    if isinstance(additional, PerformanceInfo):
        names = tuple(sorted(additional.performance_metrics))
        additional = replace(additional, performance_metrics=names)
    return Description(info.stream_type, additional)
