"""Performance data of a capture in its other encoding (TS 28.550 Annexes G and I)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mnstream.adapters.codecs import DECODERS
from mnstream.adapters.codecs.conversion import UNKNOWN_FIELDS, Loss, Unconvertible, convert_units
from mnstream.adapters.codecs.gpb import holds_unknown_fields
from mnstream.adapters.codecs.losses import NANOSECONDS
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.adapters.storage import StoredUnit
from mnstream.adapters.storage.units import UNCONVERTIBLE
from mnstream.core.errors import MnSError, Undecodable
from mnstream.core.records import (
    ConnectionEstablished,
    Disposition,
    FrameStored,
    MetadataRecord,
    StreamsChanged,
)
from mnstream.core.streaming.multiplexing import Family, family_of
from mnstream.core.values import SerializationFormat, StreamInfo, StreamType

_FAMILIES = {
    SerializationFormat.GPB: Family.PDSU_GPB,
    SerializationFormat.ASN1: Family.PDSU_ASN1,
}


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the other encoding does not carry.

    Attributes:
        position: Position of the frame in the log that is read.
        place: Where in the frame.
        what: What it is, for people.
        kept: Whether the frame was kept as it was, for that reason.
    """

    position: int
    place: str
    what: str
    kept: bool


class Conversion:
    """Turns performance data into one encoding, and leaves everything else alone."""

    def __init__(self, target: SerializationFormat, on_lost: Callable[[Lost], None]) -> None:
        """Say which encoding, and who is told what it cannot carry."""
        self._format = target
        self._target = _FAMILIES[target]
        self._on_lost = on_lost
        self._connections: dict[str, tuple[ConnectionEstablished, ConnectionEstablished]] = {}

    def connection(self, connection: ConnectionEstablished) -> ConnectionEstablished:
        """Give a connection with its streams as they are afterwards; the same one every time."""
        before, after = self._connections.get(connection.connection_id, (None, connection))
        if before is not connection:
            after = replace(connection, stream_info_list=self._streams(connection.stream_info_list))
            self._connections[connection.connection_id] = (connection, after)
        return after

    def metadata(self, record: MetadataRecord) -> MetadataRecord:
        """Give a record with the streams as they are after the conversion."""
        match record:
            case ConnectionEstablished():
                return self.connection(record)
            case StreamsChanged():
                return replace(record, added=self._streams(record.added))
            case _:
                return record

    def frame(self, position: int, frame: FrameStored, units: Sequence[StoredUnit]) -> FrameStored:
        """Give a frame in the target encoding, or as it is where it has nothing to convert."""
        families = {
            family_of(unit.stream_info)
            for unit in units
            if unit.stream_info is not None
            and unit.stream_info.stream_type is StreamType.PERFORMANCE
        } - {self._target}
        if not families or frame.disposition is Disposition.KEEP_ALIVE:
            return frame
        decoded, family = _decoded(frame.payload, families)
        if family is None:  # it was read in the encoding that is wanted, or could not be read
            return frame
        try:
            if family is Family.PDSU_GPB and holds_unknown_fields(frame.payload):
                raise Unconvertible(self._target, (UNKNOWN_FIELDS,))
            payload, losses = convert_units(decoded, self._target)
        except Unconvertible as error:
            reasons = [loss for loss in error.losses if loss.what != NANOSECONDS]
            self._tell(position, reasons, kept=True)
        except MnSError as error:  # our encoder refuses what nothing foresaw
            self._tell(position, [Loss("the frame", str(error))], kept=True)
        else:
            self._tell(position, losses, kept=False)
            return replace(frame, payload=payload)
        return replace(frame, disposition=Disposition.QUARANTINED, cause=UNCONVERTIBLE)

    def _streams(self, streams: tuple[StreamInfo, ...]) -> tuple[StreamInfo, ...]:
        return tuple(
            replace(info, serialization_format=self._format)
            if info.stream_type is StreamType.PERFORMANCE
            else info
            for info in streams
        )

    def _tell(self, position: int, losses: Sequence[Loss], *, kept: bool) -> None:
        for loss in losses:
            self._on_lost(Lost(position, loss.place, loss.what, kept))


def _decoded(
    payload: bytes, families: set[Family]
) -> tuple[tuple[PerformanceDataStreamUnit, ...], Family | None]:
    for family in families:
        try:
            units = DECODERS[family](payload)
        except Undecodable:
            continue
        measured = (unit for unit in units if isinstance(unit, PerformanceDataStreamUnit))
        return tuple(measured), family
    return (), None
