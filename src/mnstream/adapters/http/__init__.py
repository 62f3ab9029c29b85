"""HTTP/1.1 and WebSocket for both sides, on trio and on asyncio: the default transport.

`HttpServer` is the consumer's port, `HttpTransport` a producer's way to it. Requests are h11's,
their meaning `mnstream.adapters.rest`'s, frames those of `websockets`; sockets, TLS and time are
anyio's. Every limit stands in `HttpLimits`.
"""

from mnstream.adapters.http.client import HeaderSource, HttpTransport
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, HttpLimits
from mnstream.adapters.http.server import ExtraRoutes, HttpServer, Identify, listen, port_of
from mnstream.adapters.http.tls import client_context, identity_of, server_context
from mnstream.adapters.http.websocket import WebSocketChannel

__all__ = [
    "DEFAULT_HTTP_LIMITS",
    "ExtraRoutes",
    "HeaderSource",
    "HttpLimits",
    "HttpServer",
    "HttpTransport",
    "Identify",
    "WebSocketChannel",
    "client_context",
    "identity_of",
    "listen",
    "port_of",
    "server_context",
]
