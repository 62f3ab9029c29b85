"""Following a log that another process writes: nothing half made shows, nothing is given twice."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage import Entry, LogReader, LogUnreadable
from mnstream.adapters.storage.following import CaptureChanged, CaptureTail, Place, is_capture
from mnstream.adapters.storage.format import BLOCK_HEAD_BYTES
from mnstream.adapters.storage.segments import segment_paths
from tests.adapters.sinks.helpers import FIRST, GrowingLog
from tests.adapters.storage.helpers import frame, only_segment, write
from tests.adapters.storage.test_tail import told


def read_on(tail: CaptureTail) -> list[bytes | str]:
    """Read what there is: the payload of each frame, and what each hole says."""
    found: list[bytes | str] = []
    while True:
        batch = tail.read()
        found += told(batch)
        if not batch.is_full:
            return found


def test_reading_goes_on_at_a_place(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    log.commit(FIRST, frame(b"1"))
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == [b"1"]
    place = tail.place(tail.position)
    assert (place.position, place.segment) == (2, 0)
    tail.close()
    log.commit(frame(b"2"))
    again = CaptureTail(tmp_path, place)
    assert (again.is_another, again.is_rewritten) == (False, False)
    assert read_on(again) == [b"2"]
    again.close()


def test_a_capture_without_records_is_one(tmp_path: Path) -> None:
    write(tmp_path, [])
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == []
    assert tail.place(0) == Place()
    write(tmp_path, [[frame(b"1")]])
    assert read_on(tail) == [b"1"]
    tail.close()


def test_a_single_file_of_any_name(tmp_path: Path) -> None:
    write(tmp_path / "log", [[FIRST, frame(b"1")]])
    path = tmp_path / "exported"
    shutil.copy(only_segment(tmp_path / "log"), path)
    tail = CaptureTail(path)
    assert read_on(tail) == [b"1"]
    place = tail.place(tail.position)
    tail.close()
    again = CaptureTail(path, place)
    assert not again.is_another
    assert read_on(again) == []
    again.close()


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
def test_a_file_that_is_no_segment(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mnlog"
    path.write_bytes(content)
    with pytest.raises(LogUnreadable, match="not a segment"):
        CaptureTail(path)


def test_another_capture_at_the_same_path(tmp_path: Path) -> None:
    write(tmp_path / "a", [[FIRST, frame(b"1")]])
    tail = CaptureTail(tmp_path / "a")
    read_on(tail)
    place = tail.place(tail.position)
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(CaptureChanged, match="deleted"):
        tail.read()
    write(tmp_path / "a", [[FIRST, frame(b"2")], [frame(b"3")]])
    with pytest.raises(CaptureChanged, match="replaced"):
        tail.read()
    tail.close()
    again = CaptureTail(tmp_path / "a", place)
    assert again.is_another
    assert read_on(again) == [b"2", b"3"]
    again.close()


def test_a_copy_is_the_same_capture(tmp_path: Path) -> None:
    write(tmp_path / "a", [[FIRST, frame(b"1")]])
    tail = CaptureTail(tmp_path / "a")
    read_on(tail)
    place = tail.place(tail.position)
    path = only_segment(tmp_path / "a")
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    with pytest.raises(CaptureChanged, match="replaced"):
        tail.read()
    tail.close()
    again = CaptureTail(tmp_path / "a", place)
    assert not again.is_another
    assert read_on(again) == []
    again.close()


def test_a_capture_that_lost_its_end(tmp_path: Path) -> None:
    write(tmp_path, [[FIRST, frame(b"1")], [frame(b"2")], [frame(b"3")]])
    path = only_segment(tmp_path)
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == [b"1", b"2", b"3"]
    place = tail.place(tail.position)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(CaptureChanged, match="cut off"):
        tail.read()
    tail.close()
    write(tmp_path, [[frame(b"4")], [frame(b"5")]])
    again = CaptureTail(tmp_path, place)
    assert (again.is_another, again.is_rewritten) == (False, True)
    assert read_on(again) == [b"1", b"2", b"4", b"5"]
    again.close()


def test_old_segments_may_be_deleted_while_they_are_read(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path, segment_bytes=1)
    log.commit(FIRST, frame(b"1"))
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == [b"1"]
    place = tail.place(tail.position)
    log.commit(frame(b"2" * 5000))
    log.commit(frame(b"3" * 5000))
    segment_paths(tmp_path)[0].unlink()
    assert read_on(tail) == [b"2" * 5000, b"3" * 5000]
    tail.close()
    again = CaptureTail(tmp_path, place)
    assert not again.is_another
    assert read_on(again) == [b"2" * 5000, b"3" * 5000]
    again.close()


@given(cut=st.integers(0, 400), more=st.integers(0, 400))
def test_a_write_under_way_is_no_damage(
    cut: int, more: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However much of it is there at each look, and whatever takes its place after a kill."""
    directory = tmp_path_factory.mktemp("log")
    log = GrowingLog(directory)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(directory)
    before = path.stat().st_size
    log.commit(frame(b"2" * 100))
    log.commit(frame(b"3" * 100))
    whole = path.read_bytes()
    half = min(before + cut, len(whole))
    os.truncate(path, half)
    tail = CaptureTail(directory)
    found = read_on(tail)
    with path.open("r+b") as file:
        file.seek(half)
        file.write(whole[half : half + more])
    found += read_on(tail)
    with path.open("r+b") as file:
        file.seek(before)
        file.write(whole[before:])
    found += read_on(tail)
    assert found == [b"1", b"2" * 100, b"3" * 100]
    tail.close()
    log.segments.close()


def test_damage_is_believed_when_it_is_seen_again(tmp_path: Path) -> None:
    """A writer that continues after a kill cuts off the end and writes it anew as we read."""
    log = GrowingLog(tmp_path)
    log.commit(FIRST, frame(b"1"))
    path = only_segment(tmp_path)
    before = path.stat().st_size
    log.commit(frame(b"2"))
    log.commit(frame(b"3"))
    whole = bytearray(path.read_bytes())
    good = bytes(whole)
    whole[before + BLOCK_HEAD_BYTES + 2] ^= 1
    path.write_bytes(whole)
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == [b"1"]
    path.write_bytes(good)
    assert read_on(tail) == [b"2", b"3"]
    tail.close()
    path.write_bytes(whole)
    tail = CaptureTail(tmp_path)
    assert read_on(tail) == [b"1"]
    assert read_on(tail) == ["damaged 2-2", b"3"]
    tail.close()


def test_a_reader_never_sees_a_segment_half_made(tmp_path: Path) -> None:
    """Rotation is atomic: a thread writes as fast as it can, into one segment after the other."""
    written: list[bytes] = []
    looks = 0

    def write_all() -> None:
        log = GrowingLog(tmp_path, segment_bytes=1)
        log.commit(FIRST)
        while len(written) < 200 or (looks < 10 and len(written) < 2000):
            written.append(b"%d" % len(written) + bytes(1000))
            log.commit(frame(written[-1]))
        log.segments.close()

    write(tmp_path, [])
    writer = threading.Thread(target=write_all)
    writer.start()
    tail = CaptureTail(tmp_path)
    found: list[bytes | str] = []
    while writer.is_alive():
        found += told(tail.read())
        assert all(isinstance(entry, Entry) for entry in LogReader(tmp_path).entries())
        looks += 1
    found += read_on(tail)
    tail.close()
    assert found == written
    assert len(segment_paths(tmp_path)) > 20


def test_what_is_a_capture(tmp_path: Path) -> None:
    assert not is_capture(tmp_path)
    assert not is_capture(tmp_path / "nothing")
    write(tmp_path / "a", [[FIRST]])
    assert is_capture(tmp_path / "a")
    assert is_capture(only_segment(tmp_path / "a"))
    (tmp_path / "a" / "LOCK").unlink()
    assert is_capture(tmp_path / "a")
    assert not is_capture(tmp_path)
