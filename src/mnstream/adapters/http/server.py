"""The consumer's port: POST, GET and Upgrade of TS 28.532 12.5.1 on HTTP/1.1."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from anyio.abc import ByteStream

from mnstream.adapters.http.answering import perform
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, NO_OBSERVER, HttpLimits
from mnstream.adapters.http.exchange import ServerExchange
from mnstream.adapters.http.handshake import answer_headers, check_request, wants_channel
from mnstream.adapters.http.requests import GoOn, RequestServer
from mnstream.adapters.http.websocket import WebSocketChannel
from mnstream.adapters.rest import (
    HttpProblem,
    HttpRequest,
    HttpResponse,
    connection_of_upgrade,
    root_of,
)
from mnstream.core.errors import OperationError
from mnstream.core.profiles import REL19, Profile
from mnstream.ports.channel import Channel
from mnstream.ports.observer import Observer
from mnstream.ports.transport import Peer, StreamingService

ExtraRoutes = Callable[[HttpRequest, Peer], Awaitable[HttpResponse | None]]
"""Answers a request that is none of the 3GPP resources; None leaves it to them."""
Identify = Callable[[HttpRequest, Peer], Awaitable[Peer]]
"""Names the peer of a request, for example by its bearer token; raises OperationError to refuse."""


class Upgrade:
    """A client's good handshake, and the channel that comes of it.

    Attributes:
        stream: What the request came on.
        exchange: How to answer it; None once it is accepted, because an idle channel has to be
            small.
        request: The handshake.
        peer: Who sent it.
        key: Its ``Sec-WebSocket-Key``, checked.
        open_channel: Answers 101 and makes the channel.
    """

    __slots__ = ("_channel", "exchange", "key", "open_channel", "peer", "request", "stream")

    def __init__(
        self,
        stream: ByteStream,
        exchange: ServerExchange,
        request: HttpRequest,
        peer: Peer,
        key: str,
        *,
        open_channel: OpenChannel,
    ) -> None:
        self.stream = stream
        self.exchange: ServerExchange | None = exchange
        self.request = request
        self.peer = peer
        self.key = key
        self.open_channel = open_channel
        self._channel: Channel | None = None

    async def accept(self) -> Channel:
        """Answer 101 and return the channel.

        Raises:
            Broken: The client is gone.
        """
        assert self.exchange is not None, "accepted once"
        self._channel = await self.open_channel(self, self.exchange)
        self.exchange = None
        self.request = _NO_REQUEST
        return self._channel

    async def release(self) -> None:
        """Cut the channel, in case that the service left it open."""
        if self._channel is not None:
            await self._channel.abort()


OpenChannel = Callable[[Upgrade, ServerExchange], Awaitable[Channel]]
"""Answers 101 and makes a channel of the stream; raises Broken when the client is gone."""
_NO_REQUEST = HttpRequest(method="", target="")


class HttpServer(RequestServer):
    """Serves a ``StreamingService`` over HTTP/1.1, with or without TLS."""

    def __init__(
        self,
        service: StreamingService,
        *,
        base_path: str = "",
        base_url: str | None = None,
        profile: Profile = REL19,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        tls: ssl.SSLContext | None = None,
        observer: Observer = NO_OBSERVER,
        extra: ExtraRoutes | None = None,
        identify: Identify | None = None,
    ) -> None:
        """Keep what to serve and how.

        Args:
            service: Answers operations and attends to channels. What it raises beside
                OperationError is logged and answered 500; the server goes on.
            base_path: Path of the root, percent-encoded; ``/connections`` follows it.
            base_url: Absolute URI of the root as producers see it, for ``Location``; None makes it
                of the ``Host`` that the producer asked for.
            profile: Reading of the standard.
            limits: What a peer may cost.
            tls: Context of a server; None serves plain HTTP.
            observer: Counts what is refused.
            extra: Asked first, for routes beside the 3GPP resources.
            identify: Names the peer; without it, TLS does.
        """
        super().__init__(self._perform, limits=limits, tls=tls, observer=observer)
        self._service = service
        self._base_path = base_path.rstrip("/")
        self._base_url = base_url
        self._profile = profile
        self._extra = extra
        self._identify = identify

    async def _perform(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Carry out the operation that a request asks for."""
        if self._extra is not None:
            response = await self._extra(request, peer)
            if response is not None:
                return response
        if self._identify is not None:
            peer = await self._identify(request, peer)
        return await perform(
            self._service,
            request,
            peer,
            base_path=self._base_path,
            base_url=root_of(
                request,
                base_url=self._base_url,
                base_path=self._base_path,
                scheme="http" if self._tls is None else "https",
            ),
            profile=self._profile,
        )

    def _leave_http(
        self, stream: ByteStream, exchange: ServerExchange, request: HttpRequest, peer: Peer
    ) -> GoOn | None:
        """Take a stream over whose request is a good handshake."""
        if not wants_channel(request):
            return None
        key = check_request(request, http_version=exchange.http_version)
        upgrade = Upgrade(stream, exchange, request, peer, key, open_channel=self._open_channel)
        return partial(self._run_channel, upgrade)

    async def _open_channel(self, upgrade: Upgrade, exchange: ServerExchange) -> Channel:
        """Answer 101; frames that came right behind the request belong to the channel."""
        leftover = await exchange.switch_protocols(answer_headers(upgrade.key))
        return WebSocketChannel(
            upgrade.stream,
            server=True,
            limits=self._limits,
            observer=self._observer,
            leftover=leftover,
        )

    async def _run_channel(self, upgrade: Upgrade) -> None:
        """Let the service attend to a channel; the stream is at its end afterwards."""
        try:
            peer = upgrade.peer
            if self._identify is not None:
                peer = await self._identify(upgrade.request, peer)
            connection_id = connection_of_upgrade(upgrade.request, base_path=self._base_path)
            await self._service.run_channel(connection_id, peer=peer, accept=upgrade.accept)
        except (HttpProblem, OperationError) as refusal:
            if upgrade.exchange is None:
                raise  # the channel is open, so this is no answer to anything
            await self._refuse(upgrade.stream, upgrade.exchange, refusal, upgrade.request)
        finally:
            await upgrade.release()
