"""The ledger as it is printed, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mnstream.core.records import Disposition
from mnstream.core.values import ProducerId
from mnstream.testing.logs import established
from tests.adapters.captures.helpers import FIVE, NS_PER_S, capture, of_records, unit
from tests.adapters.cli.running import Run
from tests.adapters.storage.helpers import frame, only_segment, write

PRODUCER = "SubNetwork=1,ManagedElement=1"
T = 1_700_000_000 * NS_PER_S
COLUMNS = (
    "received",
    "duplicate",
    "quarantined",
    "shed",
    "late",
    "missing",
    "recovered",
    "unrecoverable",
)


def regular(directory: Path, *seconds: int) -> Path:
    return capture(directory, *(unit(T + second * NS_PER_S, second, 1) for second in seconds))


def summary(directory: Path, *, sent: int, acknowledged: int) -> str:
    path = directory / f"{sent}-{acknowledged}.json"
    path.write_text(json.dumps({"sent": sent, "acknowledged": acknowledged, "resent": 0}))
    return str(path)


def audited(run: Callable[..., Run], *args: str) -> tuple[int, dict[str, Any]]:
    done = run("audit", *args, "--json")
    assert done.err == ""
    assert done.out.count("\n") == 1
    return done.code, json.loads(done.out)


def columns(line: dict[str, Any]) -> tuple[int, ...]:
    return tuple(line[name] for name in COLUMNS)


def test_a_whole_capture(run: Callable[..., Run], tmp_path: Path) -> None:
    code, told = audited(run, str(regular(tmp_path, *range(10))))
    assert code == 0
    (line,) = told["streams"]
    assert line["stream"] == "5"
    assert columns(line) == columns(told["totals"]) == (10, 0, 0, 0, 0, 0, 0, 0)
    assert (line["granularity_s"], line["first"], line["last"]) == (
        1.0,
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:29Z",
    )
    assert told["totals"]["frames"] == told["totals"]["frames_delivered"] == 10
    assert told["holes"] == told["repeated"] == told["counter_resets"] == []
    assert "against" not in told


def test_an_empty_capture(run: Callable[..., Run], tmp_path: Path) -> None:
    code, told = audited(run, str(of_records(tmp_path, established("x", 1, [FIVE]))))
    assert (code, told["streams"], told["holes"]) == (0, [], [])
    assert columns(told["totals"]) == (0,) * 8


def test_missing_periods_are_a_hole(run: Callable[..., Run], tmp_path: Path) -> None:
    path = regular(tmp_path, 0, 1, 2, 3, 6, 7, 8, 9)
    code, told = audited(run, str(path))
    assert code == 1
    assert told["holes"] == [
        {
            "kind": "periods",
            "stream": "5",
            "producer": PRODUCER,
            "first": "2023-11-14T22:13:24Z",
            "last": "2023-11-14T22:13:25Z",
            "missing": 2,
        }
    ]
    assert told["streams"][0]["missing"] == told["totals"]["missing"] == 2
    assert run("audit", str(path), "--granularity", "10").code == 0


def test_a_stream_of_two_producers_has_two_lines(run: Callable[..., Run], tmp_path: Path) -> None:
    other = replace(established("y", 2, [FIVE]), producer_id=ProducerId("other"))
    frames = [
        frame(unit(T + second * NS_PER_S, version, 1), version=version)
        for version, seconds in ((1, range(8)), (2, (0, 1, 2, 3, 5, 6, 7)))
        for second in seconds
    ]
    path = str(of_records(tmp_path, established("x", 1, [FIVE]), other, *frames))
    code, told = audited(run, path)
    assert code == 1
    lines = [(line["stream"], line["producer"], line["missing"]) for line in told["streams"]]
    assert lines == [("5", PRODUCER, 0), ("5", "other", 1)]
    assert [hole["producer"] for hole in told["holes"]] == ["other"]
    shown = [line.split("\t")[0] for line in run("audit", path).out.splitlines()[1:3]]
    assert shown == [f"5 of {PRODUCER}", "5 of other"]


def test_damage_is_a_hole(run: Callable[..., Run], tmp_path: Path) -> None:
    lost = frame(unit(T, 1, 2))
    write(tmp_path, [[established("x", 1, [FIVE])], [lost], [frame(unit(T + 1, 1, 2))]])
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(lost.payload)] ^= 1
    path.write_bytes(data)
    code, told = audited(run, str(tmp_path))
    assert code == 1
    (hole,) = told["holes"]
    assert (hole["kind"], hole["first_position"], hole["last_position"]) == ("log", 1, 1)
    assert told["totals"]["unrecoverable"] == 1


@pytest.mark.parametrize(
    ("pairs", "code", "missing"),
    [
        ([(10, 10)], 0, 0),
        ([(12, 10)], 0, 0),
        ([(4, 4), (6, 6)], 0, 0),
        ([(8, 8)], 0, 0),
        ([(11, 11)], 1, 1),
        ([(6, 6), (6, 6)], 1, 2),
    ],
)
def test_against_what_reporters_say(
    run: Callable[..., Run],
    tmp_path: Path,
    pairs: list[tuple[int, int]],
    code: int,
    missing: int,
) -> None:
    path = regular(tmp_path / "data", *range(10))
    options = [
        option
        for sent, acknowledged in pairs
        for option in ("--against", summary(tmp_path, sent=sent, acknowledged=acknowledged))
    ]
    ended, told = audited(run, str(path), *options)
    assert ended == code
    assert told["against"]["missing"] == missing
    assert [hole["kind"] for hole in told["holes"]] == ["acknowledged"] * bool(missing)
    against = told["against"]
    assert against["sent"] + against["from_others"] == (
        against["received"] + against["lost_on_the_way"] + against["missing"]
    )


def test_a_frame_that_came_twice_counts_once_against_a_summary(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    payload = unit(T, 1, 2)
    path = of_records(
        tmp_path / "data",
        established("x", 1, [FIVE]),
        frame(payload),
        frame(payload, disposition=Disposition.DUPLICATE),
    )
    code, told = audited(run, str(path), "--against", summary(tmp_path, sent=2, acknowledged=2))
    assert (code, told["against"]["missing"]) == (1, 1)


def test_people_get_lines(run: Callable[..., Run], tmp_path: Path) -> None:
    path = regular(tmp_path / "data", 0, 1, 2, 3, 5, 6, 7)
    done = run("audit", str(path), "--against", summary(tmp_path, sent=8, acknowledged=7))
    gap = "2023-11-14T22:13:24Z"
    assert done.code == 1
    assert done.out.splitlines() == [
        "stream\tgranularity\t" + "\t".join(COLUMNS),
        "5\t1 s\t7\t0\t0\t0\t0\t1\t0\t0",
        "total\t\t7\t0\t0\t0\t0\t1\t0\t0",
        "sent 8 + from others 0 = received 7 + lost on the way 1 + acknowledged and missing 0",
        f"hole: kind periods, stream 5, producer {PRODUCER}, first {gap}, last {gap}, missing 1",
    ]


def test_a_summary_that_is_none_is_wrong_usage(run: Callable[..., Run], tmp_path: Path) -> None:
    path = regular(tmp_path / "data", 0)
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    done = run("audit", str(path), "--against", str(bad))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("mnstream audit:")
    assert "bad.json" in done.err
    assert run("audit", str(path), "--granularity", "0").code == 2


def test_what_is_no_capture_is_exit_code_3(run: Callable[..., Run], tmp_path: Path) -> None:
    done = run("audit", str(tmp_path))
    assert (done.code, done.out) == (3, "")
    assert done.err == f"mnstream audit: {tmp_path}: not a log\n"
