"""Follows a log that another process writes, across restarts of both (a capture).

Nobody tells how far such a log is durable. So what was read is synced by the reader before it is
given: then a loss of power cannot take it back and give its positions to other records. A log may
nevertheless be deleted, replaced or restored from an older copy; then its positions mean something
else. That shows in the random mark of the segment that was being read, and in the block of it that
was read last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.errors import LogUnreadable, StorageError
from mnstream.adapters.storage.format import (
    BLOCK_HEAD_BYTES,
    SUFFIX,
    decode_block_head,
    segment_name,
)
from mnstream.adapters.storage.recovery import examine
from mnstream.adapters.storage.scanning import naming, scan_header
from mnstream.adapters.storage.segments import segment_paths
from mnstream.adapters.storage.tail import Batch, LogTail, TailSegment, first_position

_EVERYTHING = 1 << 62
_CANNOT_SYNC = (errno.EINVAL, errno.EROFS, errno.ENOTSUP)  # what cannot be written is as it was


class CaptureChanged(StorageError):
    """What is being followed was deleted, replaced or cut off; take it up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far a capture was read.

    Attributes:
        position: Position of the next record.
        segment: First position of the segment that was read last; None before the first.
        mark: The mark in its header; None when that is damaged.
        block: Where the block that was read last begins in it; None before the first.
        crc: The CRC of that block.
    """

    position: int = 0
    segment: int | None = None
    mark: int | None = None
    block: int | None = None
    crc: int | None = None


class CaptureTail:
    """Reads a capture forwards. Blocks; for one thread at a time.

    Attributes:
        is_another: Whether there is another capture than that of the place; then reading begins
            with its first record.
        is_rewritten: Whether the end of the segment is not what was read; then all of the segment
            is given again, because nobody knows which of its positions were given twice.
    """

    def __init__(self, path: Path, place: Place | None = None) -> None:
        """Open a capture where reading is to go on.

        Args:
            path: Its directory, or a single segment file.
            place: Where; None for its beginning.

        Raises:
            LogUnreadable: It is none, or a later version of this program wrote it.
            OSError: It cannot be read.
        """
        place = place or Place()
        if path.is_file():
            _check_segment(path)
        segment = _segment_of(path, place)
        self.is_another = not (segment or _is_left_behind(path, place))
        self.is_rewritten = segment is not None and not _has_block(segment, place)
        position = 0 if self.is_another else place.position
        if self.is_rewritten:
            position = min(position, place.segment or 0)
        self._tail = LogTail(path, position, foreign=True)

    def read(self) -> Batch:
        """Give what is new, about a mebibyte of it; nothing when there is nothing to read yet.

        When it raises, how far it came is unknown: close it and begin with the last place.

        Raises:
            CaptureChanged: It was deleted, replaced or cut off.
            LogUnreadable: A later version of this program wrote it.
            OSError: A file cannot be read.
        """
        self._check_unchanged()
        batch = self._tail.read(_EVERYTHING)
        segment = self._tail.segment
        # Segments before it are durable: none is begun while the one before is not.
        if segment is not None and batch.entries:
            _sync(segment.file.fd)
        return batch

    def place(self, position: int) -> Place:
        """Describe a position up to the one that reading has come to."""
        segment = self._tail.segment
        if segment is None:
            return Place(position=position)
        block, crc = segment.last or (None, None)
        return Place(
            position=position,
            segment=segment.first_position,
            mark=None if segment.header is None else segment.header.mark,
            block=block,
            crc=crc,
        )

    @property
    def position(self) -> int:
        """Position of the next record."""
        return self._tail.position

    def close(self) -> None:
        """Close the file."""
        self._tail.close()

    def _check_unchanged(self) -> None:
        segment = self._tail.segment
        if segment is None:
            return
        path, opened = segment.path, segment.file.state
        try:
            present = path.stat()
        except FileNotFoundError as error:
            if _has_later(segment):
                return  # somebody deletes old segments
            raise CaptureChanged(f"{path} was deleted") from error
        if not os.path.samestat(present, opened):
            raise CaptureChanged(f"{path} was replaced")
        if present.st_size < segment.offset:
            raise CaptureChanged(f"{path} was cut off behind what was read")


def is_capture(path: Path) -> bool:
    """Tell whether a path is a log, or by its name a single segment file."""
    if path.is_dir():
        return (path / "LOCK").exists() or bool(segment_paths(path))
    return path.suffix == SUFFIX and path.is_file()


def _sync(fd: int) -> None:
    """Return when what a file holds would survive a loss of power."""
    if sys.platform == "win32":
        return  # nobody may sync there what they opened for reading
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def _has_later(segment: TailSegment) -> bool:
    paths = segment_paths(segment.path.parent)
    return any(int(path.stem) > segment.first_position for path in paths)


def _segment_of(path: Path, place: Place) -> Path | None:
    """Find the segment of a place; None when it is not there, or another one has its name."""
    if place.segment is None:
        return None
    segment = path / segment_name(place.segment) if path.is_dir() else path
    if not segment.exists():
        return None
    with _opened(segment) as file:
        header = scan_header(file.read_at)[0]
    if header is None or place.mark is None:
        return segment if first_position(segment, header) == place.segment else None
    found = (header.first_position, header.mark)
    return segment if found == (place.segment, place.mark) else None


def _is_left_behind(path: Path, place: Place) -> bool:
    """Tell whether a place without its segment may be one of this capture all the same."""
    if place.segment is None:
        return place.position == 0
    if not path.is_dir() or (path / segment_name(place.segment)).exists():
        return False
    # Somebody deletes old segments.
    return any(int(each.stem) > place.segment for each in segment_paths(path))


def _has_block(segment: Path, place: Place) -> bool:
    if place.block is None:
        return True
    with _opened(segment) as file:
        head = decode_block_head(file.read_at(place.block, BLOCK_HEAD_BYTES))
    return head is not None and head.crc32 == place.crc


def _check_segment(path: Path) -> None:
    with _opened(path) as file:
        found = examine(file)
    if found.next_position is None:
        raise LogUnreadable(f"{path}: not a segment of a log")


@contextlib.contextmanager
def _opened(path: Path) -> Generator[OpenFile]:
    file = OpenFile(path)
    try:
        with naming(path):
            yield file
    finally:
        file.close()
