"""Options from a file and from variables have the names that they have on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from mnstream.adapters.cli.command import Command
from mnstream.adapters.cli.commands import COMMANDS as NAMES
from mnstream.adapters.cli.commands import cli
from tests.adapters.cli.running import Run

COLLECT = ("collect", "--listen", "127.0.0.1:0", "--data", "data")
REPORT = ("report", "--target", "http://127.0.0.1:1", "--producer-id", "P")
COMMANDS = [
    each for name in NAMES if isinstance(each := cli.get_command(click.Context(cli), name), Command)
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def is_refused(done: Run, *names: str) -> None:
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    for name in names:
        assert name in done.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_of_every_command_has_its_variable(command: Command) -> None:
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert options
    for option in options:
        [flag] = [each for each in option.opts if each.startswith("--")]
        name = flag.removeprefix("--").replace("-", "_").upper()
        assert option.envvar == f"MNSTREAM_{(command.name or '').upper()}_{name}"


def test_a_list_of_sinks_in_the_file(run: Callable[..., Run]) -> None:
    Path("c.toml").write_text('[collect]\nsink = ["jsonl:x", "nonsense:y"]\n')
    is_refused(run(*COLLECT, "--config", "c.toml"), "'nonsense:'")


def test_a_list_of_sinks_in_a_variable(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNSTREAM_COLLECT_SINK", "jsonl:x nonsense:y")
    is_refused(run(*COLLECT), "'nonsense:'")


@pytest.mark.parametrize("key", ["from", "format", "type", "tls_ca", "tls-ca"])
def test_keys_are_names_of_options(run: Callable[..., Run], key: str) -> None:
    Path("c.toml").write_text(f'[report]\n{key} = "no-such"\n')
    is_refused(run(*REPORT, "--config", "c.toml"), "no-such")


def test_variables_are_names_of_options(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FROM", "FORMAT", "TYPE"):
        with monkeypatch.context() as patch:
            patch.setenv(f"MNSTREAM_REPORT_{name}", "no-such")
            is_refused(run(*REPORT), "no-such")


def test_a_flag_in_the_file_and_in_a_variable(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty").mkdir()
    Path("c.toml").write_text("[inspect]\njson = true\n")
    assert run("inspect", "empty", "--config", "c.toml").code in (0, 3)
    monkeypatch.setenv("MNSTREAM_INSPECT_JSON", "neither")
    is_refused(run("inspect", "empty", "--config", "c.toml"), "neither", "--json")


def test_the_file_may_be_named_by_a_variable(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("c.toml").write_text('[lifecycle]\nformat = "json"\n')
    monkeypatch.setenv("MNSTREAM_LIFECYCLE_CONFIG", "c.toml")
    assert json.loads(run("lifecycle").out)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("collect", "sinks"),
        ("report", "serialization_format"),
        ("report", "stream_type"),
        ("report", "recording"),
        ("report", "as_json"),
        ("inspect", "stream_id"),
        ("inspect", "path"),
        ("lifecycle", "config"),
    ],
)
def test_names_inside_the_program_are_not_accepted(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, table: str, key: str
) -> None:
    Path("c.toml").write_text(f'[{table}]\n{key} = "x"\n')
    is_refused(run(table, "--config", "c.toml"), "c.toml", f"[{table}]", repr(key))


def test_variables_with_names_inside_the_program_say_nothing(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNSTREAM_COLLECT_SINKS", "nonsense:x")
    done = run(*COLLECT, "--durability", "no-such")
    is_refused(done, "--durability")
    monkeypatch.setenv("MNSTREAM_REPORT_RECORDING", "no-such-file")
    done = run(*REPORT, "--give-up", "0.1", "--count", "1")
    assert done.code == 3


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("collect = 5\n", ("collect", "table")),
        ("[repot]\n", ("repot", "collect", "report", "inspect")),
        ("rate = 5\n", ("rate", "report")),
        ("[report]\nrate = [1]\n", ("[report]", "rate", "[1]")),
        ("[report]\nrate = true\n", ("[report]", "rate", "True")),
        (f"[report]\nrate = 1{'0' * 400}\n", ("[report]", "rate")),
        (f"[report]\nrate = 1{'0' * 5000}\n", ()),
        ("[report]\nstreams = 2.5\n", ("[report]", "streams", "2.5")),
        ('[report]\nstreams = "2"\n', ("[report]", "streams", "integer")),
        ("[report]\nstreams = true\n", ("[report]", "streams", "True")),
        ("[report]\nstreams = 0\n", ("[report]", "streams", "0")),
        ("[report]\njson = 1\n", ("[report]", "json", "true or false")),
        ("[report]\ntype = 1\n", ("[report]", "type", "string")),
        ('[report]\ntype = ["TRACES"]\n', ("[report]", "type", "TRACES", "PERFORMANCE")),
        ("[report.type]\n", ("[report]", "type", "string")),
        ("[report]\nspool = 2026-01-01\n", ("[report]", "spool", "string")),
        ('[report]\n"" = 1\n', ("[report]", "''")),
    ],
)
def test_a_wrong_value_is_named_with_its_place(
    run: Callable[..., Run], text: str, names: tuple[str, ...]
) -> None:
    Path("c.toml").write_text(text)
    is_refused(run(*REPORT, "--config", "c.toml"), "c.toml", *names)


@pytest.mark.parametrize("value", ['"jsonl:x"', "[1]", '[["jsonl:x"]]'])
def test_what_may_be_repeated_is_a_list_of_texts(run: Callable[..., Run], value: str) -> None:
    Path("c.toml").write_text(f"[collect]\nsink = {value}\n")
    is_refused(run(*COLLECT, "--config", "c.toml"), "c.toml", "[collect]", "sink")


def test_a_wrong_value_is_found_even_if_the_command_line_comes_first(
    run: Callable[..., Run],
) -> None:
    Path("c.toml").write_text("[report]\nstreams = 2.5\n")
    is_refused(run(*REPORT, "--streams", "1", "--config", "c.toml"), "2.5")
