"""From measurements to frames: what a reporter sends (TS 28.550 Annexes C and I)."""

from __future__ import annotations

from collections.abc import Sequence

from mnstream.adapters.codecs import PerformanceDataStreamUnit
from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.ports.source import Reading

NS_PER_MS = 1_000_000


def encode_readings(readings: Sequence[Reading], *, units_per_frame: int = 0) -> list[bytes]:
    """Put readings into frames: ``units_per_frame`` in each, all in one when that is 0."""
    units = [
        PerformanceDataStreamUnit(
            stream_id=int(reading.stream_id),
            granularity_period_end_time_ns=reading.time_ms * NS_PER_MS,
            standardized=reading.values,
        )
        for reading in readings
    ]
    size = units_per_frame or max(1, len(units))
    return [encode_pdsus(units[at : at + size]) for at in range(0, len(units), size)]
