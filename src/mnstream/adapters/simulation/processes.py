"""Services of this project as processes that can be killed and started again in their place."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import Process

START_TIMEOUT_S = 30


def free_port() -> int:
    """Choose a port that nobody listens on; somebody may before it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class DidNotStart(Exception):
    """A process ended, or said nothing, before it was ready."""


class ServiceProcess:
    """``mnstream COMMAND`` as a process; it listens on one port and keeps its data in one place."""

    def __init__(self, command: str, data: Path, *options: str) -> None:
        """Choose a port; nothing runs yet.

        Args:
            command: One that prints when it is ready.
            data: Directory of its data.
            options: Further options.
        """
        self.data = data
        self.url = ""
        """Where it is, once it was ready."""
        self.port = free_port()
        self._name = command
        self._options = options
        self._process: Process | None = None
        self._ready = False

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Start it, and stop it gracefully.

        Raises:
            DidNotStart: It is not ready in time.
        """
        try:
            await self.start()
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._end(signal.SIGTERM)

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            DidNotStart: It is not.
        """
        command = [sys.executable, "-m", "mnstream", self._name, "--log-level", "warning"]
        command += ["--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]
        self._ready = False
        self._process = await anyio.open_process(
            [*command, *self._options], stdin=None, stderr=None
        )
        assert self._process.stdout is not None
        line = b""
        try:
            with anyio.fail_after(START_TIMEOUT_S):
                while not line.endswith(b"\n"):
                    line += await self._process.stdout.receive()
        except (TimeoutError, anyio.EndOfStream) as error:
            raise DidNotStart(f"mnstream {self._name} did not get ready") from error
        self.url = str(json.loads(line)["url"])
        self._ready = True

    async def ensure_running(self) -> None:
        """Start it unless it runs: whoever was killing it may have been interrupted."""
        if not self._ready:
            await self.kill()
            await self.start()

    async def kill(self) -> None:
        """End it as a power failure would."""
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            if process.returncode is None:
                process.send_signal(number)
            await process.wait()
            await process.aclose()
