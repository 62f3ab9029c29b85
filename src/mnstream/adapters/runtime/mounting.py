"""Composition root of a collector that is part of somebody's ASGI service."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mnstream.adapters.asgi import StreamingApp
from mnstream.adapters.http import Identify
from mnstream.adapters.runtime.collecting import CollectorSettings, consuming
from mnstream.adapters.storage import SegmentLog
from mnstream.core.streaming.consumer import StreamingConsumer


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedCollector:
    """A collector that runs, for an ASGI service to mount.

    Attributes:
        app: The application; its root is ``CollectorSettings.base_path`` below the mount.
        consumer: The core, for looking at.
        log: Its log.
    """

    app: StreamingApp
    consumer: StreamingConsumer
    log: SegmentLog


@asynccontextmanager
async def mounting(
    settings: CollectorSettings, *, identify: Identify | None = None
) -> AsyncGenerator[MountedCollector]:
    """Run a collector while the block runs, as in the lifespan of a service; leaving it stops.

    The order of the end is that of ``consuming``: nothing new, channels closed with 1001, the log
    committed and closed. Servers that end their WebSockets before the lifespan, as uvicorn does
    with 1012, leave no channel to close: producers come back when it serves again.

    Args:
        settings: What the collector is made of; ``host``, ``port``, ``tls`` and ``admin`` are
            the service's own business and are not used.
        identify: Names the peer of a request, for example by its bearer token.

    Raises:
        OSError: The directory cannot be used.
        StorageError: The log cannot be used, for example because somebody else writes it.
        SinkError: A sink cannot be used, in a group of exceptions.
    """
    async with consuming(settings) as service:
        app = StreamingApp(
            service.collector,
            base_path=settings.base_path,
            base_url=settings.base_url,
            profile=settings.profile,
            limits=settings.limits,
            observer=service.counters,
            identify=identify,
        )
        yield MountedCollector(app=app, consumer=service.consumer, log=service.log)
