"""How a measured server process talks to the benchmark that started it.

It prints one line when it is ready, answers each command on its standard input with one line, and
ends when its standard input does: nobody is left over when the benchmark dies.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time

import psutil

COMMANDS = ("cpu", "memory")
"""What may be asked for: ``cpu_ns`` used so far, or ``rss_bytes`` and ``uss_bytes`` after gc."""


def announce(url: str) -> None:
    """Say where the server listens, and obey commands from now on."""
    _say({"event": "ready", "url": url, "pid": os.getpid()})
    threading.Thread(target=_obey, name="control", daemon=True).start()


def _obey() -> None:
    """Answer until standard input ends; reads without a buffer, whose lock could outlive us."""
    text = b""
    while data := os.read(0, 4096):
        *commands, text = (text + data).split(b"\n")
        for command in commands:
            _say(_answer(command.decode()))
    os.kill(os.getpid(), signal.SIGTERM)


def _answer(command: str) -> dict[str, object]:
    match command:
        case "cpu":
            return {"event": "cpu", "cpu_ns": time.process_time_ns()}
        case "memory":
            gc.collect()
            memory = psutil.Process().memory_full_info()
            return {"event": "memory", "rss_bytes": memory.rss, "uss_bytes": memory.uss}
        case _:
            return {"event": "unknown", "command": command}


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
