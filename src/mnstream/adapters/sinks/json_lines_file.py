"""The sink that appends JSON Lines to a file.

Lines are written and synced first, then the cursor, which tells the position of the next record and
the length of the file. What a crash left behind that length is cut off when the sink is opened, so
every unit is in the file exactly once. The file may be taken away while the sink runs, as logrotate
does: the next lines begin a new one.

Nothing is cut off a file that this sink did not write. The cursor knows the end of what it wrote by
its CRC; behind the end of another file the sink goes on as behind a stranger's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from mnstream.adapters.sinks.cursor import (
    Cursor,
    CursorUnreadable,
    cursor_path,
    read_cursor,
    write_cursor,
)
from mnstream.adapters.sinks.json_lines import LINE_START, json_lines
from mnstream.adapters.storage import LogInUse, StoredUnit
from mnstream.adapters.storage.disk import Disk, OpenFile
from mnstream.ports.sink import SinkError

ENDING_BYTES = 4096
"""Octets by which a file is recognised: some lines, with times that no other file has."""

_log = logging.getLogger(__name__)


class JsonLinesFile:
    """A ``mnstream.ports.sink.Sink`` of stored units; exactly once in the file.

    One process may write a file; another one that tries is told so.
    """

    def __init__(self, path: Path, directory: Path, *, disk: Disk | None = None) -> None:
        """Name the output and the data directory of the log; touches nothing.

        Args:
            path: The file. Created when it is missing; an existing one is appended to.
            directory: Its folder ``sinks`` keeps the cursor.
            disk: Where tests put a failing one.
        """
        self._path = path.absolute()
        self._disk = disk or Disk()
        self._cursor_path = cursor_path(directory, self.name)
        self._cursor = Cursor(sink=self.name, position=0, length=0)
        self._ending = b""
        self._fd: int | None = None
        self._limiter = anyio.CapacityLimiter(1)

    @property
    def name(self) -> str:
        """``jsonl:`` and the path."""
        return f"jsonl:{self._path}"

    async def open(self) -> int:
        """Open the file, cut off what a crash left, and return the position to go on from.

        Raises:
            SinkError: The file or the cursor cannot be used; the text says which and why.
        """
        await self._in_thread(self._open)
        return self._cursor.position

    async def write(self, units: Sequence[StoredUnit], *, next_position: int) -> None:
        """Append the lines of ``units`` and remember ``next_position``; see the port.

        Raises:
            SinkError: The disk refuses. Calling it again with the same units writes them once.
        """
        await self._in_thread(partial(self._write, units, next_position))

    async def aclose(self) -> None:
        """Close the file; everything in it is durable already."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._close(fd)

    async def _in_thread(self, function: Callable[[], None]) -> None:
        try:
            await anyio.to_thread.run_sync(function, limiter=self._limiter)
        except OSError as error:
            raise SinkError(f"{self.name}: {error.strerror or error}") from error
        except LogInUse as error:
            raise SinkError(f"{self.name} is being written by another process") from error
        except CursorUnreadable as error:
            raise SinkError(f"{self.name}: {error}") from error

    # --- in a thread -----------------------------------------------------------------------------

    def _open(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._close(fd)
        self._disk.make_directory(self._cursor_path.parent)
        cursor = read_cursor(self._cursor_path)
        fd, size = self._take()
        try:
            if cursor is None:
                self._begin(fd, size, 0)
            elif self._is_ours(cursor, size):
                if size > cursor.length:
                    self._disk.truncate(fd, cursor.length)
                self._cursor = cursor
                self._ending = self._read(cursor.length - cursor.ending_bytes, cursor.length)
            else:
                _log.warning("%s is not the file that it was; going on behind its end", self.name)
                self._begin(fd, size, cursor.position)
        except BaseException:
            self._close(fd)
            raise
        self._fd = fd

    def _write(self, units: Sequence[StoredUnit], next_position: int) -> None:
        lines = json_lines(units)
        fd = self._current()
        before = self._cursor
        if lines:
            self._disk.write_at(fd, before.length, lines)
            self._disk.sync(fd)
        ending = (self._ending + lines)[-ENDING_BYTES:]
        cursor = self._at(next_position, before.length + len(lines), ending)
        write_cursor(self._cursor_path, cursor, self._disk)
        self._cursor, self._ending = cursor, ending

    def _take(self) -> tuple[int, int]:
        """Open the output for this process alone; gives the descriptor and the size."""
        if self._path.exists() and not self._path.is_file():
            raise SinkError(f"{self.name} is not a regular file")
        is_new = not self._path.exists()
        fd = self._disk.lock(self._path)
        try:
            if is_new:
                self._disk.sync_directory(self._path.parent)
            return fd, os.fstat(fd).st_size
        except BaseException:
            self._close(fd)
            raise

    def _current(self) -> int:
        """Give the descriptor of the file that has our name now, a new one when it was moved."""
        assert self._fd is not None, "the sink is open"
        try:
            if os.path.samestat(self._path.stat(), os.fstat(self._fd)):
                return self._fd
        except FileNotFoundError:
            pass
        fd, size = self._take()
        try:
            self._begin(fd, size, self._cursor.position)
        except BaseException:
            self._close(fd)
            raise
        old, self._fd = self._fd, fd
        self._close(old)
        return fd

    def _begin(self, fd: int, size: int, position: int) -> None:
        """Start behind what somebody else wrote; the cursor says so before there is a line."""
        ending = self._read(max(size - ENDING_BYTES, 0), size)
        if ending and not ending.endswith(b"\n"):
            self._disk.write_at(fd, size, b"\n")
            self._disk.sync(fd)
            ending, size = (ending + b"\n")[-ENDING_BYTES:], size + 1
        cursor = self._at(position, size, ending)
        write_cursor(self._cursor_path, cursor, self._disk)
        self._cursor, self._ending = cursor, ending

    def _is_ours(self, cursor: Cursor, size: int) -> bool:
        """Tell whether a file is what the cursor describes, and at most a torn write longer."""
        if size < cursor.length or cursor.ending_bytes > cursor.length:
            return False
        ending = self._read(cursor.length - cursor.ending_bytes, cursor.length)
        torn = self._read(cursor.length, min(size, cursor.length + len(LINE_START)))
        # After a loss of power some file systems show zeros in place of what was not written.
        is_torn = LINE_START.startswith(torn.rstrip(b"\0"))
        return is_torn and zlib.crc32(ending) == cursor.ending_crc

    def _at(self, position: int, length: int, ending: bytes) -> Cursor:
        return Cursor(
            sink=self.name,
            position=position,
            length=length,
            ending_bytes=len(ending),
            ending_crc=zlib.crc32(ending),
        )

    def _read(self, start: int, end: int) -> bytes:
        file = OpenFile(self._path)
        try:
            return file.read_at(start, end - start)
        finally:
            file.close()

    def _close(self, fd: int) -> None:
        with contextlib.suppress(OSError):
            self._disk.close(fd)
