"""What a report comes to, as an exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mnstream.adapters.cli.command import DONE, INTERRUPTED
from mnstream.adapters.cli.report import exit_code
from mnstream.adapters.runtime.reporting import ReportSummary
from mnstream.adapters.storage import Entry, LogReader, LogUnreadable
from mnstream.core.effects import ReportEnd
from mnstream.core.values import Status
from tests.adapters.cli.running import Run
from tests.system.processes import TIMEOUT_S, collecting, popen

NOBODY = ("report", "--target", "http://127.0.0.1:1", "--producer-id", "P")
KEYS = {"sent", "acknowledged", "resent", "dropped", "connections", "seconds"}


def summary(*, dropped: int = 0, channels: int = 1, reason: str = "") -> ReportSummary:
    return ReportSummary(
        sent=5,
        acknowledged=5 - dropped,
        resent=0,
        dropped=dropped,
        connections=1,
        channels=channels,
        seconds=1.0,
        end=ReportEnd(
            status=Status.FAILURE if reason else Status.SUCCESS,
            unacknowledged=dropped,
            reason=reason,
        ),
        refused={},
    )


@pytest.mark.parametrize(
    ("ended", "stopped", "expected"),
    [
        (summary(), DONE, 0),
        (summary(reason="no answer to the Close"), DONE, 0),
        (summary(), INTERRUPTED, 130),
        (summary(reason="no answer to the Close"), INTERRUPTED, 130),
        (summary(dropped=1, reason="given up"), DONE, 1),
        (summary(dropped=1, reason="given up"), INTERRUPTED, 1),
        (summary(dropped=1), DONE, 1),
        (summary(channels=0, dropped=5, reason="given up"), DONE, 3),
        (summary(channels=0, dropped=5), INTERRUPTED, 3),
        (summary(channels=0), DONE, 3),
        (replace(summary(channels=0), sent=0, acknowledged=0), DONE, 0),
        (replace(summary(channels=0), sent=0, acknowledged=0), INTERRUPTED, 130),
        (replace(summary(channels=0, reason="given up"), acknowledged=0), DONE, 3),
    ],
)
def test_exit_codes(ended: ReportSummary, stopped: int, expected: int) -> None:
    assert exit_code(ended, stopped=stopped) == expected


def test_a_failed_goodbye_is_told_and_forgiven(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reporting(*_args: object, **_options: object) -> ReportSummary:
        return summary(reason="no answer to the Close")

    monkeypatch.setattr("mnstream.adapters.cli.report.reporting", reporting)
    done = run(*NOBODY, "--json")
    assert done.code == 0
    assert json.loads(done.out).keys() == KEYS
    assert done.err == "mnstream report: http://127.0.0.1:1: no answer to the Close\n"


def test_a_spool_with_frames_of_other_settings_is_wrong_usage(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    spooled = (*NOBODY, "--count", "2", "--give-up", "0.1", "--spool", str(tmp_path / "spool"))
    assert run(*spooled, "--metrics", "12").code == 3
    done = run(*spooled, "--metrics", "5")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert str(tmp_path / "spool") in done.err
    assert "another directory" in done.err
    with collecting(tmp_path / "data") as collector:
        assert run(*spooled, "--metrics", "12", "--target", collector.url).code == 0
        assert run(*spooled, "--metrics", "5", "--target", collector.url).code == 0


def frames_in(spool: Path) -> int:
    try:
        return sum(isinstance(entry, Entry) for entry in LogReader(spool).entries())
    except (LogUnreadable, OSError):
        return 0  # not made yet


@contextmanager
def reporter(target: str, spool: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    """Start one and wait until it reports."""
    with popen(
        "report", "--target", target, "--producer-id", "P", "--rate", "100", "--give-up", "0",
        "--json", "--spool", str(spool), *options,
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + TIMEOUT_S
            while frames_in(spool) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_second_signal_does_not_wait(
    number: signal.Signals, backend: str, tmp_path: Path
) -> None:
    with reporter("http://127.0.0.1:1", tmp_path / "spool", "--backend", backend) as process:
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, err
    counted = json.loads(out)
    assert counted.keys() == KEYS
    assert (counted["acknowledged"], counted["connections"]) == (0, 0)
    assert counted["dropped"] >= 2
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_first_signal_delivers_what_was_taken(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with (
        collecting(tmp_path / "data") as collector,
        reporter(collector.url, tmp_path / "spool") as process,
    ):
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, err
    assert json.loads(out)["dropped"] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("taken", [0, 1])
def test_a_quiet_standard_input_does_not_hold_up_a_signal(
    taken: int, backend: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    with subprocess.Popen(
        (sys.executable, "-m", "mnstream", "report", "--producer-id", "P", "--from", "-", "--json",
         "--transport", "file", "--target", str(tmp_path / "capture"), "--spool", str(spool),
         "--backend", backend),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write('{"object": "A=1", "values": {"m": 1}}\n' * taken + '{"obj')
            process.stdin.flush()
            deadline = time.monotonic() + TIMEOUT_S
            while not spool.exists() or frames_in(spool) < taken:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(number)
            process.wait(TIMEOUT_S)  # standard input is open all the time
            counted = json.loads(process.stdout.read())
        finally:
            process.kill()
    assert process.returncode == code
    assert (counted["acknowledged"], counted["dropped"], counted["connections"]) == (
        taken, 0, taken,
    )  # fmt: skip


def test_what_was_reported_before_a_bad_line_is_told(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    lines = tmp_path / "lines"
    lines.write_text('{"object": "A=1", "values": {"m": 1}}\n' * 3 + "{bad\n", encoding="utf-8")
    target = ("--transport", "file", "--target", str(tmp_path / "capture"))
    done = run("report", *target, "--producer-id", "P", "--from", str(lines), "--json")
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert f"--from {lines}: line 4: not JSON" in done.err
    counted = json.loads(done.out)
    assert counted.keys() == KEYS
    assert counted["acknowledged"] + counted["dropped"] == 3
