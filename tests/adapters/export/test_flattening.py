"""The fast way to Parquet gives what the slow way gives."""

from __future__ import annotations

import gc
import io
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.pdsu_pb2 import PDSUs
from mnstream.adapters.codecs.values import (
    IndexKind,
    PerformanceDataStreamUnit,
    SubCounter,
    SubCounterIndex,
)
from mnstream.adapters.export import flattening, parquet, row_groups
from mnstream.adapters.export.arrow import load_arrow
from mnstream.adapters.export.parquet import ParquetWriter
from mnstream.adapters.storage import FrameRun, UnitResolver
from mnstream.core.records import ConnectionEstablished
from mnstream.testing.logs import STREAMS, established, performance_stream
from tests.adapters.export.tables import read_table

FIVE = performance_stream("5", "a", "b")
SIX = performance_stream("6", "c")
TWICE = performance_stream("7", "a", "a")
PADDED = performance_stream("08", "a")
EMPTY = performance_stream("9")
CONNECTIONS = {
    1: established("x", 1, [FIVE, SIX, TWICE, PADDED, EMPTY]),
    2: established("y", 2, [performance_stream("5", "b", "c")]),
    3: established("z", 3, [FIVE, STREAMS[4]]),  # mixed with opaque data
    4: established("x", 4, [FIVE]),  # the same connection with other streams
}

SUB_COUNTER = SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 1), 5)
VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=3),
    st.none(),
    st.just(SUB_COUNTER),
)
PLAIN = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
TIMES = st.one_of(st.none(), st.integers(0, 2 * 10**18), st.integers(-9 * 10**27, 9 * 10**27))


@st.composite
def units(draw: st.DrawFn) -> PerformanceDataStreamUnit:
    number = draw(st.sampled_from([5, 5, 5, 6, 7, 8, 9, 10]))
    expected = {5: 2, 6: 1, 7: 2, 8: 1}.get(number, 0)
    count = draw(st.sampled_from([expected, expected, expected, expected + 1]))
    vendor = draw(st.integers(0, count))
    values = draw(st.lists(draw(st.sampled_from([PLAIN, VALUES])), min_size=count, max_size=count))
    return PerformanceDataStreamUnit(
        stream_id=number,
        granularity_period_end_time_ns=draw(TIMES),
        standardized=tuple(values[vendor:]),
        vendor_specific=tuple(values[:vendor]),
    )


def times_out_of_range() -> bytes:
    message = PDSUs()
    unit = message.pdsu.add(stream_id=6)
    unit.standardized_meas_results.add(integer_value=1)
    unit.granularity_period_end_time.seconds = 5
    unit.granularity_period_end_time.nanos = -1
    return message.SerializeToString()


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


GOOD = encode_pdsus(
    [
        PerformanceDataStreamUnit(
            stream_id=6, granularity_period_end_time_ns=10**18, standardized=(1,)
        )
    ]
)
TWO_ALTERNATIVES = field(1, b"\x08\x06" + field(3, b"\x08\x01\x11" + bytes(8)))
TIME_TWICE = field(
    1, b"\x08\x06" + field(2, b"\x08\x05") + field(2, b"\x10\x07") + field(3, b"\x08\x01")
)
WRONG_WIRE_TYPE = field(1, b"\x08\x06\x18\x05" + field(3, b"\x08\x01"))
LATER_FIELD = field(15, b"zz")
ODD = [
    *(TWO_ALTERNATIVES, TIME_TWICE, WRONG_WIRE_TYPE, times_out_of_range()),
    *(b"\xff\xff", b"\x12\x00", GOOD + b"\x12\x01x", GOOD + GOOD, GOOD[:-1], b"\x0a\x00"),
    field(1, b"\x08\x06" + field(3, b"\x1a\x02\xff\xfe")),
    field(1, b"\x08\x06" + field(3, LATER_FIELD)),
    field(1, b"\x08\x06" + field(3, b"\x08\x01" + LATER_FIELD)),
    field(1, b"\x08\x06" + field(3, b"")),
]


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    match draw(st.integers(0, 9)):
        case 0:
            return draw(st.binary(min_size=1, max_size=12))
        case 1:
            return draw(st.sampled_from(ODD))
        case 2:
            data = bytearray(encode_pdsus([draw(units())]))
            data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
            return bytes(data)
        case _:
            return encode_pdsus(draw(st.lists(units(), min_size=1, max_size=3)))


@st.composite
def runs(draw: st.DrawFn) -> FrameRun:
    stored = draw(
        st.lists(st.tuples(st.sampled_from([1, 1, 1, 2, 3, 4, 5]), payloads()), min_size=1)
    )
    versions = [version for version, _ in stored]
    return FrameRun(
        first_position=draw(st.integers(0, 100)),
        wall_ms=[draw(st.integers(0, 2**53 - 1)) for _ in stored],
        streams_versions=versions,
        payloads=[payload for _, payload in stored],
        connections={version: CONNECTIONS[version] for version in set(versions) & {*CONNECTIONS}},
    )


def written_file(written: list[FrameRun], *, fast: bool, short: int = 0) -> tuple[io.BytesIO, int]:
    """Write; frames of not more than ``short`` octets in a row go the slow way."""
    file = io.BytesIO()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flattening, "SHORT_BYTES", short)
        writer = ParquetWriter(UnitResolver(), fast=fast)
        with writer.writing(file):
            for run in written:
                writer.write_run(run)
    return io.BytesIO(file.getvalue()), writer.units


def exported(written: list[FrameRun], *, fast: bool, short: int = 0) -> tuple[Any, int]:
    file, count = written_file(written, fast=fast, short=short)
    return read_table(file), count


def told(table: Any) -> list[str]:
    """Give rows as texts, in which NaN equals itself and -0.0 is not 0.0."""
    return [repr(row) for row in table.to_pylist()]


@settings(max_examples=50, deadline=None)
@given(st.lists(runs(), max_size=3), st.sampled_from([0, 0, 30, 1000]))
def test_both_ways_give_the_same_rows_in_the_same_order(
    written: list[FrameRun], short: int
) -> None:
    fast, fast_units = exported(written, fast=True, short=short)
    slow, slow_units = exported(written, fast=False)
    assert fast.schema.equals(slow.schema)
    assert told(fast) == told(slow)
    assert fast_units == slow_units


@pytest.mark.parametrize("payload", ODD)
def test_odd_payloads(payload: bytes) -> None:
    run = FrameRun(0, [1, 2, 3], [1, 1, 1], [GOOD, payload, GOOD], {1: CONNECTIONS[1]})
    assert told(exported([run], fast=True)[0]) == told(exported([run], fast=False)[0])


def test_groups_may_end_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(connection: ConnectionEstablished, payload: bytes) -> FrameRun:
        version = connection.streams_version
        return FrameRun(0, [5] * 10, [version] * 10, [GOOD, payload] * 5, {version: connection})

    five = PerformanceDataStreamUnit(
        stream_id=5, granularity_period_end_time_ns=None, standardized=(1, 2.5)
    )
    written = [
        run(CONNECTIONS[1], b"\xff"),
        run(CONNECTIONS[4], encode_pdsus([five])),
        run(CONNECTIONS[2], encode_pdsus([five, five])),
    ]
    whole = told(exported(written, fast=True)[0])
    assert len(whole) == 10 + (5 + 10) + (5 + 20)
    for rows in (1, 7, 20):
        monkeypatch.setattr(row_groups, "ROWS_MAX", rows)
        for waiting, small in ((1, 1), (3, 2), (8192, 256)):
            monkeypatch.setattr(row_groups, "WAITING_ROWS_MAX", waiting)
            monkeypatch.setattr(row_groups, "SMALL_BATCHES_MAX", small)
            for short in (0, 40, 1000):
                assert told(exported(written, fast=True, short=short)[0]) == whole


def test_vendor_values_follow_the_standardised_ones_of_their_unit() -> None:
    def payload(number: int) -> bytes:
        return encode_pdsus(
            PerformanceDataStreamUnit(
                stream_id=5,
                granularity_period_end_time_ns=number,
                standardized=(number,) * standardized,
                vendor_specific=(number + 0.5,) * (2 - standardized),
            )
            for standardized in (1, 2, 0, 1)
        )

    run = FrameRun(0, [5] * 9, [1] * 9, [payload(number) for number in range(9)], CONNECTIONS)
    rows = told(exported([run], fast=True)[0])
    assert rows == told(exported([run], fast=False)[0])
    assert len(rows) == 9 * 4 * 2


def test_what_is_alike_goes_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: UnitResolver, _entry: object) -> object:
        raise AssertionError("one by one")

    monkeypatch.setattr(UnitResolver, "units", refuse)
    run = FrameRun(0, [5] * 1000, [1] * 1000, [GOOD] * 1000, {1: CONNECTIONS[1]})
    table, count = exported([run] * 5, fast=True)
    assert (table.num_rows, count) == (5000, 5000)
    with pytest.raises(AssertionError, match="one by one"):
        exported([run], fast=False)


class Batches:
    """Counts batches that are made, and remembers how many were put together at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        arrow = load_arrow()
        self._pa = arrow.pa
        self.made = 0
        self.together: list[int] = []
        monkeypatch.setattr(parquet, "load_arrow", lambda: replace(arrow, pa=self))
        self.RecordBatch = SimpleNamespace(from_arrays=self._make)
        self.Table = SimpleNamespace(
            from_batches=self._together, from_arrays=arrow.pa.Table.from_arrays
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pa, name)

    def _make(self, columns: Sequence[Any], schema: Any) -> Any:
        self.made += 1
        return self._pa.RecordBatch.from_arrays(columns, schema=schema)

    def _together(self, batches: Sequence[Any]) -> Any:
        self.together.append(len(batches))
        return self._pa.Table.from_batches(batches)


def mixed(good: int, bad: int) -> FrameRun:
    """So many frames that go the fast way between others, a thousand times."""
    versions = ([1] * good + [3] * bad) * 1000
    return FrameRun(0, [5] * len(versions), versions, [GOOD] * len(versions), CONNECTIONS)


def test_frames_one_by_one_are_few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(monkeypatch)
    table, count = exported([mixed(1, 4)] * 4, fast=True, short=1000)
    assert (table.num_rows, count) == (20_000, 20_000)
    assert batches.made == 3


def test_what_is_between_others_takes_the_fast_way_only_if_it_is_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = Batches(monkeypatch)
    exported([mixed(3, 1)], fast=True, short=3 * len(GOOD))
    assert batches.made == 1
    exported([mixed(3, 1)], fast=True, short=3 * len(GOOD) - 1)
    assert batches.made == 1 + 2000


def test_small_batches_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(monkeypatch)
    table, _ = exported([mixed(3, 1)] * 2, fast=True)
    assert table.num_rows == 8000
    assert batches.made == 4000
    assert max(batches.together) <= 2 * row_groups.SMALL_BATCHES_MAX


def test_rows_with_long_texts_do_not_wait_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches(monkeypatch)
    monkeypatch.setattr(row_groups, "WAITING_CHARACTERS_MAX", 10_000)
    payload = encode_pdsus(
        [
            PerformanceDataStreamUnit(
                stream_id=6, granularity_period_end_time_ns=None, standardized=("x" * 1000,)
            )
        ]
    )
    table, _ = exported(
        [FrameRun(0, [5] * 100, [1] * 100, [payload] * 100, CONNECTIONS)], fast=False
    )
    assert table.num_rows == 100
    assert batches.made == 10


def test_a_group_is_full_of_long_names_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "WAITING_ROWS_MAX", 10)
    monkeypatch.setattr(row_groups, "BYTES_MAX", 10_000)
    connections = {
        version: established(
            f"{version}", version, [performance_stream("6", f"{version}" + "m" * 1000)]
        )
        for version in range(100)
    }
    run = FrameRun(0, [5] * 100, range(100), [GOOD] * 100, connections)
    file, _ = written_file([run], fast=False)
    assert load_arrow().pq.ParquetFile(file).num_row_groups == 10


def test_what_a_later_release_added_is_told_by_the_fast_way_as_well() -> None:
    later = field(1, b"\x08\x06" + field(3, LATER_FIELD))
    run = FrameRun(
        first_position=0,
        wall_ms=[1, 2, 3],
        streams_versions=[1, 1, 1],
        payloads=[GOOD, later, GOOD],
        connections={1: CONNECTIONS[1]},
    )
    fast, _ = exported([run], fast=True)
    slow, _ = exported([run], fast=False)
    assert told(fast) == told(slow)
    assert fast.column("text").to_pylist() == [None, '{"unknown":"7A027A7A"}', None]


def test_nothing_is_written_to_a_file_that_is_given_up_and_closed() -> None:
    writer = ParquetWriter(UnitResolver())
    with pytest.raises(KeyboardInterrupt), io.BytesIO() as file, writer.writing(file):
        raise KeyboardInterrupt
    del writer
    gc.collect()  # what a writer does when it is collected is a warning, and so an error
