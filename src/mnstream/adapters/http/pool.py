"""Sockets to servers that are kept between requests and shared by whoever asks."""

from __future__ import annotations

import select
import ssl
from collections import deque
from collections.abc import Sequence

import anyio
from anyio.abc import ByteStream, SocketAttribute

from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, HttpLimits
from mnstream.adapters.http.dialling import dial
from mnstream.adapters.http.exchange import ClientExchange
from mnstream.adapters.http.networks import AllowedNetworks
from mnstream.adapters.http.tls import client_context
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.ports.channel import Broken, Closed

PER_ORIGIN_MAX = 64
"""Requests to one server at the same time. A recipient that takes 20 ms for an answer is sent 3,200
notifications a second over this many sockets; 64 is also what a server of one process digests."""
SOCKETS_MAX = 1_024
"""Sockets in all; half of what Linux gives a process by default is left for everything else."""


class _Kept:
    """A socket and when it was used last."""

    __slots__ = ("exchange", "lane", "number", "since", "stream")

    def __init__(self, lane: _Lane, stream: ByteStream, exchange: ClientExchange) -> None:
        self.lane = lane
        self.stream = stream
        self.exchange = exchange
        self.number = stream.extra(SocketAttribute.raw_socket).fileno()
        self.since = 0.0


class _Lane:
    """One server: who may speak to it, and the sockets that wait, the last used at the end."""

    __slots__ = ("idle", "origin", "turns", "users")

    def __init__(self, origin: Origin, per_origin_max: int) -> None:
        self.origin = origin
        self.turns = anyio.Semaphore(per_origin_max, fast_acquire=True)
        self.users = 0
        self.idle: deque[_Kept] = deque()


class HttpPool:
    """Requests over sockets that are used again within ``HttpLimits.reuse_ms``.

    A server has ``per_origin_max`` sockets at most, all of them together ``sockets_max``; who comes
    when they are all busy waits for a turn. Sockets that wait for too long are closed when the
    next request goes anywhere, or when the pool is closed. A request that was cancelled takes its
    socket with it, because nobody knows where in the answer it stands.
    """

    def __init__(
        self,
        *,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        tls: ssl.SSLContext | None = None,
        allowed: AllowedNetworks | None = None,
        per_origin_max: int = PER_ORIGIN_MAX,
        sockets_max: int = SOCKETS_MAX,
    ) -> None:
        """Keep how to reach servers; nothing is dialled yet.

        Args:
            limits: What a server may cost.
            tls: Context of a client; None makes one that trusts the system's roots.
            allowed: Where servers may be; None for anywhere.
            per_origin_max: Requests to one server at the same time.
            sockets_max: Sockets in all.
        """
        self._limits = limits
        self._tls = tls
        self._allowed = allowed
        self._per_origin_max = per_origin_max
        self._sockets_max = sockets_max
        self._turns = anyio.Semaphore(sockets_max, fast_acquire=True)
        self._lanes: dict[Origin, _Lane] = {}
        self._idle: dict[_Kept, None] = {}  # of every lane, the longest unused first
        self._sockets = 0
        self._closed = False

    @property
    def sockets(self) -> int:
        """Sockets that are open now."""
        return self._sockets

    async def request(
        self, origin: Origin, request: HttpRequest, *, repeatable: bool = False
    ) -> HttpResponse:
        """Send a request, ``Host`` added, and return the answer. Whoever calls bounds the time.

        Cancelled, it is unknown whether the server acted.

        Args:
            origin: The server.
            request: What to send.
            repeatable: Whether it may be sent once more when a kept socket turns out to be closed,
                although the server may have acted.

        Raises:
            NotAllowed: The server is where nobody may connect to.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = _Lane(origin, self._per_origin_max)
        lane.users += 1
        try:
            async with lane.turns, self._turns:
                return await self._ask(lane, request, repeatable)
        finally:
            lane.users -= 1
            self._forget_if_unused(lane)

    async def dial(self, origin: Origin) -> ByteStream:
        """Open a socket that is the caller's: the pool neither counts nor keeps it.

        Raises:
            NotAllowed: The server is where nobody may connect to.
            Broken: It cannot be reached.
            Closed: After ``aclose``.
        """
        if self._closed:
            raise Closed("the pool was closed by us")
        return await dial(origin, limits=self._limits, context=self._context, allowed=self._allowed)

    async def aclose(self) -> None:
        """Close the sockets that wait. Those in use close after their answers. Never raises."""
        self._closed = True
        await self._close(list(self._idle))

    async def _ask(self, lane: _Lane, request: HttpRequest, repeatable: bool) -> HttpResponse:
        """Send a request on a kept socket if there is one, else on a new one."""
        if self._closed:
            raise Closed("the pool was closed by us")
        headers = (("Host", lane.origin.authority), *request.headers)
        request = HttpRequest(
            method=request.method, target=request.target, headers=headers, body=request.body
        )
        kept = await self._take(lane)
        if kept is not None:
            try:
                return await self._ask_on(kept, request)
            except Broken:
                if kept.exchange.heard or not repeatable:
                    raise
        return await self._ask_on(await self._dial(lane), request)

    async def _ask_on(self, kept: _Kept, request: HttpRequest) -> HttpResponse:
        """Send a request on a socket, and keep that for the next one if possible."""
        try:
            response, _ = await kept.exchange.request(request)
        except BaseException:
            await self._close([kept])
            raise
        if self._closed or not kept.exchange.reusable:
            await self._close([kept])
        else:
            kept.since = anyio.current_time()
            kept.lane.idle.append(kept)
            self._idle[kept] = None
        return response

    async def _take(self, lane: _Lane) -> _Kept | None:
        """Return the socket that was used last, if it is good, and close those that are not."""
        oldest = anyio.current_time() - self._limits.reuse_ms / 1000
        chosen = None
        bad: list[_Kept] = []
        for kept in self._idle:  # sorted, so that mostly the first one ends it
            if kept.since > oldest:
                break
            bad.append(kept)
        for kept in reversed(lane.idle):
            if kept.since <= oldest:
                break
            if _is_silent(kept.number):
                chosen = kept
                break
            bad.append(kept)
        if chosen is not None:
            self._remove(chosen)
        if bad:
            try:
                await self._close(bad)
            except BaseException:
                if chosen is not None:
                    await self._close([chosen])
                raise
        return chosen

    async def _dial(self, lane: _Lane) -> _Kept:
        """Open a socket; one that waits elsewhere makes room for it.

        There is one, because whoever comes here has a turn and no socket yet.
        """
        surplus = [next(iter(self._idle))] if self._sockets >= self._sockets_max else []
        self._sockets += 1
        try:
            await self._close(surplus)
            stream = await self.dial(lane.origin)
        except BaseException:
            self._sockets -= 1
            raise
        return _Kept(lane, stream, ClientExchange(stream, self._limits))

    async def _close(self, sockets: Sequence[_Kept]) -> None:
        """Close sockets, all of them also when we are cancelled."""
        for kept in sockets:
            self._remove(kept)
            self._sockets -= 1
            self._forget_if_unused(kept.lane)
        with anyio.CancelScope(shield=True):  # cut, not closed: nothing here takes time
            for kept in sockets:
                await anyio.aclose_forcefully(kept.stream)

    def _remove(self, kept: _Kept) -> None:
        """Take a socket off the lists of those that wait, if it is there."""
        if kept in self._idle:
            del self._idle[kept]
            idle = kept.lane.idle
            if idle[-1] is kept:
                idle.pop()
            else:
                idle.remove(kept)

    def _forget_if_unused(self, lane: _Lane) -> None:
        """Remember no server that nobody speaks to and nothing waits for."""
        if not lane.users and not lane.idle:
            self._lanes.pop(lane.origin, None)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = client_context()
        return self._tls


def _is_silent(number: int) -> bool:
    """Tell whether a peer neither said something unasked for nor ended the stream.

    Nothing reads a socket between two requests, so the kernel knows.
    """
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return not poll.poll(0)
    readable, _, _ = select.select([number], [], [], 0)
    return not readable
