"""Exceptions keep the names of TS 28.532 11.5 and carry our status codes (contradiction 28)."""

from __future__ import annotations

import pytest

from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    LimitExceeded,
    LocalProtocolError,
    MalformedRequest,
    MnSError,
    NotPermitted,
    OperationError,
    ProtocolError,
    RemoteProtocolError,
    Unavailable,
    Undecodable,
    UnexpectedStreams,
    UnknownConnection,
    UnknownConnectionId,
    UnknownStreamId,
)


@pytest.mark.parametrize(
    ("exception", "name", "http_status", "temporary"),
    [
        (OperationError, "operationFailed", 500, False),
        (UnexpectedStreams, "unexpectedStreams", 400, False),
        (UnknownConnection, "unknownConnection", 404, False),
        (DuplicateStream, "duplicateStream", 409, False),
        (UnknownStreamId, "unknownStreamId", 404, False),
        (UnknownConnectionId, "unknownConnectionId", 404, False),
        (MalformedRequest, "malformedRequest", 400, False),
        (NotPermitted, "notPermitted", 403, False),
        (ConnectionInUse, "connectionInUse", 409, True),
        (LimitExceeded, "limitExceeded", 413, False),
        (Unavailable, "unavailable", 503, True),
    ],
)
def test_names_and_status_codes(
    exception: type[OperationError], name: str, http_status: int, temporary: bool
) -> None:
    assert (exception.name, exception.http_status, exception.temporary) == (
        name,
        http_status,
        temporary,
    )
    assert issubclass(exception, RemoteProtocolError)
    assert str(exception()) == name
    assert str(exception("why")) == f"{name}: why"


def test_the_name_comes_first_then_the_detail_or_the_identifiers() -> None:
    assert str(UnknownStreamId(identifiers=("1", "2"))) == "unknownStreamId: 1, 2"
    assert str(UnknownStreamId("gone", identifiers=("1", "2"))) == "unknownStreamId: gone"


def test_two_are_equal_when_a_peer_would_see_the_same() -> None:
    exception = UnexpectedStreams("x", identifiers=("1",), reasons=(("1", "bad"),))
    same = UnexpectedStreams("x", identifiers=("1",), reasons=(("1", "bad"),), clause="11.5")
    assert exception == same
    assert hash(exception) == hash(same)
    others = [
        UnexpectedStreams("y", identifiers=("1",), reasons=(("1", "bad"),)),
        UnexpectedStreams("x", identifiers=("2",), reasons=(("1", "bad"),)),
        UnexpectedStreams("x", identifiers=("1",), reasons=()),
        MalformedRequest("x", identifiers=("1",), reasons=(("1", "bad"),)),
        OperationError("x", identifiers=("1",), reasons=(("1", "bad"),)),
    ]
    assert [other for other in others if other == exception] == []
    assert exception != "unexpectedStreams: x"


def test_an_exception_names_the_clause_that_was_broken() -> None:
    error = ProtocolError("too late", clause="TS 28.532 11.5.1.2")
    assert (str(error), error.clause) == ("too late", "TS 28.532 11.5.1.2")
    assert LocalProtocolError("too early").clause == ""


def test_the_fault_of_our_caller_is_none_of_the_peers() -> None:
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert issubclass(Undecodable, RemoteProtocolError)
    assert issubclass(ProtocolError, MnSError)
