"""Contents that wait for their counterpart in the other capture.

A private temporary database of SQLite: what does not fit into its cache goes to a file that has no
name and is gone with the process. So captures in any order can be compared in bounded memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from mnstream.adapters.captures.contents import Content, Sort
from mnstream.core.values import StreamId

CACHE_KIB = 64 * 1024
"""Memory of the database; some hundred thousand units fit."""
DIGEST_BYTES = 16

_SCHEMA = """
CREATE TABLE waiting (
  number INTEGER PRIMARY KEY, side INTEGER, stream TEXT, sort INTEGER, second TEXT, time TEXT,
  coarse INTEGER, digest BLOB, body BLOB
);
CREATE INDEX by_digest ON waiting (digest, side, second, number);
CREATE TABLE coarse_streams (stream TEXT PRIMARY KEY);
"""
# An SQL NULL is equal to nothing, so a time or stream that is missing is the empty text. Times are
# texts because a broken producer may send one that no 64 bits hold.
_FIND = """
SELECT number FROM waiting
WHERE digest = ? AND side = ? AND second = ? AND (coarse OR ? OR time = ?) ORDER BY number LIMIT 1
"""
_LEFT = """
SELECT stream, sort, time, CASE WHEN stream IN coarse_streams THEN second ELSE time END AS key, body
FROM waiting WHERE side = ? ORDER BY stream, sort, key, number
"""


@dataclass(frozen=True, slots=True)
class Left:
    """A content that found no equal one.

    Attributes:
        key: Of two that are left, those with the same key are about the same period.
        stream_id: Its stream; None when the frame did not tell.
        sort: What the body is.
        time_ns: End of the granularity period; None where it is unknown or means nothing.
        body: What it says.
    """

    key: tuple[str, int, str]
    stream_id: StreamId | None
    sort: Sort
    time_ns: int | None
    body: bytes


class Pending:
    """Contents of two captures, sides 0 and 1, of which none is equal to one of the other side."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Use an empty database."""
        self._database = database
        self._counts = [0, 0]
        database.executescript(_SCHEMA)
        database.execute("BEGIN")

    @classmethod
    @contextmanager
    def open(cls) -> Generator[Self]:
        """Use a temporary database while the block runs.

        Raises:
            OSError: There is no room for temporary files.
        """
        database = sqlite3.connect("", isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            yield cls(database)
        except sqlite3.OperationalError as error:
            raise OSError(None, f"temporary database: {error}") from error
        finally:
            database.close()

    def take_equal(self, side: int, content: Content) -> bool:
        """Find an equal content on the other side and take it away, or keep this one.

        Two of the same stream are equal when their bodies are and their times are; where one of
        the times is coarse, seconds are compared.

        Returns:
            Whether there was one.
        """
        digest = _digest(content)
        second, time = _text(content.second), _text(content.time_ns)
        if self._counts[1 - side]:
            sought = (digest, 1 - side, second, content.coarse, time)
            found = self._database.execute(_FIND, sought).fetchone()
            if found is not None:
                self._database.execute("DELETE FROM waiting WHERE number = ?", found)
                self._counts[1 - side] -= 1
                return True
        self._database.execute(
            "INSERT INTO waiting (side, stream, sort, second, time, coarse, digest, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                side,
                content.stream_id or "",
                content.sort.value,
                second,
                time,
                content.coarse,
                digest,
                content.body,
            ),
        )
        self._counts[side] += 1
        return False

    def left(self, side: int) -> Iterator[Left]:
        """Give what is left of a side: by stream and period, and in the order of arrival there."""
        if self._counts[side]:
            self._database.execute(
                "INSERT OR IGNORE INTO coarse_streams SELECT stream FROM waiting WHERE coarse"
            )
        for stream, sort, time, key, body in self._database.execute(_LEFT, (side,)):
            yield Left(
                key=(stream, sort, key),
                stream_id=StreamId(stream) if stream else None,
                sort=Sort(sort),
                time_ns=int(time) if time else None,
                body=body,
            )


def _digest(content: Content) -> bytes:
    made = blake2b(content.body, digest_size=DIGEST_BYTES)
    made.update(f"{content.sort.value} {content.stream_id or ''}".encode())
    return made.digest()


def _text(number: int | None) -> str:
    """Write a time so that the order of texts is that of times; negative ones come last."""
    return "" if number is None else f"{number:030d}"
