"""Small captures to compare and to reckon up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mnstream.adapters.captures import Comparison, Difference
from mnstream.adapters.codecs import ENCODERS, MeasValue, PerformanceDataStreamUnit
from mnstream.adapters.storage import Hole, LogReader
from mnstream.core.records import Record
from mnstream.core.streaming.multiplexing import Family
from mnstream.core.values import SerializationFormat, StreamInfo
from mnstream.testing.logs import established, performance_stream
from tests.adapters.storage.helpers import frame, write

NS_PER_S = 1_000_000_000
FIVE = performance_stream("5", "a", "b")
SIX = performance_stream("6", "a", "b")


def asn1(info: StreamInfo) -> StreamInfo:
    return replace(info, serialization_format=SerializationFormat.ASN1)


def unit(
    time_ns: int | None, *values: MeasValue, stream: int = 5, family: Family = Family.PDSU_GPB
) -> bytes:
    """Encode a frame with one unit."""
    return ENCODERS[family](
        [
            PerformanceDataStreamUnit(
                stream_id=stream, granularity_period_end_time_ns=time_ns, standardized=values
            )
        ]
    )


def capture(directory: Path, *payloads: bytes, streams: Iterable[StreamInfo] = (FIVE, SIX)) -> Path:
    """Write a capture of one connection."""
    return of_records(directory, established("x", 1, streams), *map(frame, payloads))


def of_records(directory: Path, *records: Record) -> Path:
    write(directory, [records])
    return directory


def compared(
    a: Path, b: Path, *, stream_id: str | None = None
) -> tuple[list[Difference], tuple[int, int], list[Hole]]:
    """Compare two captures: what differs, how many units were compared and are equal, holes."""
    holes: list[Hole] = []
    with Comparison.open(stream_id=stream_id) as comparison:
        comparison.read(LogReader(a).entries(), LogReader(b).entries(), on_hole=holes.append)
        differences = list(comparison.differences())
        return differences, (comparison.compared, comparison.equal), holes
