"""A tool that looked at one file and reports success proves nothing: compare what it counted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.packaging.tree import PACKAGE, ROOT, modules_below


def count_modules(*folders: Path) -> int:
    """Count modules, one that has both a .py and a .pyi once."""
    files = [path for folder in folders for path in folder.rglob("*.py*")]
    return len({path.with_suffix("") for path in files if path.suffix in {".py", ".pyi"}})


@pytest.mark.timeout(600)  # the first run has no cache
def test_mypy_checks_every_module() -> None:
    # What it finds is for `make check` to show; here only the number counts.
    command = [sys.executable, "-m", "mypy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counted = re.search(r"(?:checked|found in) (\d+) source files?", done.stdout)
    assert counted is not None, done.stdout + done.stderr
    assert int(counted[1]) == count_modules(
        PACKAGE, *(ROOT / each for each in ("tests", "tools", "examples"))
    ), done.stdout


def test_import_linter_sees_every_module() -> None:
    # It silently passes over a folder without __init__.py. The number that it prints is no help:
    # that counts the modules of other packages, too.
    graph = grimp.build_graph("mnstream", cache_dir=None)
    assert set(modules_below(PACKAGE)) - graph.modules == set()
