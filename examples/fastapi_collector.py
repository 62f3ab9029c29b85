"""A collector inside a FastAPI service that has other things to do as well.

    python -m uvicorn examples.fastapi_collector:app
    mnstream report --target http://127.0.0.1:8000/oam --producer-id ManagedElement=1 --count 50

It keeps what it receives in the directory that ``MNSTREAM_DATA`` names. uvicorn answers Pings by
itself as soon as it has read them, so that an acknowledgement means "received"; with
``mnstream collect`` it means "on disk".
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request

from mnstream.adapters.runtime.collecting import CollectorSettings
from mnstream.adapters.runtime.mounting import MountedCollector, mounting


@asynccontextmanager
async def lifespan(service: FastAPI) -> AsyncGenerator[dict[str, MountedCollector]]:
    """Run the collector as long as the service runs, below the prefix /oam."""
    data = Path(os.environ.get("MNSTREAM_DATA", "collector-data"))
    async with mounting(CollectorSettings(data=data, base_path="")) as collector:
        service.mount("/oam", collector.app)
        yield {"collector": collector}


app = FastAPI(lifespan=lifespan)


@app.get("/status")
async def status(request: Request) -> dict[str, int]:
    """Tell what the collector has received."""
    collector: MountedCollector = request.state.collector
    return {
        "connections": len(collector.consumer.connections),
        "frames": collector.consumer.counts.frames_delivered,
    }
