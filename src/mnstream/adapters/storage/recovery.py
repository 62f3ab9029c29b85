"""What opening a log to write on needs to know of its last segment.

Only the last block can be half written: each commit is made durable before the next begins. So
opening walks from head to head, passes over the bodies of frames, and checks the CRC of the last
block and of every block with metadata. When anything is not as it should be (a head in the wrong
place, positions with a gap, a last block that is damaged), the whole segment is read and every
CRC checked, with the same outcome as if that were always done. Damage within the frames that were
passed over is found, and named, by whoever reads them.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.errors import Damaged
from mnstream.adapters.storage.format import BlockHead, Content, UnknownRecord, decode_body
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.scanning import (
    Block,
    DamagedBytes,
    Wanted,
    everything,
    is_unfinished,
    scan_blocks,
    scan_header,
)
from mnstream.adapters.storage.segment_header import SegmentHeader
from mnstream.core.records import FrameStored


@dataclass(slots=True)
class Recovery:
    """What was found in a segment.

    Attributes:
        header: None when it is damaged.
        end: Where its good part ends.
        blocks_at: Where the first block begins that is no snapshot.
        next_position: Position of the next record; None when nothing can be read.
        in_force: Metadata in force at the end.
        is_damaged: Whether what is behind the good part cannot be an unfinished write.
    """

    header: SegmentHeader | None = None
    end: int = 0
    blocks_at: int = 0
    next_position: int | None = None
    in_force: MetadataInForce = field(default_factory=MetadataInForce)
    is_damaged: bool = False


def examine(file: OpenFile) -> Recovery:
    """Find out where a segment's good part ends, and what is in force there.

    Raises:
        LogUnreadable: A later version of this program wrote it.
        OSError: It cannot be read.
    """
    return _walk(file, _no_frames, give_up=True) or examine_whole(file)


def examine_whole(file: OpenFile) -> Recovery:
    """Do the same by checking every octet; ``examine`` gives what this gives."""
    found = _walk(file, everything, give_up=False)
    assert found is not None
    return found


def _no_frames(head: BlockHead, _first_ms: int, _last_ms: int) -> bool:
    return head.content is not Content.FRAMES


def _walk(file: OpenFile, wanted: Wanted, *, give_up: bool) -> Recovery | None:
    """Go over the blocks; with ``give_up``, None unless all but a torn tail is regular."""
    found = Recovery()
    found.header, found.end = scan_header(file.read_at)
    found.blocks_at = found.end
    mark = None
    if found.header is not None:
        found.next_position = found.header.first_position
        mark = found.header.mark
    elif give_up:
        return None
    size = file.size
    last: Block | None = None
    for part in scan_blocks(file.read_at, size, start=found.end, mark=mark, wanted=wanted):
        if isinstance(part, DamagedBytes):
            if give_up and (part.end < size or not (last is None or _is_good(file, last, mark))):
                return None
            continue
        if give_up and part.head.first_position != found.next_position:
            return None
        _take(found, part)
        last = part
    if mark is None and last is not None:
        mark = last.head.mark
    if found.end < size and mark is not None:
        found.is_damaged = not is_unfinished(file.read_at, size, found.end, mark)
    return found


def _take(found: Recovery, part: Block) -> None:
    found.end = part.end
    match part.head.content:
        case Content.SNAPSHOT:
            found.blocks_at = part.end
            found.next_position = part.head.first_position
        case Content.FRAMES | Content.MIXED:
            found.next_position = part.head.first_position + part.head.count
        case Content.OTHER:
            return
    if part.head.content is not Content.FRAMES:
        _apply(found.in_force, part)


def _apply(in_force: MetadataInForce, block: Block) -> None:
    assert block.body is not None
    with contextlib.suppress(Damaged):  # the reader names the hole
        for record in decode_body(block.head, block.body):
            if not isinstance(record, FrameStored | UnknownRecord):
                in_force.apply(record)


def _is_good(file: OpenFile, block: Block, mark: int | None) -> bool:
    """Check the CRC of a block that was perhaps passed over."""
    (first, *_) = scan_blocks(file.read_at, block.end, start=block.offset, mark=mark)
    return isinstance(first, Block) and first.end == block.end
