"""Move management data of a 3GPP network, and prove that none was lost.

Two services: streaming data reporting (TS 28.532 11.5, 12.5) and reliable notifications (3GPP SA5).
Everything public is here; what is imported is loaded when it is first used, so that the pure core
can be had without the world.

    from mnstream import CollectorSettings, collecting

    async with collecting(CollectorSettings(data=Path("data"), port=8532)) as collector:
        print(collector.url)
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnstream.adapters.codecs import PerformanceDataStreamUnit, SubCounter, TraceRecord
    from mnstream.adapters.http import HttpServer, HttpTransport
    from mnstream.adapters.observability import RedactingFilter
    from mnstream.adapters.runtime import Collector, Notifier, Reporter, ReportingEnded, Subscriber
    from mnstream.adapters.runtime.capturing import capturing
    from mnstream.adapters.runtime.collecting import CollectorSettings, collecting
    from mnstream.adapters.runtime.items import Lost, Notification, Reread, Restarted
    from mnstream.adapters.runtime.mounting import MountedCollector, mounting
    from mnstream.adapters.runtime.notifying import NotifierSettings, notifying
    from mnstream.adapters.runtime.reporting import ReporterSettings, ReportSummary, reporting
    from mnstream.adapters.runtime.subscribing import SubscriberSettings, subscribing
    from mnstream.adapters.storage import SegmentLog, StoredUnit, stored_units
    from mnstream.adapters.trio_websocket import TrioWebSocketServer, TrioWebSocketTransport
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
    from mnstream.core.notification_values import (
        HeartbeatControl,
        ObjectPath,
        Scope,
        ScopeType,
        SubscriptionId,
        SubscriptionSettings,
    )
    from mnstream.core.notifications.alarms import ClearedAlarm, NewAlarm
    from mnstream.core.notifications.config import (
        NotificationConsumerConfig,
        NotificationProducerConfig,
    )
    from mnstream.core.notifications.consumer import NotificationConsumer
    from mnstream.core.notifications.families import (
        FileReady,
        MoiAttributeValueChanges,
        MoiChange,
        MoiChanges,
        MoiCreation,
        MoiDeletion,
        ThresholdCrossing,
    )
    from mnstream.core.notifications.producer import NotificationProducer
    from mnstream.core.profiles import NOTIFICATION_PROFILES, PROFILES, NotificationProfile, Profile
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
    from mnstream.ports.payload_codec import PayloadCodec

__all__ = [
    "NOTIFICATION_PROFILES",
    "PROFILES",
    "AnalyticsInfo",
    "ClearedAlarm",
    "Collector",
    "CollectorSettings",
    "ConnectionId",
    "ConnectionInfo",
    "ConsumerConfig",
    "DuplicateStream",
    "FileReady",
    "HeartbeatControl",
    "HttpServer",
    "HttpTransport",
    "LocalProtocolError",
    "Lost",
    "MnSError",
    "MoiAttributeValueChanges",
    "MoiChange",
    "MoiChanges",
    "MoiCreation",
    "MoiDeletion",
    "MountedCollector",
    "NewAlarm",
    "Notification",
    "NotificationConsumer",
    "NotificationConsumerConfig",
    "NotificationProducer",
    "NotificationProducerConfig",
    "NotificationProfile",
    "Notifier",
    "NotifierSettings",
    "ObjectPath",
    "OperationError",
    "PayloadCodec",
    "PerformanceDataStreamUnit",
    "PerformanceInfo",
    "ProducerConfig",
    "ProducerId",
    "Profile",
    "ProtocolError",
    "RedactingFilter",
    "RemoteProtocolError",
    "ReportSummary",
    "Reporter",
    "ReporterSettings",
    "ReportingEnded",
    "Reread",
    "Restarted",
    "Scope",
    "ScopeType",
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
    "SubCounter",
    "Subscriber",
    "SubscriberSettings",
    "SubscriptionId",
    "SubscriptionSettings",
    "ThresholdCrossing",
    "TraceInfo",
    "TraceRecord",
    "TrioWebSocketServer",
    "TrioWebSocketTransport",
    "UnexpectedStreams",
    "UnknownConnection",
    "UnknownConnectionId",
    "UnknownStreamId",
    "VsDataContainer",
    "capturing",
    "collecting",
    "mounting",
    "notifying",
    "reporting",
    "stored_units",
    "subscribing",
]

_HOMES = {
    "NOTIFICATION_PROFILES": "mnstream.core.profiles",
    "PROFILES": "mnstream.core.profiles",
    "AnalyticsInfo": "mnstream.core.values",
    "ClearedAlarm": "mnstream.core.notifications.alarms",
    "Collector": "mnstream.adapters.runtime",
    "CollectorSettings": "mnstream.adapters.runtime.collecting",
    "ConnectionId": "mnstream.core.values",
    "ConnectionInfo": "mnstream.core.values",
    "ConsumerConfig": "mnstream.core.streaming.config",
    "DuplicateStream": "mnstream.core.errors",
    "FileReady": "mnstream.core.notifications.families",
    "HeartbeatControl": "mnstream.core.notification_values",
    "HttpServer": "mnstream.adapters.http",
    "HttpTransport": "mnstream.adapters.http",
    "LocalProtocolError": "mnstream.core.errors",
    "Lost": "mnstream.adapters.runtime.items",
    "MnSError": "mnstream.core.errors",
    "MoiAttributeValueChanges": "mnstream.core.notifications.families",
    "MoiChange": "mnstream.core.notifications.families",
    "MoiChanges": "mnstream.core.notifications.families",
    "MoiCreation": "mnstream.core.notifications.families",
    "MoiDeletion": "mnstream.core.notifications.families",
    "MountedCollector": "mnstream.adapters.runtime.mounting",
    "NewAlarm": "mnstream.core.notifications.alarms",
    "Notification": "mnstream.adapters.runtime.items",
    "NotificationConsumer": "mnstream.core.notifications.consumer",
    "NotificationConsumerConfig": "mnstream.core.notifications.config",
    "NotificationProducer": "mnstream.core.notifications.producer",
    "NotificationProducerConfig": "mnstream.core.notifications.config",
    "NotificationProfile": "mnstream.core.profiles",
    "Notifier": "mnstream.adapters.runtime",
    "NotifierSettings": "mnstream.adapters.runtime.notifying",
    "ObjectPath": "mnstream.core.notification_values",
    "OperationError": "mnstream.core.errors",
    "PayloadCodec": "mnstream.ports.payload_codec",
    "PerformanceDataStreamUnit": "mnstream.adapters.codecs",
    "PerformanceInfo": "mnstream.core.values",
    "ProducerConfig": "mnstream.core.streaming.config",
    "ProducerId": "mnstream.core.values",
    "Profile": "mnstream.core.profiles",
    "ProtocolError": "mnstream.core.errors",
    "RedactingFilter": "mnstream.adapters.observability",
    "RemoteProtocolError": "mnstream.core.errors",
    "ReportSummary": "mnstream.adapters.runtime.reporting",
    "Reporter": "mnstream.adapters.runtime",
    "ReporterSettings": "mnstream.adapters.runtime.reporting",
    "ReportingEnded": "mnstream.adapters.runtime",
    "Reread": "mnstream.adapters.runtime.items",
    "Restarted": "mnstream.adapters.runtime.items",
    "Scope": "mnstream.core.notification_values",
    "ScopeType": "mnstream.core.notification_values",
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
    "SubCounter": "mnstream.adapters.codecs",
    "Subscriber": "mnstream.adapters.runtime",
    "SubscriberSettings": "mnstream.adapters.runtime.subscribing",
    "SubscriptionId": "mnstream.core.notification_values",
    "SubscriptionSettings": "mnstream.core.notification_values",
    "ThresholdCrossing": "mnstream.core.notifications.families",
    "TraceInfo": "mnstream.core.values",
    "TraceRecord": "mnstream.adapters.codecs",
    "TrioWebSocketServer": "mnstream.adapters.trio_websocket",
    "TrioWebSocketTransport": "mnstream.adapters.trio_websocket",
    "UnexpectedStreams": "mnstream.core.errors",
    "UnknownConnection": "mnstream.core.errors",
    "UnknownConnectionId": "mnstream.core.errors",
    "UnknownStreamId": "mnstream.core.errors",
    "VsDataContainer": "mnstream.core.values",
    "capturing": "mnstream.adapters.runtime.capturing",
    "collecting": "mnstream.adapters.runtime.collecting",
    "mounting": "mnstream.adapters.runtime.mounting",
    "notifying": "mnstream.adapters.runtime.notifying",
    "reporting": "mnstream.adapters.runtime.reporting",
    "stored_units": "mnstream.adapters.storage",
    "subscribing": "mnstream.adapters.runtime.subscribing",
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
