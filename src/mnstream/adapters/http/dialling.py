"""Sockets to servers: names, addresses, TCP, TLS, each within its time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.http.config import HttpLimits
from mnstream.adapters.http.networks import AllowedNetworks
from mnstream.adapters.http.wire import STREAM_ERRORS
from mnstream.ports.channel import Broken

_ADDRESSES_MAX = 8  # of one name that are tried; each gets its share of the time


async def dial(
    origin: Origin,
    *,
    limits: HttpLimits,
    context: Callable[[], ssl.SSLContext],
    allowed: AllowedNetworks | None = None,
) -> ByteStream:
    """Open a socket, with TLS where the origin wants it. Cancelled, nothing stays open.

    Args:
        origin: The server.
        limits: How long it may take.
        context: Gives the context of a client; asked for TLS only.
        allowed: Where the server may be; None for anywhere. The name is resolved once, so that
            what was allowed is what is connected to.

    Raises:
        NotAllowed: The server is somewhere else.
        Broken: It cannot be reached.
    """
    try:
        with anyio.fail_after(limits.connect_ms / 1000):
            if allowed is None:
                stream = await anyio.connect_tcp(origin.host, origin.port)
            else:
                stream = await _connect(origin, allowed)
    except (OSError, UnicodeError) as exc:
        reason = "no answer" if isinstance(exc, TimeoutError) else str(exc)
        raise Broken(f"cannot reach {origin.authority}: {reason}") from exc
    if not origin.secure:
        return stream
    try:
        with anyio.fail_after(limits.tls_handshake_ms / 1000):
            return await TLSStream.wrap(
                stream,
                hostname=origin.host,
                ssl_context=context(),
                standard_compatible=False,
            )
    except (*STREAM_ERRORS, UnicodeError) as exc:
        await anyio.aclose_forcefully(stream)
        reason = "no answer" if isinstance(exc, TimeoutError) else str(exc) or "ended"
        raise Broken(f"no TLS with {origin.authority}: {reason}") from exc
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise


async def _connect(origin: Origin, allowed: AllowedNetworks) -> SocketStream:
    """Connect to the first address of a server that is allowed and answers."""
    found = await anyio.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    hosts = allowed.choose([str(each[4][0]) for each in found])[:_ADDRESSES_MAX]
    failure: OSError = OSError("no address")
    for left, host in zip(range(len(hosts), 0, -1), hosts, strict=True):
        share = (anyio.current_effective_deadline() - anyio.current_time()) / left
        try:
            with anyio.fail_after(share):
                return await anyio.connect_tcp(host, origin.port)
        except OSError as exc:
            failure = exc
    raise failure
