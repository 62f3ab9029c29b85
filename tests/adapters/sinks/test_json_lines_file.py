"""Every line once, whatever happens to the process, the disk and the file."""

import json
from pathlib import Path

import pytest

from mnstream.adapters.sinks import JsonLinesFile
from mnstream.adapters.sinks.cursor import cursor_path
from mnstream.adapters.storage.disk import Disk
from mnstream.ports.sink import SinkError
from tests.adapters.sinks.helpers import Crash, CrashingDisk, unit, values_in
from tests.adapters.storage.helpers import QuickDisk

pytestmark = pytest.mark.anyio


def sink(tmp_path: Path, disk: Disk | None = None) -> JsonLinesFile:
    return JsonLinesFile(tmp_path / "out.jsonl", tmp_path / "data", disk=disk or QuickDisk())


async def feed(target: JsonLinesFile, until: int) -> None:
    """Give the units that are missing, in pairs; the value of each is its position."""
    position = await target.open()
    while position < until:
        following = min(position + 2, until)
        units = [unit(value) for value in range(position, following)]
        await target.write(units, next_position=following)
        position = following
    await target.aclose()


async def test_lines_and_positions_go_on(tmp_path: Path) -> None:
    await feed(sink(tmp_path), 3)
    await feed(sink(tmp_path), 6)
    assert values_in(tmp_path / "out.jsonl") == [0, 1, 2, 3, 4, 5]


async def test_a_position_can_move_without_a_unit(tmp_path: Path) -> None:
    target = sink(tmp_path)
    assert await target.open() == 0
    await target.write([], next_position=7)
    await target.aclose()
    await target.aclose()
    again = sink(tmp_path)
    assert await again.open() == 7
    await again.aclose()


async def test_a_crash_at_any_step(tmp_path: Path) -> None:
    """Count the steps of a run, then crash in each of them, and in each of the recovery."""
    whole = CrashingDisk(10**9, Crash())
    (tmp_path / "whole").mkdir()
    await feed(sink(tmp_path / "whole", whole), 5)
    assert whole.steps > 20
    for crash_at in range(whole.steps):
        for crash_again_at in (0, 2, 5, None):
            home = tmp_path / f"{crash_at}-{crash_again_at}"
            home.mkdir()
            with pytest.raises(Crash):
                await crashing(home, CrashingDisk(crash_at, Crash()), 5)
            if crash_again_at is not None:
                with pytest.raises(Crash):
                    await crashing(home, CrashingDisk(crash_again_at, Crash()), 9)
            await feed(sink(home), 12)
            assert values_in(home / "out.jsonl") == list(range(12))


async def crashing(home: Path, disk: Disk, until: int) -> None:
    target = sink(home, disk)
    try:
        await feed(target, until)
    finally:
        await target.aclose()  # gives the lock back, as the end of a process does


async def test_a_disk_that_refuses_any_step_and_then_works(tmp_path: Path) -> None:
    steps_of_a_write = 7
    for refuse_at in range(steps_of_a_write + 1):
        home = tmp_path / str(refuse_at)
        home.mkdir()
        target = sink(home)
        await target.open()
        await target.write([unit(0)], next_position=1)
        refusing = CrashingDisk(refuse_at, OSError(28, "No space left on device"))
        target._disk = refusing  # pyright: ignore[reportPrivateUsage] # the disk of the next write
        if refuse_at < steps_of_a_write:
            with pytest.raises(SinkError, match="No space left"):
                await target.write([unit(1)], next_position=2)
            target._disk = QuickDisk()  # pyright: ignore[reportPrivateUsage] # as above
        await target.write([unit(1)], next_position=2)
        assert refusing.steps == min(refuse_at + 1, steps_of_a_write)
        await target.aclose()
        assert values_in(home / "out.jsonl") == [0, 1]
        await feed(sink(home), 4)
        assert values_in(home / "out.jsonl") == [0, 1, 2, 3]


async def test_zeros_behind_the_end_are_a_torn_write(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await feed(sink(tmp_path), 2)
    out.write_bytes(out.read_bytes() + b'{"conn' + bytes(100))
    await feed(sink(tmp_path), 4)
    assert values_in(out) == [0, 1, 2, 3]


async def test_an_existing_file_is_appended_to(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_bytes(b"important\nunfinished")
    await feed(sink(tmp_path), 2)
    lines = out.read_bytes().splitlines()
    assert lines[:2] == [b"important", b"unfinished"]
    assert [json.loads(line)["values"]["x"] for line in lines[2:]] == [0, 1]


async def test_nothing_is_cut_off_a_file_of_somebody_else(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await feed(sink(tmp_path), 2)
    other = b"x" * (2 * out.stat().st_size) + b"\n"
    out.write_bytes(other)
    await feed(sink(tmp_path), 3)
    assert out.read_bytes().startswith(other)
    assert json.loads(out.read_bytes().splitlines()[-1])["values"]["x"] == 2


async def test_what_somebody_appended_to_our_file_stays(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await feed(sink(tmp_path), 2)
    out.write_bytes(out.read_bytes() + b"# a comment\n")
    await feed(sink(tmp_path), 3)
    assert b"# a comment\n" in out.read_bytes()
    assert len(out.read_bytes().splitlines()) == 4


async def test_a_file_that_was_emptied_is_written_on(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    await feed(sink(tmp_path), 2)
    out.write_bytes(b"")
    await feed(sink(tmp_path), 4)
    assert values_in(out) == [2, 3]


async def test_a_file_that_is_moved_away_while_it_is_written(tmp_path: Path) -> None:
    out, old = tmp_path / "out.jsonl", tmp_path / "out.jsonl.1"
    target = sink(tmp_path)
    await target.open()
    await target.write([unit(0)], next_position=1)
    out.rename(old)
    await target.write([unit(1)], next_position=2)
    await target.write([unit(2)], next_position=3)
    await target.aclose()
    await feed(sink(tmp_path), 4)
    assert values_in(old) == [0]
    assert values_in(out) == [1, 2, 3]


async def test_opening_again_closes_first(tmp_path: Path) -> None:
    target = sink(tmp_path)
    await target.open()
    await target.write([unit(0)], next_position=1)
    assert await target.open() == 1
    await target.write([unit(1)], next_position=2)
    await target.aclose()
    assert values_in(tmp_path / "out.jsonl") == [0, 1]


async def test_one_writer(tmp_path: Path) -> None:
    first, second = sink(tmp_path), sink(tmp_path)
    await first.open()
    with pytest.raises(SinkError, match="written by another process"):
        await second.open()
    await first.aclose()
    await second.open()
    await second.aclose()


async def test_two_files_have_two_cursors(tmp_path: Path) -> None:
    one = JsonLinesFile(tmp_path / "1", tmp_path / "data", disk=QuickDisk())
    two = JsonLinesFile(tmp_path / "2", tmp_path / "data", disk=QuickDisk())
    await feed(one, 2)
    await feed(two, 1)
    assert values_in(tmp_path / "1") == [0, 1]
    assert values_in(tmp_path / "2") == [0]


async def test_what_is_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").mkdir()
    with pytest.raises(SinkError, match="not a regular file"):
        await sink(tmp_path).open()


async def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    target = JsonLinesFile(tmp_path / "no" / "out", tmp_path / "data", disk=QuickDisk())
    with pytest.raises(SinkError, match="No such file"):
        await target.open()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"format": "mnstream-cursor-9"}',
        b'{"format": "mnstream-cursor-1"}',
        b'{"format": "mnstream-cursor-1", "sink": "s", "position": -1, "length": 0}',
        b'{"format": "mnstream-cursor-1", "sink": "s", "position": "1", "length": 0}',
        b'{"format": "mnstream-cursor-1", "sink": "s", "position": 1, "length": 0, "x": 1}',
    ],
)
async def test_a_cursor_that_makes_no_sense_is_not_guessed_at(tmp_path: Path, text: bytes) -> None:
    target = sink(tmp_path)
    path = cursor_path(tmp_path / "data", target.name)
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    with pytest.raises(SinkError, match="delete it"):
        await target.open()
    assert not values_in(tmp_path / "out.jsonl")
