"""Move management data of a 3GPP network, and prove that none was lost.

Two services: streaming data reporting (TS 28.532 11.5, 12.5) and, later, reliable notifications.
Everything public is here; what is imported is loaded when it is first used, so that the pure core
can be had without the world.

    from mnstream import CollectorSettings, collecting

    async with collecting(CollectorSettings(data=Path("data"), port=8532)) as collector:
        print(collector.url)
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnstream.adapters.http import HttpServer, HttpTransport
    from mnstream.adapters.runtime import Collector, Reporter, ReportingEnded
    from mnstream.adapters.runtime.collecting import CollectorSettings, collecting
    from mnstream.adapters.runtime.reporting import ReporterSettings, ReportSummary, reporting
    from mnstream.adapters.storage import SegmentLog, StoredUnit, stored_units
    from mnstream.core.errors import (
        DuplicateStream,
        LocalProtocolError,
        MnSError,
        OperationError,
        ProtocolError,
        RemoteProtocolError,
        UnexpectedStreams,
        UnknownConnection,
        UnknownConnectionId,
        UnknownStreamId,
    )
    from mnstream.core.profiles import PROFILES, Profile
    from mnstream.core.streaming.config import ConsumerConfig, ProducerConfig
    from mnstream.core.streaming.consumer import StreamingConsumer
    from mnstream.core.streaming.producer import StreamingProducer
    from mnstream.core.values import (
        AnalyticsInfo,
        ConnectionId,
        ConnectionInfo,
        PerformanceInfo,
        ProducerId,
        SerializationFormat,
        Status,
        StreamId,
        StreamInfo,
        StreamInfoSum,
        StreamType,
        TraceInfo,
        VsDataContainer,
    )

__all__ = [
    "PROFILES",
    "AnalyticsInfo",
    "Collector",
    "CollectorSettings",
    "ConnectionId",
    "ConnectionInfo",
    "ConsumerConfig",
    "DuplicateStream",
    "HttpServer",
    "HttpTransport",
    "LocalProtocolError",
    "MnSError",
    "OperationError",
    "PerformanceInfo",
    "ProducerConfig",
    "ProducerId",
    "Profile",
    "ProtocolError",
    "RemoteProtocolError",
    "ReportSummary",
    "Reporter",
    "ReporterSettings",
    "ReportingEnded",
    "SegmentLog",
    "SerializationFormat",
    "Status",
    "StoredUnit",
    "StreamId",
    "StreamInfo",
    "StreamInfoSum",
    "StreamType",
    "StreamingConsumer",
    "StreamingProducer",
    "TraceInfo",
    "UnexpectedStreams",
    "UnknownConnection",
    "UnknownConnectionId",
    "UnknownStreamId",
    "VsDataContainer",
    "collecting",
    "reporting",
    "stored_units",
]

_HOMES = {
    "PROFILES": "mnstream.core.profiles",
    "AnalyticsInfo": "mnstream.core.values",
    "Collector": "mnstream.adapters.runtime",
    "CollectorSettings": "mnstream.adapters.runtime.collecting",
    "ConnectionId": "mnstream.core.values",
    "ConnectionInfo": "mnstream.core.values",
    "ConsumerConfig": "mnstream.core.streaming.config",
    "DuplicateStream": "mnstream.core.errors",
    "HttpServer": "mnstream.adapters.http",
    "HttpTransport": "mnstream.adapters.http",
    "LocalProtocolError": "mnstream.core.errors",
    "MnSError": "mnstream.core.errors",
    "OperationError": "mnstream.core.errors",
    "PerformanceInfo": "mnstream.core.values",
    "ProducerConfig": "mnstream.core.streaming.config",
    "ProducerId": "mnstream.core.values",
    "Profile": "mnstream.core.profiles",
    "ProtocolError": "mnstream.core.errors",
    "RemoteProtocolError": "mnstream.core.errors",
    "ReportSummary": "mnstream.adapters.runtime.reporting",
    "Reporter": "mnstream.adapters.runtime",
    "ReporterSettings": "mnstream.adapters.runtime.reporting",
    "ReportingEnded": "mnstream.adapters.runtime",
    "SegmentLog": "mnstream.adapters.storage",
    "SerializationFormat": "mnstream.core.values",
    "Status": "mnstream.core.values",
    "StoredUnit": "mnstream.adapters.storage",
    "StreamId": "mnstream.core.values",
    "StreamInfo": "mnstream.core.values",
    "StreamInfoSum": "mnstream.core.values",
    "StreamType": "mnstream.core.values",
    "StreamingConsumer": "mnstream.core.streaming.consumer",
    "StreamingProducer": "mnstream.core.streaming.producer",
    "TraceInfo": "mnstream.core.values",
    "UnexpectedStreams": "mnstream.core.errors",
    "UnknownConnection": "mnstream.core.errors",
    "UnknownConnectionId": "mnstream.core.errors",
    "UnknownStreamId": "mnstream.core.errors",
    "VsDataContainer": "mnstream.core.values",
    "collecting": "mnstream.adapters.runtime.collecting",
    "reporting": "mnstream.adapters.runtime.reporting",
    "stored_units": "mnstream.adapters.storage",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(_import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names before they are loaded, too."""
    return sorted({*globals(), *__all__})
