"""The channel of an ASGI server: which end is which, and how much is taken from the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
import pytest
import trio
import trio.testing

from mnstream.adapters.asgi import AsgiChannel
from mnstream.adapters.asgi.channel import AHEAD_BYTES, AHEAD_MESSAGES
from mnstream.adapters.http import HttpLimits
from mnstream.ports.channel import Broken, Closed, Message, PeerClosed, PeerViolated, Pong
from tests.adapters.asgi.server import FakeServer
from tests.adapters.http.helpers import Counts

pytestmark = pytest.mark.trio

LIMITS = HttpLimits(message_bytes_max=100_000, send_ms=2_000, close_ms=1_000)


class Stage:
    def __init__(self) -> None:
        self.server = FakeServer()
        self.counts = Counts()
        self.aborted = trio.Event()
        self.channel = AsgiChannel(
            self.server.receive,
            self.server.send,
            limits=LIMITS,
            observer=self.counts,
            on_abort=self.aborted.set,
        )


@asynccontextmanager
async def staged() -> AsyncGenerator[Stage]:
    stage = Stage()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stage.channel.pump)
        yield stage
        tasks.cancel_scope.cancel()


def disconnect(code: int, **more: object) -> dict[str, object]:
    return {"type": "websocket.disconnect", "code": code, **more}


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (disconnect(1000, reason="done"), PeerClosed(1000, "done")),
        (disconnect(1001, reason=None), PeerClosed(1001, "")),
        (disconnect(1000), PeerClosed(1000, "")),
        (disconnect(1005, reason=""), PeerClosed(1005, "")),
        (disconnect(4000, reason="x"), PeerClosed(4000, "x")),
        (disconnect(1002, reason="bad"), PeerViolated(1002, "bad")),
        (disconnect(1009, reason="big"), PeerViolated(1009, "big")),
    ],
)
async def test_what_a_server_tells_about_a_close(
    event: Mapping[str, object], end: Message, autojump_clock: trio.testing.MockClock
) -> None:
    async with staged() as stage:
        stage.server.give_messages(b"last")
        stage.server.give(event)
        await anyio.wait_all_tasks_blocked()
        assert await stage.channel.receive() == [b"last", end]
        for call in (stage.channel.receive(), stage.channel.send([b"x"]), stage.channel.ping(b"")):
            with pytest.raises(Closed):
                await call
        assert await stage.channel.close(1000) is isinstance(end, PeerClosed)
        assert stage.server.taken == [], "the server has answered"


@pytest.mark.parametrize(
    "event",
    [
        disconnect(1006),
        disconnect(1006, reason=""),
        disconnect(1005),  # uvicorn's word for a lost connection
        disconnect(1012),  # ... and for its own end
        {"type": "websocket.disconnect"},
    ],
)
async def test_a_loss_is_no_goodbye(event: Mapping[str, object]) -> None:
    async with staged() as stage:
        stage.server.give_messages(b"last")
        stage.server.give(event)
        assert await stage.channel.receive() == [b"last"]
        for call in (stage.channel.receive(), stage.channel.send([b"x"]), stage.channel.ping(b"")):
            with pytest.raises(Broken):
                await call
        assert stage.counts.seen == {("channels_broken", "lost"): 1}
        assert not await stage.channel.close(1000)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "websocket.receive", "text": "a"}, 1003),
        ({"type": "websocket.receive", "bytes": None, "text": "a"}, 1003),
        ({"type": "websocket.receive", "bytes": bytes(100_001)}, 1009),
    ],
)
async def test_violations(event: Mapping[str, object], code: int) -> None:
    async with staged() as stage:
        stage.server.give_messages(bytes(100_000))
        stage.server.give(event)
        messages = [*await stage.channel.receive(), *await stage.channel.receive()]
        assert messages[0] == bytes(100_000)
        violation = messages[1]
        assert isinstance(violation, PeerViolated)
        assert violation.code == code
        assert [(each["type"], each["code"]) for each in stage.server.taken] == [
            ("websocket.close", code)
        ]
        assert stage.counts.seen == {("channels_violated", str(code)): 1}
        assert not await stage.channel.close(1000)
        assert len(stage.server.taken) == 1


@pytest.mark.parametrize(("size", "ahead"), [(1, AHEAD_MESSAGES), (AHEAD_BYTES // 8, 8)])
async def test_no_more_is_taken_than_asked_for(size: int, ahead: int) -> None:
    async with staged() as stage:
        stage.server.give_messages(*[bytes(size)] * 3 * ahead)
        await anyio.wait_all_tasks_blocked()
        assert stage.server.received == ahead
        assert len(await stage.channel.receive()) == ahead
        await anyio.wait_all_tasks_blocked()
        assert stage.server.received == 2 * ahead


async def test_pings_are_answered_here_as_long_as_there_is_a_peer() -> None:
    async with staged() as stage:
        for payload in (b"1", b"2", b"1"):
            await stage.channel.ping(payload)
        assert await stage.channel.receive() == [Pong(b"1"), Pong(b"2")]
        stage.server.give(disconnect(1000, reason=""))
        await anyio.wait_all_tasks_blocked()
        await stage.channel.ping(b"3")
        assert await stage.channel.receive() == [PeerClosed(1000, "")]
        assert stage.server.taken == []


async def test_a_server_that_takes_nothing(autojump_clock: trio.testing.MockClock) -> None:
    async with staged() as stage:
        stage.server.gate = anyio.Event()
        began = trio.current_time()
        with pytest.raises(Broken):
            await stage.channel.send([b"x"])
        assert trio.current_time() - began == pytest.approx(2)
        assert stage.counts.seen == {("channels_broken", "not_reading"): 1}
        assert not await stage.channel.close(1000)


async def test_close_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    async with staged() as stage:
        stage.server.gate = anyio.Event()
        began = trio.current_time()
        assert not await stage.channel.close(1000)
        assert trio.current_time() - began == pytest.approx(1)
        assert not await stage.channel.close(1000)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("after websocket.close")])
async def test_what_servers_raise_is_translated(
    error: Exception, autojump_clock: trio.testing.MockClock
) -> None:
    async with staged() as stage:
        stage.server.refusal = error
        with pytest.raises(Broken) as caught:
            await stage.channel.send([b"x"])
        assert caught.value.__cause__ is error


async def test_a_send_that_meets_the_peers_close(autojump_clock: trio.testing.MockClock) -> None:
    async with staged() as stage:
        stage.server.refusal = OSError("gone")
        stage.server.give(disconnect(1000, reason=""))
        with pytest.raises(Closed):
            await stage.channel.send([b"x"])
        assert await stage.channel.receive() == [PeerClosed(1000, "")]


async def test_both_close_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with staged() as stage:
        stage.server.refusal = OSError("gone")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.channel.close, 1001)
            await anyio.wait_all_tasks_blocked()
            stage.server.give(disconnect(1000, reason=""))
        assert await stage.channel.close(1001)


@pytest.mark.parametrize(
    ("code", "reason", "sent"),
    [
        (1001, "going", (1001, "going")),
        (1005, "", (1011, "")),
        (12, "x" * 200, (1011, "x" * 123)),
        (4000, "\u00fc" * 100, (4000, "\u00fc" * 61)),
    ],
)
async def test_a_close_can_be_sent(code: int, reason: str, sent: tuple[int, str]) -> None:
    async with staged() as stage:
        assert await stage.channel.close(code, reason)
        (event,) = stage.server.taken
        assert (event["code"], event["reason"]) == sent


async def test_abort_ends_everything_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with staged() as stage:
        stage.server.gate = anyio.Event()
        raised: list[type[BaseException]] = []

        async def send() -> None:
            with pytest.raises(Closed) as caught:
                await stage.channel.send([b"x"])
            raised.append(caught.type)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            await stage.channel.abort()
        assert raised == [Closed, Closed]
        assert trio.current_time() == 0
        assert stage.aborted.is_set()
        assert stage.server.taken == []
