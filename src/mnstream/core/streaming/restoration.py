"""From the state of a consumer to the records of a log, and back (ARCHITECTURE.md 3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Ending,
    FrameStored,
    MetadataRecord,
    StreamsChanged,
)
from mnstream.core.streaming.connections import Connection, ConnectionTable
from mnstream.core.streaming.intake import recollect
from mnstream.core.values import ConnectionId, ProducerId

NOBODY = ConnectionId("")

AttributedFrame = tuple[ConnectionId | None, FrameStored]
"""A stored frame and its connection, None where damage swallowed it."""


def snapshot(connections: ConnectionTable) -> tuple[MetadataRecord, ...]:
    """Describe every connection as if it were established with the streams that it has now.

    When the highest version belongs to none of them, a connection that has ended at once stands
    last: versions stay unique in a log.
    """
    living = tuple(
        ConnectionEstablished(
            connection_id=connection.connection_id,
            producer_id=connection.producer_id,
            identity=connection.identity,
            streams_version=connection.streams_version,
            stream_info_list=tuple(connection.streams.values()),
            wall_ms=connection.established_wall_ms,
        )
        for connection in connections
    )
    highest = connections.streams_version
    if highest == max((record.streams_version for record in living), default=0):
        return living
    last = ConnectionEstablished(
        connection_id=NOBODY,
        producer_id=ProducerId(""),
        identity="",
        streams_version=highest,
        stream_info_list=(),
        wall_ms=0,
    )
    return *living, last, ConnectionEnded(connection_id=NOBODY, ending=Ending.EXPIRED, wall_ms=0)


def restore(
    connections: ConnectionTable,
    records: Iterable[MetadataRecord],
    frames: Iterable[AttributedFrame],
    resend_window_frames: int,
) -> None:
    """Apply the records to an empty table, in order, then the frames.

    Frames belong to a connection and not to a version of its streams: which versions there were
    before the newest, a snapshot does not tell. What is of a connection that a record ended, or
    that none established, is passed over: a log may have lost its beginning. Its version is not
    given again all the same.
    """
    for record in records:
        match record:
            case ConnectionEstablished():
                _establish(connections, record)
            case StreamsChanged():
                connections.reserve_version(record.streams_version)
                changed = connections.get(record.connection_id)
                if changed is not None:
                    connections.change_streams(
                        changed,
                        added=record.added,
                        removed=record.removed,
                        streams_version=record.streams_version,
                    )
            case ConnectionEnded():
                ended = connections.get(record.connection_id)
                if ended is not None:
                    connections.remove(ended)
            case _:
                assert_never(record)
    for connection_id, frame in frames:
        connections.reserve_version(frame.streams_version)
        reporting = None if connection_id is None else connections.get(connection_id)
        if reporting is not None:
            recollect(reporting, frame, resend_window_frames)


def _establish(connections: ConnectionTable, record: ConnectionEstablished) -> None:
    known = connections.get(record.connection_id)
    if known is not None:
        connections.remove(known)
    connection = Connection(
        record.connection_id, record.producer_id, record.identity, record.wall_ms
    )
    connections.add(connection)
    connections.change_streams(
        connection,
        added=record.stream_info_list,
        removed=(),
        streams_version=record.streams_version,
    )
