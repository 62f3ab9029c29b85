"""Where a reporter gets what it reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mnstream.core.values import StreamId, StreamInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The values of one stream at the end of one granularity period.

    Attributes:
        stream_id: Stream of the source's ``streams()``.
        time_ms: End of the granularity period, milliseconds since the Unix epoch.
        values: One for each of the stream's performance metrics, in their order; None where the
            source has no value.
    """

    stream_id: StreamId
    time_ms: int
    values: tuple[int | float | str | None, ...]


@runtime_checkable
class MeasurementSource(Protocol):
    """Something that can be measured."""

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the PERFORMANCE streams, always the same, all in one serialization format."""
        ...

    def read(self, wall_ms: int) -> Sequence[Reading]:
        """Measure every stream once, for the period that ends at ``wall_ms``."""
        ...


@runtime_checkable
class FrameSource(Protocol):
    """Something that makes frames itself, all of one family of payloads."""

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams, always the same."""
        ...

    def frames(self, wall_ms: int) -> Sequence[bytes]:
        """Give the frames of ``wall_ms``, in order; ``()`` when there is nothing to report.

        Args:
            wall_ms: Milliseconds since the Unix epoch, later than ever before.
        """
        ...
