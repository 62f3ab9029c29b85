"""The numbers of a collector in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from prometheus_client import generate_latest
from prometheus_client.core import Metric

from mnstream.adapters.observability.counters import Counters
from mnstream.adapters.observability.families import (
    counted,
    counter,
    gauge,
    gauges,
    new_registry,
    total,
)
from mnstream.core.lifecycles.consumer_connection import (
    CONSUMER_CONNECTION,
    ConsumerConnectionState,
)
from mnstream.core.records import Disposition, Ending
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.streaming.counts import ConsumerCounts
from mnstream.ports.sink import SinkStatus

_LIVE_STATES = tuple(s for s in ConsumerConnectionState if s not in CONSUMER_CONNECTION.final)


class LogStatus(Protocol):
    """What is asked of a log; ``adapters.storage.SegmentLog`` has it."""

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable at present; empty when all is well."""
        ...

    @property
    def next_position(self) -> int:
        """Position of the next record that is appended."""
        ...

    @property
    def durable_position(self) -> int:
        """The last durable position, -1 when there is none."""
        ...

    @property
    def repaired_bytes(self) -> int:
        """Octets of unfinished writes that opening the log cut off."""
        ...


def _no_sinks() -> Sequence[SinkStatus]:
    return ()


class Metrics:
    """The metrics of one collector, with a registry of their own; the global one is not used."""

    def __init__(
        self,
        consumer: StreamingConsumer,
        *,
        log: LogStatus | None = None,
        counters: Counters | None = None,
        sinks: Callable[[], Sequence[SinkStatus]] = _no_sinks,
        process: bool = True,
    ) -> None:
        """Keep what to look at when somebody asks.

        Args:
            consumer: The core.
            log: Its log, when it has a durable one.
            counters: What adapters counted.
            sinks: Gives the present state of each sink.
            process: Whether to add memory, processor time and open files of this process, which
                only Linux tells.
        """
        self._consumer = consumer
        self._log = log
        self._counters = counters
        self._sinks = sinks
        self._registry = new_registry(self._collect, process=process)

    def render(self) -> bytes:
        """Give all metrics as text, in UTF-8. Takes 0.3 ms, and 3 ms more for 10,000 connections.

        For the thread of the event loop, since it looks at the consumer.
        """
        return generate_latest(self._registry)

    def _collect(self) -> Iterator[Metric]:
        yield from _frames(self._consumer.counts)
        yield from _connections(self._consumer.counts)
        yield from _present(self._consumer)
        if self._log is not None:
            yield from _log(self._log)
        yield from _sink_families(self._sinks())
        yield from counted(self._counters)


def _frames(counts: ConsumerCounts) -> Iterator[Metric]:
    yield counter(
        "frames",
        "Frames received since the start, by what became of them; each is in one column.",
        "disposition",
        {
            Disposition.DELIVERED.value: counts.frames_delivered,
            Disposition.DUPLICATE.value: counts.frames_duplicate,
            Disposition.QUARANTINED.value: sum(counts.frames_quarantined.values()),
            Disposition.KEEP_ALIVE.value: counts.keep_alives,
        },
    )
    yield counter(
        "frames_quarantined",
        "Frames kept aside because they are not what their streams announced, by cause.",
        "cause",
        counts.frames_quarantined,
    )
    yield total(
        "frames_delivered_bytes",
        "Size of the frames that were delivered, as they came, without WebSocket and TLS.",
        counts.bytes_delivered,
    )


def _connections(counts: ConsumerCounts) -> Iterator[Metric]:
    yield total(
        "connections_established",
        "Streaming connections that producers established since the start.",
        counts.connections_established,
    )
    yield counter(
        "connections_ended",
        "Streaming connections that ended: terminated by the producer, or expired without it.",
        "ending",
        {
            Ending.TERMINATED.value: counts.connections_terminated,
            Ending.EXPIRED.value: counts.connections_expired,
        },
    )
    yield total(
        "channels_opened", "Upgrades to WebSocket that were agreed to.", counts.channels_opened
    )
    yield total(
        "channels_lost",
        "Channels that ended without a goodbye; their producers may come back.",
        counts.channels_lost,
    )
    yield counter(
        "channels_closed_for_violation",
        "Channels closed because the producer broke a rule, by WebSocket close code.",
        "code",
        counts.channels_violated,
    )
    yield counter(
        "operations_refused",
        "Operations answered with Failure, by the exception of TS 28.532 or ours.",
        "exception",
        counts.operations_refused,
    )


def _present(consumer: StreamingConsumer) -> Iterator[Metric]:
    connections: dict[str, int] = {}
    streams: dict[str, int] = {}
    everything = tuple(consumer.connections)
    for state in _LIVE_STATES:  # a pass for each costs less than hashing an Enum for each
        found = [connection for connection in everything if connection.state is state]
        connections[state.value] = len(found)
        streams[state.value] = sum(len(connection.streams) for connection in found)
    yield gauges(
        "connections",
        "Streaming connections that exist, by the state of their lifecycle.",
        "state",
        connections,
    )
    yield gauges(
        "streams",
        "Streams by the state of their connection; one reported on two connections counts twice.",
        "state",
        streams,
    )
    yield gauge(
        "streams_distinct",
        "Different streams that somebody reports.",
        consumer.connections.stream_count,
    )


def _log(log: LogStatus) -> Iterator[Metric]:
    yield gauge(
        "log_durable_position",
        "Position of the last record that would survive a loss of power; -1 before the first.",
        log.durable_position,
    )
    yield gauge(
        "log_pending_records",
        "Records appended and not yet durable, so not acknowledged either.",
        log.next_position - 1 - log.durable_position,
    )
    yield gauge(
        "log_trouble",
        "1 while the disk refuses and nothing becomes durable; /readyz says why.",
        int(bool(log.trouble)),
    )
    yield gauge(
        "log_repaired_bytes",
        "Unfinished writes of an earlier run that were cut off when the log was opened.",
        log.repaired_bytes,
    )


def _sink_families(sinks: Sequence[SinkStatus]) -> Iterator[Metric]:
    if not sinks:
        return
    yield gauges(
        "sink_lag_records",
        "Records that are durable in the log and have not reached the sink.",
        "sink",
        {sink.name: sink.lag_records for sink in sinks},
    )
    yield gauges(
        "sink_trouble",
        "1 while the sink takes nothing; /admin/api/sinks says why.",
        "sink",
        {sink.name: int(bool(sink.trouble)) for sink in sinks},
    )
    yield counter(
        "sink_units",
        "Units that the sink took since the start.",
        "sink",
        {sink.name: sink.units_written for sink in sinks},
    )
