"""Reporters and a collector on virtual time, with channels cut and collectors killed at random.

Whatever a reporter was told is acknowledged is in the log of the last collector, in order and
delivered exactly once. A seed decides about faults and data; trio's scheduler is free all the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.runtime import Reporter
from mnstream.adapters.runtime.background import background
from mnstream.core.effects import ReportEnd
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.records import Disposition, Record
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.values import ConnectionId, ProducerId, Status
from mnstream.ports.channel import Broken, Channel
from mnstream.ports.transport import Peer
from tests.adapters.runtime.stage import (
    SlowLog,
    Stage,
    new_reporter,
    new_transport,
    staged,
    stored,
)
from tests.core.support import frame, performance

SEEDS = range(12)
REPORTERS = 3
FRAMES = 300
FAULTS_S = 20.0
"""How long channels are cut and collectors killed; then everything is left in peace."""
CONFIG = ProducerConfig(
    window_frames_max=32,
    ping_frames=8,
    ping_interval_ms=50,
    request_timeout_ms=2_000,
    pong_timeout_ms=3_000,
    back_off_initial_ms=50,
    back_off_max_ms=1_000,
)


class Lives:
    """One collector after the other, each with what the one before had made durable.

    Implements ``ports.transport.StreamingService`` as the address does that all of them share.
    """

    def __init__(self, rng: random.Random) -> None:
        self.records: list[Record] = []
        self.kills = 0
        self.transports: list[MemoryTransport] = []
        self._rng = rng
        self._stage: Stage | None = None
        self._calls: set[trio.CancelScope] = set()

    async def run(self) -> None:
        while True:
            with self._call():
                async with staged(log=SlowLog(self.records)) as self._stage:
                    self._set_reachable(reachable=True)
                    await self._commit(self._stage.log)
            await trio.sleep(self._rng.uniform(0, 1))

    async def _commit(self, log: SlowLog) -> None:
        while True:
            log.hold()
            await trio.sleep(self._rng.choice([0.001, 0.01, 0.3]))
            log.release()
            await trio.lowlevel.checkpoint()

    def kill(self) -> None:
        """End it as SIGKILL does: what is not durable is gone, and so is who waits for it."""
        if self._stage is None:
            return
        self.records = self._stage.log.durable_records
        self._stage = None
        self.kills += 1
        self._set_reachable(reachable=False)
        for transport in self.transports:
            transport.cut()
        for call in self._calls:
            call.cancel()

    def durable(self) -> list[Record]:
        return self.records if self._stage is None else self._stage.log.durable_records

    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        if self._stage is not None:
            with self._call():
                return await self._stage.collector.perform(operation, peer=peer)
        raise Broken("the collector was killed")

    async def run_channel(
        self, connection_id: ConnectionId, *, peer: Peer, accept: Callable[[], Awaitable[Channel]]
    ) -> None:
        if self._stage is not None:
            with self._call():
                collector = self._stage.collector
                await collector.run_channel(connection_id, peer=peer, accept=accept)

    def _call(self) -> trio.CancelScope:
        self._calls = {call for call in self._calls if not call.cancel_called}
        call = trio.CancelScope()
        self._calls.add(call)
        return call

    def _set_reachable(self, *, reachable: bool) -> None:
        for transport in self.transports:
            transport.reachable = reachable


def frames_of(number: int) -> list[bytes]:
    return [frame(str(each), (number, 2)) for each in range(FRAMES)]


async def report(reporter: Reporter, number: int, rng: random.Random) -> None:
    frames = frames_of(number)
    async with reporter.running():
        while frames:
            count = rng.randint(1, 9)
            await reporter.report(frames[:count])
            del frames[:count]
            await trio.sleep(rng.expovariate(2))


async def trouble(lives: Lives, rng: random.Random) -> None:
    end = trio.current_time() + FAULTS_S
    while trio.current_time() < end:
        await trio.sleep(rng.expovariate(2))
        if rng.random() < 0.15:
            lives.kill()
        else:
            rng.choice(lives.transports).cut()


@asynccontextmanager
async def playing(seed: int) -> AsyncGenerator[tuple[Lives, list[Reporter]]]:
    rng = random.Random(seed)
    lives = Lives(rng)
    async with background() as tasks:
        lives.transports = [new_transport(lives, tasks) for _ in range(REPORTERS)]
        reporters = [
            new_reporter(
                transport,
                performance(number),
                config=CONFIG,
                producer_id=ProducerId(f"ManagedElement={number}"),
                seed=seed * REPORTERS + number,
            )
            for number, transport in enumerate(lives.transports)
        ]
        tasks.start_soon(lives.run)
        tasks.start_soon(trouble, lives, rng)
        yield lives, reporters


async def play(seed: int) -> Counter[str]:
    """Run one seed to its end, and say what happened in it."""
    async with playing(seed) as (lives, reporters):
        with trio.fail_after(600):
            async with trio.open_nursery() as nursery:
                for number, reporter in enumerate(reporters):
                    nursery.start_soon(report, reporter, number, random.Random(f"{seed} {number}"))
        delivered = stored(lives.durable())
        for number, reporter in enumerate(reporters):
            assert reporter.end == ReportEnd(status=Status.SUCCESS, unacknowledged=0)
            mine = [each for each in delivered if each.startswith(b"G%d:" % number)]
            assert mine == frames_of(number)
        return Counter(
            duplicates=len(stored(lives.durable(), Disposition.DUPLICATE)),
            resent=sum(each.producer.counts.frames_resent for each in reporters),
            channels=sum(each.producer.counts.channels_opened for each in reporters),
            connections=sum(each.producer.counts.connections_created for each in reporters),
            kills=lives.kills,
        )


@pytest.mark.trio
async def test_nothing_acknowledged_is_lost_or_delivered_twice(autojump_clock: MockClock) -> None:
    happened: Counter[str] = Counter()
    for seed in SEEDS:
        try:
            happened += await play(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    # Without these the runs would prove nothing.
    assert happened["resent"] > happened["duplicates"] > 0
    assert happened["channels"] > happened["connections"] >= REPORTERS * len(SEEDS)
    assert happened["kills"] > 0
