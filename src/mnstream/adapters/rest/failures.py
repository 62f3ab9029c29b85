"""Failures in: which exception of stage 2 an answer stands for (`specs/contradictions.md` 11, 28).

The standard gives exceptions neither a status code nor a form beside a text. So the name at the
beginning of the text decides, and the status code where there is no name that we know.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from mnstream.adapters.rest.json_text import Unreadable, read_json
from mnstream.adapters.rest.limits import RestLimits
from mnstream.adapters.rest.messages import HttpResponse
from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    LimitExceeded,
    MalformedRequest,
    NotPermitted,
    OperationError,
    Unavailable,
    UnexpectedStreams,
    UnknownConnection,
    UnknownConnectionId,
    UnknownStreamId,
)
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishStreamingConnection,
    GetConnectionInfo,
    GetStreamInfo,
)
from mnstream.core.values import Json

EXCEPTIONS: dict[str, type[OperationError]] = {
    kind.name.lower(): kind
    for kind in (
        OperationError,
        UnexpectedStreams,
        UnknownConnection,
        DuplicateStream,
        UnknownStreamId,
        UnknownConnectionId,
        MalformedRequest,
        NotPermitted,
        ConnectionInUse,
        LimitExceeded,
        Unavailable,
    )
}
"""Exceptions by the name that a text begins with, in lower case."""

BY_STATUS: dict[int, type[OperationError]] = {
    400: MalformedRequest,
    401: NotPermitted,
    403: NotPermitted,
    405: MalformedRequest,
    406: MalformedRequest,
    408: Unavailable,
    413: LimitExceeded,
    414: LimitExceeded,
    415: MalformedRequest,
    425: Unavailable,
    429: Unavailable,
}
"""What a nameless failure means, whatever was asked; every 5xx is Unavailable."""

BY_OPERATION: dict[tuple[type[ControlOperation], int], type[OperationError]] = {
    (AddStream, 404): UnknownConnection,
    (AddStream, 409): DuplicateStream,
    (DeleteStream, 404): UnknownConnection,
    (GetConnectionInfo, 404): UnknownConnectionId,
    (GetStreamInfo, 404): UnknownConnection,
}
"""What a nameless failure means for one operation; 404 is about the connection in the path."""

_NAME = re.compile(r"\s*(\w+):? ?(.*)", re.DOTALL)


def read_failure(
    operation: ControlOperation, response: HttpResponse, limits: RestLimits
) -> OperationError:
    """Return the exception of an answer that is no success.

    Raises:
        Unreadable: The status code is neither an answer to this operation nor a failure.
    """
    status = response.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        raise Unreadable("the status code does not belong to this operation")
    by_stream, text = _reasons(response, limits)
    if by_stream:
        return _about_streams(by_stream)
    named = read_exception(operation, text)
    if named is not None:
        return named
    kind = BY_OPERATION.get((type(operation), status)) or BY_STATUS.get(status)
    if kind is None:
        kind = Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else OperationError
    return kind(f"HTTP {status}: {text}" if text else f"HTTP {status}")


def read_partial_delete(
    operation: DeleteStream, response: HttpResponse, limits: RestLimits
) -> OperationError:
    """Return why some streams were not deleted (`specs/contradictions.md` 9)."""
    _, text = _reasons(response, limits)
    return read_exception(operation, text) or UnknownStreamId(text)


def read_exception(operation: ControlOperation, text: str) -> OperationError | None:
    """Return the exception that a text begins with, None when it names none."""
    match = _NAME.fullmatch(text)
    kind = EXCEPTIONS.get(match[1].lower()) if match else None
    if match is None or kind is None:
        return None
    detail = match[2]
    items = tuple(item.strip() for item in detail.split(","))
    if set(items) <= _subjects(operation):
        return kind(identifiers=items)
    return kind(detail)


def _subjects(operation: ControlOperation) -> set[str]:
    """Return the identifiers that an exception of this operation can be about."""
    match operation:
        case EstablishStreamingConnection():
            return {stream.stream_id for stream in operation.stream_info_list}
        case AddStream():
            streams = operation.stream_info_list
            return {operation.connection_id, *(stream.stream_id for stream in streams)}
        case DeleteStream():
            return {operation.connection_id, *operation.stream_id_list}
        case GetConnectionInfo():
            return set(operation.connection_id_list)
        case GetStreamInfo():
            return {operation.connection_id or "", *operation.stream_id_list} - {""}


def _about_streams(reasons: list[tuple[str, str]]) -> OperationError:
    """Make one exception of the entries of a failedConnectionResponse."""
    kind: type[OperationError] = UnexpectedStreams
    details: list[tuple[str, str]] = []
    for stream_id, text in reasons:
        match = _NAME.fullmatch(text)
        named = EXCEPTIONS.get(match[1].lower()) if match else None
        details.append((stream_id, match[2] if match and named else text))
        kind = named or kind
    return kind.about_streams(details)


def _reasons(response: HttpResponse, limits: RestLimits) -> tuple[list[tuple[str, str]], str]:
    """Read the body of a failure, if it is one: reasons by stream, or else a text."""
    try:
        body = read_json(response.body, limits)
    except Unreadable:
        return [], ""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return [], error
    entries = error if isinstance(error, list) else [error]
    by_stream: list[tuple[str, str]] = []
    texts: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            text = _text(entry)
            names = entry.get("streamId")
            names = names if isinstance(names, list) else [names]
            identifiers = [name for name in names if isinstance(name, str)]
            by_stream.extend((identifier, text) for identifier in identifiers)
            texts.append(text)
    return by_stream, "; ".join(filter(None, texts))


def _text(entry: dict[str, Json]) -> str:
    texts = (entry.get(name) for name in ("errorInfo", "errorReason"))
    return next((text for text in texts if isinstance(text, str)), "")
