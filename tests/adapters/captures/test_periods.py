"""What should be there, learnt from what is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.captures.periods import LEARNING, Intervals, Periods

S = 1_000_000_000
MS = 1_000_000
T = 1_700_000_000 * S


def periods(*times_ns: int, granularity_ns: int | None = None) -> Periods:
    made = Periods(granularity_ns)
    for time_ns in times_ns:
        made.add(time_ns)
    return made


def missing(made: Periods) -> list[tuple[int, int, int]]:
    """List runs of missing periods, in seconds after T."""
    return [((run.first_ns - T) // S, (run.last_ns - T) // S, run.count) for run in made.missing()]


@given(st.lists(st.integers(-20, 20), max_size=40))
def test_intervals_are_a_set(numbers: list[int]) -> None:
    made = Intervals()
    for number in numbers:
        made.add(number)
    expected = [
        n for n in range(min(numbers, default=0), max(numbers, default=0)) if n not in numbers
    ]
    assert [n for first, last in made.gaps() for n in range(first, last + 1)] == expected
    assert all(
        later[0] > earlier[1] + 1
        for earlier, later in zip(made.gaps(), list(made.gaps())[1:], strict=False)
    )
    assert bool(made) == bool(numbers)


@pytest.mark.parametrize("granularity_s", [1, 10, 900])
@pytest.mark.parametrize("count", [8, LEARNING, LEARNING + 40])
def test_a_regular_stream_names_what_it_lacks(granularity_s: int, count: int) -> None:
    step = granularity_s * S
    made = periods(*(T + number * step for number in range(count) if number not in (3, 4, 6)))
    assert made.granularity_ns() == step
    assert missing(made) == [
        (3 * granularity_s, 4 * granularity_s, 2),
        (6 * granularity_s, 6 * granularity_s, 1),
    ]


def test_a_whole_stream_lacks_nothing() -> None:
    assert missing(periods(*(T + number * S for number in range(1000)))) == []


def test_what_comes_late_is_not_missing() -> None:
    made = Periods()
    lates = [made.add(T + number * 60 * S) for number in (0, 1, 2, 4, 5, 3, 6)]
    assert lates == [False] * 5 + [True, False]
    assert made.granularity_ns() == 60 * S
    assert missing(made) == []


@pytest.mark.parametrize(
    "times_ns",
    [
        [],
        [T],
        [T, T, T, T, T],
        [T, T + S, T + 2 * S],  # two distances
        [T + number * 500 * MS for number in range(50)],  # below a second
        [T, T + 10 * S, T + 20 * S, T + 30 * S, T + 35 * S],  # off the grid
        [T, T + 10 * S, T + 20 * S, T + 30 * S, T + 30 * S + 1, T + 50 * S],
        [T + number * S for number in range(LEARNING + 5)] + [T + 100 * S + 1],
        [T, T + S, T + 11 * S, T + 21 * S, T + 31 * S],  # a grid that is not the usual distance
    ],
)
def test_of_an_irregular_stream_nothing_is_expected(times_ns: list[int]) -> None:
    made = periods(*times_ns)
    assert made.granularity_ns() is None
    assert missing(made) == []


def test_a_reporter_at_full_speed_never_raises_an_alarm() -> None:
    """Its times are whole milliseconds, with pauses now and then."""
    for seed in range(50):
        dice = random.Random(seed)
        now, times = T, list[int]()
        for _ in range(500):
            now += dice.choice((1, 1, 1, 2, 3, 40)) * MS
            times.append(now)
        assert missing(periods(*times)) == []


def test_a_given_granularity_is_taken_although_clocks_are_not_exact() -> None:
    jitter = [0, 3, -4, 2, 0, -1]
    times = [T + number * 10 * S + jitter[number] * MS for number in (0, 1, 2, 4, 5)]
    made = periods(*times, granularity_ns=10 * S)
    assert made.granularity_ns() == 10 * S
    assert missing(made) == [(30, 30, 1)]


def test_with_a_given_granularity_late_means_a_period() -> None:
    made = Periods(10 * S)
    assert [made.add(T + seconds * S) for seconds in (0, 10, 9, 20, 10)] == [
        *(False, False, False, False, True)
    ]


@pytest.mark.parametrize("granularity_ns", [None, 10 * S])
def test_a_pause_is_not_missing(granularity_ns: int | None) -> None:
    made = Periods(granularity_ns)
    for seconds in (0, 10, 20, 40, 50, None, 90, 100, 120, None, None, 130, 150, None, 300):
        if seconds is None:
            made.pause()
        else:
            made.add(T + seconds * S)
    assert made.granularity_ns() == 10 * S
    assert missing(made) == [(30, 30, 1), (110, 110, 1), (140, 140, 1)]
