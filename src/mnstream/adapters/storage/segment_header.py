"""The first item of a segment file (`specs/capture.md`, "Header").

A reader of this version reads every header of version 1, whatever members were added to it later.
A later version keeps what is needed to recognise it: the tag, the first two members, and a CRC as
the last. So a damaged version number is damage, and no later version.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, cast

import cbor2

from mnstream.adapters.storage.errors import Damaged, LogUnreadable

FORMAT = "mnstream-log"
VERSION = 1

HEADER_BYTES_MAX = 512
"""Octets of the longest header. 6 times what is written today; a reader reads them at once."""

CRC_ITEM_BYTES = 5
"""Octets of a CRC with the first octet of its item, which says that 4 follow."""

_SELF_DESCRIBED = b"\xd9\xd9\xf7"  # tag 55799, RFC 8949 3.4.6: these bytes are CBOR
_MAP_OF_6 = b"\xa6"
_MAP = 5 << 5
_NAMED = cbor2.dumps("format") + cbor2.dumps(FORMAT) + cbor2.dumps("version")
_ITEMS = (
    _SELF_DESCRIBED + _MAP_OF_6 + _NAMED,
    cbor2.dumps("firstPosition") + b"\x1b",
    cbor2.dumps("createdMs") + b"\x1b",
    cbor2.dumps("mark") + b"\x1a",
    cbor2.dumps("crc32") + b"\x1a",
)
_HEADER = struct.Struct(">{}sB {}sQ {}sQ {}sI {}sI".format(*map(len, _ITEMS)))
SEGMENT_HEADER_BYTES = _HEADER.size
"""Octets of the header that this program writes."""

_DEPTH_MAX = 8
# RFC 8949 3: what the first octet of an item says.
_LENGTH_FOLLOWS, _LONGEST = 24, 27
_STRINGS = (2, 3)
_ITEMS_EACH = {4: 1, 5: 2}


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """First item of a segment.

    Attributes:
        first_position: Position of its first record.
        created_ms: Wall-clock time of the record for which it was begun, ms since the Unix epoch.
        mark: Random number that its blocks repeat, 32 bits.
        size: Octets that it takes; the first block follows.
    """

    first_position: int
    created_ms: int
    mark: int
    size: int = SEGMENT_HEADER_BYTES


def encode_segment_header(header: SegmentHeader) -> bytes:
    """Write the first item of a segment, ``SEGMENT_HEADER_BYTES`` octets."""
    values = (VERSION, header.first_position, header.created_ms, header.mark, 0)
    data = _HEADER.pack(*(item for pair in zip(_ITEMS, values, strict=True) for item in pair))
    covered = data[:-CRC_ITEM_BYTES]
    return covered + struct.pack(">BI", 0x1A, zlib.crc32(covered))


def decode_segment_header(data: bytes) -> SegmentHeader:
    """Read the first item of a segment.

    Args:
        data: The first ``HEADER_BYTES_MAX`` octets of the file, or all when there are fewer.

    Raises:
        Damaged: Not a segment header, or a damaged one.
        LogUnreadable: The header of a later version.
    """
    tag = len(_SELF_DESCRIBED)
    if not data.startswith(_SELF_DESCRIBED) or len(data) <= tag or data[tag] >> 5 != _MAP >> 5:
        raise Damaged("no segment header")
    try:
        end = _item_end(data, tag, 0)
    except IndexError as error:
        raise Damaged("unfinished segment header") from error
    covered = data[: end - CRC_ITEM_BYTES]
    if data[end - CRC_ITEM_BYTES : end] != struct.pack(">BI", 0x1A, zlib.crc32(covered)):
        raise Damaged("damaged segment header")
    try:
        members = cast("dict[str, Any]", cbor2.loads(data[tag:end]))
        (first, name), (second, version) = list(members.items())[:2]
    except Exception as error:  # cbor2 lets several kinds escape for arbitrary bytes
        raise Damaged("no segment header") from error
    if (first, name, second) != ("format", FORMAT, "version"):
        raise Damaged("no segment header")
    if version != VERSION:
        raise LogUnreadable(f"log format {version}; this program knows {VERSION}")
    match members:
        case {
            "firstPosition": int(first_position),
            "createdMs": int(created_ms),
            "mark": int(mark),
        }:
            return SegmentHeader(first_position, created_ms, mark, end)
        case _:
            raise Damaged("a segment header without position, time or mark")


def _item_end(data: bytes, at: int, depth: int) -> int:
    """Return where a CBOR item ends, without looking into texts.

    Raises:
        Damaged: It has no definite length, or is nested deeper than any header; tags are read as
            numbers, with which no header is.
        IndexError: The data ends before it.
    """
    major, size = data[at] >> 5, data[at] & 0x1F
    at += 1
    if size > _LONGEST or depth > _DEPTH_MAX:
        raise Damaged("no segment header")
    if size >= _LENGTH_FOLLOWS:
        octets = 1 << (size - _LENGTH_FOLLOWS)
        size = int.from_bytes(data[at : at + octets], "big")
        at += octets
    if major in _STRINGS:
        at += size
    for _ in range(size * _ITEMS_EACH.get(major, 0)):
        at = _item_end(data, at, depth + 1)
    if at > len(data):
        raise IndexError
    return at
