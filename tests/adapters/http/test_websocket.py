"""The channel, to the byte, on pipes and virtual time."""

from __future__ import annotations

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.http import HttpLimits, WebSocketChannel
from mnstream.ports.channel import Broken, Closed, PeerClosed, PeerViolated, Ping
from mnstream.testing.channels import receive_messages, receive_until_close
from tests.adapters.http.helpers import (
    Counts,
    TrioByteStream,
    channel_pair,
    frame,
    lockstep_pair,
    receive_exactly,
    rest_of,
    stream_pair,
)

pytestmark = pytest.mark.trio

LIMITS = HttpLimits(send_ms=30_000, close_ms=5_000, linger_ms=2_000, message_bytes_max=100_000)


def consumer(
    *, counts: Counts | None = None, leftover: bytes = b"", lockstep: bool = False
) -> tuple[TrioByteStream, WebSocketChannel]:
    """Return a consumer's channel and the raw stream of its producer."""
    raw, stream = lockstep_pair() if lockstep else stream_pair()
    channel = WebSocketChannel(
        stream, server=True, limits=LIMITS, observer=counts or Counts(), leftover=leftover
    )
    return raw, channel


async def test_what_came_behind_the_handshake_comes_first() -> None:
    raw, channel = consumer(leftover=frame(2, b"1") + frame(2, b"2")[:3])
    assert await channel.receive() == [b"1"]
    await raw.send(frame(2, b"2")[3:] + frame(2, b"3"))
    assert await channel.receive() == [b"2", b"3"]


async def test_one_read_gives_all_that_has_arrived() -> None:
    raw, channel = consumer()
    await raw.send(b"".join(frame(2, b"%d" % number) for number in range(100)))
    assert await channel.receive() == [b"%d" % number for number in range(100)]


async def test_every_byte_of_a_message_is_a_sign_of_life() -> None:
    """In the middle of a frame the peer cannot answer a Ping (RFC 6455 5.4)."""
    raw, channel = consumer()
    wire = frame(2, bytes(range(200)))
    for byte in wire[:-1]:
        await raw.send(bytes([byte]))
        assert await channel.receive() == []
    await raw.send(wire[-1:])
    assert await channel.receive() == [bytes(range(200))]
    with trio.move_on_after(0.01) as silence:
        await channel.receive()
    assert silence.cancelled_caught


async def test_every_fragment_is_a_sign_of_life() -> None:
    raw, channel = consumer()
    await raw.send(frame(2, b"1", fin=False))
    assert await channel.receive() == []
    await raw.send(frame(0, b"2", fin=False) + frame(9, b"between"))
    assert await channel.receive() == [Ping(b"between")]
    await raw.send(frame(0, b"3"))
    assert await channel.receive() == [b"123"]


async def test_a_sign_of_life_that_is_cancelled_loses_nothing() -> None:
    raw, channel = consumer()
    received: list[object] = []
    for byte in frame(2, b"whole"):
        with trio.CancelScope() as scope:
            scope.cancel()
            assert await channel.receive() == []
        await raw.send(bytes([byte]))
        with trio.move_on_after(1):
            received.extend(await channel.receive())
    assert received == [b"whole"]


async def test_part_of_a_message_during_a_close_is_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raw, channel = consumer()

    async def receive() -> None:
        with pytest.raises(Closed):
            await channel.receive()

    async with trio.open_nursery() as tasks:
        tasks.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        tasks.start_soon(channel.close, 1001)
        await trio.testing.wait_all_tasks_blocked()
        await raw.send(frame(2, b"late")[:3])
        await trio.sleep(1)
        await raw.send(frame(2, b"late")[3:] + frame(8, b"\x03\xe9"))
    assert await channel.close(1001)


async def test_only_pong_lets_a_pong_out() -> None:
    raw, channel = consumer()
    await raw.send(frame(2, b"data") + frame(9, b"1") + frame(9, b"2"))
    assert await channel.receive() == [b"data", Ping(b"1"), Ping(b"2")]
    await channel.send([b"x"])
    await channel.ping(b"own")
    written = frame(2, b"x", masked=False) + frame(9, b"own", masked=False)
    assert await receive_exactly(raw, len(written)) == written
    with trio.move_on_after(0.1) as nothing_more:
        await raw.receive()
    assert nothing_more.cancelled_caught
    await channel.pong(b"1")
    await channel.pong(b"2")
    pongs = frame(10, b"1", masked=False) + frame(10, b"2", masked=False)
    assert await receive_exactly(raw, len(pongs)) == pongs


async def test_a_withheld_pong_is_not_sent_by_close() -> None:
    raw, channel = consumer()
    await raw.send(frame(9, b"not durable") + frame(8, b"\x03\xe8"))
    assert await channel.receive() == [Ping(b"not durable"), PeerClosed(1000, "")]
    assert await channel.close(1011)
    assert await rest_of(raw) == frame(8, b"\x03\xe8", masked=False)


async def test_only_close_answers_a_close() -> None:
    raw, channel = consumer()
    await raw.send(frame(8, b"\x03\xe8bye"))
    assert await channel.receive() == [PeerClosed(1000, "bye")]
    with pytest.raises(Closed):
        await channel.receive()
    with pytest.raises(Closed):
        await channel.send([b"x"])
    assert await channel.close(1001, "ignored")
    assert await rest_of(raw) == frame(8, b"\x03\xe8bye", masked=False)


async def test_our_close_waits_for_the_peers(autojump_clock: trio.testing.MockClock) -> None:
    raw, channel = consumer()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(channel.close, 1001, "stopping")
        expected = frame(8, b"\x03\xe9stopping", masked=False)
        assert await receive_exactly(raw, len(expected)) == expected
        await raw.send(frame(2, b"late") + frame(9, b"late"))
        await trio.sleep(4)
        await raw.send(frame(8, b"\x03\xe9"))
        assert await rest_of(raw) == b""
    assert trio.current_time() == pytest.approx(4)
    assert await channel.close(1000)


async def test_a_peer_that_never_closes_is_left(autojump_clock: trio.testing.MockClock) -> None:
    raw, channel = consumer()
    assert not await channel.close(1001)
    assert trio.current_time() == pytest.approx(5)
    assert await rest_of(raw) == frame(8, b"\x03\xe9", masked=False)
    assert not await channel.close(1001)


async def test_a_close_that_nobody_reads_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raw, channel = consumer(lockstep=True)
    assert not await channel.close(1001)
    assert trio.current_time() == pytest.approx(5)
    await raw.aclose()


async def test_close_takes_over_from_a_receive_that_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raw, channel = consumer()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(channel.close, 1001)
        with trio.move_on_after(1):
            with pytest.raises(Closed):
                await channel.receive()
        await raw.send(frame(8, b"\x03\xe9"))
    assert await channel.close(1001)
    assert trio.current_time() < 2


async def test_a_receive_that_waits_reads_for_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raw, channel = consumer()
    async with trio.open_nursery() as tasks:

        async def receive() -> None:
            with pytest.raises(Closed):
                await channel.receive()

        tasks.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        tasks.start_soon(channel.close, 1001)
        await trio.sleep(1)
        await raw.send(frame(2, b"late") + frame(8, b"\x03\xe9"))
    assert await channel.close(1001)
    assert trio.current_time() == pytest.approx(1)


async def test_a_client_waits_for_the_server_to_end_the_stream(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """RFC 6455 7.1.1: so that the side with the fewer sockets waits out TIME_WAIT."""
    producer, consumer_end = channel_pair(limits=LIMITS)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(producer.close, 1000, "done")
        assert await receive_until_close(consumer_end) == [PeerClosed(1000, "done")]
    assert await producer.close(1000)
    assert trio.current_time() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"text"), 1003),
        (frame(0, b"no start"), 1002),
        (frame(2, bytes(100_001)), 1009),
        (frame(2, b"not masked", masked=False), 1002),
    ],
)
async def test_a_violation_is_answered_and_everything_before_it_counts(
    data: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    counts = Counts()
    raw, channel = consumer(counts=counts)
    await raw.send(frame(2, b"good") + frame(9, b"p") + data + frame(2, b"never read"))
    messages = await channel.receive()
    assert messages[:2] == [b"good", Ping(b"p")]
    violation = messages[2]
    assert isinstance(violation, PeerViolated)
    assert violation.code == code
    assert counts["channels_violated", str(code)] == 1
    # The Close is out before anybody calls `close`, and no Pong went with it.
    answer = await receive_exactly(raw, 4)
    assert answer[0] == 0x88
    assert int.from_bytes(answer[2:4], "big") == code
    with pytest.raises(Closed):
        await channel.receive()
    with pytest.raises(Closed):
        await channel.send([b"x"])
    assert not await channel.close(1011)
    # It went on listening, so that unread bytes would not reset the stream under its last words.
    assert trio.current_time() == pytest.approx(2)
    await rest_of(raw)


async def test_a_violation_is_not_lost_when_its_answer_is_cancelled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    raw, channel = consumer(lockstep=True)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(raw.send, frame(2, b"good") + frame(1, b"text"))
        with trio.move_on_after(1):
            await channel.receive()  # the peer does not take the answer
        assert await channel.receive() == [b"good", PeerViolated(1003, "a text frame")]
    await channel.abort()


async def test_a_peer_that_never_reads_is_left(autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    raw, channel = consumer(counts=counts, lockstep=True)
    with pytest.raises(Broken, match="took nothing for 30000 ms"):
        await channel.send([b"x"])
    assert trio.current_time() == pytest.approx(30)
    assert counts["channels_broken", "not_reading"] == 1
    with pytest.raises(Broken):
        await channel.ping(b"")
    with pytest.raises(Broken):
        await channel.receive()
    assert not await channel.close(1001)
    assert trio.current_time() == pytest.approx(30)  # nothing to wait for any more
    assert counts.seen.total() == 1
    await raw.aclose()


async def test_a_slow_reader_is_not_a_dead_one(autojump_clock: trio.testing.MockClock) -> None:
    """Each 64 KiB have the whole time limit."""
    raw, channel = consumer(lockstep=True)

    async def read_slowly() -> None:
        while True:
            await trio.sleep(20)
            await raw.receive(65_536)

    async with trio.open_nursery() as tasks:
        tasks.start_soon(read_slowly)
        await channel.send([bytes(90_000)] * 14)
        tasks.cancel_scope.cancel()
    assert trio.current_time() > 300
    await channel.abort()


async def test_a_half_open_socket_says_nothing_until_it_is_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Who wants to know sends Pings; nothing here gives up a silent producer by itself."""
    raw, channel = consumer()
    await raw.send(frame(2, b"last words"))
    assert await channel.receive() == [b"last words"]
    with trio.move_on_after(100_000) as scope:
        await channel.receive()
    assert scope.cancelled_caught
    await raw.send_eof()
    with pytest.raises(Broken, match="the peer ended the stream"):
        await channel.receive()
    await channel.abort()


async def test_an_end_within_a_frame_is_broken() -> None:
    counts = Counts()
    raw, channel = consumer(counts=counts)
    await raw.send(frame(2, b"whole") + frame(2, b"not whole")[:8])
    await raw.aclose()
    assert await channel.receive() == [b"whole"]
    for _ in range(2):
        with pytest.raises(Broken):
            await channel.receive()
    assert counts["channels_broken", "lost"] == 1


async def test_fragments_are_one_message() -> None:
    raw, channel = consumer()
    for piece in (frame(2, b"1", fin=False), frame(0, b"2", fin=False), frame(9, b"between")):
        await raw.send(piece)
    await raw.send(frame(0, b"3"))
    assert await receive_messages(channel, 2) == [Ping(b"between"), b"123"]


async def test_every_cancellation_point_of_receive() -> None:
    """However little arrives between two cancellations, nothing is lost."""
    raw, channel = consumer()
    wire = b"".join(frame(2, b"%d" % number * 50) for number in range(30))
    received: list[object] = []
    for start in range(0, len(wire), 7):
        await raw.send(wire[start : start + 7])
        with trio.CancelScope() as scope:
            scope.cancel()
            received.extend(await channel.receive())
        if start % 3 == 0:
            with anyio.move_on_after(0.001):
                received.extend(await channel.receive())
    await raw.send(frame(2, b"end"))
    while b"end" not in received:
        received.extend(await channel.receive())
    assert received == [b"%d" % number * 50 for number in range(30)] + [b"end"]


async def test_a_cancelled_send_breaks_the_channel() -> None:
    counts = Counts()
    raw, channel = consumer(counts=counts, lockstep=True)
    with trio.move_on_after(0.01):
        await channel.send([b"x"])
    with pytest.raises(Broken, match="cancelled"):
        await channel.send([b"y"])
    assert counts["channels_broken", "cancelled"] == 1
    await raw.aclose()


async def test_waiting_for_another_sender_may_be_cancelled() -> None:
    raw, channel = consumer(lockstep=True)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(channel.send, [b"1"])
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            await channel.send([b"never begun"])
        expected = frame(2, b"1", masked=False)
        assert await receive_exactly(raw, len(expected)) == expected
    async with trio.open_nursery() as tasks:
        tasks.start_soon(channel.send, [b"2"])
        expected = frame(2, b"2", masked=False)
        assert await receive_exactly(raw, len(expected)) == expected
    await channel.abort()


async def test_lockstep_pipes_do_not_deadlock() -> None:
    producer, consumer_end = channel_pair(lockstep=True)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(producer.send, [bytes(1_000)] * 300)
        await receive_messages(consumer_end, 300)
        tasks.start_soon(producer.close, 1000)
        await receive_until_close(consumer_end)
