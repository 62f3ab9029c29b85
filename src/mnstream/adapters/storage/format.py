"""The bytes of a log, version 1: a CBOR sequence (RFC 8742) in each segment file.

A log is a directory. Its records are numbered from 0; their numbers are positions. Segment files
are named after the position of their first record, ``0000000000000042.mnlog``, and each holds::

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

* ``streamInfo`` is the JSON object of TS 28.532 ``streamInfo-Type`` as CBOR.
* ``disposition``: 0 delivered, 1 duplicate, 2 quarantined, 3 keep-alive.
* ``content``: 0 frames only; 1 metadata records among them; 2 a snapshot: the metadata in force
  before the first record of the segment. Its records have no positions of their own
  (``firstPosition`` is the segment's), so that a segment can be read without those before it.
* ``firstWallMs`` and ``lastWallMs`` are the smallest and the largest of the records.
* Numbers in a header and in a block's head have a fixed width (uint64 for positions and times,
  uint32 for the rest, tag number in 2 octets), which CBOR allows. So each has always the same
  length, and a reader that lost its way searches for the same 5 octets. A delivered frame is
  written so, too.
* ``crc32`` (that of zlib) covers every octet of the header or block but the 5 of its own item.
* ``mark`` is a random number of the segment that each of its blocks repeats. Those who send
  payloads do not know it, so nobody can hide a block in a payload for a reader that searches.
* A block is one group commit. A record is never split over blocks, nor a block over segments.
* A record at or past the first position of the next segment is void: it was written by a commit
  that failed, and again into that segment.

Everything here is a pure function of bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, cast

import cbor2

from mnstream.adapters.rest.stream_info import decode_stream_info, encode_stream_info
from mnstream.adapters.storage.errors import Damaged, LogUnreadable
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
FORMAT = "mnstream-log"
VERSION = 1

_SELF_DESCRIBED = b"\xd9\xd9\xf7"  # tag 55799, RFC 8949 3.4.6: these bytes are CBOR
_TAG = b"\xd9\xeb\xad"  # tag 60333, of the range that anybody may use
MARKER = _TAG + b"\x88\x1b"
"""How every block begins: tag, array of 8, first position in 8 octets."""

_CRC_ITEM_BYTES = 5
_HEAD = struct.Struct(">3sB BQ BI BQ BQ B BI BI BI")
BLOCK_HEAD_BYTES = _HEAD.size
_HEAD_CRC_AT = BLOCK_HEAD_BYTES - 2 * _CRC_ITEM_BYTES
_BODY_COUNT = struct.Struct(">BI")
_FRAME = struct.Struct(">HBQBIBBBI")
_pack_frame = _FRAME.pack
FRAME_OVERHEAD_BYTES = _FRAME.size


class Content(IntEnum):
    """What is in a block, so that a reader knows which ones it may skip."""

    FRAMES = 0
    MIXED = 1
    SNAPSHOT = 2


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """First item of a segment.

    Attributes:
        first_position: Position of its first record.
        created_ms: Wall-clock time of the record for which it was begun, ms since the Unix epoch.
        mark: Random number that its blocks repeat, 32 bits.
    """

    first_position: int
    created_ms: int
    mark: int


@dataclass(frozen=True, slots=True)
class BlockHead:
    """All of a block but its body; times in milliseconds since the Unix epoch."""

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
    return f"{first_position:016d}{SUFFIX}"


_HEADER_ITEMS = (
    _SELF_DESCRIBED
    + b"\xa6"
    + cbor2.dumps("format")
    + cbor2.dumps(FORMAT)
    + cbor2.dumps("version"),
    cbor2.dumps("firstPosition") + b"\x1b",
    cbor2.dumps("createdMs") + b"\x1b",
    cbor2.dumps("mark") + b"\x1a",
    cbor2.dumps("crc32") + b"\x1a",
)
_HEADER = struct.Struct(">{}sB {}sQ {}sQ {}sI {}sI".format(*map(len, _HEADER_ITEMS)))
SEGMENT_HEADER_BYTES = _HEADER.size
_VERSION_AT = len(_HEADER_ITEMS[0])


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Write the first item of a segment, ``SEGMENT_HEADER_BYTES`` octets."""
    values = (VERSION, header.first_position, header.created_ms, header.mark, 0)
    data = _HEADER.pack(
        *(item for pair in zip(_HEADER_ITEMS, values, strict=True) for item in pair)
    )
    covered = data[:-_CRC_ITEM_BYTES]
    return covered + struct.pack(">BI", 0x1A, zlib.crc32(covered))


def decode_segment_header(data: bytes) -> SegmentHeader:
    """Read the first item of a segment.

    Args:
        data: The first ``SEGMENT_HEADER_BYTES`` octets of the file, or all when there are fewer.

    Raises:
        Damaged: Not a segment header, or a damaged one.
        LogUnreadable: The header of a later version.
    """
    if len(data) <= _VERSION_AT or not data.startswith(_HEADER_ITEMS[0]):
        raise Damaged("no segment header")
    if data[_VERSION_AT] != VERSION:
        raise LogUnreadable(f"log format {data[_VERSION_AT]}; this program knows {VERSION}")
    if len(data) < _HEADER.size:
        raise Damaged("unfinished segment header")
    _, _, p, first_position, c, created_ms, m, mark, r, crc = _HEADER.unpack_from(data)
    covered = data[: _HEADER.size - _CRC_ITEM_BYTES]
    if (p, c, m, r) != _HEADER_ITEMS[1:] or crc != zlib.crc32(covered):
        raise Damaged("damaged segment header")
    return SegmentHeader(first_position, created_ms, mark)


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
    crc = _block_crc(head, body)
    return _HEAD.pack(*fields, crc, 0x5A, len(body)) + body


def _block_crc(head: bytes, body: bytes) -> int:
    covered = head[:_HEAD_CRC_AT] + head[_HEAD_CRC_AT + _CRC_ITEM_BYTES :]
    return zlib.crc32(body, zlib.crc32(covered))


_HEAD_CONSTANTS = (_TAG, 0x88, 0x1B, 0x1A, 0x1B, 0x1B, 0x1A, 0x1A, 0x5A)


def decode_block_head(data: bytes) -> BlockHead | None:
    """Read the head of a block; None when these octets are no head."""
    if len(data) < BLOCK_HEAD_BYTES or not data.startswith(MARKER):
        return None
    (tag, array, p, position, c, count, f, first, la, last, content, m, mark, r, crc, b, size) = (
        _HEAD.unpack_from(data)
    )
    if (tag, array, p, c, f, la, m, r, b) != _HEAD_CONSTANTS or content > max(Content):
        return None
    return BlockHead(position, count, first, last, Content(content), mark, crc, size)


def block_is_good(head: BlockHead, head_bytes: bytes, body: bytes) -> bool:
    """Check a block's CRC; ``head_bytes`` are the octets that ``head`` was read from."""
    return len(body) == head.body_bytes and head.crc32 == _block_crc(head_bytes, body)


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


def decode_body(head: BlockHead, body: bytes) -> list[Record]:
    """Read the records of a block whose CRC is right.

    Raises:
        Damaged: They are no records; then whoever wrote them was wrong.
    """
    try:
        items = cast("list[Any]", cbor2.loads(body))
        if len(items) != head.count:
            raise Damaged(f"{len(items)} records in a block of {head.count}")
        return [_decode_record(item) for item in items]
    except Exception as error:  # cbor2 lets several kinds escape for arbitrary bytes
        raise Damaged(f"not records: {error}") from error


def _decode_streams(items: Iterable[Json]) -> tuple[StreamInfo, ...]:
    return tuple(decode_stream_info(item) for item in items)


def _decode_record(item: Any) -> Record:
    code: int
    match item:
        case [0, wall_ms, version, code, cause, payload]:
            return FrameStored(
                streams_version=version,
                disposition=DISPOSITIONS[code],
                cause=cause,
                wall_ms=wall_ms,
                payload=payload,
            )
        case [1, wall_ms, version, connection_id, producer_id, identity, streams]:
            return ConnectionEstablished(
                connection_id=ConnectionId(connection_id),
                producer_id=ProducerId(producer_id),
                identity=identity,
                streams_version=version,
                stream_info_list=_decode_streams(streams),
                wall_ms=wall_ms,
            )
        case [2, wall_ms, version, connection_id, added, removed]:
            return StreamsChanged(
                connection_id=ConnectionId(connection_id),
                streams_version=version,
                added=_decode_streams(added),
                removed=tuple(StreamId(stream) for stream in removed),
                wall_ms=wall_ms,
            )
        case [3, wall_ms, connection_id, ending]:
            return ConnectionEnded(
                connection_id=ConnectionId(connection_id), ending=Ending(ending), wall_ms=wall_ms
            )
        case _:
            raise Damaged("a record of no known kind")
