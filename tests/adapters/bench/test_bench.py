"""Every benchmark end to end, as small as it gets: the shape of what comes out, never its speed."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from importlib.machinery import ModuleSpec
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mnstream.adapters.bench.processes import BenchmarkFailed
from mnstream.adapters.bench.registry import BENCHMARKS
from mnstream.adapters.bench.results import Result as Outcome
from mnstream.adapters.bench.settings import DEFAULT_BACKEND, Settings
from mnstream.adapters.cli.bench import bench
from mnstream.adapters.cli.collect import collect

TINY = ["--seconds", "0.1", "--connections", "20", "--rounds", "2"]
ABSOLUTE = {"P3", "P10"}  # the target is about our number itself


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bench, [*arguments, *TINY], standalone_mode=False)


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_benchmark_gives_a_well_formed_result(name: str) -> None:
    outcome = run(name, "--json")
    assert outcome.exception is None
    assert outcome.return_value == 0
    document: dict[str, Any] = json.loads(outcome.stdout)
    assert document["machine"]["cpus"] >= 1
    assert document["machine"]["versions"]["mnstream"]
    assert document["failures"] == []
    (result,) = document["results"]
    assert result["name"] == name
    assert len(result["what"]) > 100
    assert 1 <= len(result["rounds"]) <= 2
    assert all(value > 0 for each in result["rounds"] for value in each.values())
    ours, peer, ratio = result["ours"], result["peer"], result["ratio"]
    assert ours["value"] > 0
    assert peer["value"] > 0
    assert ours["unit"] == peer["unit"]
    expected = ours["value"] if name in ABSOLUTE else ours["value"] / peer["value"]
    assert ratio == pytest.approx(expected, rel=0.01)
    bound = result["target"]
    assert result["met"] is (ratio >= bound if result["higher_is_better"] else ratio <= bound)
    assert name in outcome.stderr


def test_what_is_measured_runs_on_the_event_loop_that_collect_runs_on() -> None:
    (backend,) = (option.default for option in collect.params if option.name == "backend")
    assert backend == DEFAULT_BACKEND


def test_people_get_a_line_for_each_benchmark() -> None:
    outcome = run("P10")
    assert outcome.return_value == 0
    (line,) = outcome.stdout.splitlines()
    assert line.startswith("P10 ")
    assert "target <= 25" in line


def test_a_name_may_be_in_lower_case_and_must_be_known() -> None:
    assert run("p10").return_value == 0
    assert "P11" in str(run("P11").exception)


def test_several_names_are_measured_in_their_order() -> None:
    outcome = run("P10", "p6", "--json")
    assert outcome.return_value == 0
    assert [result["name"] for result in json.loads(outcome.stdout)["results"]] == ["P10", "P6"]


def test_a_missed_target_is_an_exit_code_only_when_it_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(settings: Settings) -> Outcome:
        return replace(BENCHMARKS["P10"](settings), ratio=1_000.0)

    monkeypatch.setattr("mnstream.adapters.cli.bench.BENCHMARKS", {"P10": slow})
    assert run("P10").return_value == 0
    assert run("P10", "--check").return_value == 1


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec

    def find_all_but_uvicorn(name: str) -> ModuleSpec | None:
        return None if name == "uvicorn" else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_all_but_uvicorn)
    outcome = run("P2", "--json")
    assert outcome.return_value == 0
    (result,) = json.loads(outcome.stdout)["results"]
    assert (result["peer"], result["ratio"], result["met"]) == (None, None, False)
    assert 'pip install "mnstream[bench]"' in result["unavailable"]
    assert result["ours"]["value"] > 0


def test_one_that_fails_does_not_keep_the_others_from_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(settings: Settings) -> Outcome:
        raise BenchmarkFailed("no disk")

    both = {"P1": broken, "P10": BENCHMARKS["P10"]}
    monkeypatch.setattr("mnstream.adapters.cli.bench.BENCHMARKS", both)
    outcome = run("--json")
    assert outcome.return_value == 3
    document = json.loads(outcome.stdout)
    assert document["failures"] == [{"name": "P1", "reason": "no disk"}]
    assert [result["name"] for result in document["results"]] == ["P10"]
