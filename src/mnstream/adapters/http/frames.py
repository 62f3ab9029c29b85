"""WebSocket frames without I/O: bytes in, messages out, and back.

The rules of RFC 6455 are kept by the ``Protocol`` of `websockets`. In front of it stands a short
cut for the one frame that a collector sees a hundred thousand times a second: a whole binary
message in one frame. It is cut out and unmasked here; every other frame goes through ``Protocol``,
one at a time, which then sees a connection on which those messages were never sent. A property
test holds both ways equal.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, CloseCode, Frame
from websockets.protocol import Protocol, Side

from mnstream.ports.channel import Message, PeerClosed, PeerViolated, Ping, Pong

try:
    from websockets.speedups import apply_mask  # in C: 0.2 us for 97 bytes, not 1.5
except ImportError:
    from websockets.utils import apply_mask

FRAME_HEAD_BYTES_MAX = 14
"""What a frame costs beside its payload: two bytes, length, mask (RFC 6455 5.2)."""

_FINAL_BINARY = 0x82
_MASK_BIT = 0x80
_MASK_BYTES = 4
_LENGTH_16_BITS = 126
_LENGTH_64_BITS = 127
_REASON_BYTES_MAX = 123  # a control frame holds 125 bytes, the code takes two (RFC 6455 5.5)


class FrameCodec:
    """One side of a WebSocket after the opening handshake; no extension, no subprotocol.

    Pongs and the answering Close are never made by themselves: ``pong`` and ``goodbye`` give
    them when the caller wants them to be sent.

    Attributes:
        ended: Whether PeerClosed or PeerViolated was given; nothing is decoded after it.
        peer_closed: Whether the peer's Close arrived.
        goodbye: The Close frame that answers the peer's Close or violation; empty when there is
            nothing to answer, or when ours was made before.
    """

    __slots__ = (
        "_bias",
        "_fragments",
        "_message_bytes_max",
        "_need",
        "_protocol",
        "_tail",
        "ended",
        "goodbye",
        "peer_closed",
    )

    def __init__(self, *, server: bool, message_bytes_max: int) -> None:
        self._protocol = Protocol(
            Side.SERVER if server else Side.CLIENT, max_size=message_bytes_max
        )
        self._bias = _MASK_BIT if server else 0  # what clients send is masked
        self._message_bytes_max = message_bytes_max
        self._tail: bytearray | None = None  # a frame whose rest has not arrived ...
        self._need = 0  # ... and how many bytes it takes to look at it again
        self._fragments: bytearray | None = None  # joined: a million empty fragments cost nothing
        self.ended = False
        self.peer_closed = False
        self.goodbye = b""

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes from the network and return what they complete, in order."""
        found: list[Message] = []
        if self._tail is not None:
            self._tail += data
            if len(self._tail) < self._need:
                return found
            data = bytes(self._tail)
            self._tail = None
        position = 0
        end = len(data)
        while position < end and not self.ended:
            if self._fragments is None:
                position = self._take_binary(data, position, found)
            if position < end:
                position = self._take_other(data, position, found)
        return found

    def _take_binary(self, data: bytes, position: int, found: list[Message]) -> int:
        """Take whole binary messages as long as they follow; return where something else begins.

        The hot path: attributes are in local names, and lengths of 64 bits are left to others.
        """
        bias = self._bias
        limit = self._message_bytes_max
        append = found.append
        end = len(data)
        head = 2 + _MASK_BYTES if bias else 2
        while position + 4 <= end and data[position] == _FINAL_BINARY:
            length = data[position + 1] - bias
            start = position + head
            if length == _LENGTH_16_BITS:
                length = data[position + 2] << 8 | data[position + 3]
                start += 2
            elif not 0 <= length < _LENGTH_16_BITS:
                break
            stop = start + length
            if stop > end or length > limit:
                break
            if bias:
                append(apply_mask(data[start:stop], data[start - 4 : start]))
            else:
                append(data[start:stop])
            position = stop
        return position

    def _take_other(self, data: bytes, position: int, found: list[Message]) -> int:
        """Take one frame through ``Protocol``, or keep it until the rest has arrived."""
        size = self._size(data, position)
        if len(data) - position < size:
            self._tail = bytearray(data[position:])
            self._need = size
            return len(data)
        protocol = self._protocol
        protocol.receive_data(data[position : position + size])
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            self._translate(event, found)
        # The Pong that Protocol made is dropped, because ours waits until the caller says so. One
        # frame went in, so a Close among the chunks stands alone.
        chunks = [chunk for chunk in protocol.data_to_send() if chunk]
        error = protocol.parser_exc
        if error is not None and not self.ended:
            self.ended = True
            found.append(_violation(error))
        if self.ended:
            self.goodbye = b"".join(chunks)
        return position + size

    def _size(self, data: bytes, position: int) -> int:
        """Return how many bytes to give to ``Protocol``, as far as the header has arrived.

        That is the whole frame, except when its head alone makes it refuse: then it is the head,
        so that nobody makes us keep what we are going to refuse.
        """
        available = len(data) - position
        if available < 2:  # noqa: PLR2004 -- the two bytes that every frame begins with
            return 2
        length = data[position + 1] - self._bias
        if not 0 <= length <= _LENGTH_64_BITS:
            return 2
        head = 2
        if length >= _LENGTH_16_BITS:
            head = 4 if length == _LENGTH_16_BITS else 10
            if available < head:
                return head
            length = int.from_bytes(data[position + 2 : position + head], "big")
        room = self._message_bytes_max - len(self._fragments or b"")
        if length > room:
            return head
        return head + (_MASK_BYTES if self._bias else 0) + length

    def _translate(self, frame: Frame, found: list[Message]) -> None:
        """Turn a frame into what the port delivers."""
        match frame.opcode:
            case _ if frame.opcode is BINARY and frame.fin:
                found.append(bytes(frame.data))
            case _ if frame.opcode is BINARY:
                self._fragments = bytearray(frame.data)
            case _ if frame.opcode is CONT:
                assert self._fragments is not None
                self._fragments += frame.data
                if frame.fin:
                    found.append(bytes(self._fragments))
                    self._fragments = None
            case _ if frame.opcode is PING:
                found.append(Ping(bytes(frame.data)))
            case _ if frame.opcode is PONG:
                found.append(Pong(bytes(frame.data)))
            case _ if frame.opcode is CLOSE:
                close = self._protocol.close_rcvd
                assert close is not None
                self.ended = True
                self.peer_closed = True
                found.append(PeerClosed(int(close.code), close.reason))
            case _:
                assert frame.opcode is TEXT
                # Opcode 0x2 is the only one of TS 28.532 12.5.1.1.4.
                self.ended = True
                self._protocol.fail(CloseCode.UNSUPPORTED_DATA, "binary messages only")
                found.append(PeerViolated(CloseCode.UNSUPPORTED_DATA, "a text frame"))

    def binary(self, messages: Sequence[bytes]) -> bytes:
        """Encode whole messages, one frame each."""
        masked = not self._bias
        mask_bit = _MASK_BIT if masked else 0
        # RFC 6455 5.3 asks for masks that nobody can foretell; one call for all of them.
        masks = secrets.token_bytes(_MASK_BYTES * len(messages)) if masked else b""
        parts: list[bytes] = []
        for index, message in enumerate(messages):
            length = len(message)
            if length < _LENGTH_16_BITS:
                parts.append(bytes((_FINAL_BINARY, mask_bit | length)))
            elif length < 1 << 16:
                parts.append(bytes((_FINAL_BINARY, mask_bit | 126, length >> 8, length & 0xFF)))
            else:
                parts.append(bytes((_FINAL_BINARY, mask_bit | 127)) + length.to_bytes(8, "big"))
            if masked:
                mask = masks[4 * index : 4 * index + 4]
                parts.append(mask)
                parts.append(apply_mask(message, mask))
            else:
                parts.append(message)
        return b"".join(parts)

    def ping(self, payload: bytes) -> bytes:
        """Encode a Ping; ``payload`` is at most 125 bytes."""
        self._protocol.send_ping(payload)
        return b"".join(self._protocol.data_to_send())

    def pong(self, payload: bytes) -> bytes:
        """Encode a Pong; ``payload`` is at most 125 bytes."""
        self._protocol.send_pong(payload)
        return b"".join(self._protocol.data_to_send())

    def close(self, code: int, reason: str) -> bytes:
        """Encode our Close, the first and only one; afterwards the peer's is awaited.

        A code that must not be sent becomes 1011, and a long reason is cut.
        """
        try:
            self._protocol.send_close(code, _shortened(reason))
        except ProtocolError:
            self._protocol.send_close(CloseCode.INTERNAL_ERROR)
        return b"".join(self._protocol.data_to_send())


def _violation(error: Exception) -> PeerViolated:
    """Say what ``Protocol`` stopped at, with the code that it answers with."""
    if isinstance(error, PayloadTooBig):
        return PeerViolated(CloseCode.MESSAGE_TOO_BIG, str(error))
    if isinstance(error, ProtocolError):
        return PeerViolated(CloseCode.PROTOCOL_ERROR, str(error))
    if isinstance(error, UnicodeDecodeError):
        return PeerViolated(CloseCode.INVALID_DATA, "a reason that is not UTF-8")
    return PeerViolated(CloseCode.INTERNAL_ERROR, "not decoded")


def _shortened(reason: str) -> str:
    """Cut a reason to what a Close can carry, at a character."""
    return reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
