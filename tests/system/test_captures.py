"""A capture is sent again, compared and reckoned up by real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnstream.adapters.storage import Entry, LogReader
from mnstream.core.records import FrameStored
from tests.system.processes import TIMEOUT_S, collecting, mnstream, popen

KEYS = ("frames", "sent", "acknowledged", "resent", "dropped", "connections", "seconds")


def recorded(data: Path, *reports: tuple[str, ...]) -> list[Path]:
    """Let reporters fill a data directory at the same time; returns what they say of it."""
    summaries: list[Path] = []
    with collecting(data) as collector:
        reporters = [
            popen("report", "--target", collector.url, "--producer-id", f"P{n}", "--json", *options)
            for n, options in enumerate(reports)
        ]
        for number, reporter in enumerate(reporters):
            out, err = reporter.communicate(timeout=TIMEOUT_S)
            assert reporter.returncode == 0, err
            summaries.append(data.parent / f"summary-{number}.json")
            summaries[-1].write_text(out)
        assert collector.end(signal.SIGTERM) == 0
    return summaries


def replayed(data: Path, target: str, *options: str) -> dict[str, Any]:
    done = mnstream("replay", str(data), "--target", target, "--json", *options)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert tuple(told) == KEYS
    return told


def difference(a: Path, b: Path) -> dict[str, Any]:
    done = mnstream("diff", str(a), str(b), "--json")
    *lines, summary = (json.loads(line) for line in done.stdout.splitlines())
    assert done.stderr == ""
    assert (done.returncode, len(lines)) == (int(bool(lines)), summary["differences"])
    return dict(summary)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def entries(data: Path) -> int:
    return sum(isinstance(entry, Entry) for entry in LogReader(data).entries())


def frames(data: Path) -> int:
    read = (entry for entry in LogReader(data).entries() if isinstance(entry, Entry))
    return sum(isinstance(entry.record, FrameStored) for entry in read)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Every kind of data, on one connection and on several."""
    data = tmp_path_factory.mktemp("capture") / "data"
    kinds = [
        option
        for kind in ("PERFORMANCE", "TRACE", "ANALYTICS", "PROPRIETARY")
        for option in ("--type", kind)
    ]
    return data, recorded(
        data,
        (*kinds, "--format", "GPB", "--format", "ASN1", "--streams", "2", "--count", "200"),
        ("--streams", "3", "--count", "100", "--metrics", "4"),
        ("--type", "TRACE", "--count", "50"),
    )


def test_a_capture_replayed_at_full_speed_has_an_empty_diff_with_the_first(
    capture: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    data, _ = capture
    again = tmp_path / "again"
    with collecting(again) as collector:
        told = replayed(data, collector.url, "--speed", "max")
    assert told["frames"] == told["sent"] == told["acknowledged"] == 350
    assert (told["dropped"], told["connections"]) == (0, 3)
    summary = difference(data, again)
    assert summary["compared"] == summary["equal"] > 350
    assert summary["differences"] == 0
    assert mnstream("audit", str(again)).returncode == 0


def test_an_audit_finds_everything_that_was_acknowledged(
    capture: tuple[Path, list[Path]],
) -> None:
    data, summaries = capture
    options = [option for path in summaries for option in ("--against", str(path))]
    done = mnstream("audit", str(data), *options, "--json")
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)
    assert told["holes"] == []
    assert told["against"] == {
        "sent": 350,
        "acknowledged": 350,
        "from_others": 0,
        "received": 350,
        "lost_on_the_way": 0,
        "missing": 0,
    }
    twice = mnstream("audit", str(data), *options, *options, "--json")
    assert twice.returncode == 1
    assert json.loads(twice.stdout)["against"]["missing"] == 350


def test_a_collector_that_is_killed_meanwhile_gets_everything_once(tmp_path: Path) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    recorded(data, ("--count", "200", "--rate", "200"))
    with collecting(again) as collector:
        replay = popen("replay", str(data), "--target", collector.url, "--json")
        until(lambda: entries(again) > 60)
        collector.end(signal.SIGKILL)
        collector.start()
        out, err = replay.communicate(timeout=TIMEOUT_S)
        assert replay.returncode == 0, err
        assert json.loads(out)["acknowledged"] == 200
    assert difference(data, again)["differences"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_loses_nothing(
    capture: tuple[Path, list[Path]], tmp_path: Path, number: signal.Signals
) -> None:
    data, _ = capture
    again = tmp_path / "again"
    with collecting(again) as collector:
        replay = popen("replay", str(data), "--target", collector.url, "--speed", "0.01", "--json")
        until(lambda: frames(again) > 3)
        replay.send_signal(number)
        out, err = replay.communicate(timeout=TIMEOUT_S)
        assert replay.returncode == 130, err
    told = json.loads(out)
    assert 0 < told["frames"] == told["acknowledged"] < 350
    assert told["dropped"] == 0


def test_a_line_is_a_step(capture: tuple[Path, list[Path]], tmp_path: Path) -> None:
    data, _ = capture
    again = tmp_path / "again"
    with collecting(again) as collector:
        command = ("replay", str(data), "--target", collector.url, "--speed", "step", "--json")
        done = subprocess.run(
            [sys.executable, "-m", "mnstream", *command],
            input="\n\n\n",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == 3
