"""Checkpoints on a disk that refuses, and after a kill."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.storage import LogClosed, MemoryCheckpoints, SqliteCheckpoints
from mnstream.adapters.storage.checkpoints import DATABASE
from mnstream.testing.notification_samples import FIRST, SECOND, A, B, number

pytestmark = pytest.mark.anyio


async def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    async with SqliteCheckpoints.open(tmp_path) as checkpoints:
        await checkpoints.save(number(A, FIRST, 1))
        await checkpoints.remember("name", "before")
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("DROP TABLE checkpoint")
            other.execute("DROP TABLE setting")
        with pytest.raises(OSError, match="checkpoints: no such table"):
            await checkpoints.save(number(A, FIRST, 2))
        with pytest.raises(OSError, match="checkpoints: no such table"):
            await checkpoints.remember("name", "after")
        assert checkpoints.load(A) == number(A, FIRST, 1)
        assert checkpoints.setting("name") == "before"


async def test_a_closed_one_remembers_nothing(tmp_path: Path) -> None:
    async with SqliteCheckpoints.open(tmp_path) as checkpoints:
        await checkpoints.save(number(A, FIRST, 1))
    with pytest.raises(LogClosed):
        await checkpoints.save(number(A, FIRST, 2))
    assert checkpoints.load(A) == number(A, FIRST, 1)


async def test_a_cancelled_owner_closes_it(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with SqliteCheckpoints.open(tmp_path) as checkpoints:
            await checkpoints.save(number(A, FIRST, 1))
            scope.cancel()
            await anyio.sleep_forever()
    async with SqliteCheckpoints.open(tmp_path) as checkpoints:
        assert checkpoints.load(A) == number(A, FIRST, 1)


async def test_memory_pretends_to_fail() -> None:
    checkpoints = MemoryCheckpoints()
    await checkpoints.save(number(A, FIRST, 1))
    checkpoints.trouble = "disk full"
    with pytest.raises(OSError, match="disk full"):
        await checkpoints.save(number(A, SECOND, 1))
    with pytest.raises(OSError, match="disk full"):
        await checkpoints.remember("a", "b")
    assert checkpoints.load(A) == number(A, FIRST, 1)
    assert checkpoints.setting("a") is None
    checkpoints.trouble = ""
    await checkpoints.save(number(B, FIRST, 1))
    assert checkpoints.load(B) == number(B, FIRST, 1)


VICTIM = """
import sys, anyio
from pathlib import Path
from mnstream.adapters.storage import SqliteCheckpoints
from mnstream.testing.notification_samples import *

async def main():
    async with SqliteCheckpoints.open(Path(sys.argv[1])) as checkpoints:
        saved = checkpoints.load(A)
        sequence_no = saved.sequence_no if saved else 0
        while True:
            sequence_no += 1
            await checkpoints.save(number(A, FIRST, sequence_no))
            sys.stdout.write(f"{sequence_no}\\n")
            sys.stdout.flush()

anyio.run(main, backend=sys.argv[2])
"""


def killed_after(lines: int, directory: Path, backend: str) -> int:
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(directory), backend], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    reported = [int(victim.stdout.readline()) for _ in range(lines)]
    victim.send_signal(signal.SIGKILL)
    reported += map(int, victim.stdout.read().splitlines())
    victim.wait()
    victim.stdout.close()
    return reported[-1]


async def test_what_was_saved_survives_kill(tmp_path: Path, anyio_backend: str) -> None:
    for lines in (1, 50, 200):
        reported = killed_after(lines, tmp_path, anyio_backend)
        async with SqliteCheckpoints.open(tmp_path) as checkpoints:
            saved = checkpoints.load(A)
            assert saved is not None
            assert reported <= saved.sequence_no <= reported + 1
