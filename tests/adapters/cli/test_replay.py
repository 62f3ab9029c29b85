"""What a replay comes to, as an exit code."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.cli.replay import exit_code
from mnstream.adapters.runtime.replaying import ReplaySettings, ReplaySummary
from mnstream.core.errors import UnexpectedStreams
from mnstream.core.values import ProducerId, StreamId
from tests.adapters.captures.helpers import capture, unit
from tests.adapters.cli.running import Run

WHOLE = ReplaySummary(
    frames=5,
    sent=5,
    acknowledged=5,
    resent=0,
    dropped=0,
    unattributed=0,
    connections=1,
    channels=1,
    seconds=1.0,
    failures=(),
    refused=(),
)


@pytest.mark.parametrize(
    ("ended", "holes", "interrupted", "expected"),
    [
        (WHOLE, 0, False, 0),
        (WHOLE, 0, True, 130),
        (WHOLE, 1, False, 1),
        (replace(WHOLE, dropped=1), 0, False, 1),
        (replace(WHOLE, dropped=1), 0, True, 1),
        (replace(WHOLE, unattributed=1), 0, False, 1),
        (replace(WHOLE, channels=0, dropped=5), 0, False, 3),
    ],
)
def test_exit_codes(ended: ReplaySummary, holes: int, interrupted: bool, expected: int) -> None:
    assert exit_code(ended, holes, interrupted=interrupted) == expected


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(capture(tmp_path / "data", unit(1, 1, 2)))


@pytest.mark.parametrize("speed", ["0", "-1", "inf", "nan", "fast", ""])
def test_a_speed_that_is_none_is_wrong_usage(
    run: Callable[..., Run], path: str, speed: str
) -> None:
    done = run("replay", path, "--target", "http://127.0.0.1:1", "--speed", speed)
    assert done.code == 2
    assert "max or step" in done.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], 1.0), (["--speed", "max"], 0.0), (["--speed", "10"], 10.0), (["--speed", "0.5"], 0.5)],
)
def test_speeds(
    run: Callable[..., Run],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    expected: float,
) -> None:
    speeds: list[float] = []

    async def replaying(
        settings: ReplaySettings, *_args: object, **_options: object
    ) -> ReplaySummary:
        speeds.append(settings.speed)
        return WHOLE

    monkeypatch.setattr("mnstream.adapters.cli.replay.replaying", replaying)
    done = run("replay", path, "--target", "http://127.0.0.1:1", *options, "--json")
    assert (done.code, speeds) == (0, [expected])
    assert json.loads(done.out).keys() == {
        "frames", "sent", "acknowledged", "resent", "dropped", "connections", "seconds"
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_replay_that_a_signal_cut_short_is_never_done(
    run: Callable[..., Run], path: str, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    async def replaying(*_args: object, stop: anyio.Event, **_options: object) -> ReplaySummary:
        await anyio.wait_all_tasks_blocked()  # now somebody listens
        os.kill(os.getpid(), number)
        await stop.wait()
        return WHOLE

    monkeypatch.setattr("mnstream.adapters.cli.replay.replaying", replaying)
    assert run("replay", path, "--target", "http://127.0.0.1:1").code == 130


def test_what_went_wrong_is_told(
    run: Callable[..., Run], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gnb = ProducerId("gnb")
    ended = replace(
        WHOLE,
        unattributed=2,
        failures=((gnb, "given up"),),
        refused=((gnb, StreamId("7"), UnexpectedStreams("unwanted")),),
    )

    async def replaying(*_args: object, **_options: object) -> ReplaySummary:
        return ended

    monkeypatch.setattr("mnstream.adapters.cli.replay.replaying", replaying)
    done = run("replay", path, "--target", "http://127.0.0.1:1")
    assert done.code == 1
    lines = done.err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["mnstream replay"] * 3
    assert "2 frames not sent" in lines[0]
    assert "stream 7 of gnb was refused" in lines[1]
    assert lines[2].endswith("http://127.0.0.1:1: gnb: given up")


def test_a_collector_that_cannot_be_reached_is_exit_code_3(
    run: Callable[..., Run], path: str
) -> None:
    done = run(
        "replay", path, "--target", "http://127.0.0.1:1", "--speed", "max", "--give-up", "0.2",
        "--json",
    )  # fmt: skip
    assert done.code == 3
    assert json.loads(done.out)["dropped"] == 1
    assert "http://127.0.0.1:1" in done.err


def test_nothing_to_replay_is_exit_code_3(
    run: Callable[..., Run], path: str, tmp_path: Path
) -> None:
    later = run("replay", path, "--target", "http://127.0.0.1:1", "--since", "2100-01-01")
    assert (later.code, later.err) == (3, "mnstream replay: there is nothing to replay\n")
    nothing = run("replay", str(tmp_path / "x"), "--target", "http://127.0.0.1:1")
    assert nothing.code == 3
    assert "no such file" in nothing.err
