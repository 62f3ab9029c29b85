"""What opening finds without reading everything is what reading everything finds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.storage.disk import OpenFile
from mnstream.adapters.storage.format import BLOCK_HEAD_BYTES, MARKER
from mnstream.adapters.storage.recovery import Recovery, examine, examine_whole
from mnstream.core.records import Record
from mnstream.testing.logs import STREAMS, changed, ended, established
from tests.adapters.storage.helpers import frame, only_segment, write
from tests.adapters.storage.mangling import DAMAGE, damaged

BATCHES: list[list[Record]] = [
    [established("a", 1), frame(b"a0")],
    [frame(b"a1" * 40, 1010), frame(b"a2", 1010)],
    [frame(b"a3" * 20, 1011)],
    [changed("a", 2, added=STREAMS[2:], removed=["1"])],
    [frame(bytes(300), 1030, 2), frame(b"a6", 1030, 2)],
    [established("b", 3), frame(b"b7", 1030, 3), ended("a")],
    [frame(b"b8", 1040, 3)],
    [frame(b"b9", 1050, 3)],
]


def told(found: Recovery) -> tuple[object, ...]:
    where = (found.header, found.end, found.blocks_at, found.next_position)
    return (*where, found.in_force.records())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A segment that begins with a snapshot and has blocks of every kind."""
    directory = tmp_path_factory.mktemp("original")
    write(directory, BATCHES)
    return only_segment(directory).read_bytes()


@given(st.lists(DAMAGE, max_size=3))
def test_the_quick_way_gives_what_the_thorough_way_gives(
    tmp_path_factory: pytest.TempPathFactory, original: bytes, damage: list[tuple[int, int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "segment"
    path.write_bytes(damaged(original, damage))
    file = OpenFile(path)
    try:
        assert told(examine(file)) == told(examine_whole(file))
    finally:
        file.close()


def test_a_damaged_length_that_ends_at_a_block_hides_no_metadata(tmp_path: Path) -> None:
    write(tmp_path, [[frame(b"first")], [established("a", 1)], [frame(b"last")]])
    path = only_segment(tmp_path)
    data = path.read_bytes()
    starts = [at for at in range(len(data)) if data.startswith(MARKER, at)]
    length = starts[2] - starts[0] - BLOCK_HEAD_BYTES
    field = starts[0] + BLOCK_HEAD_BYTES - 4
    path.write_bytes(data[:field] + length.to_bytes(4, "big") + data[field + 4 :])
    segments = write(tmp_path, [])
    assert segments.in_force.records() == (established("a", 1),)
    assert (segments.next_position, segments.repaired_bytes) == (3, 0)


def test_bodies_of_frames_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[Record]] = [[established("a", 1)]]
    write(tmp_path, batches + [[frame(bytes(100_000))] for _ in range(5)])
    asked = 0
    read_at = OpenFile.read_at

    def counted(self: OpenFile, offset: int, count: int) -> bytes:
        nonlocal asked
        data = read_at(self, offset, count)
        asked += len(data)
        return data

    monkeypatch.setattr(OpenFile, "read_at", counted)
    segments = write(tmp_path, [])
    assert segments.next_position == 6
    assert 100_000 < asked < 110_000, "the last block alone"
