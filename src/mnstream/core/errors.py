"""Who broke the protocol: our caller, or the peer.

``LocalProtocolError`` is raised at our caller, and nothing has changed when it is. What the peer
did wrong is raised only by functions that read what it wrote, payloads and members, at whoever
called them. No event makes the core raise it at its driver: there it travels as a value, in an
outcome or in an effect, beside the effects that say goodbye.

The exceptions of TS 28.532 11.5 keep their names. None of the specifications maps them to HTTP
status codes (`specs/contradictions.md` 28), so each carries the one that this project answers
with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

REASONS_IN_TEXT_MAX = 10
"""Streams that a text for people names; the list of reasons names them all."""


class MnSError(Exception):
    """Base of everything that this project raises on purpose."""


class ProtocolError(MnSError):
    """A rule of one of the two services was broken.

    Attributes:
        clause: Where the rule stands, for example ``"TS 28.532 11.5.1.4"``; empty when it is our
            own.
    """

    clause: str

    def __init__(self, detail: str, *, clause: str = "") -> None:
        """Keep what happened and which clause forbids it."""
        super().__init__(detail)
        self.clause = clause


class LocalProtocolError(ProtocolError):
    """Our own side asked for something that the lifecycle does not allow; nothing changed."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; a value, except where what the peer wrote is read."""


class Undecodable(RemoteProtocolError):
    """The payload of a frame is not what the format of its streams says."""


class OperationError(RemoteProtocolError):
    """An operation that was answered with Failure or PartialSuccess.

    Two of them are equal when their type, text, identifiers and per-stream reasons are.

    Attributes:
        name: Name of the exception, as it is put first into ``errorInfo``.
        http_status: Status code of a full failure.
        temporary: Whether the same request may succeed later without a change.
        identifiers: Stream or connection identifiers that it is about, in the order of the request.
        reasons: Why each stream was refused, by stream identifier.
    """

    name: ClassVar[str] = "operationFailed"
    http_status: ClassVar[int] = 500
    temporary: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        identifiers: tuple[str, ...] = (),
        reasons: tuple[tuple[str, str], ...] = (),
        clause: str = "",
    ) -> None:
        """Keep the text for people and the identifiers for programs."""
        super().__init__(detail, clause=clause)
        self.identifiers = identifiers
        self.reasons = reasons

    @classmethod
    def about_streams(cls, reasons: Sequence[tuple[str, str]]) -> Self:
        """Say everything about streams, by identifier, for people and for programs."""
        named = reasons[:REASONS_IN_TEXT_MAX]
        return cls(
            "; ".join(f"{stream_id}: {reason}" for stream_id, reason in named),
            identifiers=tuple(stream_id for stream_id, _ in reasons),
            reasons=tuple(reasons),
        )

    def __str__(self) -> str:
        """Give ``name: detail``, the form of ``errorInfo``."""
        detail = str(self.args[0]) or ", ".join(self.identifiers)
        return f"{self.name}: {detail}" if detail else self.name

    def __eq__(self, other: object) -> bool:
        """Compare what a peer would see."""
        return (
            isinstance(other, OperationError)
            and type(self) is type(other)
            and str(self) == str(other)
            and self.identifiers == other.identifiers
            and self.reasons == other.reasons
        )

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((type(self), str(self), self.identifiers, self.reasons))


class UnexpectedStreams(OperationError):
    """Some information in the list of StreamInfo was unexpected by the consumer; status is Failure.

    Source: TS 28.532 11.5.1.1.4, 11.5.1.4.4.
    """

    name = "unexpectedStreams"
    http_status = 400


class UnknownConnection(OperationError):
    """The connectionId is invalid.

    Source: TS 28.532 11.5.1.2.4, 11.5.1.4.4, 11.5.1.5.4.
    """

    name = "unknownConnection"
    http_status = 404


class DuplicateStream(OperationError):
    """Stream identifiers of the request exist on this connection already.

    Source: TS 28.532 11.5.1.4.4.
    """

    name = "duplicateStream"
    http_status = 409


class UnknownStreamId(OperationError):
    """Stream identifiers of the request do not exist (on this connection, or at this consumer).

    Source: TS 28.532 11.5.1.5.4, 11.5.1.7.4.
    """

    name = "unknownStreamId"
    http_status = 404


class UnknownConnectionId(OperationError):
    """Connection identifiers of the request are not known to this consumer.

    Source: TS 28.532 11.5.1.6.4.
    """

    name = "unknownConnectionId"
    http_status = 404


class UnknownObject(OperationError):
    """The managed object of the request does not exist; ours, TS 32.158 has the status code."""

    name = "unknownObject"
    http_status = 404


class ObjectExists(OperationError):
    """The managed object exists already, or has objects below it that must go first; ours."""

    name = "objectExists"
    http_status = 409


class InvalidFilter(OperationError):
    """The notificationFilter is none that this producer understands; ours."""

    name = "invalidFilter"
    http_status = 400


class MalformedRequest(OperationError):
    """The request is not what the operation looks like; ours, the standard has no name for it."""

    name = "malformedRequest"
    http_status = 400


class NotPermitted(OperationError):
    """The connection belongs to somebody else, or the producer may not use this name; ours."""

    name = "notPermitted"
    http_status = 403


class ConnectionInUse(OperationError):
    """The connection has a live channel already; ours.

    Temporary: the consumer probes the channel that it holds and drops it when nobody answers.
    """

    name = "connectionInUse"
    http_status = 409
    temporary = True


class LimitExceeded(OperationError):
    """A list or a text of the request is longer than this consumer takes; ours."""

    name = "limitExceeded"
    http_status = 413


class Unavailable(OperationError):
    """The consumer cannot take this now: it is full, stopping, or its disk is; ours."""

    name = "unavailable"
    http_status = 503
    temporary = True
