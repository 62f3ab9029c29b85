"""Server processes of a benchmark: started, asked, and always ended."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager

_START_S = 30.0
_ANSWER_S = 60.0  # gc over 50,000 streams takes a second on a busy machine
_STOP_S = 5.0


class BenchmarkFailed(Exception):
    """Something that a benchmark needs did not work."""


class ServerProcess:
    """A running server.

    Attributes:
        url: Where it listens: the root of a collector.
    """

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        """Watch what it prints."""
        self._process = process
        self._name = name
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.url = ""
        threading.Thread(target=self._read, name=f"output of {name}", daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait for its ready line.

        Raises:
            BenchmarkFailed: It ended, or took too long.
        """
        self.url = str(self._line(_START_S)["url"])

    def ask(self, command: str) -> Mapping[str, int]:
        """Give a command of ``control`` and return the answer.

        Raises:
            BenchmarkFailed: It ended, or took too long.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise BenchmarkFailed(f"{self._name} has ended") from error
        answer = self._line(_ANSWER_S)
        return {key: int(value) for key, value in answer.items() if key != "event"}

    def stop(self) -> None:
        """End it, by force when it does not end by itself."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(_STOP_S)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _line(self, limit_s: float) -> dict[str, str | int]:
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise BenchmarkFailed(f"{self._name} said nothing for {limit_s} s") from None
        if line is None:
            raise BenchmarkFailed(f"{self._name} has ended")
        answer: dict[str, str | int] = json.loads(line)
        return answer

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)


@contextmanager
def running(module: str, *arguments: str) -> Generator[ServerProcess]:
    """Run ``mnstream.adapters.bench.<module>`` while the block runs.

    Raises:
        BenchmarkFailed: It did not become ready.
    """
    command = [sys.executable, "-m", f"mnstream.adapters.bench.{module}", *arguments]
    process = subprocess.Popen(  # noqa: S603 -- our own module, with our own arguments
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    server = ServerProcess(process, module)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
