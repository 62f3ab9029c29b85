"""What has to be true of a log and of what reporters were told, whatever went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, ProducerId, Status
from tests.simulation.reporter import BAD_STREAM, Account

Stored = tuple[ConnectionId, FrameStored]


def broken_promises(durable: Sequence[Record], accounts: Iterable[Account]) -> list[str]:
    """Name every broken promise; an empty list when all was kept.

    * Every acknowledged frame is in the log, byte for byte.
    * A reporter's frames are there in order and without holes, once those that were sent again
      are taken out.
    * Nothing is there that nobody sent.
    * On each connection a frame is delivered (or quarantined for its own fault) the first time
      and a duplicate every other time.
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
    frames: dict[ProducerId, list[Stored]] = {}
    for record in records:
        match record:
            case ConnectionEstablished() | StreamsChanged():
                if isinstance(record, ConnectionEstablished):
                    producers[record.connection_id] = record.producer_id
                if record.streams_version in versions:
                    faults.append(f"version {record.streams_version} was given twice")
                versions[record.streams_version] = record.connection_id
            case FrameStored():
                name = versions.get(record.streams_version)
                if name is None:
                    faults.append(f"version {record.streams_version} was never given")
                else:
                    frames.setdefault(producers[name], []).append((name, record))
            case ConnectionEnded():
                pass
    return frames


def _account_faults(account: Account, stored: Sequence[Stored]) -> list[str]:
    name = account.producer_id
    faults = [f"{name}: acknowledged before it was durable: {each!r}" for each in account.early]
    # Empty frames only keep the connection alive; nobody stores them.
    offered = [payload for payload in account.offered if payload]
    acknowledged = [payload for payload in account.offered[: account.acknowledged] if payload]
    order = list(dict.fromkeys(record.payload for _, record in stored))
    if len(order) < len(acknowledged):
        faults.append(f"{name}: {len(acknowledged)} acknowledged, {len(order)} stored")
    if order != offered[: len(order)]:
        first = next(n for n, each in enumerate(order) if [each] != offered[n : n + 1])
        faults.append(f"{name}: frame {first} in the log is {order[first]!r}")
    seen: set[tuple[ConnectionId, bytes]] = set()
    for connection_id, record in stored:
        key = (connection_id, record.payload)
        expected = Disposition.DUPLICATE if key in seen else _own_disposition(record.payload)
        seen.add(key)
        if record.disposition is not expected:
            faults.append(
                f"{name}: {record.payload!r} on {connection_id} is {record.disposition.value},"
                f" not {expected.value}"
            )
    if account.end is not None:
        left = len(account.offered) - account.acknowledged
        if account.end.unacknowledged != left:
            faults.append(f"{name}: {left} are left, not {account.end.unacknowledged}")
        if account.end.status is Status.SUCCESS and left:
            faults.append(f"{name}: a success with {left} frames left")
    return faults


def _own_disposition(payload: bytes) -> Disposition:
    bad = payload.startswith(f"G{BAD_STREAM}:".encode())
    return Disposition.QUARANTINED if bad else Disposition.DELIVERED
