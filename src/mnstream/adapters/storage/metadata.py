"""Which connections and streams are in force at one position of a log."""

from __future__ import annotations

from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Ending,
    MetadataRecord,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId


class MetadataInForce:
    """Folds metadata records, in order, into what they leave in force.

    A connection that ended is dropped. The highest ``streams_version`` is remembered for ever, so
    that versions stay unique in a log.
    """

    def __init__(self) -> None:
        self._connections: dict[ConnectionId, ConnectionEstablished] = {}
        self._by_version: dict[int, ConnectionEstablished] = {}
        self._newest: ConnectionEstablished | None = None

    def apply(self, record: MetadataRecord) -> None:
        """Take the next record.

        A change or an end of a connection that is not in force is ignored: where part of a log is
        damaged, what follows must still be readable.
        """
        match record:
            case ConnectionEstablished():
                self._put(record)
            case StreamsChanged():
                before = self._connections.get(record.connection_id)
                if before is not None:
                    self._put(_changed(before, record))
            case ConnectionEnded():
                ended = self._connections.pop(record.connection_id, None)
                if ended is not None:
                    self._by_version.pop(ended.streams_version, None)

    def connection(self, streams_version: int) -> ConnectionEstablished | None:
        """Give the connection of a version in force, with the streams that the version is."""
        return self._by_version.get(streams_version)

    def records(self) -> tuple[MetadataRecord, ...]:
        """Give the shortest records that lead to the same, the highest version last.

        One ConnectionEstablished for each connection, with its present version and streams and
        its original time. When the highest version belongs to a connection that ended, that one
        follows with no streams, and its end.
        """
        live = sorted(self._connections.values(), key=lambda record: record.streams_version)
        newest = self._newest
        if newest is None or (live and live[-1].streams_version == newest.streams_version):
            return tuple(live)
        end = ConnectionEnded(
            connection_id=newest.connection_id,
            ending=Ending.TERMINATED,
            wall_ms=newest.wall_ms,
        )
        return (*live, newest, end)

    def _put(self, record: ConnectionEstablished) -> None:
        before = self._connections.get(record.connection_id)
        if before is not None:
            self._by_version.pop(before.streams_version, None)
        self._connections[record.connection_id] = record
        self._by_version[record.streams_version] = record
        if self._newest is None or record.streams_version >= self._newest.streams_version:
            self._newest = ConnectionEstablished(
                connection_id=record.connection_id,
                producer_id=record.producer_id,
                identity=record.identity,
                streams_version=record.streams_version,
                stream_info_list=(),
                wall_ms=record.wall_ms,
            )


def _changed(before: ConnectionEstablished, change: StreamsChanged) -> ConnectionEstablished:
    streams = before.stream_info_list
    if change.removed:
        removed = frozenset(change.removed)
        streams = tuple(info for info in streams if info.stream_id not in removed)
    return ConnectionEstablished(
        connection_id=before.connection_id,
        producer_id=before.producer_id,
        identity=before.identity,
        streams_version=change.streams_version,
        stream_info_list=streams + change.added,
        wall_ms=before.wall_ms,
    )
