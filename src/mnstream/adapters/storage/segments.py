"""The segment files of a log as their only writer sees them. Everything here blocks.

A commit that fails leaves nothing behind that a reader takes for a record, and may be tried again:

* A write that failed is cut off, and the file is used on.
* A sync that failed leaves nobody knowing what is on the disk: the kernel may have dropped what it
  could not write and report success the next time. So the file is cut off and left alone, and the
  next attempt writes the records again, into a new segment.
* Where cutting off fails as well, the new segment, which begins with the same position, makes the
  remains void.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mnstream.adapters.storage.disk import Disk, OpenFile
from mnstream.adapters.storage.format import (
    SUFFIX,
    Content,
    encode_block,
    encode_metadata,
    segment_name,
)
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.recovery import Recovery, examine
from mnstream.adapters.storage.scanning import naming
from mnstream.adapters.storage.segment_header import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    encode_segment_header,
)
from mnstream.core.records import MetadataRecord
from mnstream.core.values import ConnectionId

_log = logging.getLogger(__name__)

TEMPORARY = ".tmp"
DAMAGED = ".damaged"
"""A segment of which opening could read nothing; kept for people, not looked at again."""

SNAPSHOT_BLOCK_BYTES = 1 << 20
"""Size from which a snapshot goes on in another block, so that nobody has to hold a long one."""

SNAPSHOT_SHARE = 8
"""A segment holds at least this many times the size of its snapshot, however small segments are to
be: with 50,000 streams a snapshot has 15 MB, and must not be most of what is written."""


class Durability(Enum):
    """When a record counts as durable."""

    FSYNC = "fsync"
    """When it would survive a loss of power."""
    WRITE = "write"
    """When it would survive the end of the process."""
    NONE = "none"
    """At once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records to be written together.

    Attributes:
        first_position: Position of the first.
        count: How many they are.
        first_wall_ms: Smallest of their times.
        last_wall_ms: Largest of their times.
        pieces: The records, encoded, in order, in any number of pieces.
        metadata: Those that are metadata, in order.
    """

    first_position: int
    count: int
    first_wall_ms: int
    last_wall_ms: int
    pieces: Sequence[bytes]
    metadata: Sequence[MetadataRecord]


@dataclass(slots=True)
class _Segment:
    """The segment being written."""

    path: Path
    fd: int
    mark: int
    size: int
    blocks_at: int
    """Where the first block begins that is no snapshot."""


_LISTINGS_MAX = 8
"""Files come and go once a second at most; whoever is faster gets what was seen last."""


def segment_paths(directory: Path) -> list[Path]:
    """Give the segment files of a log, in the order of their positions.

    A directory that is listed while a file gets its name may show a later one and not that one. So
    it is listed until two listings agree about what came before the last of the first.
    """
    found = _listed(directory)
    for _ in range(_LISTINGS_MAX):
        again = [path for path in _listed(directory) if path <= found[-1]] if found else found
        if again == found:
            break
        found = again
    return found


def _listed(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if path.stem.isdecimal())


class Segments:
    """Writes batches of records, one after the other; from one thread at a time.

    Attributes:
        next_position: Position of the next record.
        repaired_bytes: Octets of unfinished writes that opening cut off.
        in_force: Metadata in force before ``next_position``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durability: Durability = Durability.FSYNC,
        segment_bytes: int = 64 << 20,
        disk: Disk | None = None,
        make_mark: Callable[[], int] = lambda: secrets.randbits(32),
    ) -> None:
        """Take the lock of a log, create it where there is none, and repair its end.

        Raises:
            LogInUse: Somebody else writes it.
            LogUnreadable: A later version of this program wrote it.
            OSError: The disk refuses.
        """
        self._directory = directory
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._disk = disk or Disk()
        self._make_mark = make_mark
        self._segment: _Segment | None = None
        self._encoded: dict[ConnectionId, tuple[MetadataRecord, bytes]] = {}
        self.next_position = 0
        self.repaired_bytes = 0
        self.in_force = MetadataInForce()
        self._disk.make_directory(directory)
        self._lock = self._disk.lock(directory / "LOCK")
        try:
            self._recover()
        except BaseException:
            self._disk.close(self._lock)
            raise

    def commit(self, batch: Batch) -> None:
        """Make a batch durable, as durable as the log is to be.

        The batch follows the one before without a gap. Whether its file is new or full is
        decided here.

        Raises:
            OSError: It is not durable, and not in the log; try again.
        """
        assert batch.first_position == self.next_position
        segment = self._segment
        if segment is None or self._is_full(segment):
            segment = self._begin_segment(batch)
        block = encode_block(
            batch.pieces,
            first_position=batch.first_position,
            count=batch.count,
            first_wall_ms=batch.first_wall_ms,
            last_wall_ms=batch.last_wall_ms,
            content=Content.MIXED if batch.metadata else Content.FRAMES,
            mark=segment.mark,
        )
        try:
            self._disk.write_at(segment.fd, segment.size, block)
        except OSError:
            try:
                self._disk.truncate(segment.fd, segment.size)
            except OSError:
                self._abandon(segment)
            raise
        if self._durability is Durability.FSYNC:
            try:
                self._disk.sync(segment.fd)
            except OSError:
                self._abandon(segment)
                raise
        segment.size += len(block)
        self.next_position += batch.count
        for record in batch.metadata:
            self.in_force.apply(record)

    def close(self) -> None:
        """Close the files and give the lock back. Never raises."""
        segment = self._segment
        with contextlib.suppress(OSError):
            if segment is not None:
                if self._durability is not Durability.NONE:
                    self._disk.sync(segment.fd)
                self._disk.close(segment.fd)
        self._segment = None
        with contextlib.suppress(OSError):
            self._disk.close(self._lock)

    def _is_full(self, segment: _Segment) -> bool:
        snapshot_bytes = segment.blocks_at - SEGMENT_HEADER_BYTES
        least = max(self._segment_bytes, SNAPSHOT_SHARE * snapshot_bytes)
        return segment.size - segment.blocks_at >= least

    def _abandon(self, segment: _Segment) -> None:
        with contextlib.suppress(OSError):
            self._disk.truncate(segment.fd, segment.size)
        with contextlib.suppress(OSError):
            self._disk.close(segment.fd)
        self._segment = None

    def _begin_segment(self, batch: Batch) -> _Segment:
        """Make the file whole under another name, so that no segment lacks its beginning."""
        path = self._directory / segment_name(batch.first_position)
        temporary = path.with_suffix(TEMPORARY)
        mark = self._make_mark()
        header = SegmentHeader(batch.first_position, batch.first_wall_ms, mark)
        beginning = encode_segment_header(header)
        beginning += b"".join(self._snapshot(batch.first_position, mark))
        try:
            self._write_whole(temporary, beginning)
            self._disk.rename(temporary, path)
            if self._durability is Durability.FSYNC:
                self._disk.sync_directory(self._directory)
            fd = self._disk.open(path)
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.remove(temporary)
            raise
        if self._segment is not None:
            with contextlib.suppress(OSError):  # every commit to it was made durable
                self._disk.close(self._segment.fd)
        self._segment = _Segment(path, fd, mark, len(beginning), len(beginning))
        return self._segment

    def _write_whole(self, path: Path, data: bytes) -> None:
        fd = self._disk.create(path)
        try:
            self._disk.write_at(fd, 0, data)
            if self._durability is Durability.FSYNC:
                self._disk.sync(fd)
        finally:
            self._disk.close(fd)

    def _snapshot(self, position: int, mark: int) -> Iterator[bytes]:
        """Encode the metadata in force; what has not changed since the last time is kept."""
        known = self._encoded
        self._encoded = {}
        waiting: list[tuple[int, bytes]] = []
        size = 0
        for record in self.in_force.records():
            before, encoded = known.get(record.connection_id, (None, b""))
            if before is not record:
                encoded = encode_metadata(record)
            self._encoded[record.connection_id] = (record, encoded)
            waiting.append((record.wall_ms, encoded))
            size += len(encoded)
            if size >= SNAPSHOT_BLOCK_BYTES:
                yield _snapshot_block(waiting, position, mark)
                waiting, size = [], 0
        if waiting:
            yield _snapshot_block(waiting, position, mark)

    def _recover(self) -> None:
        for leftover in self._directory.glob(f"*{TEMPORARY}"):
            self._disk.remove(leftover)
        paths = segment_paths(self._directory)
        while paths:
            path = paths.pop()
            file = OpenFile(path)
            try:
                size = file.size
                with naming(path):
                    found = examine(file)
            finally:
                file.close()
            if found.next_position is None:
                self.repaired_bytes += size
                self._set_aside(path, size)
                continue
            self._continue(path, size, found)
            return

    def _set_aside(self, path: Path, size: int) -> None:
        """Take a file of which nothing can be read out of the log."""
        if size <= SEGMENT_HEADER_BYTES:
            self._disk.remove(path)  # not even one record ever fitted in
        else:
            _log.warning("%s: nothing of it can be read; it is kept as %s", path, DAMAGED)
            self._disk.rename(path, path.with_suffix(DAMAGED))

    def _continue(self, path: Path, size: int, found: Recovery) -> None:
        assert found.next_position is not None
        self.next_position = found.next_position
        self.in_force = found.in_force
        fd = self._disk.open(path)
        if size > found.end:
            if found.is_damaged:
                _log.warning(
                    "%s at %d: %d octets are damaged and no unfinished write; they are cut off, "
                    "and position %d is given again",
                    *(path, found.end, size - found.end, found.next_position),
                )
            self._disk.truncate(fd, found.end)
            self._disk.sync(fd)
            self.repaired_bytes += size - found.end
        if found.header is None:
            self._disk.close(fd)  # readable, but nothing is added to a damaged file
        else:
            self._segment = _Segment(path, fd, found.header.mark, found.end, found.blocks_at)


def _snapshot_block(records: Sequence[tuple[int, bytes]], position: int, mark: int) -> bytes:
    return encode_block(
        (encoded for _, encoded in records),
        first_position=position,
        count=len(records),
        first_wall_ms=min(wall_ms for wall_ms, _ in records),
        last_wall_ms=max(wall_ms for wall_ms, _ in records),
        content=Content.SNAPSHOT,
        mark=mark,
    )
