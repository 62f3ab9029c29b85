"""The FastAPI example as its docstring starts it, with a reporter of the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from mnstream.adapters.storage import Entry, LogReader
from mnstream.core.records import Disposition, FrameStored

ROOT = Path(__file__).parents[2]
COUNT = 50


@contextmanager
def uvicorn(folder: Path, port: int, ws: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "uvicorn", "examples.fastapi_collector:app"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--ws", ws],
        cwd=ROOT,
        env={**os.environ, "MNSTREAM_DATA": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr:
        try:
            for line in process.stderr:
                if "Uvicorn running" in line:
                    break
            yield process
        finally:
            process.kill()


def report(port: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mnstream", "report", "--json", "--count", str(count)]
    to = ["--target", f"http://127.0.0.1:{port}/oam", "--producer-id", "ManagedElement=1"]
    rate = ["--rate", "100"] if count > COUNT else []
    return subprocess.Popen([*command, *to, *rate], stdout=subprocess.PIPE, text=True)


def get(port: int, path: str) -> dict[str, int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer: dict[str, int] = json.load(connection.getresponse())
        return answer
    finally:
        connection.close()


def stored(folder: Path) -> int:
    return sum(
        isinstance(each, Entry)
        and isinstance(each.record, FrameStored)
        and each.record.disposition is Disposition.DELIVERED
        for each in LogReader(folder).entries()
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
def test_everything_that_is_acknowledged_is_kept(tmp_path: Path, ws: str) -> None:
    port = free_port()
    with uvicorn(tmp_path, port, ws) as server:
        out, _ = report(port, COUNT).communicate(timeout=30)
        assert json.loads(out)["acknowledged"] == COUNT
        assert get(port, "/status") == {"connections": 0, "frames": COUNT}
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in {0, -signal.SIGTERM}
    assert stored(tmp_path) == COUNT


def test_a_reporter_outlives_the_service(tmp_path: Path) -> None:
    """uvicorn ends its WebSockets before the collector is asked; nothing is lost by that."""
    port, count = free_port(), 300
    with uvicorn(tmp_path, port, "websockets-sansio") as server:
        reporter = report(port, count)
        while not get(port, "/status")["frames"]:
            pass
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    before = stored(tmp_path)
    with uvicorn(tmp_path, port, "websockets-sansio") as server:
        out, _ = reporter.communicate(timeout=40)
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    summary = json.loads(out)
    assert (summary["acknowledged"], summary["connections"]) == (count, 1)
    assert 0 < before < count
    assert stored(tmp_path) == count
