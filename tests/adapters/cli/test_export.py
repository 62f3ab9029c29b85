"""What ``export`` prints, and what it comes to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cbor2
import pytest
from click.testing import CliRunner, Result

from mnstream.adapters.cli.command import CommandFailed
from mnstream.adapters.cli.export import export
from mnstream.adapters.export import arrow
from mnstream.adapters.sinks import json_lines
from mnstream.adapters.storage import stored_units
from mnstream.adapters.storage.segments import Segments
from mnstream.core.records import FrameStored
from tests.adapters.captures.helpers import NS_PER_S, capture, of_records, unit
from tests.adapters.export.tables import read_table
from tests.adapters.storage.helpers import (
    batch,
    frame,
    of_a_later_version,
    only_segment,
    records_of,
)

T = 1_700_000_000 * NS_PER_S


def run(*arguments: object) -> Result:
    return CliRunner().invoke(export, [str(each) for each in arguments], standalone_mode=False)


def failure(result: Result) -> CommandFailed:
    assert isinstance(result.exception, CommandFailed)
    return result.exception


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return capture(tmp_path / "log", unit(T, 1, 2.5), unit(T + NS_PER_S, None, 4))


def test_standard_output_has_the_data_and_nothing_else(log: Path) -> None:
    done = run(log, "--format", "jsonl", "-o", "-")
    assert (done.return_value, done.stderr) == (0, "")
    assert done.stdout_bytes == json_lines(stored_units(log))
    assert run(log, "--format", "csv", "-o", "-").stdout.count("\n") == 5
    assert run(log, "--format", "parquet", "-o", "-").stdout_bytes[:4] == b"PAR1"
    assert run(log, "--format", "capture", "-o", "-").stdout_bytes[:3] == b"\xd9\xd9\xf7"


def test_files_say_nothing(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    done = run(log, "--format", "parquet", "-o", output, "--stream", "5", "--limit", 1)
    assert (done.return_value, done.output) == (0, "")
    assert read_table(output).num_rows == 2


def test_what_the_other_encoding_cannot_carry_is_named_once(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mnlog"
    done = run(log, "--format", "capture", "-o", output, "--encoding", "ASN1")
    assert done.return_value == 1
    assert done.stderr == (
        "mnstream export: no value, frame kept as it was: 1 times, first in record 2,"
        " stream 5: standardized[0]\n"
    )
    kept = records_of(output)[-1]
    assert isinstance(kept, FrameStored)
    assert kept.cause == "unconvertible"
    assert run(log, "--format", "capture", "-o", output, "--encoding", "GPB").return_value == 0


def test_holes_are_named_and_the_rest_is_exported(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for number in range(3):
        of_records(log, frame(bytes([number]) * 9))
    path = only_segment(log)
    data = bytearray(path.read_bytes())
    data[data.index(b"\1\1\1\1\1\1\1")] ^= 1
    path.write_bytes(bytes(data))
    done = run(log, "--format", "jsonl", "-o", "-")
    assert done.return_value == 1
    assert done.stderr.startswith(f"mnstream export: {path} at ")
    assert "records 1 to 1: damaged" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_records_of_later_kinds_are_named_and_are_no_failure(tmp_path: Path) -> None:
    segments = Segments(tmp_path / "log")
    later = batch(0, frame(b"of a kind that is known"))
    segments.commit(replace(later, pieces=[cbor2.dumps([9, 1000, "of another"])]))
    segments.close()
    done = run(tmp_path / "log", "--format", "jsonl", "-o", "-")
    assert done.return_value == 0
    assert "1 records of kind 9" in done.stderr


def test_failures_are_one_line_and_a_code(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = failure(run(tmp_path / "absent", "--format", "csv", "-o", "-"))
    assert (absent.code, "no such file" in str(absent)) == (3, True)
    unwritable = failure(run(log, "--format", "csv", "-o", tmp_path / "no" / "out"))
    assert (unwritable.code, "No such file" in str(unwritable)) == (3, True)
    wrong = failure(run(log, "--format", "csv", "-o", "-", "--encoding", "GPB"))
    assert (wrong.code, "csv holds values" in str(wrong)) == (2, True)

    def missing(name: str) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(arrow, "import_module", missing)
    lacking = failure(run(log, "--format", "parquet", "-o", "-"))
    assert (lacking.code, 'pip install "mnstream[parquet]"' in str(lacking)) == (3, True)
    only_segment(log).write_bytes(of_a_later_version(only_segment(log).read_bytes()))
    later = failure(run(log, "--format", "csv", "-o", tmp_path / "out"))
    assert (later.code, "log format 2" in str(later)) == (3, True)
    assert not (tmp_path / "out").exists()


def test_a_part_of_what_is_exported_is_no_output(log: Path, tmp_path: Path) -> None:
    segment = only_segment(log)
    before = segment.read_bytes()
    (tmp_path / "link").symlink_to(log)
    (tmp_path / "other").hardlink_to(segment)
    for source, output in (
        (log, segment),
        (log, log / "out.mnlog"),
        (log, tmp_path / "link" / "out.mnlog"),
        (tmp_path / "link", segment),
        (segment, segment),
        (segment, tmp_path / "other"),
    ):
        refused = failure(run(source, "--format", "capture", "-o", output))
        assert refused.code == 2
        assert f"{output} is a part of what is exported" in str(refused)
    assert segment.read_bytes() == before
    assert not (log / "out.mnlog").exists()
    assert run(segment, "--format", "jsonl", "-o", log / "beside").return_value == 0


def test_what_cannot_be_written_is_named_as_it_was_given(log: Path, tmp_path: Path) -> None:
    absent = tmp_path / "no" / "out"
    refused = failure(run(log, "--format", "csv", "-o", absent))
    assert str(refused) == f"export: {absent}: No such file or directory"
    for file_format in ("csv", "jsonl", "capture", "parquet"):
        full = failure(run(log, "--format", file_format, "-o", "/dev/full"))
        assert str(full) == "export: /dev/full: No space left on device", file_format


def test_json_lines_are_read_by_anything(log: Path) -> None:
    lines = run(log, "--format", "jsonl", "-o", "-").stdout.splitlines()
    values = [json.loads(line)["values"] for line in lines]
    assert values == [{"a": 1, "b": 2.5}, {"a": None, "b": 4}]
