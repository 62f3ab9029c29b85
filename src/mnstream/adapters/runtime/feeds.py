"""What a reporter reports: measurements, or units that somebody recorded before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol

import anyio.lowlevel
from anyio import to_thread

from mnstream.adapters.codecs import PerformanceDataStreamUnit
from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.runtime.measuring import encode_readings
from mnstream.adapters.sources import RecordedUnit, RecordingFailed, recorded_unit
from mnstream.adapters.storage import stored_units
from mnstream.core.values import ProducerId, StreamId, StreamInfo
from mnstream.ports.clock import Clock
from mnstream.ports.source import MeasurementSource


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


class MeasurementFeed:
    """Measures whenever the next batch is wanted; never ends."""

    def __init__(
        self, source: MeasurementSource, clock: Clock, *, units_per_frame: int = 0
    ) -> None:
        """Measure ``source``; ``units_per_frame`` 0 puts one unit of every stream into a frame."""
        self._source = source
        self._clock = clock
        self._units_per_frame = units_per_frame

    async def batches(self) -> AsyncGenerator[Batch]:
        """Give what is measured now; two readings of a stream never end at the same time."""
        streams: Sequence[StreamInfo] = self._source.streams()
        last_ms = 0
        while True:
            await anyio.lowlevel.checkpoint()
            last_ms = max(self._clock.wall_ms(), last_ms + 1)
            readings = self._source.read(last_ms)
            frames = encode_readings(readings, units_per_frame=self._units_per_frame)
            yield Batch(streams=streams, frames=frames)
            streams = ()


class RecordedFeed:
    """Reports recorded units again, each in a frame of its own, in their order."""

    def __init__(self, units: AsyncGenerator[RecordedUnit]) -> None:
        """Report these units."""
        self._units = units

    async def batches(self) -> AsyncGenerator[Batch]:
        """Give one frame at a time; a stream is announced when its first unit comes.

        Raises:
            RecordingFailed: A stream has other metrics or another object than before.
        """
        announced: dict[StreamId, StreamInfo] = {}
        async with aclosing(self._units) as units:
            async for recorded in units:
                stream = recorded.stream
                known = announced.get(stream.stream_id)
                if known is not None and known != stream:
                    raise RecordingFailed(f"stream {stream.stream_id} changes in the recording")
                announced[stream.stream_id] = stream
                streams = (stream,) if known is None else ()
                yield Batch(streams=streams, frames=[encode_pdsus([recorded.unit])])


async def recorded_lines(
    file: BinaryIO, *, producer_id: ProducerId, clock: Clock
) -> AsyncGenerator[RecordedUnit]:
    """Read units from lines of JSON as they come; empty lines are passed over.

    Safe to cancel while it waits for a line, which is then lost.

    Raises:
        RecordingFailed: A line is something else; the text names its number.
    """
    for number in count(1):
        # Abandoned when cancelled: nobody can interrupt a read from a terminal.
        line = await to_thread.run_sync(file.readline, abandon_on_cancel=True)
        if not line:
            return
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8")
            unit = recorded_unit(text, producer_id=producer_id, wall_ms=clock.wall_ms())
        except ValueError as error:
            raise RecordingFailed(f"line {number}: {error}") from error
        if unit is not None:
            yield unit


async def recorded_capture(path: Path) -> AsyncGenerator[RecordedUnit]:
    """Read the good PERFORMANCE units of a data directory or one of its files.

    Raises:
        StorageError: There is no log here that this program can read.
        OSError: A file cannot be read.
    """
    for stored in stored_units(path):
        await anyio.lowlevel.checkpoint()
        stream, values = stored.stream_info, stored.values
        if stream is not None and values is not None and not stored.kind:
            unit = PerformanceDataStreamUnit(
                stream_id=int(stream.stream_id),
                granularity_period_end_time_ns=stored.time_ns,
                standardized=tuple(values.values()),
            )
            yield RecordedUnit(stream=stream, unit=unit)
