"""A consumer with a history, made of events; and metrics, read back."""

from prometheus_client.parser import text_string_to_metric_families

from mnstream.adapters.codecs import READERS
from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.adapters.observability import MetricsSource
from mnstream.core.events import ChannelRequested, FrameReceived, OperationRequested
from mnstream.core.operations import EstablishStreamingConnection
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, ProducerId, StreamInfo
from mnstream.testing.logs import WALL_MS, performance_stream


def pdsu(stream_id: int, *values: float, time_ns: int | None = 1_700_000_000_000_000_000) -> bytes:
    unit = PerformanceDataStreamUnit(
        stream_id=stream_id, granularity_period_end_time_ns=time_ns, standardized=values
    )
    return encode_pdsus([unit])


def make_consumer(connections_max: int = 10) -> StreamingConsumer:
    return StreamingConsumer(
        readers=READERS, config=ConsumerConfig(connections_max=connections_max)
    )


def establish(
    consumer: StreamingConsumer, connection_id: str, *streams: StreamInfo, producer: str = "NF=1"
) -> None:
    event = OperationRequested(
        operation=EstablishStreamingConnection(
            producer_id=ProducerId(producer), stream_info_list=streams
        ),
        identity="CN=nf-1",
        fresh_connection_id=ConnectionId(connection_id),
        wall_ms=WALL_MS,
    )
    consumer.handle(event, now_ms=1000)


def open_channel(consumer: StreamingConsumer, connection_id: str) -> None:
    event = ChannelRequested(connection_id=ConnectionId(connection_id), identity="CN=nf-1")
    consumer.handle(event, now_ms=2000)


def receive(consumer: StreamingConsumer, connection_id: str, payload: bytes) -> None:
    event = FrameReceived(
        connection_id=ConnectionId(connection_id), payload=payload, wall_ms=WALL_MS
    )
    consumer.handle(event, now_ms=3000)


def busy_consumer() -> StreamingConsumer:
    """Two connections: ``a`` is open and reports 1 and 2; ``b`` waits for its channel, with 2."""
    consumer = make_consumer()
    one, two = performance_stream("1", "x"), performance_stream("2", "x", "y")
    establish(consumer, "a", one, two)
    establish(consumer, "b", two, producer="NF=2")
    establish(consumer, "c", producer="NF=3")
    open_channel(consumer, "a")
    receive(consumer, "a", pdsu(1, 5))
    receive(consumer, "a", pdsu(2, 1, 2))
    receive(consumer, "a", pdsu(2, 1))
    receive(consumer, "a", pdsu(9, 1))
    receive(consumer, "a", b"")
    return consumer


def samples(metrics: MetricsSource) -> dict[str, float]:
    """Give each sample under its name with labels, and check what holds for every family.

    Prometheus' own parser reads them.
    """
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        assert family.documentation.endswith("."), family.name
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found
            found[key] = sample.value
            if family.type == "counter":
                assert sample.name.endswith("_total")
    return found
