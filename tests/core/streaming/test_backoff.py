"""Pauses between two attempts: they double, have a bound, are spread, and may come to an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.streaming.backoff import BackOff
from mnstream.core.streaming.config import ProducerConfig

FOR_EVER = ProducerConfig(back_off_initial_ms=200, back_off_max_ms=1_000)
A_MINUTE = ProducerConfig(back_off_initial_ms=200, back_off_max_ms=1_000, give_up_ms=60_000)


def pauses(back_off: BackOff, jitter: float, count: int) -> list[int]:
    return [back_off.fail(jitter, 0) for _ in range(count)]


@pytest.mark.parametrize(
    ("jitter", "expected"),
    [
        (0.0, [100, 200, 400, 500, 500]),
        (0.5, [150, 300, 600, 750, 750]),
        (0.999, [199, 399, 799, 999, 999]),
    ],
)
def test_half_of_a_pause_is_certain_half_is_chance(jitter: float, expected: list[int]) -> None:
    assert pauses(BackOff(FOR_EVER), jitter, 5) == expected


def test_a_pause_counts_from_now() -> None:
    assert BackOff(FOR_EVER).fail(0.0, 7_000) == 7_100


def test_a_channel_sets_the_pause_back() -> None:
    back_off = BackOff(FOR_EVER)
    pauses(back_off, 0.0, 3)
    back_off.succeed()
    assert back_off.fail(0.0, 0) == 100


def test_there_is_always_a_pause() -> None:
    config = ProducerConfig(back_off_initial_ms=0, back_off_max_ms=0)
    assert BackOff(config).fail(0.0, 5) == 6


def test_the_pause_stays_bounded_however_often_it_failed() -> None:
    assert pauses(BackOff(FOR_EVER), 0.0, 500)[-1] == 500


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True), st.integers(0, 10**9))
def test_every_pause_is_within_its_bounds(failures: int, jitter: float, now_ms: int) -> None:
    back_off = BackOff(ProducerConfig())
    pauses(back_off, jitter, failures)
    pause_ms = back_off.fail(jitter, now_ms) - now_ms
    bound_ms = min(10_000, 200 * 2**failures)
    assert bound_ms // 2 <= pause_ms < bound_ms


def test_by_default_nobody_gives_up() -> None:
    back_off = BackOff(FOR_EVER)
    back_off.start(0)
    pauses(back_off, 0.0, 100)
    assert not back_off.is_over(10**12)


def test_the_time_to_give_up_counts_from_the_first_moment_without_a_channel() -> None:
    back_off = BackOff(A_MINUTE)
    assert not back_off.is_over(10**12)
    back_off.start(1_000)
    back_off.start(30_000)
    back_off.fail(0.0, 40_000)
    assert not back_off.is_over(60_999)
    assert back_off.is_over(61_000)


def test_a_failure_starts_it_too() -> None:
    back_off = BackOff(A_MINUTE)
    back_off.fail(0.0, 1_000)
    assert not back_off.is_over(60_999)
    assert back_off.is_over(61_000)


def test_no_pause_goes_past_the_time_to_give_up() -> None:
    back_off = BackOff(A_MINUTE)
    back_off.start(0)
    pauses(back_off, 0.0, 5)
    assert back_off.fail(0.0, 59_900) == 60_000
    assert back_off.fail(0.0, 60_500) == 60_000


def test_a_channel_sets_the_time_to_give_up_back() -> None:
    back_off = BackOff(A_MINUTE)
    back_off.start(0)
    back_off.succeed()
    assert not back_off.is_over(10**12)
    back_off.start(70_000)
    assert back_off.is_over(130_000)
