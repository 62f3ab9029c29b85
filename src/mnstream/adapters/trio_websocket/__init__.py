"""Server and producer's transport with channels of trio-websocket; on trio only.

Everything else is that of `mnstream.adapters.http`. trio-websocket answers Pings by itself, so its
acknowledgement means "received", not "durable"; it is here for those who run it already.
"""

from mnstream.adapters.trio_websocket.channel import TrioWebSocketChannel
from mnstream.adapters.trio_websocket.client import TrioWebSocketTransport
from mnstream.adapters.trio_websocket.server import TrioWebSocketServer

__all__ = ["TrioWebSocketChannel", "TrioWebSocketServer", "TrioWebSocketTransport"]
