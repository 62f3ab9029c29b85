"""What reporters say against what a capture holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.captures import BadSummary, Reckoning, Summary, read_summary, reckon
from mnstream.adapters.captures.reckoning import SUMMARY_BYTES_MAX


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=4), st.integers(0, 200))
def test_the_sum_is_always_zero(pairs: list[tuple[int, int]], received: int) -> None:
    made = reckon([Summary(max(pair), min(pair)) for pair in pairs], received)
    balance = made.sent + made.from_others - made.received - made.lost_on_the_way - made.missing
    assert balance == 0
    assert min(made.from_others, made.lost_on_the_way, made.missing) >= 0


@pytest.mark.parametrize(
    ("sent", "acknowledged", "received", "expected"),
    [
        (100, 100, 100, (0, 0, 0)),
        (100, 90, 95, (0, 5, 0)),
        (100, 90, 85, (0, 10, 5)),
        (100, 100, 120, (20, 0, 0)),
        (100, 100, 0, (0, 0, 100)),
    ],
)
def test_where_frames_are(
    sent: int, acknowledged: int, received: int, expected: tuple[int, int, int]
) -> None:
    made = Reckoning(sent, acknowledged, received)
    assert (made.from_others, made.lost_on_the_way, made.missing) == expected


def test_a_summary_is_what_report_prints(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text('{"sent": 20, "acknowledged": 19, "resent": 0, "dropped": 1}\n')
    assert read_summary(path) == Summary(20, 19)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "{}",
        '{"sent": 1}',
        '{"sent": 1, "acknowledged": 2}',
        '{"sent": true, "acknowledged": true}',
        '{"sent": 1.0, "acknowledged": 1}',
        '{"sent": 1, "acknowledged": -1}',
        "[" * 100_000,
        "\x00",
        '{"sent": 1, "acknowledged": 1}' + " " * SUMMARY_BYTES_MAX,
    ],
)
def test_anything_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "summary.json"
    path.write_text(text)
    with pytest.raises(BadSummary, match=r"summary\.json"):
        read_summary(path)
