"""What a consumer of notifications remembers, in SQLite (``ports.checkpoints``)."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread

from mnstream.adapters.storage.database import opening
from mnstream.adapters.storage.errors import LogClosed
from mnstream.adapters.storage.segments import Durability
from mnstream.core.notification_values import Epoch, Number, SubscriptionId

DATABASE = "checkpoints.sqlite"

MIGRATIONS = (
    """
    CREATE TABLE checkpoint (
        subscription TEXT PRIMARY KEY,
        epoch INTEGER NOT NULL,
        sequence_no INTEGER NOT NULL,
        checksum INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
    """,
)

_SAVE = "REPLACE INTO checkpoint VALUES (?, ?, ?, ?)"
_REMEMBER = "REPLACE INTO setting VALUES (?, ?)"


class SqliteCheckpoints:
    """A ``mnstream.ports.checkpoints.Checkpoints`` in a directory; for one event loop."""

    def __init__(self, directory: Path, durability: Durability) -> None:
        """Open the database, creating it where there is none. Blocks; ``open`` does not.

        Raises:
            LogInUse: Somebody else writes it.
            LogUnreadable: It is damaged, or a later version of this program wrote it.
            StorageError: The disk refuses to open it.
            OSError: The disk refuses the directory.
        """
        with opening(directory / DATABASE, MIGRATIONS, durability) as self._database:
            connection = self._database.connection
            self._saved: dict[SubscriptionId, tuple[Number, int | None]] = {
                SubscriptionId(subscription): (
                    Number(
                        subscription_id=SubscriptionId(subscription),
                        epoch=Epoch(_unsigned(epoch)),
                        sequence_no=_unsigned(sequence_no),
                    ),
                    checksum,
                )
                for subscription, epoch, sequence_no, checksum in connection.execute(
                    "SELECT * FROM checkpoint"
                )
            }
            self._settings: dict[str, str] = dict(connection.execute("SELECT * FROM setting"))
        self._limiter = anyio.CapacityLimiter(1)
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, *, durability: Durability = Durability.FSYNC
    ) -> AsyncGenerator[Self]:
        """Open the checkpoints in ``directory``, creating them where there are none.

        Raises:
            LogInUse: Somebody else writes them.
            LogUnreadable: They are damaged, or a later version of this program wrote them.
            StorageError: The disk refuses to open them.
            OSError: The disk refuses the directory.
        """
        checkpoints = await anyio.to_thread.run_sync(partial(cls, directory, durability))
        try:
            yield checkpoints
        finally:
            checkpoints._closed = True
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(
                    checkpoints._database.close, limiter=checkpoints._limiter
                )

    def load(self, subscription_id: SubscriptionId) -> Number | None:
        """Return the last number that was saved when this was opened, or since; None for none."""
        saved = self._saved.get(subscription_id)
        return None if saved is None else saved[0]

    def checksum(self, subscription_id: SubscriptionId) -> int | None:
        """Return what was saved beside that number; None for nothing."""
        saved = self._saved.get(subscription_id)
        return None if saved is None else saved[1]

    async def save(self, number: Number, checksum: int | None = None) -> None:
        """Remember durably that everything up to this number was processed.

        Cancelled, it may or may not be remembered.

        Raises:
            OSError: It cannot be written; nothing changed.
            LogClosed: This was closed.
        """
        signed = (_signed(number.epoch), _signed(number.sequence_no))
        await self._write(_SAVE, (number.subscription_id, *signed, checksum))
        self._saved[number.subscription_id] = (number, checksum)

    def setting(self, name: str) -> str | None:
        """Return what was remembered under a name; None for nothing."""
        return self._settings.get(name)

    async def remember(self, name: str, value: str) -> None:
        """Remember a value durably.

        Raises:
            OSError: It cannot be written; nothing changed.
            LogClosed: This was closed.
        """
        await self._write(_REMEMBER, (name, value))
        self._settings[name] = value

    async def _write(self, statement: str, parameters: tuple[str | int | None, ...]) -> None:
        if self._closed:
            raise LogClosed("nothing is remembered any more")
        write: Callable[[], object] = partial(
            self._database.connection.execute, statement, parameters
        )
        try:
            await anyio.to_thread.run_sync(write, limiter=self._limiter)
        except sqlite3.DatabaseError as error:
            raise OSError(f"checkpoints: {error}") from error


def _signed(number: int) -> int:
    """Write an unsigned integer of 64 bits as SQLite can, which only has signed ones."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number % (1 << 64)
