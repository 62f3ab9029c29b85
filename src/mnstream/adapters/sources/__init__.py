"""Where measurements come from (``ports/source.py``): this machine, or a network made up."""

from mnstream.adapters.sources.catalogue import METRICS_MAX, metric_names
from mnstream.adapters.sources.host import HostSource
from mnstream.adapters.sources.host_probe import HostProbe, Measured, PsutilProbe, Subject
from mnstream.adapters.sources.identity import relative_name, stable_stream_id
from mnstream.adapters.sources.recorded import RecordedUnit, RecordingFailed, recorded_unit
from mnstream.adapters.sources.simulated import SimulatedSource

__all__ = [
    "METRICS_MAX",
    "HostProbe",
    "HostSource",
    "Measured",
    "PsutilProbe",
    "RecordedUnit",
    "RecordingFailed",
    "SimulatedSource",
    "Subject",
    "metric_names",
    "recorded_unit",
    "relative_name",
    "stable_stream_id",
]
