"""The operations that are a request and an answer, and their outcomes (TS 28.532 11.5.1).

An operation is a value: a producer's transport encodes it, a consumer's transport decodes it, the
core answers it. The other two of the seven have no answer and are events of a channel: a frame is
reportStreamData (11.5.1.3), a Close terminateStreamingConnection (11.5.1.2). Every outcome has a
``status`` and, unless that is Success, the ``exception`` that explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.errors import OperationError
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    ProducerId,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishStreamingConnection:
    """Announce a producer and its streams (11.5.1.1)."""

    producer_id: ProducerId
    stream_info_list: tuple[StreamInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddStream:
    """Add streams to a connection (11.5.1.4)."""

    connection_id: ConnectionId
    stream_info_list: tuple[StreamInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteStream:
    """Remove streams from a connection (11.5.1.5)."""

    connection_id: ConnectionId
    stream_id_list: tuple[StreamId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConnectionInfo:
    """Ask about connections (11.5.1.6); an empty list means all."""

    connection_id_list: tuple[ConnectionId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStreamInfo:
    """Ask about streams (11.5.1.7); an empty list means all.

    Attributes:
        connection_id: Connection whose streams are meant, as stage 3 asks; None for the
            consumer-wide stage 2 form (`specs/contradictions.md` 17).
        stream_id_list: Streams that are meant.
    """

    connection_id: ConnectionId | None = None
    stream_id_list: tuple[StreamId, ...] = ()


ControlOperation = (
    EstablishStreamingConnection | AddStream | DeleteStream | GetConnectionInfo | GetStreamInfo
)
"""What a producer asks and a consumer answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstablishOutcome:
    """Answer to EstablishStreamingConnection: Success with a connection, or Failure."""

    status: Status
    connection_id: ConnectionId | None = None
    exception: OperationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddStreamOutcome:
    """Answer to AddStream; ``stream_info_list`` holds only the streams that this request added."""

    status: Status
    stream_info_list: tuple[StreamInfo, ...] = ()
    exception: OperationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteStreamOutcome:
    """Answer to DeleteStream; with PartialSuccess ``exception`` names the unknown streams."""

    status: Status
    exception: OperationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConnectionInfoOutcome:
    """Answer to GetConnectionInfo, in the order of the request."""

    status: Status
    connection_info_list: tuple[ConnectionInfo, ...] = ()
    exception: OperationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStreamInfoOutcome:
    """Answer to GetStreamInfo, in the order of the request."""

    status: Status
    stream_info_sum_list: tuple[StreamInfoSum, ...] = ()
    exception: OperationError | None = None


Outcome = (
    EstablishOutcome
    | AddStreamOutcome
    | DeleteStreamOutcome
    | GetConnectionInfoOutcome
    | GetStreamInfoOutcome
)
"""Answer to a control operation."""
