"""When Pings are sent and what their Pongs say: RFC 6455 5.5.2-3, ARCHITECTURE.md 1."""

from __future__ import annotations

import pytest

from mnstream.core.effects import SendPing
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.streaming.pings import Pings
from tests.core.support import C1, frozen

CONFIG = ProducerConfig(
    ping_frames=4, ping_interval_ms=50, keep_alive_ms=30_000, pong_timeout_ms=7_000
)


def started(acknowledged: int = 0, now_ms: int = 1_000) -> Pings:
    pings = Pings(CONFIG)
    pings.restart(acknowledged, now_ms)
    return pings


def number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def asked(pings: Pings, sent: int, now_ms: int) -> None:
    """Send a Ping that leaves at once."""
    pings.left(pings.ask(C1, sent, now_ms).payload, now_ms)


def test_an_idle_channel_is_kept_alive() -> None:
    pings = started()
    assert pings.next_deadline_ms() == 31_000
    assert not pings.is_due(0, 30_999)
    assert pings.is_due(0, 31_000)


def test_the_payload_is_the_number_of_the_last_frame_before_it() -> None:
    pings = started()
    assert pings.ask(C1, 258, 1_000) == SendPing(
        connection_id=C1, payload=b"\x00\x00\x00\x00\x00\x00\x01\x02"
    )


def test_some_frames_are_acknowledged_after_an_interval() -> None:
    pings = started()
    pings.note_sent(1, 0, 2_000)
    assert not pings.is_due(1, 2_049)
    assert pings.is_due(1, 2_050)
    assert pings.next_deadline_ms() == 2_050


def test_later_frames_do_not_postpone_the_interval() -> None:
    pings = started()
    pings.note_sent(1, 0, 2_000)
    pings.note_sent(2, 0, 2_040)
    assert pings.next_deadline_ms() == 2_050


def test_many_frames_are_acknowledged_at_once() -> None:
    pings = started(acknowledged=10)
    pings.note_sent(13, 0, 2_000)
    assert not pings.is_due(13, 2_000)
    pings.note_sent(14, 0, 2_000)
    assert pings.is_due(14, 2_000)


def test_frames_are_counted_from_the_last_ping() -> None:
    pings = started()
    asked(pings, 4, 2_000)
    assert not pings.is_due(7, 2_001)
    assert pings.is_due(8, 2_001)


def test_frames_that_a_ping_has_covered_need_no_other() -> None:
    pings = started()
    asked(pings, 4, 2_000)
    pings.note_sent(4, 0, 2_010)
    assert not pings.is_due(4, 2_100)


def test_a_ping_has_a_time_to_be_answered_in() -> None:
    pings = started()
    asked(pings, 1, 2_000)
    assert pings.next_deadline_ms() == 9_000
    assert not pings.is_silent(8_999)
    assert pings.is_silent(9_000)


def test_the_oldest_unanswered_ping_counts() -> None:
    pings = started()
    asked(pings, 1, 2_000)
    asked(pings, 2, 8_000)
    assert pings.next_deadline_ms() == 9_000
    assert pings.is_silent(9_000)


def test_a_channel_without_pings_is_not_silent() -> None:
    assert not started().is_silent(10**9)


def test_a_pong_acknowledges_the_frames_before_its_ping() -> None:
    pings = started()
    asked(pings, 3, 2_000)
    assert pings.answered(number(3), 2_500) == 3
    assert not pings.is_silent(10**9)
    assert pings.next_deadline_ms() == 32_500


def test_a_pong_answers_the_pings_before_its_own_too() -> None:
    pings = started()
    asked(pings, 3, 2_000)
    asked(pings, 5, 3_000)
    asked(pings, 9, 4_000)
    assert pings.answered(number(5), 4_500) == 5
    assert pings.next_deadline_ms() == 11_500
    assert pings.answered(number(3), 4_600) is None
    assert pings.answered(number(9), 4_700) == 9


def test_two_pings_of_one_number_are_answered_by_one_pong() -> None:
    pings = started()
    asked(pings, 3, 2_000)
    asked(pings, 3, 4_000)
    assert pings.answered(number(3), 4_500) == 3
    assert not pings.is_silent(10**9)
    assert pings.answered(number(3), 4_600) is None


@pytest.mark.parametrize(
    "payload", [b"", b"\x03", number(2), number(4), b"\x00" + number(3), number(3)[:7], b"x" * 125]
)
def test_a_pong_that_answers_no_ping_says_nothing(payload: bytes) -> None:
    pings = started()
    asked(pings, 3, 2_000)
    before = frozen(pings)
    assert pings.answered(payload, 2_500) is None
    assert frozen(pings) == before


def test_pings_of_the_channel_before_are_forgotten() -> None:
    pings = started()
    pings.note_sent(3, 0, 1_500)
    asked(pings, 3, 2_000)
    pings.note_sent(5, 0, 2_500)
    pings.restart(2, 9_000)
    assert pings.next_deadline_ms() == 39_000
    assert not pings.is_silent(10**9)
    assert pings.answered(number(3), 9_500) is None
    assert not pings.is_due(5, 9_500)
    assert pings.is_due(6, 9_500)


def test_a_ping_that_has_not_left_is_not_unanswered() -> None:
    pings = started()
    ping = pings.ask(C1, 1, 2_000)
    assert not pings.is_silent(10**9)
    pings.left(ping.payload, 50_000)
    assert not pings.is_silent(56_999)
    assert pings.is_silent(57_000)


def test_leaving_is_leaving_of_all_before() -> None:
    pings = started()
    pings.ask(C1, 1, 2_000)
    ping = pings.ask(C1, 2, 2_100)
    pings.left(ping.payload, 3_000)
    assert pings.answered(number(1), 3_100) == 1
    assert pings.answered(number(2), 3_200) == 2


def test_a_pong_may_be_noticed_before_its_ping_has_left() -> None:
    pings = started()
    pings.ask(C1, 1, 2_000)
    assert pings.answered(number(1), 2_100) == 1
    pings.left(number(1), 2_200)
    assert not pings.is_silent(10**9)


def test_every_answer_is_a_sign_of_life() -> None:
    pings = started()
    asked(pings, 1, 2_000)
    asked(pings, 2, 2_000)
    assert pings.answered(number(1), 8_000) == 1
    assert not pings.is_silent(14_999)
    assert pings.is_silent(15_000)


def test_many_bytes_are_acknowledged_at_once() -> None:
    config = ProducerConfig(ping_frames=100, ping_bytes=10)
    pings = Pings(config)
    pings.restart(0, 0)
    pings.note_sent(1, 9, 0)
    assert not pings.is_due(1, 0)
    pings.note_sent(2, 1, 0)
    assert pings.is_due(2, 0)
    pings.ask(C1, 2, 0)
    assert not pings.is_due(2, 0)
    pings.note_sent(3, 9, 0)
    assert not pings.is_due(3, 0)
    pings.note_sent(4, 1, 0)
    assert pings.is_due(4, 0)


def test_bytes_are_counted_from_the_begin_of_a_channel() -> None:
    pings = Pings(ProducerConfig(ping_frames=100, ping_bytes=10))
    pings.note_sent(1, 9, 0)
    assert not pings.is_due(1, 0)
    pings.restart(0, 0)
    pings.note_sent(1, 9, 0)
    assert not pings.is_due(1, 0)


def test_a_portion_of_as_many_bytes_as_are_due_is_whole() -> None:
    pings = Pings(ProducerConfig(ping_frames=100, ping_bytes=10))
    frames = [b"1" * 9, b"2", b"3" * 9, b"4"]
    assert list(pings.portions(frames)) == [frames[:2], frames[2:]]


def test_a_long_resend_is_split_where_a_ping_is_due() -> None:
    pings = Pings(ProducerConfig(ping_frames=3, ping_bytes=10))
    frames = [b"1", b"2", b"3", b"4" * 10, b"5", b"6" * 9, b"7"]
    assert list(pings.portions(frames)) == [frames[:3], frames[3:4], frames[4:6], frames[6:]]
    assert list(pings.portions([])) == []
