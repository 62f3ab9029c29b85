"""`specs/capture.md` is what the writer writes and what our reader reads."""

from __future__ import annotations

import ast
import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.values import (
    IndexKind,
    PerformanceDataStreamUnit,
    SubCounter,
    SubCounterIndex,
)
from mnstream.adapters.rest.stream_info import encode_stream_info
from mnstream.adapters.storage import Entry, Hole, LogReader, LogUnreadable
from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.format import (
    DISPOSITIONS,
    Content,
    encode_block,
    encode_frame,
    encode_metadata,
)
from mnstream.adapters.storage.scanning import Block, scan_blocks, scan_header
from mnstream.adapters.storage.segments import Batch, Segments, segment_paths
from mnstream.core.records import FrameStored, MetadataRecord, Record
from mnstream.testing.logs import STREAMS, changed, ended, established, performance_stream
from tests.adapters.storage import independent_reader
from tests.adapters.storage.helpers import QuickDisk, batch, frame, of_a_later_version, only_segment
from tests.adapters.storage.mangling import DAMAGE, damaged

DOCUMENT = Path(__file__).parents[3] / "specs" / "capture.md"
EXAMPLE = re.compile(r"<!-- example -->\n```\n(.*?)```\n<!-- /example -->", re.DOTALL)


# --- the worked example ----------------------------------------------------------------------


def example(directory: Path) -> bytes:
    """Write the capture of the document's last section."""
    stream = performance_stream("5", "RRC.ConnMean", "PEE.Bin")
    unit = PerformanceDataStreamUnit(
        stream_id=5,
        granularity_period_end_time_ns=1_629_129_697 * 10**9,
        standardized=(7, SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), None)),
    )
    records: list[Record] = [
        established("c", 1, [stream]),
        frame(encode_pdsus([unit]), 1_629_129_697_250),
    ]
    segments = Segments(directory, disk=QuickDisk(), make_mark=lambda: 0x12345678)
    segments.commit(batch(0, *records))
    segments.close()
    return only_segment(directory).read_bytes()


def dump(data: bytes) -> str:
    lines: list[str] = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        text = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)
        lines.append(f"{at:04x}  {row.hex(' '):47}  {text}\n")
    return "".join(lines)


def test_the_worked_example_is_what_the_writer_writes(tmp_path: Path) -> None:
    found = EXAMPLE.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == dump(example(tmp_path))


def test_the_independent_reader_is_independent() -> None:
    tree = ast.parse(Path(independent_reader.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


# --- both readers over random captures -------------------------------------------------------


TAGS = (0, 1, 4, 24, 37, 258, 1000, 55799, 1 << 40)
"""Some that decoders know, and some that nobody does."""


@st.composite
def records(draw: st.DrawFn) -> tuple[bytes, MetadataRecord | None]:
    """A record as it is stored, perhaps as a later program would, and the metadata that it is."""
    wall_ms = draw(st.integers(0, 2000))
    version = draw(st.integers(1, 4))
    name = "ab"[version % 2]  # a version belongs to one connection for ever
    record: Record
    match draw(st.integers(0, 6)):
        case 0:
            record = established(name, version, draw(st.sampled_from([STREAMS, STREAMS[:1]])))
        case 1:
            removed = [STREAMS[0].stream_id] if draw(st.booleans()) else []
            record = changed(name, version, added=STREAMS[3:4], removed=removed)
        case 2:
            record = ended(name)
        case 3:
            return cbor2.dumps([draw(st.integers(4, 300)), wall_ms, {"x": [1.5, None]}, "y"]), None
        case _:
            payload = draw(st.binary(max_size=40))
            disposition = draw(st.sampled_from(DISPOSITIONS))
            record = frame(payload, wall_ms, version, disposition, draw(st.text(max_size=3)))
    metadata = None if isinstance(record, FrameStored) else record
    encoded = encode_frame(record) if isinstance(record, FrameStored) else encode_metadata(record)
    if draw(st.integers(0, 4)) == 0:
        encoded = cbor2.dumps([*cbor2.loads(encoded), {"later": -1}, b"member"])
    if draw(st.integers(0, 4)) == 0:
        which, tag = draw(st.integers(0, 3)), draw(st.sampled_from(TAGS))
        items = cbor2.loads(encoded)
        items[which] = cbor2.CBORTag(tag, items[which])
        encoded = cbor2.dumps(items)
    return encoded, metadata


CAPTURES = st.lists(
    st.tuples(st.lists(records(), min_size=1, max_size=4), st.sampled_from([1, 1 << 20])),
    min_size=1,
    max_size=8,
)
DAMAGES = st.lists(st.tuples(st.integers(0, 9), DAMAGE), max_size=4)


Batches = list[tuple[list[tuple[bytes, MetadataRecord | None]], int]]
"""Records of each commit, and how large a segment may be before it."""


def build(directory: Path, batches: Batches) -> None:
    """Write batches with the real writer."""
    shutil.rmtree(directory, ignore_errors=True)
    for stored, segment_bytes in batches:
        segments = Segments(directory, segment_bytes=segment_bytes, disk=QuickDisk())
        segments.commit(
            Batch(
                first_position=segments.next_position,
                count=len(stored),
                first_wall_ms=0,
                last_wall_ms=2000,
                pieces=[encoded for encoded, _ in stored],
                metadata=[metadata for _, metadata in stored if metadata is not None],
            )
        )
        segments.close()


def add_block_of_other_content(path: Path, place: int) -> None:
    """Put a block that a later program might write between two blocks."""
    file = OpenFile(path)
    header, at = scan_header(file.read_at)
    parts = list(scan_blocks(file.read_at, file.size, start=at, mark=None))
    file.close()
    assert header is not None
    ends = [at, *(part.end for part in parts if isinstance(part, Block))]
    added = encode_block(
        [b"\x01"],
        first_position=0,
        count=1,
        first_wall_ms=0,
        last_wall_ms=0,
        content=Content.OTHER,
        mark=header.mark,
    )
    where = ends[place % len(ends)]
    data = path.read_bytes()
    path.write_bytes(data[:where] + added + data[where:])


def ours(path: Path) -> list[tuple[object, ...]]:
    """Tell what our reader gives, in the words of the other one."""
    told: list[tuple[object, ...]] = []
    for entry in LogReader(path).entries():
        match entry:
            case Hole():
                told.append(("lost", entry.first_position, entry.last_position))
            case Entry(record=FrameStored() as stored, connection=connection):
                streams = () if connection is None else connection.stream_info_list
                told.append(
                    (
                        *(entry.position, stored.wall_ms, DISPOSITIONS.index(stored.disposition)),
                        *(stored.cause, stored.payload),
                        None if connection is None else connection.connection_id,
                        [encode_stream_info(each, keep_absent_format=True) for each in streams],
                    )
                )
            case Entry(record=record):
                assert not isinstance(record, FrameStored)
                told.append((entry.position, cbor2.loads(encode_metadata(record))))
    return told


def theirs(path: Path) -> list[tuple[object, ...]]:
    told: list[tuple[object, ...]] = []
    for each in independent_reader.read(path):
        match each:
            case independent_reader.Lost():
                told.append(("lost", each.first, each.last))
            case independent_reader.Frame():
                told.append(
                    (
                        *(each.position, each.wall_ms, each.disposition, each.cause),
                        *(each.payload, each.connection, list(each.streams)),
                    )
                )
            case independent_reader.Metadata():
                length = {1: 7, 2: 6, 3: 4}[each.items[0]]
                told.append((each.position, each.items[:length]))
    return told


@settings(max_examples=150, deadline=None)
@given(
    batches=CAPTURES,
    others=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=2),
    damages=DAMAGES,
    lost=st.none() | st.integers(0, 9),
)
def test_both_readers_give_the_same_of_whole_and_of_damaged_captures(
    tmp_path_factory: pytest.TempPathFactory,
    batches: Batches,
    others: list[tuple[int, int]],
    damages: list[tuple[int, tuple[int, int, int]]],
    lost: int | None,
) -> None:
    directory = tmp_path_factory.getbasetemp() / "capture"
    build(directory, batches)
    whole = ours(directory)
    assert whole == theirs(directory)
    assert not [each for each in whole if each[0] == "lost"]

    paths = segment_paths(directory)
    for which, place in others:
        add_block_of_other_content(paths[which % len(paths)], place)
    assert ours(directory) == theirs(directory) == whole

    for which, damage in damages:
        path = paths[which % len(paths)]
        path.write_bytes(damaged(path.read_bytes(), [damage]))
    if lost is not None:
        paths.pop(lost % len(paths)).unlink()
    found = ours(directory)
    assert found == theirs(directory)
    positions = [each[0] for each in found if isinstance(each[0], int)]
    assert all(before < after for before, after in pairwise(positions))
    known = {each[0]: each for each in whole}
    for each in found:
        if each[0] != "lost":
            assert each[:5] == known[each[0]][:5], "nothing is made up"
    for path in paths:
        assert single(ours, path) == single(theirs, path)
        renamed = path.rename(path.with_name("any.mnlog"))
        assert single(ours, renamed) == single(theirs, renamed)


def single(read: object, path: Path) -> object:
    assert callable(read)
    try:
        return read(path)
    except (LogUnreadable, independent_reader.Refused):
        return "refused"


def test_both_refuse_a_later_version(tmp_path: Path) -> None:
    data = of_a_later_version(example(tmp_path))
    only_segment(tmp_path).write_bytes(data)
    with pytest.raises(LogUnreadable, match="2"):
        ours(tmp_path)
    with pytest.raises(independent_reader.Refused, match="2"):
        theirs(tmp_path)


def test_records_of_later_kinds_are_counted_and_are_no_holes(tmp_path: Path) -> None:
    first, second = encode_frame(frame(b"first")), encode_frame(frame(b"second"))
    later = [cbor2.dumps([9, 1000]), cbor2.dumps([9, 1000, "x"]), cbor2.dumps([70, 1000])]
    stored: list[tuple[bytes, MetadataRecord | None]] = [
        (encoded, None) for encoded in (first, *later, second)
    ]
    build(tmp_path / "log", [(stored, 1)])
    reader = LogReader(tmp_path / "log")
    entries = list(reader.entries())
    assert [entry.position for entry in entries if isinstance(entry, Entry)] == [0, 4]
    assert not [entry for entry in entries if isinstance(entry, Hole)]
    assert reader.unknown_records == {9: 2, 70: 1}
    assert reader.bytes_read == reader.size
