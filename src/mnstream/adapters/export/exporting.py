"""Read a log once and write what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Protocol

from mnstream.adapters.export.capture import CaptureWriter
from mnstream.adapters.export.conversion import Conversion, Lost
from mnstream.adapters.export.csv import CsvWriter
from mnstream.adapters.export.jsonl import JsonLinesWriter
from mnstream.adapters.export.output import open_output
from mnstream.adapters.export.parquet import ParquetWriter
from mnstream.adapters.storage import Entry, FrameRun, Hole, LogReader, StoredUnit, UnitResolver
from mnstream.core.errors import MnSError
from mnstream.core.records import ConnectionEstablished, FrameStored
from mnstream.core.values import SerializationFormat
from mnstream.ports.payload_codec import PayloadCodec

FORMATS = ("jsonl", "csv", "parquet", "capture")
"""What a log can be exported to."""


PROGRESS_BYTES = 256 << 10
"""Octets after which progress is told: a bar redrawn for each block costs more than reading."""


class BadExport(MnSError):
    """These settings do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which units are wanted; all unless something is said.

    Attributes:
        stream_id: Only units of this stream.
        since_ms: Only what was received at this time or later, ms since the Unix epoch.
        until_ms: Only what was received before this time.
        limit: At most so many units.
    """

    stream_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """What is exported, and how.

    Attributes:
        format: One of ``FORMATS``.
        selection: Which units.
        encoding: Performance data is converted into this; only for "capture". None leaves it.
        codecs: Read opaque payloads; the first that claims one decides.
    """

    format: str
    selection: Selection = field(default_factory=Selection)
    encoding: SerializationFormat | None = None
    codecs: tuple[PayloadCodec, ...] = ()


@dataclass(slots=True)
class ExportSummary:
    """What came of it.

    Attributes:
        units: Units that were written; of a capture, those in frames that were taken.
        holes: Parts of the log that could not be read.
        lost: What the other encoding does not carry: how often, and where first, by what it is
            and whether frames were kept unconverted for it.
        unknown_records: Records of kinds that a later program added, by kind.
    """

    units: int = 0
    holes: list[Hole] = field(default_factory=list[Hole])
    lost: dict[tuple[str, bool], tuple[int, Lost]] = field(
        default_factory=dict[tuple[str, bool], tuple[int, Lost]]
    )
    unknown_records: Mapping[int, int] = field(default_factory=dict[int, int])


class _UnitWriter(Protocol):
    """Writes units one after the other."""

    def write(self, units: list[StoredUnit]) -> None: ...

    def finish(self) -> None: ...


_UNIT_WRITERS: Mapping[str, Callable[[BinaryIO], _UnitWriter]] = MappingProxyType(
    {"jsonl": JsonLinesWriter, "csv": CsvWriter}
)


def _ignore(_hole: Hole) -> None:
    pass


def _nothing() -> None:
    pass


def export_log(
    reader: LogReader,
    output: Path | None,
    config: ExportConfig,
    *,
    on_hole: Callable[[Hole], None] = _ignore,
    on_progress: Callable[[], None] = _nothing,
) -> ExportSummary:
    """Export a log, a directory or a single file, also one that is being written.

    Args:
        reader: The log; it tells how far the export is.
        output: The file, which is there whole or as it was before; None for standard output.
        config: What and how.
        on_hole: Is told each part of the log that cannot be read, in its place.
        on_progress: Is called now and then.

    Raises:
        BadExport: The settings do not go together. Nothing was touched.
        NotInstalled: Parquet needs libraries that are missing. Nothing was touched.
        LogUnreadable: There is no log here that this program can read.
        OSError: Something cannot be read or written.
    """
    if config.encoding is not None and config.format != "capture":
        raise BadExport(f"an encoding is that of a capture; {config.format} holds values")
    if config.format not in FORMATS:
        raise BadExport(f"no format {config.format!r}; formats are {', '.join(FORMATS)}")
    run = _Run(reader, config, on_hole, on_progress)
    parquet = ParquetWriter(run.resolver) if config.format == "parquet" else None
    with open_output(output) as file:
        if parquet is not None:
            run.to_parquet(parquet, file)
        elif config.format == "capture":
            run.to_capture(CaptureWriter(file))
        else:
            run.to_units(_UNIT_WRITERS[config.format](file))
    run.summary.unknown_records = run.reader.unknown_records
    return run.summary


class _Run:
    """One export."""

    def __init__(
        self,
        reader: LogReader,
        config: ExportConfig,
        on_hole: Callable[[Hole], None],
        on_progress: Callable[[], None],
    ) -> None:
        self.reader = reader
        self.summary = ExportSummary()
        self._selection = config.selection
        self._encoding = config.encoding
        self.resolver = UnitResolver(config.codecs)
        self._on_hole = on_hole
        self._on_progress = on_progress
        limit = config.selection.limit
        self._left = 1 << 62 if limit is None else limit

    def to_units(self, writer: _UnitWriter) -> None:
        """Write unit by unit."""
        for part in self._parts():
            entries = part.entries() if isinstance(part, FrameRun) else (part,)
            units = [unit for entry in entries for unit in self._chosen(entry)]
            if units:
                writer.write(units)
            if not self._left:
                break
        writer.finish()

    def to_capture(self, writer: CaptureWriter) -> None:
        """Write frames whole, and the metadata."""
        conversion = None
        if self._encoding is not None:
            conversion = Conversion(self._encoding, self._note_lost)
        for part in self._parts():
            for entry in part.entries() if isinstance(part, FrameRun) else (part,):
                self._take(entry, writer, conversion)
            if not self._left:
                break
        writer.finish()

    def to_parquet(self, writer: ParquetWriter, file: BinaryIO) -> None:
        """Write column by column; frames that are alike go many at once."""
        selection = self._selection
        takes_all = selection.limit is None and selection.stream_id is None
        with writer.writing(file):
            for part in self._parts():
                if isinstance(part, FrameRun) and takes_all:
                    writer.write_run(part)
                    continue
                entries = part.entries() if isinstance(part, FrameRun) else (part,)
                writer.write_units(unit for entry in entries for unit in self._chosen(entry))
                if not self._left:
                    break
        self.summary.units += writer.units

    def _parts(self) -> Iterable[Entry | FrameRun]:
        selection = self._selection
        if not self._left:
            return
        told = 0
        for part in self.reader.runs(since_ms=selection.since_ms, until_ms=selection.until_ms):
            if isinstance(part, Hole):
                self.summary.holes.append(part)
                self._on_hole(part)
            else:
                yield part
            if self.reader.bytes_read >= told + PROGRESS_BYTES:
                told = self.reader.bytes_read
                self._on_progress()

    def _chosen(self, entry: Entry) -> list[StoredUnit]:
        """Give the units of a record that are wanted, and count them."""
        wanted = self._selection.stream_id
        units = [
            unit
            for unit in self.resolver.units(entry)
            if wanted is None or unit.stream_id == wanted
        ][: self._left]
        self._left -= len(units)
        self.summary.units += len(units)
        return units

    def _take(self, entry: Entry, writer: CaptureWriter, conversion: Conversion | None) -> None:
        record = entry.record
        units = self._chosen(entry)
        if not isinstance(record, FrameStored):
            if self._selection.stream_id is None or not isinstance(record, ConnectionEstablished):
                writer.metadata(record if conversion is None else conversion.metadata(record))
            return
        if not units:
            return
        connection = entry.connection
        if conversion is not None:
            record = conversion.frame(entry.position, record, units)
            connection = None if connection is None else conversion.connection(connection)
        writer.frame(record, connection)

    def _note_lost(self, lost: Lost) -> None:
        key = (lost.what, lost.kept)
        count, first = self.summary.lost.get(key, (0, lost))
        self.summary.lost[key] = (count + 1, first)
