"""A file that every notification is appended to exactly once, whatever crashes.

A line is on the disk before the checkpoint goes on. So after a crash at most the last line belongs
to a notification that is given again: an unfinished line is cut off, a finished one recognised.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from anyio import to_thread

_TAIL_BYTES = 65_536
"""Read at once when looking for the beginning of the last line."""


class OutputFile:
    """Lines in a file; for one writer."""

    def __init__(self, path: Path, descriptor: int, last: bytes) -> None:
        """Append behind the last line."""
        self._path = path
        self._descriptor = descriptor
        self._last = last

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncGenerator[Self]:
        """Open a file, creating it where there is none.

        Raises:
            OSError: It cannot be opened, read or cut.
        """
        descriptor = await to_thread.run_sync(
            os.open, path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640
        )
        try:
            yield cls(path, descriptor, await to_thread.run_sync(_repair, descriptor))
        finally:
            os.close(descriptor)

    async def write(self, line: bytes) -> None:
        """Append a line that ends in a line feed, unless it is the last one already.

        Raises:
            OSError: It cannot be written; at most an unfinished line was.
        """
        if line == self._last:
            return
        try:
            await to_thread.run_sync(_append, self._descriptor, line)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._last = line


def _append(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _repair(descriptor: int) -> bytes:
    """Cut an unfinished line off and give the last finished one; nothing when there is none."""
    size = os.fstat(descriptor).st_size
    tail = b""
    start = size
    while start > 0 and tail.count(b"\n") <= 1:  # two line feeds have the last line between them
        start = max(0, start - _TAIL_BYTES)
        tail = os.pread(descriptor, size - start, start)
    end = tail.rfind(b"\n") + 1
    if end < len(tail):
        os.ftruncate(descriptor, start + end)
    return tail[:end].rpartition(b"\n")[0].rpartition(b"\n")[2] + b"\n" if end else b""
