"""What a reporter reports: what sources give, or what somebody recorded before."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable, Container, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, Protocol

import anyio.lowlevel

from mnstream.adapters.codecs.conversion import UNKNOWN_FIELDS, Unconvertible, convert_units
from mnstream.adapters.codecs.gpb import holds_unknown_fields
from mnstream.adapters.sources import (
    RecordedFrame,
    RecordedUnit,
    RecordingFailed,
    recorded_unit,
)
from mnstream.adapters.sources.lines import Line, lines_of
from mnstream.adapters.sources.recorded import RECORDED_LINE_BYTES_MAX
from mnstream.adapters.storage import StoredUnit, stored_units
from mnstream.core.streaming.multiplexing import Family, family_of
from mnstream.core.values import (
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)
from mnstream.ports.clock import Clock
from mnstream.ports.source import FrameSource

IDLE_S: Final = 0.1
"""How long sources are left alone when none of them had anything to report."""
_GOOD = frozenset(("", "administrative"))


def _ignore(_what: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is reported next.

    Attributes:
        streams: Streams that were not announced before and that ``frames`` need.
        frames: Frames, in order.
    """

    frames: Sequence[bytes]
    streams: Sequence[StreamInfo] = ()


class Feed(Protocol):
    """Something to report, batch by batch."""

    def batches(self) -> AsyncGenerator[Batch]:
        """Give batches until there is nothing more; each is taken when there is room for it.

        Whoever takes them closes the generator, and a generator closes what it takes from.
        """
        ...


class SourcesFeed:
    """Takes a frame from each source in turn; never ends.

    All streams are announced with the first frame. A source is asked for more when all that it gave
    is on its way, and no two of its answers are for the same time.
    """

    def __init__(self, sources: Sequence[FrameSource], clock: Clock) -> None:
        """Report what these give."""
        self._sources = tuple(sources)
        self._clock = clock

    async def batches(self) -> AsyncGenerator[Batch]:
        """Give one frame at a time."""
        streams = [stream for source in self._sources for stream in source.streams()]
        waiting: list[deque[bytes]] = [deque() for _ in self._sources]
        last_ms = 0
        while True:
            idle = True
            for source, frames in zip(self._sources, waiting, strict=True):
                await anyio.lowlevel.checkpoint()
                if not frames:
                    last_ms = max(self._clock.wall_ms(), last_ms + 1)
                    frames.extend(source.frames(last_ms))
                if frames:
                    idle = False
                    yield Batch(streams=streams, frames=[frames.popleft()])
                    streams = []
            if idle:
                await anyio.sleep(IDLE_S)


class RecordedFeed:
    """Reports what was recorded again, in its order."""

    def __init__(
        self,
        recorded: AsyncGenerator[RecordedUnit | RecordedFrame],
        *,
        serialization_format: SerializationFormat = SerializationFormat.GPB,
        on_loss: Callable[[str], None] = _ignore,
    ) -> None:
        """Report this.

        Args:
            recorded: Units, each of which becomes a frame, and frames, which go as they are.
            serialization_format: How the units are written and their streams announced.
            on_loss: Is told once that times lose the parts of a second, which ASN.1 does not carry.
        """
        self._recorded = recorded
        self._format = serialization_format
        self._on_loss = on_loss
        self._told = False

    async def batches(self) -> AsyncGenerator[Batch]:
        """Give one frame at a time; a stream is announced when its first unit comes.

        Raises:
            RecordingFailed: A stream is announced otherwise than before, or the format cannot
                carry a value.
        """
        announced: dict[StreamId, StreamInfo] = {}
        async with aclosing(self._recorded) as recorded:
            async for each in recorded:
                new: list[StreamInfo] = []
                for stream in self._streams(each):
                    known = announced.get(stream.stream_id)
                    if known is None:
                        announced[stream.stream_id] = stream
                        new.append(stream)
                    elif known != stream:
                        raise RecordingFailed(f"stream {stream.stream_id} changes in the recording")
                yield Batch(streams=new, frames=[self._frame(each)])

    def _streams(self, recorded: RecordedUnit | RecordedFrame) -> Sequence[StreamInfo]:
        if isinstance(recorded, RecordedFrame):
            return recorded.streams
        return (replace(recorded.stream, serialization_format=self._format),)

    def _frame(self, recorded: RecordedUnit | RecordedFrame) -> bytes:
        if isinstance(recorded, RecordedFrame):
            return recorded.payload
        asn1 = self._format is SerializationFormat.ASN1
        try:
            payload, lost = convert_units(
                [recorded.unit], Family.PDSU_ASN1 if asn1 else Family.PDSU_GPB
            )
        except Unconvertible as error:
            raise RecordingFailed(f"{recorded.place}: {error}") from error
        if lost and not self._told:
            self._told = True
            self._on_loss("ASN.1 carries whole seconds: parts of a second are dropped")
        return payload


async def recorded_lines(
    file: BufferedIOBase, *, producer_id: ProducerId, clock: Clock
) -> AsyncGenerator[RecordedUnit]:
    """Read units from lines of JSON as they come; empty lines are passed over.

    The file is closed at the end. Safe to cancel while it waits for a line, which is then lost.

    Raises:
        RecordingFailed: A line is something else, or too long; the text names its number.
        OSError: The file cannot be read.
    """
    busy = False
    lines = lines_of(file, line_bytes_max=RECORDED_LINE_BYTES_MAX)
    try:
        async with aclosing(lines):
            while True:
                busy = True
                line = await anext(lines, None)
                busy = False
                if line is None:
                    return
                unit = _line_unit(line, producer_id, clock)
                if unit is not None:
                    yield unit
    finally:
        if not busy:  # closing would wait for a thread that still reads
            file.close()


def _line_unit(line: Line, producer_id: ProducerId, clock: Clock) -> RecordedUnit | None:
    place = f"line {line.number}"
    if line.text is None:
        raise RecordingFailed(f"{place}: longer than {RECORDED_LINE_BYTES_MAX} bytes")
    if not line.text.strip():
        return None
    try:
        text = line.text.decode("utf-8")
        return recorded_unit(text, producer_id=producer_id, wall_ms=clock.wall_ms(), place=place)
    except ValueError as error:
        raise RecordingFailed(f"{place}: {error}") from error


async def recorded_capture(
    path: Path, *, stream_types: Container[StreamType] = (StreamType.PERFORMANCE,)
) -> AsyncGenerator[RecordedUnit | RecordedFrame]:
    """Read the good units of a data directory or one of its files.

    Units of performance data come one by one. Another frame comes as it was received, unless a unit
    in it is not good, or of a type that is not wanted.

    Raises:
        RecordingFailed: A frame has fields that only a later release knows.
        StorageError: There is no log here that this program can read.
        OSError: A file cannot be read.
    """
    for position, units in groupby(stored_units(path), key=attrgetter("position")):
        await anyio.lowlevel.checkpoint()
        for recorded in _recorded(f"frame {position}", list(units), stream_types):
            yield recorded


def _recorded(
    place: str, units: Sequence[StoredUnit], stream_types: Container[StreamType]
) -> Iterator[RecordedUnit | RecordedFrame]:
    """Choose from the units of one frame."""
    measured: list[RecordedUnit] = []
    streams: dict[StreamId, StreamInfo] = {}
    whole = True
    for unit in units:
        stream = unit.stream_info
        good = unit.kind in _GOOD and stream is not None and stream.stream_type in stream_types
        if not good or stream is None:
            whole = False
        elif stream.stream_type is not StreamType.PERFORMANCE:
            streams[stream.stream_id] = stream
        elif unit.measured is not None and unit.values is not None:
            whole = False
            measured.append(RecordedUnit(stream=stream, unit=unit.measured, place=place))
    is_gpb = bool(measured) and family_of(measured[0].stream) is Family.PDSU_GPB
    if is_gpb and holds_unknown_fields(units[0].payload):
        # Units are written anew, and these fields would be missing.
        raise RecordingFailed(f"{place}: {UNKNOWN_FIELDS.what}")
    yield from measured
    if whole and streams:
        yield RecordedFrame(streams=tuple(streams.values()), payload=units[0].payload)
