"""Nothing acknowledged is lost, whoever is killed."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path

from mnstream.adapters.storage import Entry, LogReader
from tests.system.processes import TIMEOUT_S, Collector, collecting, inspected, mnstream, popen

FRAMES = 1000


def wait_for_frames(data: Path, count: int) -> None:
    """Wait until the log has grown by so many frames; what else could be waited for?"""
    deadline = time.monotonic() + TIMEOUT_S
    while sum(isinstance(entry, Entry) for entry in LogReader(data).entries()) < count:
        assert time.monotonic() < deadline, "the reporter does not report"
        time.sleep(0.02)


def delivered(data: Path) -> Counter[tuple[str, str]]:
    units = [unit for unit in inspected(data) if "kind" not in unit]
    return Counter((unit["stream"], unit["time"]) for unit in units)


def test_host_counters_arrive_with_names(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        target = ("--target", collector.url, "--producer-id", "ManagedElement=a")
        done = mnstream("report", *target, "--source", "host", "--count", "20", "--json")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary.keys() == {
            "sent", "acknowledged", "resent", "dropped", "connections", "seconds"
        }  # fmt: skip
        assert (summary["sent"], summary["acknowledged"], summary["dropped"]) == (20, 20, 0)
    units = inspected(tmp_path)
    assert {unit["producer"] for unit in units} == {"ManagedElement=a"}
    names = {name for unit in units for name in unit["values"]}
    assert "host.cpu.utilisation_percent" in names
    assert "host.memory.available_bytes" in names
    assert set(delivered(tmp_path).values()) == {1}


def test_a_killed_collector_loses_nothing_acknowledged(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        reporter = popen(
            "report", "--target", collector.url, "--producer-id", "P", "--streams", "2",
            "--count", str(FRAMES), "--rate", "400", "--json",
        )  # fmt: skip
        for lives in (1, 2):
            wait_for_frames(tmp_path, 100 * lives)
            collector.end(signal.SIGKILL)
            collector.start()
        out, err = reporter.communicate(timeout=TIMEOUT_S)
        assert reporter.returncode == 0, err
        summary = json.loads(out)
        assert (summary["acknowledged"], summary["dropped"]) == (FRAMES, 0)
    found = delivered(tmp_path)
    assert len(found) == 2 * FRAMES
    assert set(found.values()) == {1}, "a frame that was sent again is marked as duplicate"


def test_a_killed_collector_has_every_acknowledged_reading_of_this_host(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        reporter = popen(
            "report", "--target", collector.url, "--producer-id", "P", "--source", "host",
            "--count", str(FRAMES), "--rate", "500", "--json",
        )  # fmt: skip
        wait_for_frames(tmp_path, FRAMES // 3)
        collector.end(signal.SIGKILL)
        collector.start()
        out, err = reporter.communicate(timeout=TIMEOUT_S)
        assert reporter.returncode == 0, err
        assert json.loads(out)["acknowledged"] == FRAMES
    found = delivered(tmp_path)
    assert set(Counter(stream for stream, _ in found).values()) == {FRAMES}
    assert set(found.values()) == {1}


def test_a_graceful_stop_is_exit_code_0_and_the_reporter_comes_back(tmp_path: Path) -> None:
    with collecting(tmp_path) as collector:
        reporter = popen(
            "report", "--target", collector.url, "--producer-id", "P",
            "--count", "300", "--rate", "200", "--json",
        )  # fmt: skip
        wait_for_frames(tmp_path, 50)
        assert collector.end(signal.SIGTERM) == 0
        collector.start()
        out, err = reporter.communicate(timeout=TIMEOUT_S)
        assert reporter.returncode == 0, err
        assert json.loads(out)["connections"] == 1, "the connection outlived the collector"
        assert collector.end(signal.SIGINT) == 130


def test_a_killed_reporter_delivers_from_its_spool(tmp_path: Path) -> None:
    data, spool = tmp_path / "data", tmp_path / "spool"
    with collecting(data) as collector:
        options = ("--target", collector.url, "--producer-id", "P", "--spool", str(spool))
        reporter = popen("report", *options, "--count", str(FRAMES), "--rate", "300")
        wait_for_frames(data, 50)
        collector.end(signal.SIGKILL)
        wait_for_frames(spool, 200)
        reporter.send_signal(signal.SIGKILL)
        reporter.communicate(timeout=TIMEOUT_S)
        collector.start()
        done = mnstream("report", *options, "--count", "1", "--json")
        assert done.returncode == 0, done.stderr
    assert delivered(spool).keys() == delivered(data).keys()


def test_two_collectors_do_not_share_a_directory(tmp_path: Path) -> None:
    with collecting(tmp_path):
        other = Collector(tmp_path)
        done = mnstream("collect", "--listen", f"127.0.0.1:{other.port}", "--data", str(tmp_path))
        assert done.returncode == 3
        assert done.stdout == ""
        assert "another process" in done.stderr


def test_an_unreachable_collector_is_exit_code_3() -> None:
    nobody = Collector(Path())
    done = mnstream(
        "report", "--target", f"http://127.0.0.1:{nobody.port}/", "--producer-id", "P",
        "--count", "1", "--give-up", "0.5", "--json",
    )  # fmt: skip
    assert done.returncode == 3
    assert json.loads(done.stdout)["acknowledged"] == 0
    assert done.stderr.count("\n") == 1
