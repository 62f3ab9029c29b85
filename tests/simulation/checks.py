"""What has to be true of a log and of what reporters were told, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mnstream.core.records import (
    SENT_AGAIN,
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, ProducerId, Status, StreamId
from tests.simulation.reporter import BAD_STREAM, OPAQUE, OPAQUE_LETTER, Account


class Stored(NamedTuple):
    """A frame of the log, its connection, and what that was about when the frame came."""

    connection_id: ConnectionId
    stream_ids: frozenset[StreamId]
    record: FrameStored


def broken_promises(durable: Sequence[Record], accounts: Iterable[Account]) -> list[str]:
    """Name every broken promise; an empty list when all was kept.

    * Every acknowledged frame is in the log, byte for byte.
    * A reporter's frames are there in order and without holes, once those that were sent again
      are taken out.
    * Nothing is there that nobody sent.
    * On each connection a frame is delivered (or quarantined for its own fault) the first time
      and a duplicate every other time; one that only an opaque stream can be about is delivered
      again, and marked.
    * What a reporter was told at its end is true.
    """
    faults: list[str] = []
    by_producer = _sort(durable, faults)
    for account in accounts:
        faults += _account_faults(account, by_producer.pop(account.producer_id, []))
    for producer_id, stored in by_producer.items():
        faults.append(f"{producer_id} sent {len(stored)} frames but does not exist")
    return faults


def _sort(records: Iterable[Record], faults: list[str]) -> dict[ProducerId, list[Stored]]:
    """Say which producer sent each frame; the version of the streams tells."""
    producers: dict[ConnectionId, ProducerId] = {}
    versions: dict[int, ConnectionId] = {}
    streams: dict[ConnectionId, frozenset[StreamId]] = {}
    frames: dict[ProducerId, list[Stored]] = {}
    for record in records:
        match record:
            case ConnectionEstablished() | StreamsChanged():
                name = record.connection_id
                if isinstance(record, ConnectionEstablished):
                    producers[name] = record.producer_id
                    left, added = frozenset[StreamId](), record.stream_info_list
                else:
                    left, added = streams[name].difference(record.removed), record.added
                streams[name] = left.union(stream.stream_id for stream in added)
                if record.streams_version in versions:
                    faults.append(f"version {record.streams_version} was given twice")
                versions[record.streams_version] = name
            case FrameStored():
                known = versions.get(record.streams_version)
                if known is None:
                    faults.append(f"version {record.streams_version} was never given")
                else:
                    stored = Stored(known, streams[known], record)
                    frames.setdefault(producers[known], []).append(stored)
            case ConnectionEnded():
                pass
    return frames


def _account_faults(account: Account, stored: Sequence[Stored]) -> list[str]:
    name = account.producer_id
    faults = [f"{name}: acknowledged before it was durable: {each!r}" for each in account.early]
    # Empty frames only keep the connection alive; nobody stores them.
    offered = [payload for payload in account.offered if payload]
    acknowledged = [payload for payload in account.offered[: account.acknowledged] if payload]
    order = list(dict.fromkeys(each.record.payload for each in stored))
    if len(order) < len(acknowledged):
        faults.append(f"{name}: {len(acknowledged)} acknowledged, {len(order)} stored")
    if order != offered[: len(order)]:
        first = next(n for n, each in enumerate(order) if [each] != offered[n : n + 1])
        faults.append(f"{name}: frame {first} in the log is {order[first]!r}")
    seen: set[tuple[ConnectionId, bytes]] = set()
    for each in stored:
        key = (each.connection_id, each.record.payload)
        again = key in seen
        expected = _disposition(each, again=again)
        seen.add(key)
        if each.record.disposition is not expected:
            faults.append(
                f"{name}: {each.record.payload!r} on {each.connection_id} is"
                f" {each.record.disposition.value}, not {expected.value}"
            )
        marked = each.record.cause == SENT_AGAIN
        if marked != (again and expected is Disposition.DELIVERED):
            what = "marked" if marked else "not marked"
            faults.append(f"{name}: {each.record.payload!r} on {each.connection_id} is {what}")
    if account.end is not None:
        left = len(account.offered) - account.acknowledged
        if account.end.unacknowledged != left:
            faults.append(f"{name}: {left} are left, not {account.end.unacknowledged}")
        if account.end.status is Status.SUCCESS and left:
            faults.append(f"{name}: a success with {left} frames left")
    return faults


def _disposition(stored: Stored, *, again: bool) -> Disposition:
    """Say in which column a frame has to be, first or later on its connection."""
    payload = stored.record.payload
    bad = payload.startswith(f"G{BAD_STREAM}:".encode())
    if bad or payload.startswith(OPAQUE_LETTER.encode()):
        # What cannot be read is about the only opaque stream, and says nothing else of itself.
        if any(stream_id.startswith(OPAQUE) for stream_id in stored.stream_ids):
            return Disposition.DELIVERED
        return Disposition.DUPLICATE if again else Disposition.QUARANTINED
    return Disposition.DUPLICATE if again else Disposition.DELIVERED
