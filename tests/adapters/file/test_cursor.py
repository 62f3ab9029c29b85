"""A cursor is whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mnstream.adapters.file.cursor import (
    CursorUnreadable,
    TailCursor,
    cursor_path,
    read_cursor,
    write_cursor,
)
from mnstream.adapters.storage.following import Place
from mnstream.core.values import ConnectionId
from tests.adapters.sinks.helpers import Crash, CrashingDisk
from tests.adapters.storage.helpers import QuickDisk

CURSOR = TailCursor(
    place=Place(position=7, segment=3, mark=1 << 31, block=92, crc=5),
    connections={ConnectionId("a"): ConnectionId("\u00e4")},
)
OTHER = TailCursor(place=Place(position=8), connections={})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = cursor_path(tmp_path, Path("capture"))
    assert read_cursor(path) == TailCursor()
    for cursor in (CURSOR, OTHER):
        write_cursor(path, Path("capture"), cursor, QuickDisk())
        assert read_cursor(path) == cursor


@pytest.mark.parametrize("steps", range(6))
def test_a_crash_leaves_the_old_or_the_new_one(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "x.cursor"
    write_cursor(path, Path("capture"), CURSOR, QuickDisk())
    try:
        write_cursor(path, Path("capture"), OTHER, CrashingDisk(steps, Crash()))
    except Crash:
        assert steps < 5
    assert read_cursor(path) in (CURSOR, OTHER)
    write_cursor(path, Path("capture"), OTHER, QuickDisk())
    assert read_cursor(path) == OTHER


def test_captures_are_told_apart_by_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert cursor_path(tmp_path, tmp_path / "a") == cursor_path(tmp_path, tmp_path / "link")
    assert cursor_path(tmp_path, tmp_path / "a") != cursor_path(tmp_path, tmp_path / "b")
    strange = Path(os.fsdecode(b"/\xff"))
    assert cursor_path(tmp_path, strange).parent == tmp_path
    write_cursor(tmp_path / "x", strange, CURSOR, QuickDisk())


GOOD: dict[str, object] = {
    "format": "mnstream-tail-1",
    "position": 1,
    "segment": None,
    "mark": None,
    "block": None,
    "crc": None,
    "connections": {},
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "\u0000",
        "[" * 100_000,
        json.dumps(GOOD)[:-2],
        json.dumps({**GOOD, "format": "mnstream-tail-2"}),
        json.dumps({**GOOD, "position": -1}),
        json.dumps({**GOOD, "position": "1"}),
        json.dumps({**GOOD, "segment": 1.5}),
        json.dumps({**GOOD, "connections": {"a": 1}}),
        json.dumps({**GOOD, "connections": []}),
        json.dumps({key: value for key, value in GOOD.items() if key != "mark"}),
    ],
)
def test_what_is_no_cursor(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.cursor"
    path.write_text(text)
    with pytest.raises(CursorUnreadable, match="delete it"):
        read_cursor(path)


def test_what_is_one(tmp_path: Path) -> None:
    path = tmp_path / "x.cursor"
    path.write_text(json.dumps(GOOD))
    assert read_cursor(path) == TailCursor(place=Place(position=1))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CursorUnreadable):
        read_cursor(path)
