"""What the core asks its driver to do, in the order in which it is to be done."""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.errors import OperationError
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.records import FrameStored, MetadataRecord
from mnstream.core.values import ConnectionId, Status, StreamId

# --- both sides ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendPing:
    """Send a Ping on the channel of the connection."""

    connection_id: ConnectionId
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseChannel:
    """Do our part of the closing handshake and release the channel.

    A consumer does so when everything that it stored before is durable: the Close that a producer
    gets back then says the same as a Pong.
    """

    connection_id: ConnectionId
    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortChannel:
    """Release the channel at once, without a goodbye: nobody answers on it."""

    connection_id: ConnectionId


# --- consumer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Append a record to the log."""

    record: MetadataRecord | FrameStored


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Give the outcome to whoever requested the operation, when all before it is durable."""

    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptChannel:
    """Switch protocols: 101."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseChannel:
    """Answer the upgrade with an error."""

    connection_id: ConnectionId
    exception: OperationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Send a Pong with this payload when everything that was stored before is durable."""

    connection_id: ConnectionId
    payload: bytes


ConsumerEffect = (
    Store
    | Answer
    | AcceptChannel
    | RefuseChannel
    | Acknowledge
    | SendPing
    | CloseChannel
    | AbortChannel
)
"""Everything that a ``StreamingConsumer`` asks for."""


# --- producer -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOperation:
    """Send the operation to the consumer; answer with OperationAnswered or OperationFailed."""

    operation: ControlOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenChannel:
    """Upgrade; answer with ChannelOpened, ChannelRefused or ChannelFailed."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFrames:
    """Send the frames on the channel, in this order."""

    connection_id: ConnectionId
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAcknowledged:
    """Tell the application that the next ``frames`` frames which it offered have arrived."""

    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStream:
    """Tell the application that data of the stream may be reported, or why not.

    Attributes:
        stream_id: The stream.
        exception: Why the consumer does not want it, or does not delete it; None when it wants it.
    """

    stream_id: StreamId
    exception: OperationError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEnd:
    """Tell the application that the connection has ended.

    Attributes:
        status: Success when nothing was left over and, if there was a channel to close, the
            closing handshake was completed.
        unacknowledged: Frames that were offered and of which nobody knows whether they arrived.
        exception: What the consumer said when it refused, if it did.
        reason: Why it ended, for people; empty when it ended as it should.
    """

    status: Status
    unacknowledged: int
    exception: OperationError | None = None
    reason: str = ""


ProducerEffect = (
    RequestOperation
    | OpenChannel
    | SendFrames
    | SendPing
    | CloseChannel
    | AbortChannel
    | ReportAcknowledged
    | ReportStream
    | ReportEnd
)
"""Everything that a ``StreamingProducer`` asks for."""
