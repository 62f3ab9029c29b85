"""What a signal comes to, from the first moment on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mnstream.adapters.cli import main as entry
from mnstream.adapters.storage import LogReader
from tests.adapters.captures.helpers import capture, unit
from tests.adapters.cli.running import Run

BOTH = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return capture(tmp_path / "log", unit(1, 1, 2))


def signalled(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """Let a signal come while a log is being read."""
    entries = LogReader.entries

    def interrupted(self: LogReader, **_options: object) -> object:
        os.kill(os.getpid(), number)
        return entries(self)

    monkeypatch.setattr(LogReader, "entries", interrupted)
    monkeypatch.setattr(LogReader, "runs", interrupted)


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize("command", ["audit", "diff", "inspect", "export"])
def test_commands_that_read_clean_up_at_a_signal(
    run: Callable[..., Run],
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    command: str,
) -> None:
    options = {
        "diff": [str(log)],
        "export": ["--format", "parquet", "-o", str(tmp_path / "out")],
    }
    before = signal.getsignal(signal.SIGTERM)
    signalled(monkeypatch, number)
    done = run(command, str(log), *options.get(command, []))
    assert done.code == 130
    assert done.out == done.err.strip() == ""
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_while_commands_are_imported(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def importing(_name: str) -> object:
        os.kill(os.getpid(), number)
        raise AssertionError("the signal came")

    monkeypatch.setattr(entry, "import_module", importing)
    done = run("audit", "log")
    assert (done.code, done.out, done.err) == (130, "", "")


def test_the_entry_point_imports_nothing_that_takes_time() -> None:
    code = "import sys, mnstream.adapters.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"click", "anyio", "logging"} & set(done.stdout.split())


@pytest.mark.parametrize("command", ["audit", "diff", "inspect", "export"])
def test_a_full_disk_is_not_blamed_on_what_is_read(log: Path, command: str) -> None:
    options = {"diff": [str(log)], "export": ["--format", "csv", "-o", "-"]}
    arguments = [command, str(log), *options.get(command, [])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mnstream", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == f"mnstream {command}: standard output: No space left on device\n"
    assert done.returncode == 3
