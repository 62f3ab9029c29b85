"""The load: a client on plain blocking sockets, the same for every server.

Nothing of an event loop or of a WebSocket library works while a measurement lasts; bytes that were
encoded before are handed to the kernel.
"""

from __future__ import annotations

import base64
import http.client
import socket
import time
from urllib.parse import urlsplit

from mnstream.adapters.bench.processes import BenchmarkFailed
from mnstream.adapters.http.frames import FrameCodec
from mnstream.adapters.rest import encode_request
from mnstream.core.operations import EstablishStreamingConnection
from mnstream.core.profiles import REL19
from mnstream.core.values import ProducerId, StreamInfo
from mnstream.ports.channel import Pong

_LIMIT_S = 60.0
_SEND_BUFFER_BYTES = 512 * 1024  # bounds what a slow server still has to read when a round is over
_KEY = base64.b64encode(b"mnstream.bench..").decode()
_CLOSE = 1000


class WebSocketClient:
    """An open WebSocket."""

    __slots__ = ("_codec", "_pings", "socket")

    def __init__(self, url: str) -> None:
        """Connect and upgrade.

        Args:
            url: ``http://HOST:PORT/PATH`` of the channel.

        Raises:
            BenchmarkFailed: The server refuses.
        """
        where = urlsplit(url)
        self.socket = socket.create_connection((where.hostname, where.port), _LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._codec: FrameCodec | None = None
        self._pings = 0
        request = (
            f"GET {where.path or '/'} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self.socket.sendall(request.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            data = self.socket.recv(4096)
            if not data:
                break
            answer += data
        if not answer.startswith(b"HTTP/1.1 101 "):
            self.socket.close()
            raise BenchmarkFailed(f"no WebSocket: {answer[:200]!r}")

    def next_ping(self) -> bytes:
        """Encode the next Ping; ``wait_for_pong`` waits for the answer to the last one."""
        self._pings += 1
        return self._frames().ping(self._pings.to_bytes(8, "big"))

    def wait_for_pong(self) -> None:
        """Read until the last Ping is answered.

        Raises:
            BenchmarkFailed: The server hung up, or took too long.
        """
        last = Pong(self._pings.to_bytes(8, "big"))
        try:
            while data := self.socket.recv(65536):
                if last in self._frames().feed(data):
                    return
        except OSError as error:
            raise BenchmarkFailed(f"no Pong: {error}") from error
        raise BenchmarkFailed("the server hung up instead of sending a Pong")

    def hung_up(self) -> bool:
        """Tell whether the server has ended the connection; a Ping of its own is no end."""
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(_LIMIT_S)

    def close(self) -> None:
        """Say goodbye and wait until the server has hung up."""
        with self.socket:
            self.socket.sendall(self._frames().close(_CLOSE, ""))
            while self.socket.recv(65536):
                pass

    def _frames(self) -> FrameCodec:
        if self._codec is None:  # thousands of idle clients go without
            self._codec = FrameCodec(server=False, message_bytes_max=1 << 20)
        return self._codec


class Establisher:
    """Creates connections at a collector by POST, on one socket that is kept."""

    def __init__(self, url: str) -> None:
        """Name the root of the collector."""
        where = urlsplit(url)
        assert where.hostname is not None
        self._base_path = where.path
        self._http = http.client.HTTPConnection(where.hostname, where.port, timeout=_LIMIT_S)

    def establish(self, producer: str, streams: tuple[StreamInfo, ...]) -> str:
        """Create a connection and return its URI.

        Raises:
            BenchmarkFailed: The collector refuses.
        """
        operation = EstablishStreamingConnection(
            producer_id=ProducerId(producer), stream_info_list=streams
        )
        request = encode_request(operation, base_path=self._base_path, profile=REL19)
        self._http.request(request.method, request.target, request.body, dict(request.headers))
        answer = self._http.getresponse()
        body = answer.read()
        location = answer.getheader("Location")
        if answer.status != http.HTTPStatus.CREATED or location is None:
            raise BenchmarkFailed(f"no connection: {answer.status} {body[:200]!r}")
        return location

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def pour(client: WebSocketClient, chunk: bytes, frames: int, seconds: float) -> tuple[int, float]:
    """Send a chunk of frames again and again, a Ping behind each, as fast as they are taken.

    Returns:
        How many frames were sent, and the seconds from the first byte to the Pong of the last Ping.
    """
    sent = 0
    begin = time.perf_counter()
    end = begin + seconds
    while time.perf_counter() < end:
        client.socket.sendall(chunk + client.next_ping())
        sent += frames
    client.wait_for_pong()
    return sent, time.perf_counter() - begin
