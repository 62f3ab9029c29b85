"""What operators ask over HTTP, beside the 3GPP resources: health, metrics and ``/admin/api``.

Every answer is read-only and given only to peers whose address is in ``admin_peers``, by default
this machine. For everybody else these paths do not exist: neither for the clients of a proxy on
this machine, nor for pages in a browser on it (DNS rebinding), as far as requests show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from types import MappingProxyType
from typing import Protocol

from mnstream.adapters.observability.families import METRICS_TYPE
from mnstream.adapters.observability.readiness import Reason
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.rest.json_text import Unreadable, write_json
from mnstream.adapters.rest.messages import JSON_TYPE, Headers
from mnstream.adapters.rest.uris import (
    path_segments,
    percent_decode,
    query_parameters,
    split_target,
)
from mnstream.core.errors import MnSError
from mnstream.core.values import Json
from mnstream.ports.transport import Peer

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
"""Peers that are this machine."""
EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Peers of an address that is for operators alone."""

_ALLOW = "GET, HEAD"
_PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
_PORT = re.compile(r":\d*\Z")
_NO_STORE = ("Cache-Control", "no-store")


class BadQuery(MnSError):
    """The query of a request to ``/admin/api`` makes no sense; the text says why."""


Query = Mapping[str, str]
"""Parameters of a query, decoded; the last of several equal names."""
Resource = Callable[[Sequence[str], Query], Json]
"""Answers ``/admin/api/NAME``, given the segments behind the name and the query.

None where there is nothing; raises BadQuery. Neither waits nor fails otherwise.
"""


class ReadinessSource(Protocol):
    """Whether a service should be given work."""

    async def reasons(self) -> Sequence[Reason]:
        """Say why the service is not ready, in a fixed order; empty when it is. Never waits."""
        ...


class MetricsSource(Protocol):
    """The numbers of a service."""

    def render(self) -> bytes:
        """Give all metrics as text of type ``METRICS_TYPE``. Neither waits nor fails."""
        ...


class Admin:
    """Answers extra routes of an ``adapters.http.HttpServer``; its instances are the callable."""

    def __init__(
        self,
        *,
        readiness: ReadinessSource,
        metrics: MetricsSource,
        resources: Mapping[str, Resource] = MappingProxyType({}),
        admin_peers: Sequence[Network] = LOOPBACK,
    ) -> None:
        """Keep what to answer with.

        Args:
            readiness: Answers ``/readyz``.
            metrics: Answers ``/metrics``.
            resources: Answer below ``/admin/api/``, by name; ``resources`` of the views of a
                service gives them.
            admin_peers: Networks whose peers are answered. When it is the default, ``Host`` must
                name this machine, and no header may tell that a proxy passed the request on: who
                sent it is unknown. A proxy that says nothing and asks for a loopback address
                cannot be told from this machine.
        """
        self._readiness = readiness
        self._metrics = metrics
        self._resources = dict(resources)
        self._peers = tuple(admin_peers)

    async def __call__(self, request: HttpRequest, peer: Peer) -> HttpResponse | None:
        """Answer one request; None when it is not ours, or the peer must not know that it is.

        An answer to HEAD has the body of GET; the server leaves it away.
        """
        path, query = split_target(request.target)
        if not _is_ours(path) or not self._is_admitted(request, peer):
            return None
        try:
            segments = path_segments(path, base_path="")
        except Unreadable as problem:
            return _problem(400, str(problem))
        if not self._exists(segments):
            return _problem(404, f"there is no {path}")
        if request.method not in ("GET", "HEAD"):
            return _problem(405, f"{request.method} is not possible here", ("Allow", _ALLOW))
        match segments:
            case ("healthz",):
                return _json(200, {"alive": True})
            case ("readyz",):
                return await self._ready()
            case ("metrics",):
                headers = (("Content-Type", METRICS_TYPE), _NO_STORE)
                return HttpResponse(status=200, headers=headers, body=self._metrics.render())
            case ("admin", "api"):
                names: list[Json] = [*sorted(self._resources)]
                return _json(200, {"resources": names})
            case _:
                return self._resource(path, segments[2:], query)

    def _exists(self, segments: Sequence[str]) -> bool:
        match segments:
            case ("healthz",) | ("readyz",) | ("metrics",) | ("admin", "api"):
                return True
            case ("admin", "api", name, *_):
                return name in self._resources
            case _:
                return False

    def _is_admitted(self, request: HttpRequest, peer: Peer) -> bool:
        # The HTTP server writes host:port, IPv6 without brackets.
        address = _ip_of(peer.address.rpartition(":")[0])
        if address is None or not any(address in network for network in self._peers):
            return False
        if self._peers != LOOPBACK:
            return True
        passed_on = any(request.header(name) is not None for name in _PROXY_HEADERS)
        host = request.header("Host")
        return not passed_on and (host is None or _names_this_machine(host))

    async def _ready(self) -> HttpResponse:
        reasons = await self._readiness.reasons()
        listed: list[Json] = [{"cause": r.cause, "detail": r.detail} for r in reasons]
        return _json(503 if reasons else 200, {"ready": not reasons, "reasons": listed})

    def _resource(self, path: str, segments: Sequence[str], query: str) -> HttpResponse:
        name, *rest = segments
        try:
            parameters = {name: percent_decode(text) for name, text in query_parameters(query)}
            value = self._resources[name](rest, parameters)
        except (BadQuery, Unreadable) as problem:
            return _problem(400, str(problem))
        return _problem(404, f"there is no {path}") if value is None else _json(200, value)


def _is_ours(path: str) -> bool:
    """Tell by its path whether a request is for operators, without decoding anything."""
    return path in ("/healthz", "/readyz", "/metrics", "/admin") or path.startswith("/admin/")


def _names_this_machine(authority: str) -> bool:
    """Tell whether only programs of this machine ask for it by this ``Host``.

    The unspecified address is what our own URI has when we listen on all of them.
    """
    host = _PORT.sub("", authority)
    ip = _ip_of(host)
    return host.lower() == "localhost" or (ip is not None and (ip.is_loopback or ip.is_unspecified))


def _ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """Read an address, IPv6 with or without brackets; None for what is none, such as a path."""
    try:
        ip = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    # On a socket for both versions, IPv4 peers show as ::ffff:192.0.2.1.
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _json(status: int, value: Json, *headers: tuple[str, str]) -> HttpResponse:
    all_headers: Headers = (("Content-Type", JSON_TYPE), _NO_STORE, *headers)
    return HttpResponse(status=status, headers=all_headers, body=write_json(value) + b"\n")


def _problem(status: int, detail: str, *headers: tuple[str, str]) -> HttpResponse:
    return _json(status, {"error": detail}, *headers)
