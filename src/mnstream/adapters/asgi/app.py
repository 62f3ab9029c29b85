"""The consumer's port: POST, GET and Upgrade of TS 28.532 12.5.1 as an ASGI application."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.asgi.channel import AsgiChannel
from mnstream.adapters.asgi.messages import (
    SEND_ERRORS,
    Receive,
    Scope,
    Send,
    extensions_of,
    head_of,
    peer_of,
    read_body,
    respond,
    url_of,
)
from mnstream.adapters.http import DEFAULT_HTTP_LIMITS, HttpLimits, Identify
from mnstream.adapters.http.answering import answer, perform, refuse
from mnstream.adapters.http.config import NO_OBSERVER
from mnstream.adapters.http.exchange import check_host
from mnstream.adapters.http.handshake import check_request, wants_channel
from mnstream.adapters.rest import (
    HttpProblem,
    HttpRequest,
    HttpResponse,
    connection_of_upgrade,
)
from mnstream.core.errors import OperationError
from mnstream.core.profiles import REL19, Profile
from mnstream.ports.channel import Broken, Channel, TransportError
from mnstream.ports.observer import Observer
from mnstream.ports.transport import Peer, StreamingService

_log = logging.getLogger(__name__)

_REFUSAL = "websocket.http.response"
"""The extension of ASGI by which a handshake gets any answer."""


class StreamingApp:
    """Serves a ``StreamingService`` as an ASGI 3 application, alone or mounted.

    Of ``HttpLimits`` those count that concern bodies, messages and times of a request or a
    channel; the others are the server's. Refusing a handshake with more than 403 needs a server
    with the extension ``websocket.http.response`` (uvicorn and hypercorn have it): without it a
    producer cannot see that its connection is forgotten, and does not create a new one.
    """

    def __init__(
        self,
        service: StreamingService,
        *,
        base_path: str = "",
        base_url: str | None = None,
        profile: Profile = REL19,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        observer: Observer = NO_OBSERVER,
        identify: Identify | None = None,
    ) -> None:
        """Keep what to serve and how.

        Args:
            service: Answers operations and attends to channels. What it raises beside
                OperationError is logged and answered 500. Its call for a channel is cancelled when
                it goes on after it has aborted that, because a server drops a connection only
                when the application returns.
            base_path: Path of the root below the mount, percent-encoded; ``/connections`` follows.
            base_url: Absolute URI of the root as producers see it, for ``Location``; None makes it
                of ``Host``, the prefix of the mount and ``base_path``.
            profile: Reading of the standard.
            limits: What a peer may cost.
            observer: Counts what is refused.
            identify: Names the peer; without it, the TLS extension of ASGI does.
        """
        self._service = service
        self._base_path = base_path.rstrip("/")
        self._base_url = base_url
        self._profile = profile
        self._limits = limits
        self._observer = observer
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Attend to one request, one WebSocket, or the life of the server."""
        match scope["type"]:
            case "http":
                await self._serve_request(scope, receive, send)
            case "websocket":
                await self._serve_websocket(scope, receive, send)
            case "lifespan":
                await _live(receive, send)
            case other:
                raise NotImplementedError(f"a scope of type {other}")

    # --- requests -------------------------------------------------------------------------------

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = head_of(scope)
        try:
            check_host(head.header("Host") or "")
            body = await read_body(head, receive, self._limits)
        except HttpProblem as refusal:
            # Nobody reads the rest of the body, so nothing can follow it.
            response = refuse(refusal, head, self._observer)
            response = replace(response, headers=(*response.headers, ("Connection", "close")))
        else:
            if body is None:
                self._observer.count("http_sockets_failed", "broken")
                return
            request = replace(head, body=body)
            handler = partial(self._perform, scope)
            response = await answer(handler, request, peer_of(scope), self._observer)
        try:
            with anyio.fail_after(self._limits.send_ms / 1000):
                await respond(send, response)
        except SEND_ERRORS:
            self._observer.count("http_sockets_failed", "broken")

    async def _perform(self, scope: Scope, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Carry out the operation that a request asks for."""
        if wants_channel(request):
            check_request(request, http_version=str(scope.get("http_version")))
            raise HttpProblem(501, OperationError("the server in front speaks no WebSocket"))
        if self._identify is not None:
            peer = await self._identify(request, peer)
        return await perform(
            self._service,
            request,
            peer,
            base_path=self._base_path,
            base_url=url_of(scope, request, base_url=self._base_url, base_path=self._base_path),
            profile=self._profile,
        )

    # --- channels -------------------------------------------------------------------------------

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        async with anyio.create_task_group() as tasks:
            upgrade = _Upgrade(scope, receive, send, tasks, self._limits, self._observer)
            tasks.start_soon(self._attend, upgrade)
            await upgrade.over.wait()
            tasks.cancel_scope.cancel()

    async def _attend(self, upgrade: _Upgrade) -> None:
        """Let the service attend to a channel; whatever happens on it stays with it."""
        request, peer = upgrade.request, upgrade.peer
        try:
            try:
                if self._identify is not None:
                    peer = await self._identify(request, peer)
                connection_id = connection_of_upgrade(request, base_path=self._base_path)
                await self._service.run_channel(connection_id, peer=peer, accept=upgrade.accept)
            except (HttpProblem, OperationError) as refusal:
                if upgrade.is_accepted:
                    raise  # the channel is open, so this is no answer to anything
                await upgrade.refuse(refuse(refusal, request, self._observer))
        except TransportError:
            self._observer.count("http_sockets_failed", "broken")
        except Exception:
            self._observer.count("http_sockets_failed", "internal")
            _log.exception("a channel was closed because of an error of ours")
        finally:
            upgrade.over.set()


class _Upgrade:
    """A client's handshake, and the channel that comes of it.

    Attributes:
        request: The handshake, as the server tells of it.
        peer: Who sent it.
        is_accepted: Whether the client was told 101.
        over: Set when the application has to return.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        tasks: TaskGroup,
        limits: HttpLimits,
        observer: Observer,
    ) -> None:
        self.request = head_of(scope)
        self.peer = peer_of(scope)
        self.is_accepted = False
        self.over = anyio.Event()
        self._extensions = extensions_of(scope)
        self._receive = receive
        self._send = send
        self._tasks = tasks
        self._limits = limits
        self._observer = observer

    async def accept(self) -> Channel:
        """Have the server answer 101 and return the channel.

        Raises:
            Broken: The client is gone.
        """
        assert not self.is_accepted, "accepted once"
        self.is_accepted = True
        await self._say({"type": "websocket.accept"})
        channel = AsgiChannel(
            self._receive,
            self._send,
            limits=self._limits,
            observer=self._observer,
            on_abort=self.over.set,
        )
        self._tasks.start_soon(channel.pump)
        return channel

    async def refuse(self, response: HttpResponse) -> None:
        """Answer the handshake with an error.

        Raises:
            Broken: The client is gone.
        """
        if _REFUSAL in self._extensions:
            try:
                with anyio.fail_after(self._limits.send_ms / 1000):
                    await respond(self._send, response, prefix="websocket.http")
            except SEND_ERRORS as exc:
                raise Broken(f"the client is gone: {exc}") from exc
        else:
            await self._say({"type": "websocket.close"})

    async def _say(self, event: dict[str, object]) -> None:
        try:
            with anyio.fail_after(self._limits.send_ms / 1000):
                await self._send(event)
        except SEND_ERRORS as exc:
            raise Broken(f"the client is gone: {exc}") from exc


async def _live(receive: Receive, send: Send) -> None:
    """Follow a server that has no other application; there is nothing to prepare."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
