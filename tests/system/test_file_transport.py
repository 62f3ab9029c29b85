"""A producer without a network: everything arrives once, whoever is killed."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mnstream.adapters.storage import Entry, LogReader, LogUnreadable, stored_units
from tests.system.processes import TIMEOUT_S, collecting, mnstream, popen


def wait_for_records(data: Path, count: int) -> None:
    """Wait until the log has grown to so many records; what else could be waited for?"""
    wait_until(lambda: records_in(data) >= count)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "nothing arrives"
        time.sleep(0.02)


def records_in(data: Path) -> int:
    try:
        return sum(isinstance(entry, Entry) for entry in LogReader(data).entries())
    except LogUnreadable:
        return 0  # not made as yet


def delivered(data: Path) -> Counter[tuple[str | None, int | None]]:
    """Count what arrived and was not recognised as sent again, by stream and period."""
    units = [unit for unit in stored_units(data) if not unit.kind]
    return Counter((unit.stream_id, unit.time_ns) for unit in units)


def report(capture: Path, *options: str) -> tuple[str, ...]:
    target = ("--transport", "file", "--target", str(capture), "--producer-id", "NF=\u00e4")
    return ("report", *target, *options)


def test_a_report_into_a_capture_is_taken_over(tmp_path: Path) -> None:
    captures, data = tmp_path / "captures", tmp_path / "data"
    capture = captures / "nf 1"
    done = mnstream(*report(capture, "--count", "50", "--streams", "2", "--json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["acknowledged"] == 50
    with collecting(data, "--tail", str(captures)) as collector:
        wait_for_records(data, 50 + 2)  # with the beginning and the end of the connection
        uri = (captures / "nf 2").as_uri()
        done = mnstream(*report(Path("unused"), "--target", uri, "--count", "30"))
        assert done.returncode == 0, done.stderr
        wait_for_records(data, 80 + 4)
        assert collector.end(signal.SIGTERM) == 0
    found = delivered(data)
    assert found == delivered(capture) + delivered(captures / "nf 2")
    assert {unit.producer_id for unit in stored_units(data)} == {"NF=\u00e4"}


def test_everything_arrives_once_whoever_is_killed(tmp_path: Path) -> None:
    captures, spool, data = (tmp_path / name for name in ("captures", "spool", "data"))
    capture = captures / "nf"
    captures.mkdir()
    command = report(capture, "--spool", str(spool), "--streams", "2", "--rate", "500")
    with collecting(data, "--tail", str(captures)) as collector:
        reporter = popen(*command)
        for lives in (1, 2):
            wait_for_records(data, 100 * lives)
            collector.end(signal.SIGKILL)
            collector.start()
        wait_for_records(data, 300)
        reporter.send_signal(signal.SIGKILL)
        collector.end(signal.SIGKILL)
        reporter.communicate(timeout=TIMEOUT_S)
        reporter = popen(*command, "--count", "100", "--json")
        collector.start()
        out, err = reporter.communicate(timeout=TIMEOUT_S)
        assert reporter.returncode == 0, err
        assert json.loads(out)["dropped"] == 0
        taken = delivered(spool)
        wait_until(lambda: sum(delivered(data).values()) >= sum(taken.values()))
        assert collector.end(signal.SIGTERM) == 0
    assert set(taken.values()) == {1}
    assert delivered(capture) == taken
    assert delivered(data) == taken
