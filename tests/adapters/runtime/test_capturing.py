"""A capture as a transport: what any is, and that it is continued."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.codecs import READERS
from mnstream.adapters.runtime.capturing import CaptureTransport, capture_directory, capturing
from mnstream.adapters.storage import LogInUse, stored_units
from mnstream.core.operations import EstablishOutcome, EstablishStreamingConnection, Outcome
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.core.values import ProducerId
from mnstream.ports.channel import Channel, Pong
from mnstream.ports.transport import ProducerTransport, StreamingService
from mnstream.testing.transports import check_channels_of, check_producer_transport
from tests.adapters.sinks.helpers import STREAM, measured

pytestmark = pytest.mark.anyio
ESTABLISH = EstablishStreamingConnection(producer_id=ProducerId("P"), stream_info_list=(STREAM,))


@asynccontextmanager
async def capture_transport(service: StreamingService) -> AsyncGenerator[ProducerTransport]:
    async with anyio.create_task_group() as tasks:
        transport = CaptureTransport(service, StreamingConsumer(readers=READERS), tasks=tasks)
        yield transport
        await transport.aclose()
        tasks.cancel_scope.cancel()


async def test_it_is_a_transport() -> None:
    await check_producer_transport(capture_transport)


async def test_its_channels_are_channels() -> None:
    await check_channels_of(capture_transport)


async def report(channel: Channel, *values: int) -> None:
    """Send frames and wait until they are acknowledged."""
    await channel.send([measured(value).payload for value in values])
    await channel.ping(b"1")
    while Pong(b"1") not in await channel.receive():
        pass


def established(outcome: Outcome) -> str:
    assert isinstance(outcome, EstablishOutcome)
    assert outcome.connection_id is not None
    return outcome.connection_id


async def test_a_connection_outlives_its_process_and_what_is_sent_again_is_recognised(
    tmp_path: Path,
) -> None:
    names: list[str] = []
    for values in ((1, 2, 3), (2, 3, 4)):
        async with capturing(tmp_path) as transport:
            names.append(established(outcome := await transport.request(ESTABLISH)))
            assert isinstance(outcome, EstablishOutcome)
            assert outcome.connection_id is not None
            channel = await transport.open_channel(outcome.connection_id)
            await report(channel, *values)
            await channel.abort()
    assert names[0] == names[1]
    units = [(unit.values, unit.kind) for unit in stored_units(tmp_path)]
    assert units == [
        ({"x": 1}, ""),
        ({"x": 2}, ""),
        ({"x": 3}, ""),
        ({"x": 2}, "duplicate"),
        ({"x": 3}, "duplicate"),
        ({"x": 4}, ""),
    ]


async def test_another_connection_is_another_one(tmp_path: Path) -> None:
    async with capturing(tmp_path) as transport:
        outcome = await transport.request(ESTABLISH)
        first = established(outcome)
        assert isinstance(outcome, EstablishOutcome)
        assert outcome.connection_id is not None
        await (await transport.open_channel(outcome.connection_id)).abort()
        assert established(await transport.request(ESTABLISH)) != first, "its owner is still there"
    async with capturing(tmp_path) as transport:
        other = EstablishStreamingConnection(
            producer_id=ProducerId("Q"), stream_info_list=(STREAM,)
        )
        assert established(await transport.request(other)) != first
        taken_up = established(await transport.request(ESTABLISH))
        assert established(await transport.request(ESTABLISH)) != taken_up, "given once"


async def test_a_capture_has_one_writer(tmp_path: Path) -> None:
    async with capturing(tmp_path):
        with pytest.raises(LogInUse):
            async with capturing(tmp_path):
                pass


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("a/b", Path("a/b")),
        ("/a b", Path("/a b")),
        ("file:///a%20b/c", Path("/a b/c")),
        ("FILE://localhost/a", Path("/a")),
    ],
)
async def test_where_a_capture_is(target: str, path: Path) -> None:
    assert capture_directory(target) == path


@pytest.mark.parametrize(
    "target",
    [
        "",
        "a\0b",
        "http://localhost/a",
        "file://elsewhere/a",
        "file://",
        "file:relative",
        "file:///a?b",
        "file:///a#b",
    ],
)
async def test_what_is_no_capture(target: str) -> None:
    with pytest.raises(ValueError, match=r"URI|path"):
        capture_directory(target)
