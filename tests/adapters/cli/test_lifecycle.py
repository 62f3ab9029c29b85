from __future__ import annotations

import io
import json
import sys

import click
import pytest
from click.testing import CliRunner, Result

from mnstream.adapters.cli.lifecycle import lifecycle
from mnstream.adapters.statecharts import mermaid, promela, table
from mnstream.core.lifecycles import LIFECYCLES

EVERY = list(LIFECYCLES.values())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lifecycle, arguments)


def test_it_is_a_command() -> None:
    assert isinstance(lifecycle, click.Command)
    assert lifecycle.name == "lifecycle"


def test_without_a_name_it_shows_all_as_plain_tables() -> None:
    done = run()
    assert done.exit_code == 0
    assert done.output == "\n\n".join(map(table, EVERY)) + "\n"


@pytest.mark.parametrize("name", LIFECYCLES)
def test_each_format_of_one_lifecycle(name: str) -> None:
    chosen = LIFECYCLES[name]
    assert run(name, "--format", "table").output == table(chosen) + "\n"
    assert run(name, "--format", "mermaid").output == mermaid(chosen) + "\n"
    assert run(name, "--format", "promela").output == promela([chosen]) + "\n"
    assert [each["name"] for each in json.loads(run(name, "--format", "json").output)] == [name]


def test_json_lists_all() -> None:
    value = json.loads(run("--format", "json").output)
    assert [each["name"] for each in value] == list(LIFECYCLES)


def test_an_unknown_format_is_wrong_usage() -> None:
    assert run("--format", "dot").exit_code == 2


class Terminal(io.StringIO):
    """What a person sits at."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_no_cell_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", terminal)
    lifecycle.main([], standalone_mode=False)
    shown = terminal.getvalue()
    assert "A reporting stream at its producer." in shown
    assert all(event.__name__ in shown for each in EVERY for event in each.events)
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
