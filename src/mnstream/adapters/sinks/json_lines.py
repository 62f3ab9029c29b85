"""A stored unit as one JSON object, the same for ``inspect --json`` and for sinks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from mnstream.adapters.codecs.values import time_text, value_json
from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.storage import StoredUnit
from mnstream.core.values import Json

LINE_START = b'{"connection":'
"""How every line begins."""


def unit_json(unit: StoredUnit) -> dict[str, Json]:
    """Describe a unit; the members and their order are part of what the command line promises.

    Always there, null where unknown: ``connection``, ``producer``, ``stream``; ``received`` and
    ``time`` (end of the granularity period), RFC 3339 in UTC with three digits of a second, more
    only where the producer gave more; ``object``; and at last ``raw_bytes``, the size in octets of
    the frame that carried the unit, all of its units together. Between them stands ``values``, a
    value for each metric, or, where there are none, ``payload``: the whole frame in base64. What is
    not delivered data also has ``kind``, and with "quarantined" ``cause`` and ``detail``.
    """
    described: dict[str, Json] = {
        "connection": unit.connection_id,
        "producer": unit.producer_id,
        "stream": unit.stream_id,
        "received": _instant(unit.received_ms * 1_000_000),
        "time": None if unit.time_ns is None else _instant(unit.time_ns),
        "object": unit.object_dn,
    }
    if unit.values is None:
        described["payload"] = b64encode(unit.payload).decode("ascii")
    else:
        described["values"] = {name: value_json(value) for name, value in unit.values.items()}
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
