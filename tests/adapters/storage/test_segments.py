"""What is on the disk after crashes, damage and refusals; and what a reader makes of it."""

import errno
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mnstream.adapters.storage import Entry, Hole, LogInUse, LogReader, LogUnreadable
from mnstream.adapters.storage import reader as reader_module
from mnstream.adapters.storage.format import BLOCK_HEAD_BYTES
from mnstream.adapters.storage.segment_header import SEGMENT_HEADER_BYTES
from mnstream.adapters.storage.segments import DAMAGED, Segments, segment_paths
from mnstream.core.records import MetadataRecord, Record
from mnstream.testing.logs import STREAMS, changed, ended, established, streams_in_force
from tests.adapters.storage.helpers import (
    QuickDisk,
    batch,
    frame,
    of_a_later_version,
    only_segment,
    read,
    records_of,
    write,
)

BATCHES: list[list[Record]] = [
    [established("a", 1, STREAMS[:2]), frame(b"one", 1000)],
    [frame(b"two", 1010), frame(b"three", 1020)],
    [changed("a", 2, added=STREAMS[2:3], removed=["1"]), frame(b"four", 1030, 2)],
    [frame(b"five", 1040, 2)],
]
RECORDS = [record for records in BATCHES for record in records]


def ends_of_batches(directory: Path) -> list[int]:
    """Write the batches into a log of one segment and give the size after each."""
    sizes: list[int] = []
    for records in BATCHES:
        write(directory, [records])
        sizes.append(only_segment(directory).stat().st_size)
    return sizes


class FailingDisk(QuickDisk):
    """Refuses what it is told to, after writing half of it."""

    def __init__(self) -> None:
        self.refuse: set[str] = set()
        self.error = errno.ENOSPC
        self.syncs = 0

    def _check(self, what: str) -> None:
        if what in self.refuse:
            raise OSError(self.error, "refused")

    def write_at(self, fd: int, offset: int, data: bytes) -> None:
        if "write" in self.refuse:
            super().write_at(fd, offset, data[: len(data) // 2])
        self._check("write")
        super().write_at(fd, offset, data)

    def sync(self, fd: int) -> None:
        self._check("sync")
        self.syncs += 1
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        self._check("truncate")
        super().truncate(fd, size)

    def create(self, path: Path) -> int:
        self._check("create")
        return super().create(path)

    def rename(self, old: Path, new: Path) -> None:
        self._check("rename")
        super().rename(old, new)

    def sync_directory(self, directory: Path) -> None:
        self._check("sync_directory")
        super().sync_directory(directory)


def test_what_was_written_is_read_in_order_with_the_streams_in_force(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    assert records_of(tmp_path) == RECORDS
    streams = [
        entry.connection and entry.connection.stream_info_list
        for entry in read(tmp_path)
        if isinstance(entry, Entry)
    ]
    assert streams == [None, *[STREAMS[:2]] * 3, None, *[STREAMS[1:3]] * 2]


def test_a_log_torn_at_any_byte_opens_with_the_whole_blocks_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = tmp_path / "whole"
    ends = ends_of_batches(whole)
    data = only_segment(whole).read_bytes()
    for cut in range(len(data)):
        torn = tmp_path / "torn"
        torn.mkdir()
        (torn / only_segment(whole).name).write_bytes(data[:cut])
        kept = sum(end <= cut for end in ends)
        count = sum(map(len, BATCHES[:kept]))
        if cut >= SEGMENT_HEADER_BYTES:
            assert records_of(torn) == RECORDS[:count], cut
        segments = write(torn, [])
        good = max((end for end in ends if end <= cut), default=SEGMENT_HEADER_BYTES)
        assert segments.next_position == count, cut
        assert segments.repaired_bytes == (cut if cut < good else cut - good), cut
        segments = write(torn, [[frame(b"new")]])
        assert segments.repaired_bytes == 0
        assert records_of(torn) == [*RECORDS[:count], frame(b"new")], cut
        assert not list(torn.glob(f"*{DAMAGED}"))
        shutil.rmtree(torn)
    assert not caplog.records, "nothing of it is worth a warning"


def test_less_than_a_head_that_is_no_beginning_of_one_is_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, [*BATCHES, [frame(b"later")]])
    path = only_segment(tmp_path)
    whole = path.read_bytes()
    write(tmp_path / "before", BATCHES)
    size = only_segment(tmp_path / "before").stat().st_size
    data, head = whole[:size], whole[size : size + BLOCK_HEAD_BYTES - 1]
    for place in (0, 4, 13, 36, 37, 38, 47):
        for tail in (head[:place] + b"\xff" + head[place + 1 :], head[:place] + b"\xff"):
            path.write_bytes(data + tail)
            assert read(tmp_path)[len(RECORDS) :] == [Hole(path, size, 7, None, "damaged")], place
    for length in range(len(head)):
        path.write_bytes(data + head[:length] + bytes(len(head) - length))
        assert records_of(tmp_path) == RECORDS, "what a write leaves, and zeros behind it"
    path.write_bytes(data + whole[-30:])
    assert read(tmp_path)[len(RECORDS) :] == [Hole(path, size, 7, None, "damaged")]
    assert write(tmp_path, []).repaired_bytes == 30
    assert f"{path} at {size}: 30 octets are damaged" in caplog.text


def test_octets_that_were_cut_out_near_the_end_are_not_counted_by_what_is_left(
    tmp_path: Path,
) -> None:
    ends = ends_of_batches(tmp_path)
    write(tmp_path, [[frame(b"six", 1050, 2)]])
    path = only_segment(tmp_path)
    data = path.read_bytes()
    # The head that is left says where its block should end, which is within the next one.
    left = data[: ends[2] + 60] + data[ends[2] + 120 :]
    assert 0 < len(left) - ends[3] < BLOCK_HEAD_BYTES
    path.write_bytes(left)
    assert read(tmp_path)[6:] == [Hole(path, ends[2], 6, None, "damaged")]


def test_garbage_behind_the_last_block_is_named_and_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    for garbage in (data[-60:-1], b"\xd9\xeb\xad\x88\x1b" * 20, data[: len(data) // 2]):
        path.write_bytes(data + garbage)
        assert read(tmp_path)[len(RECORDS) :] == [Hole(path, len(data), 7, None, "damaged")]
        assert write(tmp_path, []).repaired_bytes == len(garbage)
        assert path.read_bytes() == data
        (warning,) = caplog.messages
        assert f"{path} at {len(data)}: {len(garbage)} octets are damaged" in warning
        caplog.clear()


@pytest.mark.parametrize("kept", [0, 100, 5000])
@pytest.mark.parametrize("zeros", [1, 100, 600, 2 << 20, 3 << 20])
def test_zeros_that_a_loss_of_power_left_are_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: int, zeros: int
) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    write(tmp_path, [[frame(bytes([1]) * (3 << 20))]])
    whole = path.read_bytes()
    sectors = len(data) + kept if kept <= 100 else (len(data) + kept) // 512 * 512
    torn = (whole[:sectors] + bytes(zeros))[: len(whole)]  # the most: to where it should end
    path.write_bytes(torn)
    assert records_of(tmp_path) == RECORDS
    assert write(tmp_path, []).repaired_bytes == len(torn) - len(data)
    assert not caplog.records


def flipped(data: bytes, *positions: int) -> bytes:
    wrong = bytearray(data)
    for position in positions:
        wrong[position] ^= 1
    return bytes(wrong)


def test_each_flipped_bit_in_the_last_block_is_a_hole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ends = ends_of_batches(tmp_path)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    body = ends[2] + BLOCK_HEAD_BYTES
    named = [Hole(path, ends[2], 6, last, "damaged") for last in (6, None)]
    for position in [*range(ends[2], body - 4), *range(body, ends[3])]:
        # With another length it might end behind the file, as one that is being written does.
        path.write_bytes(flipped(data, position))
        (hole,) = read(tmp_path)[6:]
        assert hole in named[: 1 if position >= body else 2], position
    assert list(LogReader(tmp_path).entries(from_position=6)) == named[:1]
    assert list(LogReader(tmp_path).entries(from_position=7)) == []
    assert write(tmp_path, []).next_position == 6
    assert "position 6 is given again" in caplog.text


def test_damage_to_several_blocks_at_the_end_is_one_hole(tmp_path: Path) -> None:
    ends = ends_of_batches(tmp_path)
    path = only_segment(tmp_path)
    data = flipped(path.read_bytes(), ends[2] - 1, ends[3] - 1)
    path.write_bytes(data)
    assert read(tmp_path)[4:] == [Hole(path, ends[1], 4, 6, "damaged")]
    path.write_bytes(data + data[ends[2] : ends[2] + 60])
    assert read(tmp_path)[4:] == [Hole(path, ends[1], 4, 6, "damaged")], "and half of a write"


@pytest.mark.parametrize("cut", [0, 4000])
def test_a_file_behind_another_is_named(tmp_path: Path, cut: int) -> None:
    write(tmp_path / "a", [*BATCHES, [frame(bytes([1]) * 5000)]])
    write(tmp_path / "b", BATCHES)
    both = tmp_path / "c.mnlog"
    first, second = (only_segment(tmp_path / name).read_bytes() for name in "ab")
    both.write_bytes(first[: len(first) - cut] + second)
    (hole,) = [entry for entry in read(both) if isinstance(entry, Hole)]
    assert (hole.path, hole.first_position, hole.last_position) == (both, 7 if cut else 8, None)


def test_what_is_written_anew_while_it_is_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    data = path.read_bytes()

    def write_anew(*_: object) -> bool:
        path.write_bytes(data)
        return False

    monkeypatch.setattr(reader_module, "is_unfinished", write_anew)
    path.write_bytes(data[:-1] + b"\xff")
    assert records_of(tmp_path) == RECORDS[:-1]
    assert records_of(tmp_path) == RECORDS


def test_each_flipped_bit_in_the_middle_is_a_hole_and_the_rest_stays(tmp_path: Path) -> None:
    ends = ends_of_batches(tmp_path)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    for position in range(ends[0], ends[1]):
        wrong = bytearray(data)
        wrong[position] ^= 1 << position % 8
        path.write_bytes(bytes(wrong))
        entries = read(tmp_path)
        assert [entry for entry in entries if isinstance(entry, Hole)] == [
            Hole(path, ends[0], 2, 3, "damaged")
        ], position
        positions = [entry.position for entry in entries if isinstance(entry, Entry)]
        assert positions == [0, 1, 4, 5, 6]
        assert write(tmp_path, []).repaired_bytes == 0
        assert path.read_bytes() == bytes(wrong), "opening never repairs the middle"


def test_what_is_behind_a_damaged_header_is_still_read_and_not_written_to(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[SEGMENT_HEADER_BYTES - 1] ^= 1
    path.write_bytes(bytes(data))
    assert records_of(tmp_path) == RECORDS
    write(tmp_path, [[frame(b"six", version=2)]])
    assert path.read_bytes() == bytes(data)
    assert [path.stem for path in segment_paths(tmp_path)] == [f"{0:016}", f"{7:016}"]
    assert records_of(tmp_path) == [*RECORDS, frame(b"six", version=2)]


def test_a_damaged_header_and_first_block_are_a_hole_from_the_name_on(tmp_path: Path) -> None:
    ends = ends_of_batches(tmp_path)
    path = only_segment(tmp_path)
    data = path.read_bytes()
    path.write_bytes(bytes(ends[0]) + data[ends[0] :])
    assert read(tmp_path)[0] == Hole(path, 0, 0, 1, "damaged")
    entries = [entry for entry in read(tmp_path) if isinstance(entry, Entry)]
    assert [entry.position for entry in entries] == [2, 3, 4, 5, 6]
    assert entries[0].connection is None, "nobody knows the streams any more"


def test_a_damaged_beginning_of_a_file_of_any_name_is_a_hole(tmp_path: Path) -> None:
    ends = ends_of_batches(tmp_path / "log")
    data = only_segment(tmp_path / "log").read_bytes()
    lost = [(0, 0, 3, "damaged"), (0, 0, 3, "missing")]
    for name in ("capture.mnlog", "2026.mnlog"):
        path = tmp_path / name
        beginnings = (bytes(ends[1]), data[ends[0] + 20 : ends[1]], b"")
        for beginning, expected in zip(beginnings, (lost[0], lost[0], lost[1]), strict=True):
            path.write_bytes(beginning + data[ends[1] :])
            hole, *entries = read(path)
            assert isinstance(hole, Hole)
            found = (hole.offset, hole.first_position, hole.last_position, hole.reason)
            assert found == expected
            assert [entry.position for entry in entries if isinstance(entry, Entry)] == [4, 5, 6]
        path.write_bytes(flipped(data, 40))
        assert records_of(path) == RECORDS, "of a header alone nobody misses anything"


def test_a_snapshot_behind_a_damaged_header_is_the_beginning(tmp_path: Path) -> None:
    write(tmp_path, [*BATCHES[:3], [frame(bytes(20_000), version=2)]])
    write(tmp_path, BATCHES[3:], segment_bytes=1)
    last = segment_paths(tmp_path)[-1]
    path = tmp_path / "alone.mnlog"
    path.write_bytes(flipped(last.read_bytes(), 40))
    assert [entry.position for entry in read(path) if isinstance(entry, Entry)] == [7]
    assert len(read(path)) == 1
    data = path.read_bytes()
    path.write_bytes(flipped(data, len(data) - 1))
    (hole,) = read(path)
    assert isinstance(hole, Hole)
    assert (hole.first_position, hole.last_position) == (7, 7)


def test_a_segment_of_which_nothing_is_readable_is_named_and_set_aside(tmp_path: Path) -> None:
    write(tmp_path, BATCHES[:1], segment_bytes=1)
    write(tmp_path, BATCHES[1:2], segment_bytes=1)
    first, second = segment_paths(tmp_path)
    second.write_bytes(bytes(500))
    assert read(tmp_path)[-1] == Hole(second, 0, 2, None, "the whole file is damaged")
    segments = write(tmp_path, [])
    assert segments.repaired_bytes == 500
    assert segments.next_position == 2
    assert segment_paths(tmp_path) == [first]
    assert second.with_suffix(DAMAGED).read_bytes() == bytes(500)


def test_a_payload_cannot_pretend_to_be_a_block(tmp_path: Path) -> None:
    forger = tmp_path / "forger"
    write(forger, [[frame(b"x")], [frame(b"x")], [frame(b"forged")]])
    forged = only_segment(forger).read_bytes()[SEGMENT_HEADER_BYTES:]
    log = tmp_path / "log"
    write(log, [[frame(b"good")], [frame(forged)], [frame(b"good")]])
    path = only_segment(log)
    data = bytearray(path.read_bytes())
    data[data.index(forged) - 1] ^= 1  # the block that holds the forged one is damaged
    path.write_bytes(bytes(data))
    entries = read(log)
    assert [type(entry) for entry in entries] == [Entry, Hole, Entry]
    assert [entry.record.payload for entry in (entries[0], entries[2])] == [b"good"] * 2  # type: ignore[union-attr] # frames


def test_segments_rotate_and_each_can_be_read_alone(tmp_path: Path) -> None:
    write(tmp_path, BATCHES, segment_bytes=1)
    assert [path.stem for path in segment_paths(tmp_path)] == [
        f"{position:016}" for position in (0, 2)
    ]
    # Beside such batches the snapshot is large, so the second segment takes several.
    large = [frame(bytes(20_000), version=2)]
    write(tmp_path, [large, [frame(b"new", version=2)]], segment_bytes=1)
    assert records_of(tmp_path)[:7] == RECORDS
    last = segment_paths(tmp_path)[-1]
    for path in segment_paths(tmp_path)[:-1]:
        path.unlink()
    (entry,) = read(tmp_path)
    assert isinstance(entry, Entry)
    assert entry.position == 8
    assert entry.connection is not None
    assert entry.connection.stream_info_list == STREAMS[1:3]
    assert read(last) == [entry]
    assert streams_in_force(write(tmp_path, []).in_force.records()) == {"a": (2, STREAMS[1:3])}


def test_a_missing_segment_is_a_hole(tmp_path: Path) -> None:
    for records in BATCHES:
        write(tmp_path, [records, [frame(bytes(20_000), 1005)]], segment_bytes=1)
    paths = segment_paths(tmp_path)
    firsts = [int(path.stem) for path in paths]
    paths[1].unlink()
    holes = [entry for entry in read(tmp_path) if isinstance(entry, Hole)]
    assert [
        (hole.path, hole.first_position, hole.last_position, hole.reason) for hole in holes
    ] == [(paths[0], firsts[1], firsts[2] - 1, "missing")]


def test_a_tail_that_is_lost_from_an_older_segment_is_a_hole(tmp_path: Path) -> None:
    write(tmp_path, BATCHES[:2])
    path = only_segment(tmp_path)
    size = path.stat().st_size
    write(tmp_path, [[frame(bytes(20_000))]])
    write(tmp_path, [[frame(b"next")]], segment_bytes=1)
    path.write_bytes(path.read_bytes()[:-1])
    assert [str(entry) for entry in read(tmp_path) if isinstance(entry, Hole)] == [
        f"{path} at {size}: records 4 to 4: damaged"
    ]


def test_snapshots_are_not_larger_than_the_data(tmp_path: Path) -> None:
    connections = [established(str(number), number, STREAMS) for number in range(1, 50)]
    write(tmp_path, [connections, *([frame(bytes(1000))] for _ in range(200))], segment_bytes=1)
    assert len(segment_paths(tmp_path)) <= 3


def test_ended_connections_are_not_in_a_snapshot(tmp_path: Path) -> None:
    write(tmp_path, [[established("a", 1)], [ended("a")], [established("b", 2)]], segment_bytes=1)
    assert streams_in_force(write(tmp_path, []).in_force.records()) == {"b": (2, STREAMS)}


def test_time_filter_reads_only_what_it_needs(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    for since, until in pairwise([None, 1000, 1010, 1020, 1030, 1035, 1040, 1041, None]):
        expected = [
            record
            for record in RECORDS
            if (since is None or record.wall_ms >= since)
            and (until is None or record.wall_ms < until)
        ]
        assert [
            entry.record for entry in read(tmp_path, since, until) if isinstance(entry, Entry)
        ] == expected
    connections = [entry.connection for entry in read(path, 1030) if isinstance(entry, Entry)]
    assert None not in connections[-2:], "metadata outside the range is still known"


def test_reading_from_a_position_on(tmp_path: Path) -> None:
    for records in BATCHES:
        write(tmp_path, [records], segment_bytes=1)
    assert len(segment_paths(tmp_path)) > 1
    whole = read(tmp_path)
    segment_paths(tmp_path)[0].write_bytes(b"not even looked at")
    for position in range(2, 10):
        assert list(LogReader(tmp_path).entries(from_position=position)) == whole[position:]


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = Segments(tmp_path)
    with pytest.raises(LogInUse, match="another process"):
        Segments(tmp_path)
    first.commit(batch(0, frame(b"x")))
    assert len(read(tmp_path)) == 1, "a reader needs no lock"
    first.close()
    write(tmp_path, [[frame(b"y")]])
    assert len(read(tmp_path)) == 2


def test_what_is_no_log_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(LogUnreadable, match="no such file"):
        LogReader(tmp_path / "absent")
    with pytest.raises(LogUnreadable, match="not a log"):
        LogReader(tmp_path)
    file = tmp_path / "other.txt"
    for content in (b"", b"something else"):
        file.write_bytes(content)
        with pytest.raises(LogUnreadable, match="not a segment"):
            read(file)


def test_a_log_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, BATCHES)
    path = only_segment(tmp_path)
    data = of_a_later_version(path.read_bytes())
    path.write_bytes(data)
    for _ in range(2):  # the lock was given back
        with pytest.raises(LogUnreadable, match=f"{path}: log format 2"):
            Segments(tmp_path)
    with pytest.raises(LogUnreadable, match=f"{path}: log format 2"):
        read(tmp_path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("metadata", [[], BATCHES[0][:1]])
def test_a_block_without_records_is_a_hole(tmp_path: Path, metadata: list[MetadataRecord]) -> None:
    segments = Segments(tmp_path, disk=QuickDisk())
    segments.commit(batch(0, frame(b"one")))
    nonsense = replace(batch(1, frame(b"two")), pieces=[b"\xff"], metadata=metadata)
    segments.commit(nonsense)
    segments.commit(batch(2, frame(b"three")))
    segments.close()
    holes = [entry for entry in read(tmp_path) if isinstance(entry, Hole)]
    assert [(hole.first_position, hole.last_position, hole.reason) for hole in holes] == [
        (1, 1, "not records")
    ]
    assert len(read(tmp_path)) == 3
    assert write(tmp_path, []).next_position == 3


def test_an_empty_log_is_a_log(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert read(tmp_path) == []


@pytest.mark.parametrize("what", ["write", "sync"])
@pytest.mark.parametrize("also", ["", "truncate"])
def test_a_refused_commit_leaves_nothing_and_can_be_repeated(
    tmp_path: Path, what: str, also: str
) -> None:
    disk = FailingDisk()
    segments = Segments(tmp_path, disk=disk)
    segments.commit(batch(0, *BATCHES[0]))
    disk.refuse = {what, also}
    for _ in range(2):
        with pytest.raises(OSError, match="refused"):
            segments.commit(batch(2, *BATCHES[1]))
        assert segments.next_position == 2
        if not also:
            assert records_of(tmp_path) == RECORDS[:2]
    disk.refuse = set()
    segments.commit(batch(2, *BATCHES[1]))
    segments.commit(batch(4, *BATCHES[2]))
    assert records_of(tmp_path) == RECORDS[:6]
    segments.close()
    segments = write(tmp_path, BATCHES[3:])
    assert segments.repaired_bytes == 0
    assert records_of(tmp_path) == RECORDS


def test_after_a_failed_sync_the_records_go_into_a_new_file(tmp_path: Path) -> None:
    disk = FailingDisk()
    segments = Segments(tmp_path, disk=disk)
    segments.commit(batch(0, *BATCHES[0]))
    disk.refuse, disk.error = {"sync"}, errno.EIO
    with pytest.raises(OSError, match="refused"):
        segments.commit(batch(2, *BATCHES[1]))
    disk.refuse = set()
    segments.commit(batch(2, *BATCHES[1]))
    segments.close()
    assert [int(path.stem) for path in segment_paths(tmp_path)] == [0, 2]


def test_the_first_commit_of_a_segment_may_fail_in_every_step(tmp_path: Path) -> None:
    steps = ("create", "write", "sync", "rename", "sync_directory")
    for number, step in enumerate(steps):
        directory = tmp_path / str(number)
        disk = FailingDisk()
        segments = Segments(directory, disk=disk)
        disk.refuse = {step}
        with pytest.raises(OSError, match="refused"):
            segments.commit(batch(0, *BATCHES[0]))
        assert read(directory) == []
        disk.refuse = set()
        segments.commit(batch(0, *BATCHES[0]))
        segments.close()
        assert records_of(directory) == RECORDS[:2], step
        assert not list(directory.glob("*.tmp"))


def test_rotation_may_fail_in_every_step(tmp_path: Path) -> None:
    for number, step in enumerate(("create", "write", "sync", "rename", "sync_directory")):
        directory = tmp_path / str(number)
        disk = FailingDisk()
        segments = Segments(directory, disk=disk, segment_bytes=1)
        segments.commit(batch(0, frame(b"one")))
        disk.refuse = {step}
        for _ in range(2):
            with pytest.raises(OSError, match="refused"):
                segments.commit(batch(1, frame(b"two")))
            assert records_of(directory) == [frame(b"one")]
        disk.refuse = set()
        segments.commit(batch(1, frame(b"two")))
        segments.close()
        assert records_of(directory) == [frame(b"one"), frame(b"two")], step


def test_leftovers_of_a_crash_while_creating_are_removed(tmp_path: Path) -> None:
    write(tmp_path, BATCHES[:1])
    (tmp_path / "0000000000000002.tmp").write_bytes(b"half a header")
    write(tmp_path, BATCHES[1:])
    assert records_of(tmp_path) == RECORDS
    assert not list(tmp_path.glob("*.tmp"))
