"""A transport of our own: both services of streaming data reporting on Unix sockets.

An operation is a block of JSON behind its length, and so is its answer. ``CHANNEL
/connections/{connectionId}`` asks for a channel: behind the answer 101 the same stream carries
WebSocket frames. Only ``connect_unix`` and the listener would change for another stream of bytes: a
serial line, a tunnel, two ends in one process.
"""

from __future__ import annotations

import logging
from functools import partial

import anyio
from anyio.abc import ByteStream, Listener, SocketStream

from mnstream.adapters import rest
from mnstream.adapters.http import WebSocketChannel, blocks
from mnstream.adapters.http.answering import perform
from mnstream.core.errors import OperationError, RemoteProtocolError
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.profiles import REL19
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Broken, Channel, Closed, TransportError
from mnstream.ports.transport import Peer, StreamingService

SWITCHED = rest.HttpResponse(status=101)


class OwnTransport:
    """A producer's way to its consumer: ``ports.transport.ProducerTransport``."""

    def __init__(self, path: str) -> None:
        """Dial this socket, once for each operation and each channel."""
        self._path, self._closed = path, False

    async def request(self, operation: ControlOperation) -> Outcome:
        """Carry out an operation."""
        request = rest.encode_request(operation, base_path="", profile=REL19)
        stream, answer = await self._ask(request)
        await anyio.aclose_forcefully(stream)
        try:
            return rest.decode_outcome(operation, answer, profile=REL19)
        except RemoteProtocolError as exc:
            raise Broken(str(exc)) from exc

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        """Open the data pipe of a connection."""
        path = rest.connection_path(connection_id, base_path="")
        stream, answer = await self._ask(rest.HttpRequest(method="CHANNEL", target=path))
        if answer == SWITCHED:
            return WebSocketChannel(stream, server=False)
        await anyio.aclose_forcefully(stream)
        raise rest.decode_refusal(answer)

    async def aclose(self) -> None:
        """Take no more requests; channels stay open."""
        self._closed = True

    async def _ask(self, request: rest.HttpRequest) -> tuple[ByteStream, rest.HttpResponse]:
        if self._closed:
            raise Closed("the transport was closed by us")
        try:
            stream = await anyio.connect_unix(self._path)
        except OSError as exc:
            raise Broken(f"no way to {self._path}: {exc}") from exc
        try:
            await blocks.send_request(stream, request)
            return stream, await blocks.receive_response(stream)
        except BaseException:  # cancelled, too: nobody else knows the stream
            await anyio.aclose_forcefully(stream)
            raise


async def serve(service: StreamingService, listener: Listener[SocketStream]) -> None:
    """Serve a consumer's service until it is cancelled."""
    await listener.serve(partial(attend, service))


async def attend(service: StreamingService, stream: ByteStream) -> None:
    """Answer one request, or carry one channel; whatever happens on it stays with it."""

    async def accept() -> Channel:
        await blocks.send_response(stream, SWITCHED)
        return WebSocketChannel(stream, server=True)

    peer = Peer(address="a Unix socket")
    try:
        request = await blocks.receive_request(stream)
        try:
            if request.method == "CHANNEL":
                connection_id = rest.connection_of_upgrade(request, base_path="")
                await service.run_channel(connection_id, peer=peer, accept=accept)
                return
            answer = await perform(service, request, peer)
        except (rest.HttpProblem, OperationError) as refusal:
            answer = rest.encode_problem(refusal, request=request)
        await blocks.send_response(stream, answer)
    except TransportError:
        pass  # the producer is gone, and will come back
    except Exception:
        logging.getLogger(__name__).exception("an error of the service")
    finally:
        await anyio.aclose_forcefully(stream)
