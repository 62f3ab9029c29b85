"""A stored unit as one JSON object, the same for ``inspect --json`` and for sinks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from mnstream.adapters.codecs.trace_values import record_json
from mnstream.adapters.codecs.values import time_text, value_json
from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.storage import StoredUnit
from mnstream.core.values import Json

LINE_START = b'{"connection":'
"""How every line begins."""


def unit_json(unit: StoredUnit) -> dict[str, Json]:
    """Describe a unit; the members and their order are part of what the command line promises.

    Always there, null where unknown: ``connection``, ``producer``, ``stream``, ``type`` and
    ``format`` of the stream; ``received`` and ``time`` (end of the granularity period, time of the
    trace record), RFC 3339 in UTC with three digits of a second, more only where the producer gave
    more; ``object``; and at last ``raw_bytes``, the size in octets of the frame that carried the
    unit, all of its units together. Between them stands what the unit says: ``values``, a value for
    each metric (`value_json` has the forms); ``record`` of a trace; or else ``payload``, the whole
    frame in base64. Where a user's codec claims the payload, ``decoded`` has what it made of it and
    ``codec`` its name, or ``undecoded`` the reason why it failed. What is not delivered data also
    has ``kind``, and with "quarantined" ``cause`` and ``detail``; the kind "administrative" is a
    trace record about the trace itself.
    """
    info = unit.stream_info
    form = None if info is None else info.serialization_format
    described: dict[str, Json] = {
        "connection": unit.connection_id,
        "producer": unit.producer_id,
        "stream": unit.stream_id,
        "type": None if info is None else info.stream_type.value,
        "format": None if form is None else form.value,
        "received": _instant(unit.received_ms * 1_000_000),
        "time": None if unit.time_ns is None else _instant(unit.time_ns),
        "object": unit.object_dn,
    }
    if unit.values is not None:
        described["values"] = {name: value_json(value) for name, value in unit.values.items()}
    elif unit.record is not None:
        described["record"] = record_json(unit.record)
    else:
        described["payload"] = b64encode(unit.payload).decode("ascii")
    if unit.decoded is not None:
        described["codec"] = unit.decoded.codec
        if unit.decoded.problem:
            described["undecoded"] = unit.decoded.problem
        else:
            described["decoded"] = unit.decoded.value
    described["raw_bytes"] = len(unit.payload)
    if unit.kind:
        described["kind"] = unit.kind
    if unit.cause:
        described["cause"] = unit.cause
    if unit.detail:
        described["detail"] = unit.detail
    return described


def json_lines(units: Iterable[StoredUnit]) -> bytes:
    """Write each unit on a line of its own, in ASCII."""
    return b"".join(write_json(unit_json(unit)) + b"\n" for unit in units)


def _instant(time_ns: int) -> str:
    """Write a time with at least three digits of a second, so that texts sort as times do."""
    text = time_text(time_ns)
    return text if "." in text or not text.endswith("Z") else f"{text[:-1]}.000Z"
