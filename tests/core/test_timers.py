"""One deadline a key; the earliest first; forgotten ones cost nothing in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.timers import HEAP_SLACK, Timers


def test_nothing_is_due_without_a_deadline() -> None:
    timers: Timers[str] = Timers()
    assert timers.next_ms() is None
    assert list(timers.expired(10**9)) == []


def test_the_earliest_comes_first_and_once() -> None:
    timers: Timers[str] = Timers()
    timers.set("late", 30)
    timers.set("early", 10)
    assert timers.next_ms() == 10
    assert list(timers.expired(30)) == ["early", "late"]
    assert timers.next_ms() is None


def test_setting_anew_forgets_the_one_before() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 10)
    timers.set("a", 20)
    assert list(timers.expired(19)) == []
    timers.set("a", None)
    timers.set("never set", None)
    assert list(timers.expired(99)) == []


def test_a_deadline_set_while_others_are_taken_is_taken_too() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 10)
    taken: list[str] = []
    for key in timers.expired(20):
        taken.append(key)
        if key == "a":
            timers.set("b", 15)
    assert taken == ["a", "b"]


def test_a_key_that_is_set_again_and_again_does_not_fill_the_memory() -> None:
    timers: Timers[str] = Timers()
    for due_ms in range(10_000):
        timers.set("a", due_ms + 1_000_000)
    assert len(timers._heap) <= HEAP_SLACK + 3  # pyright: ignore[reportPrivateUsage]
    assert timers.next_ms() == 1_009_999


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9))))
def test_it_is_a_dictionary_sorted_by_time(steps: list[tuple[str, int | None]]) -> None:
    timers: Timers[str] = Timers()
    model: dict[str, int] = {}
    for key, due_ms in steps:
        timers.set(key, due_ms)
        model.pop(key, None)
        if due_ms is not None:
            model[key] = due_ms
        assert timers.next_ms() == min(model.values(), default=None)
    assert sorted(timers.expired(9)) == sorted(model)
