"""What ``diff`` prints, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.adapters.captures.helpers import NS_PER_S, capture, unit
from tests.adapters.cli.running import Run
from tests.adapters.storage.helpers import only_segment

T = 1_700_000_000 * NS_PER_S
TIME = "2023-11-14T22:13:20Z"


def test_equal_captures(run: Callable[..., Run], tmp_path: Path) -> None:
    a, b = (capture(tmp_path / name, unit(T, 1, 2), unit(T, 3, 4, stream=6)) for name in "ab")
    done = run("diff", str(a), str(b), "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"compared": 2, "equal": 2, "differences": 0}
    done = run("diff", str(a), str(only_segment(b)))
    assert (done.code, done.out) == (0, "2 units compared, 2 equal, 0 differences\n")


def test_differences_are_lines(run: Callable[..., Run], tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 2), unit(T, 3, 4, stream=6))
    b = capture(tmp_path / "b", unit(T, 1, 2.5), unit(T + NS_PER_S, 3, "x", stream=6))
    done = run("diff", str(a), str(b), "--json")
    assert done.code == 1
    *lines, summary = map(json.loads, done.out.splitlines())
    assert lines == [
        {"kind": "value", "stream": "5", "time": TIME, "metric": "b", "a": 2, "b": 2.5},
        {
            "kind": "missing",
            "stream": "6",
            "time": TIME,
            "metric": None,
            "a": {"a": 3, "b": 4},
            "b": None,
        },
        {
            "kind": "surplus",
            "stream": "6",
            "time": TIME.replace("20Z", "21Z"),
            "metric": None,
            "a": None,
            "b": {"a": 3, "b": "x"},
        },
    ]
    assert summary == {"compared": 3, "equal": 0, "differences": 3}
    done = run("diff", str(a), str(b))
    assert done.code == 1
    assert done.out.splitlines() == [
        f"stream 5 {TIME} b: 2 | 2.5",
        f'stream 6 {TIME}: only in A: {{"a": 3, "b": 4}}',
        f'stream 6 {TIME.replace("20Z", "21Z")}: only in B: {{"a": 3, "b": "x"}}',
        "3 units compared, 0 equal, 3 differences",
    ]


def test_one_stream_and_a_limit(run: Callable[..., Run], tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 2), unit(T, 3, 4, stream=6))
    b = capture(tmp_path / "b", unit(T, 1, 2), unit(T, 5, 6, stream=6))
    assert run("diff", str(a), str(b), "--stream", "5").code == 0
    done = run("diff", str(a), str(b), "--limit", "1", "--json")
    assert done.code == 1
    line, summary = map(json.loads, done.out.splitlines())
    assert line["metric"] == "a"
    assert summary["differences"] == 2, "all are counted"


def test_damage_is_named_and_is_no_equality(run: Callable[..., Run], tmp_path: Path) -> None:
    a, b = (capture(tmp_path / name, unit(T, 1, 2)) for name in "ab")
    for path in (only_segment(a), only_segment(b)):
        (path.parent / f"{2:016d}.mnlog").write_bytes(path.read_bytes()[:10])
    done = run("diff", str(a), str(b), "--json")
    assert done.code == 1
    assert json.loads(done.out)["differences"] == 0
    assert [line.split(": ")[0] for line in done.err.splitlines()] == ["mnstream diff"] * 2


def test_what_is_no_capture_is_exit_code_3(run: Callable[..., Run], tmp_path: Path) -> None:
    a = capture(tmp_path / "a", unit(T, 1, 2))
    done = run("diff", str(a), str(tmp_path / "nothing"))
    assert (done.code, done.out) == (3, "")
    assert done.err == f"mnstream diff: {tmp_path / 'nothing'}: no such file or directory\n"
