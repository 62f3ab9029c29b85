from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mnstream.adapters.statecharts import promela
from mnstream.core.lifecycles import LIFECYCLES
from mnstream.core.lifecycles.compile import Lifecycle
from mnstream.core.lifecycles.stream import STREAM

MOVE = re.compile(r"    :: atomic \{ (\w+) == (\w+) -> \w+ = (\w+); \1 = (\w+) \} /\* .+ \*/")


@pytest.mark.parametrize("lifecycle", LIFECYCLES.values(), ids=list(LIFECYCLES))
def test_each_row_is_a_guarded_move(lifecycle: Lifecycle[Any]) -> None:
    text = promela([lifecycle])
    prefix = lifecycle.name.replace("-", "_")
    found = [move.group(2, 3, 4) for move in map(MOVE.fullmatch, text.splitlines()) if move]
    assert found == [
        (f"{prefix}_{row.state.name}", row.event.__name__, f"{prefix}_{row.next_state.name}")
        for row in lifecycle.rows
    ]


def test_a_final_state_has_an_end_label() -> None:
    lines = promela([STREAM]).splitlines()
    labels = [line.removesuffix(":") for line in lines if line.startswith("end_")]
    assert labels == ["end_REJECTED", "end_REMOVED"]
    for label in labels:
        assert f"    :: stream_state == stream_{label[4:]} -> goto {label}" in lines


def test_no_name_is_declared_twice() -> None:
    text = promela(list(LIFECYCLES.values()))
    declared = re.findall(r"\w+", " ".join(re.findall(r"mtype = \{([^}]*)\}", text)))
    assert len(set(declared)) == len(declared)
    assert len(declared) < 256  # an mtype is a byte


@pytest.mark.skipif(shutil.which("spin") is None, reason="Spin is not installed")
def test_spin_reads_the_model(tmp_path: Path) -> None:
    (tmp_path / "model.pml").write_text(promela(list(LIFECYCLES.values())), encoding="utf-8")
    done = subprocess.run(
        ["spin", "-a", "model.pml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
