"""Units as rows, one for each value, with the same columns in CSV and in Parquet.

=============  ==============================================================================
column         what
=============  ==============================================================================
``connection`` connection on which the unit came
``producer``   who reported it
``stream``     its stream
``object``     DN of the measured object
``received``   when it arrived
``time``       end of the granularity period, or time of the trace record
``metric``     name of the measurement; null in the one row of a unit without values
``value``      the number; null for texts, and where the producer has no value
``integer``    the same number exactly, where it is an integer of 64 bits
``text``       a text; as JSON a sub-counter, or what a later release added; the digits of a longer
               integer; in the row of a unit without values a JSON object: what ``inspect`` shows
               of it beside the other columns, such as ``record`` of a trace, ``payload`` in
               base64, ``detail``
``kind``       empty for delivered data, else "quarantined", "duplicate", ...
``cause``      why it is quarantined, else empty
=============  ==============================================================================

Everything that ``inspect`` shows is in some row, so whoever sums up values asks for ``kind = ''``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mnstream.adapters.codecs.values import MeasValue, SubCounter, UnknownAlternative, value_json
from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.sinks import unit_json
from mnstream.adapters.storage import StoredUnit
from mnstream.core.values import Json

COLUMNS = (
    *("connection", "producer", "stream", "object", "received", "time", "metric"),
    *("value", "integer", "text", "kind", "cause"),
)

_INT64 = 1 << 63
_IN_COLUMNS = frozenset(
    ("connection", "producer", "stream", "object", "received", "time", "kind", "cause")
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; times are since the Unix epoch."""

    connection: str | None
    producer: str | None
    stream: str | None
    object: str | None
    received_ms: int
    time_ns: int | None
    metric: str | None
    value: float | None
    integer: int | None
    text: str | None
    kind: str
    cause: str


def unit_rows(unit: StoredUnit) -> Iterator[Row]:
    """Give a row for each value of a unit, in the order of the metrics, or one for the unit."""
    if unit.values is None:
        described = {
            name: value for name, value in unit_json(unit).items() if _is_left(name, value)
        }
        yield _row(unit, None, None, None, _json(described))
        return
    for metric, value in unit.values.items():
        yield _row(unit, metric, *_columns(value))


def _is_left(name: str, value: Json) -> bool:
    return name not in _IN_COLUMNS and value is not None


def _columns(value: MeasValue) -> tuple[float | None, int | None, str | None]:
    """Give the columns ``value``, ``integer`` and ``text``."""
    match value:
        case None:
            return None, None, None
        case int() if -_INT64 <= value < _INT64:
            return float(value), value, None
        case int():
            try:
                return float(value), None, str(value)
            except (OverflowError, ValueError):  # too long for a double, or for Python's digits
                return None, None, hex(value)
        case float():
            return value, None, None
        case str():
            return None, None, value
        case SubCounter() | UnknownAlternative():
            return None, None, _json(value_json(value))


def _json(value: Json) -> str:
    return write_json(value).decode("ascii")


def _row(
    unit: StoredUnit,
    metric: str | None,
    value: float | None,
    integer: int | None,
    text: str | None,
) -> Row:
    return Row(
        connection=unit.connection_id,
        producer=unit.producer_id,
        stream=unit.stream_id,
        object=unit.object_dn,
        received_ms=unit.received_ms,
        time_ns=unit.time_ns,
        metric=metric,
        value=value,
        integer=integer,
        text=text,
        kind=unit.kind,
        cause=unit.cause,
    )
