"""What ``--sink`` understands, and what it says otherwise."""

from pathlib import Path

import pytest

from mnstream.adapters.sinks import KINDS, BadSink, JsonLinesFile, SinkKind, parse_sink
from tests.adapters.sinks.helpers import ListSink


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    factory = parse_sink("jsonl:out/a:b.jsonl")
    monkeypatch.chdir("/")
    sink = factory(tmp_path)
    assert isinstance(sink, JsonLinesFile)
    assert sink.name == f"jsonl:{tmp_path}/out/a:b.jsonl"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("uri", ["JSONL:/x/y", "jsonl:///x/y"])
def test_spellings(uri: str, tmp_path: Path) -> None:
    assert parse_sink(uri)(tmp_path).name == "jsonl:/x/y"


@pytest.mark.parametrize("uri", ["jsonl:-", "stdout:", "stdout", "STDOUT:x", "jsonl:/dev/stdout"])
def test_standard_output_is_refused_with_the_reason(uri: str) -> None:
    with pytest.raises(BadSink, match="ready line"):
        parse_sink(uri)


@pytest.mark.parametrize(
    "uri", ["", "jsonl", "file.jsonl", "kafka://user:hunter2@host/topic", ":x", "C:\\x"]
)
def test_an_unknown_kind_is_answered_with_the_known_ones(uri: str) -> None:
    with pytest.raises(BadSink, match="jsonl:PATH") as raised:
        parse_sink(uri)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("uri", ["jsonl:", "jsonl:dir/", "jsonl://host/x", "jsonl:a\0b"])
def test_a_rest_that_is_no_file(uri: str) -> None:
    with pytest.raises(BadSink, match="sink jsonl"):
        parse_sink(uri)


def test_programs_bring_their_own(tmp_path: Path) -> None:
    sink = ListSink()
    kinds = {**KINDS, "list": SinkKind("list:", lambda _rest: lambda _directory: sink)}
    assert parse_sink("list:x", kinds=kinds)(tmp_path) is sink
    with pytest.raises(BadSink, match="jsonl:PATH, list:"):
        parse_sink("other:", kinds=kinds)
