"""Peer of P2: bare uvicorn with ``websockets-sansio``; the application reads messages, drops them.

uvicorn's defaults: uvloop where it is installed. It answers a Ping by itself as soon as it has read
it, when the last messages may still wait for the application.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Mapping

import uvicorn

from mnstream.adapters.bench.control import announce

_Message = Mapping[str, object]


async def _drop_all(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


class _Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        announce(f"http://127.0.0.1:{port}")


def main() -> None:
    """Serve until standard input ends."""
    config = uvicorn.Config(
        _drop_all,
        host="127.0.0.1",
        port=0,
        ws="websockets-sansio",
        lifespan="off",
        log_level="critical",
    )
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config).run()


if __name__ == "__main__":
    main()
