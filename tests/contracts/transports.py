"""Every transport that we ship, made ready for the contract suites."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from mnstream.adapters.http import HttpLimits, HttpServer, HttpTransport, listen, port_of
from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.trio_websocket import TrioWebSocketServer, TrioWebSocketTransport
from mnstream.ports.transport import ProducerTransport, StreamingService

# A contract check ends within 30 s, so limits that it runs into have to be shorter.
LIMITS = HttpLimits(close_ms=5_000, send_ms=10_000)


@asynccontextmanager
async def memory(service: StreamingService) -> AsyncGenerator[ProducerTransport]:
    async with anyio.create_task_group() as tasks:
        transport = MemoryTransport(service, tasks=tasks)
        yield transport
        await transport.aclose()
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def trio_websocket(
    service: StreamingService,
    *,
    server_type: type[HttpServer] = TrioWebSocketServer,
    producer_is_trio_websocket: bool = True,
) -> AsyncGenerator[ProducerTransport]:
    """Both sides on trio-websocket, or one of them on our own."""
    server = server_type(service, limits=LIMITS)
    listeners = await listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{port_of(listeners)}"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(server.serve, listeners))
        transport = (
            TrioWebSocketTransport(url, tasks=tasks, limits=LIMITS)
            if producer_is_trio_websocket
            else HttpTransport(url, limits=LIMITS)
        )
        yield transport
        await transport.aclose()
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def http(
    service: StreamingService,
    *,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[ProducerTransport]:
    server = HttpServer(service, base_path="/3GPPManagement", tls=server_tls, limits=LIMITS)
    listeners = await listen("127.0.0.1", 0)
    scheme = "http" if server_tls is None else "https"
    host = "127.0.0.1" if server_tls is None else "localhost"
    url = f"{scheme}://{host}:{port_of(listeners)}/3GPPManagement"
    transport = HttpTransport(url, tls=client_tls, limits=LIMITS)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(server.serve, listeners))
        yield transport
        await transport.aclose()
        tasks.cancel_scope.cancel()
