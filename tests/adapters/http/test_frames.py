from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import BINARY, CLOSE, PING, PONG, TEXT, Frame
from websockets.protocol import Protocol, Side

from mnstream.adapters.http.frames import FrameCodec
from mnstream.ports.channel import Message, PeerClosed, PeerViolated, Ping, Pong
from tests.adapters.http.helpers import frame

LIMIT = 1_000
TOO_LONG = LIMIT + 1


def decode(data: bytes, *, size: int = 0, server: bool = True) -> list[Message]:
    """Feed bytes in pieces of one size, or whole."""
    codec = FrameCodec(server=server, message_bytes_max=LIMIT)
    pieces = [data[i : i + size] for i in range(0, len(data), size)] if size else [data]
    return [message for piece in pieces for message in codec.feed(piece)]


def reference(data: bytes, *, server: bool = True) -> list[Message]:
    """What `websockets` alone makes of the same bytes."""
    protocol = Protocol(Side.SERVER if server else Side.CLIENT, max_size=LIMIT)
    protocol.receive_data(data)
    found: list[Message] = []
    partial = b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode is TEXT:
            return [*found, PeerViolated(1003, "a text frame")]
        if event.opcode is PING:
            found.append(Ping(bytes(event.data)))
        elif event.opcode is PONG:
            found.append(Pong(bytes(event.data)))
        elif event.opcode is CLOSE:
            assert protocol.close_rcvd is not None
            return [*found, PeerClosed(int(protocol.close_rcvd.code), protocol.close_rcvd.reason)]
        else:
            partial += bytes(event.data)
            if event.fin:
                found.append(partial)
                partial = b""
    if protocol.parser_exc is not None:
        assert protocol.close_sent is not None
        found.append(PeerViolated(int(protocol.close_sent.code), ""))
    return found


def without_reasons(messages: list[Message]) -> list[Message]:
    return [
        PeerViolated(each.code, "") if isinstance(each, PeerViolated) else each for each in messages
    ]


payloads = st.binary(max_size=130) | st.sampled_from([bytes(LIMIT), bytes(TOO_LONG), bytes(70_000)])
good_frames = st.one_of(
    st.builds(frame, st.just(2), payloads),
    st.builds(frame, st.sampled_from([9, 10]), st.binary(max_size=125)),
    st.builds(frame, st.sampled_from([0, 2]), st.binary(max_size=20), fin=st.booleans()),
)
bad_frames = st.one_of(
    st.builds(
        frame, st.integers(0, 15), st.binary(max_size=200), fin=st.booleans(), masked=st.booleans()
    ),
    st.binary(max_size=30),
    st.builds(frame, st.just(8), st.binary(max_size=6)),
)
wires = st.tuples(
    st.lists(good_frames, max_size=8).map(b"".join),
    st.lists(bad_frames | good_frames, max_size=3).map(b"".join),
).map(b"".join)


@given(wires, st.booleans())
def test_same_as_websockets_alone(data: bytes, server: bool) -> None:
    # A frame that nobody completes is looked at later here than there: complete it.
    data += bytes(LIMIT + 20)
    found = decode(data, server=server)
    assert without_reasons(found) == without_reasons(reference(data, server=server))


@given(wires, st.integers(1, 40))
def test_pieces_make_no_difference(data: bytes, size: int) -> None:
    assert decode(data, size=size) == decode(data)


@given(wires)
def test_bytes_one_by_one_make_no_difference(data: bytes) -> None:
    assert decode(data, size=1) == decode(data)


@given(st.lists(st.binary(max_size=300) | st.just(bytes(70_000)), max_size=10), st.booleans())
def test_what_one_side_writes_the_other_reads(messages: list[bytes], server: bool) -> None:
    writer = FrameCodec(server=server, message_bytes_max=100_000)
    reader = FrameCodec(server=not server, message_bytes_max=100_000)
    assert reader.feed(writer.binary(messages)) == messages
    protocol = Protocol(Side.CLIENT if server else Side.SERVER, max_size=None)
    protocol.receive_data(writer.binary(messages))
    events = protocol.events_received()
    assert [event.data for event in events if isinstance(event, Frame)] == messages
    assert all(isinstance(event, Frame) and event.opcode is BINARY for event in events)


def test_masks_differ() -> None:
    written = FrameCodec(server=False, message_bytes_max=LIMIT).binary([b"same"] * 50)
    assert len({written[i + 2 : i + 6] for i in range(0, len(written), 10)}) > 40


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(1, b"text"), 1003),
        (frame(1, b"te", fin=False), 1003),
        (frame(2, bytes(TOO_LONG)), 1009),
        (frame(2, bytes(LIMIT), fin=False) + frame(0, b"x"), 1009),
        (frame(0, b"no start"), 1002),
        (frame(2, b"1", fin=False) + frame(2, b"2"), 1002),
        (frame(2, b"not masked", masked=False), 1002),
        (frame(3), 1002),
        (frame(11), 1002),
        (bytes([0xC2]) + frame(2, b"reserved bit")[1:], 1002),
        (frame(9, bytes(126)), 1002),
        (frame(9, b"in two", fin=False), 1002),
        (frame(8, b"\x03"), 1002),
        (frame(8, b"\x03\xed"), 1002),  # 1005 must not be sent
        (frame(8, b"\x03\xe8\xff"), 1007),
        (frame(2, b"1", fin=False) + frame(8, b"\x03\xe8"), 1002),
    ],
)
def test_violations(data: bytes, code: int) -> None:
    good = frame(2, b"good") + frame(9, b"ping")
    for size in (0, 1):
        codec = FrameCodec(server=True, message_bytes_max=LIMIT)
        everything = good + data + frame(2, b"not read any more")
        pieces = [everything] if not size else [bytes([each]) for each in everything]
        found = [message for piece in pieces for message in codec.feed(piece)]
        assert found[:2] == [b"good", Ping(b"ping")]
        violation = found[-1]
        assert isinstance(violation, PeerViolated)
        assert len(found) == 3
        assert violation.code == code
        assert violation.reason
        assert codec.ended
        assert not codec.peer_closed
        # A Close with the code is ready, and nothing else: no Pong slipped in.
        assert codec.goodbye[0] == 0x88
        assert int.from_bytes(codec.goodbye[2:4], "big") == code
        assert len(codec.goodbye) == 2 + codec.goodbye[1]


def test_a_head_alone_is_enough_to_refuse() -> None:
    head = frame(2, bytes(TOO_LONG))[:4]
    assert [type(each) for each in decode(head)] == [PeerViolated]
    huge = bytes([0x82, 0xFF]) + (1 << 60).to_bytes(8, "big")
    assert [type(each) for each in decode(huge)] == [PeerViolated]


def test_the_largest_message_is_accepted() -> None:
    assert decode(frame(2, bytes(LIMIT))) == [bytes(LIMIT)]
    in_three = frame(2, bytes(400), fin=False) + frame(0, bytes(400), fin=False)
    assert decode(in_three + frame(0, bytes(200))) == [bytes(LIMIT)]


def test_a_ping_between_fragments_keeps_its_place() -> None:
    data = frame(2, b"1", fin=False) + frame(9, b"p") + frame(0, b"2") + frame(2, b"3")
    assert decode(data) == [Ping(b"p"), b"12", b"3"]


def test_a_million_empty_fragments_cost_nothing() -> None:
    codec = FrameCodec(server=True, message_bytes_max=LIMIT)
    assert codec.feed(frame(2, b"x", fin=False) + frame(0, fin=False) * 10_000) == []
    assert codec.feed(frame(0, b"y")) == [b"xy"]


def test_no_pong_without_being_asked() -> None:
    codec = FrameCodec(server=True, message_bytes_max=LIMIT)
    assert codec.feed(frame(9, b"1") + frame(9, b"2")) == [Ping(b"1"), Ping(b"2")]
    assert codec.goodbye == b""
    assert codec.pong(b"2") == frame(10, b"2", masked=False)
    assert codec.ping(b"own") == frame(9, b"own", masked=False)
    assert codec.close(1001, "bye") == frame(8, b"\x03\xe9bye", masked=False)


def test_the_answer_to_a_close_waits() -> None:
    codec = FrameCodec(server=True, message_bytes_max=LIMIT)
    assert codec.feed(frame(9, b"p") + frame(8, b"\x03\xe8bye")) == [
        Ping(b"p"),
        PeerClosed(1000, "bye"),
    ]
    assert codec.goodbye == frame(8, b"\x03\xe8bye", masked=False)
    assert codec.peer_closed


def test_a_close_after_ours_needs_no_answer() -> None:
    codec = FrameCodec(server=True, message_bytes_max=LIMIT)
    codec.close(1001, "")
    assert codec.feed(frame(2, b"late") + frame(8)) == [b"late", PeerClosed(1005, "")]
    assert codec.goodbye == b""


@pytest.mark.parametrize(("code", "sent"), [(1000, 1000), (4000, 4000), (1005, 1011), (7, 1011)])
def test_a_code_that_must_not_be_sent_is_not(code: int, sent: int) -> None:
    written = FrameCodec(server=True, message_bytes_max=LIMIT).close(code, "why")
    assert int.from_bytes(written[2:4], "big") == sent


def test_a_long_reason_is_cut_at_a_character() -> None:
    written = FrameCodec(server=True, message_bytes_max=LIMIT).close(1000, "\u00e4" * 100)
    assert written[4:].decode() == "\u00e4" * 61
