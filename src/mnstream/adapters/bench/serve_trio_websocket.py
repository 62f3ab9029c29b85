"""Peer of P1: a bare trio-websocket receive loop with its defaults; reads messages, drops them.

trio-websocket answers a Ping by itself, after the messages before it were taken.
"""

from __future__ import annotations

import contextlib

import trio
import trio_websocket

from mnstream.adapters.bench.control import announce


async def _drop_all(request: trio_websocket.WebSocketRequest) -> None:
    channel = await request.accept()
    with contextlib.suppress(trio_websocket.ConnectionClosed):
        while True:
            await channel.get_message()


async def _serve() -> None:
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            trio_websocket.serve_websocket, _drop_all, "127.0.0.1", 0, None
        )
        announce(f"http://127.0.0.1:{server.port}")


def main() -> None:
    """Serve until standard input ends."""
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(_serve)


if __name__ == "__main__":
    main()
