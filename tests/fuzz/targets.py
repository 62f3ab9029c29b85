"""What is fuzzed, and what it promises: for any octets a value or an error from a closed list."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

import trio
import trio.testing

from mnstream.adapters.codecs import gpb, per, trace
from mnstream.adapters.codecs.conversion import Unconvertible, convert_units
from mnstream.adapters.codecs.opaque import read_opaque
from mnstream.adapters.codecs.trace_values import record_json
from mnstream.adapters.codecs.values import MeasValue, PerformanceDataStreamUnit, value_json
from mnstream.adapters.file import FileServer
from mnstream.adapters.observability import Counters
from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.sinks import unit_json
from mnstream.adapters.storage import LogUnreadable, stored_units
from mnstream.adapters.storage.following import CaptureChanged, CaptureTail
from mnstream.adapters.storage.format import Content, encode_block
from mnstream.adapters.storage.segment_header import SegmentHeader, encode_segment_header
from mnstream.core.errors import Undecodable
from mnstream.core.streaming.multiplexing import Family
from mnstream.testing.recording import RecordingService
from tests.fuzz.samples import (
    CAPTURES,
    GPB_FRAMES,
    OPAQUE_FRAMES,
    PER_FRAMES,
    RECORD_BODIES,
    TRACE_FRAMES,
)

_FOLLOWED_S = 1
"""Virtual seconds for which a capture is followed: as many looks at it as it takes."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that reads octets from outside.

    Attributes:
        check: Reads an input; raises what is not promised.
        samples: Good inputs, to begin with.
        weight: Its share of all inputs, beside the others'; slow ones get less.
    """

    check: Callable[[bytes], None]
    samples: Callable[[], Iterable[bytes]]
    weight: int = 4


def _check_gpb(data: bytes) -> None:
    _read(gpb.read_units, data)
    for unit in _read(gpb.decode_pdsus, data):
        _write(unit)


def _check_per(data: bytes) -> None:
    named = _read(per.read_units, data)
    units = _read(per.decode_pdsus, data)
    assert not units or [(str(each.stream_id), len(_values(each))) for each in units] == [*named]
    for unit in units:
        _write(unit)


def _check_trace(data: bytes) -> None:
    _read(trace.read_records, data)
    for record in _read(trace.decode_records, data):
        write_json(record_json(record))


def _check_tail(data: bytes) -> None:
    """Follow any octets as a capture that somebody writes; damage is believed the second time."""
    path = _scratch() / "followed.mnlog"
    path.write_bytes(data)
    try:
        with closing(CaptureTail(path)) as tail:
            while (batch := tail.read()).entries or batch.is_full:
                tail.place(batch.next_position)
            tail.read()
    except (LogUnreadable, CaptureChanged):
        return


def _check_file(data: bytes) -> None:
    """Play any octets, as one record behind good ones, to a consumer."""
    inbox, state = _scratch() / "inbox", _scratch() / "data" / "tails"
    rmtree(inbox.parent / "data", ignore_errors=True)
    inbox.mkdir(exist_ok=True)
    (inbox / "capture.mnlog").write_bytes(CAPTURES[1] + _block(data, position=2))

    async def follow() -> None:
        service = RecordingService()
        server = FileServer(service, [inbox], state=state, observer=Counters())
        with trio.move_on_after(_FOLLOWED_S):
            await server.serve()

    trio.run(follow, clock=trio.testing.MockClock(autojump_threshold=0))


def _check_opaque(data: bytes) -> None:
    _read(read_opaque, data)


def _check_capture(data: bytes) -> None:
    """Read any octets as a file; nothing but a later version is refused."""
    path = _scratch() / "capture.mnlog"
    path.write_bytes(data)
    try:
        for unit in stored_units(path):
            write_json(unit_json(unit))
    except LogUnreadable:
        return


def _check_records(data: bytes) -> None:
    """Read any octets as the records of a block whose CRC is right."""
    _check_capture(encode_segment_header(SegmentHeader(0, 0, 7)) + _block(data, position=0))


def _block(record: bytes, *, position: int) -> bytes:
    return encode_block(
        [record],
        first_position=position,
        count=1,
        first_wall_ms=0,
        last_wall_ms=1 << 62,
        content=Content.MIXED,
        mark=7,
    )


T = TypeVar("T")


@cache
def _scratch() -> Path:
    """Make one directory for a process, in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    return Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))


def _values(unit: PerformanceDataStreamUnit) -> tuple[MeasValue, ...]:
    return unit.standardized + unit.vendor_specific


def _read(reader: Callable[[bytes], Iterable[T]], data: bytes) -> Iterable[T]:
    try:
        return reader(data)
    except Undecodable:
        return ()


def _write(unit: PerformanceDataStreamUnit) -> None:
    """Whatever was read can be shown, and converted or refused by name."""
    for value in _values(unit):
        write_json(value_json(value))
    for family in (Family.PDSU_GPB, Family.PDSU_ASN1):
        with suppress(Unconvertible):
            convert_units([unit], family)


TARGETS: Mapping[str, Target] = {
    "gpb": Target(_check_gpb, lambda: GPB_FRAMES),
    "per": Target(_check_per, lambda: PER_FRAMES),
    "trace": Target(_check_trace, lambda: TRACE_FRAMES),
    "opaque": Target(_check_opaque, lambda: OPAQUE_FRAMES),
    "capture": Target(_check_capture, lambda: CAPTURES, weight=2),
    "records": Target(_check_records, lambda: RECORD_BODIES, weight=2),
    "tail": Target(_check_tail, lambda: CAPTURES, weight=2),
    "file": Target(_check_file, lambda: RECORD_BODIES, weight=1),
}
