"""Requests out, for a producer, and answers out, for a consumer (TS 28.532 12.5.1.1).

Status codes of failures are those of the exceptions (`specs/contradictions.md` 28): the standard
only asks for "an appropriate error code". Bodies of failures begin with the name of the exception.
"""

from __future__ import annotations

from typing import assert_never

from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.rest.messages import (
    JSON_TYPE,
    Call,
    Headers,
    HttpProblem,
    HttpRequest,
    HttpResponse,
    Shape,
)
from mnstream.adapters.rest.stream_info import encode_stream_info
from mnstream.adapters.rest.uris import (
    connection_path,
    connection_reference,
    fits_path,
    percent_encode,
    write_array,
)
from mnstream.core.errors import (
    LocalProtocolError,
    OperationError,
    UnexpectedStreams,
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
from mnstream.core.values import ConnectionInfo, Json, Status, StreamInfo, StreamInfoSum

_ACCEPT = ("Accept", JSON_TYPE)


def encode_request(operation: ControlOperation, *, base_path: str, profile: Profile) -> HttpRequest:
    """Write a request.

    One identifier goes into the path, several go into the query.

    Args:
        operation: What to ask for.
        base_path: Path of the consumer's root, percent-encoded.
        profile: How arrays are written in a query.

    Raises:
        LocalProtocolError: HTTP has no form for this: an empty identifier, nothing to delete,
            streams of all connections, a value that is not JSON.
    """
    match operation:
        case EstablishStreamingConnection():
            body: Json = {
                "producer": operation.producer_id,
                "streams": _encode_streams(operation.stream_info_list),
            }
            return _post(f"{base_path.rstrip('/')}/connections", body)
        case AddStream():
            path = connection_path(operation.connection_id, base_path=base_path)
            return _post(f"{path}/streams", _encode_streams(operation.stream_info_list))
        case DeleteStream():
            if not operation.stream_id_list:
                raise LocalProtocolError("no stream to delete", clause="TS 28.532 11.5.1.5.2")
            path = connection_path(operation.connection_id, base_path=base_path)
            query = write_array("streamIds", operation.stream_id_list, comma=profile.comma_arrays)
            return HttpRequest(
                method="DELETE", target=f"{path}/streams?{query}", headers=(_ACCEPT,)
            )
        case GetConnectionInfo():
            return _get(_connections_target(operation, base_path, profile))
        case GetStreamInfo():
            return _get(_streams_target(operation, base_path, profile))
        case _:
            assert_never(operation)


def encode_outcome(call: Call, outcome: Outcome, *, base_url: str) -> HttpResponse:
    """Write the answer to a call.

    Args:
        call: What was asked.
        outcome: What the service answered.
        base_url: Absolute URI of the root; ``Location`` and ``connection`` begin with it.
    """
    if outcome.status is Status.FAILURE:
        exception = outcome.exception or OperationError()
        return _failure(exception, establishing=isinstance(outcome, EstablishOutcome))
    partial = outcome.status is Status.PARTIAL_SUCCESS
    match outcome:
        case EstablishOutcome():
            assert outcome.connection_id is not None, "Success comes with a connection"
            # The YAML has no body here, and clients must rely on Location alone.
            location = connection_path(outcome.connection_id, base_path=base_url)
            return HttpResponse(status=201, headers=(("Location", location), _length(b"")))
        case AddStreamOutcome():
            return _json(202 if partial else 201, _encode_streams(outcome.stream_info_list))
        case DeleteStreamOutcome():
            if partial:
                return _error(202, outcome.exception or OperationError())
            return HttpResponse(status=204)
        case GetConnectionInfoOutcome():
            infos = [_encode_connection(info, base_url) for info in outcome.connection_info_list]
            return _information(call.shape, infos, partial=partial)
        case GetStreamInfoOutcome():
            sums = [_encode_stream_sum(each) for each in outcome.stream_info_sum_list]
            if call.shape is Shape.ONE and (partial or len(sums) != 1):
                # The core took a name with commas for a list (contradiction 6). In a path it is a
                # name, and nobody has it.
                assert isinstance(call.operation, GetStreamInfo)
                return _error(404, UnknownStreamId(identifiers=call.operation.stream_id_list))
            return _information(call.shape, sums, partial=partial)
        case _:
            assert_never(outcome)


def encode_problem(
    problem: HttpProblem | OperationError, *, request: HttpRequest | None
) -> HttpResponse:
    """Write the refusal of a request that has no outcome.

    Args:
        problem: Why.
        request: What was refused, because the answers to establishStreamingConnection and to HEAD
            have a form of their own; None when it was not understood as HTTP.
    """
    path = "" if request is None else request.target.partition("?")[0]
    establishing = path.endswith("/connections")
    if isinstance(problem, HttpProblem):
        answer = _error(problem.status, problem.exception, problem.headers)
    else:
        answer = _failure(problem, establishing=establishing)
    if request is not None and request.method == "HEAD":
        return HttpResponse(status=answer.status, headers=answer.headers)
    return answer


def _connections_target(operation: GetConnectionInfo, base_path: str, profile: Profile) -> str:
    collection = f"{base_path.rstrip('/')}/connections"
    match operation.connection_id_list:
        case ():
            return collection
        case (only,) if fits_path(only):
            return connection_path(only, base_path=base_path)
        case several:
            references = map(connection_reference, several)
            query = write_array("connectionIdList", references, comma=profile.comma_arrays)
            return f"{collection}?{query}"


def _streams_target(operation: GetStreamInfo, base_path: str, profile: Profile) -> str:
    if operation.connection_id is None:
        # Stage 2 asks a whole consumer, stage 3 has no resource for it (contradiction 17).
        raise LocalProtocolError("streams are asked for by connection", clause="TS 28.532 12.5.1.3")
    collection = f"{connection_path(operation.connection_id, base_path=base_path)}/streams"
    match operation.stream_id_list:
        case ():
            return collection
        case (only,) if fits_path(only):
            return f"{collection}/{percent_encode(only)}"
        case several:
            return f"{collection}?{write_array('streamIds', several, comma=profile.comma_arrays)}"


def _get(target: str) -> HttpRequest:
    return HttpRequest(method="GET", target=target, headers=(_ACCEPT,))


def _post(target: str, body: Json) -> HttpRequest:
    text = write_json(body)
    headers = (_ACCEPT, ("Content-Type", JSON_TYPE), _length(text))
    return HttpRequest(method="POST", target=target, headers=headers, body=text)


def _length(body: bytes) -> tuple[str, str]:
    return "Content-Length", str(len(body))


def _json(status: int, value: Json, headers: Headers = ()) -> HttpResponse:
    text = write_json(value)
    described = (("Content-Type", JSON_TYPE), _length(text), *headers)
    return HttpResponse(status=status, headers=described, body=text)


def _information(shape: Shape, items: list[Json], *, partial: bool) -> HttpResponse:
    if shape is Shape.ONE:
        assert len(items) == 1, "a path names one thing, which is either there or a failure"
        return _json(200, items[0])
    return _json(202 if partial else 200, items)


def _encode_streams(streams: tuple[StreamInfo, ...]) -> list[Json]:
    return [encode_stream_info(stream) for stream in streams]


def _encode_connection(info: ConnectionInfo, base_url: str) -> Json:
    streams: list[Json] = list(info.stream_id_list)
    return {
        "connection": connection_path(info.connection_id, base_path=base_url),
        "producer": info.stream_reporter,
        "streams": streams,
    }


def _encode_stream_sum(stream_sum: StreamInfoSum) -> Json:
    reporters: list[Json] = list(stream_sum.stream_reporters)
    return {"streamInfo": encode_stream_info(stream_sum.stream_info), "reporters": reporters}


def _failure(exception: OperationError, *, establishing: bool) -> HttpResponse:
    if establishing and isinstance(exception, UnexpectedStreams):
        return _json(exception.http_status, {"error": _failed_connection(exception)})
    return _error(exception.http_status, exception)


def _failed_connection(exception: UnexpectedStreams) -> list[Json]:
    """Write one entry for each bad stream (failedConnectionResponse-Type; contradiction 11)."""
    if not exception.reasons:
        # Not about any one stream, for example "the list of streams is empty".
        return [{"errorReason": str(exception)}]
    return [
        {"streamId": stream_id, "errorReason": f"{exception.name}: {reason}"}
        for stream_id, reason in exception.reasons
    ]


def _error(status: int, exception: OperationError, headers: Headers = ()) -> HttpResponse:
    return _json(status, {"error": {"errorInfo": str(exception)}}, headers)
