"""From measurements to frames: what a reporter sends (TS 28.550 Annexes C, G and I)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mnstream.adapters.codecs import ENCODERS, PerformanceDataStreamUnit
from mnstream.core.streaming.multiplexing import Family
from mnstream.core.values import SerializationFormat, StreamInfo
from mnstream.ports.source import MeasurementSource, Reading

NS_PER_MS = 1_000_000
MS_PER_S = 1_000

LATE_S_MAX: Final = 2
"""How far the times of ASN.1 may stay behind the clock before they catch up with it."""


class MeasuredFrames:
    """A source of measurements as a source of frames, in the format of its streams.

    ASN.1 carries whole seconds, and two units of a stream never end at the same time. So there a
    time is one second after the one before it, as long as that is not more than ``LATE_S_MAX``
    behind the clock; then it is the clock's. Whoever reports more than once a second runs ahead of
    the clock. ASN.1 has no missing values either: a reading with one of them is left out.
    """

    def __init__(self, source: MeasurementSource, *, units_per_frame: int = 0) -> None:
        """Measure ``source``; ``units_per_frame`` 0 puts one unit of every stream into a frame.

        Raises:
            ValueError: Its streams are of several formats.
        """
        formats = {stream.serialization_format for stream in source.streams()}
        if len(formats) > 1:
            raise ValueError("a source of measurements has one serialization format")
        self._source = source
        self._units_per_frame = units_per_frame
        self._format = next(iter(formats), SerializationFormat.GPB)
        self._last_s: int | None = None

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams of the source."""
        return self._source.streams()

    def frames(self, wall_ms: int) -> Sequence[bytes]:
        """Measure every stream once, for the period that ends now."""
        if self._format is not SerializationFormat.ASN1:
            return encode_readings(
                self._source.read(wall_ms), units_per_frame=self._units_per_frame
            )
        self._last_s = _next_second(self._last_s, wall_ms // MS_PER_S)
        readings = self._source.read(self._last_s * MS_PER_S)
        return encode_readings(
            [reading for reading in readings if None not in reading.values],
            units_per_frame=self._units_per_frame,
            serialization_format=self._format,
        )


def _next_second(last_s: int | None, wall_s: int) -> int:
    if last_s is None or last_s + 1 < wall_s - LATE_S_MAX:
        return wall_s
    return last_s + 1


def encode_readings(
    readings: Sequence[Reading],
    *,
    units_per_frame: int = 0,
    serialization_format: SerializationFormat | None = SerializationFormat.GPB,
) -> list[bytes]:
    """Put readings into frames: ``units_per_frame`` in each, all in one when that is 0.

    Raises:
        LocalProtocolError: The format cannot carry a value or a time.
    """
    asn1 = serialization_format is SerializationFormat.ASN1
    encode = ENCODERS[Family.PDSU_ASN1 if asn1 else Family.PDSU_GPB]
    units = [
        PerformanceDataStreamUnit(
            stream_id=int(reading.stream_id),
            granularity_period_end_time_ns=reading.time_ms * NS_PER_MS,
            standardized=reading.values,
        )
        for reading in readings
    ]
    size = units_per_frame or max(1, len(units))
    return [encode(units[at : at + size]) for at in range(0, len(units), size)]
