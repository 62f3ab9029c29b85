"""Reading a log, its own directory or single segment files of it, also while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.errors import Damaged, LogUnreadable
from mnstream.adapters.storage.format import BlockHead, Content, SegmentHeader, decode_body
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.scanning import Block, DamagedBytes, scan_blocks, scan_header
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.records import ConnectionEstablished, FrameStored, Record


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log.

    Attributes:
        position: Its position.
        record: What was stored.
        connection: For a frame, its connection with the streams that were in force when it
            arrived; None when damage swallowed them, and for metadata records.
    """

    position: int
    record: Record
    connection: ConnectionEstablished | None


@dataclass(frozen=True, slots=True)
class Hole:
    """Records that cannot be read.

    Attributes:
        path: File in which they are, or after which they should be.
        offset: Where the damage begins in it.
        first_position: Position of the first of them.
        last_position: Position of the last of them; None when nobody knows.
        reason: What is wrong, for people.
    """

    path: Path
    offset: int
    first_position: int
    last_position: int | None
    reason: str

    def __str__(self) -> str:
        """Say all of it in one line."""
        last = "?" if self.last_position is None else self.last_position
        records = f"records {self.first_position} to {last}"
        return f"{self.path} at {self.offset}: {records}: {self.reason}"


class LogReader:
    """Gives the records of a log in order; each call of ``entries`` reads again.

    Reads without a lock. A record that becomes durable while a call runs may be given or not. An
    unfinished write at the end is the end, and no damage.
    """

    def __init__(self, path: Path) -> None:
        """Name a log: its directory, or one segment file.

        Raises:
            LogUnreadable: There is nothing of the kind.
        """
        self._path = path
        if not path.exists():
            raise LogUnreadable(f"{path}: no such file or directory")
        if path.is_dir() and not segment_paths(path) and not (path / "LOCK").exists():
            raise LogUnreadable(f"{path}: not a log")

    def entries(
        self,
        *,
        from_position: int = 0,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Iterator[Entry | Hole]:
        """Give records and holes in the order of their positions.

        Args:
            from_position: Only what is at this position or later; segments before it are not
                opened.
            since_ms: Only records of this time or later, in milliseconds since the Unix epoch.
            until_ms: Only records before this time. Blocks of frames outside are passed over
                unread. When the records in a hole were received is unknown: all holes are given.

        Raises:
            LogUnreadable: A later version of this program wrote it, or a file is no segment.
            OSError: A file cannot be read.
        """
        wanted = _Range(
            from_position,
            -1 if since_ms is None else since_ms,
            1 << 64 if until_ms is None else until_ms,
        )
        paths = segment_paths(self._path) if self._path.is_dir() else [self._path]
        state = _State(wanted)
        for number, path in enumerate(paths):
            last = number == len(paths) - 1
            end = None if last else int(paths[number + 1].stem)
            if end is not None and end <= from_position:
                continue
            file = OpenFile(path)
            try:
                yield from state.segment(path, file, end)
            finally:
                file.close()


@dataclass(frozen=True, slots=True)
class _Range:
    """What a caller asked for; the ends are excluded."""

    from_position: int
    since_ms: int
    until_ms: int

    def block(self, head: BlockHead) -> bool:
        """Tell whether a block has to be read; metadata always has to."""
        return head.content is not Content.FRAMES or (
            head.first_position + head.count > self.from_position
            and head.last_wall_ms >= self.since_ms
            and head.first_wall_ms < self.until_ms
        )

    def record(self, position: int, wall_ms: int) -> bool:
        """Tell whether a record is asked for."""
        return position >= self.from_position and self.since_ms <= wall_ms < self.until_ms


class _State:
    """Where a reader is, from one segment to the next."""

    def __init__(self, wanted: _Range) -> None:
        self._wanted = wanted
        self._in_force = MetadataInForce()
        self._expected: int | None = None

    def segment(self, path: Path, file: OpenFile, end: int | None) -> Iterator[Entry | Hole]:
        """Read one segment; records from position ``end`` on are void, None where none are."""
        header, offset = scan_header(file.read_at)
        if self._expected is None:
            self._expected = _first_position(path, header)
        size = file.size
        readable = header is not None
        damage: int | None = None
        for part in scan_blocks(
            file.read_at,
            size,
            start=offset,
            mark=None if header is None else header.mark,
            wanted=self._wanted.block,
        ):
            if isinstance(part, DamagedBytes):
                damage = part.offset
                continue
            readable = True
            if part.head.content is Content.SNAPSHOT:
                self._take_snapshot(part)
                continue
            if end is not None and part.head.first_position >= end:
                continue
            yield from self._gap(path, part.offset, damage, part.head.first_position)
            damage = None
            yield from self._block(path, part)
        if end is not None:
            yield from self._gap(path, size, damage, end)
        elif not readable:
            yield from self._unreadable(path)

    def _take_snapshot(self, block: Block) -> None:
        """Learn what a hole may have swallowed; whatever is known already stays."""
        for record in _decode(block) or ():
            if not isinstance(record, FrameStored):
                self._in_force.apply(record)

    def _gap(self, path: Path, offset: int, damage: int | None, position: int) -> Iterator[Hole]:
        """Name what is missing before ``position``, which is at ``offset``."""
        expected = self._expected
        self._expected = max(position, expected or 0)
        if expected is not None and max(expected, self._wanted.from_position) < position:
            if damage is None:
                yield Hole(path, offset, expected, position - 1, "missing")
            else:
                yield Hole(path, damage, expected, position - 1, "damaged")

    def _unreadable(self, path: Path) -> Iterator[Hole]:
        if self._expected is None:
            raise LogUnreadable(f"{path}: not a segment of a log")
        yield Hole(path, 0, self._expected, None, "the whole file is damaged")

    def _block(self, path: Path, block: Block) -> Iterator[Entry | Hole]:
        first = block.head.first_position
        following = first + block.head.count
        given = self._expected or 0  # nothing is given twice, whatever the files say
        self._expected = max(following, given)
        if block.body is None:
            return
        records = _decode(block)
        if records is None:
            yield Hole(path, block.offset, first, following - 1, "not records")
            return
        for position, record in enumerate(records, first):
            connection = None
            if isinstance(record, FrameStored):
                connection = self._in_force.connection(record.streams_version)
            else:
                self._in_force.apply(record)
            if position >= given and self._wanted.record(position, record.wall_ms):
                yield Entry(position, record, connection)


def _first_position(path: Path, header: SegmentHeader | None) -> int | None:
    if header is not None:
        return header.first_position
    return int(path.stem) if path.stem.isdecimal() else None


def _decode(block: Block) -> list[Record] | None:
    assert block.body is not None
    try:
        return decode_body(block.head, block.body)
    except Damaged:
        return None
