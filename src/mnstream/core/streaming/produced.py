"""The streams of one producer: wanted, agreed with the consumer, or on their way out.

Only one AddStream or DeleteStream is under way at a time. A stream is withdrawn when its last frame
is acknowledged, not before: a frame that has to be sent again needs its StreamInfo. One that is
offered again before it is gone, perhaps with other metrics, is added when it is.

A refusal of many streams is often about few of them. Those that it names bear it, and the others
are asked for again; when it names none, all are, in parts that become smaller until it is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mnstream.core.effects import ProducerEffect, ReportStream, RequestOperation
from mnstream.core.errors import (
    DuplicateStream,
    NotPermitted,
    OperationError,
    UnknownConnection,
    UnknownStreamId,
)
from mnstream.core.events import (
    DeadlineReached,
    OperationAnswered,
    OperationFailed,
    StreamAccepted,
    StreamKept,
    StreamProposed,
    StreamRejected,
    StreamRemoved,
    StreamsWithdrawn,
)
from mnstream.core.lifecycles.stream import STREAM, StreamState
from mnstream.core.operations import AddStream, DeleteStream, Outcome
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.values import ConnectionId, Status, StreamId, StreamInfo

S = StreamState
ADDED_AT_ONCE_MAX = 1_000
"""Streams of one AddStream; ordinary ones have 430 bytes each, and common servers take 1 MB."""
DELETED_AT_ONCE_MAX = 100
"""Streams of one DeleteStream: their identifiers stand in a URI, and common servers take 8 kB."""


class ProducedStream:
    """One stream.

    Attributes:
        info: What it reports.
        state: Where its lifecycle is.
        last_frame: Number of the last frame that may belong to it, once it is withdrawn.
        successor: What is wanted under its identifier when it is gone, if anything.
    """

    __slots__ = ("info", "last_frame", "state", "successor")

    def __init__(self, info: StreamInfo) -> None:
        """Start as wanted."""
        self.info = info
        self.state = STREAM.initial
        self.last_frame = 0
        self.successor: StreamInfo | None = None


class ProducedStreams:
    """All streams of one producer connection and the request that is under way for them."""

    def __init__(self, config: ProducerConfig) -> None:
        """Start without streams."""
        self._config = config
        self._streams: dict[StreamId, ProducedStream] = {}
        self._at_once_max = ADDED_AT_ONCE_MAX
        self._request: AddStream | DeleteStream | None = None
        self.deadline_ms: int | None = None
        """When to give up the request that is under way."""

    def __contains__(self, stream_id: StreamId) -> bool:
        """Tell whether the stream is wanted, agreed or on its way out."""
        return stream_id in self._streams

    @property
    def is_asking(self) -> bool:
        """Whether the consumer has yet to answer for some stream."""
        settled = (S.REPORTING, S.REJECTED, S.REMOVED)
        return any(stream.state not in settled for stream in self._streams.values())

    def states(self) -> dict[StreamId, StreamState]:
        """Say where each stream is."""
        return {stream_id: stream.state for stream_id, stream in self._streams.items()}

    def offer(self, streams: Iterable[StreamInfo]) -> list[ProducerEffect]:
        """Want more streams; those that are known already keep their state.

        Another StreamInfo for one that is not withdrawn is refused at once: the consumer would call
        it a duplicate, and go on with what it knows.
        """
        effects: list[ProducerEffect] = []
        for info in streams:
            known = self._streams.setdefault(info.stream_id, ProducedStream(info))
            if known.state is S.WITHDRAWING and known.successor is None:
                known.successor = info
            elif (known.successor or known.info) != info:
                refusal = DuplicateStream(
                    "its StreamInfo is another one until it is withdrawn",
                    identifiers=(info.stream_id,),
                )
                effects.append(ReportStream(stream_id=info.stream_id, exception=refusal))
        return effects

    def withdraw(self, stream_ids: Iterable[StreamId], last_frame: int) -> None:
        """Want streams no more, once frame ``last_frame`` is acknowledged."""
        for stream_id in stream_ids:
            stream = self._streams.get(stream_id)
            if stream is None:
                continue
            stream.successor = None
            if STREAM.step(stream.state, StreamsWithdrawn) is not None:
                stream.last_frame = last_frame
                self._step(stream, StreamsWithdrawn)

    def announced(self, acknowledged: int) -> tuple[StreamInfo, ...]:
        """Propose everything that a new connection has to know, and return it."""
        self.give_up_request()
        for stream in list(self._streams.values()):
            if stream.state is S.WITHDRAWING and stream.last_frame <= acknowledged:
                self._step(stream, StreamRemoved)
        for stream in self._streams.values():
            self._step(stream, StreamProposed)
        return tuple(stream.info for stream in self._streams.values())

    def accepted(self) -> list[ProducerEffect]:
        """Note that the consumer took all that was announced."""
        return [
            effect
            for stream in list(self._streams.values())
            for effect in self._step(stream, StreamAccepted)
        ]

    def request_next(
        self, connection_id: ConnectionId, acknowledged: int, now_ms: int
    ) -> tuple[ProducerEffect, ...]:
        """Send the next request if one is due and none is under way."""
        if self._request is not None:
            return ()
        request = self._next_request(connection_id, acknowledged)
        if request is None:
            return ()
        self._request = request
        self.deadline_ms = now_ms + self._config.request_timeout_ms
        return (RequestOperation(operation=request),)

    def give_up_request(self) -> None:
        """Stop waiting for the answer; what it was about is asked again."""
        for stream in self._in_request():
            self._step(stream, DeadlineReached)
        self._request = None
        self.deadline_ms = None

    def answered(
        self, event: OperationAnswered | OperationFailed, now_ms: int
    ) -> list[ProducerEffect]:
        """Apply what came back; nothing when it does not answer the request under way.

        A request that may succeed later stays under way until ``deadline_ms``.
        """
        request = self._request
        if request is None or event.operation is not request:
            return []
        outcome = event.outcome if isinstance(event, OperationAnswered) else None
        if outcome is None or _may_succeed_later(outcome):
            self.deadline_ms = now_ms + self._config.back_off_max_ms
            return []
        refusal = None
        if outcome.status is Status.FAILURE:
            refusal = outcome.exception or OperationError("refused without a reason")
        streams = self._concerned(self._in_request(), refusal)
        self._request = None
        self.deadline_ms = None
        if isinstance(request, AddStream):
            return self._added(streams, refusal)
        return self._deleted(streams, refusal)

    def _next_request(
        self, connection_id: ConnectionId, acknowledged: int
    ) -> AddStream | DeleteStream | None:
        # Nothing is under way: who is proposed has got no answer, or one that was about others.
        wanted = (s for s in self._streams.values() if s.state in (S.WANTED, S.PROPOSED))
        if adding := list(islice(wanted, self._at_once_max)):
            for stream in adding:
                self._step(stream, StreamProposed)
            infos = tuple(stream.info for stream in adding)
            return AddStream(connection_id=connection_id, stream_info_list=infos)
        leaving = (
            stream.info.stream_id
            for stream in self._streams.values()
            if stream.state is S.WITHDRAWING and stream.last_frame <= acknowledged
        )
        ids = tuple(islice(leaving, min(self._at_once_max, DELETED_AT_ONCE_MAX)))
        return DeleteStream(connection_id=connection_id, stream_id_list=ids) if ids else None

    def _added(
        self, streams: list[ProducedStream], refusal: OperationError | None
    ) -> list[ProducerEffect]:
        # A stream that the consumer calls a duplicate was added by a request whose answer was lost.
        if refusal is None or isinstance(refusal, DuplicateStream):
            return [effect for stream in streams for effect in self._step(stream, StreamAccepted)]
        return [
            effect for stream in streams for effect in self._step(stream, StreamRejected, refusal)
        ]

    def _deleted(
        self, streams: list[ProducedStream], refusal: OperationError | None
    ) -> list[ProducerEffect]:
        if refusal is None or isinstance(refusal, UnknownStreamId):
            return [effect for stream in streams for effect in self._step(stream, StreamRemoved)]
        # It is still there: whoever took it for gone could add it again with other metrics, and
        # would hear that it is a duplicate.
        for stream in streams:
            stream.successor = None
        return [effect for stream in streams for effect in self._step(stream, StreamKept, refusal)]

    def _concerned(
        self, streams: list[ProducedStream], refusal: OperationError | None
    ) -> list[ProducedStream]:
        """Return the streams that an answer is about; the others are asked for again."""
        if refusal is None:
            self._at_once_max = min(2 * self._at_once_max, ADDED_AT_ONCE_MAX)
            return streams
        if isinstance(refusal, NotPermitted):
            return streams  # it is about who asks
        named = set(refusal.identifiers)
        concerned = [stream for stream in streams if stream.info.stream_id in named]
        if concerned or len(streams) == 1:
            return concerned or streams
        self._at_once_max = len(streams) // 2
        return []

    def _in_request(self) -> list[ProducedStream]:
        ids: list[StreamId] = []
        if isinstance(self._request, AddStream):
            ids = [info.stream_id for info in self._request.stream_info_list]
        elif isinstance(self._request, DeleteStream):
            ids = list(self._request.stream_id_list)
        return [self._streams[stream_id] for stream_id in ids if stream_id in self._streams]

    def _step(
        self,
        stream: ProducedStream,
        event: type[object],
        exception: OperationError | None = None,
    ) -> list[ProducerEffect]:
        move = STREAM.step(stream.state, event)
        if move is None:
            return []
        stream.state, action = move
        stream_id = stream.info.stream_id
        if stream.state in STREAM.final:
            del self._streams[stream_id]
            if stream.successor is not None:
                self._streams[stream_id] = ProducedStream(stream.successor)
        if action in ("announce", "report_failure"):
            return [ReportStream(stream_id=stream_id, exception=exception)]
        return []


def _may_succeed_later(outcome: Outcome) -> bool:
    # A consumer that has lost the connection ends its channel, too; the next one gets the streams.
    exception = outcome.exception
    forgotten = isinstance(exception, UnknownConnection)
    return forgotten or (exception is not None and exception.temporary)
