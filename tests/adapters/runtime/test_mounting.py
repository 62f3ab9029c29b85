"""A collector in somebody's ASGI service: how it begins, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.asgi.messages import Event
from mnstream.adapters.runtime.collecting import CollectorSettings
from mnstream.adapters.runtime.mounting import MountedCollector, mounting
from mnstream.adapters.storage import Entry, LogReader
from mnstream.core.records import FrameStored
from tests.adapters.asgi.server import FakeServer

pytestmark = pytest.mark.anyio

STREAM = {
    "streamType": "PROPRIETARY",
    "serializationFormat": "GPB",
    "streamId": "1",
    "additionalInfo": {"activityDetails": "x"},
}
CONNECT: Event = {"type": "websocket.connect"}
BODY = json.dumps({"producer": "A=1", "streams": [STREAM]}).encode()


def scope_of(kind: str, method: str, path: str) -> dict[str, object]:
    return {
        "type": kind,
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": f"/oam{path}",
        "root_path": "/oam",
        "headers": [(b"host", b"h")],
        "extensions": {"websocket.http.response": {}},
    }


async def establish(running: MountedCollector) -> FakeServer:
    server = FakeServer([{"type": "http.request", "body": BODY}])
    await running.app(scope_of("http", "POST", "/connections"), server.receive, server.send)
    return server


async def upgrade(running: MountedCollector, path: str, server: FakeServer) -> None:
    await running.app(scope_of("websocket", "GET", path), server.receive, server.send)


async def test_it_ends_gracefully_and_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = CollectorSettings(data=tmp_path, base_path="")
    socket = FakeServer([CONNECT])
    before: MountedCollector | None = None
    path = ""
    async with anyio.create_task_group() as tasks:
        async with mounting(settings) as running:
            before = running
            location = (await establish(running)).header(b"location") or ""
            assert location.startswith("http://h/oam/connections/")
            path = location.removeprefix("http://h/oam")
            socket.give_messages(b"1", b"2")
            tasks.start_soon(upgrade, running, path, socket)
            while running.consumer.counts.frames_delivered < 2:  # noqa: ASYNC110 - on its way
                await anyio.sleep(0.001)
        assert [each["type"] for each in socket.taken] == ["websocket.accept", "websocket.close"]
        assert socket.taken[1]["code"] == 1001
    stored = [
        each.record.payload
        for each in LogReader(tmp_path).entries()
        if isinstance(each, Entry) and isinstance(each.record, FrameStored)
    ]
    assert stored == [b"1", b"2"]
    assert before is not None
    assert (await establish(before)).status == 503, "it is over"
    late = FakeServer([CONNECT])
    await upgrade(before, path, late)
    assert late.status == 503
    async with anyio.create_task_group() as tasks, mounting(settings) as running:
        again = FakeServer([CONNECT])
        tasks.start_soon(upgrade, running, path, again)
        while not again.taken:  # noqa: ASYNC110 - on its way
            await anyio.sleep(0.001)
        assert again.taken == [{"type": "websocket.accept"}], "the connection is known"
