"""The application under uvicorn: what only a real server shows."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from mnstream.adapters.asgi import StreamingApp
from mnstream.adapters.http import HttpLimits, HttpTransport
from mnstream.core.errors import LimitExceeded, UnknownConnection
from mnstream.core.operations import AddStream, EstablishOutcome
from mnstream.core.values import ConnectionId, Status
from mnstream.ports.channel import Broken, PeerClosed, PeerViolated
from mnstream.testing.channels import receive_messages
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import ESTABLISH, open_pair, stream
from tests.adapters.asgi.serving import LIMITS, Mounts, WebSockets, serving

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),  # uvicorn runs on nothing else
    pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"]),
]


async def test_a_location_below_two_prefixes_is_followed(ws: WebSockets) -> None:
    """uvicorn's own root_path is what a proxy in front has taken out of the path."""
    service, mounts = ScriptedService(), Mounts()
    with mounts.mounted(StreamingApp(service, base_path="/v1")) as prefix:
        async with serving(mounts, ws=ws, root_path="/front") as url:
            transport = HttpTransport(f"{url}{prefix}/v1", limits=LIMITS)
            outcome = await transport.request(ESTABLISH)
            assert isinstance(outcome, EstablishOutcome)
            assert outcome.connection_id == "c1"
            # A client that follows ``Location`` now asks below /front, which is the proxy's.
            followed = await transport.request(
                AddStream(connection_id=ConnectionId("c1"), stream_info_list=(stream("9"),))
            )
            assert followed.status is Status.FAILURE
            await transport.aclose()


async def test_a_body_that_is_too_large_is_told_so(ws: WebSockets) -> None:
    limits = HttpLimits(body_bytes_max=100_000)
    async with serving(StreamingApp(ScriptedService(), limits=limits), ws=ws) as url:
        transport = HttpTransport(url, limits=LIMITS)
        many = tuple(stream(str(number), "m" * 1_000) for number in range(2_000))
        request = AddStream(connection_id=ConnectionId("c1"), stream_info_list=many)
        outcome = await transport.request(request)
        assert isinstance(outcome.exception, LimitExceeded)
        assert (await transport.request(ESTABLISH)).status is Status.SUCCESS
        await transport.aclose()


async def test_a_message_that_is_too_large_for_the_application(ws: WebSockets) -> None:
    service = ScriptedService()
    app = StreamingApp(service, limits=HttpLimits(message_bytes_max=1_000))
    async with serving(app, ws=ws) as url:
        transport = HttpTransport(url, limits=LIMITS)
        producer, attended = await open_pair(transport, service)
        await producer.send([b"last", bytes(1_001)])
        messages = await receive_messages(attended.channel, 2)
        assert messages[0] == b"last"
        assert isinstance(messages[1], PeerViolated)
        (goodbye,) = await receive_messages(producer, 1)
        assert isinstance(goodbye, PeerClosed)
        assert goodbye.code == messages[1].code == 1009
        assert await producer.close(1000)
        attended.done.set()
        await transport.aclose()


async def test_a_message_that_is_too_large_for_the_server(ws: WebSockets) -> None:
    """What uvicorn says about it must not end the connection, as the peer's own Close would."""
    service = ScriptedService()
    async with serving(StreamingApp(service, limits=LIMITS), ws=ws) as url:
        transport = HttpTransport(url, limits=LIMITS)
        producer, attended = await open_pair(transport, service)
        with suppress(Broken):  # it may be cut while it still sends
            await producer.send([bytes(17 * 1024 * 1024)])
        (violation,) = await receive_messages(attended.channel, 1)
        assert isinstance(violation, PeerViolated)
        assert violation.code == 1009
        await producer.abort()
        attended.done.set()
        await transport.aclose()


async def test_refusals_leave_no_trace_in_the_servers_log(
    ws: WebSockets, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(StreamingApp(ScriptedService()), ws=ws) as url:
        transport = HttpTransport(url, limits=LIMITS)
        with pytest.raises(UnknownConnection):
            await transport.open_channel(ConnectionId("no"))
        await transport.aclose()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
