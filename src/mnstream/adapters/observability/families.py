"""Families of metrics, and their text in the format of Prometheus; what all services share.

The naming conventions of Prometheus hold: counters end in ``_total``, units are bytes and seconds,
labels have few values. Nothing is labelled with what a peer chose, such as a stream, a producer or
a subscription: 100,000 streams would be as many time series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector as MetricSource

from mnstream.adapters.observability.counters import Counters

METRICS_TYPE = CONTENT_TYPE_LATEST
"""Content type of what ``render`` of every service's metrics gives."""

_HELP = {
    "channels_broken": "Channels that ended without a closing handshake, by how.",
    "channels_violated": "Channels that were closed because the peer broke RFC 6455, by code.",
    "http_accepts_failed": "Connections that the operating system could not hand over to us.",
    "http_requests_failed": "HTTP requests answered with 500 because of an error of ours.",
    "http_requests_refused": "HTTP requests refused before they reached the service, by cause.",
    "http_sockets_failed": "TCP connections that ended because somebody failed, by whom.",
    "http_sockets_refused": "TCP connections turned away because there were too many.",
    "sink_holes": "Parts of the log that could not be read for a sink.",
    "sink_writes_failed": "Attempts to write to a sink that failed and were made again.",
    "tail_frames": "Frames of captures that were followed, by what became of them.",
    "tail_holes": "Parts of captures that could not be read.",
    "tls_handshakes_failed": "TLS handshakes that failed, by cause.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A counter of adapters that is shown from the start, so that its first step is seen as one.

    Attributes:
        text: What it counts.
        label: Name of the label that tells its causes apart.
        causes: Those that are known; ``()`` for a counter without causes.
    """

    text: str
    label: str = "cause"
    causes: Sequence[str] = ()


class _Source(MetricSource):
    """Makes metrics of what it finds at the moment of the question."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def describe(self) -> Iterable[Metric]:
        """Claim no names, so that registering asks nothing of the services."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Give every metric family."""
        return self._collect()


def new_registry(
    collect: Callable[[], Iterable[Metric]], *, process: bool = True
) -> CollectorRegistry:
    """Make a registry of its own for one service; the global one is not used.

    Args:
        collect: Gives every family, as it is now.
        process: Whether to add memory, processor time and open files of this process, which only
            Linux tells.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Source(collect))
    if process:
        ProcessCollector(registry=registry)
    return registry


def counter(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    """Make a counter with one label."""
    family = CounterMetricFamily(f"mnstream_{name}", text, labels=[label])
    for value, number in sorted(values.items()):
        family.add_metric([value], number)
    return family


def total(name: str, text: str, number: int) -> Metric:
    """Make a counter without labels."""
    return CounterMetricFamily(f"mnstream_{name}", text, value=number)


def gauge(name: str, text: str, number: float | None) -> Metric:
    """Make a gauge without labels; it has no sample when nobody knows (None)."""
    return GaugeMetricFamily(f"mnstream_{name}", text, value=number)


def gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    """Make a gauge with one label, in the order of the mapping."""
    family = GaugeMetricFamily(f"mnstream_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def counted(
    counters: Counters | None, expected: Mapping[str, Expected] | None = None
) -> Iterator[Metric]:
    """Make a family of each name that was counted or is expected.

    There is a label only where a name has causes.
    """
    expected = expected or {}
    families: dict[str, dict[str, int]] = {
        name: dict.fromkeys(each.causes, 0) for name, each in expected.items()
    }
    for name, cause, number in counters or ():
        families.setdefault(name, {})[cause] = number
    for name, causes in sorted(families.items()):
        known = expected.get(name)
        if known is None:
            known = Expected(text=_HELP.get(name, f"What the code counts as {name}."))
        if causes.keys() <= {""}:
            yield total(name, known.text, causes.get("", 0))
        else:
            yield counter(name, known.text, known.label, causes)
