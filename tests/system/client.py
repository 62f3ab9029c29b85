"""A producer that shares nothing with mnstream: http.client, sockets, bytes written by hand."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3, with its accept key
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The text of ``errorInfo`` in an errorResponse-Type."""
        (member,) = self.json.items()
        assert member[0] == "error"
        return str(member[1]["errorInfo"])


class Producer:
    """Requests below the root of one collector."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.address = (parts.hostname, parts.port)
        self.root = parts.path
        self.url = url

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; ``body`` is JSON unless it is bytes."""
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {} if body is None else {"Content-Type": "application/json"}
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, self.root + path, payload, {**sent, **(headers or {})})
            answer = connection.getresponse()
            # One header of each name is enough here.
            return Answer(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                body=answer.read(),
            )
        finally:
            connection.close()

    def establish(self, *streams: dict[str, Any]) -> str:
        """Return the path of a new connection below the root."""
        body = {"producer": "ManagedElement=gnb1", "streams": list(streams) or [performance(5)]}
        answer = self.ask("POST", "/connections", body)
        assert answer.status == 201, answer.body
        return answer.headers["location"].removeprefix(self.url)

    def upgrade(self, path: str) -> Socket:
        return Socket(self.address, self.root + path)


class Socket:
    """A WebSocket whose every frame is written by hand."""

    def __init__(self, address: tuple[str, int], target: str) -> None:
        self._socket = socket.create_connection(address, timeout=TIMEOUT_S)
        lines = [f"GET {target} HTTP/1.1", f"Host: {address[0]}:{address[1]}"]
        lines += [f"{name}: {value}" for name, value in HANDSHAKE.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        status = self._file.readline()
        headers = dict[str, str]()
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        assert status.split()[1] == b"101", status
        assert headers["sec-websocket-accept"] == ACCEPT
        assert headers["upgrade"].lower() == "websocket"

    def send(self, opcode: int, payload: bytes = b"", *, final: bool = True) -> None:
        """Send one masked frame (RFC 6455 5.2)."""
        self.send_head(opcode, len(payload), final=final)
        self._socket.sendall(payload)

    def send_head(self, opcode: int, size: int, *, final: bool = True) -> None:
        """Send the head of a frame; the mask is zero, so what follows is sent as it is."""
        head = bytes([opcode | (0x80 if final else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += b"\xfe" + struct.pack(">H", size)
        else:
            head += b"\xff" + struct.pack(">Q", size)
        self._socket.sendall(head + bytes(4))

    def receive(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame, which must be whole and unmasked."""
        first, second = self._exactly(2)
        assert first & 0x80, "control frames and ours are not fragmented"
        assert not second & 0x80, "a server does not mask"
        assert second < 126
        return first & 0x0F, self._exactly(second)

    def ask_durable(self, payload: bytes = b"durable?") -> None:
        """Ping, and wait for the Pong."""
        self.send(PING, payload)
        assert self.receive() == (PONG, payload)

    def closed_by_peer(self) -> int:
        """Receive the Close, answer it, wait for the end, and return its code."""
        opcode, payload = self.receive()
        assert opcode == CLOSE
        self.send(CLOSE, payload[:2])
        assert self._file.read() == b""
        self.drop()
        return int(struct.unpack(">H", payload[:2])[0])

    def close(self, code: int = 1000) -> tuple[int, int]:
        """Close, and return opcode and code of what comes back."""
        self.send(CLOSE, struct.pack(">H", code))
        opcode, payload = self.receive()
        assert self._file.read() == b""
        self.drop()
        return opcode, int(struct.unpack(">H", payload[:2])[0])

    def drop(self) -> None:
        self._file.close()
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        payload = self._file.read(size)
        assert len(payload) == size, "the socket ended"
        return payload


def performance(stream_id: int, *metrics: str) -> dict[str, Any]:
    """A streamInfo-Type as the YAML has it."""
    return {
        "streamId": str(stream_id),
        "streamType": "PERFORMANCE",
        "serializationFormat": "GPB",
        "additionalInfo": {
            "measObjDn": f"ManagedElement=gnb1,NRCellDU={stream_id}",
            "performanceMetrics": list(metrics) or ["RRU.PrbTotDl", "DRB.UEThpDl"],
        },
    }


def pdsus(stream_id: int, *values: int) -> bytes:
    """One PDSU of TS 28.550 Annex I, of 2021-08-16T16:01:37Z, by hand; all below 128."""
    unit = bytes([0x08, stream_id]) + bytes.fromhex("120608e197ea8806")
    for value in values:
        unit += bytes([0x1A, 0x02, 0x08, value])
    return bytes([0x0A, len(unit)]) + unit


VECTOR = bytes.fromhex("0a1a0805120608e197ea88061a0208071a0a22080a02100312020809")
"""Stream 5, the same time: the integer 7, and 9 in the sub-counter of bin 3."""
