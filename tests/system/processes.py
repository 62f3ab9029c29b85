"""Real processes: start them, wait for what they say, kill them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TIMEOUT_S = 30


class Collector:
    """``mnstream collect`` on one port and one directory, through all its lives."""

    def __init__(self, data: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.data = data
        self.options = options
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        address = f"127.0.0.1:{self.port}"
        command = ("collect", "--listen", address, "--data", str(self.data), *self.options)
        self._process = popen(*command)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        assert ready["event"] == "ready"
        assert ready["pid"] == self._process.pid
        self.url = ready["url"]

    def tell(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        self.tell(number)
        return self.wait()

    def wait(self) -> int:
        assert self._process is not None
        self._process.communicate(timeout=TIMEOUT_S)
        code = self._process.returncode
        self._process = None
        return code

    def abandon(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)


@contextmanager
def collecting(data: Path, *options: str) -> Generator[Collector]:
    collector = Collector(data, *options)
    try:
        collector.start()
        yield collector
    finally:
        collector.abandon()


def popen(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mnstream", *args]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def mnstream(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mnstream", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def inspected(data: Path) -> list[dict[str, Any]]:
    done = mnstream("inspect", str(data), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
