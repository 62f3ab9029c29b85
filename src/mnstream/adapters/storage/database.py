"""Databases in SQLite that one process writes: opening, locking, and bringing up to date."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.errors import LogUnreadable, StorageError
from mnstream.adapters.storage.segments import Durability

CHECKPOINT_PAGES = 4_000
"""Pages of the write-ahead log from which it is carried over into the database. 16 MB: a page that
many commits change, such as the end of a table, is carried over once."""

_SYNCHRONOUS = {Durability.FSYNC: "FULL", Durability.WRITE: "NORMAL", Durability.NONE: "OFF"}


@dataclass(frozen=True, slots=True)
class Database:
    """A database that nobody else writes while it is open.

    Attributes:
        connection: For any thread, one at a time; without implicit transactions.
    """

    connection: sqlite3.Connection
    _disk: Disk
    _lock: int

    def close(self) -> None:
        """Close it and give its lock back. Never raises."""
        with contextlib.suppress(sqlite3.Error, OSError):
            self.connection.close()
        with contextlib.suppress(OSError):
            self._disk.close(self._lock)


@contextmanager
def opening(
    path: Path,
    migrations: Sequence[str],
    durability: Durability,
    kind: type[sqlite3.Connection] = sqlite3.Connection,
) -> Generator[Database]:
    """Open a database, creating it and its directory where there are none; the block reads it.

    It stays open behind the block. When the block fails, it is closed, and what SQLite or the
    content is to blame for is told in our own words.

    Raises:
        LogInUse: Somebody else writes it; the lock is the file beside it that ends in ``.lock``.
        LogUnreadable: It is damaged, or a later version of this program wrote it.
        StorageError: The disk refuses to open it.
        OSError: The disk refuses the directory.
    """
    disk = Disk()
    disk.make_directory(path.parent)
    lock = disk.lock(path.with_suffix(".lock"))
    connection: sqlite3.Connection | None = None
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o640))
        connection = connect(path, durability, kind)
        migrate(connection, migrations)
        yield Database(connection, disk, lock)
    except BaseException as error:
        if connection is not None:
            connection.close()
        disk.close(lock)
        ours = _translated(error, path)
        if ours is None:
            raise
        raise ours from error


def connect(
    path: Path,
    durability: Durability,
    kind: type[sqlite3.Connection] = sqlite3.Connection,
) -> sqlite3.Connection:
    """Open a database for writing, from any thread, one at a time, without implicit transactions.

    Raises:
        sqlite3.Error: It cannot be opened, or is no database.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=kind, cached_statements=64
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * 4096}")
        connection.execute("PRAGMA cache_size = -16384")
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the tables up to date, all or nothing.

    Raises:
        LogUnreadable: A later version of this program wrote them.
        sqlite3.Error: The disk refuses, or they are damaged.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise LogUnreadable(
            f"a later version of this program wrote it: tables of version {version},"
            f" this one knows {len(migrations)}"
        )
    if version == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in ";".join(migrations[version:]).split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _translated(error: BaseException, path: Path) -> StorageError | None:
    """Say what opening a database failed of, in our own words; None when those are not needed."""
    match error:
        case LogUnreadable():
            return LogUnreadable(f"{path}: {error}")
        case sqlite3.OperationalError():
            return StorageError(f"{path}: {error}")
        case sqlite3.DatabaseError() | LookupError() | StopIteration() | TypeError() | ValueError():
            return LogUnreadable(f"{path} is damaged: {error}")
        case _:
            return None
