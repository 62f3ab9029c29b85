"""A producer's way to a consumer with channels of trio-websocket."""

from __future__ import annotations

import ssl
from collections.abc import Collection
from typing import cast

import trio
from anyio.abc import ByteStream, TaskGroup
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from mnstream.adapters.http import DEFAULT_HTTP_LIMITS, HeaderSource, HttpLimits, HttpTransport
from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.http.config import NO_OBSERVER
from mnstream.adapters.http.header_source import further_headers
from mnstream.adapters.http.wire import IO_BYTES
from mnstream.adapters.rest import HttpResponse
from mnstream.adapters.trio_websocket.channel import QUEUE, TrioWebSocketChannel
from mnstream.adapters.trio_websocket.streams import TrioStream
from mnstream.core.profiles import REL19, Profile
from mnstream.ports.channel import Channel
from mnstream.ports.observer import Observer


class TrioWebSocketTransport(HttpTransport):
    """``HttpTransport`` on trio only, with channels of trio-websocket.

    Its own consumer-side twin answers Pings by itself, and so does this end.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tasks: TaskGroup,
        tls: ssl.SSLContext | None = None,
        profile: Profile = REL19,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        observer: Observer = NO_OBSERVER,
        headers: HeaderSource | None = None,
        location_hosts: Collection[str] = (),
    ) -> None:
        """As ``HttpTransport``; the readers of channels run in ``tasks`` until those end."""
        super().__init__(
            base_url,
            tls=tls,
            profile=profile,
            limits=limits,
            observer=observer,
            headers=headers,
            location_hosts=location_hosts,
        )
        self._tasks = tasks

    async def _upgrade(self, stream: ByteStream, origin: Origin, path: str) -> Channel:
        """Let trio-websocket do the opening handshake."""
        further = await further_headers(self._headers)
        extra = [(name.encode("ascii"), value.encode("latin-1")) for name, value in further]
        trio_stream = TrioStream(stream)

        async def connect(nursery: trio.Nursery) -> WebSocketConnection:
            return await wrap_client_stream(
                nursery,
                # Any stream will do, says its docstring; its annotation names two kinds.
                cast(trio.SocketStream, trio_stream),
                origin.authority,
                path,
                extra_headers=extra,
                message_queue_size=QUEUE,
                max_message_size=self._limits.message_bytes_max,
                receive_buffer_size=IO_BYTES,
            )

        try:
            channel: TrioWebSocketChannel = await self._tasks.start(
                TrioWebSocketChannel.host, trio_stream, connect, self._limits, self._observer
            )
        except ConnectionRejected as exc:
            headers = tuple((n.decode("ascii"), v.decode("latin-1")) for n, v in exc.headers or ())
            answer = HttpResponse(status=exc.status_code, headers=headers, body=exc.body or b"")
            raise self.refusal_of(answer) from exc
        return channel
