"""Lines of a file or a pipe, as they come, each with the place where it ends."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from io import IOBase
from typing import Final, Protocol

import anyio
from anyio import to_thread

LINE_BYTES_MAX: Final = 1_048_576
_CHUNK_BYTES: Final = 65_536


class Readable(Protocol):
    """What ``open(path, "rb")``, ``sys.stdin.buffer`` and ``io.BytesIO`` are."""

    def read1(self, size: int, /) -> bytes:
        """Return what there is, at least one byte, or nothing at the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line.

    Attributes:
        number: From 1 for the first line that was read.
        end: Place behind the line, in bytes from the beginning of the file.
        text: Without its line feed; None when it is longer than a line may be.
    """

    number: int
    end: int
    text: bytes | None


async def lines_of(
    file: Readable, *, offset: int = 0, line_bytes_max: int = LINE_BYTES_MAX
) -> AsyncGenerator[Line]:
    """Read lines until the end; what stands behind the last line feed is a line, too.

    Safe to cancel while it waits. What a pipe gave by then is lost; a file can be read again from
    the ``end`` of the last line. A pipe or a terminal is not read before it has something, so that
    no thread is left behind that nobody can interrupt; what somebody else has put into a buffer of
    ``file`` before would not count.

    Args:
        file: Where to read; at ``offset`` already.
        offset: Place in the file.
        line_bytes_max: Bytes of a line, and of memory.

    Raises:
        OSError: It cannot be read.
    """
    cutter = _Cutter(offset, line_bytes_max)
    awaited = _awaited(file)
    while True:
        if awaited is not None:
            await anyio.wait_readable(awaited)
        # Abandoned when cancelled: nobody can interrupt a read that waits after all.
        chunk = await to_thread.run_sync(file.read1, _CHUNK_BYTES, abandon_on_cancel=True)
        for line in cutter.cut(chunk) if chunk else cutter.finish():
            yield line
        if not chunk:
            return


def _awaited(file: Readable) -> int | None:
    """Return the descriptor of a file that can keep its reader waiting and that can be polled."""
    if sys.platform == "win32" or not isinstance(file, IOBase):
        return None  # Windows polls sockets only
    try:
        descriptor = file.fileno()
        mode = os.fstat(descriptor).st_mode
    except OSError:  # in memory
        return None
    waits = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)
    return descriptor if waits else None


class _Cutter:
    """Cuts chunks into lines."""

    def __init__(self, offset: int, line_bytes_max: int) -> None:
        self._number = 0
        self._end = offset
        self._most = line_bytes_max
        self._begun = bytearray()
        self._dropped = 0

    def cut(self, chunk: bytes) -> Iterator[Line]:
        *parts, rest = chunk.split(b"\n")
        for part in parts:
            self._add(part)
            yield self._line(feed=1)
        self._add(rest)

    def finish(self) -> Iterator[Line]:
        if self._begun or self._dropped:
            yield self._line(feed=0)

    def _add(self, part: bytes) -> None:
        if self._dropped or len(self._begun) + len(part) > self._most:
            self._dropped += len(self._begun) + len(part)
            self._begun.clear()
        else:
            self._begun += part

    def _line(self, *, feed: int) -> Line:
        self._number += 1
        self._end += len(self._begun) + self._dropped + feed
        text = None if self._dropped else bytes(self._begun)
        self._begun.clear()
        self._dropped = 0
        return Line(number=self._number, end=self._end, text=text)
