"""What becomes of a received frame: one column of the ledger (ARCHITECTURE.md 5)."""

from __future__ import annotations

from collections.abc import Sequence

from mnstream.core.errors import Undecodable
from mnstream.core.profiles import Profile
from mnstream.core.records import SENT_AGAIN, Disposition, FrameStored
from mnstream.core.streaming.connections import Connection
from mnstream.core.streaming.counts import UNDECODABLE, UNKNOWN_STREAM, WRONG_VALUE_COUNT
from mnstream.core.streaming.multiplexing import ANY_COUNT, Checks, Demultiplexer, Readers, Unit
from mnstream.core.streaming.resends import ResendDetector

INVALID_PAYLOAD = 1007
POLICY_VIOLATION = 1008


def sanctions(profile: Profile) -> dict[str, int]:
    """Give the close codes of the causes for which the channel is closed (contradiction 27)."""
    codes: dict[str, int] = {}
    if profile.close_on_unknown_stream:
        codes[UNKNOWN_STREAM] = POLICY_VIOLATION
    if profile.close_on_undecodable:
        codes[UNDECODABLE] = INVALID_PAYLOAD
    return codes


def are_plain(connection: Connection, payloads: Sequence[bytes]) -> bool:
    """Tell whether frames are data of announced streams and cannot be duplicates.

    True is certain. False means that ``judge`` has to look at each, which also happens for the
    first frame of a channel and after each change of the streams.
    """
    demultiplexer = connection.demultiplexer
    resends = connection.resends
    if demultiplexer is None or resends is None or resends.resuming:
        return False
    return demultiplexer.are_plain(payloads)


def judge(
    connection: Connection,
    payload: bytes,
    readers: Readers,
    checks: Checks,
) -> tuple[Disposition, str]:
    """Return the column and the cause for any frame; call it once for each.

    A frame of several units is judged by the worst of them. It is stored whole, and whoever reads
    the log finds the good ones. Duplicate is only what its content identifies, units that name
    their stream and their period, or what nobody can read. An opaque frame that is sent again is
    delivered again, and marked.
    """
    if connection.demultiplexer is None:
        connection.demultiplexer = Demultiplexer(connection.streams, readers, checks)
    if not payload:
        return Disposition.KEEP_ALIVE, ""
    units: Sequence[Unit] = ()
    cause = ""
    try:
        units = connection.demultiplexer.read(payload)
    except Undecodable:
        cause = UNDECODABLE if connection.streams else UNKNOWN_STREAM
    else:
        if not units:
            return Disposition.KEEP_ALIVE, ""
        cause = _fault(units, connection.demultiplexer)
    if connection.resends is not None and connection.resends.is_sent_again(payload):
        if cause or all(value_count != ANY_COUNT for _, value_count in units):
            return Disposition.DUPLICATE, ""
        return Disposition.DELIVERED, SENT_AGAIN
    return (Disposition.QUARANTINED, cause) if cause else (Disposition.DELIVERED, "")


def recollect(connection: Connection, frame: FrameStored, resend_window_frames: int) -> None:
    """Remember a frame by what is stored of it, so that a restart remembers the same ones.

    One that came before stands in its place already.
    """
    if frame.disposition is Disposition.DUPLICATE or frame.cause == SENT_AGAIN:
        return
    if connection.resends is None:
        connection.resends = ResendDetector(resend_window_frames)
    connection.resends.remember((frame.payload,))


def _fault(units: Sequence[Unit], demultiplexer: Demultiplexer) -> str:
    counts = [(demultiplexer.expected.get(stream_id), count) for stream_id, count in units]
    if any(expected is None for expected, _ in counts):
        return UNKNOWN_STREAM
    if any(expected != count for expected, count in counts):
        return WRONG_VALUE_COUNT
    return ""
