"""HTTP messages as values, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mnstream.core.errors import OperationError, RemoteProtocolError
from mnstream.core.operations import ControlOperation

JSON_TYPE = "application/json"

Headers = tuple[tuple[str, str], ...]
"""Names and values in the order of the message; the case of names means nothing."""


def _header(headers: Headers, name: str) -> str | None:
    """Join the lines of one header (RFC 9110 5.3); None when there is none."""
    values = [value for each, value in headers if each.lower() == name.lower()]
    return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request, complete.

    Attributes:
        method: As on the wire; case matters.
        target: Path and query, percent-encoded, or an absolute URI (RFC 9112 3.2).
        headers: What describes the body and ``Content-Length``; ``Host`` and whatever else belongs
            to a transport is added by it.
        body: Content without any transfer coding.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of a header, its lines joined with commas; None when absent."""
        return _header(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An answer, complete.

    Attributes:
        status: Status code.
        headers: As in a request.
        body: Content without any transfer coding.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of a header, its lines joined with commas; None when absent."""
        return _header(self.headers, name)


class Shape(Enum):
    """Whether the answer to a request is one object or an array of them."""

    ONE = "one"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request asks for.

    Attributes:
        operation: What to carry out.
        shape: How to write the answer; ONE only where the path names one connection or stream.
    """

    operation: ControlOperation
    shape: Shape = Shape.LIST


class HttpProblem(RemoteProtocolError):
    """A request that HTTP refuses before there is an operation.

    Attributes:
        status: Status code of the answer.
        exception: What the body of the answer says.
        headers: What the status code demands, for example ``Allow``.
    """

    def __init__(self, status: int, exception: OperationError, *, headers: Headers = ()) -> None:
        """Keep what the answer is made of."""
        super().__init__(f"{status} {exception}")
        self.status = status
        self.exception = exception
        self.headers = headers
