"""Requests in: what a consumer is asked for (TS 28.532 12.5.1.1, 12.5.1.3).

Every function either answers or raises one of two things: ``HttpProblem`` when HTTP refuses the
message, an ``OperationError`` when its content is not what the operation looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.members import Members
from mnstream.adapters.rest.messages import JSON_TYPE, Call, HttpProblem, HttpRequest, Shape
from mnstream.adapters.rest.stream_info import decode_stream_infos
from mnstream.adapters.rest.uris import (
    path_segments,
    query_parameters,
    read_array,
    read_reference,
    split_target,
)
from mnstream.core.errors import LimitExceeded, MalformedRequest
from mnstream.core.operations import (
    AddStream,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.profiles import Profile
from mnstream.core.values import ConnectionId, Json, ProducerId, StreamId, StreamInfo

Parameters = tuple[tuple[str, str], ...]


class Resource(Enum):
    """What a path names."""

    CONNECTIONS = "/connections"
    CONNECTION = "/connections/{connectionId}"
    STREAMS = "/connections/{connectionId}/streams"
    STREAM = "/connections/{connectionId}/streams/{streamId}"


METHODS: Mapping[Resource, tuple[str, ...]] = {
    Resource.CONNECTIONS: ("GET", "POST"),
    Resource.CONNECTION: ("GET",),
    Resource.STREAMS: ("DELETE", "GET", "POST"),
    Resource.STREAM: ("GET",),
}
"""Methods of each resource (12.5.1.3.2). A WebSocket opens with GET; nothing has PUT or PATCH."""

_SPECIFICITY = {"*/*": 0, "application/*": 1, JSON_TYPE: 2}


def decode_request(
    request: HttpRequest,
    *,
    base_path: str,
    profile: Profile,
    limits: RestLimits = DEFAULT_LIMITS,
) -> Call:
    """Read a request that is no upgrade.

    Args:
        request: Complete; its body is bounded already.
        base_path: Path of the root, for example ``/3GPPManagement/StreamingDataReportingMnS``.
        profile: Which spellings and unknown members are taken.
        limits: What is too much.

    Raises:
        HttpProblem: 400, 404, 405, 406, 414 or 415.
        MalformedRequest: The body or the query is not what this operation has.
        UnexpectedStreams: Streams that cannot be understood, each with its reason.
        LimitExceeded: More streams or identifiers than ``limits`` allow.

    Source: TS 28.532 Table 12.5.1.1.1-1.
    """
    resource, names, query = _locate(request, base_path, limits)
    _check_method(request.method, resource)
    if not _accepts_json(request.header("Accept")):
        raise HttpProblem(406, MalformedRequest(f"answers are {JSON_TYPE}"))
    try:
        return _call(request, resource, names, query, profile, limits)
    except Unreadable as problem:
        raise MalformedRequest(str(problem)) from problem


def is_upgrade(request: HttpRequest) -> bool:
    """Tell whether a GET asks for a WebSocket instead of information (12.5.1.1.2 step 3).

    What else a handshake needs is RFC 6455's and the HTTP adapter's business.
    """
    return (
        request.method == "GET"
        and "websocket" in _tokens(request.header("Upgrade"))
        and "upgrade" in _tokens(request.header("Connection"))
    )


def connection_of_upgrade(
    request: HttpRequest, *, base_path: str, limits: RestLimits = DEFAULT_LIMITS
) -> ConnectionId:
    """Return the connection whose channel a request wants to open.

    Raises:
        HttpProblem: 400 or 404, as for any other request; 400 for a resource without a channel.
    """
    resource, names, _ = _locate(request, base_path, limits)
    if resource is not Resource.CONNECTION:
        raise HttpProblem(400, MalformedRequest(f"{resource.value} does not upgrade"))
    return ConnectionId(names[0])


def _locate(
    request: HttpRequest, base_path: str, limits: RestLimits
) -> tuple[Resource, tuple[str, ...], str]:
    """Return the resource, the identifiers in its path, and the query."""
    if len(request.target) > limits.target_bytes_max:
        raise HttpProblem(
            414, LimitExceeded(f"path and query exceed {limits.target_bytes_max} bytes")
        )
    path, query = split_target(request.target)
    try:
        segments = path_segments(path, base_path=base_path)
    except Unreadable as problem:
        raise HttpProblem(400, MalformedRequest(str(problem))) from problem
    if "" not in segments:
        match segments:
            case ("connections",):
                return Resource.CONNECTIONS, (), query
            case ("connections", connection_id):
                return Resource.CONNECTION, (connection_id,), query
            case ("connections", connection_id, "streams"):
                return Resource.STREAMS, (connection_id,), query
            case ("connections", connection_id, "streams", stream_id):
                return Resource.STREAM, (connection_id, stream_id), query
            case _:
                pass
    root = base_path.rstrip("/")
    raise HttpProblem(
        404, MalformedRequest(f"no such resource; they begin with {root}/connections")
    )


def _check_method(method: str, resource: Resource) -> None:
    allowed = METHODS[resource]
    if method not in allowed:
        names = ", ".join(allowed)
        raise HttpProblem(
            405,
            MalformedRequest(f"{resource.value} has the methods {names}"),
            headers=(("Allow", names),),
        )


def _call(
    request: HttpRequest,
    resource: Resource,
    names: tuple[str, ...],
    query: str,
    profile: Profile,
    limits: RestLimits,
) -> Call:
    parameters = query_parameters(query)
    match resource, request.method:
        case Resource.CONNECTIONS, "POST":
            _identifiers(parameters, (), profile, limits)
            return Call(operation=_establish(_body(request, limits), profile, limits))
        case Resource.CONNECTIONS, _:
            references = _identifiers(parameters, ("connectionIdList",), profile, limits)
            # Clients that encode the commas of the list send one item; no token holds a comma.
            each = (one for item in references for one in item.split(","))
            wanted = dict.fromkeys(map(read_reference, each))
            return Call(operation=GetConnectionInfo(connection_id_list=tuple(wanted)))
        case Resource.CONNECTION, _:
            _identifiers(parameters, (), profile, limits)
            one = (ConnectionId(names[0]),)
            return Call(operation=GetConnectionInfo(connection_id_list=one), shape=Shape.ONE)
        case Resource.STREAM, _:
            _identifiers(parameters, (), profile, limits)
            operation = GetStreamInfo(
                connection_id=ConnectionId(names[0]), stream_id_list=(StreamId(names[1]),)
            )
            return Call(operation=operation, shape=Shape.ONE)
        case Resource.STREAMS, "POST":
            _identifiers(parameters, (), profile, limits)
            streams = _added_streams(_body(request, limits), profile, limits)
            connection_id = ConnectionId(names[0])
            return Call(operation=AddStream(connection_id=connection_id, stream_info_list=streams))
        case _:
            return Call(
                operation=_named_streams(
                    request.method, ConnectionId(names[0]), parameters, profile, limits
                )
            )


def _named_streams(
    method: str,
    connection_id: ConnectionId,
    parameters: Parameters,
    profile: Profile,
    limits: RestLimits,
) -> DeleteStream | GetStreamInfo:
    # streamIds is the YAML's name, streamIdList the tables' (`specs/contradictions.md` 5). The YAML
    # requires it for GET as well, where stage 2 has "empty means all" (7).
    names = ("streamIds", "streamIdList")
    stream_ids = tuple(map(StreamId, _identifiers(parameters, names, profile, limits)))
    if method == "GET":
        return GetStreamInfo(connection_id=connection_id, stream_id_list=stream_ids)
    if not stream_ids:
        raise MalformedRequest("streamIds is missing: DELETE names the streams to delete")
    return DeleteStream(connection_id=connection_id, stream_id_list=stream_ids)


def _identifiers(
    parameters: Parameters, names: tuple[str, ...], profile: Profile, limits: RestLimits
) -> tuple[str, ...]:
    """Read the one array that a query may have, under any of its names."""
    known = names if profile.accept_aliases else names[:1]
    unknown = sorted({name for name, _ in parameters if name not in known})
    if unknown and not profile.accept_unknown_members:
        raise MalformedRequest(f"unknown query parameter {unknown[0][:100]}")
    identifiers = read_array(value for name, value in parameters if name in known)
    if len(identifiers) > limits.identifiers_max:
        raise LimitExceeded(f"more than {limits.identifiers_max} identifiers in the query")
    return identifiers


def _establish(body: Json, profile: Profile, limits: RestLimits) -> EstablishStreamingConnection:
    members = Members(body, profile, "the body")
    producer_id = members.text("producer", "producerId")
    values = members.get("streams", "streamInfoList", "StreamInfoList")
    members.finish()
    return EstablishStreamingConnection(
        producer_id=ProducerId(producer_id),
        stream_info_list=_streams(values, "streams", profile, limits),
    )


def _added_streams(body: Json, profile: Profile, limits: RestLimits) -> tuple[StreamInfo, ...]:
    """Take the YAML's bare array, or the object of stage 2 (`specs/contradictions.md` 3)."""
    if isinstance(body, dict) and profile.accept_aliases:
        members = Members(body, profile, "the body")
        body = members.get("streamInfoList", "streams", "StreamInfoList")
        members.finish()
    return _streams(body, "the body", profile, limits)


def _streams(
    values: Json, name: str, profile: Profile, limits: RestLimits
) -> tuple[StreamInfo, ...]:
    if not isinstance(values, list):
        raise Unreadable(f"{name} is not an array of streams")
    if len(values) > limits.streams_max:
        raise LimitExceeded(f"more than {limits.streams_max} streams in one request")
    return decode_stream_infos(values, profile=profile)


def _body(request: HttpRequest, limits: RestLimits) -> Json:
    """Read the JSON body. An absent type is taken for JSON, which is all that there is."""
    content_type = request.header("Content-Type")
    if content_type is not None and _media_type(content_type) != JSON_TYPE:
        raise HttpProblem(
            415,
            MalformedRequest(f"the body has to be {JSON_TYPE}"),
            headers=(("Accept", JSON_TYPE),),
        )
    if not _tokens(request.header("Content-Encoding")) <= {"", "identity"}:
        raise HttpProblem(
            415,
            MalformedRequest("the body has to come without a content coding"),
            headers=(("Accept-Encoding", "identity"),),
        )
    if not request.body:
        raise Unreadable("the body is empty")
    return read_json(request.body, limits)


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _tokens(header: str | None) -> set[str]:
    return {token.strip().lower() for token in (header or "").split(",")}


def _accepts_json(accept: str | None) -> bool:
    """Tell whether JSON may be sent: the most specific range decides (RFC 9110 12.5.1)."""
    if accept is None or not accept.strip():
        return True
    weights: dict[int, float] = {}
    for item in accept.split(","):
        rank = _SPECIFICITY.get(_media_type(item))
        if rank is not None:
            weights[rank] = max(_weight(item), weights.get(rank, 0.0))
    return bool(weights) and weights[max(weights)] > 0


def _weight(media_range: str) -> float:
    """Read the ``q`` of a media range; 1 when there is none or it is no number."""
    for parameter in media_range.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0
