"""What operators see of a running service: counters, metrics, health, state, logs."""

from mnstream.adapters.observability.admin import LOOPBACK, Admin, BadQuery, Resource
from mnstream.adapters.observability.counters import Counters
from mnstream.adapters.observability.logs import RedactingFilter, configure_logging
from mnstream.adapters.observability.metrics import METRICS_TYPE, LogStatus, Metrics
from mnstream.adapters.observability.readiness import Readiness, Reason
from mnstream.adapters.observability.redaction import redact
from mnstream.adapters.observability.views import StreamingViews

__all__ = [
    "LOOPBACK",
    "METRICS_TYPE",
    "Admin",
    "BadQuery",
    "Counters",
    "LogStatus",
    "Metrics",
    "Readiness",
    "Reason",
    "RedactingFilter",
    "Resource",
    "StreamingViews",
    "configure_logging",
    "redact",
]
