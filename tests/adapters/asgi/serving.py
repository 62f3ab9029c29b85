"""uvicorn in the loop of a test, and applications below prefixes of it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from itertools import count
from typing import Literal

import anyio
import uvicorn

from mnstream.adapters.asgi import StreamingApp
from mnstream.adapters.asgi.messages import Receive, Scope, Send
from mnstream.adapters.http import HttpLimits, HttpTransport
from mnstream.ports.transport import ProducerTransport, StreamingService
from mnstream.testing.transports import Connector

App = Callable[[Scope, Receive, Send], Awaitable[None]]
WebSockets = Literal["websockets-sansio", "wsproto"]

# A contract check ends within 30 s, so limits that it runs into have to be shorter.
LIMITS = HttpLimits(close_ms=5_000, send_ms=10_000)
BASE = "/3GPPManagement"


class Mounts:
    """Applications below prefixes of one segment, as Starlette mounts them."""

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = str(scope["root_path"])
        prefix = str(scope["path"]).removeprefix(root).split("/")[1]
        await self._apps[prefix]({**scope, "root_path": f"{root}/{prefix}"}, receive, send)

    @contextlib.contextmanager
    def mounted(self, app: App) -> Generator[str]:
        """Mount an application, give its prefix, and cut what it still does at the end."""
        calls: set[anyio.CancelScope] = set()

        async def cut(scope: Scope, receive: Receive, send: Send) -> None:
            with anyio.CancelScope() as call:
                calls.add(call)
                try:
                    await app(scope, receive, send)
                finally:
                    calls.discard(call)

        prefix = f"app {next(self._numbers)}"
        self._apps[prefix] = cut
        yield "/" + prefix.replace(" ", "%20")
        for call in tuple(calls):
            call.cancel()


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    app: App, *, ws: WebSockets = "websockets-sansio", root_path: str = ""
) -> AsyncGenerator[str]:
    """Serve an application on loopback and give its URL."""
    config = uvicorn.Config(app, ws=ws, lifespan="off", log_config=None, root_path=root_path)
    server = _Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await anyio.sleep(0.001)
            yield f"http://127.0.0.1:{port}"
            server.should_exit = True


@contextlib.asynccontextmanager
async def connecting(ws: WebSockets) -> AsyncGenerator[Connector]:
    """Serve services below prefixes of one uvicorn, each reached over HTTP."""
    mounts = Mounts()

    @contextlib.asynccontextmanager
    async def connect(url: str, service: StreamingService) -> AsyncGenerator[ProducerTransport]:
        app = StreamingApp(service, base_path=BASE, limits=LIMITS)
        with mounts.mounted(app) as prefix:
            transport = HttpTransport(url + prefix + BASE, limits=LIMITS)
            yield transport
            await transport.aclose()

    async with serving(mounts, ws=ws) as url:
        yield partial(connect, url)
