"""The tables of a store of notifications, and what each version changed in them."""

from __future__ import annotations

from collections.abc import Sequence

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
