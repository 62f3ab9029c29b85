"""The bytes of a log, version 1: a CBOR sequence (RFC 8742) in each segment file.

`specs/capture.md` describes them octet by octet. In short: records are numbered from 0; their
numbers are positions. A segment file is named after the position of its first record,
``0000000000000042.mnlog``, and holds::

    segment  = header *snapshot-block *block
    header   = 55799({"format": "mnstream-log", "version": 1, "firstPosition": uint,
                      "createdMs": uint, "mark": uint, "crc32": uint})
    block    = 60333([firstPosition: uint, count: uint, firstWallMs: uint, lastWallMs: uint,
                      content: 0 / 1 / 2, mark: uint, crc32: uint, body: bstr])
    body     = an encoded array of ``count`` records
    record   = [0, wallMs, streamsVersion, disposition: 0..3, cause: tstr, payload: bstr]
             / [1, wallMs, streamsVersion, connectionId, producerId, identity, [* streamInfo]]
             / [2, wallMs, streamsVersion, connectionId, [* streamInfo], [* removed streamId]]
             / [3, wallMs, connectionId, ending: tstr]

What is there to be extended is passed over by those who do not know it: records of other kinds,
further members of records, blocks of other content.

Numbers in a header and in a block's head have a fixed width, which CBOR allows. So each has always
the same length, and a reader that lost its way searches for the same 5 octets. A delivered frame
is written so, too. Everything here is a pure function of bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard

import cbor2

from mnstream.adapters.rest.stream_info import decode_stream_info, encode_stream_info
from mnstream.adapters.storage.errors import Damaged
from mnstream.adapters.storage.segment_header import CRC_ITEM_BYTES
from mnstream.adapters.storage.tags import without_tags
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    MetadataRecord,
    Record,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, Json, ProducerId, StreamId, StreamInfo

SUFFIX = ".mnlog"
_NAME_DIGITS = 16
_TAG = b"\xd9\xeb\xad"  # tag 60333, of the range that anybody may use
MARKER = _TAG + b"\x88\x1b"
"""How every block begins: tag, array of 8, first position in 8 octets."""

_HEAD = struct.Struct(">3sB BQ BI BQ BQ B BI BI BI")
_HEAD_NUMBERS = struct.Struct(">4x xQ xI xQ xQ B xI xI xI")
_head_constants = itemgetter(13, 18, 27, 37, 42, 47)
BLOCK_HEAD_BYTES = _HEAD.size
_HEAD_CRC_AT = BLOCK_HEAD_BYTES - 2 * CRC_ITEM_BYTES
_BODY_COUNT = struct.Struct(">BI")
_FRAME = struct.Struct(">HBQBIBBBI")
_pack_frame = _FRAME.pack
FRAME_OVERHEAD_BYTES = _FRAME.size

WALL_MS_MAX = (1 << 53) - 1
"""Latest time of a record: whole milliseconds that every reader's numbers can hold."""

_KIND_MAX = 3


class Content(IntEnum):
    """What is in a block, so that a reader knows which ones it may skip."""

    FRAMES = 0
    MIXED = 1
    SNAPSHOT = 2
    OTHER = 3
    """Something that a later program added: without positions, and nothing for us."""


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A record that a later program added to this version; it has a position and a kind."""

    kind: int


@dataclass(slots=True)
class BlockHead:
    """All of a block but its body; times in milliseconds since the Unix epoch.

    Nobody changes one. Making frozen ones would take four times as long, and a reader that looks
    for something makes thousands.
    """

    first_position: int
    count: int
    first_wall_ms: int
    last_wall_ms: int
    content: Content
    mark: int
    crc32: int
    body_bytes: int

    @property
    def size(self) -> int:
        """Octets of the whole block."""
        return BLOCK_HEAD_BYTES + self.body_bytes


def segment_name(first_position: int) -> str:
    """Give the file name of a segment; names sort like positions."""
    return f"{first_position:0{_NAME_DIGITS}d}{SUFFIX}"


def position_named(path: Path) -> int | None:
    """Give the first position of a segment by its name; None when it has another kind of name."""
    name = path.stem
    return int(name) if len(name) >= _NAME_DIGITS and name.isdecimal() else None


def encode_block(
    records: Iterable[bytes],
    *,
    first_position: int,
    count: int,
    first_wall_ms: int,
    last_wall_ms: int,
    content: Content,
    mark: int,
) -> bytes:
    """Write a block.

    Args:
        records: Encoded records, in order; they may come in pieces.
        first_position: Position of the first one.
        count: How many records (not pieces) they are.
        first_wall_ms: Smallest of their times.
        last_wall_ms: Largest of their times.
        content: What they are.
        mark: That of the segment.
    """
    body = b"".join((_BODY_COUNT.pack(0x9A, count), *records))
    fields = (
        *(_TAG, 0x88, 0x1B, first_position, 0x1A, count),
        *(0x1B, first_wall_ms, 0x1B, last_wall_ms, content, 0x1A, mark, 0x1A),
    )
    head = _HEAD.pack(*fields, 0, 0x5A, len(body))
    crc = block_crc(head, body)
    return _HEAD.pack(*fields, crc, 0x5A, len(body)) + body


def block_crc(head: bytes, body: bytes) -> int:
    """Compute the CRC of a block from its head, of which the CRC's own item counts for nothing."""
    covered = head[:_HEAD_CRC_AT] + head[_HEAD_CRC_AT + CRC_ITEM_BYTES :]
    return zlib.crc32(body, zlib.crc32(covered))


_CONTENTS: Mapping[int, Content] = MappingProxyType({each.value: each for each in Content})
_CONTENT_MAX = 23  # the largest that CBOR writes in one octet
_HEAD_CONSTANTS = (0x1A, 0x1B, 0x1B, 0x1A, 0x1A, 0x5A)


def decode_block_head(data: bytes) -> BlockHead | None:
    """Read the head of a block; None when these octets are no head."""
    if len(data) < BLOCK_HEAD_BYTES or not data.startswith(MARKER):
        return None
    position, count, first, last, content, mark, crc, size = _HEAD_NUMBERS.unpack_from(data)
    if _head_constants(data) != _HEAD_CONSTANTS or content > _CONTENT_MAX:
        return None
    known = _CONTENTS.get(content, Content.OTHER)
    return BlockHead(position, count, first, last, known, mark, crc, size)


def block_is_good(head: BlockHead, head_bytes: bytes, body: bytes) -> bool:
    """Check a block's CRC; ``head_bytes`` are the octets that ``head`` was read from."""
    return len(body) == head.body_bytes and head.crc32 == block_crc(head_bytes, body)


DISPOSITIONS = (
    Disposition.DELIVERED,
    Disposition.DUPLICATE,
    Disposition.QUARANTINED,
    Disposition.KEEP_ALIVE,
)
_CODES: Mapping[Disposition, int] = MappingProxyType(
    {disposition: code for code, disposition in enumerate(DISPOSITIONS)}
)


def encode_delivered(streams_version: int, wall_ms: int, payload_bytes: int) -> bytes:
    """Write a delivered frame up to its payload, which follows; ``FRAME_OVERHEAD_BYTES`` octets.

    The numbers have a fixed width because one ``struct`` call costs a fifth of a CBOR encoder's.
    """
    return _pack_frame(0x8600, 0x1B, wall_ms, 0x1A, streams_version, 0, 0x60, 0x5A, payload_bytes)


def encode_frame(frame: FrameStored) -> bytes:
    """Write any frame."""
    code = _CODES[frame.disposition]
    return cbor2.dumps((0, frame.wall_ms, frame.streams_version, code, frame.cause, frame.payload))


def encode_metadata(record: MetadataRecord) -> bytes:
    """Write a metadata record."""
    items: list[object]
    match record:
        case ConnectionEstablished():
            streams = _encode_streams(record.stream_info_list)
            items = [1, record.wall_ms, record.streams_version, record.connection_id]
            items += [record.producer_id, record.identity, streams]
        case StreamsChanged():
            added = _encode_streams(record.added)
            items = [2, record.wall_ms, record.streams_version, record.connection_id]
            items += [added, list(record.removed)]
        case ConnectionEnded():
            items = [3, record.wall_ms, record.connection_id, record.ending.value]
    return cbor2.dumps(items)


def _encode_streams(streams: Iterable[StreamInfo]) -> list[dict[str, Json]]:
    return [encode_stream_info(info, keep_absent_format=True) for info in streams]


def decode_items(head: BlockHead, body: bytes) -> list[Any]:
    """Read the array of a block whose CRC is right; what its items are is not looked at.

    Raises:
        Damaged: It is no array, or one of another length; then whoever wrote it was wrong.
    """
    try:
        items: Any = cbor2.loads(body)
    except Exception as error:  # cbor2 lets several kinds escape for arbitrary bytes
        raise Damaged(f"not records: {error}") from error
    if not _is_array(items):
        raise Damaged("not records: no array")
    if len(items) != head.count:
        raise Damaged(f"{len(items)} records in a block of {head.count}")
    return items


def decode_body(head: BlockHead, body: bytes) -> list[Record | UnknownRecord]:
    """Read the records of a block whose CRC is right.

    Raises:
        Damaged: They are no records; then whoever wrote them was wrong.
    """
    try:
        return decode_records(decode_items(head, body))
    except Damaged:
        return decode_untagged(head, body)


def decode_untagged(head: BlockHead, body: bytes) -> list[Record | UnknownRecord]:
    """Read the records of a block that cannot be read as it is, because of tags perhaps.

    Raises:
        Damaged: It was not because of tags.
    """
    return decode_records(decode_items(head, without_tags(body)))


def decode_records(items: Iterable[Any]) -> list[Record | UnknownRecord]:
    """Read records from the items of a block.

    Raises:
        Damaged: One of them is no record.
    """
    try:
        return [_decode_record(item) for item in items]
    except Exception as error:  # a value of the wrong type, or of none that we know
        raise Damaged(f"not records: {error}") from error


def _is_array(item: Any) -> TypeGuard[list[Any]]:
    return isinstance(item, list)


def _is_map(item: Any) -> TypeGuard[dict[Any, Any]]:
    return isinstance(item, dict)


def _decode_streams(items: Iterable[Any]) -> tuple[StreamInfo, ...]:
    if not _is_json(items):
        raise Damaged("a stream with something that is not JSON, such as a tag")
    return tuple(decode_stream_info(item) for item in items)


def _is_json(item: Any) -> bool:
    if _is_map(item):
        return all(type(name) is str for name in item) and all(map(_is_json, item.values()))
    if _is_array(item):
        return all(map(_is_json, item))
    return item is None or isinstance(item, bool | int | float | str)


def _stream_id(item: Any) -> StreamId:
    if not isinstance(item, str):
        raise Damaged("a removed stream without an identifier")
    return StreamId(item)


def _decode_record(item: Any) -> Record | UnknownRecord:
    """Read a record, of whose members the first ones are known."""
    if not _is_array(item):
        raise Damaged("a record that is no array")
    kind, wall_ms, *_ = item
    if type(kind) is not int or kind < 0:
        raise Damaged("a record without a kind")
    if kind > _KIND_MAX:
        return UnknownRecord(kind)
    if type(wall_ms) is not int or not 0 <= wall_ms <= WALL_MS_MAX:
        raise Damaged("a record without a time")
    match item:
        case [0, _, int(version), int(code), str(cause), bytes(payload), *_] if code >= 0:
            return FrameStored(
                streams_version=version,
                disposition=DISPOSITIONS[code],
                cause=cause,
                wall_ms=wall_ms,
                payload=payload,
            )
        case [1, _, int(version), str(connection_id), str(producer_id), str(identity), streams, *_]:
            return ConnectionEstablished(
                connection_id=ConnectionId(connection_id),
                producer_id=ProducerId(producer_id),
                identity=identity,
                streams_version=version,
                stream_info_list=_decode_streams(streams),
                wall_ms=wall_ms,
            )
        case [2, _, int(version), str(connection_id), added, removed, *_]:
            return StreamsChanged(
                connection_id=ConnectionId(connection_id),
                streams_version=version,
                added=_decode_streams(added),
                removed=tuple(map(_stream_id, removed)),
                wall_ms=wall_ms,
            )
        case [3, _, str(connection_id), ending, *_]:
            return ConnectionEnded(
                connection_id=ConnectionId(connection_id), ending=Ending(ending), wall_ms=wall_ms
            )
        case _:
            raise Damaged(f"a record of kind {kind} without all of its members")
