"""What a tail gives, and when, while a log grows, breaks and loses its beginning."""

import tempfile
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage import Entry, Hole, LogReader, LogUnreadable, UnitResolver
from mnstream.adapters.storage import tail as tail_module
from mnstream.adapters.storage.errors import Damaged
from mnstream.adapters.storage.following import CaptureTail
from mnstream.adapters.storage.segments import segment_paths
from mnstream.adapters.storage.tail import Batch, LogTail
from mnstream.core.records import FrameStored, Record
from mnstream.testing.logs import changed, ended, established
from tests.adapters.sinks.helpers import FIRST, STREAM, GrowingLog, RefusingDisk, measured
from tests.adapters.storage.helpers import frame, of_a_later_version, only_segment

EVERYTHING = 1 << 62


def told(batch: Batch) -> list[bytes | str]:
    """Give the payload of each frame, and what each hole says."""
    found: list[bytes | str] = []
    for entry in batch.entries:
        if isinstance(entry, Hole):
            found.append(f"{entry.reason} {entry.first_position}-{entry.last_position}")
        elif isinstance(entry.record, FrameStored):
            found.append(entry.record.payload)
    return found


def test_only_what_is_new_is_given(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    tail = LogTail(tmp_path, 0)
    assert tail.read(log.durable_position) == Batch([], 0, is_full=False)
    log.commit(FIRST, frame(b"1"))
    assert told(tail.read(1)) == [b"1"]
    assert told(tail.read(1)) == []
    log.commit(frame(b"2"))
    log.commit(frame(b"3"))
    assert told(tail.read(3)) == [b"2", b"3"]
    assert tail.position == 4
    tail.close()


def test_frames_come_with_the_streams_of_their_time(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    log.commit(changed("a", 2, removed=["1"]), frame(b"2", version=2), ended("a"))
    log.commit(frame(b"3", version=2))
    tail = LogTail(tmp_path, 1)
    entries = [entry for entry in tail.read(5).entries if isinstance(entry, Entry)]
    streams = [
        (entry.position, None if entry.connection is None else entry.connection.stream_info_list)
        for entry in entries
        if isinstance(entry.record, FrameStored)
    ]
    assert streams == [(1, (STREAM,)), (3, ()), (5, None)]
    tail.close()


def test_nothing_is_given_before_it_is_durable(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    log.commit(frame(b"2"))
    tail = LogTail(tmp_path, 0)
    assert told(tail.read(-1)) == []
    assert told(tail.read(1)) == [b"1"]
    assert told(tail.read(1)) == []
    assert told(tail.read(2)) == [b"2"]
    tail.close()


def test_reading_goes_on_in_the_next_segment(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    tail = LogTail(tmp_path, 0)
    for number in range(5):
        log.commit(*([FIRST] if number == 0 else []), frame(bytes([number]) * 5000))
        (payload,) = told(tail.read(log.durable_position))
        assert payload == bytes([number]) * 5000
    assert len(segment_paths(tmp_path)) > 3
    whole = LogTail(tmp_path, 3)
    assert [payload[:1] for payload in told(whole.read(EVERYTHING))] == [b"\2", b"\3", b"\4"]
    assert told(whole.read(EVERYTHING)) == []
    tail.close()
    whole.close()


def test_a_snapshot_makes_later_segments_readable(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    log.commit(FIRST)
    for _ in range(4):
        log.commit(frame(bytes(5000)))
    first, *_ = segment_paths(tmp_path)
    first.unlink()
    tail = LogTail(tmp_path, 4)
    (entry,) = tail.read(4).entries
    assert isinstance(entry, Entry)
    assert entry.connection is not None
    assert entry.connection.stream_info_list == (STREAM,)
    tail.close()


def test_what_retention_deleted_is_a_hole_unless_nobody_ever_wanted_it(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    for number in range(4):
        log.commit(frame(bytes([number]) * 5000))
    for path in segment_paths(tmp_path)[:2]:
        path.unlink()
    new, late = LogTail(tmp_path, 0), LogTail(tmp_path, 1)
    assert told(new.read(3))[0] == b"\2" * 5000
    assert told(late.read(3))[0] == "missing 1-1"
    new.close()
    late.close()


def test_retention_that_overtakes_a_tail(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    log.commit(FIRST, frame(bytes(5000)))
    tail = LogTail(tmp_path, 0)
    tail.read(1)
    for number in range(1, 4):
        log.commit(frame(bytes([number]) * 5000))
    for path in segment_paths(tmp_path)[:-1]:
        path.unlink()
    assert told(tail.read(4)) == ["missing 2-3", b"\3" * 5000]
    tail.close()


def test_half_of_a_write_is_not_the_end_of_reading(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    before = path.stat().st_size
    log.commit(frame(b"2" * 100))
    whole = path.read_bytes()
    tail = LogTail(tmp_path, 0)
    for end in range(before, len(whole), 7):
        path.write_bytes(whole[:end])
        assert told(tail.read(2)) == ([b"1"] if end == before else [])
    path.write_bytes(whole)
    assert told(tail.read(2)) == [b"2" * 100]
    tail.close()


def test_a_write_that_was_cut_off_and_done_anew(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    good = path.read_bytes()
    tail = LogTail(tmp_path, 0)
    tail.read(1)
    path.write_bytes(good + b"\xff" * 300)
    assert told(tail.read(2)) == []
    path.write_bytes(good)
    log.commit(frame(b"2" * 200))
    assert told(tail.read(2)) == [b"2" * 200]
    tail.close()


def test_records_that_were_written_again_elsewhere_are_given_once(tmp_path: Path) -> None:
    """After a failed sync the batch is in the old segment and in the new one."""
    disk = RefusingDisk()
    log = GrowingLog(tmp_path, disk=disk)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    tail = LogTail(tmp_path, 0)
    disk.refuses = True
    with pytest.raises(OSError, match="refused"):
        log.commit(frame(b"2"))
    assert told(tail.read(1)) == [b"1"]
    disk.refuses = False
    log.commit(frame(b"2"))
    assert len(segment_paths(tmp_path)) == 2
    assert b"2" in path.read_bytes()[-20:]
    assert told(tail.read(2)) == [b"2"]
    tail.close()


def test_damage_in_the_middle_is_a_hole(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    start = path.stat().st_size
    log.commit(frame(b"2"))
    log.commit(frame(b"3"))
    broken = bytearray(path.read_bytes())
    broken[start + 60] ^= 0xFF
    path.write_bytes(broken)
    tail = LogTail(tmp_path, 0)
    assert told(tail.read(3)) == [b"1", "damaged 2-2", b"3"]
    assert told(tail.read(3)) == []
    tail.close()


def test_damage_at_the_end_of_a_segment_is_a_hole_when_there_is_another(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    log.commit(FIRST, frame(bytes(5000)))
    path = only_segment(tmp_path)
    broken = bytearray(path.read_bytes())
    broken[-1] ^= 0xFF
    path.write_bytes(broken)
    tail = LogTail(tmp_path, 0)
    assert told(tail.read(1)) == []
    log.commit(frame(b"2"))
    assert told(tail.read(2)) == ["damaged 0-1", b"2"]
    tail.close()


def test_batches_are_bounded(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    third = tail_module.BATCH_BYTES // 3 + 1
    for _ in range(4):
        log.commit(frame(bytes(third)))
    tail = LogTail(tmp_path, 0)
    first, second = tail.read(3), tail.read(3)
    assert (len(first.entries), first.is_full) == (3, True)
    assert (len(second.entries), second.is_full) == (1, False)
    tail.close()


@given(
    groups=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    start=st.integers(0, 20),
    reads=st.lists(st.integers(-1, 40), max_size=6),
)
def test_reading_in_steps_gives_what_reading_at_once_gives(
    groups: list[int], start: int, reads: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        log = GrowingLog(Path(name), segment_bytes=300)
        number = 0
        for size in groups:
            records: list[Record] = [] if number else [FIRST]
            while len(records) < size:
                records.append(measured(number))
                number += 1
            log.commit(*records)
        start = min(start, log.durable_position + 1)
        tail = LogTail(Path(name), start)
        found: list[Entry | Hole] = []
        for position in [*sorted(reads), EVERYTHING]:
            found += tail.read(min(position, log.durable_position)).entries
        tail.close()
        log.segments.close()
        assert found == list(LogReader(Path(name)).entries(from_position=start))


def test_a_new_log_whose_first_file_is_damaged_at_its_head(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    tail = LogTail(tmp_path, 0)
    assert told(tail.read(1)) == [b"1"]
    log.commit(frame(b"2"))
    assert told(tail.read(2)) == [b"2"]
    tail.close()


def test_a_block_that_holds_no_records_is_a_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    monkeypatch.setattr(tail_module, "decode_body", not_records)
    tail = LogTail(tmp_path, 0)
    assert told(tail.read(1)) == ["not records 0-1"]
    tail.close()


def not_records(*_: object) -> NoReturn:
    raise Damaged("made up")


def test_a_file_of_a_later_version_is_refused_and_closed(tmp_path: Path) -> None:
    GrowingLog(tmp_path).commit(FIRST)
    path = only_segment(tmp_path)
    path.write_bytes(of_a_later_version(path.read_bytes()))
    with pytest.raises(LogUnreadable, match=f"{path}: log format 2"):
        LogTail(tmp_path, 0).read(0)
    with pytest.raises(LogUnreadable, match=f"{path}: log format 2"):
        CaptureTail(path)


def test_units_stay_right_when_what_ended_is_forgotten(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path)
    log.commit(FIRST, measured(1), established("b", 2, [STREAM]), established("c", 3, [STREAM]))
    log.commit(ended("b"), ended("c"), measured(2))
    tail = LogTail(tmp_path, 0)
    resolver = UnitResolver()
    units = [
        unit
        for entry in tail.read(EVERYTHING).entries
        if isinstance(entry, Entry)
        for unit in resolver.units(entry)
    ]
    assert [each.values for each in units] == [{"x": 1}, {"x": 2}]
    tail.close()
