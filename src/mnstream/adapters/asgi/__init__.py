"""The consumer's port as an ASGI application, for services that have an HTTP server already.

`StreamingApp` is mounted under any prefix of a FastAPI or Starlette application, or served alone.
Requests have the meaning that `mnstream.adapters.rest` gives them, as behind `HttpServer`. Sockets,
TLS, heads of requests, Ping and Pong are the server's: an acknowledgement of its channels means
"received", not "durable" (ARCHITECTURE.md 1).
"""

from mnstream.adapters.asgi.app import StreamingApp
from mnstream.adapters.asgi.channel import AsgiChannel

__all__ = ["AsgiChannel", "StreamingApp"]
