"""A consumer's service for tests of transports: a dict, and a log of what was asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from mnstream.core.errors import (
    ConnectionInUse,
    DuplicateStream,
    OperationError,
    UnknownConnection,
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
from mnstream.core.values import (
    ConnectionId,
    ConnectionInfo,
    ProducerId,
    Status,
    StreamId,
    StreamInfo,
    StreamInfoSum,
)
from mnstream.ports.channel import Channel
from mnstream.ports.transport import Peer


@dataclass(slots=True)
class _Connection:
    producer_id: ProducerId
    streams: dict[StreamId, StreamInfo]
    in_use: bool = False


@dataclass(slots=True)
class Attended:
    """A channel that a producer opened, in the hands of the test.

    Attributes:
        connection_id: Whose it is.
        peer: Who opened it.
        channel: The consumer's end.
        done: Set it when the service is to be done with the channel.
    """

    connection_id: ConnectionId
    peer: Peer
    channel: Channel
    done: anyio.Event = field(default_factory=anyio.Event)


class ScriptedService:
    """``ports.transport.StreamingService`` that a test holds in its hands.

    Connections are created as ``c1``, ``c2``, ...; streams come and go in a dict. Channels are
    accepted for connections that exist and have none, and handed to the test by ``attended``.

    Attributes:
        asked: Operations in the order in which they came, with who asked.
        answers: Outcomes to give to the next operations instead of the ones above.
        refusals: Raised by the next calls of ``run_channel`` instead of accepting.
        delay: Awaited before an operation is answered.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[ControlOperation, Peer]] = []
        self.answers: deque[Outcome] = deque()
        self.refusals: deque[OperationError] = deque()
        self.delay: Callable[[], Awaitable[None]] | None = None
        self._news = anyio.Event()  # set and replaced at each operation and channel
        self._connections: dict[ConnectionId, _Connection] = {}
        self._attended: deque[Attended] = deque()

    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        """Answer an operation."""
        self.asked.append((operation, peer))
        self._tell()
        if self.delay is not None:
            await self.delay()
        if self.answers:
            return self.answers.popleft()
        match operation:
            case EstablishStreamingConnection():
                return self._establish(operation)
            case AddStream():
                return self._add(operation)
            case DeleteStream():
                return self._delete(operation)
            case GetConnectionInfo():
                return self._connection_info(operation)
            case GetStreamInfo():
                return self._stream_info(operation)

    async def run_channel(
        self,
        connection_id: ConnectionId,
        *,
        peer: Peer,
        accept: Callable[[], Awaitable[Channel]],
    ) -> None:
        """Accept a channel and hand it to the test until that is done with it.

        Raises:
            OperationError: The next of ``refusals``, UnknownConnection, or ConnectionInUse.
        """
        if self.refusals:
            raise self.refusals.popleft()
        connection = self._connections.get(connection_id)
        if connection is None:
            raise UnknownConnection(identifiers=(connection_id,))
        if connection.in_use:
            raise ConnectionInUse(identifiers=(connection_id,))
        connection.in_use = True
        try:
            attended = Attended(connection_id, peer, await accept())
            self._attended.append(attended)
            self._tell()
            await attended.done.wait()
        finally:
            connection.in_use = False

    async def attended(self) -> Attended:
        """Wait for the next channel that was accepted."""
        while not self._attended:
            await self._news.wait()
        return self._attended.popleft()

    async def was_asked(self, count: int) -> None:
        """Wait until this many operations have come in all."""
        while len(self.asked) < count:
            await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def _establish(self, operation: EstablishStreamingConnection) -> Outcome:
        connection_id = ConnectionId(f"c{len(self._connections) + 1}")
        streams = {stream.stream_id: stream for stream in operation.stream_info_list}
        self._connections[connection_id] = _Connection(operation.producer_id, streams)
        return EstablishOutcome(status=Status.SUCCESS, connection_id=connection_id)

    def _add(self, operation: AddStream) -> Outcome:
        connection = self._connections.get(operation.connection_id)
        if connection is None:
            return AddStreamOutcome(
                status=Status.FAILURE,
                exception=UnknownConnection(identifiers=(operation.connection_id,)),
            )
        fresh = tuple(
            stream
            for stream in operation.stream_info_list
            if stream.stream_id not in connection.streams
        )
        known = tuple(
            stream.stream_id for stream in operation.stream_info_list if stream not in fresh
        )
        connection.streams.update({stream.stream_id: stream for stream in fresh})
        if not known:
            return AddStreamOutcome(status=Status.SUCCESS, stream_info_list=fresh)
        return AddStreamOutcome(
            status=Status.PARTIAL_SUCCESS if fresh else Status.FAILURE,
            stream_info_list=fresh,
            exception=DuplicateStream(identifiers=known),
        )

    def _delete(self, operation: DeleteStream) -> Outcome:
        connection = self._connections.get(operation.connection_id)
        if connection is None:
            return DeleteStreamOutcome(
                status=Status.FAILURE,
                exception=UnknownConnection(identifiers=(operation.connection_id,)),
            )
        unknown = tuple(each for each in operation.stream_id_list if each not in connection.streams)
        if unknown:
            return DeleteStreamOutcome(
                status=Status.FAILURE, exception=UnknownStreamId(identifiers=unknown)
            )
        for stream_id in operation.stream_id_list:
            connection.streams.pop(stream_id, None)
        return DeleteStreamOutcome(status=Status.SUCCESS)

    def _connection_info(self, operation: GetConnectionInfo) -> Outcome:
        wanted = operation.connection_id_list or tuple(self._connections)
        infos = tuple(
            ConnectionInfo(
                connection_id=each,
                stream_reporter=self._connections[each].producer_id,
                stream_id_list=tuple(self._connections[each].streams),
            )
            for each in wanted
            if each in self._connections
        )
        unknown = tuple(each for each in wanted if each not in self._connections)
        return GetConnectionInfoOutcome(
            status=_status(found=bool(infos), missing=bool(unknown)),
            connection_info_list=infos,
            exception=UnknownConnectionId(identifiers=unknown) if unknown else None,
        )

    def _stream_info(self, operation: GetStreamInfo) -> Outcome:
        connection = self._connections.get(operation.connection_id or ConnectionId(""))
        if connection is None:
            return GetStreamInfoOutcome(status=Status.FAILURE, exception=UnknownConnection())
        wanted = operation.stream_id_list or tuple(connection.streams)
        sums = tuple(
            StreamInfoSum(
                stream_info=connection.streams[each], stream_reporters=(connection.producer_id,)
            )
            for each in wanted
            if each in connection.streams
        )
        unknown = tuple(each for each in wanted if each not in connection.streams)
        return GetStreamInfoOutcome(
            status=_status(found=bool(sums), missing=bool(unknown)),
            stream_info_sum_list=sums,
            exception=UnknownStreamId(identifiers=unknown) if unknown else None,
        )


def _status(*, found: bool, missing: bool) -> Status:
    if not missing:
        return Status.SUCCESS
    return Status.PARTIAL_SUCCESS if found else Status.FAILURE
