"""Reading a log, its own directory or single segment files of it, also while it is written."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.entries import Entry, FrameRun, Hole
from mnstream.adapters.storage.errors import Damaged, LogUnreadable
from mnstream.adapters.storage.format import (
    WALL_MS_MAX,
    BlockHead,
    Content,
    UnknownRecord,
    decode_body,
    decode_items,
    decode_records,
    decode_untagged,
    position_named,
)
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.scanning import (
    Block,
    DamagedBytes,
    is_unfinished,
    naming,
    positions_until,
    scan_blocks,
    scan_header,
)
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.records import FrameStored, Record


class LogReader:
    """Gives the records of a log in order; each call of ``entries`` or ``runs`` reads again.

    Reads without a lock. A record that becomes durable while a call runs may be given or not. An
    unfinished write at the end is the end, and no damage. What cannot be one is a hole.

    Attributes:
        bytes_read: How far the last call has come, in octets of ``size``; what it passed over
            counts as read.
        unknown_records: How many records the last call has passed over because a later program
            added their kind, by kind.
    """

    def __init__(self, path: Path) -> None:
        """Name a log: its directory, or one segment file.

        Raises:
            LogUnreadable: There is nothing of the kind.
        """
        self._path = path
        self.bytes_read = 0
        self.unknown_records: Counter[int] = Counter()
        if not path.exists():
            raise LogUnreadable(f"{path}: no such file or directory")
        if path.is_dir() and not segment_paths(path) and not (path / "LOCK").exists():
            raise LogUnreadable(f"{path}: not a log")

    @property
    def size(self) -> int:
        """Octets of the log as it is now.

        Raises:
            OSError: A file cannot be looked at.
        """
        return sum(path.stat().st_size for path in self._paths())

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
        parts = self.runs(from_position=from_position, since_ms=since_ms, until_ms=until_ms)
        for part in parts:
            if isinstance(part, FrameRun):
                yield from part.entries()
            else:
                yield part

    def runs(
        self,
        *,
        from_position: int = 0,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Iterator[Entry | Hole | FrameRun]:
        """Give the same as ``entries``, with blocks of delivered frames as what they are."""
        self.bytes_read = 0
        self.unknown_records = Counter()
        wanted = _Range(
            from_position,
            -1 if since_ms is None else since_ms,
            1 << 64 if until_ms is None else until_ms,
        )
        paths = self._paths()
        state = _State(wanted, self.unknown_records)
        passed = 0
        for number, path in enumerate(paths):
            last = number == len(paths) - 1
            end = None if last else int(paths[number + 1].stem)
            if end is not None and end <= from_position:
                passed += path.stat().st_size
                continue
            file = OpenFile(path)
            try:
                for part in state.segment(path, file, end):
                    self.bytes_read = passed + state.offset
                    yield part
                passed += file.size
                self.bytes_read = passed
            finally:
                file.close()

    def _paths(self) -> list[Path]:
        return segment_paths(self._path) if self._path.is_dir() else [self._path]


@dataclass(frozen=True, slots=True)
class _Range:
    """What a caller asked for; the ends are excluded."""

    from_position: int
    since_ms: int
    until_ms: int

    def block(self, head: BlockHead, first_ms: int, last_ms: int) -> bool:
        """Tell whether a block of these times has to be read; metadata always has to."""
        return head.content is not Content.FRAMES or (
            head.first_position + head.count > self.from_position
            and last_ms >= self.since_ms
            and first_ms < self.until_ms
        )

    def run(self, first_position: int, wall_ms: Sequence[int]) -> bool:
        """Tell whether each of some records is asked for."""
        return first_position >= self.from_position and (
            self.since_ms <= min(wall_ms) and max(wall_ms) < self.until_ms
        )

    def record(self, position: int, wall_ms: int) -> bool:
        """Tell whether a record is asked for."""
        return position >= self.from_position and self.since_ms <= wall_ms < self.until_ms


class _State:
    """Where a reader is, from one segment to the next.

    Attributes:
        offset: How far it is in its segment.
    """

    def __init__(self, wanted: _Range, unknown: Counter[int]) -> None:
        self.offset = 0
        self._wanted = wanted
        self._unknown = unknown
        self._in_force = MetadataInForce()
        self._expected: int | None = None

    def segment(
        self, path: Path, file: OpenFile, end: int | None
    ) -> Iterator[Entry | Hole | FrameRun]:
        """Read one segment; records from position ``end`` on are void, None where none are."""
        with naming(path):
            header, offset = scan_header(file.read_at)
        if self._expected is None:
            self._expected = position_named(path) if header is None else header.first_position
        size = file.size
        mark = None if header is None else header.mark
        damage: DamagedBytes | None = None
        for part in scan_blocks(
            file.read_at, size, start=offset, mark=mark, wanted=self._wanted.block
        ):
            if isinstance(part, DamagedBytes):
                damage = damage or part
                continue
            mark = part.head.mark
            self.offset = part.end
            position = part.head.first_position
            is_void = end is not None and position >= end
            if part.body is None and position == self._expected and not is_void:
                # The usual way through what is not wanted.
                self._expected = position + part.head.count
                damage = None
                continue
            content = part.head.content
            if content is Content.SNAPSHOT:
                self._take_snapshot(part)
                damage = None  # there are no records before it
            if self._expected is None:
                # Nobody knows what stood before the first good block, but for a snapshot.
                self._expected = position if content is Content.SNAPSHOT else 0
            if is_void or content not in (Content.FRAMES, Content.MIXED):
                continue
            yield from self._gap(path, part.offset, damage, position)
            damage = None
            yield from self._block(path, part)
        if end is not None:
            yield from self._gap(path, size, damage, end)
        elif mark is None:
            yield from self._unreadable(path)
        elif damage is not None:
            yield from self._end(path, file, damage, size, mark)

    def _take_snapshot(self, block: Block) -> None:
        """Learn what a hole may have swallowed; whatever is known already stays."""
        assert block.body is not None
        with contextlib.suppress(Damaged):
            for record in decode_body(block.head, block.body):
                if isinstance(record, UnknownRecord):
                    self._unknown[record.kind] += 1
                elif not isinstance(record, FrameStored):
                    self._in_force.apply(record)

    def _gap(
        self, path: Path, offset: int, damage: DamagedBytes | None, position: int
    ) -> Iterator[Hole]:
        """Name what is missing before ``position``, which is at ``offset``."""
        expected = self._expected
        self._expected = max(position, expected or 0)
        if expected is not None and max(expected, self._wanted.from_position) < position:
            if damage is None:
                yield Hole(path, offset, expected, position - 1, "missing")
            else:
                yield Hole(path, damage.offset, expected, position - 1, "damaged")

    def _end(
        self, path: Path, file: OpenFile, damage: DamagedBytes, size: int, mark: int
    ) -> Iterator[Hole]:
        """Name what is missing behind the last record, unless it was never wholly written."""
        if damage.end == size and is_unfinished(file.read_at, size, damage.offset, mark):
            return
        again = scan_blocks(file.read_at, file.size, start=damage.offset, mark=mark)
        if next(again, None) != damage:
            return  # the writer cut it off, or wrote it anew, while we read
        expected = self._expected or 0
        behind = positions_until(file.read_at, size, damage.offset, mark, expected)
        if behind is None or behind > self._wanted.from_position:
            last = None if behind is None else behind - 1
            yield Hole(path, damage.offset, expected, last, "damaged")

    def _unreadable(self, path: Path) -> Iterator[Hole]:
        if self._expected is None:
            raise LogUnreadable(f"{path}: not a segment of a log")
        yield Hole(path, 0, self._expected, None, "the whole file is damaged")

    def _block(self, path: Path, block: Block) -> Iterator[Entry | Hole | FrameRun]:
        first = block.head.first_position
        following = first + block.head.count
        given = self._expected or 0  # nothing is given twice, whatever the files say
        self._expected = max(following, given)
        if block.body is None:
            return
        try:
            found = self._decoded(block.head, block.body, is_new=first >= given)
        except Damaged:
            yield Hole(path, block.offset, first, following - 1, "not records")
            return
        if isinstance(found, FrameRun):
            yield found
        else:
            yield from self._records(first, given, found)

    def _decoded(
        self, head: BlockHead, body: bytes, *, is_new: bool
    ) -> FrameRun | list[Record | UnknownRecord]:
        try:
            items = decode_items(head, body)
            run = self._run(head.first_position, items) if is_new else None
            return decode_records(items) if run is None else run
        except Damaged:
            return decode_untagged(head, body)

    def _records(
        self, first: int, given: int, records: Iterable[Record | UnknownRecord]
    ) -> Iterator[Entry]:
        for position, record in enumerate(records, first):
            if position < given:
                continue  # metadata would take back what came since
            connection = None
            if isinstance(record, UnknownRecord):
                self._unknown[record.kind] += 1
                continue
            if isinstance(record, FrameStored):
                connection = self._in_force.connection(record.streams_version)
            else:
                self._in_force.apply(record)
            if self._wanted.record(position, record.wall_ms):
                yield Entry(position, record, connection)

    def _run(self, first: int, items: Sequence[Any]) -> FrameRun | None:
        """Read delivered frames column by column; None when there is anything else."""
        try:
            kinds, wall_ms, versions, dispositions, causes, payloads, *_ = zip(*items, strict=False)
        except (TypeError, ValueError):
            return None
        numbers = (kinds, wall_ms, versions, dispositions)
        if any(set(map(type, column)) != {int} for column in numbers):
            return None
        if set(map(type, payloads)) != {bytes} or causes.count("") < len(causes):
            return None
        if any(kinds) or any(dispositions):
            return None
        if min(wall_ms) < 0 or max(wall_ms) > WALL_MS_MAX or not self._wanted.run(first, wall_ms):
            return None
        found = ((version, self._in_force.connection(version)) for version in set(versions))
        connections = {version: each for version, each in found if each is not None}
        return FrameRun(first, wall_ms, versions, payloads, connections)
