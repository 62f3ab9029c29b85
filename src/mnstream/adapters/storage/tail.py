"""Follows a log that is being written, from any position, reading each block once.

``LogReader`` begins anew with each call; on a segment of 300,000 small blocks that takes seconds.

In its writer's process it must be told how far the log is durable, and gives nothing behind that.
What is not durable may vanish, and its position may be given to another record. For a log that
another process writes there is ``following.CaptureTail``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnstream.adapters.storage.entries import Entry, Hole
from mnstream.adapters.storage.errors import Damaged
from mnstream.adapters.storage.format import (
    BlockHead,
    Content,
    UnknownRecord,
    decode_body,
    position_named,
)
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.scanning import (
    Block,
    DamagedBytes,
    naming,
    scan_blocks,
    scan_header,
)
from mnstream.adapters.storage.segment_header import SegmentHeader
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.records import FrameStored, Record

BATCH_BYTES = 1 << 20
"""Size of blocks from which a batch is full; one block of any size is always read whole."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read.

    Attributes:
        entries: Records and holes, in order.
        next_position: Position behind all of them.
        is_full: Whether there is probably more.
    """

    entries: Sequence[Entry | Hole]
    next_position: int
    is_full: bool


class UnbufferedFile:
    """A file open for reading at any offset, unbuffered.

    What a buffer holds of the end of a file may have been cut off and written anew since.
    """

    def __init__(self, path: Path) -> None:
        """Open it."""
        self._file = path.open("rb", buffering=0)

    @property
    def state(self) -> os.stat_result:
        """What the system knows of it at present, whatever name it has by now."""
        return os.fstat(self._file.fileno())

    @property
    def fd(self) -> int:
        """Its descriptor."""
        return self._file.fileno()

    def read_at(self, offset: int, count: int) -> bytes:
        """Give up to ``count`` octets from ``offset``; fewer only at the end."""
        self._file.seek(offset)
        return self._file.read(count)

    def close(self) -> None:
        """Close it."""
        self._file.close()


@dataclass(slots=True)
class TailSegment:
    """The segment being read.

    Attributes:
        path: Its file.
        file: The same, open: retention may delete it meanwhile.
        header: None when it is damaged.
        offset: Where the next block begins.
        last: The block that was read last, where it begins and its CRC; None before the first.
        doubted: Octets that looked damaged when they were read last.
        useless: Size and time of the last change when nothing could be read at ``offset``.
    """

    path: Path
    file: UnbufferedFile
    header: SegmentHeader | None
    offset: int
    last: tuple[int, int] | None = None
    doubted: DamagedBytes | None = None
    useless: tuple[int, int] = (0, 0)

    @property
    def first_position(self) -> int:
        """Position of its first record, as far as that is known."""
        return first_position(self.path, self.header)


class LogTail:
    """Reads a log forwards. Blocks; for one thread at a time."""

    def __init__(self, path: Path, position: int, *, foreign: bool = False) -> None:
        """Name a log and the first record that is wanted; opens nothing.

        Where retention deleted that record, reading begins with the first that is left, and a hole
        tells of the others unless ``position`` is 0.

        Args:
            path: Its directory, or a single segment file.
            position: Position of the first record that is wanted.
            foreign: Another process writes it. Then damage in the last segment is believed when it
                is found a second time: its writer may have been cutting off the end and writing it
                anew while we read.
        """
        self._path = path
        self._position = position
        self._foreign = foreign
        self._segment: TailSegment | None = None
        self._in_force = MetadataInForce()

    @property
    def position(self) -> int:
        """Position of the next record."""
        return self._position

    @property
    def segment(self) -> TailSegment | None:
        """The segment being read; None before the first."""
        return self._segment

    def read(self, durable_position: int) -> Batch:
        """Give records up to ``durable_position``, about a mebibyte of them.

        A batch without entries that is not full means that there is nothing to read yet.

        Raises:
            LogUnreadable: A later version of this program wrote it.
            OSError: A file cannot be read.
        """
        entries: list[Entry | Hole] = []
        budget = BATCH_BYTES
        while self._position <= durable_position:
            # Listed first: when another segment exists, this one has all that it will ever have.
            paths = segment_paths(self._path) if self._path.is_dir() else [self._path]
            if self._segment is None:
                path = self._segment_of(paths)
                if path is None:
                    break
                self._enter(path)
            assert self._segment is not None
            self._position = self._position or self._segment.first_position
            following = _following(paths, self._segment.path)
            budget -= self._read_segment(
                self._segment, following, durable_position, entries, budget
            )
            if budget <= 0:
                return Batch(entries, self._position, is_full=True)
            if following is None or int(following.stem) > durable_position:
                break
            self._enter(following)
        return Batch(entries, self._position, is_full=False)

    def close(self) -> None:
        """Close the file."""
        if self._segment is not None:
            self._segment.file.close()
            self._segment = None

    def _segment_of(self, paths: Sequence[Path]) -> Path | None:
        """Choose the segment that holds the next record, or the first one that is left."""
        if len(paths) <= 1:
            return paths[0] if paths else None
        before = [path for path in paths if int(path.stem) <= self._position]
        return before[-1] if before else paths[0]

    def _enter(self, path: Path) -> None:
        self.close()
        file = UnbufferedFile(path)
        try:
            with naming(path):
                header, offset = scan_header(file.read_at)
        except BaseException:
            file.close()
            raise
        self._segment = TailSegment(path, file, header, offset)

    def _read_segment(
        self,
        segment: TailSegment,
        following: Path | None,
        durable_position: int,
        entries: list[Entry | Hole],
        budget: int,
    ) -> int:
        """Read on in a segment and return the size of what was read."""
        state = segment.file.state
        size, stamp = state.st_size, (state.st_size, state.st_mtime_ns)
        end = None if following is None else int(following.stem)
        begun = segment.offset
        damage: int | None = None
        if following is None and stamp == segment.useless:
            return 0
        for part in self._blocks(segment, size):
            if isinstance(part, DamagedBytes):
                # At the end of the last segment it may be half of a write that is under way.
                if following is not None:
                    damage = part.offset
                elif part.end == size:
                    segment.useless = stamp
                elif self._foreign and part != segment.doubted:
                    segment.doubted = part
                    break
                else:
                    damage = part.offset
                continue
            head = part.head
            if head.content is Content.SNAPSHOT:
                self._take_snapshot(part)
            elif head.content is Content.OTHER:
                pass  # of a later program, and without positions
            elif end is not None and head.first_position >= end:
                pass  # void: it could not be made durable and was written again
            elif head.first_position + head.count - 1 > durable_position:
                return segment.offset - begun
            else:
                self._gap(segment.path, part.offset, damage, head.first_position, entries)
                damage = None
                self._block(segment.path, part, entries)
            segment.offset, segment.last = part.end, (part.offset, head.crc32)
            if segment.offset - begun >= budget:
                return segment.offset - begun
        if end is not None:
            self._gap(segment.path, size, damage, min(end, durable_position + 1), entries)
        return segment.offset - begun

    def _blocks(self, segment: TailSegment, size: int) -> Iterable[Block | DamagedBytes]:
        mark = None if segment.header is None else segment.header.mark
        return scan_blocks(
            segment.file.read_at, size, start=segment.offset, mark=mark, wanted=self._is_wanted
        )

    def _is_wanted(self, head: BlockHead, _first_ms: int, _last_ms: int) -> bool:
        if head.content is not Content.FRAMES:
            return True
        return head.first_position + head.count > self._position

    def _take_snapshot(self, block: Block) -> None:
        for record in _decode(block) or ():
            if not isinstance(record, FrameStored | UnknownRecord):
                self._in_force.apply(record)

    def _gap(
        self,
        path: Path,
        offset: int,
        damage: int | None,
        position: int,
        entries: list[Entry | Hole],
    ) -> None:
        """Name what is missing before ``position``, which is at ``offset``."""
        if self._position < position:
            where, reason = (offset, "missing") if damage is None else (damage, "damaged")
            entries.append(Hole(path, where, self._position, position - 1, reason))
            self._position = position

    def _block(self, path: Path, block: Block, entries: list[Entry | Hole]) -> None:
        first = block.head.first_position
        wanted_from = self._position
        following = first + block.head.count
        self._position = max(following, wanted_from)
        if block.body is None:
            return
        records = _decode(block)
        if records is None:
            entries.append(Hole(path, block.offset, first, following - 1, "not records"))
            return
        for position, record in enumerate(records, first):
            if isinstance(record, UnknownRecord):
                continue
            connection = None
            if isinstance(record, FrameStored):
                connection = self._in_force.connection(record.streams_version)
            else:
                self._in_force.apply(record)
            if position >= wanted_from:
                entries.append(Entry(position, record, connection))


def _following(paths: Sequence[Path], path: Path) -> Path | None:
    if paths == [path]:
        return None
    return next((other for other in paths if int(other.stem) > int(path.stem)), None)


def first_position(path: Path, header: SegmentHeader | None) -> int:
    """Give the position of the first record of a segment; 0 when nobody knows."""
    if header is not None:
        return header.first_position
    return position_named(path) or 0


def _decode(block: Block) -> list[Record | UnknownRecord] | None:
    if block.body is None:
        return None
    try:
        return decode_body(block.head, block.body)
    except Damaged:
        return None
