"""Counters that begin again, and gauges that only look like one."""

from __future__ import annotations

import math
import random

import pytest

from mnstream.adapters.captures.counters import Counters, Reset
from mnstream.adapters.codecs import MeasValue


def resets(*values: MeasValue) -> list[tuple[int, int]]:
    counters = Counters()
    found: list[Reset] = []
    for value in values:
        found += counters.add({"m": value})
    assert {reset.metric for reset in found} <= {"m"}
    return [(reset.before, reset.after) for reset in found]


def test_a_counter_that_falls_back_was_reset() -> None:
    first, second = range(100, 200, 10), range(3, 103, 10)
    assert resets(*first, *second, 1, 2) == [(190, 3), (93, 1)]


def test_a_counter_that_was_seen_from_its_beginning_may_restart_above_it() -> None:
    assert resets(*range(0, 100, 10), 4, 14) == [(90, 4)]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3, 0],  # too short to be called a counter
        [*range(20), 18, *range(20), 3],  # fell a little once: a gauge for good
        [5] * 20 + [0],  # hardly moves
        [*map(float, range(20)), 0.0],  # counts are integers
        [*range(20), "text", *range(20), 0],
        [*range(20), math.nan, 0],
        [100, *range(100, 1000, 50), 700],  # down, but not to where it began
    ],
)
def test_anything_else_is_a_gauge(values: list[MeasValue]) -> None:
    assert resets(*values) == []


def test_a_missing_value_changes_nothing() -> None:
    assert resets(*range(10), None, 10, None, 0) == [(10, 0)]


def test_a_gauge_that_wanders_raises_no_alarm() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        value, values = 1000, list[MeasValue]()
        for _ in range(300):
            value = max(value + dice.randint(-30, 30), 0)
            values.append(value)
        assert resets(*values) == []
