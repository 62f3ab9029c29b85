"""A notifier and a subscriber as real processes, a network that fails between them, and a judge.

The notifier emits the lines of a file; each carries a running number. What the subscriber gives is
read from the file that it appends to and from what it prints, and held against those lines.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from anyio.from_thread import start_blocking_portal

from mnstream.adapters.rest import HttpRequest
from mnstream.adapters.simulation import Fate, Faults, NotificationProxy

START_TIMEOUT_S = 30
POLL_S = 0.05
LINE_TYPE = "notifyMOIAttributeValueChanges"

EPOCH = re.compile(rb'"epoch":(\d+)')
NUMBER = re.compile(rb'\[\{"number":(\d+)\}\]\}\n')

LOSSY = Faults(
    hang_up=0.01,
    lose_answer=0.01,
    swallow=0.01,
    reject=0.005,
    refuse=0.001,
    delay=0.01,
    duplicate=0.02,
    hold_back=0.02,
    delay_s=0.02,
    hold_s=0.5,
)
"""In front of the subscriber: one request of twelve does not go through as it should."""
FLAKY = Faults(hang_up=0.05, lose_answer=0.05, refuse=0.05, delay=0.1, delay_s=0.2)
"""In front of the notifier, for those who fetch what they missed."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def is_fetch(request: HttpRequest) -> bool:
    """Leave subscribing alone: a subscriber that cannot subscribe ends with exit code 3."""
    return request.method == "GET" and "/NotificationList=" in request.target


def write_lines(path: Path, count: int) -> None:
    """Write notifications to emit, numbered from 1."""
    with path.open("w", encoding="ascii") as file:
        for number in range(1, count + 1):
            members = {
                "notificationType": LINE_TYPE,
                "href": f"NRCellDU={number % 50}",
                "attributeListValueChanges": [{"number": number}],
            }
            file.write(json.dumps(members) + "\n")


class Service:
    """A command that listens, through all its lives; what it prints is appended to one file."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.printed = folder / f"{name}.out"
        self.complaints = folder / f"{name}.err"
        self.starts = 0
        self.ready: dict[str, Any] = {}
        self._command = [sys.executable, "-m", "mnstream", name, *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._copying: threading.Thread | None = None

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        with self.complaints.open("ab") as complaints:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=0,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_TIMEOUT_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        assert line, f"it did not start: {self.complaints.read_text()}"
        self.ready = json.loads(line)
        assert self.ready["event"] == "ready"
        self.starts += 1
        self._copying = threading.Thread(target=self._copy, args=(self._process.stdout,))
        self._copying.start()

    def _copy(self, source: IO[bytes]) -> None:
        with source, self.printed.open("ab") as target:
            shutil.copyfileobj(source, target)

    def say(self, *lines: dict[str, Any]) -> None:
        """Write lines of JSON to its standard input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("".join(json.dumps(each) + "\n" for each in lines).encode())

    def end(self, number: signal.Signals, timeout_s: float = 60.0) -> int:
        """End it, and give its exit code."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        code = process.wait(timeout_s)
        assert process.stdin is not None
        process.stdin.close()
        if self._copying is not None:
            self._copying.join()
        return code

    def restart(self) -> None:
        """End it as a power failure would, and start it again."""
        self.end(signal.SIGKILL)
        self.start()

    @contextmanager
    def running(self) -> Generator[None]:
        try:
            self.start()
            yield
        finally:
            if self._process is not None:
                self.end(signal.SIGKILL)


@dataclass
class Scene:
    """Both services, and the network between them."""

    folder: Path
    count: int
    notifier: Service
    subscriber: Service
    to_subscriber: NotificationProxy
    to_notifier: NotificationProxy
    output: Path
    kills: Counter[str] = field(default_factory=Counter[str])
    _read: int = 0
    _carry: bytes = b""
    _highest: int = 0
    _epochs: set[bytes] = field(default_factory=set[bytes])
    epochs_wanted: int = 1
    """Everything has come out when the last line has, and something of so many epochs."""

    def highest(self) -> int:
        """Give the highest number of a line that has come out; reads only what is new."""
        if self.output.exists():
            with self.output.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            self._read += len(new)
            text = self._carry + new
            found = NUMBER.findall(text)
            self._carry = text[text.rfind(b"\n") + 1 :]
            self._highest = max(self._highest, *map(int, found), 0)
            self._epochs.update(EPOCH.findall(text))
        return self._highest

    def wait(self, seconds: float, number: int | None = None) -> bool:
        """Wait until this line, or the last, has come out, or for so long; say whether it has."""
        epochs = self.epochs_wanted if number is None else 0
        until = time.monotonic() + seconds
        while self.highest() < (number or self.count) or len(self._epochs) < epochs:
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_S)
        return True

    def kill(self, who: str) -> None:
        self.kills[who] += 1
        (self.notifier if who == "notifier" else self.subscriber).restart()

    def stop(self) -> tuple[int, int]:
        """Stop both gracefully; gives their exit codes."""
        return self.subscriber.end(signal.SIGTERM), self.notifier.end(signal.SIGTERM)

    def verdict(self) -> dict[str, Any]:
        """Hold what came out against what went in."""
        held = [json.loads(line) for line in self.output.read_bytes().splitlines()]
        printed = [json.loads(line) for line in self.subscriber.printed.read_bytes().splitlines()]
        told = [each for each in printed if "event" not in each]
        events = Counter(each["event"] for each in printed if "event" in each)
        summaries = [each for each in printed if each.get("event") == "summary"]
        return {
            "emitted": self.count,
            **judge(numbers_of(held), self.count),
            "broken_epochs": broken_epochs(held),
            "epochs": len({each["epoch"] for each in held}),
            "repeated_by_json": len(told) - len(held),
            "repeats_allowed": self.kills["subscriber"],
            "json_differs": without_repeats(told) != held,
            "events": dict(events),
            "kills": dict(self.kills),
            "proxy": _texts(self.to_subscriber.counts),
            "proxy_of_fetches": _texts(self.to_notifier.counts),
            "last_summary": summaries[-1] if summaries else None,
        }


def _texts(counts: Counter[Fate]) -> dict[str, int]:
    return {fate.value: count for fate, count in counts.items()}


def numbers_of(held: Iterable[dict[str, Any]]) -> list[int]:
    """Give the numbers of the lines, in the order in which they came out."""
    return [
        each["attributeListValueChanges"][0]["number"]
        for each in held
        if each["notificationType"] == LINE_TYPE
    ]


def judge(numbers: Sequence[int], count: int) -> dict[str, int]:
    """Count what is lost, what came twice, and what came in the wrong place."""
    seen = Counter(numbers)
    return {
        "handed_over": len(numbers),
        "lost": sum(number not in seen for number in range(1, count + 1)),
        "twice": sum(times - 1 for times in seen.values()),
        "out_of_order": sum(b < a for a, b in pairwise(numbers)),
    }


def broken_epochs(held: Iterable[dict[str, Any]]) -> int:
    """Count places where sequenceNo does not go on by one, or an epoch goes back."""
    broken, epoch, number = 0, 0, 0
    for each in held:
        if each["epoch"] == epoch:
            expected = number + 1
        else:
            expected = 1
            broken += each["epoch"] < epoch
        epoch, number = each["epoch"], each["sequenceNo"]
        broken += number != expected
    return broken


def without_repeats(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop a notification that was given again, which must come right behind itself."""
    kept: list[dict[str, Any]] = []
    for each in told:
        if not kept or kept[-1] != each:
            kept.append(each)
    return kept


@contextmanager
def staged(
    folder: Path,
    count: int,
    *,
    seed: int,
    faults: Faults = LOSSY,
    fetch_faults: Faults = FLAKY,
    notify: Sequence[str] = (),
    subscribe: Sequence[str] = ("--heartbeat", "1"),
) -> Generator[Scene]:
    """Start everything; whatever still runs at the end is killed."""
    lines, output = folder / "lines.jsonl", folder / "output.jsonl"
    write_lines(lines, count)
    notifier_port, subscriber_port = free_port(), free_port()
    notifier = Service(
        folder, "notify", "--listen", f"127.0.0.1:{notifier_port}", "--data",
        str(folder / "notifier"), "--emit-from", str(lines), *notify,
    )  # fmt: skip
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        to_subscriber = NotificationProxy("127.0.0.1", subscriber_port, seed=seed, faults=faults)
        to_notifier = NotificationProxy(
            "127.0.0.1", notifier_port, seed=seed + 1, faults=fetch_faults, concerns=is_fetch
        )
        for proxy in (to_subscriber, to_notifier):
            stack.enter_context(portal.wrap_async_context_manager(proxy.running()))
        stack.enter_context(notifier.running())
        path = urlsplit(cast("str", notifier.ready["url"])).path
        subscriber = Service(
            folder, "subscribe", "--listen", f"127.0.0.1:{subscriber_port}", "--data",
            str(folder / "subscriber"), "--output", str(output), "--json",
            "--provider", f"http://127.0.0.1:{to_notifier.port}{path}",
            "--address", f"http://127.0.0.1:{to_subscriber.port}/notifications", *subscribe,
        )  # fmt: skip
        stack.enter_context(subscriber.running())
        yield Scene(folder, count, notifier, subscriber, to_subscriber, to_notifier, output)


def prove(
    scene: Scene, *, kill_every_s: float | None, seed: int, timeout_s: float
) -> dict[str, Any]:
    """Wait until everything has come out, killing either side meanwhile, and judge."""
    chance = random.Random(seed)
    started = time.monotonic()
    complete = False
    while not complete and time.monotonic() - started < timeout_s:
        complete = scene.wait(timeout_s if kill_every_s is None else kill_every_s)
        if not complete and kill_every_s is not None:
            scene.kill(chance.choice(("notifier", "subscriber")))
    seconds = time.monotonic() - started
    codes = scene.stop()
    verdict = scene.verdict()
    holds = (
        complete
        and codes == (0, 0)
        and not any(
            verdict[each]
            for each in ("lost", "twice", "out_of_order", "broken_epochs", "json_differs")
        )
        and verdict["repeated_by_json"] <= verdict["repeats_allowed"]
        and not verdict["events"].get("lost")
    )
    return {
        "holds": holds,
        "complete": complete,
        "exit_codes": codes,
        "seconds": round(seconds, 1),
        "per_second": round(verdict["handed_over"] / seconds),
        **verdict,
    }
