"""What operators see of a running service: counters, metrics, health, state, logs."""

from mnstream.adapters.observability.admin import (
    EVERYWHERE,
    LOOPBACK,
    Admin,
    BadQuery,
    MetricsSource,
    Network,
    ReadinessSource,
    Resource,
)
from mnstream.adapters.observability.counters import Counters
from mnstream.adapters.observability.families import METRICS_TYPE
from mnstream.adapters.observability.logs import RedactingFilter, configure_logging
from mnstream.adapters.observability.metrics import LogStatus, Metrics
from mnstream.adapters.observability.notifier_metrics import NotifierMetrics
from mnstream.adapters.observability.notifier_views import NotifierViews, SubscriptionReader
from mnstream.adapters.observability.readiness import (
    NotifierReadiness,
    Readiness,
    Reason,
    SubscriberReadiness,
)
from mnstream.adapters.observability.redaction import redact
from mnstream.adapters.observability.subscriber_metrics import SubscriberMetrics
from mnstream.adapters.observability.subscriber_views import SubscriberViews
from mnstream.adapters.observability.views import StreamingViews

__all__ = [
    "EVERYWHERE",
    "LOOPBACK",
    "METRICS_TYPE",
    "Admin",
    "BadQuery",
    "Counters",
    "LogStatus",
    "Metrics",
    "MetricsSource",
    "Network",
    "NotifierMetrics",
    "NotifierReadiness",
    "NotifierViews",
    "Readiness",
    "ReadinessSource",
    "Reason",
    "RedactingFilter",
    "Resource",
    "StreamingViews",
    "SubscriberMetrics",
    "SubscriberReadiness",
    "SubscriberViews",
    "SubscriptionReader",
    "configure_logging",
    "redact",
]
