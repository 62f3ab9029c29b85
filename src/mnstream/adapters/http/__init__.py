"""HTTP/1.1 and WebSocket for both sides, on trio and on asyncio: the default transport.

`HttpServer` is the consumer's port, `HttpTransport` a producer's way to it. `HttpSender` posts
notifications, `NotificationReceiver` takes them on a `RequestServer`, and `HttpProvider` subscribes
and reads those that are stored. Requests are h11's, their meaning `mnstream.adapters.rest`'s,
frames those of `websockets`; sockets, TLS and time are anyio's. Every limit stands in `HttpLimits`.
"""

from mnstream.adapters.http.answering import Handler
from mnstream.adapters.http.client import HttpTransport
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, HttpLimits
from mnstream.adapters.http.header_source import HeaderSource
from mnstream.adapters.http.networks import AllowedNetworks
from mnstream.adapters.http.pool import HttpPool
from mnstream.adapters.http.provider import HttpProvider
from mnstream.adapters.http.receiver import RECEIVER_LIMITS, NotificationReceiver
from mnstream.adapters.http.requests import RequestServer, listen, port_of
from mnstream.adapters.http.sender import SENDER_LIMITS, HttpSender
from mnstream.adapters.http.server import ExtraRoutes, HttpServer, Identify
from mnstream.adapters.http.signatures import Signature, read_secret
from mnstream.adapters.http.tls import client_context, identity_of, server_context
from mnstream.adapters.http.websocket import WebSocketChannel

__all__ = [
    "DEFAULT_HTTP_LIMITS",
    "RECEIVER_LIMITS",
    "SENDER_LIMITS",
    "AllowedNetworks",
    "ExtraRoutes",
    "Handler",
    "HeaderSource",
    "HttpLimits",
    "HttpPool",
    "HttpProvider",
    "HttpSender",
    "HttpServer",
    "HttpTransport",
    "Identify",
    "NotificationReceiver",
    "RequestServer",
    "Signature",
    "WebSocketChannel",
    "client_context",
    "identity_of",
    "listen",
    "port_of",
    "read_secret",
    "server_context",
]
