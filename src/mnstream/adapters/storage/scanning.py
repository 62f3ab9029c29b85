"""Walk over the blocks of a segment file, and find the way again behind damage."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mnstream.adapters.storage.errors import Damaged
from mnstream.adapters.storage.format import (
    BLOCK_HEAD_BYTES,
    MARKER,
    BlockHead,
    block_crc,
    block_is_good,
    decode_block_head,
)
from mnstream.adapters.storage.segment_header import (
    HEADER_BYTES_MAX,
    SegmentHeader,
    decode_segment_header,
)

ReadAt = Callable[[int, int], bytes]
"""Gives up to so many octets from an offset of a file; fewer only at its end."""

SEARCH_BYTES = 1 << 20
"""Octets that a search for the next block reads at a time."""

BODY_BYTES_AT_ONCE = 16 << 20
"""Size of a body from which its CRC is checked piece by piece before it is read whole: a damaged
length must not make anybody hold a whole file in memory."""


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


def everything(_head: BlockHead) -> bool:
    """Want every block."""
    return True


def scan_blocks(
    read_at: ReadAt,
    size: int,
    *,
    start: int,
    mark: int | None,
    wanted: Callable[[BlockHead], bool] = everything,
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
            the first octets of what follows them.
    """
    offset, head_bytes = start, b""
    while offset < size:
        head_bytes = head_bytes or read_at(offset, BLOCK_HEAD_BYTES)
        head = _head(head_bytes, size - offset, mark)
        if head is not None and not wanted(head):
            # Its length may be wrong: unless a block follows, only its CRC can tell.
            end = offset + BLOCK_HEAD_BYTES + head.body_bytes
            head_bytes = read_at(end, BLOCK_HEAD_BYTES) if end < size else b""
            if end == size or head_bytes.startswith(MARKER):
                mark = head.mark
                yield Block(offset, head, None)
                offset = end
                continue
        block = _block_at(read_at, size, offset, mark)
        if block is None:
            block = _search(read_at, size, offset + 1, mark)
            yield DamagedBytes(offset, size if block is None else block.offset)
            if block is None:
                return
        mark, head_bytes = block.head.mark, b""
        yield block
        offset = block.end


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
    while offset < size:
        chunk = read_at(offset, SEARCH_BYTES)
        found = chunk.find(MARKER)
        while found >= 0:
            block = _block_at(read_at, size, offset + found, mark)
            if block is not None:
                return block
            found = chunk.find(MARKER, found + 1)
        # A marker may lie across the end of the chunk.
        offset += max(len(chunk) - len(MARKER) + 1, 1)
    return None
