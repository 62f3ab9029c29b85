"""Walk over the blocks of a segment file, and find the way again behind damage."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mnstream.adapters.storage.errors import Damaged, LogUnreadable
from mnstream.adapters.storage.format import (
    BLOCK_HEAD_BYTES,
    MARKER,
    WALL_MS_MAX,
    BlockHead,
    Content,
    block_crc,
    block_is_good,
    decode_block_head,
    encode_block,
)
from mnstream.adapters.storage.segment_header import (
    FORMAT,
    HEADER_BYTES_MAX,
    SegmentHeader,
    decode_segment_header,
)

ReadAt = Callable[[int, int], bytes]
"""Gives up to so many octets from an offset of a file; fewer only at its end."""

Wanted = Callable[[BlockHead, int, int], bool]
"""Tells whether a block is worth reading, from its head and the times between which it was written:
those in the head, or what its neighbours leave possible."""

SEARCH_BYTES = 1 << 20
"""Octets that a search for the next block reads at a time."""

BODY_BYTES_AT_ONCE = 16 << 20
"""Size of a body from which its CRC is checked piece by piece before it is read whole: a damaged
length must not make anybody hold a whole file in memory."""

SECTOR_BYTES = 512
"""What a disk writes at once, at least. A file system that made a file longer before its octets
were written shows zeros after a loss of power, from such a place on. Fewer zeros than that may as
well be the end of a record, and damage before them must not go unnoticed."""

_HEADER_NAME = b"\x66format\x6c" + FORMAT.encode()
_HEADER_NAME_AT = 4


class Block(NamedTuple):
    """A block whose CRC is right, or one that was passed over unread.

    Attributes:
        offset: Where it begins in the file.
        head: Its head.
        body: Its records, encoded; None when it was passed over.
    """

    offset: int
    head: BlockHead
    body: bytes | None

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.offset + self.head.size


@dataclass(frozen=True, slots=True)
class DamagedBytes:
    """Octets in which there is no good block.

    Attributes:
        offset: Where they begin in the file.
        end: Where the next good block begins, or the file ends.
    """

    offset: int
    end: int


def scan_header(read_at: ReadAt) -> tuple[SegmentHeader | None, int]:
    """Read the header of a segment.

    Returns:
        The header, None when it is damaged; and where the blocks begin, 0 when it is damaged.

    Raises:
        LogUnreadable: A later version of this program wrote the file.
    """
    try:
        header = decode_segment_header(read_at(0, HEADER_BYTES_MAX))
    except Damaged:
        return None, 0
    return header, header.size


@contextlib.contextmanager
def naming(path: Path) -> Generator[None]:
    """Name the file that a later version of this program wrote."""
    try:
        yield
    except LogUnreadable as error:
        raise LogUnreadable(f"{path}: {error}") from error


def everything(_head: BlockHead, _first_ms: int, _last_ms: int) -> bool:
    """Want every block."""
    return True


def scan_blocks(
    read_at: ReadAt,
    size: int,
    *,
    start: int,
    mark: int | None,
    wanted: Wanted = everything,
) -> Iterator[Block | DamagedBytes]:
    """Give the blocks of a segment, in order, and what is damaged between and behind them.

    Safe while somebody appends: what is written beyond ``size`` meanwhile is not looked at.

    Args:
        read_at: Reads the file.
        size: Its length in octets.
        start: Where the first block begins.
        mark: That of the segment's header; None when it is damaged. Then the first good block
            gives it.
        wanted: Tells whether a block is worth reading. Of the others only the head is read, and
            that of the next, unless these two leave a doubt; then the CRC is checked.
    """
    offset, time_before = start, 0
    head: BlockHead | None = None
    while offset < size:
        head = head or _head(read_at(offset, BLOCK_HEAD_BYTES), size - offset, mark)
        if head is not None and not wanted(head, head.first_wall_ms, head.last_wall_ms):
            end = offset + BLOCK_HEAD_BYTES + head.body_bytes
            following = _head(read_at(end, BLOCK_HEAD_BYTES), size - end, head.mark)
            if (
                following is not None and _is_certain(head, time_before, following, wanted)
            ) or _block_at(read_at, size, offset, mark):
                yield Block(offset, head, None)
                mark, time_before = head.mark, head.last_wall_ms
                offset, head = end, following
                continue
        head = None
        block = _block_at(read_at, size, offset, mark)
        if block is None:
            block = _search(read_at, size, offset + 1, mark)
            yield DamagedBytes(offset, size if block is None else block.offset)
            if block is None:
                return
        yield block
        mark, time_before = block.head.mark, block.head.last_wall_ms
        offset = block.end


def _is_certain(head: BlockHead, time_before: int, following: BlockHead, wanted: Wanted) -> bool:
    """Tell without a CRC that a block is not wanted.

    The next block tells where this one ends and how many records it has. When the times of three
    neighbours are in order, those of the middle lie between the others, even where its head says
    something else; otherwise they may be any.
    """
    if following.first_position != head.first_position + head.count:
        return False
    next_time = following.first_wall_ms
    if time_before <= head.first_wall_ms <= head.last_wall_ms <= next_time:
        return not wanted(head, time_before, next_time)
    return not wanted(head, 0, WALL_MS_MAX)


def is_unfinished(read_at: ReadAt, size: int, offset: int, mark: int) -> bool:
    """Tell whether damage up to the end of a file may be a write that was never finished.

    Such a write leaves the beginning of a block, and perhaps zeros. Everything else is damage to
    what was once whole, or another file that was put behind this one.

    Args:
        read_at: Reads the file.
        size: Its length in octets.
        offset: Where the last good block ends.
        mark: That of the segment.
    """
    left = _written_end(read_at, size, offset) - offset
    written = read_at(offset, min(left, BLOCK_HEAD_BYTES))
    if left < BLOCK_HEAD_BYTES:
        # The numbers of half a head may be anything; what every head has must be there.
        written = written.rstrip(b"\0")
        written += _any_head(mark)[len(written) :]
    head = decode_block_head(written)
    if head is None or head.mark != mark:
        return False
    if left < BLOCK_HEAD_BYTES:
        return True
    return head.size > left and not _has_header(read_at, size, offset)


def positions_until(
    read_at: ReadAt, size: int, offset: int, mark: int, position: int
) -> int | None:
    """Give the position behind damaged blocks up to the end of a file, from their heads.

    Args:
        read_at: Reads the file.
        size: Its length in octets.
        offset: Where the first of them begins.
        mark: That of the segment.
        position: Position of its first record.

    Returns:
        None when the heads do not tell: one does not follow the other.
    """
    first, end = position, _written_end(read_at, size, offset)
    while offset < end:
        head = _head(read_at(offset, BLOCK_HEAD_BYTES), end - offset, mark)
        if head is None:
            break
        if head.content in (Content.FRAMES, Content.MIXED):
            if head.first_position != position or head.count >= head.body_bytes:
                return None  # a head that is damaged itself
            position += head.count
        offset += head.size
    return position if position > first and is_unfinished(read_at, size, offset, mark) else None


def _any_head(mark: int) -> bytes:
    """Write a head with what all heads of a segment have in common."""
    nothing = encode_block(
        (),
        first_position=0,
        count=0,
        first_wall_ms=0,
        last_wall_ms=0,
        content=Content.FRAMES,
        mark=mark,
    )
    return nothing[:BLOCK_HEAD_BYTES]


def _written_end(read_at: ReadAt, size: int, offset: int) -> int:
    """Give the end of a file without zeros that nobody wrote; ``offset`` when all are."""
    end = size
    while end > offset:
        start = max(offset, end - SEARCH_BYTES)
        written = read_at(start, end - start).rstrip(b"\0")
        if written:
            whole_sectors = -(-(start + len(written)) // SECTOR_BYTES) * SECTOR_BYTES
            return whole_sectors if size - whole_sectors >= SECTOR_BYTES else size
        end = start
    return offset


def _has_header(read_at: ReadAt, size: int, offset: int) -> bool:
    for found in _places(read_at, size, offset + _HEADER_NAME_AT, _HEADER_NAME):
        try:
            decode_segment_header(read_at(found - _HEADER_NAME_AT, HEADER_BYTES_MAX))
        except Damaged:
            continue
        except LogUnreadable:
            pass  # another version's is one as well
        return True
    return False


def _head(head_bytes: bytes, left: int, mark: int | None) -> BlockHead | None:
    """Read the head of a block of this segment that ends within the ``left`` octets."""
    head = decode_block_head(head_bytes)
    if head is None or (mark is not None and head.mark != mark):
        return None
    return head if BLOCK_HEAD_BYTES + head.body_bytes <= left else None


def _block_at(read_at: ReadAt, size: int, offset: int, mark: int | None) -> Block | None:
    head_bytes = read_at(offset, BLOCK_HEAD_BYTES)
    head = _head(head_bytes, size - offset, mark)
    if head is None:
        return None
    if head.body_bytes > BODY_BYTES_AT_ONCE and not _is_long_and_good(
        read_at, offset, head, head_bytes
    ):
        return None
    body = read_at(offset + BLOCK_HEAD_BYTES, head.body_bytes)
    return Block(offset, head, body) if block_is_good(head, head_bytes, body) else None


def _is_long_and_good(read_at: ReadAt, offset: int, head: BlockHead, head_bytes: bytes) -> bool:
    crc = block_crc(head_bytes, b"")
    at, end = offset + BLOCK_HEAD_BYTES, offset + head.size
    while at < end:
        piece = read_at(at, min(SEARCH_BYTES, end - at))
        if not piece:
            return False  # cut off while we read
        crc = zlib.crc32(piece, crc)
        at += len(piece)
    return crc == head.crc32


def _search(read_at: ReadAt, size: int, offset: int, mark: int | None) -> Block | None:
    for found in _places(read_at, size, offset, MARKER):
        block = _block_at(read_at, size, found, mark)
        if block is not None:
            return block
    return None


def _places(read_at: ReadAt, size: int, offset: int, wanted: bytes) -> Iterator[int]:
    """Give the places from ``offset`` on where some octets stand."""
    while offset < size:
        chunk = read_at(offset, SEARCH_BYTES)
        found = chunk.find(wanted)
        while found >= 0:
            yield offset + found
            found = chunk.find(wanted, found + 1)
        # They may lie across the end of the chunk.
        offset += max(len(chunk) - len(wanted) + 1, 1)
