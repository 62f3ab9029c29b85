"""The consumer's port with trio-websocket behind the upgrade."""

from __future__ import annotations

from functools import partial

import anyio
import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from mnstream.adapters.http.exchange import ServerExchange
from mnstream.adapters.http.server import HttpServer, Upgrade
from mnstream.adapters.http.wire import IO_BYTES
from mnstream.adapters.rest import HttpRequest
from mnstream.adapters.trio_websocket.channel import QUEUE, TrioWebSocketChannel
from mnstream.adapters.trio_websocket.streams import TrioStream
from mnstream.ports.channel import Broken, Channel

_HOP_BY_HOP = ("sec-websocket-extensions", "sec-websocket-protocol")  # nothing to choose from


class TrioWebSocketServer(HttpServer):
    """``HttpServer`` on trio only, with channels of trio-websocket.

    Requests, limits, TLS and the check of the handshake are the same. The acknowledgement of its
    channels means "received" (see ``TrioWebSocketChannel``).
    """

    async def _run_channel(self, upgrade: Upgrade) -> None:
        failure: Broken | None = None
        async with anyio.create_task_group() as tasks:
            upgrade.open_channel = partial(self._open_trio_channel, tasks)
            try:
                await super()._run_channel(upgrade)
            except Broken as exc:
                failure = exc
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _open_trio_channel(
        self, tasks: anyio.abc.TaskGroup, upgrade: Upgrade, exchange: ServerExchange
    ) -> Channel:
        """Hand the stream to trio-websocket with the request pushed back, which answers 101."""
        stream = TrioStream(upgrade.stream, _head(upgrade.request), exchange.leftover)

        async def accept(nursery: trio.Nursery) -> WebSocketConnection:
            request = await wrap_server_stream(
                nursery,
                stream,
                message_queue_size=QUEUE,
                max_message_size=self._limits.message_bytes_max,
                receive_buffer_size=IO_BYTES,
            )
            return await request.accept()

        try:
            with anyio.fail_after(self._limits.request_ms / 1000):
                channel: TrioWebSocketChannel = await tasks.start(
                    TrioWebSocketChannel.host, stream, accept, self._limits, self._observer
                )
        except TimeoutError as exc:
            raise Broken("the client took nothing") from exc
        return channel


def _head(request: HttpRequest) -> bytes:
    """Write a request again as it came, without what must not be negotiated."""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers if name not in _HOP_BY_HOP]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
