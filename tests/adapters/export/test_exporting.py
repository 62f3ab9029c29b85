"""What an export holds, in each format."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mnstream.adapters.codecs import DECODERS, ENCODERS, PerformanceDataStreamUnit
from mnstream.adapters.codecs.trace import encode_records
from mnstream.adapters.codecs.values import IndexKind, SubCounter, SubCounterIndex
from mnstream.adapters.export import (
    BadExport,
    ExportConfig,
    ExportSummary,
    NotInstalled,
    Selection,
    arrow,
    export_log,
)
from mnstream.adapters.sinks import json_lines
from mnstream.adapters.storage import Hole, LogReader, stored_units
from mnstream.core.records import ConnectionEstablished, Disposition, FrameStored, Record
from mnstream.core.streaming.multiplexing import Family
from mnstream.core.values import SerializationFormat, StreamId
from mnstream.testing.logs import STREAMS, changed, ended, established, performance_stream
from tests.adapters.codecs.test_trace import RECORD
from tests.adapters.export.tables import read_table
from tests.adapters.storage.helpers import frame, read, records_of, write

T = 1_700_000_000_000
DN = "SubNetwork=1,ManagedElement=\u00e9"
FIVE = performance_stream("5", "a", "b")
SIX = performance_stream("6", "c")
BIN = SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), 9)


def pdsus(
    stream: int, *values: Any, family: Family = Family.PDSU_GPB, time_ns: int | None = T * 10**6
) -> bytes:
    unit = PerformanceDataStreamUnit(
        stream_id=stream, granularity_period_end_time_ns=time_ns, standardized=values
    )
    return ENCODERS[family]([unit])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Every kind of unit; the last connection carries the opaque data."""
    records: list[list[Record]] = [
        [established("x", 1, [FIVE, SIX]), frame(pdsus(5, 1, 2.5), T, 1)],
        [frame(pdsus(5, 2**53 + 1, 'say "a,b"\r\n'), T + 1000, 1)],
        [frame(pdsus(6, BIN), T + 2000, 1, Disposition.DUPLICATE)],
        [frame(b"", T + 2000, 1, Disposition.KEEP_ALIVE)],
        [frame(pdsus(7, 1), T + 3000, 1, Disposition.QUARANTINED, "unknownStream")],
        [changed("x", 2, added=[performance_stream("5", "b", "a")], removed=["5"])],
        [frame(pdsus(5, None, float("nan")), T + 4000, 2), ended("x")],
        [established("y", 3, STREAMS[4:5]), frame(b"\xffopaque", T + 5000, 3)],
    ]
    write(tmp_path / "log", records)
    return tmp_path / "log"


def run(log: Path, output: Path, file_format: str, **options: Any) -> ExportSummary:
    encoding = options.pop("encoding", None)
    config = ExportConfig(format=file_format, selection=Selection(**options), encoding=encoding)
    return export_log(LogReader(log), output, config)


def test_json_lines_are_those_of_inspect(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    summary = run(log, output, "jsonl")
    assert output.read_bytes() == json_lines(stored_units(log))
    assert summary.units == 7
    selected: dict[str, Any] = {"stream_id": "5", "since_ms": T + 1000, "limit": 1}
    assert run(log, output, "jsonl", **selected).units == 1
    assert output.read_bytes() == json_lines(stored_units(log, **selected))
    assert os.listdir(tmp_path) == ["log", "out"] or os.listdir(tmp_path) == ["out", "log"]


def test_csv_has_a_line_for_each_value(log: Path, tmp_path: Path) -> None:
    run(log, tmp_path / "out.csv", "csv")
    data = (tmp_path / "out.csv").read_bytes()
    header, *lines = csv.reader(io.StringIO(data.decode(), newline=""))
    assert b"\r\n" in data
    assert header == [
        *("connection", "producer", "stream", "object", "received", "time", "metric"),
        *("value", "integer", "text", "kind", "cause"),
    ]
    at, received = "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:2{}.000Z"
    known = ["x", established("x", 1).producer_id, "5", DN]
    assert lines[:4] == [
        [*known, received.format(0), at, "a", "1.0", "1", "", "", ""],
        [*known, received.format(0), at, "b", "2.5", "", "", "", ""],
        [*known, received.format(1), at, "a", "9007199254740992.0", "9007199254740993", "", "", ""],
        [*known, received.format(1), at, "b", "", "", 'say "a,b"\r\n', "", ""],
    ]
    rest = [(line[2], line[6], line[7], line[8], line[10], line[11]) for line in lines[4:]]
    assert rest == [
        ("6", "c", "", "", "duplicate", ""),
        ("", "", "", "", "keep-alive", ""),
        ("7", "", "", "", "quarantined", "unknownStream"),
        ("5", "b", "", "", "", ""),
        ("5", "a", "NaN", "", "", ""),
        ("vendor", "", "", "", "", ""),
    ]
    assert json.loads(lines[4][9])["subCounterValue"] == 9
    assert json.loads(lines[9][9])["payload"] == "/29wYXF1ZQ=="


def test_parquet_answers_a_question(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    assert run(log, output, "parquet").units == 7
    question = (
        "SELECT object, avg(value), count(*), min(epoch(date_trunc('minute', time))) FROM units"
        " WHERE metric = 'a' AND kind = '' AND NOT isnan(value) GROUP BY object"
    )
    found = duckdb.read_parquet(str(output)).query("units", question)
    assert found is not None
    (answer,) = found.fetchall()
    assert answer == (DN, (1 + 2**53) / 2, 2, T // 60_000 * 60)
    rows = read_table(output).to_pylist()
    data = csv.DictReader(io.StringIO(_csv(log, tmp_path), newline=""))
    assert [
        (row["stream"] or "", row["metric"] or "", row["text"] or "", row["kind"], row["cause"])
        for row in rows
    ] == [
        (line["stream"], line["metric"], line["text"], line["kind"], line["cause"]) for line in data
    ]
    assert [row["integer"] for row in rows[:4]] == [1, None, 2**53 + 1, None]
    assert rows[0]["received"].isoformat() == "2023-11-14T22:13:20+00:00"


def _csv(log: Path, tmp_path: Path) -> str:
    run(log, tmp_path / "out.csv", "csv")
    return (tmp_path / "out.csv").read_bytes().decode()


@pytest.mark.parametrize(
    "selected",
    [
        {"stream_id": "5"},
        {"since_ms": T + 1000, "until_ms": T + 3001},
        {"limit": 3},
        {"limit": 0},
        {"stream_id": "6", "limit": 5},
    ],
)
def test_every_format_takes_the_same_selection(
    log: Path, tmp_path: Path, selected: dict[str, Any]
) -> None:
    expected = list(stored_units(log, **selected))
    for file_format in ("jsonl", "csv", "parquet", "capture"):
        output = tmp_path / file_format
        assert run(log, output, file_format, **selected).units == len(expected)
    rows = read_table(tmp_path / "parquet").to_pylist()
    assert len(rows) == sum(1 if unit.values is None else len(unit.values) for unit in expected)
    if "stream_id" not in selected:
        again = stored_units(tmp_path / "capture")
        assert json_lines(again) == json_lines(expected)


def test_a_capture_holds_the_same_records(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "all.capture"
    run(log, output, "capture")
    assert records_of(output) == records_of(log)
    assert json_lines(stored_units(output)) == json_lines(stored_units(log))


def test_a_capture_of_a_part_has_the_metadata_that_it_needs(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "late.capture"
    run(log, output, "capture", since_ms=T + 4000, until_ms=T + 4001)
    established_again, last, *_ = records_of(output)
    assert isinstance(established_again, ConnectionEstablished)
    assert isinstance(last, FrameStored)
    (unit,) = stored_units(output)
    assert list(unit.values or ()) == ["b", "a"]
    assert unit.connection_id == "x"


def test_a_change_that_a_hole_swallowed_comes_back_with_the_next_frame(tmp_path: Path) -> None:
    padding = [frame(bytes(20_000), T, 1)]
    log = tmp_path / "log"
    write(log, [[established("x", 1, [FIVE, SIX]), frame(pdsus(6, 1), T, 1)], padding])
    seven = performance_stream("7", "d")
    write(log, [[changed("x", 2, added=[seven], removed=["5"])]])
    write(log, [[frame(pdsus(7, 1), T, 2)]], segment_bytes=1)
    first = min(log.glob("*.mnlog"))
    data = bytearray(first.read_bytes())
    data[-30] ^= 1  # in the change
    first.write_bytes(bytes(data))
    output = tmp_path / "capture"
    summary = run(log, output, "capture")
    assert [(hole.first_position, hole.last_position) for hole in summary.holes] == [(3, 3)]
    assert records_of(output)[3:] == [
        replace(changed("x", 2, added=[seven], removed=["5"]), wall_ms=T),
        frame(pdsus(7, 1), T, 2),
    ]


def test_an_empty_log_gives_empty_files(tmp_path: Path) -> None:
    write(tmp_path / "log", [])
    for file_format in ("jsonl", "csv", "parquet", "capture"):
        assert run(tmp_path / "log", tmp_path / file_format, file_format).units == 0
    assert (tmp_path / "jsonl").read_bytes() == b""
    assert (tmp_path / "csv").read_bytes().count(b"\r\n") == 1
    assert read_table(tmp_path / "parquet").num_rows == 0
    assert read(tmp_path / "capture") == []


def test_trace_records_are_in_the_text(tmp_path: Path) -> None:
    stream = replace(STREAMS[2], stream_id=StreamId("4358070034D7"))
    write(tmp_path / "log", [[established("t", 1, [stream]), frame(encode_records([RECORD]), T)]])
    run(tmp_path / "log", tmp_path / "out", "parquet")
    (row,) = read_table(tmp_path / "out").to_pylist()
    assert row["stream"] == stream.stream_id
    assert row["metric"] is None
    assert "record" in json.loads(row["text"])


# --- the other encoding ----------------------------------------------------------------------


def test_a_capture_there_and_back_is_the_same(tmp_path: Path) -> None:
    log, there, back = tmp_path / "log", tmp_path / "there", tmp_path / "back"
    asn1 = ENCODERS[Family.PDSU_ASN1]
    write(
        log,
        [
            [established("x", 1, [FIVE, SIX, STREAMS[4]])],
            [frame(pdsus(5, 1, 2.5), T), frame(pdsus(6, BIN), T), frame(b"\xff\xff", T)],
            [changed("x", 2, added=[performance_stream("7", "d")])],
            [frame(pdsus(7, "text"), T, 2, Disposition.DUPLICATE), ended("x")],
        ],
    )
    summary = run(log, there, "capture", encoding=SerializationFormat.ASN1)
    assert (summary.units, summary.lost) == (4, {})
    formats = {
        unit.stream_info.stream_id: unit.stream_info.serialization_format
        for unit in stored_units(there)
        if unit.stream_info is not None
    }
    assert formats == {**dict.fromkeys("567", SerializationFormat.ASN1), "vendor": None}
    first = next(unit for unit in stored_units(there))
    assert first.payload == asn1(DECODERS[Family.PDSU_GPB](pdsus(5, 1, 2.5)))  # type: ignore[arg-type] # of PDSUs
    assert run(there, back, "capture", encoding=SerializationFormat.GPB).lost == {}
    assert records_of(back) == records_of(log)


def test_what_cannot_be_converted_is_kept_and_named(tmp_path: Path) -> None:
    log, output = tmp_path / "log", tmp_path / "out"
    parts = T * 10**6 + 5
    write(
        log,
        [
            [established("x", 1, [FIVE]), frame(pdsus(5, 1, 2, time_ns=parts), T)],
            [frame(pdsus(5, 1, 2, time_ns=parts), T), frame(pdsus(5, None, 2), T)],
        ],
    )
    summary = run(log, output, "capture", encoding=SerializationFormat.ASN1)
    told = {key: (count, first.position) for key, (count, first) in summary.lost.items()}
    assert told == {("nanoseconds", False): (2, 1), ("no value", True): (1, 3)}
    kept = records_of(output)[-1]
    assert kept == frame(pdsus(5, None, 2), T, 1, Disposition.QUARANTINED, "unconvertible")


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


LATER = field(15, b"zz")
"""A field that no release has."""


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(pdsus(5, 1, 2) + LATER, id="beside units"),
        pytest.param(field(1, b"\x08\x05" + 2 * field(3, b"\x08\x01") + LATER), id="in a unit"),
        pytest.param(field(1, b"\x08\x05" + 2 * field(3, b"\x08\x01" + LATER)), id="in a value"),
        pytest.param(field(1, b"\x08\x05" + 2 * field(3, LATER)), id="instead of a value"),
    ],
)
def test_fields_that_only_a_later_release_knows_are_kept_and_named(
    tmp_path: Path, payload: bytes
) -> None:
    log, output = tmp_path / "log", tmp_path / "out"
    write(log, [[established("x", 1, [FIVE]), frame(payload, T)]])
    summary = run(log, output, "capture", encoding=SerializationFormat.ASN1)
    ((what, kept),) = summary.lost
    assert (what, kept) == ("fields that only a later release knows", True)
    stored = frame(payload, T, 1, Disposition.QUARANTINED, "unconvertible")
    assert records_of(output)[-1] == stored
    assert run(log, output, "capture", encoding=SerializationFormat.GPB).lost == {}
    assert records_of(output)[-1] == frame(payload, T)


# --- failures --------------------------------------------------------------------------------


def test_settings_that_do_not_go_together(log: Path, tmp_path: Path) -> None:
    with pytest.raises(BadExport, match="csv holds values"):
        run(log, tmp_path / "out", "csv", encoding=SerializationFormat.GPB)
    with pytest.raises(BadExport, match="jsonl, csv, parquet, capture"):
        run(log, tmp_path / "out", "xml")


def test_a_missing_library_is_named(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(arrow, "import_module", missing)
    with pytest.raises(NotInstalled, match=r'pyarrow: pip install "mnstream\[parquet\]"'):
        run(log, tmp_path / "out", "parquet")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet", "capture"])
def test_an_export_that_fails_leaves_what_was_there(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    output = tmp_path / "out"
    output.write_bytes(b"before")
    before = sorted(os.listdir(tmp_path))

    def refuse(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(OSError, match="No space"):
            run(log, output, file_format)
    assert output.read_bytes() == b"before"
    assert sorted(os.listdir(tmp_path)) == before
    run(log, output, file_format)
    assert output.read_bytes() != b"before"


def test_what_is_no_file_is_written_to(log: Path) -> None:
    for file_format in ("jsonl", "csv", "parquet", "capture"):
        run(log, Path(os.devnull), file_format)
    assert not Path(os.devnull).is_file()


def test_a_large_capture_has_several_blocks_and_reads_the_same(tmp_path: Path) -> None:
    log, output = tmp_path / "log", tmp_path / "out"
    frames: list[Record] = [frame(bytes(400_000), T + number, 1) for number in range(8)]
    write(log, [[established("x", 1, STREAMS[4:5])], frames])
    run(log, output, "capture")
    assert records_of(output) == records_of(log)
    data = bytearray(output.read_bytes())
    data[len(data) // 2] ^= 1
    output.write_bytes(bytes(data))
    (hole,) = [entry for entry in read(output) if isinstance(entry, Hole)]
    assert hole.first_position == hole.last_position, "one block is lost"
    assert len(read(output)) == 9, "others stay"


@pytest.mark.parametrize("size", [10, 400])  # one block, and several
def test_damage_to_one_octet_of_a_small_capture_is_named(tmp_path: Path, size: int) -> None:
    log, output = tmp_path / "log", tmp_path / "out"
    frames: list[Record] = [frame(bytes(size), T + number, 1) for number in range(800)]
    write(log, [[established("x", 1, STREAMS[4:5])], frames])
    run(log, output, "capture")
    data = bytearray(output.read_bytes())
    data[len(data) // 2] ^= 1
    output.write_bytes(bytes(data))
    found = read(output)
    (hole,) = [entry for entry in found if isinstance(entry, Hole)]
    assert hole.last_position is not None
    lost = hole.last_position - hole.first_position + 1
    assert len(found) - 1 + lost == 801, "all is there or named"
    assert lost * size < 70_000
