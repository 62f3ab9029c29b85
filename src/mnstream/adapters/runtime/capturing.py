"""Composition root of a capture: a collector without a network, for a producer beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from anyio.abc import TaskGroup

from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.runtime.collecting import (
    RECENT_FRAMES,
    CollectorSettings,
    consuming,
)
from mnstream.adapters.storage import LogConfig
from mnstream.core.lifecycles.consumer_connection import ConsumerConnectionState
from mnstream.core.operations import (
    ControlOperation,
    EstablishOutcome,
    EstablishStreamingConnection,
    Outcome,
)
from mnstream.core.profiles import REL19, Profile
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.connections import Connection
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import Channel
from mnstream.ports.transport import Peer, ProducerTransport, StreamingService


@asynccontextmanager
async def capturing(
    directory: Path, *, profile: Profile = REL19, log: LogConfig | None = None
) -> AsyncGenerator[ProducerTransport]:
    """Give a transport into the capture in a directory; one that is there is continued.

    What it acknowledges is durable in the capture. Leaving the block closes the capture; whoever
    follows it takes over the rest.

    Raises:
        StorageError: The capture cannot be used, for example because somebody else writes it.
        OSError: The disk refuses to open it.
    """
    settings = CollectorSettings(
        data=directory,
        profile=profile,
        # One producer, which may send again whatever its spool has not noted as acknowledged yet.
        consumer=ConsumerConfig(resend_window_frames=RECENT_FRAMES),
        log=log or LogConfig(),
    )
    async with consuming(settings) as service:
        yield CaptureTransport(service.collector, service.consumer, tasks=service.tasks)


class CaptureTransport:
    """``ports.transport.ProducerTransport`` into a capture.

    A producer that reports the same streams as before gets the connection that it had before its
    process ended. So frames that it sends again are recognised.
    """

    def __init__(
        self, service: StreamingService, consumer: StreamingConsumer, *, tasks: TaskGroup
    ) -> None:
        """Keep the capture's service.

        Args:
            service: It.
            consumer: Its core, just restored: the connections that it has now may be taken up.
            tasks: Where its channels are attended to.
        """
        self._inner = MemoryTransport(service, tasks=tasks, peer=Peer(address="capture"))
        self._consumer = consumer
        self._closed = False
        self._left_over = {each.connection_id for each in consumer.connections}

    async def request(self, operation: ControlOperation) -> Outcome:
        """Carry out a control operation; see the port."""
        if isinstance(operation, EstablishStreamingConnection) and not self._closed:
            connection_id = self._take_up(operation)
            if connection_id is not None:
                return EstablishOutcome(status=Status.SUCCESS, connection_id=connection_id)
        return await self._inner.request(operation)

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        """Open the data pipe of a connection; see the port."""
        return await self._inner.open_channel(connection_id)

    async def aclose(self) -> None:
        """Take no more requests. Never raises."""
        self._closed = True
        await self._inner.aclose()

    def _take_up(self, operation: EstablishStreamingConnection) -> ConnectionId | None:
        """Find a connection of an earlier process that is the same; each is given once."""
        for connection in self._consumer.connections:
            if connection.connection_id in self._left_over and _is_same(connection, operation):
                self._left_over.remove(connection.connection_id)
                return connection.connection_id
        return None


def _is_same(connection: Connection, operation: EstablishStreamingConnection) -> bool:
    wanted = {stream.stream_id: stream for stream in operation.stream_info_list}
    return (
        connection.state is ConsumerConnectionState.DETACHED
        and connection.producer_id == operation.producer_id
        and connection.streams == wanted
    )


def capture_directory(target: str) -> Path:
    """Read where a capture is to be: a path, or a ``file:`` URI of this machine.

    Raises:
        ValueError: It is a URI of something else, or none at all.
    """
    if "\0" in target or not target:
        raise ValueError("not a path")
    scheme, separator, _ = target.partition("://")
    if not separator and not target.lower().startswith("file:"):
        return Path(target)
    parts = urlsplit(target)
    if scheme.lower() != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise ValueError("not a path, and not file:///PATH")
    if parts.query or parts.fragment:
        raise ValueError("a query or a fragment in a file URI")
    return Path(url2pathname(parts.path))
