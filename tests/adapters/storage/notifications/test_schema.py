"""Opening a database: older ones are brought up to date, the rest is refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mnstream.adapters.storage import (
    LogInUse,
    LogUnreadable,
    SqliteCheckpoints,
    SqliteNotificationStore,
    StorageError,
)
from mnstream.adapters.storage import checkpoints as checkpoints_module
from mnstream.adapters.storage.database import migrate
from mnstream.adapters.storage.notifications import writer as writer_module
from mnstream.adapters.storage.notifications.schema import MIGRATIONS
from mnstream.testing.notification_samples import FIRST, SUBSCRIPTIONS, A, append, ids, number
from tests.adapters.storage.notifications.helpers import FAST

pytestmark = pytest.mark.anyio

OLDER = ("CREATE TABLE kept (id INTEGER); INSERT INTO kept VALUES (7)",)


def database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_versions_follow_each_other() -> None:
    with closing(database()) as connection:
        migrate(connection, OLDER)
        assert version(connection) == 1
        migrate(connection, (*OLDER, "ALTER TABLE kept ADD COLUMN more TEXT;"))
        assert version(connection) == 2
        assert connection.execute("SELECT * FROM kept").fetchall() == [(7, None)]
        migrate(connection, (*OLDER, "no statement: it was carried out before"))


def test_a_migration_that_fails_changes_nothing() -> None:
    with closing(database()) as connection:
        migrate(connection, OLDER)
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*OLDER, "DELETE FROM kept; nonsense"))
        assert version(connection) == 1
        assert connection.execute("SELECT * FROM kept").fetchall() == [(7,)]


def test_a_later_version_is_refused() -> None:
    with closing(database()) as connection:
        migrate(connection, ("", ""))
        with pytest.raises(LogUnreadable, match=r"version 2,.* knows 1"):
            migrate(connection, OLDER)


async def test_a_made_up_next_version_keeps_what_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        append(store, 1, number(A, FIRST, 1))
    later = (*MIGRATIONS, "ALTER TABLE notification ADD COLUMN more TEXT")
    # Appending would need a program of that version, too.
    monkeypatch.setattr(writer_module, "MIGRATIONS", later)
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        found = await store.read(A, FIRST, first=1, last=9, count_max=9, bytes_max=999)
        assert ids(found) == [1]
    monkeypatch.undo()
    with pytest.raises(LogUnreadable, match="a later version of this program"):
        async with SqliteNotificationStore.open(tmp_path, FAST):
            pass


async def test_checkpoints_of_a_later_version_are_refused(tmp_path: Path) -> None:
    async with SqliteCheckpoints.open(tmp_path) as checkpoints:
        await checkpoints.remember("a", "b")
    with closing(sqlite3.connect(tmp_path / checkpoints_module.DATABASE)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(LogUnreadable, match=r"checkpoints\.sqlite: a later version"):
        async with SqliteCheckpoints.open(tmp_path):
            pass


@pytest.mark.parametrize("damage", ["no database", "cut", "overwritten", "settings", "mark"])
async def test_a_damaged_database_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / writer_module.DATABASE
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:
        store.save_subscription(SUBSCRIPTIONS[0])
        append(store, 1, number(A, FIRST, 1), size=50_000)
    content = path.read_bytes()
    match damage:
        case "no database":
            path.write_bytes(b"something else entirely " * 1000)
        case "cut":
            path.write_bytes(content[:10_000])
        case "overwritten":
            path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        case "settings":
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("UPDATE subscription SET settings = '{}'")
        case _:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("DELETE FROM mark")
    with pytest.raises(LogUnreadable, match="damaged"):
        async with SqliteNotificationStore.open(tmp_path, FAST):
            pass
    path.unlink()
    async with SqliteNotificationStore.open(tmp_path, FAST) as store:  # the lock was given back
        assert not store.restored()


async def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    (tmp_path / checkpoints_module.DATABASE).write_bytes(b"something else entirely " * 1000)
    for _ in range(2):
        with pytest.raises(LogUnreadable, match="damaged"):
            async with SqliteCheckpoints.open(tmp_path):
                pass


async def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file"):
        async with SqliteNotificationStore.open(file / "below", FAST):
            pass
    (tmp_path / writer_module.DATABASE).mkdir()
    with pytest.raises((OSError, StorageError)):
        async with SqliteNotificationStore.open(tmp_path, FAST):
            pass


async def test_one_writer_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "directory"
    async with (
        SqliteNotificationStore.open(directory, FAST),
        SqliteCheckpoints.open(directory) as checkpoints,
    ):
        with pytest.raises(LogInUse, match="another process"):
            async with SqliteNotificationStore.open(directory, FAST):
                pass
        with pytest.raises(LogInUse, match="another process"):
            async with SqliteCheckpoints.open(directory):
                pass
        await checkpoints.remember("a", "b")
    async with SqliteNotificationStore.open(directory, FAST):
        pass
