"""Counters of this machine as PERFORMANCE streams, one for each thing that is measured."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from mnstream.adapters.sources.host_probe import HostProbe, PsutilProbe, Subject
from mnstream.adapters.sources.identity import relative_name, stable_stream_id
from mnstream.core.values import (
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)
from mnstream.ports.source import Reading


class HostSource:
    """A machine: its processors, memory, disks and network interfaces.

    The streams are those of the subjects that were there when the source was made. One that
    vanishes reads None in every metric until it is back; one that appears waits for a restart,
    because a source always describes the same streams.

    Args:
        producer_id: DN of the producer; the identifiers of the streams depend on it.
        host_name: Name of the ManagedElement; that of this machine when None.
        job_id: Measurement job of every stream, if there is one.
        probe: Who looks at the machine.
        serialization_format: How the streams are announced.
        variant: Tells the streams of several sources for the same machine and producer apart.
    """

    def __init__(
        self,
        producer_id: ProducerId,
        *,
        host_name: str | None = None,
        job_id: str | None = None,
        probe: HostProbe | None = None,
        serialization_format: SerializationFormat = SerializationFormat.GPB,
        variant: str = "",
    ) -> None:
        self._probe: HostProbe = PsutilProbe() if probe is None else probe
        element = relative_name("ManagedElement", host_name or socket.gethostname())
        self._streams: list[StreamInfo] = []
        self._wanted: list[tuple[StreamId, Subject, tuple[str, ...]]] = []
        for subject, metrics in self._probe.measure().items():
            meas_obj_dn = f"{element},Host=1,{relative_name(*subject)}"
            stream_id = stable_stream_id(producer_id, meas_obj_dn + variant)
            names = tuple(metrics)
            self._wanted.append((stream_id, subject, names))
            self._streams.append(
                StreamInfo(
                    stream_id=stream_id,
                    stream_type=StreamType.PERFORMANCE,
                    serialization_format=serialization_format,
                    additional_info=PerformanceInfo(
                        meas_obj_dn=meas_obj_dn, performance_metrics=names, job_id=job_id
                    ),
                )
            )

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams: processors, memory, disks by name, interfaces by name."""
        return tuple(self._streams)

    def read(self, wall_ms: int) -> Sequence[Reading]:
        """Measure every stream once; takes milliseconds, and one caller at a time.

        Args:
            wall_ms: End of the granularity period, stamped on the readings. The values are those
                of the moment of the call.

        Returns:
            One reading for each stream, in the order of the streams.
        """
        found = self._probe.measure()
        readings: list[Reading] = []
        for stream_id, subject, names in self._wanted:
            metrics = found.get(subject, {})
            values = tuple(metrics.get(name) for name in names)
            readings.append(Reading(stream_id=stream_id, time_ms=wall_ms, values=values))
        return readings
