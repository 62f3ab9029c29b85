"""What composition roots have in common: addresses as URIs, and who answers a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address

import anyio
from anyio.abc import SocketListener, TaskGroup

from mnstream.adapters.http import HttpLimits, RequestServer, listen, port_of
from mnstream.adapters.observability import EVERYWHERE, LOOPBACK, Network
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.ports.transport import Peer

Answer = Callable[[HttpRequest, Peer], Awaitable[HttpResponse]]
"""Answers every request."""
Offer = Callable[[HttpRequest, Peer], Awaitable[HttpResponse | None]]
"""Answers a request, or leaves it (None) to somebody else."""


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def operators(admin: tuple[str, int] | None) -> Sequence[Network]:
    """Say who is answered by administrative routes: this machine, or whoever reaches them.

    Args:
        admin: Address of their own; None when they share one with the 3GPP resources.
    """
    return LOOPBACK if admin is None or is_loopback(admin[0]) else EVERYWHERE


def authority(host: str, port: int) -> str:
    """Write an address as a part of a URI."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def first_of(*offers: Offer) -> Answer:
    """Let the first one answer that wants to; what nobody wants is not found."""

    async def answer(request: HttpRequest, peer: Peer) -> HttpResponse:
        for offer in offers:
            response = await offer(request, peer)
            if response is not None:
                return response
        return HttpResponse(status=404)

    return answer


async def listening(
    stack: AsyncExitStack, host: str, port: int, limits: HttpLimits
) -> Sequence[SocketListener]:
    """Open listening sockets that close with the stack.

    Raises:
        OSError: The address cannot be used; it is the ``filename``.
    """
    try:
        listeners = await listen(host, port, limits=limits)
    except OSError as error:
        cause = error
        while isinstance(cause.__cause__, OSError):
            cause = cause.__cause__
        raise OSError(cause.errno, cause.strerror or str(error), authority(host, port)) from error
    for listener in listeners:
        stack.push_async_callback(listener.aclose)
    return listeners


async def serving_admin(
    stack: AsyncExitStack,
    tasks: TaskGroup,
    routes: Offer,
    address: tuple[str, int],
    stop: anyio.Event,
) -> str:
    """Serve administrative routes at an address of their own; gives it as a URI.

    Raises:
        OSError: The address cannot be used.
    """
    limits = HttpLimits()
    listeners = await listening(stack, *address, limits)
    server = RequestServer(first_of(routes), limits=limits)
    tasks.start_soon(partial(server.serve, listeners, stop=stop))
    return f"http://{authority(address[0], port_of(listeners))}"
