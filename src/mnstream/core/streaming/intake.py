"""What becomes of a received frame: one column of the ledger (DESIGN decision 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from mnstream.core.errors import Undecodable
from mnstream.core.records import Disposition
from mnstream.core.streaming.connections import Connection
from mnstream.core.streaming.multiplexing import Demultiplexer, Readers, Unit
from mnstream.core.streaming.resends import ResendDetector

UNKNOWN_STREAM = "unknownStream"
WRONG_VALUE_COUNT = "wrongValueCount"
UNDECODABLE = "undecodable"


@dataclass(slots=True)
class ConsumerCounts:
    """What a consumer has seen since it was made; every number only grows.

    Attributes:
        frames_delivered: Frames stored as they should be.
        bytes_delivered: Their size.
        frames_duplicate: Frames that a producer sent again although they had arrived.
        frames_quarantined: Frames stored aside, by cause.
        keep_alives: Empty stream data (11.5.1.1.1).
        connections_established: Connections that came into being.
        connections_terminated: Connections that their producer ended.
        connections_expired: Connections whose producer did not come back.
        channels_opened: Upgrades that were agreed to.
        channels_lost: Channels that ended without a closing handshake.
        channels_violated: Channels closed because the producer broke a rule, by close code.
        operations_refused: Operations answered with Failure, by exception name.
    """

    frames_delivered: int
    bytes_delivered: int
    frames_duplicate: int
    frames_quarantined: dict[str, int]
    keep_alives: int
    connections_established: int
    connections_terminated: int
    connections_expired: int
    channels_opened: int
    channels_lost: int
    channels_violated: dict[str, int]
    operations_refused: dict[str, int]

    def __init__(self) -> None:
        """Start at zero."""
        self.frames_delivered = self.bytes_delivered = self.frames_duplicate = 0
        self.connections_established = self.connections_terminated = self.connections_expired = 0
        self.channels_opened = self.channels_lost = self.keep_alives = 0
        self.frames_quarantined = {UNKNOWN_STREAM: 0, WRONG_VALUE_COUNT: 0, UNDECODABLE: 0}
        self.channels_violated = {}
        self.operations_refused = {}

    def add_frame(self, disposition: Disposition, cause: str, size_bytes: int) -> None:
        """Count one frame in its column."""
        match disposition:
            case Disposition.DELIVERED:
                self.frames_delivered += 1
                self.bytes_delivered += size_bytes
            case Disposition.DUPLICATE:
                self.frames_duplicate += 1
            case Disposition.QUARANTINED:
                self.frames_quarantined[cause] += 1
            case Disposition.KEEP_ALIVE:
                self.keep_alives += 1
            case _:
                assert_never(disposition)


def count(counter: dict[str, int], key: str) -> None:
    """Add one to a counter that is told apart by ``key``."""
    counter[key] = counter.get(key, 0) + 1


def is_plain(connection: Connection, payload: bytes) -> bool:
    """Tell whether a frame is data of announced streams and cannot be a duplicate.

    True is certain. False means that ``judge`` has to look, which also happens for the first frame
    of a channel and after each change of the streams.
    """
    demultiplexer = connection.demultiplexer
    resends = connection.resends
    if demultiplexer is None or resends is None or resends.resuming or not payload:
        return False
    try:
        units = demultiplexer.read(payload)
    except Undecodable:
        return False
    expected = demultiplexer.expected
    for stream_id, value_count in units:
        if expected.get(stream_id) != value_count:
            return False
    return bool(units)


def judge(
    connection: Connection, payload: bytes, readers: Readers, resend_window_frames: int
) -> tuple[Disposition, str]:
    """Return the column and the cause of quarantine for any frame; call it once for each.

    A frame of several units is judged by the worst of them. It is stored whole, and whoever reads
    the log finds the good ones.
    """
    if connection.resends is None:
        connection.resends = ResendDetector(resend_window_frames)
    if connection.demultiplexer is None:
        connection.demultiplexer = Demultiplexer(connection.streams, readers)
    if not payload:
        return Disposition.KEEP_ALIVE, ""
    cause = ""
    try:
        units = connection.demultiplexer.read(payload)
    except Undecodable:
        cause = UNDECODABLE
    else:
        if not units:
            return Disposition.KEEP_ALIVE, ""
        cause = _fault(units, connection.demultiplexer)
    if connection.resends.is_duplicate(payload):
        return Disposition.DUPLICATE, ""
    connection.resends.remember(payload)
    return (Disposition.QUARANTINED, cause) if cause else (Disposition.DELIVERED, "")


def _fault(units: Sequence[Unit], demultiplexer: Demultiplexer) -> str:
    counts = [(demultiplexer.expected.get(stream_id), count) for stream_id, count in units]
    if any(expected is None for expected, _ in counts):
        return UNKNOWN_STREAM
    if any(expected != count for expected, count in counts):
        return WRONG_VALUE_COUNT
    return ""
