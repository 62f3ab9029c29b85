"""The contracts of ports/channel.py and ports/transport.py, held by the ASGI application."""

from __future__ import annotations

import pytest

from mnstream.testing.transports import check_channels_of, check_producer_transport
from tests.adapters.asgi.serving import WebSockets, connecting

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),  # uvicorn runs on nothing else
    pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"]),
]


async def test_transport(ws: WebSockets) -> None:
    async with connecting(ws) as connect:
        await check_producer_transport(connect)


async def test_channels(ws: WebSockets) -> None:
    async with connecting(ws) as connect:
        await check_channels_of(connect, answers_pings=True)
