"""P9: how long it takes to open a data directory and to find something in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import anyio

from mnstream.adapters.bench.frames import frames, stream_infos, stream_number
from mnstream.adapters.bench.logs import FRAMES_A_BLOCK, INTERVAL_MS, write_log
from mnstream.adapters.bench.processes import BenchmarkFailed
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import DEFAULT_BACKEND, Settings
from mnstream.adapters.storage import SegmentLog, stored_units

UNIT = "s"
TARGET = Target(reach=1.0, beyond=0.05, higher_is_better=False)
FRAMES_A_SECOND = 1_000_000
"""Frames of the directory for each second of a round; a second is the default."""

_STREAMS = 10
_DIFFERENT = 1_000  # frames of each stream; then they repeat, so that memory holds them
_NEAR_THE_END_MS = 20 * INTERVAL_MS
_DD_SECONDS = re.compile(r"copied, ([0-9.e-]+) s")
_WHAT = (
    "ours: the slower of two ways to open a data directory of {count:,} frames of 97 octets, "
    "{frames} a commit: to write on (lock, torn tail, metadata in force), and to find the first "
    "unit since a time near the end, with its names; both are in extra; peer: dd bs=1M of each of "
    "its {files} segment files into /dev/null, by its own clock, without the start of the process; "
    "everything is in the page cache; sides in turns"
)


def measure(settings: Settings) -> Result:
    """Measure P9."""
    count = max(int(FRAMES_A_SECOND * settings.seconds), _STREAMS * _DIFFERENT)
    dd = shutil.which("dd")
    rounds: list[dict[str, float]] = []
    with scratch(settings.directory) as directory:
        log = directory / "log"
        since_ms = _write(log, count) - _NEAR_THE_END_MS
        paths = sorted(log.glob("*.mnlog"))
        for number in range(settings.rounds + 1):
            opened, found = _open(log), _find(log, since_ms)
            each = {"open": opened, "find": found}
            if dd is not None:
                each["dd"] = _read(dd, paths)
            if number:  # the first only warms up
                rounds.append({name: significant(seconds) for name, seconds in each.items()})
                text = ", ".join(f"{name} {time * 1000:.1f} ms" for name, time in each.items())
                settings.say(f"P9 round {number}/{settings.rounds}: {text}")
    sides = [side(name, [each[name] for each in rounds], UNIT) for name in ("open", "find")]
    ours = max(sides, key=lambda each: each.value)
    peer = None if dd is None else side("dd", [each["dd"] for each in rounds], UNIT)
    return Result(
        name="P9",
        what=_WHAT.format(count=count, frames=FRAMES_A_BLOCK, files=len(paths)),
        target=TARGET,
        ours=ours,
        peer=peer,
        ratio=None if peer is None else ours.value / peer.value,
        rounds=rounds,
        extra={each.name: each.value for each in sides},
        unavailable="" if dd is not None else "the peer is the command dd",
    )


def _write(log: Path, count: int) -> int:
    by_stream = [frames(stream_number(0, index, _STREAMS), _DIFFERENT) for index in range(_STREAMS)]
    some = [each for row in zip(*by_stream, strict=True) for each in row]
    return write_log(log, stream_infos(0, _STREAMS), (some * (count // len(some) + 1))[:count])


def _open(log: Path) -> float:
    async def timed() -> float:
        begun = perf_counter()
        async with SegmentLog.open(log) as opened:
            assert opened.restored()
            return perf_counter() - begun

    return anyio.run(timed, backend=DEFAULT_BACKEND)


def _find(log: Path, since_ms: int) -> float:
    begun = perf_counter()
    unit = next(stored_units(log, since_ms=since_ms))
    seconds = perf_counter() - begun
    assert unit.received_ms >= since_ms
    assert unit.values
    return seconds


def _read(dd: str, paths: Sequence[Path]) -> float:
    return sum(_read_one(dd, path) for path in paths)


def _read_one(dd: str, path: Path) -> float:
    done = subprocess.run(  # noqa: S603 # a fixed command on a file that we wrote
        [dd, f"if={path}", "of=/dev/null", "bs=1M"],
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        check=False,
        text=True,
    )
    found = _DD_SECONDS.search(done.stderr)
    if found is None:
        raise BenchmarkFailed(f"dd: {' '.join(done.stderr.split())}")
    return float(found[1])
