"""The bytes of headers, blocks and records."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import cast

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage.errors import Damaged, LogUnreadable
from mnstream.adapters.storage.format import (
    BLOCK_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    BlockHead,
    Content,
    UnknownRecord,
    block_is_good,
    decode_block_head,
    decode_body,
    encode_block,
    encode_delivered,
    encode_frame,
    encode_metadata,
    segment_name,
)
from mnstream.adapters.storage.segment_header import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
)
from mnstream.core.records import Disposition, FrameStored, Record
from mnstream.core.values import SerializationFormat, StreamId, StreamInfo, StreamType, TraceInfo
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


def encoded(record: Record) -> bytes:
    return encode_frame(record) if isinstance(record, FrameStored) else encode_metadata(record)


def block(*records: Record, content: Content = Content.MIXED) -> bytes:
    return encode_block(
        map(encoded, records),
        first_position=42,
        count=len(records),
        first_wall_ms=5,
        last_wall_ms=6,
        content=content,
        mark=7,
    )


def header_of(**members: object) -> bytes:
    """A header as a later program might write it."""
    data = cbor2.dumps({"format": "mnstream-log", **members, "crc32": 0})
    covered = b"\xd9\xd9\xf7" + data[:-1]
    return covered + b"\x1a" + zlib.crc32(covered).to_bytes(4, "big")


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
    later = header_of(version=300, firstPosition={"major": 4, "minor": [2]})
    with pytest.raises(LogUnreadable, match="log format 300"):
        decode_segment_header(later)


def test_a_damaged_version_is_damage() -> None:
    data = encode_segment_header(HEADER).replace(b"version\x01", b"version\x02")
    with pytest.raises(Damaged):
        decode_segment_header(data)


def test_members_that_were_added_to_a_header_are_passed_over() -> None:
    data = header_of(
        version=1, firstPosition=42, createdMs=5, mark=6, codec=[1, {"x": b"yz"}], note="n" * 300
    )
    assert decode_segment_header(data + b"what follows") == SegmentHeader(42, 5, 6, len(data))
    for position in range(len(data)):
        with pytest.raises(Damaged):
            decode_segment_header(data[:position])


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_or_damaged(data: bytes) -> None:
    beginning = encode_segment_header(HEADER)[:27]
    for wrong in (data, beginning[:3] + data, beginning[:4] + data, beginning + data):
        with pytest.raises((Damaged, LogUnreadable)):
            decode_segment_header(wrong)


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


def body_of(*items: object) -> tuple[BlockHead, bytes]:
    """A block as another program might write it."""
    data = encode_block(
        [cbor2.dumps(item) for item in items],
        first_position=42,
        count=len(items),
        first_wall_ms=5,
        last_wall_ms=6,
        content=Content.MIXED,
        mark=7,
    )
    head = decode_block_head(data)
    assert head is not None
    return head, data[BLOCK_HEAD_BYTES:]


def test_records_of_other_kinds_and_further_members_are_passed_over() -> None:
    known = [cbor2.loads(encode_metadata(ended("a"))), [0, 1000, 1, 0, "", b"y"]]
    longer = [[*record, {"added": 1}, None] for record in known]
    later = [[4, 1000], [300, 1000, "x", [1]]]
    expected = [ended("a"), frame(b"y")]
    assert decode_body(*body_of(*longer, *later, *known)) == [
        *expected,
        UnknownRecord(4),
        UnknownRecord(300),
        *expected,
    ]


STREAM = {"streamType": "TRACE", "streamId": "9", "serializationFormat": "GPB"}


def tagged(tag: int, value: object) -> Iterator[object]:
    """Give a value with a tag around it, then with one around each of its parts."""
    yield cbor2.CBORTag(tag, value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        for place, item in enumerate(items):
            for other in tagged(tag, item):
                yield [*items[:place], other, *items[place + 1 :]]
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for name, member in members.items():
            for other in tagged(tag, member):
                yield {**members, name: other}


TRACE = StreamInfo(
    stream_id=StreamId("9"),
    stream_type=StreamType.TRACE,
    serialization_format=SerializationFormat.GPB,
    additional_info=TraceInfo(attributes={"any": ["a", 1, None, {"big": -(1 << 70), "half": 0.5}]}),
)


@pytest.mark.parametrize("tag", [0, 1, 4, 24, 28, 37, 258, 500, 55799, 1 << 40])
def test_tags_are_ignored_wherever_they_stand(tag: int) -> None:
    for record in (*RECORDS, changed("a", 3, added=[TRACE])):
        item = cbor2.loads(encoded(record))
        for other in tagged(tag, item):
            assert decode_body(*body_of(other, item)) == [record, record], other


@pytest.mark.parametrize(
    "item",
    [
        *(5, "45", {9: 1, 8: 2}, [], [9], ["0", 1], [-1, 1000], [1.0, 1000], [True, 1000]),
        *([0, 1000, 1, 0, ""], [0, -1, 1, 0, "", b""], [0, 1.5, 1, 0, "", b""]),
        *([0, 1 << 53, 1, 0, "", b""], [0, 1000, 1, 4, "", b""], [0, 1000, 1, -1, "", b""]),
        *([0, 1000, "1", 0, "", b""], [0, 1000, 1, 0, b"", b""], [0, 1000, 1, 0, "", "x"]),
        *(
            [1, 1000, 1, "a", "b", "c"],
            [1, 1000, 1, "a", "b", "c", 5],
            [1, 1000, 1, "a", 2, "", []],
        ),
        *([2, 1000, 1, "a", [{**STREAM, "additionalInfo": {"a": b"no JSON"}}], []],),
        *([2, 1000, 1, "a", [], [5]], [2, 1000, 1, "a", [5], []], [3, 1000, "a", "other"]),
    ],
)
def test_what_is_no_record_is_said_to_be_none(item: object) -> None:
    with pytest.raises(Damaged):
        decode_body(*body_of([9, 1000], item))


def test_a_block_of_other_content_is_known_as_one() -> None:
    data = bytearray(block(RECORDS[2]))
    at = data.index(b"\x01\x1a\x00\x00\x00\x07")
    contents = {}
    for content in range(256):
        data[at] = content
        head = decode_block_head(bytes(data))
        contents[content] = None if head is None else head.content
    assert [contents[0], contents[1], contents[2]] == list(Content)[:3]
    assert all(contents[content] is Content.OTHER for content in range(3, 24))
    assert all(contents[content] is None for content in range(24, 256))


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
