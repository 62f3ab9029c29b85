"""The control operations, as a consumer carries them out (TS 28.532 11.5.1).

Each decides first and changes second. Refusals are whole: a request with one unexpected stream
leaves everything as it was. What changed is returned as the record that would change it again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import assert_never

from mnstream.core.errors import (
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
from mnstream.core.events import OperationRequested
from mnstream.core.operations import (
    AddStream,
    AddStreamOutcome,
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
from mnstream.core.records import ConnectionEstablished, StreamsChanged
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.connections import Connection, ConnectionTable
from mnstream.core.streaming.validation import info_chars, unexpected
from mnstream.core.values import ConnectionId, Status, StreamId, StreamInfo

Changed = ConnectionEstablished | StreamsChanged | None


def answer(
    event: OperationRequested,
    connections: ConnectionTable,
    profile: Profile,
    config: ConsumerConfig,
) -> tuple[Outcome, Changed]:
    """Carry out any control operation; returns its outcome and what it changed."""
    operation = event.operation
    match operation:
        case EstablishStreamingConnection():
            return establish(event, operation, connections, profile, config)
        case AddStream():
            found = refuse_use(connections, operation.connection_id, event.identity)
            if isinstance(found, OperationError):
                return AddStreamOutcome(status=Status.FAILURE, exception=found), None
            return add_streams(event, operation, found, connections, profile, config)
        case DeleteStream():
            found = refuse_use(connections, operation.connection_id, event.identity)
            if isinstance(found, OperationError):
                return DeleteStreamOutcome(status=Status.FAILURE, exception=found), None
            return delete_streams(event, operation, found, connections, profile)
        case GetConnectionInfo():
            return get_connection_info(operation, connections), None
        case GetStreamInfo():
            return get_stream_info(operation, connections), None
        case _:
            assert_never(operation)


def establish(
    event: OperationRequested,
    operation: EstablishStreamingConnection,
    connections: ConnectionTable,
    profile: Profile,
    config: ConsumerConfig,
) -> tuple[EstablishOutcome, ConnectionEstablished | None]:
    """Create a connection with all of its streams, or nothing (11.5.1.1)."""
    refusal = _refuse_establish(operation, connections, profile, config)
    if refusal is not None:
        return EstablishOutcome(status=Status.FAILURE, exception=refusal), None
    connection = Connection(
        event.fresh_connection_id, operation.producer_id, event.identity, event.wall_ms
    )
    connections.add(connection)
    version = connections.change_streams(connection, added=operation.stream_info_list, removed=())
    record = ConnectionEstablished(
        connection_id=connection.connection_id,
        producer_id=connection.producer_id,
        identity=connection.identity,
        streams_version=version,
        stream_info_list=operation.stream_info_list,
        wall_ms=event.wall_ms,
    )
    outcome = EstablishOutcome(status=Status.SUCCESS, connection_id=connection.connection_id)
    return outcome, record


def add_streams(
    event: OperationRequested,
    operation: AddStream,
    connection: Connection,
    connections: ConnectionTable,
    profile: Profile,
    config: ConsumerConfig,
) -> tuple[AddStreamOutcome, StreamsChanged | None]:
    """Add the streams that are new, unless one is unexpected or none is new (11.5.1.4)."""
    streams = operation.stream_info_list
    refusal = (
        _refuse_streams(streams, connection, profile, config)
        if streams
        else MalformedRequest("the list of streams is empty")
    )
    if refusal is not None:
        return AddStreamOutcome(status=Status.FAILURE, exception=refusal), None
    new: dict[StreamId, StreamInfo] = {}
    duplicates: list[StreamId] = []
    for stream in streams:
        if stream.stream_id in connection.streams or stream.stream_id in new:
            duplicates.append(stream.stream_id)
        else:
            new[stream.stream_id] = stream
    exception = DuplicateStream(identifiers=tuple(duplicates)) if duplicates else None
    if not new:
        return AddStreamOutcome(status=Status.FAILURE, exception=exception), None
    added = tuple(new.values())
    record = _change(event, connection, connections, added=added)
    outcome = AddStreamOutcome(
        status=_status(found=len(new), unknown=len(duplicates)),
        stream_info_list=added,
        exception=exception,
    )
    return outcome, record


def delete_streams(
    event: OperationRequested,
    operation: DeleteStream,
    connection: Connection,
    connections: ConnectionTable,
    profile: Profile,
) -> tuple[DeleteStreamOutcome, StreamsChanged | None]:
    """Remove streams: all or nothing, or those that are known if the profile says so (11.5.1.5)."""
    wanted = tuple(dict.fromkeys(_named(operation.stream_id_list, connection.streams)))
    if not wanted:
        refusal = MalformedRequest("the list of stream identifiers is empty")
        return DeleteStreamOutcome(status=Status.FAILURE, exception=refusal), None
    known = tuple(stream_id for stream_id in wanted if stream_id in connection.streams)
    unknown = tuple(stream_id for stream_id in wanted if stream_id not in connection.streams)
    exception = UnknownStreamId(identifiers=unknown) if unknown else None
    if not known or (unknown and not profile.partial_delete):
        return DeleteStreamOutcome(status=Status.FAILURE, exception=exception), None
    record = _change(event, connection, connections, removed=known)
    outcome = DeleteStreamOutcome(
        status=_status(found=len(known), unknown=len(unknown)), exception=exception
    )
    return outcome, record


def refuse_use(
    connections: ConnectionTable, connection_id: ConnectionId, identity: str
) -> Connection | OperationError:
    """Find the connection that somebody wants to use, or say why they may not."""
    connection = connections.get(connection_id)
    if connection is None:
        return UnknownConnection(identifiers=(connection_id,))
    if connection.identity != identity:
        return NotPermitted("the connection belongs to another identity")
    return connection


def get_connection_info(
    operation: GetConnectionInfo, connections: ConnectionTable
) -> GetConnectionInfoOutcome:
    """Describe the connections that are asked for (11.5.1.6); all when none is named."""
    if not operation.connection_id_list:
        return GetConnectionInfoOutcome(
            status=Status.SUCCESS,
            connection_info_list=tuple(connection.info() for connection in connections),
        )
    wanted = [(name, connections.get(name)) for name in operation.connection_id_list]
    found = tuple(connection.info() for _, connection in wanted if connection is not None)
    unknown = tuple(name for name, connection in wanted if connection is None)
    return GetConnectionInfoOutcome(
        status=_status(found=len(found), unknown=len(unknown)),
        connection_info_list=found,
        exception=UnknownConnectionId(identifiers=unknown) if unknown else None,
    )


def get_stream_info(operation: GetStreamInfo, connections: ConnectionTable) -> GetStreamInfoOutcome:
    """Describe the streams that are asked for (11.5.1.7); all in scope when none is named."""
    scope: Connection | None = None
    if operation.connection_id is not None:
        scope = connections.get(operation.connection_id)
        if scope is None:
            return GetStreamInfoOutcome(
                status=Status.FAILURE,
                exception=UnknownConnection(identifiers=(operation.connection_id,)),
            )
    in_scope = connections.all_streams() if scope is None else tuple(scope.streams)
    wanted = tuple(_named(operation.stream_id_list, frozenset(in_scope))) or in_scope
    found: list[tuple[Connection, StreamId]] = []
    unknown: list[StreamId] = []
    for stream_id in wanted:
        connection = connections.reporting(stream_id) if scope is None else scope
        if connection is not None and stream_id in connection.streams:
            found.append((connection, stream_id))
        else:
            unknown.append(stream_id)
    return GetStreamInfoOutcome(
        status=_status(found=len(found), unknown=len(unknown)),
        stream_info_sum_list=tuple(connections.summary(*each) for each in found),
        exception=UnknownStreamId(identifiers=tuple(unknown)) if unknown else None,
    )


def _refuse_establish(
    operation: EstablishStreamingConnection,
    connections: ConnectionTable,
    profile: Profile,
    config: ConsumerConfig,
) -> OperationError | None:
    if len(connections) >= config.connections_max:
        return Unavailable(f"there are {config.connections_max} connections already")
    if not operation.producer_id:
        return MalformedRequest("producerId is empty")
    if len(operation.producer_id) > config.text_chars_max:
        return LimitExceeded(f"producerId is longer than {config.text_chars_max} characters")
    if not operation.stream_info_list and not profile.allow_no_streams:
        return UnexpectedStreams("the list of streams is empty")
    return _refuse_streams(operation.stream_info_list, None, profile, config)


def _change(
    event: OperationRequested,
    connection: Connection,
    connections: ConnectionTable,
    *,
    added: tuple[StreamInfo, ...] = (),
    removed: tuple[StreamId, ...] = (),
) -> StreamsChanged:
    return StreamsChanged(
        connection_id=connection.connection_id,
        streams_version=connections.change_streams(connection, added=added, removed=removed),
        added=added,
        removed=removed,
        wall_ms=event.wall_ms,
    )


def _refuse_streams(
    streams: tuple[StreamInfo, ...],
    connection: Connection | None,
    profile: Profile,
    config: ConsumerConfig,
) -> OperationError | None:
    # Duplicates need no room: whoever lost our answer and asks again must get the same answer.
    present = connection.streams if connection is not None else {}
    new = [stream for stream in streams if stream.stream_id not in present]
    if max(len(streams), len(present) + len(new)) > config.streams_per_connection_max:
        return LimitExceeded(f"more than {config.streams_per_connection_max} streams")
    reasons: list[tuple[str, str]] = []
    seen: set[StreamId] = set()
    for stream in streams:
        reason = unexpected(stream, profile, config)
        if reason is None and connection is None and stream.stream_id in seen:
            reason = "the stream identifier is given twice"
        seen.add(stream.stream_id)
        if reason is not None:
            reasons.append((stream.stream_id, reason))
    if reasons:
        return UnexpectedStreams.about_streams(reasons)
    chars = sum(map(info_chars, new)) + (connection.info_chars if connection is not None else 0)
    if chars > config.connection_info_chars_max:
        return LimitExceeded(
            f"StreamInfo of more than {config.connection_info_chars_max} characters"
        )
    return None


def _named(stream_ids: Iterable[StreamId], known: Container[StreamId]) -> Iterator[StreamId]:
    """Give the streams that a request names (contradiction 6).

    Many clients encode the commas of a list, so that the list arrives as one identifier. Where that
    is not one which is known, it is taken for the list.
    """
    for stream_id in stream_ids:
        if "," in stream_id and stream_id not in known:
            yield from map(StreamId, stream_id.split(","))
        else:
            yield stream_id


def _status(*, found: int, unknown: int) -> Status:
    if not unknown:
        return Status.SUCCESS
    return Status.PARTIAL_SUCCESS if found else Status.FAILURE
