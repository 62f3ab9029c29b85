"""What a consumer keeps: the entries of its log.

The same records are effects of the core (store this), the content of a data directory, and the
way back: a core that is given the metadata records of a log has the state that it had when they
were written (ARCHITECTURE.md 3). A restart of the consumer is therefore an abrupt loss of every
channel and nothing else.

``streams_version`` numbers the sets of StreamInfo that were ever in force, over all connections
of a log. Every stored frame carries the version that was in force when it arrived, because its
values mean nothing without the order of the metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnstream.core.values import ConnectionId, ProducerId, StreamId, StreamInfo


class Disposition(Enum):
    """Where a received frame ended: one column of the ledger."""

    DELIVERED = "delivered"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    KEEP_ALIVE = "keep-alive"


SENT_AGAIN = "sentAgain"
"""Cause of a frame that is delivered again: after a reconnect it stands where its producer repeats
an earlier one, but nothing that it holds says which one it is."""


class Ending(Enum):
    """Why a connection exists no longer."""

    TERMINATED = "terminated"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEstablished:
    """A connection came into being, with its first streams.

    Attributes:
        connection_id: Its identifier.
        producer_id: Who reports on it.
        identity: Who created it, as the transport authenticated them; empty when nobody asked.
        streams_version: Version that ``stream_info_list`` is, unique in the log.
        stream_info_list: The streams.
        wall_ms: When, in milliseconds since the Unix epoch.
    """

    connection_id: ConnectionId
    producer_id: ProducerId
    identity: str
    streams_version: int
    stream_info_list: tuple[StreamInfo, ...]
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsChanged:
    """A connection has other streams from here on: those before, less removed, then added."""

    connection_id: ConnectionId
    streams_version: int
    added: tuple[StreamInfo, ...]
    removed: tuple[StreamId, ...]
    wall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEnded:
    """A connection exists no longer."""

    connection_id: ConnectionId
    ending: Ending
    wall_ms: int


MetadataRecord = ConnectionEstablished | StreamsChanged | ConnectionEnded
"""Records from which the state of a consumer can be rebuilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStored:
    """One frame exactly as it arrived.

    Attributes:
        streams_version: The StreamInfo set in force, which also names the connection.
        disposition: Its column in the ledger.
        cause: Why it was quarantined; ``SENT_AGAIN`` or empty otherwise.
        wall_ms: When it arrived, in milliseconds since the Unix epoch.
        payload: The message, byte for byte.
    """

    streams_version: int
    disposition: Disposition
    cause: str
    wall_ms: int
    payload: bytes


Record = MetadataRecord | FrameStored
"""Anything that a log holds."""
