"""Plays one capture to a service: the producers of the capture, once more.

A capture is played in its own order. Frames are gathered until a record that changes something
about connections follows, or there are enough of them; then they are sent on the channels of their
connections, all at once, and when the service has answered that it has them, the cursor is saved.
So what is sent once more after a crash are whole stretches of what came last on each connection,
with the streams that were in force: what the service recognises as sent again.

What the service refuses for good is passed over and counted. What it refuses for now (it is full,
or its disk is) is asked again with growing pauses, and the capture waits.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.file.link import Link
from mnstream.adapters.storage import Entry, Hole
from mnstream.core.errors import MnSError, OperationError, UnknownConnection
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishOutcome,
    EstablishStreamingConnection,
    GetStreamInfo,
    GetStreamInfoOutcome,
    Outcome,
)
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    FrameStored,
    MetadataRecord,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, StreamId, StreamInfo
from mnstream.ports.channel import TransportError
from mnstream.ports.observer import Observer
from mnstream.ports.transport import ProducerTransport

_log = logging.getLogger(__name__)

PAUSE_INITIAL_S = 0.1
PAUSE_MAX_S = 5.0
"""Between two attempts at what the service does not take at present."""

_RECEIVED = (Disposition.DELIVERED, Disposition.QUARANTINED)

Save = Callable[[int, Mapping[ConnectionId, ConnectionId]], Awaitable[None]]
"""Makes durable that everything before a position is played, and which connections go on."""


@dataclass(slots=True, eq=False)
class _Line:
    """A connection of the capture, as far as it is played.

    Attributes:
        ours: Its identifier at the service; None while the service has none of it.
        version: Version of the streams that the service was told last; None when nobody knows.
        refused: Version of the streams with which the service did not want it.
        link: Its channel, when it has had one.
    """

    ours: ConnectionId | None = None
    version: int | None = None
    refused: int | None = None
    link: Link | None = None


@dataclass(slots=True)
class _Stretch:
    """Frames of one connection that are to be sent together."""

    connection: ConnectionEstablished
    frames: list[bytes] = field(default_factory=list[bytes])


class Player:
    """Plays one capture; for one task.

    Attributes:
        trouble: Why nothing goes on at present; empty when all is well.
    """

    def __init__(
        self,
        name: str,
        transport: ProducerTransport,
        *,
        tasks: TaskGroup,
        connections: Mapping[ConnectionId, ConnectionId],
        position: int,
        save: Save,
        observer: Observer,
    ) -> None:
        """Prepare to go on where another one ended.

        Args:
            name: Of the capture, for people.
            transport: The way to the service.
            tasks: Where channels are listened on.
            connections: Those that had not ended, with what they are called at the service.
            position: The first one that was not played.
            save: See there.
            observer: Counts ``tail_frames`` by what became of them, and ``tail_holes``.
        """
        self.trouble = ""
        self._name = name
        self._transport = transport
        self._tasks = tasks
        self._save = save
        self._observer = observer
        self._lines = {theirs: _Line(ours=ours) for theirs, ours in connections.items()}
        self._stretches: dict[ConnectionId, _Stretch] = {}
        self._position = position
        self._saved = position
        self._is_saved = True

    async def attach(self) -> None:
        """Open the channels of connections that go on, so that the service keeps them."""
        for theirs, line in list(self._lines.items()):
            try:
                await self._open(line)
            except UnknownConnection:
                _log.info("%s: the service has forgotten connection %s", self._name, theirs)
                del self._lines[theirs]
            except (OperationError, TransportError) as error:
                _log.info("%s: no channel for connection %s as yet: %s", self._name, theirs, error)

    async def play(self, entries: Iterable[Entry | Hole], next_position: int) -> None:
        """Play records; returns when the service has them and the cursor is saved.

        Args:
            entries: They, in order.
            next_position: Position behind them.
        """
        for entry in entries:
            if isinstance(entry, Hole):
                self._observer.count("tail_holes")
                _log.warning("a part of a capture cannot be read: %s", entry)
            elif isinstance(entry.record, FrameStored):
                await self._gather(entry, entry.record)
            else:
                await self._deliver(entry.position)
                await self._apply(entry.record)
                self._position = entry.position + 1
                self._is_saved = False
        await self._deliver(next_position)
        await self._save_now()

    async def aclose(self) -> None:
        """Let go of all channels; the connections outlive them. Never raises."""
        for line in self._lines.values():
            if line.link is not None:
                await line.link.abort()

    # --- frames ----------------------------------------------------------------------------------

    async def _gather(self, entry: Entry, frame: FrameStored) -> None:
        if frame.disposition not in _RECEIVED:
            return  # what the capture's own consumer has received before, or what says nothing
        connection = entry.connection
        if connection is None:
            self._observer.count("tail_frames", "unattributed")
            return
        stretch = self._stretches.get(connection.connection_id)
        if stretch is not None and stretch.connection is not connection:
            await self._deliver(entry.position)  # damage has swallowed what changed the streams
            stretch = None
        if stretch is None:
            stretch = self._stretches[connection.connection_id] = _Stretch(connection)
        stretch.frames.append(frame.payload)

    async def _deliver(self, position: int) -> None:
        """Have everything before ``position`` at the service, and the cursor saved behind it."""
        if self._stretches:
            await self._send_all(list(self._stretches.values()))
            self._stretches.clear()
            self._position, self._is_saved = position, False
            await self._save_now()
        self._position = position

    async def _send_all(self, stretches: list[_Stretch]) -> None:
        while stretches:
            for stretch in stretches:
                await self._agree_on(stretch.connection)
            await self._save_now()  # whoever begins anew must know the connections of these frames
            forgotten: list[_Stretch] = []
            async with anyio.create_task_group() as tasks:
                for stretch in stretches:
                    tasks.start_soon(self._send, stretch, forgotten)
            stretches = forgotten

    async def _send(self, stretch: _Stretch, forgotten: list[_Stretch]) -> None:
        """Send frames until the service has them, on as many channels as that takes.

        Where it has forgotten the connection, they join ``forgotten``. Nothing is raised.
        """
        line = self._line(stretch.connection.connection_id)
        pause_s = PAUSE_INITIAL_S
        while True:
            try:
                link = await self._open(line)
                if link is None:
                    self._observer.count("tail_frames", "refused", len(stretch.frames))
                    return
                await link.deliver(stretch.frames)
            except UnknownConnection as error:
                line.ours = None
                await self._pause(error, pause_s)
                forgotten.append(stretch)
                return
            except OperationError as error:
                if not error.temporary:
                    self._refuse(line, stretch.connection, error)
                    line.ours = None
                else:
                    pause_s = await self._pause(error, pause_s)
            except TransportError as error:
                pause_s = await self._pause(error, pause_s)
            else:
                self._observer.count("tail_frames", "sent", len(stretch.frames))
                self._recover()
                return

    async def _open(self, line: _Line) -> Link | None:
        """Give the channel of a connection, a new one when need be; None when it was refused."""
        if line.ours is None:
            return None
        if line.link is None or line.link.is_over:
            line.link = None
            line.link = Link(await self._transport.open_channel(line.ours))
            self._tasks.start_soon(line.link.listen)
        return line.link

    # --- operations ------------------------------------------------------------------------------

    async def _apply(self, record: MetadataRecord) -> None:
        match record:
            case ConnectionEstablished():
                await self._agree_on(record)
            case StreamsChanged():
                await self._change(record)
            case ConnectionEnded():
                await self._end(record.connection_id)

    async def _agree_on(self, connection: ConnectionEstablished) -> None:
        """Have a connection at the service with these streams, unless it does not want it."""
        line = self._line(connection.connection_id)
        version = connection.streams_version
        if version == line.refused or (version == line.version and line.ours is not None):
            return
        wanted = {stream.stream_id: stream for stream in connection.stream_info_list}
        present = None if line.ours is None else await self._streams(line.ours)
        if present is not None:
            await self._alter(line, present, wanted)
            line.version = version
            return
        outcome = await self._ask(
            EstablishStreamingConnection(
                producer_id=connection.producer_id, stream_info_list=tuple(wanted.values())
            )
        )
        assert isinstance(outcome, EstablishOutcome)
        line.ours, line.link = outcome.connection_id, None
        line.version, line.refused = version, None
        self._is_saved = False
        if outcome.exception is not None:
            self._refuse(line, connection, outcome.exception)

    async def _change(self, record: StreamsChanged) -> None:
        line = self._line(record.connection_id)
        present = None if line.ours is None else await self._streams(line.ours)
        if present is None:
            return  # its next frame tells with which streams to establish it
        removed = frozenset(record.removed)
        wanted = {each: info for each, info in present.items() if each not in removed}
        wanted.update((stream.stream_id, stream) for stream in record.added)
        await self._alter(line, present, wanted)
        line.version = record.streams_version

    async def _alter(
        self,
        line: _Line,
        present: Mapping[StreamId, StreamInfo],
        wanted: Mapping[StreamId, StreamInfo],
    ) -> None:
        """Add and delete streams; what is as it should be is left alone, so this may be repeated.

        A stream that the service does not want is left out. Frames that name it are sent all the
        same: the service keeps them aside, and there may be units of other streams in them.
        """
        assert line.ours is not None
        gone = tuple(each for each, info in present.items() if wanted.get(each) != info)
        new = tuple(info for each, info in wanted.items() if present.get(each) != info)
        operations: list[ControlOperation] = []
        if gone:
            operations.append(DeleteStream(connection_id=line.ours, stream_id_list=gone))
        if new:
            operations.append(AddStream(connection_id=line.ours, stream_info_list=new))
        for operation in operations:
            outcome = await self._ask(operation)
            if outcome.exception is not None:
                _log.warning("%s: streams are not as they were: %s", self._name, outcome.exception)

    async def _streams(self, connection_id: ConnectionId) -> dict[StreamId, StreamInfo] | None:
        """Ask which streams a connection has at the service; None when there is none."""
        outcome = await self._ask(GetStreamInfo(connection_id=connection_id))
        assert isinstance(outcome, GetStreamInfoOutcome)
        if isinstance(outcome.exception, UnknownConnection):
            return None
        streams = (each.stream_info for each in outcome.stream_info_sum_list)
        return {stream.stream_id: stream for stream in streams}

    async def _end(self, connection_id: ConnectionId) -> None:
        line = self._lines.get(connection_id)
        pause_s = PAUSE_INITIAL_S
        while line is not None:
            try:
                link = await self._open(line)
                if link is None or await link.close():
                    break
                pause_s = await self._pause(MnSError("a Close is not answered"), pause_s)
            except UnknownConnection:
                break
            except (OperationError, TransportError) as error:
                if isinstance(error, OperationError) and not error.temporary:
                    _log.warning("%s: connection %s: %s", self._name, connection_id, error)
                    break
                pause_s = await self._pause(error, pause_s)
        self._recover()
        self._lines.pop(connection_id, None)

    async def _ask(self, operation: ControlOperation) -> Outcome:
        """Ask until there is an answer that will not be another one later."""
        pause_s = PAUSE_INITIAL_S
        while True:
            try:
                outcome = await self._transport.request(operation)
            except TransportError as error:
                pause_s = await self._pause(error, pause_s)
                continue
            if outcome.exception is None or not outcome.exception.temporary:
                self._recover()
                return outcome
            pause_s = await self._pause(outcome.exception, pause_s)

    # --- the rest --------------------------------------------------------------------------------

    def _line(self, connection_id: ConnectionId) -> _Line:
        return self._lines.setdefault(connection_id, _Line())

    def _refuse(
        self, line: _Line, connection: ConnectionEstablished, reason: OperationError
    ) -> None:
        line.refused = connection.streams_version
        _log.warning(
            "%s: connection %s of %s is not wanted, its frames are passed over: %s",
            self._name,
            connection.connection_id,
            connection.producer_id,
            reason,
        )

    async def _pause(self, error: Exception, pause_s: float) -> float:
        """Wait before another attempt; returns how long the next pause is to be."""
        trouble = str(error)
        if trouble != self.trouble:
            _log.warning("%s has to wait: %s", self._name, trouble)
        self.trouble = trouble
        await anyio.sleep(pause_s)
        return min(2 * pause_s, PAUSE_MAX_S)

    def _recover(self) -> None:
        if self.trouble:
            _log.info("%s goes on", self._name)
        self.trouble = ""

    async def _save_now(self) -> None:
        if self._is_saved and self._saved == self._position:
            return
        known = {theirs: line.ours for theirs, line in self._lines.items()}
        await self._save(
            self._position, {theirs: ours for theirs, ours in known.items() if ours is not None}
        )
        self._saved, self._is_saved = self._position, True
