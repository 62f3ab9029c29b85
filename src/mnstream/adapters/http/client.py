"""A producer's way to a consumer over HTTP/1.1 and WebSocket (TS 28.532 12.5.1.1)."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Collection
from dataclasses import replace

import anyio
from anyio.abc import ByteStream

from mnstream.adapters.http.addresses import Origin, Root, parse_root, root_of_location
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, NO_OBSERVER, HttpLimits
from mnstream.adapters.http.exchange import ClientExchange
from mnstream.adapters.http.handshake import check_answer, new_request
from mnstream.adapters.http.header_source import HeaderSource, further_headers
from mnstream.adapters.http.pool import HttpPool
from mnstream.adapters.http.websocket import WebSocketChannel
from mnstream.adapters.rest import (
    HttpRequest,
    HttpResponse,
    connection_path,
    decode_outcome,
    decode_refusal,
    encode_request,
)
from mnstream.core.errors import OperationError, RemoteProtocolError
from mnstream.core.operations import (
    AddStream,
    ControlOperation,
    DeleteStream,
    EstablishOutcome,
    GetStreamInfo,
    Outcome,
)
from mnstream.core.profiles import REL19, Profile
from mnstream.core.values import ConnectionId
from mnstream.ports.channel import Broken, Channel
from mnstream.ports.observer import Observer

_log = logging.getLogger(__name__)

_SWITCHING_PROTOCOLS = 101
_FIRST_ERROR = 300
_ROOTS_MAX = 1_024  # connections whose Location is remembered; a producer has one at a time
_SHOWN_MAX = 200  # characters of a Location


class HttpTransport:
    """``ports.transport.ProducerTransport`` over HTTP/1.1.

    Sockets are kept between control requests for ``HttpLimits.reuse_ms``. A request that meets a
    closed one is repeated once when it is a GET; repeating a POST might act twice, and a repeated
    DELETE would be answered 404. Redirects are not followed.

    ``Location`` decides where the channel and the later requests of a connection go, as long as it
    stays on the host of the base URL (any port) or on one of ``location_hosts``, and does not
    lead from TLS to plain text. Otherwise it is counted (``http_locations_not_followed``) and
    logged, and only its connection identifier is used, under the base URL: collectors behind a
    proxy often do not know their own name.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls: ssl.SSLContext | None = None,
        profile: Profile = REL19,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        observer: Observer = NO_OBSERVER,
        headers: HeaderSource | None = None,
        location_hosts: Collection[str] = (),
    ) -> None:
        """Keep where the consumer is; nothing is dialled yet.

        Args:
            base_url: Root of the consumer, ``http(s)://HOST[:PORT][/PATH]``.
            tls: Context of a client; None makes one that trusts the system's roots.
            profile: Reading of the standard.
            limits: What the consumer may cost.
            observer: Counts what is out of order.
            headers: Further headers of every request, for example ``Authorization``.
            location_hosts: Other hosts that a ``Location`` may lead to.

        Raises:
            ValueError: ``base_url`` is not one.
        """
        self._base = parse_root(base_url)
        self._profile = profile
        self._limits = limits
        self._observer = observer
        self._headers = headers
        self._location_hosts = frozenset(host.lower() for host in location_hosts)
        self._roots: dict[ConnectionId, Root] = {}
        self._pool = HttpPool(limits=limits, tls=tls)

    async def request(self, operation: ControlOperation) -> Outcome:
        """Carry out a control operation; calls may overlap.

        Takes ``HttpLimits.request_ms`` at most. Cancelled, it is unknown whether the consumer
        acted.

        Raises:
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
            LocalProtocolError: The operation has no form in HTTP.
        """
        root = self._root_for(operation)
        request = encode_request(operation, base_path=root.base_path, profile=self._profile)
        try:
            with anyio.fail_after(self._limits.request_ms / 1000):
                response = await self._ask(root.origin, request)
        except TimeoutError as exc:
            raise Broken(f"no answer within {self._limits.request_ms} ms") from exc
        try:
            outcome = decode_outcome(operation, response, profile=self._profile)
        except RemoteProtocolError as exc:
            raise Broken(str(exc)) from exc
        if isinstance(outcome, EstablishOutcome) and outcome.connection_id is not None:
            self._remember(outcome.connection_id, response.header("Location") or "")
        return outcome

    async def open_channel(self, connection_id: ConnectionId) -> Channel:
        """Open the channel of a connection on a socket of its own.

        Takes ``HttpLimits.request_ms`` at most. Cancelled, nothing stays open.

        Raises:
            OperationError: The consumer answered and refused.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        root = self._roots.get(connection_id, self._base)
        path = connection_path(connection_id, base_path=root.base_path)
        try:
            with anyio.fail_after(self._limits.request_ms / 1000):
                stream = await self._pool.dial(root.origin)
                try:
                    return await self._upgrade(stream, root.origin, path)
                except BaseException:
                    await anyio.aclose_forcefully(stream)
                    raise
        except TimeoutError as exc:
            raise Broken(f"no channel within {self._limits.request_ms} ms") from exc

    async def aclose(self) -> None:
        """Close the sockets that are kept. Channels stay open. Never raises."""
        await self._pool.aclose()

    # --- requests -------------------------------------------------------------------------------

    def _root_for(self, operation: ControlOperation) -> Root:
        """Return where the connection of an operation lives."""
        if isinstance(operation, AddStream | DeleteStream | GetStreamInfo):
            connection_id = operation.connection_id
            if connection_id is not None:
                return self._roots.get(connection_id, self._base)
        return self._base

    def _remember(self, connection_id: ConnectionId, location: str) -> None:
        """Keep where a new connection lives, if that is somewhere else."""
        path = connection_path(connection_id, base_path="")
        root = root_of_location(location, base=self._base, path=path, hosts=self._location_hosts)
        if root is None:
            self._observer.count("http_locations_not_followed")
            _log.info("not followed, the base URL is used: Location %r", location[:_SHOWN_MAX])
        elif root != self._base:
            while len(self._roots) >= _ROOTS_MAX:
                self._roots.pop(next(iter(self._roots)))
            self._roots[connection_id] = root

    async def _ask(self, origin: Origin, request: HttpRequest) -> HttpResponse:
        """Send a request with what whoever configured the transport adds to it."""
        further = await further_headers(self._headers)
        request = replace(request, headers=(*further, *request.headers))
        return await self._pool.request(origin, request, repeatable=request.method == "GET")

    async def _upgrade(self, stream: ByteStream, origin: Origin, path: str) -> Channel:
        """Do the opening handshake of RFC 6455 on a new socket."""
        request, key = new_request(path)
        further = await further_headers(self._headers)
        headers = (("Host", origin.authority), *further, *request.headers)
        exchange = ClientExchange(stream, self._limits)
        answer, leftover = await exchange.request(replace(request, headers=headers))
        if answer.status != _SWITCHING_PROTOCOLS:
            raise self.refusal_of(answer)
        check_answer(answer, key)
        return WebSocketChannel(
            stream,
            server=False,
            limits=self._limits,
            observer=self._observer,
            leftover=leftover,
        )

    def refusal_of(self, answer: HttpResponse) -> OperationError | Broken:
        """Read the answer to a handshake that is not 101."""
        if answer.status < _FIRST_ERROR:
            return Broken(f"the answer to a WebSocket handshake is {answer.status}; a proxy?")
        return decode_refusal(answer)
