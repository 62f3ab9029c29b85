"""What ``mnstream report`` reports, as its options say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mnstream.adapters.cli.reading import STANDARD_INPUT, open_lines
from mnstream.adapters.entropy import SystemClock
from mnstream.adapters.runtime.feeds import (
    Feed,
    RecordedFeed,
    SourcesFeed,
    recorded_capture,
    recorded_lines,
)
from mnstream.adapters.runtime.measuring import MeasuredFrames
from mnstream.adapters.sources import (
    HostSource,
    SimulatedAnalytics,
    SimulatedProprietary,
    SimulatedSource,
    SimulatedTraces,
)
from mnstream.core.values import ProducerId, SerializationFormat, StreamType
from mnstream.ports.source import FrameSource, MeasurementSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is to be reported.

    Attributes:
        formats: Values of ``--format``, at least one.
        types: Values of ``--type``; none for what is usual: PERFORMANCE of a source, and all that a
            recording holds.
        recording: Value of ``--from``.
        source: Value of ``--source``, for PERFORMANCE.
    """

    formats: Sequence[str]
    types: Sequence[str]
    recording: str | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """How large a simulated network is, and how its units are put into frames."""

    seed: int
    streams: int
    metrics: int
    units_per_frame: int


def make_feed(chosen: Chosen, simulated: Simulation, producer_id: ProducerId) -> Feed:
    """Make the feed.

    Raises:
        click.UsageError: The options contradict each other, or the recording cannot be opened.
    """
    formats = list(dict.fromkeys(map(SerializationFormat, chosen.formats)))
    types = list(dict.fromkeys(map(StreamType, chosen.types)))
    if chosen.recording is not None:
        return _recorded(chosen.recording, formats, types, producer_id)
    types = types or [StreamType.PERFORMANCE]
    if types == [StreamType.TRACE] and formats == [SerializationFormat.ASN1]:
        # TS 32.423 has no ASN.1 of its own for streamed records.
        raise _misused("--type TRACE has no --format ASN1")
    if chosen.source == "host" and StreamType.PERFORMANCE not in types:
        raise _misused("--source host reports --type PERFORMANCE")
    sources: list[FrameSource] = []
    for stream_type in types:
        if stream_type is StreamType.PERFORMANCE:
            for serialization_format in formats:
                measured = _measured(chosen, simulated, producer_id, serialization_format)
                sources.append(MeasuredFrames(measured, units_per_frame=simulated.units_per_frame))
        else:
            sources.append(_simulated(stream_type, simulated, producer_id, formats))
    return SourcesFeed(sources, SystemClock())


def _misused(what: str) -> click.UsageError:
    return click.UsageError(what, click.get_current_context())


def _measured(
    chosen: Chosen,
    simulated: Simulation,
    producer_id: ProducerId,
    serialization_format: SerializationFormat,
) -> MeasurementSource:
    # One stream has one format, so with two there are two streams of a cell. Alone, both formats
    # have the same stream, as a cell's stream does not change its name with its encoding.
    both = len(set(chosen.formats)) > 1
    variant = " ASN1" if both and serialization_format is SerializationFormat.ASN1 else ""
    if chosen.source == "host":
        return HostSource(producer_id, serialization_format=serialization_format, variant=variant)
    return SimulatedSource(
        producer_id,
        seed=simulated.seed,
        streams=simulated.streams,
        metrics=simulated.metrics,
        serialization_format=serialization_format,
        variant=variant,
    )


def _simulated(
    stream_type: StreamType,
    simulated: Simulation,
    producer_id: ProducerId,
    formats: Sequence[SerializationFormat],
) -> FrameSource:
    if stream_type is StreamType.TRACE:
        return SimulatedTraces(
            producer_id,
            seed=simulated.seed,
            streams=simulated.streams,
            units_per_frame=simulated.units_per_frame,
        )
    opaque = SimulatedAnalytics if stream_type is StreamType.ANALYTICS else SimulatedProprietary
    return opaque(
        producer_id,
        seed=simulated.seed,
        streams=simulated.streams,
        serialization_format=formats[0],
    )


def _recorded(
    recording: str,
    formats: Sequence[SerializationFormat],
    types: Sequence[StreamType],
    producer_id: ProducerId,
) -> Feed:
    if len(formats) > 1:
        raise _misused("--from takes one --format")
    path = Path(recording)
    if recording != STANDARD_INPUT and (path.is_dir() or path.suffix == ".mnlog"):
        recorded = recorded_capture(path, stream_types=frozenset(types or StreamType))
        return RecordedFeed(recorded, serialization_format=formats[0], on_loss=_tell)
    if types and types != [StreamType.PERFORMANCE]:
        raise _misused("--from with lines of JSON reports --type PERFORMANCE only")
    file = open_lines(recording, option="--from")
    lines = recorded_lines(file, producer_id=producer_id, clock=SystemClock())
    return RecordedFeed(lines, serialization_format=formats[0], on_loss=_tell)


def _tell(what: str) -> None:
    click.echo(f"mnstream report: {what}", err=True)
