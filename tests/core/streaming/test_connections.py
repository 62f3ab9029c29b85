"""The table of connections: what it knows, and that many of them cost no more than few."""

from __future__ import annotations

from time import perf_counter_ns

from mnstream.core.streaming.connections import Connection, ConnectionTable
from mnstream.core.streaming.validation import info_chars
from mnstream.core.values import ConnectionId, ProducerId, StreamInfo
from tests.core.support import ids, performance


def table_of(count: int, *streams: StreamInfo) -> ConnectionTable:
    """Make a table of connections that all report these streams."""
    table = ConnectionTable()
    for number in range(count):
        connection = Connection(ConnectionId(f"c{number}"), ProducerId(f"p{number}"), "", 0)
        table.add(connection)
        table.change_streams(connection, added=streams, removed=())
    return table


def test_a_stream_is_that_of_whoever_reports_it_for_the_longest_time() -> None:
    one, other = performance(1), performance(2)
    table = table_of(3, one)
    first, second, third = table
    assert table.reporting(one.stream_id) is first
    assert table.reporting(other.stream_id) is None
    table.change_streams(first, added=(), removed=(one.stream_id,))
    table.change_streams(first, added=(one,), removed=())
    assert table.reporting(one.stream_id) is second
    assert table.summary(third, one.stream_id).stream_reporters == ("p1", "p2", "p0")
    for connection in table:
        table.remove(connection)
    assert table.stream_count == 0


def test_a_stream_that_a_damaged_log_adds_twice_is_there_once() -> None:
    (connection,) = table = table_of(1, performance(1), performance(2))
    other = performance(1, metrics=("other",))
    table.change_streams(connection, added=(other,), removed=())
    assert connection.streams[other.stream_id] == other
    assert connection.info_chars == info_chars(other) + info_chars(performance(2))
    table.change_streams(connection, added=(), removed=ids(1, 2))
    assert connection.info_chars == 0
    assert table.stream_count == 0


def test_a_connection_ends_as_fast_among_many_that_report_the_same_stream() -> None:
    def fastest_end_ns(count: int) -> int:
        times: list[int] = []
        table = table_of(count, performance(1))
        for connection in list(table)[:50]:
            began_ns = perf_counter_ns()
            table.remove(connection)
            times.append(perf_counter_ns() - began_ns)
        return min(times)

    # A hundred times as many; 20 leaves room for whatever else this machine does.
    assert fastest_end_ns(10_000) < 20 * fastest_end_ns(100)
