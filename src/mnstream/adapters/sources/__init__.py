"""Where measurements and notifications come from: this machine, a network made up, or documents."""

from mnstream.adapters.sources.catalogue import METRICS_MAX
from mnstream.adapters.sources.emitted import EmissionFailed, EmittedLine, emitted, emitted_lines
from mnstream.adapters.sources.host import HostSource
from mnstream.adapters.sources.host_probe import HostProbe, Measured, PsutilProbe, Subject
from mnstream.adapters.sources.identity import relative_name, stable_stream_id
from mnstream.adapters.sources.managed_tree import Objects, Style, TreeUnreadable, read_tree
from mnstream.adapters.sources.recorded import (
    RecordedFrame,
    RecordedUnit,
    RecordingFailed,
    recorded_unit,
)
from mnstream.adapters.sources.simulated import SimulatedSource
from mnstream.adapters.sources.simulated_opaque import SimulatedAnalytics, SimulatedProprietary
from mnstream.adapters.sources.simulated_trace import TRACE_STREAMS_MAX, SimulatedTraces
from mnstream.adapters.sources.watch import Watched, Watcher, WatchSettings

__all__ = [
    "METRICS_MAX",
    "TRACE_STREAMS_MAX",
    "EmissionFailed",
    "EmittedLine",
    "HostProbe",
    "HostSource",
    "Measured",
    "Objects",
    "PsutilProbe",
    "RecordedFrame",
    "RecordedUnit",
    "RecordingFailed",
    "SimulatedAnalytics",
    "SimulatedProprietary",
    "SimulatedSource",
    "SimulatedTraces",
    "Style",
    "Subject",
    "TreeUnreadable",
    "WatchSettings",
    "Watched",
    "Watcher",
    "emitted",
    "emitted_lines",
    "read_tree",
    "recorded_unit",
    "relative_name",
    "stable_stream_id",
]
