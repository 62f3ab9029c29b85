"""A TCP proxy that cuts and stalls what goes through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream

STREAM_ERRORS = (
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)
CHUNK_BYTES = 65536


class UnreliableProxy:
    """Forwards TCP connections from a port of its own to a target, until told to misbehave."""

    def __init__(self, target_host: str, target_port: int) -> None:
        """Forward to this address; it may come and go."""
        self.target = (target_host, target_port)
        self.port = 0
        """Port on 127.0.0.1, once it runs."""
        self.cuts = 0
        """Connections that were cut."""
        self._scopes: set[anyio.CancelScope] = set()
        self._open = anyio.Event()
        self._open.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Forward while the block runs."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        self.port = int(listener.extra(SocketAttribute.local_port))
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._forward)
            yield
            tasks.cancel_scope.cancel()

    def cut(self) -> int:
        """End every connection without a goodbye, in the middle of whatever is on it."""
        scopes = tuple(self._scopes)
        for scope in scopes:
            scope.cancel()
        self.cuts += len(scopes)
        return len(scopes)

    async def stall(self, seconds: float) -> None:
        """Let nothing through for a while; connections stay open."""
        self._open = anyio.Event()
        try:
            await anyio.sleep(seconds)
        finally:
            self._open.set()

    async def _forward(self, near: SocketStream) -> None:
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                async with near:
                    far = await anyio.connect_tcp(*self.target)
                    async with far, anyio.create_task_group() as tasks:
                        tasks.start_soon(self._pump, near, far, tasks.cancel_scope)
                        await self._pump(far, near, tasks.cancel_scope)
            except STREAM_ERRORS:
                return  # the target is down: the near side sees its connection end
            finally:
                self._scopes.discard(scope)

    async def _pump(self, source: ByteStream, sink: ByteStream, scope: anyio.CancelScope) -> None:
        try:
            while True:
                data = await source.receive(CHUNK_BYTES)
                await self._open.wait()
                await sink.send(data)
        except STREAM_ERRORS:
            scope.cancel()
