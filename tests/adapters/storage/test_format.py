"""The bytes of headers, blocks and records."""

from io import BytesIO

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage.errors import Damaged, LogUnreadable
from mnstream.adapters.storage.format import (
    BLOCK_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    SEGMENT_HEADER_BYTES,
    Content,
    SegmentHeader,
    block_is_good,
    decode_block_head,
    decode_body,
    decode_segment_header,
    encode_block,
    encode_delivered,
    encode_frame,
    encode_metadata,
    encode_segment_header,
    segment_name,
)
from mnstream.core.records import Disposition, FrameStored, Record
from mnstream.testing.logs import STREAMS, changed, ended, established
from tests.adapters.storage.helpers import frame

HEADER = SegmentHeader(first_position=42, created_ms=1_700_000_000_000, mark=0xDEADBEEF)
RECORDS: list[Record] = [
    established("a", 1),
    changed("a", 2, added=STREAMS[:1], removed=["1"]),
    ended("a"),
    frame(b"", disposition=Disposition.KEEP_ALIVE),
    frame(b"x" * 300, disposition=Disposition.QUARANTINED, cause="unknownStream"),
    frame(b"y", 2**40, 2**31, Disposition.DUPLICATE),
]


def block(*records: Record, content: Content = Content.MIXED) -> bytes:
    encoded = [
        encode_frame(record) if isinstance(record, FrameStored) else encode_metadata(record)
        for record in records
    ]
    return encode_block(
        encoded,
        first_position=42,
        count=len(records),
        first_wall_ms=5,
        last_wall_ms=6,
        content=content,
        mark=7,
    )


def test_a_segment_is_a_cbor_sequence() -> None:
    stream = BytesIO(encode_segment_header(HEADER) + block(*RECORDS))
    header = cbor2.load(stream)
    assert list(header) == ["format", "version", "firstPosition", "createdMs", "mark", "crc32"]
    assert [header["format"], header["version"], header["firstPosition"]] == ["mnstream-log", 1, 42]
    tagged = cbor2.load(stream)
    assert tagged.tag == 60333
    position, count, first_ms, last_ms, content, mark, _, body = tagged.value
    assert (position, count, first_ms, last_ms, content, mark) == (42, 6, 5, 6, 1, 7)
    assert [record[0] for record in cbor2.loads(body)] == [1, 2, 3, 0, 0, 0]


def test_header_there_and_back() -> None:
    data = encode_segment_header(HEADER)
    assert len(data) == SEGMENT_HEADER_BYTES
    assert decode_segment_header(data + b"what follows") == HEADER


def test_every_change_and_every_truncation_of_a_header_is_noticed() -> None:
    data = encode_segment_header(HEADER)
    for position in range(len(data)):
        wrong = bytearray(data)
        wrong[position] ^= 0x10
        with pytest.raises((Damaged, LogUnreadable)):
            decode_segment_header(bytes(wrong))
        with pytest.raises(Damaged):
            decode_segment_header(data[:position])


def test_a_later_version_is_said_to_be_one() -> None:
    data = encode_segment_header(HEADER).replace(b"version\x01", b"version\x02")
    with pytest.raises(LogUnreadable, match="log format 2"):
        decode_segment_header(data)


def test_block_and_records_there_and_back() -> None:
    data = block(*RECORDS)
    head = decode_block_head(data)
    assert head is not None
    assert head.size == len(data)
    assert (head.first_position, head.count, head.first_wall_ms, head.last_wall_ms) == (42, 6, 5, 6)
    assert (head.content, head.mark) == (Content.MIXED, 7)
    body = data[BLOCK_HEAD_BYTES:]
    assert block_is_good(head, data[:BLOCK_HEAD_BYTES], body)
    assert decode_body(head, body) == RECORDS


def test_every_change_of_a_block_is_noticed() -> None:
    data = block(*RECORDS[2:5])
    for position in range(len(data)):
        wrong = bytearray(data)
        wrong[position] ^= 0x01
        head = decode_block_head(bytes(wrong[:BLOCK_HEAD_BYTES]))
        body = bytes(wrong[BLOCK_HEAD_BYTES:])
        assert head is None or not block_is_good(head, bytes(wrong[:BLOCK_HEAD_BYTES]), body)


def test_delivered_frames_have_the_same_meaning_in_their_fast_form() -> None:
    payload = b"z" * 97
    fast = encode_delivered(3, 1_700_000_000_000, len(payload))
    assert len(fast) == FRAME_OVERHEAD_BYTES
    slow = encode_frame(frame(payload, 1_700_000_000_000, 3))
    assert cbor2.loads(fast + payload) == cbor2.loads(slow)


@given(st.binary(max_size=100))
def test_any_body_is_records_or_damaged(body: bytes) -> None:
    data = block(*RECORDS)
    head = decode_block_head(data)
    assert head is not None
    with pytest.raises(Damaged):
        decode_body(head, body)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_head_or_none(data: bytes) -> None:
    assert decode_block_head(data) is None
    assert decode_block_head(block(RECORDS[2])[:5] + data) is None


def test_names_sort_like_positions() -> None:
    positions = [0, 9, 10, 10**15, 2**53]
    assert sorted(map(segment_name, positions)) == list(map(segment_name, positions))
