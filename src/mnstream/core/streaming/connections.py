"""The connections of one consumer and who reports which stream (TS 28.532 11.5.1.6, 11.5.1.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mnstream.core.lifecycles.consumer_connection import (
    CONSUMER_CONNECTION,
    ConsumerConnectionState,
)
from mnstream.core.streaming.multiplexing import Demultiplexer
from mnstream.core.streaming.resends import ResendDetector
from mnstream.core.streaming.validation import info_chars
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    ProducerId,
    StreamId,
    StreamInfo,
    StreamInfoSum,
)


class Connection:
    """What a consumer knows of one connection.

    Attributes:
        connection_id: Its identifier.
        producer_id: Who reports on it.
        identity: Who created it and may use it.
        established_wall_ms: When it was established, milliseconds since the Unix epoch.
        state: Where its lifecycle is.
        streams: StreamInfo in force, by identifier, in the order of arrival.
        info_chars: Characters that these have together.
        streams_version: Number of that set, unique among all connections.
        heard_ms: When the producer was last heard on the channel.
        demultiplexer: Reads frames for ``streams``; None until the first frame needs it.
        resends: The last frames; None until there is one.
    """

    __slots__ = (
        "connection_id",
        "demultiplexer",
        "established_wall_ms",
        "heard_ms",
        "identity",
        "info_chars",
        "producer_id",
        "resends",
        "state",
        "streams",
        "streams_version",
    )

    def __init__(
        self,
        connection_id: ConnectionId,
        producer_id: ProducerId,
        identity: str,
        established_wall_ms: int,
    ) -> None:
        """Start in the initial state, without streams."""
        self.connection_id = connection_id
        self.producer_id = producer_id
        self.identity = identity
        self.established_wall_ms = established_wall_ms
        self.state: ConsumerConnectionState = CONSUMER_CONNECTION.initial
        self.streams: dict[StreamId, StreamInfo] = {}
        self.info_chars = 0
        self.streams_version = 0
        self.heard_ms = 0
        self.demultiplexer: Demultiplexer | None = None
        self.resends: ResendDetector | None = None

    def info(self) -> ConnectionInfo:
        """Describe it as getConnectionInfo does."""
        return ConnectionInfo(
            connection_id=self.connection_id,
            stream_reporter=self.producer_id,
            stream_id_list=tuple(self.streams),
        )


class ConnectionTable:
    """All connections, found by their identifier, by a stream, or by a version of their streams."""

    def __init__(self) -> None:
        """Start empty."""
        self._connections: dict[ConnectionId, Connection] = {}
        # By connection, because very many of them may report the same stream.
        self._reporting: dict[StreamId, dict[ConnectionId, Connection]] = {}
        self.streams_version = 0
        """The highest version given to a set of streams."""

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """Go through them in the order in which they were established."""
        return iter(tuple(self._connections.values()))

    def get(self, connection_id: ConnectionId) -> Connection | None:
        """Find a connection."""
        return self._connections.get(connection_id)

    def existing(self, connection_id: ConnectionId) -> Connection:
        """Find a connection that is known to exist."""
        return self._connections[connection_id]

    @property
    def stream_count(self) -> int:
        """Number of different streams that somebody reports."""
        return len(self._reporting)

    def add(self, connection: Connection) -> None:
        """Take a connection in."""
        self._connections[connection.connection_id] = connection

    def remove(self, connection: Connection) -> None:
        """Forget a connection and its streams."""
        self._stop_reporting(connection, tuple(connection.streams))
        del self._connections[connection.connection_id]

    def change_streams(
        self,
        connection: Connection,
        *,
        added: Sequence[StreamInfo],
        removed: Iterable[StreamId],
        streams_version: int | None = None,
    ) -> int:
        """Put another set of streams in force and return its version, a new one unless given."""
        # A log that has lost a part may add what is there.
        self._stop_reporting(connection, (*removed, *(stream.stream_id for stream in added)))
        for stream in added:
            connection.streams[stream.stream_id] = stream
            connection.info_chars += info_chars(stream)
            reporting = self._reporting.setdefault(stream.stream_id, {})
            reporting[connection.connection_id] = connection
        version = self.streams_version + 1 if streams_version is None else streams_version
        self.reserve_version(version)
        connection.streams_version = version
        connection.demultiplexer = None
        return version

    def reserve_version(self, streams_version: int) -> None:
        """Never give this version, or a lower one, to a set of streams again."""
        self.streams_version = max(self.streams_version, streams_version)

    def summary(self, connection: Connection, stream_id: StreamId) -> StreamInfoSum:
        """Describe a stream of the connection and name everybody who reports it, once."""
        reporters = (other.producer_id for other in self._reporting[stream_id].values())
        return StreamInfoSum(
            stream_info=connection.streams[stream_id],
            stream_reporters=tuple(dict.fromkeys(reporters)),
        )

    def reporting(self, stream_id: StreamId) -> Connection | None:
        """Find the connection that has reported this stream for the longest time."""
        connections = self._reporting.get(stream_id)
        return next(iter(connections.values())) if connections else None

    def all_streams(self) -> Sequence[StreamId]:
        """List every stream that somebody reports."""
        return tuple(self._reporting)

    def _stop_reporting(self, connection: Connection, stream_ids: Iterable[StreamId]) -> None:
        for stream_id in stream_ids:
            stream = connection.streams.pop(stream_id, None)
            if stream is None:
                continue
            connection.info_chars -= info_chars(stream)
            reporting = self._reporting[stream_id]
            del reporting[connection.connection_id]
            if not reporting:
                del self._reporting[stream_id]
