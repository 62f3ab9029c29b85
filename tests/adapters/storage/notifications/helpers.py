"""A disk that refuses, and what is in a database that nobody has open."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from mnstream.adapters.storage import Durability, NotificationStoreConfig
from mnstream.adapters.storage.notifications.writer import DATABASE

FAST = NotificationStoreConfig(durability=Durability.NONE, retry_initial_ms=1, retry_max_ms=2)


class RefusingConnection(sqlite3.Connection):
    """Commits when it may, and refuses as often as it is told to; make a subclass for each test."""

    gate = threading.Event()
    noticed = threading.Semaphore(0)
    refusals = 0
    refused = 0
    commits = 0
    statement = "COMMIT"
    after = False
    error: type[sqlite3.Error] = sqlite3.OperationalError

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        kind = type(self)
        if sql.startswith(kind.statement):
            assert kind.gate.wait(30)
            kind.commits += 1
            if kind.refusals:
                kind.refusals -= 1
                kind.refused += 1
                kind.noticed.release()
                if kind.after:
                    super().execute(sql, parameters)
                raise kind.error("database or disk is full")
        return super().execute(sql, parameters)


def refusing() -> type[RefusingConnection]:
    """Make a kind of connections that nobody else has."""

    class Refusing(RefusingConnection):
        gate = threading.Event()
        noticed = threading.Semaphore(0)

    Refusing.gate.set()
    return Refusing


async def refused(kind: type[RefusingConnection], times: int) -> None:
    """Wait until it has refused so often, without keeping its thread from that."""
    for _ in range(times):
        assert await anyio.to_thread.run_sync(lambda: kind.noticed.acquire(timeout=20))


def rows(directory: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask the database of a store, from outside."""
    connection = sqlite3.connect(directory / DATABASE)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


async def until(condition: Callable[[], object]) -> None:
    """Let the thread of the store work until something is so."""
    with anyio.fail_after(20):
        while not condition():
            await anyio.lowlevel.checkpoint()
