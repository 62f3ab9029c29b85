"""From the frames of a log to the units that they carry, under the names that they were sent with.

What a unit means is decided by the StreamInfo in force when its frame arrived. A frame is stored
whole, with the verdict on the worst of its units; here each unit is judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from mnstream.adapters.codecs import DECODERS, READERS, StreamUnit
from mnstream.adapters.codecs.opaque import Decoded, decode_with
from mnstream.adapters.codecs.resolve import resolve_values
from mnstream.adapters.codecs.trace_values import TraceRecord
from mnstream.adapters.codecs.values import MeasValue, PerformanceDataStreamUnit
from mnstream.adapters.storage.entries import Entry, Hole
from mnstream.adapters.storage.reader import LogReader
from mnstream.core.errors import Undecodable
from mnstream.core.records import ConnectionEnded, ConnectionEstablished, Disposition, FrameStored
from mnstream.core.streaming.counts import UNDECODABLE, UNKNOWN_STREAM, WRONG_VALUE_COUNT
from mnstream.core.streaming.multiplexing import Demultiplexer, trace_namer
from mnstream.core.values import ConnectionId, PerformanceInfo, ProducerId, StreamId, StreamInfo
from mnstream.ports.payload_codec import PayloadCodec

NORMAL = ""
ADMINISTRATIVE = "administrative"
UNCONVERTIBLE = "unconvertible"
"""Cause of a frame that a conversion of the capture kept as it was."""
QUARANTINED = Disposition.QUARANTINED.value
_UNANNOUNCED = "the stream was not announced"
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUnit:
    """A unit of a stored frame, or the whole frame where its units are unknown.

    Attributes:
        position: Position of its frame.
        connection_id: Connection on which it came; None when damage swallowed that.
        producer_id: Who reported it; None as above.
        stream_id: Its stream; None when the frame does not tell.
        stream_info: The stream as it was when the unit was received; None when it is unknown.
        received_ms: When it arrived, milliseconds since the Unix epoch.
        object_dn: Measured object; None where that means nothing.
        payload: The whole frame as it arrived.
        time_ns: End of the granularity period, or time of the trace record, nanoseconds since the
            epoch; None where unknown.
        measured: The unit itself, of a PERFORMANCE stream; None of another.
        values: A value for each performance metric, in their order; None when the unit has no such
            values, or they do not match the metrics.
        record: The trace record; None where the unit is none.
        decoded: What a codec of the user's says of an opaque payload; None where none claims it.
        kind: ``""``, "administrative" (a trace record about the trace itself), "quarantined",
            "duplicate" or "keep-alive".
        cause: Why it is quarantined: unknownStream, wrongValueCount, undecodable, or unconvertible
            in a capture whose encoding was changed.
        detail: The same in words; empty otherwise.
    """

    position: int
    connection_id: ConnectionId | None
    producer_id: ProducerId | None
    stream_id: StreamId | None
    stream_info: StreamInfo | None
    received_ms: int
    object_dn: str | None
    payload: bytes
    time_ns: int | None = None
    measured: PerformanceDataStreamUnit | None = None
    values: Mapping[str, MeasValue] | None = None
    record: TraceRecord | None = None
    decoded: Decoded | None = None
    kind: str = NORMAL
    cause: str = ""
    detail: str = ""


def _ignore(_hole: Hole) -> None:
    pass


def stored_units(
    log: Path | LogReader,
    *,
    stream_id: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
    limit: int | None = None,
    on_hole: Callable[[Hole], None] = _ignore,
    codecs: Sequence[PayloadCodec] = (),
) -> Iterator[StoredUnit]:
    """Give the units of a log in the order in which they arrived.

    Args:
        log: Directory or segment file; or a reader of it, which can tell afterwards what it passed
            over.
        stream_id: Only units of this stream.
        since_ms: Only what was received at this time or later, ms since the Unix epoch.
        until_ms: Only what was received before this time.
        limit: At most so many units.
        on_hole: Is told each part of the log that cannot be read, in its place.
        codecs: Read opaque payloads; the first that claims one decides.

    Raises:
        LogUnreadable: There is no log here that this program can read.
        OSError: A file cannot be read.
    """
    reader = LogReader(log) if isinstance(log, Path) else log
    units = _units(reader, since_ms, until_ms, on_hole, codecs)
    chosen = (unit for unit in units if stream_id is None or unit.stream_id == stream_id)
    return islice(chosen, limit)


def _units(
    reader: LogReader,
    since_ms: int | None,
    until_ms: int | None,
    on_hole: Callable[[Hole], None],
    codecs: Sequence[PayloadCodec],
) -> Iterator[StoredUnit]:
    resolver = UnitResolver(codecs)
    for entry in reader.entries(since_ms=since_ms, until_ms=until_ms):
        if isinstance(entry, Hole):
            on_hole(entry)
        else:
            yield from resolver.units(entry)


class UnitResolver:
    """Gives the units of records, keeping what was learnt of the connections.

    Records are given in order; where to begin does not matter, because an entry brings the streams
    in force.
    """

    def __init__(self, codecs: Sequence[PayloadCodec] = ()) -> None:
        """Start without knowledge; ``codecs`` read opaque payloads."""
        self._codecs = codecs
        self._views: dict[ConnectionId, _View] = {}

    def units(self, entry: Entry) -> Iterable[StoredUnit]:
        """Give the units of a frame; ``()`` for any other record."""
        record = entry.record
        if isinstance(record, FrameStored):
            return _frame_units(_Frame(entry.position, record, self._view(entry.connection)))
        if isinstance(record, ConnectionEnded):
            self._views.pop(record.connection_id, None)
        return ()

    def _view(self, connection: ConnectionEstablished | None) -> _View | None:
        if connection is None:
            return None
        view = self._views.get(connection.connection_id)
        if view is None or view.connection is not connection:
            view = self._views[connection.connection_id] = _View(connection, self._codecs)
        return view


class _View:
    """A connection with one set of streams."""

    def __init__(self, connection: ConnectionEstablished, codecs: Sequence[PayloadCodec]) -> None:
        self.connection = connection
        self.streams = {info.stream_id: info for info in connection.stream_info_list}
        self.demultiplexer = Demultiplexer(self.streams, READERS)
        self.trace_stream = trace_namer(self.streams)
        self.codecs = codecs


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame with what its units have in common."""

    position: int
    record: FrameStored
    view: _View | None

    def unit(
        self,
        stream_id: StreamId | None = None,
        info: StreamInfo | None = None,
        *,
        time_ns: int | None = None,
        measured: PerformanceDataStreamUnit | None = None,
        values: Mapping[str, MeasValue] | None = None,
        record: TraceRecord | None = None,
        decoded: Decoded | None = None,
        kind: str = NORMAL,
        cause: str = "",
        detail: str = "",
    ) -> StoredUnit:
        """Make a unit of what it says, and of what the frame knows; with a cause, quarantined."""
        connection = None if self.view is None else self.view.connection
        additional = None if info is None else info.additional_info
        return StoredUnit(
            position=self.position,
            connection_id=None if connection is None else connection.connection_id,
            producer_id=None if connection is None else connection.producer_id,
            stream_id=stream_id,
            stream_info=info,
            received_ms=self.record.wall_ms,
            object_dn=additional.meas_obj_dn if isinstance(additional, PerformanceInfo) else None,
            payload=self.record.payload,
            time_ns=time_ns,
            measured=measured,
            values=values,
            record=record,
            decoded=decoded,
            kind=QUARANTINED if cause else kind,
            cause=cause,
            detail=detail,
        )


def _frame_units(frame: _Frame) -> Iterable[StoredUnit]:
    disposition = frame.record.disposition
    if disposition is Disposition.KEEP_ALIVE:
        return (frame.unit(kind=disposition.value),)
    if frame.view is None:
        cause = _quarantined_for(frame.record, UNKNOWN_STREAM)
        return (frame.unit(cause=cause, detail="its connection is unknown"),)
    if frame.record.cause == UNCONVERTIBLE:
        # Its octets are in another encoding than its streams, and may look like anything.
        return (frame.unit(cause=UNCONVERTIBLE, detail="it stayed in the encoding it came in"),)
    units = _judged_units(frame, frame.view)
    if disposition is Disposition.DUPLICATE:
        return [replace(unit, kind=disposition.value) for unit in units]
    return units


def _quarantined_for(record: FrameStored, otherwise: str) -> str:
    # The cause of another frame does not say why it is of no use here.
    return record.cause if record.disposition is Disposition.QUARANTINED else otherwise


def _judged_units(frame: _Frame, view: _View) -> Iterable[StoredUnit]:
    payload = frame.record.payload
    try:
        family, named = view.demultiplexer.reading(payload)
        if family not in DECODERS:
            return [_opaque(frame, view, stream_id) for stream_id, _ in named]
        return [_decoded(frame, view, unit) for unit in DECODERS[family](payload)]
    except Undecodable as error:
        # Whoever stored it may have known more than that its octets are of no use.
        cause = _quarantined_for(frame.record, UNDECODABLE)
        return (frame.unit(cause=cause, detail=str(error)),)


def _decoded(frame: _Frame, view: _View, unit: StreamUnit) -> StoredUnit:
    match unit:
        case PerformanceDataStreamUnit():
            return _measured(frame, view, unit)
        case TraceRecord():
            return _traced(frame, view, unit)


def _measured(frame: _Frame, view: _View, unit: PerformanceDataStreamUnit) -> StoredUnit:
    stream_id = StreamId(str(unit.stream_id))
    info = view.streams.get(stream_id)
    values: Mapping[str, MeasValue] | None = None
    cause, detail = UNKNOWN_STREAM, _UNANNOUNCED
    if info is not None:
        resolved = resolve_values(info, unit)
        if isinstance(resolved, str):
            cause, detail = WRONG_VALUE_COUNT, resolved
        else:
            values, cause, detail = resolved, "", ""
    return frame.unit(
        stream_id,
        info,
        time_ns=unit.granularity_period_end_time_ns,
        measured=unit,
        values=values,
        cause=cause,
        detail=detail,
    )


def _traced(frame: _Frame, view: _View, record: TraceRecord) -> StoredUnit:
    stream_id = view.trace_stream(record.stream_id)
    info = view.streams.get(stream_id)
    time_ns = record.time_stamp_ms * _NS_PER_MS
    if info is None:
        return frame.unit(
            stream_id, time_ns=time_ns, record=record, cause=UNKNOWN_STREAM, detail=_UNANNOUNCED
        )
    return frame.unit(
        stream_id,
        info,
        time_ns=time_ns,
        record=record,
        kind=ADMINISTRATIVE if record.is_administrative else NORMAL,
        decoded=decode_with(view.codecs, info, record.payload_schema_uri, record.payload),
    )


def _opaque(frame: _Frame, view: _View, stream_id: StreamId) -> StoredUnit:
    info = view.streams[stream_id]
    decoded = decode_with(view.codecs, info, "", frame.record.payload)
    return frame.unit(stream_id, info, decoded=decoded)
