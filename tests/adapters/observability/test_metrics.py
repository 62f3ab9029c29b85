"""The text that Prometheus scrapes, parsed by Prometheus' own parser."""

import sys
from dataclasses import dataclass

import prometheus_client
import pytest

from mnstream.adapters.observability import Counters, Metrics
from mnstream.ports.sink import SinkStatus
from tests.adapters.observability.helpers import busy_consumer, make_consumer, samples


@dataclass
class Log:
    trouble: str = ""
    next_position: int = 12
    durable_position: int = 9
    repaired_bytes: int = 77


def test_every_frame_is_in_one_column() -> None:
    found = samples(Metrics(busy_consumer(), process=False))
    prefix = "mnstream_frames_total"
    columns = {key: value for key, value in found.items() if key.startswith(prefix)}
    assert columns == {
        f"{prefix}{{disposition=delivered}}": 2,
        f"{prefix}{{disposition=duplicate}}": 0,
        f"{prefix}{{disposition=quarantined}}": 2,
        f"{prefix}{{disposition=keep-alive}}": 1,
    }
    assert found["mnstream_frames_quarantined_total{cause=unknownStream}"] == 1
    assert found["mnstream_frames_quarantined_total{cause=wrongValueCount}"] == 1
    assert found["mnstream_frames_quarantined_total{cause=undecodable}"] == 0
    assert found["mnstream_frames_delivered_bytes_total"] > 0


def test_gauges_have_a_sample_for_every_live_state() -> None:
    found = samples(Metrics(busy_consumer(), process=False))
    states = {key: value for key, value in found.items() if key.startswith("mnstream_connections{")}
    assert states == {
        "mnstream_connections{state=announced}": 1,
        "mnstream_connections{state=open}": 1,
        "mnstream_connections{state=probed}": 0,
        "mnstream_connections{state=detached}": 0,
    }
    assert found["mnstream_streams{state=open}"] == 2
    assert found["mnstream_streams{state=announced}"] == 1
    assert found["mnstream_streams_distinct"] == 2


def test_connections_and_refusals_are_counted() -> None:
    found = samples(Metrics(busy_consumer(), process=False))
    assert found["mnstream_connections_established_total"] == 2
    assert found["mnstream_connections_ended_total{ending=expired}"] == 0
    assert found["mnstream_connections_ended_total{ending=terminated}"] == 0
    assert found["mnstream_channels_opened_total"] == 1
    assert found["mnstream_channels_lost_total"] == 0
    refused = [key for key in found if key.startswith("mnstream_operations_refused_total")]
    assert len(refused) == 1


def test_the_log_tells_what_is_not_durable() -> None:
    found = samples(Metrics(make_consumer(), log=Log(trouble="full"), process=False))
    assert found["mnstream_log_durable_position"] == 9
    assert found["mnstream_log_pending_records"] == 2
    assert found["mnstream_log_trouble"] == 1
    assert found["mnstream_log_repaired_bytes"] == 77


def test_what_adapters_counted_is_there_with_and_without_causes() -> None:
    counters = Counters()
    counters.count("http_requests_refused", "malformed", 3)
    counters.count("http_requests_refused", "unknown_path")
    counters.count("http_accepts_failed")
    counters.count("never_heard_of")
    found = samples(Metrics(make_consumer(), counters=counters, process=False))
    assert found["mnstream_http_requests_refused_total{cause=malformed}"] == 3
    assert found["mnstream_http_requests_refused_total{cause=unknown_path}"] == 1
    assert found["mnstream_http_accepts_failed_total"] == 1
    assert found["mnstream_never_heard_of_total"] == 1


def test_names_of_counters_and_ours_do_not_meet() -> None:
    # The one name that a transport and the core both use.
    counters = Counters()
    counters.count("channels_violated", "1002")
    consumer = make_consumer()
    consumer.counts.channels_violated["1008"] = 2
    found = samples(Metrics(consumer, counters=counters, process=False))
    assert found["mnstream_channels_violated_total{cause=1002}"] == 1
    assert found["mnstream_channels_closed_for_violation_total{code=1008}"] == 2


def test_sinks_are_told_apart_by_name() -> None:
    status = SinkStatus(
        name='jsonl:/a"b\\c', position=5, lag_records=3, units_written=8, holes=0, trouble="full"
    )
    found = samples(Metrics(make_consumer(), sinks=lambda: [status], process=False))
    assert found['mnstream_sink_lag_records{sink=jsonl:/a"b\\c}'] == 3
    assert found['mnstream_sink_trouble{sink=jsonl:/a"b\\c}'] == 1
    assert found['mnstream_sink_units_total{sink=jsonl:/a"b\\c}'] == 8


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_the_process_is_described() -> None:
    assert samples(Metrics(make_consumer()))["process_resident_memory_bytes"] > 0


def test_the_global_registry_is_left_alone_and_two_collectors_do_not_meet() -> None:
    before = prometheus_client.generate_latest()
    first, second = Metrics(busy_consumer(), process=False), Metrics(make_consumer(), process=False)
    assert samples(first)["mnstream_streams_distinct"] == 2
    assert samples(second)["mnstream_streams_distinct"] == 0
    assert b"mnstream" not in before + prometheus_client.generate_latest()


def test_counters_remember() -> None:
    counters = Counters()
    assert counters.value("a") == 0
    counters.count("b", "z")
    counters.count("b", "y", 2)
    counters.count("b", "y")
    counters.count("a")
    assert counters.value("b", "y") == 3
    assert list(counters) == [("a", "", 1), ("b", "y", 3), ("b", "z", 1)]
