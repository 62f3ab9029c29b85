"""What can happen to the two sides of streaming data reporting.

Events are complete: wall-clock times, fresh identifiers and random numbers arrive inside them.
Names are past tense and say what a driver saw, not what should follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnstream.core.errors import OperationError
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.values import ConnectionId, StreamId, StreamInfo

# --- both sides ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineReached:
    """The time that ``next_deadline_ms()`` named has come.

    Attributes:
        wall_ms: Wall-clock time, milliseconds since the Unix epoch.
        jitter: Random number, 0 <= jitter < 1.
    """

    wall_ms: int = 0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLost:
    """The channel ended without a closing handshake.

    Attributes:
        connection_id: Connection that it carried.
        reason: What the transport saw, for people.
        jitter: Random number, 0 <= jitter < 1.
    """

    connection_id: ConnectionId
    reason: str = ""
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseReceived:
    """The peer's Close (opcode 0x8) arrived (TS 28.532 12.5.1.1.3)."""

    connection_id: ConnectionId
    code: int
    reason: str = ""
    wall_ms: int = 0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PongReceived:
    """A Pong arrived; ``payload`` is that of the Ping which it answers."""

    connection_id: ConnectionId
    payload: bytes


# --- consumer: what transports and clocks bring -------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequested:
    """A producer asked for a control operation.

    Attributes:
        operation: What it asked for.
        identity: Who asked, as the transport authenticated them; empty when nobody checked.
        fresh_connection_id: Unused identifier, in case that a connection comes of it.
        wall_ms: Wall-clock time, milliseconds since the Unix epoch.
    """

    operation: ControlOperation
    fresh_connection_id: ConnectionId
    identity: str = ""
    wall_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRequested:
    """A producer asked to open the channel of a connection (12.5.1.1.2 step 3)."""

    connection_id: ConnectionId
    identity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameReceived:
    """A binary message (opcode 0x2) arrived."""

    connection_id: ConnectionId
    payload: bytes
    wall_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReceived:
    """A part of a message arrived: the producer lives, however long the message takes."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class PingReceived:
    """A Ping arrived, after every frame that was reported before it."""

    connection_id: ConnectionId
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelViolated:
    """The peer broke the rules of the channel, which its transport has closed for that.

    Attributes:
        connection_id: Connection that the channel carried.
        code: Close code that the peer was given, for example 1003 for a text frame.
        reason: What it did.
    """

    connection_id: ConnectionId
    code: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    """The consumer is going to stop; connections outlive it in its log."""


# --- producer: what the application wants -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequested:
    """The application wants the connection to exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateRequested:
    """The application has reported everything and wants the connection to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsOffered:
    """The application wants to report on more streams."""

    stream_info_list: tuple[StreamInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsWithdrawn:
    """The application will not report on these streams any more."""

    stream_id_list: tuple[StreamId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDataOffered:
    """The application has frames to report, in this order."""

    frames: tuple[bytes, ...]


# --- producer: what transports bring ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationAnswered:
    """The consumer answered a control operation."""

    operation: ControlOperation
    outcome: Outcome
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFailed:
    """No answer came: no route, no TLS, no HTTP, no time."""

    operation: ControlOperation
    reason: str
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOpened:
    """The consumer switched protocols: 101 (12.5.1.1.2 step 4)."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSent:
    """A Ping has left, behind all that was sent before it."""

    connection_id: ConnectionId
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRefused:
    """The consumer answered the upgrade with an error."""

    connection_id: ConnectionId
    exception: OperationError
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFailed:
    """The upgrade was not answered: no route, no TLS, no HTTP, no time."""

    connection_id: ConnectionId
    reason: str
    jitter: float = 0.0


# --- producer: what the core tells its own lifecycles -------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCreated:
    """There is a connection: the consumer has just created it, or it is known from before."""

    connection_id: ConnectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRefused:
    """The consumer refuses the connection and would refuse it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFailed:
    """The connection could not be created now, but may be later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionForgotten:
    """The consumer does not know the connection any more.

    Attributes:
        exception: What it said.
        jitter: Random number, 0 <= jitter < 1.
    """

    exception: OperationError
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSilent:
    """A Ping was not answered in time, or nothing was heard at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEmptied:
    """Everything that was reported is acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUpReached:
    """No channel could be had for as long as the configuration allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProposed:
    """The stream is part of a request that is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAccepted:
    """The consumer knows the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRejected:
    """The consumer does not want the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRemoved:
    """The consumer has forgotten the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamKept:
    """The consumer refuses to delete the stream."""


# --- what a driver may feed, and what the core tells itself -------------------------------------

ChannelEvent = (
    FrameReceived
    | PartReceived
    | PingReceived
    | PongReceived
    | CloseReceived
    | ChannelLost
    | ChannelViolated
)
"""What happens on a channel of a consumer."""
ConsumerEvent = (
    OperationRequested | ChannelRequested | ChannelEvent | StopRequested | DeadlineReached
)
"""Everything that a driver may feed to a ``StreamingConsumer``."""
ProducerDriverEvent = (
    StartRequested
    | TerminateRequested
    | StreamsOffered
    | StreamsWithdrawn
    | StreamDataOffered
    | OperationAnswered
    | OperationFailed
    | ChannelOpened
    | ChannelRefused
    | ChannelFailed
    | ChannelLost
    | CloseReceived
    | PingSent
    | PongReceived
    | DeadlineReached
)
"""Everything that a driver may feed to a ``StreamingProducer``."""
ProducerEvent = (
    ProducerDriverEvent
    | ConnectionCreated
    | ConnectionRefused
    | ConnectionForgotten
    | RequestFailed
    | PeerSilent
    | WindowEmptied
    | GiveUpReached
)
"""The same, and what follows from the state of a ``StreamingProducer`` itself."""
