"""Answers in: what a consumer said to a producer (TS 28.532 12.5.1.1).

A partial success carries what was done and nothing about the rest, so its exception is made from
what was asked for and not answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import assert_never

from mnstream.adapters.rest.failures import read_failure, read_partial_delete
from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.members import Members
from mnstream.adapters.rest.messages import HttpResponse
from mnstream.adapters.rest.stream_info import decode_stream_info
from mnstream.adapters.rest.uris import read_location, read_reference
from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    OperationError,
    RemoteProtocolError,
    UnexpectedStreams,
    UnknownConnectionId,
    UnknownStreamId,
)
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
    ControlOperation,
    DeleteStream,
    DeleteStreamOutcome,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetConnectionInfoOutcome,
    GetStreamInfo,
    GetStreamInfoOutcome,
    Outcome,
)
from mnstream.core.profiles import Profile
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    Json,
    ProducerId,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
)


def decode_outcome(
    operation: ControlOperation,
    response: HttpResponse,
    *,
    profile: Profile,
    limits: RestLimits = DEFAULT_LIMITS,
) -> Outcome:
    """Read the answer to an operation.

    Returns:
        The outcome. With PartialSuccess its exception names what was asked for and not answered.

    Raises:
        RemoteProtocolError: Neither a success nor a failure that anybody could understand. It is
            of exactly this class, never an ``OperationError``.
    """
    try:
        return _outcome(operation, response, profile, limits)
    except (Unreadable, UnexpectedStreams) as problem:
        raise RemoteProtocolError(
            f"the answer {response.status} cannot be understood: {problem}",
            clause="TS 28.532 12.5.1.1",
        ) from problem


def decode_refusal(
    response: HttpResponse, *, limits: RestLimits = DEFAULT_LIMITS
) -> OperationError:
    """Read why a channel is refused; never raises, because every other answer is no channel."""
    # What a nameless 404 or 409 means for an operation on a connection, it means here, except
    # that nothing but the connection itself can be there twice (contradiction 31).
    operation = AddStream(connection_id=ConnectionId(""), stream_info_list=())
    try:
        exception = read_failure(operation, response, limits)
    except Unreadable:
        return OperationError(f"{response.status} is no answer to a request for a channel")
    if isinstance(exception, DuplicateStream):
        return ConnectionInUse(exception.args[0])
    return exception


def _outcome(
    operation: ControlOperation, response: HttpResponse, profile: Profile, limits: RestLimits
) -> Outcome:
    match operation:
        case EstablishStreamingConnection():
            return _established(operation, response, limits)
        case AddStream():
            return _added(operation, response, profile, limits)
        case DeleteStream():
            return _deleted(operation, response, limits)
        case GetConnectionInfo():
            return _connections(operation, response, profile, limits)
        case GetStreamInfo():
            return _streams(operation, response, profile, limits)
        case _:
            assert_never(operation)


def _established(
    operation: EstablishStreamingConnection, response: HttpResponse, limits: RestLimits
) -> EstablishOutcome:
    if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return EstablishOutcome(
            status=Status.FAILURE, exception=read_failure(operation, response, limits)
        )
    location = response.header("Location")
    if location is None:
        raise Unreadable("there is no Location")
    return EstablishOutcome(status=Status.SUCCESS, connection_id=read_location(location))


def _added(
    operation: AddStream, response: HttpResponse, profile: Profile, limits: RestLimits
) -> AddStreamOutcome:
    if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
        return AddStreamOutcome(
            status=Status.FAILURE, exception=read_failure(operation, response, limits)
        )
    asked = operation.stream_info_list
    if not response.body and response.status != HTTPStatus.ACCEPTED:
        return AddStreamOutcome(status=Status.SUCCESS, stream_info_list=asked)
    # Only the identifiers count: what the streams are like, we said ourselves.
    items = _items(read_json(response.body, limits), "streamInfoList", profile)
    answered = [_stream_id(item) for item in items]
    added, missing = _divide(asked, answered)
    partial = response.status == HTTPStatus.ACCEPTED or bool(missing)
    return AddStreamOutcome(
        status=Status.PARTIAL_SUCCESS if partial else Status.SUCCESS,
        stream_info_list=added,
        exception=DuplicateStream(identifiers=missing) if partial else None,
    )


def _deleted(
    operation: DeleteStream, response: HttpResponse, limits: RestLimits
) -> DeleteStreamOutcome:
    if response.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        return DeleteStreamOutcome(status=Status.SUCCESS)
    if response.status != HTTPStatus.ACCEPTED:
        return DeleteStreamOutcome(
            status=Status.FAILURE, exception=read_failure(operation, response, limits)
        )
    return DeleteStreamOutcome(
        status=Status.PARTIAL_SUCCESS, exception=read_partial_delete(operation, response, limits)
    )


def _connections(
    operation: GetConnectionInfo, response: HttpResponse, profile: Profile, limits: RestLimits
) -> GetConnectionInfoOutcome:
    if response.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        return GetConnectionInfoOutcome(
            status=Status.FAILURE, exception=read_failure(operation, response, limits)
        )
    items = _items(read_json(response.body, limits), "connectionInfoList", profile)
    infos = tuple(_connection(item, profile) for item in items)
    missing = _missing(operation.connection_id_list, (info.connection_id for info in infos))
    partial = response.status == HTTPStatus.ACCEPTED or bool(missing)
    return GetConnectionInfoOutcome(
        status=Status.PARTIAL_SUCCESS if partial else Status.SUCCESS,
        connection_info_list=infos,
        exception=UnknownConnectionId(identifiers=missing) if partial else None,
    )


def _streams(
    operation: GetStreamInfo, response: HttpResponse, profile: Profile, limits: RestLimits
) -> GetStreamInfoOutcome:
    if response.status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
        return GetStreamInfoOutcome(
            status=Status.FAILURE, exception=read_failure(operation, response, limits)
        )
    items = _items(read_json(response.body, limits), "streamInfoSumList", profile)
    sums = tuple(_stream_sum(item, profile) for item in items)
    missing = _missing(operation.stream_id_list, (each.stream_info.stream_id for each in sums))
    partial = response.status == HTTPStatus.ACCEPTED or bool(missing)
    return GetStreamInfoOutcome(
        status=Status.PARTIAL_SUCCESS if partial else Status.SUCCESS,
        stream_info_sum_list=sums,
        exception=UnknownStreamId(identifiers=missing) if partial else None,
    )


def _items(value: Json, wrapper: str, profile: Profile) -> list[Json]:
    """Take the YAML's bare array, one object, or the named list of the tables."""
    if isinstance(value, dict) and profile.accept_aliases and wrapper in value:
        value = value[wrapper]
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise Unreadable("the body is neither an array nor an object")
    return value


def _stream_id(item: Json) -> str:
    identifier = item.get("streamId") if isinstance(item, dict) else item
    if not isinstance(identifier, str):
        raise Unreadable("a stream has no streamId")
    return identifier


def _connection(item: Json, profile: Profile) -> ConnectionInfo:
    members = Members(item, profile, "a connection")
    info = ConnectionInfo(
        connection_id=read_reference(members.text("connection", "connectionId")),
        stream_reporter=ProducerId(members.text("producer", "streamReporter", "producerId")),
        stream_id_list=tuple(map(StreamId, members.texts("streams", "streamIdList"))),
    )
    members.finish()
    return info


def _stream_sum(item: Json, profile: Profile) -> StreamInfoSum:
    members = Members(item, profile, "a stream with its reporters")
    reporters = members.texts("reporters", "streamReporters")
    stream_sum = StreamInfoSum(
        stream_info=decode_stream_info(members.get("streamInfo"), profile=profile),
        stream_reporters=tuple(map(ProducerId, reporters)),
    )
    members.finish()
    return stream_sum


def _missing(asked: Sequence[str], answered: Iterable[str]) -> tuple[str, ...]:
    present = set(answered)
    return tuple(each for each in asked if each not in present)


def _divide(
    asked: Sequence[StreamInfo], answered: Iterable[str]
) -> tuple[tuple[StreamInfo, ...], tuple[str, ...]]:
    """Return the streams that were added, and the identifiers of the others, repeated ones too."""
    present = set(answered)
    added: dict[str, StreamInfo] = {}
    missing: list[str] = []
    for stream in asked:
        if stream.stream_id in present and stream.stream_id not in added:
            added[stream.stream_id] = stream
        else:
            missing.append(stream.stream_id)
    return tuple(added.values()), tuple(missing)
