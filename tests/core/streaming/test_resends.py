"""Frames that are sent again are recognised, and no others (ARCHITECTURE.md 1)."""

from __future__ import annotations

from array import array
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.streaming.resends import (
    ResendDetector,
    _find,  # pyright: ignore[reportPrivateUsage] # no payload has a digest of our choice
)


def after(*frames: bytes, frames_max: int = 100) -> ResendDetector:
    """Make a detector that has seen these frames on one channel, and is on the next."""
    detector = ResendDetector(frames_max)
    assert [see(detector, each) for each in frames] == [False] * len(frames)
    detector.resume()
    return detector


def see(detector: ResendDetector, payload: bytes) -> bool:
    """Do with a frame what a consumer does."""
    duplicate = detector.is_sent_again(payload)
    if not duplicate:
        detector.remember([payload])
    return duplicate


def seen(detector: ResendDetector, *frames: bytes) -> list[bool]:
    return [see(detector, each) for each in frames]


def test_nothing_is_a_duplicate_on_the_first_channel() -> None:
    detector = ResendDetector(100)
    assert seen(detector, b"a", b"a", b"b", b"a") == [False] * 4
    assert not detector.resuming


def test_everything_that_arrived_is_recognised_and_what_follows_is_new() -> None:
    detector = after(b"a", b"b", b"c")
    assert detector.resuming
    assert seen(detector, b"a", b"b", b"c", b"d") == [True, True, True, False]
    assert not detector.resuming


def test_a_resend_may_begin_anywhere() -> None:
    assert seen(after(b"a", b"b", b"c"), b"c", b"d") == [True, False]


def test_what_did_not_arrive_is_new() -> None:
    # a, b and c were sent; only a arrived.
    assert seen(after(b"a"), b"a", b"b", b"c") == [True, False, False]


def test_nothing_to_send_again() -> None:
    detector = after(b"a", b"b")
    assert seen(detector, b"c", b"a") == [False, False]


def test_only_a_stretch_up_to_the_very_end_is_a_resend() -> None:
    # b was not acknowledged, so c was not either: without c the resend would be incomplete.
    detector = after(b"a", b"b", b"c")
    assert seen(detector, b"b", b"x", b"c") == [True, False, False]


def test_two_equal_frames_in_the_middle_of_a_channel_are_two_frames() -> None:
    detector = after(b"a")
    assert seen(detector, b"a", b"b", b"b", b"a") == [True, False, False, False]


def test_a_resend_that_is_interrupted_begins_anew_on_the_next_channel() -> None:
    detector = after(b"a", b"b", b"c")
    assert seen(detector, b"a") == [True]
    detector.resume()
    assert seen(detector, b"a", b"b", b"c", b"d") == [True, True, True, False]


def test_a_resend_of_a_resend() -> None:
    detector = after(b"a", b"b")
    assert seen(detector, b"b", b"c") == [True, False]
    detector.resume()
    assert seen(detector, b"b", b"c", b"d") == [True, True, False]


def test_a_channel_on_which_nothing_arrived_changes_nothing() -> None:
    detector = after(b"a", b"b")
    detector.resume()
    detector.resume()
    assert seen(detector, b"a", b"b", b"c") == [True, True, False]


def test_there_is_nothing_to_recognise_before_the_first_frame() -> None:
    detector = ResendDetector(100)
    detector.resume()
    assert not detector.resuming
    assert seen(detector, b"a") == [False]


def test_equal_frames_count_from_the_first() -> None:
    detector = after(b"x", b"x", b"y")
    assert seen(detector, b"x", b"x", b"y", b"x") == [True, True, True, False]


def test_a_stretch_goes_on_where_it_fits() -> None:
    detector = after(b"x", b"y", b"x", b"x", b"y", b"z")
    assert seen(detector, b"x", b"y", b"z", b"z") == [True, True, True, False]
    detector = after(b"x", b"y", b"x", b"x", b"y", b"z")
    assert seen(detector, b"x", b"x", b"y", b"x") == [True, True, True, False]


def test_frames_that_differ_are_two_although_a_short_checksum_is_the_same() -> None:
    one, other = b"measurement 29685295", b"measurement 32060020"
    assert crc32(one) == crc32(other)
    assert seen(after(one), other) == [False]


def test_equal_frames_are_recognised_in_one_pass() -> None:
    # Place by place against each other, these would keep a collector busy for a quarter of an hour.
    count = 100_000
    detector = after(*[b"x"] * count, frames_max=count)
    assert seen(detector, *[b"x"] * count, b"x") == [True] * count + [False]


def test_a_stretch_begins_with_a_frame_and_not_within_one() -> None:
    digest, shifted = 0x0102030405060708, 0x0506070801020304
    recent = array("q", [shifted, shifted, digest])
    assert _find(array("q", [digest]), recent, 0) == 2
    assert _find(array("q", [digest]), recent[:2], 0) == -1


@given(st.binary(max_size=12), st.binary(min_size=1, max_size=12))
def test_a_resend_goes_on_as_long_as_what_came_holds_it(came: bytes, comes: bytes) -> None:
    frames = [bytes([each % 3]) for each in came]
    detector = after(*frames)
    stretch = b""
    for payload in (bytes([each % 3]) for each in comes):
        stretch += payload
        fits = stretch in b"".join(frames)
        assert detector.is_sent_again(payload) == fits
        if not fits or not detector.resuming:
            break


def test_memory_is_bounded_and_what_left_it_is_new() -> None:
    detector = after(b"a", b"b", b"c", frames_max=2)
    assert seen(detector, b"a", b"b", b"c") == [False, False, False]
    detector = after(b"a", b"b", b"c", frames_max=2)
    assert seen(detector, b"b", b"c", b"d") == [True, True, False]


def test_memory_is_bounded_however_long_the_channel() -> None:
    detector = after(*(b"%d" % number for number in range(1000)), frames_max=2)
    assert seen(detector, b"997", b"998", b"999") == [False, False, False]
    detector = after(*(b"%d" % number for number in range(1000)), frames_max=2)
    assert seen(detector, b"998", b"999", b"1000") == [True, True, False]


def test_memory_is_bounded_between_resends_too() -> None:
    for frames_max in (0, 1, 5):
        detector = ResendDetector(frames_max)
        for number in range(1_000):
            detector.remember([str(number).encode()])
            assert len(detector._recent) <= 2 * frames_max  # pyright: ignore[reportPrivateUsage]


def test_who_remembers_nothing_recognises_nothing() -> None:
    detector = after(b"a", frames_max=0)
    assert not detector.resuming
    assert seen(detector, b"a") == [False]


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25))))
def test_whatever_is_lost_each_frame_is_new_exactly_once(
    first: int, channels: list[tuple[int, int]]
) -> None:
    """A producer numbers its frames; each channel starts at one that it has no Pong for."""
    detector = ResendDetector(1_000)
    arrived = acknowledged = 0
    new: list[int] = []
    for acknowledge, reach in [(0, first), *channels]:
        acknowledged = max(acknowledged, min(acknowledge, arrived))
        detector.resume()
        for number in range(acknowledged + 1, reach + 1):
            duplicate = see(detector, f"frame {number}".encode())
            assert duplicate == (number <= arrived)
            if not duplicate:
                new.append(number)
        arrived = max(arrived, reach if reach > acknowledged else arrived)
    assert new == list(range(1, arrived + 1))
