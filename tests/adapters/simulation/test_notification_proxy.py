"""Every fate of a request, what the target sees of it, and that a seed means something."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from mnstream.adapters.http import HttpPool, RequestServer, listen, port_of
from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.runtime.background import background
from mnstream.adapters.simulation import Fate, Faults, NotificationProxy
from mnstream.ports.channel import Broken
from mnstream.ports.transport import Peer

pytestmark = pytest.mark.anyio

LONG_S = 30.0


@dataclass
class Scene:
    """A target behind a proxy, and a client before it."""

    proxy: NotificationProxy
    seen: list[str] = field(default_factory=list[str])
    answer: HttpResponse = field(default_factory=lambda: HttpResponse(status=204))
    arrived: anyio.Event = field(default_factory=anyio.Event)

    async def handle(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        self.seen.append(request.body.decode())
        self.arrived.set()
        self.arrived = anyio.Event()
        return self.answer

    async def post(self, body: str, method: str = "POST") -> HttpResponse:
        pool = HttpPool()
        headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))))
        request = HttpRequest(method=method, target="/x?y=1", headers=headers, body=body.encode())
        try:
            return await pool.request(Origin(False, "127.0.0.1", self.proxy.port), request)
        finally:
            await pool.aclose()

    async def saw(self, count: int) -> Sequence[str]:
        with anyio.fail_after(LONG_S):
            while len(self.seen) < count:
                await self.arrived.wait()
        return self.seen


def is_post(request: HttpRequest) -> bool:
    return request.method == "POST"


@asynccontextmanager
async def staged(faults: Faults, *, seed: int = 1) -> AsyncGenerator[Scene]:
    listeners = await listen("127.0.0.1", 0)
    proxy = NotificationProxy("127.0.0.1", port_of(listeners), seed=seed, faults=faults)
    scene = Scene(proxy)
    async with background() as tasks:
        tasks.start_soon(RequestServer(scene.handle).serve, listeners)
        async with proxy.running():
            yield scene


async def test_without_faults_everything_goes_through_as_it_is() -> None:
    async with staged(Faults()) as scene:
        scene.answer = HttpResponse(status=200, headers=(("ETag", '"1"'),), body=b"{}")
        answer = await scene.post("a")
        assert (answer.status, answer.header("ETag"), answer.body) == (200, '"1"', b"{}")
        assert scene.seen == ["a"]
        assert scene.proxy.counts == {Fate.GOES_ON: 1}


async def test_hung_up_on_means_no_answer_and_nothing_passed_on() -> None:
    async with staged(Faults(hang_up=1)) as scene:
        with pytest.raises(Broken):
            await scene.post("a")
        assert scene.seen == []
        assert scene.proxy.counts == {Fate.HANG_UP: 1}


async def test_a_lost_answer_means_that_it_was_passed_on_all_the_same() -> None:
    async with staged(Faults(lose_answer=1)) as scene:
        with pytest.raises(Broken):
            await scene.post("a")
        assert scene.seen == ["a"]


@pytest.mark.parametrize(
    ("faults", "status"),
    [(Faults(swallow=1), 204), (Faults(reject=1), 400), (Faults(refuse=1), 503)],
)
async def test_it_answers_itself_and_passes_nothing_on(faults: Faults, status: int) -> None:
    async with staged(faults) as scene:
        assert (await scene.post("a")).status == status
        assert scene.seen == []


async def test_a_duplicate_arrives_twice_and_is_answered_once() -> None:
    async with staged(Faults(duplicate=1)) as scene:
        assert (await scene.post("a")).status == 204
        assert await scene.saw(2) == ["a", "a"]


async def test_a_delay_loses_nothing() -> None:
    async with staged(Faults(delay=1, delay_s=0.01)) as scene:
        assert (await scene.post("a")).status == 204
        assert scene.seen == ["a"]


async def test_what_is_held_back_comes_behind_later_ones() -> None:
    async with staged(Faults(hold_back=1, overtakers_max=1, hold_s=LONG_S)) as scene:
        assert (await scene.post("a")).status == 204
        assert scene.seen == []
        scene.proxy.faults = Faults()
        await scene.post("b")
        assert await scene.saw(2) == ["b", "a"]


async def test_what_nobody_overtakes_comes_in_the_end() -> None:
    async with staged(Faults(hold_back=1, hold_s=0.01)) as scene:
        await scene.post("a")
        assert await scene.saw(1) == ["a"]


async def test_the_number_that_is_held_back_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnstream.adapters.simulation.notification_proxy.HELD_MAX", 2)
    async with staged(Faults(hold_back=1, hold_s=LONG_S)) as scene:
        for body in "abc":
            await scene.post(body)
        assert await scene.saw(1) == ["a"]


async def test_others_are_left_alone() -> None:
    async with staged(Faults(hang_up=1)) as scene:
        scene.proxy.concerns = is_post
        assert (await scene.post("", "GET")).status == 204


async def test_a_missing_target_is_a_bad_gateway() -> None:
    listeners = await listen("127.0.0.1", 0)
    proxy = NotificationProxy("127.0.0.1", port_of(listeners), seed=1)
    for listener in listeners:
        await listener.aclose()
    async with proxy.running():
        assert (await Scene(proxy).post("a")).status == 502


async def test_the_same_seed_gives_the_same_fates() -> None:
    faults = Faults(swallow=0.3, reject=0.3, refuse=0.3)
    runs: list[list[int]] = []
    for seed in (7, 7, 8):
        async with staged(faults, seed=seed) as scene:
            runs.append([(await scene.post("a")).status for _ in range(30)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {204, 400, 503}
