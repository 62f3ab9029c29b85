"""Requests of any client, answered by a function: sockets, TLS, limits and stopping."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import anyio
from anyio.abc import (
    ByteStream,
    SocketAttribute,
    SocketListener,
    SocketStream,
    TaskGroup,
    TaskStatus,
)
from anyio.streams.tls import TLSStream

from mnstream.adapters.http.answering import Handler, answer, refuse
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, NO_OBSERVER, HttpLimits
from mnstream.adapters.http.exchange import ServerExchange
from mnstream.adapters.http.tls import identity_of
from mnstream.adapters.http.wire import STREAM_ERRORS, linger
from mnstream.adapters.rest import HttpProblem, HttpRequest, HttpResponse
from mnstream.core.errors import OperationError
from mnstream.ports.channel import Broken, TransportError
from mnstream.ports.observer import Observer
from mnstream.ports.transport import Peer

GoOn = Callable[[], Awaitable[None]]
"""Attends to a stream that leaves HTTP, to its end."""

_log = logging.getLogger(__name__)

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def listen(
    host: str, port: int, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS
) -> Sequence[SocketListener]:
    """Open listening sockets, one for each address of ``host``; port 0 takes a free one.

    Raises:
        OSError: The address is unknown, not ours, or in use.
    """
    listener = await anyio.create_tcp_listener(
        local_host=host, local_port=port, backlog=limits.accept_backlog
    )
    return [cast(SocketListener, each) for each in listener.listeners]


def port_of(listeners: Sequence[SocketListener]) -> int:
    """Return the port of the first listening socket."""
    return int(listeners[0].extra(SocketAttribute.local_port))


class RequestServer:
    """Answers requests over HTTP/1.1, with or without TLS.

    A request to upgrade is a request like any other.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        tls: ssl.SSLContext | None = None,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        """Keep who answers and what a peer may cost.

        Args:
            handler: Answers requests; called for several sockets at the same time. What it raises
                beside HttpProblem and OperationError is logged and answered 500; the server goes
                on.
            limits: What a peer may cost.
            tls: Context of a server; None serves plain HTTP.
            observer: Counts what is refused.
        """
        self._handler = handler
        self._limits = limits
        self._tls = tls
        self._observer = observer
        self._sockets = 0
        self._idle: set[anyio.CancelScope] = set()  # sockets between two requests
        self._stopping = False
        self._ended = anyio.Event()

    @property
    def sockets(self) -> int:
        """Sockets that are open now."""
        return self._sockets

    async def serve(
        self,
        listeners: Sequence[SocketListener],
        *,
        stop: anyio.Event | None = None,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Accept and attend to sockets until ``stop`` is set; may be called once.

        Then the listeners close first, silent keep-alive sockets next; requests are answered and
        channels end within ``stop_ms``: closing those with 1001 is up to the service. What
        is left is cut. Cancelled, it cuts everything at once.
        """
        async with anyio.create_task_group() as group:
            for listener in listeners:
                group.start_soon(self._accept, listener, group)
            task_status.started()
            try:
                await (stop or anyio.Event()).wait()
            finally:
                for listener in listeners:
                    await anyio.aclose_forcefully(listener)
            self._stopping = True
            for scope in tuple(self._idle):
                scope.cancel()
            if self._sockets:
                with anyio.move_on_after(self._limits.stop_ms / 1000):
                    await self._ended.wait()
            group.cancel_scope.cancel()

    async def _accept(self, listener: SocketListener, group: TaskGroup) -> None:
        """Take sockets in until the listener is closed."""
        while not self._stopping:
            try:
                stream = await listener.accept()
            except anyio.ClosedResourceError:
                return
            except (OSError, anyio.BrokenResourceError):
                # No descriptor left, or a dial that was given up meanwhile: those who wait in the
                # backlog keep waiting, which is better than a server that dies of being asked.
                self._observer.count("http_accepts_failed")
                await anyio.sleep(self._limits.accept_pause_ms / 1000)
                continue
            if self._sockets >= self._limits.sockets_max:
                await self._turn_away(stream)
            else:
                self._sockets += 1
                group.start_soon(self._attend, stream)

    async def _turn_away(self, stream: SocketStream) -> None:
        """Say that we are full, if that can be said without waiting, and close."""
        self._observer.count("http_sockets_refused", "full")
        try:
            if self._tls is None:
                with anyio.move_on_after(self._limits.accept_pause_ms / 1000):
                    await stream.send(_FULL)
        except STREAM_ERRORS:
            pass
        finally:
            await anyio.aclose_forcefully(stream)

    async def _attend(self, stream: ByteStream) -> None:
        """Serve one accepted socket; whatever happens on it stays with it."""
        try:
            await self.serve_stream(stream)
        except Exception:
            self._observer.count("http_sockets_failed", "internal")
            _log.exception("a socket was closed because of an error of ours")
        finally:
            self._sockets -= 1
            if self._stopping and not self._sockets:
                self._ended.set()

    async def serve_stream(self, stream: ByteStream) -> None:
        """Serve one byte stream until it ends, and close it.

        What peers do wrong is counted and never raised.
        """
        try:
            address = _address(stream)
            if self._tls is not None:
                stream = await self._secure(stream, self._tls)
            peer = Peer(identity=identity_of(stream), address=address)
            go_on = await self._serve_requests(stream, peer)
            if go_on is not None:
                await go_on()
        except TransportError:
            self._observer.count("http_sockets_failed", "broken")
        finally:
            await anyio.aclose_forcefully(stream)

    async def _secure(self, stream: ByteStream, context: ssl.SSLContext) -> ByteStream:
        """Do the TLS handshake.

        No closing handshake of TLS: lengths and the Close of WebSocket tell what is complete.
        """
        try:
            with anyio.fail_after(self._limits.tls_handshake_ms / 1000):
                return await TLSStream.wrap(
                    stream, server_side=True, ssl_context=context, standard_compatible=False
                )
        except (*STREAM_ERRORS, TimeoutError) as exc:
            cause = "too_slow" if isinstance(exc, TimeoutError) else "failed"
            self._observer.count("tls_handshakes_failed", cause)
            raise Broken(f"the TLS handshake failed: {exc}") from exc

    async def _serve_requests(self, stream: ByteStream, peer: Peer) -> GoOn | None:
        """Answer requests until the stream ends or leaves HTTP."""
        exchange = ServerExchange(stream, self._limits)
        while await self._another(exchange):
            try:
                request = await exchange.next_request()
                if request is None:
                    return None
                go_on = self._leave_http(stream, exchange, request, peer)
            except HttpProblem as refusal:
                await self._refuse(stream, exchange, refusal, None)
                return None
            if go_on is not None:
                return go_on
            response = await self._answer(request, peer)
            await exchange.respond(response, last=self._stopping)
            if not exchange.reusable:
                return None
        return None

    def _leave_http(
        self, stream: ByteStream, exchange: ServerExchange, request: HttpRequest, peer: Peer
    ) -> GoOn | None:
        """Take a stream over for something that is not HTTP; None to answer the request.

        Raises:
            HttpProblem: The request is refused, and the stream ends.
        """
        return None

    async def _another(self, exchange: ServerExchange) -> bool:
        """Wait for a request; a stopping server does not."""
        if self._stopping:
            return False
        with anyio.move_on_after(self._limits.idle_ms / 1000) as scope:
            self._idle.add(scope)
            try:
                return await exchange.wait_for_request()
            finally:
                self._idle.discard(scope)
        return False

    async def _answer(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Turn one request into its answer."""
        return await answer(self._handler, request, peer, self._observer)

    async def _refuse(
        self,
        stream: ByteStream,
        exchange: ServerExchange,
        refusal: HttpProblem | OperationError,
        request: HttpRequest | None,
    ) -> None:
        """Answer with an error and end the stream so that the answer can be read."""
        await exchange.respond(refuse(refusal, request, self._observer), last=True)
        await linger(stream, self._limits)


def _address(stream: ByteStream) -> str:
    """Say where a stream comes from, for people."""
    address = stream.extra(SocketAttribute.remote_address, "")
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"
