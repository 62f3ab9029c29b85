"""The tables of a store of notifications, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from mnstream.adapters.storage.errors import LogUnreadable, StorageError
from mnstream.adapters.storage.segments import Durability

CHECKPOINT_PAGES = 4_000
"""Pages of the write-ahead log from which it is carried over into the database. 16 MB: a page that
many commits change, such as the end of a table, is carried over once."""

_SYNCHRONOUS = {Durability.FSYNC: "FULL", Durability.WRITE: "NORMAL", Durability.NONE: "OFF"}

MIGRATIONS: Sequence[str] = (
    """
    -- AUTOINCREMENT: a row is never used twice, so that what is left of a forgotten subscription
    -- cannot be taken for another's.
    CREATE TABLE subscription (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        subscription_id TEXT NOT NULL UNIQUE,
        base TEXT NOT NULL,
        settings TEXT NOT NULL
    );
    -- oldest_sequence_no is behind newest_sequence_no when nothing is left of an epoch.
    CREATE TABLE epoch (
        subscription INTEGER,
        epoch INTEGER,
        oldest_sequence_no INTEGER NOT NULL,
        newest_sequence_no INTEGER NOT NULL,
        newest_event_time_ms INTEGER,
        PRIMARY KEY (subscription, epoch)
    ) WITHOUT ROWID;
    CREATE TABLE number (
        subscription INTEGER,
        epoch INTEGER,
        sequence_no INTEGER,
        notification_id INTEGER NOT NULL,
        event_time_ms INTEGER NOT NULL,
        PRIMARY KEY (subscription, epoch, sequence_no)
    ) WITHOUT ROWID;
    -- numbers: how many of them stand for this notification.
    CREATE TABLE notification (
        id INTEGER PRIMARY KEY,
        stored_ms INTEGER NOT NULL,
        numbers INTEGER NOT NULL,
        common BLOB NOT NULL
    );
    -- Subscriptions that are gone, but not yet all of their numbers.
    CREATE TABLE forgotten (subscription INTEGER PRIMARY KEY);
    CREATE TABLE mark (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        notification_id INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        source_position INTEGER,
        clean INTEGER NOT NULL
    );
    INSERT INTO mark VALUES (1, 0, 0, NULL, 1);
    """,
)
"""What makes each version out of the one before; the first makes version 1 out of nothing. A
semicolon stands only at the end of a statement."""


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


def translated(error: BaseException, path: Path) -> StorageError | None:
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
