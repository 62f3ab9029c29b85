"""Unacknowledged frames: numbered, kept in order, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.errors import LocalProtocolError
from mnstream.core.streaming.window import Window
from tests.core.support import frozen


def window(*frames: bytes, frames_max: int = 4, bytes_max: int = 10) -> Window:
    made = Window(frames_max=frames_max, bytes_max=bytes_max)
    made.add(frames)
    return made


def test_frames_are_numbered_from_one_over_the_life_of_the_connection() -> None:
    made = window(b"a", b"b")
    assert (made.acknowledged, made.offered, len(made)) == (0, 2, 2)
    assert made.acknowledge(1) == 1
    made.add((b"c",))
    assert (made.acknowledged, made.offered, len(made)) == (1, 3, 2)
    assert made.frames() == (b"b", b"c")


def test_the_number_of_frames_is_bounded() -> None:
    made = window(b"a", b"b", b"c")
    assert made.has_room((b"d",))
    assert not made.has_room((b"d", b"e"))
    made.add((b"d",))
    assert not made.has_room((b"e",))
    assert made.acknowledge(1) == 1
    assert made.has_room((b"e",))


def test_the_bytes_are_bounded() -> None:
    made = window(b"12345")
    assert made.has_room((b"12345",))
    assert not made.has_room((b"123456",))
    made.add((b"12345",))
    assert not made.has_room((b"1",))
    assert made.has_room(())
    assert made.acknowledge(1) == 1
    assert made.queued_bytes == 5
    assert made.has_room((b"12345",))


def test_one_frame_larger_than_the_window_has_room_when_it_is_empty() -> None:
    assert window().has_room((b"x" * 100,))
    assert not window().has_room((b"x" * 100, b""))
    assert not window(b"").has_room((b"x" * 100,))
    assert window(b"x" * 100).queued_bytes == 100


def test_a_full_window_takes_nothing_and_stays_as_it_is() -> None:
    made = window(b"a", b"b", b"c")
    before = frozen(made)
    with pytest.raises(LocalProtocolError, match="the window is full"):
        made.add((b"d", b"e"))
    assert frozen(made) == before


def test_a_sealed_window_takes_nothing_and_stays_as_it_is() -> None:
    made = window(b"a")
    made.sealed = True
    before = frozen(made)
    with pytest.raises(LocalProtocolError, match="being terminated"):
        made.add((b"b",))
    assert frozen(made) == before


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_what_is_acknowledged_already_is_not_counted_again(number: int) -> None:
    made = window(b"a", b"b")
    made.acknowledge(1)
    assert made.acknowledge(number) == 0
    assert made.frames() == (b"b",)


def test_no_more_is_acknowledged_than_was_offered() -> None:
    made = window(b"a", b"b")
    assert made.acknowledge(99) == 2
    assert (made.acknowledged, made.queued_bytes, len(made)) == (2, 0, 0)


steps = st.lists(st.one_of(st.lists(st.binary(max_size=4), max_size=4), st.integers(-2, 30)))


@given(steps)
def test_it_is_a_list_and_two_numbers(history: list[list[bytes] | int]) -> None:
    made = window()
    offered: list[bytes] = []
    acknowledged = 0
    for step in history:
        if isinstance(step, int):
            after = max(acknowledged, min(step, len(offered)))
            assert made.acknowledge(step) == after - acknowledged
            acknowledged = after
        elif made.has_room(step):
            made.add(step)
            offered += step
        kept = tuple(offered[acknowledged:])
        assert made.frames() == kept
        assert (made.offered, made.acknowledged) == (len(offered), acknowledged)
        assert made.queued_bytes == sum(map(len, kept))
        assert len(made) <= 4
        assert made.queued_bytes <= 10 or len(made) == 1
