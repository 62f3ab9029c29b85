"""A capture sent again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest
import trio
from trio.testing import MockClock

from mnstream.adapters.entropy import SeededEntropy
from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.runtime.replayed import FRAMES_AT_ONCE
from mnstream.adapters.runtime.replaying import (
    Replay,
    ReplaySettings,
    ReplaySummary,
    Step,
)
from mnstream.adapters.storage import Entry, Hole
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.core.profiles import STRICT
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    Record,
    StreamsChanged,
)
from mnstream.core.streaming.config import ProducerConfig
from mnstream.core.values import ConnectionId, ProducerId, StreamInfo
from tests.adapters.runtime.stage import EPOCH_MS, IMPATIENT, Stage, settled, staged
from tests.core.support import frame, ids, performance

ONE, TWO, THREE = performance(1), performance(2), performance(3)
WIDE = performance(1, metrics=("a", "b", "c"))


def established(
    name: str, version: int, *streams: StreamInfo, wall_ms: int = EPOCH_MS
) -> ConnectionEstablished:
    return ConnectionEstablished(
        connection_id=ConnectionId(name),
        producer_id=ProducerId(f"producer of {name}"),
        identity="",
        streams_version=version,
        stream_info_list=streams or (ONE,),
        wall_ms=wall_ms,
    )


def changed(
    name: str, version: int, *, added: tuple[StreamInfo, ...] = (), removed: tuple[int, ...] = ()
) -> StreamsChanged:
    return StreamsChanged(
        connection_id=ConnectionId(name),
        streams_version=version,
        added=added,
        removed=ids(*removed),
        wall_ms=EPOCH_MS,
    )


def ended(name: str) -> ConnectionEnded:
    return ConnectionEnded(
        connection_id=ConnectionId(name), ending=Ending.TERMINATED, wall_ms=EPOCH_MS
    )


def stored(
    body: str,
    *units: tuple[int, int],
    version: int = 1,
    wall_ms: int = EPOCH_MS,
    disposition: Disposition = Disposition.DELIVERED,
) -> FrameStored:
    return FrameStored(
        streams_version=version,
        disposition=disposition,
        cause="",
        wall_ms=wall_ms,
        payload=frame(body, *units) if body else b"",
    )


def entries(*records: Record) -> list[Entry | Hole]:
    """Give records as a log does."""
    in_force = MetadataInForce()
    listed: list[Entry | Hole] = []
    for position, record in enumerate(records):
        connection = None
        if isinstance(record, FrameStored):
            connection = in_force.connection(record.streams_version)
        else:
            in_force.apply(record)
        listed.append(Entry(position, record, connection))
    return listed


class Player:
    """Replays to a collector and keeps the transports, to cut them."""

    def __init__(
        self,
        stage: Stage,
        *,
        speed: float = 0.0,
        config: ProducerConfig = IMPATIENT,
        step: Step | None = None,
        reachable: bool = True,
    ) -> None:
        self.transports: list[MemoryTransport] = []
        self.stop = anyio.Event()
        self.holes: list[Hole] = []
        self._stage = stage
        self._reachable = reachable
        self._replay = Replay(
            ReplaySettings(target="", speed=speed, config=config),
            self._transport,
            clock=stage.clock,
            entropy=SeededEntropy(1),
            step=step,
        )

    def _transport(self) -> MemoryTransport:
        transport = self._stage.new_transport()
        transport.reachable = self._reachable
        self.transports.append(transport)
        return transport

    async def play(self, *records: Record) -> ReplaySummary:
        return await self.play_entries(entries(*records))

    async def play_entries(self, listed: Iterable[Entry | Hole]) -> ReplaySummary:
        return await self._replay.run(listed, self.stop, self.holes.append)


def history(stage: Stage) -> list[object]:
    """Tell what the collector's log says, without what has to differ."""
    told: list[object] = []
    for record in stage.log.records:
        match record:
            case ConnectionEstablished(producer_id=producer_id, stream_info_list=streams):
                told.append((str(producer_id), streams))
            case StreamsChanged(added=added, removed=removed):
                told.append((added, removed))
            case FrameStored(payload=payload, disposition=disposition):
                told.append((payload, disposition))
            case ConnectionEnded(ending=ending):
                told.append(ending)
    return told


@pytest.mark.anyio
async def test_a_connection_comes_again_as_it_was() -> None:
    frames = [stored(str(number)) for number in range(3 * FRAMES_AT_ONCE + 1)]
    async with staged() as stage:
        summary = await Player(stage).play(established("x", 1), *frames, ended("x"))
        assert history(stage) == [
            ("producer of x", (ONE,)),
            *((each.payload, Disposition.DELIVERED) for each in frames),
            Ending.TERMINATED,
        ]
    count = len(frames)
    assert (summary.frames, summary.sent, summary.acknowledged) == (count, count, count)
    assert (summary.dropped, summary.unattributed, summary.connections) == (0, 0, 1)
    assert (summary.failures, summary.refused) == ((), ())


@pytest.mark.anyio
async def test_streams_change_between_the_same_frames() -> None:
    """A frame of a stream that was not announced yet goes into quarantine again."""
    async with staged() as stage:
        early = stored("early", (2, 2), disposition=Disposition.QUARANTINED)
        gone = stored("gone", (2, 2), version=3, disposition=Disposition.QUARANTINED)
        summary = await Player(stage).play(
            established("x", 1),
            stored("a"),
            early,
            changed("x", 2, added=(TWO, THREE)),
            stored("b", (2, 2), (3, 2), version=2),
            changed("x", 3, removed=(2,)),
            gone,
            stored("c", version=3),
            changed("x", 4, added=(WIDE,), removed=(1,)),
            stored("d", (1, 3), version=4),
        )
        assert history(stage) == [
            ("producer of x", (ONE,)),
            (frame("a"), Disposition.DELIVERED),
            (early.payload, Disposition.QUARANTINED),
            ((TWO, THREE), ()),
            (frame("b", (2, 2), (3, 2)), Disposition.DELIVERED),
            ((), ids(2)),
            (gone.payload, Disposition.QUARANTINED),
            (frame("c"), Disposition.DELIVERED),
            ((), ids(1)),
            ((WIDE,), ()),
            (frame("d", (1, 3)), Disposition.DELIVERED),
            Ending.TERMINATED,
        ]
    assert (summary.frames, summary.acknowledged, summary.dropped) == (6, 6, 0)


@pytest.mark.anyio
async def test_duplicates_and_keep_alives_are_not_sent_again() -> None:
    async with staged() as stage:
        summary = await Player(stage).play(
            established("x", 1),
            stored("a"),
            stored("a", disposition=Disposition.DUPLICATE),
            stored("", disposition=Disposition.KEEP_ALIVE),
            stored("b"),
        )
        assert stage.stored() == [frame("a"), frame("b")]
    assert summary.frames == 2


@pytest.mark.anyio
async def test_each_connection_is_one_and_ends_where_it_ended() -> None:
    async with staged() as stage:
        summary = await Player(stage).play(
            established("x", 1),
            established("y", 2, TWO),
            stored("a"),
            stored("b", (2, 2), version=2),
            ended("x"),
            established("x", 3, THREE),
            stored("c", (3, 2), version=3),
        )
        assert sorted(
            record.producer_id
            for record in stage.log.records
            if isinstance(record, ConnectionEstablished)
        ) == ["producer of x", "producer of x", "producer of y"]
        assert sorted(stage.stored()) == sorted(
            [frame("a"), frame("b", (2, 2)), frame("c", (3, 2))]
        )
        assert stage.endings() == [Ending.TERMINATED] * 3
    assert (summary.connections, summary.acknowledged) == (3, 3)


@pytest.mark.anyio
async def test_a_capture_may_begin_anywhere() -> None:
    """What frames say of their connection is enough; changes of unknown connections say nothing."""
    whole = entries(
        established("x", 1),
        stored("before"),
        changed("x", 2, added=(TWO,)),
        stored("a", (2, 2), version=2),
        stored("b", version=2),
    )
    async with staged() as stage:
        await Player(stage).play_entries(whole[2:])
        assert history(stage)[0] == ("producer of x", (ONE, TWO))
        assert stage.stored() == [frame("a", (2, 2)), frame("b")]


@pytest.mark.anyio
async def test_a_change_that_damage_swallowed_shows_in_the_frames_behind_it() -> None:
    whole = entries(
        established("x", 1),
        stored("a"),
        changed("x", 2, added=(TWO,)),
        stored("b", (2, 2), version=2),
    )
    async with staged() as stage:
        await Player(stage).play_entries([*whole[:2], *whole[3:]])
        assert stage.stored() == [frame("a"), frame("b", (2, 2))]


@pytest.mark.anyio
async def test_what_damage_swallowed_is_told() -> None:
    lost, *others = entries(established("x", 1), stored("a"), stored("b"))
    hole = Hole(path=Path("capture"), offset=1, first_position=0, last_position=0, reason="damaged")
    orphans = [Entry(e.position, e.record, None) for e in others if isinstance(e, Entry)]
    async with staged() as stage:
        player = Player(stage)
        summary = await player.play_entries([hole, *orphans, lost, *others])
        assert stage.stored() == [frame("a"), frame("b")]
    assert player.holes == [hole]
    assert (summary.frames, summary.unattributed) == (2, 2)


@pytest.mark.anyio
async def test_what_a_collector_refuses_is_told() -> None:
    async with staged(profile=STRICT) as stage:
        nameless = performance(2, metrics=("a", ""))
        player = Player(stage)
        summary = await player.play(
            established("x", 1, nameless),
            stored("a", (2, 2)),
            established("y", 2),
            stored("b", version=2),
            changed("y", 3, added=(nameless,)),
            stored("c", version=3),
        )
        assert stage.stored() == [frame("b"), frame("c")]
    assert (summary.frames, summary.acknowledged, summary.dropped) == (3, 2, 1)
    ((failed, reason),) = summary.failures
    assert failed == "producer of x"
    assert "no name" in reason
    assert [(who, which) for who, which, _ in summary.refused] == [("producer of y", "2")]


@pytest.mark.trio
async def test_pauses_are_kept_and_divided(autojump_clock: MockClock) -> None:
    """Two connections in step; a clock that was set back delays nothing."""
    for speed in (1.0, 10.0):
        async with staged() as stage:
            began = trio.current_time()
            first_ms = stage.clock.wall_ms()
            await Player(stage, speed=speed).play(
                established("x", 1),
                established("y", 2, TWO),
                stored("a", wall_ms=EPOCH_MS + 10_000),
                stored("b", (2, 2), version=2, wall_ms=EPOCH_MS + 20_000),
                stored("c", wall_ms=EPOCH_MS + 5_000),
                stored("d", wall_ms=EPOCH_MS + 100_000),
            )
            assert trio.current_time() - began == pytest.approx(100 / speed, abs=1)
            arrived = [
                (r.payload, round((r.wall_ms - first_ms) * speed / 1000))
                for r in stage.log.records
                if isinstance(r, FrameStored)
            ]
        assert [at for _, at in arrived] == [10, 20, 20, 100]
        assert [payload for payload, _ in arrived][::3] == [frame("a"), frame("d")]


@pytest.mark.trio
async def test_a_step_is_waited_for_before_each_frame(autojump_clock: MockClock) -> None:
    send, steps = trio.open_memory_channel[bool](10)
    async with staged() as stage, trio.open_nursery() as nursery:

        async def play() -> None:
            summaries.append(
                await Player(stage, step=steps.receive).play(
                    established("x", 1), *(stored(name, wall_ms=EPOCH_MS * 2) for name in "abc")
                )
            )

        summaries: list[ReplaySummary] = []
        nursery.start_soon(play)
        await trio.sleep(60)
        assert stage.stored() == []
        for number, name in enumerate("ab", 1):
            await send.send(True)
            await trio.sleep(60)
            assert len(stage.stored()) == number
            assert stage.stored()[-1] == frame(name)
        await send.send(False)
        await trio.sleep(60)
        assert stage.stored() == [frame("a"), frame("b")]
        assert stage.endings() == [Ending.TERMINATED]
        assert (summaries[0].frames, summaries[0].dropped) == (2, 0)


@pytest.mark.trio
async def test_a_cut_connection_goes_on_and_loses_nothing(autojump_clock: MockClock) -> None:
    frames = [stored(str(number), wall_ms=EPOCH_MS + 1000 * number) for number in range(10)]
    async with staged() as stage, trio.open_nursery() as nursery:
        player = Player(stage, speed=1.0)

        async def cut() -> None:
            await trio.sleep(4.5)
            stage.log.hold()
            await trio.sleep(2)
            player.transports[0].cut()
            stage.log.release()

        nursery.start_soon(cut)
        summary = await player.play(established("x", 1), *frames)
        assert stage.stored() == [each.payload for each in frames]
    assert (summary.acknowledged, summary.dropped, summary.connections) == (10, 0, 1)
    assert summary.resent > 0


@pytest.mark.trio
async def test_a_collector_that_is_never_there_is_given_up(autojump_clock: MockClock) -> None:
    """Also with more than a connection can keep: what was read and not sent is counted."""
    config = ProducerConfig(give_up_ms=30_000, window_frames_max=100)
    async with staged() as stage:
        player = Player(stage, config=config, reachable=False)
        summary = await player.play(
            established("x", 1), *(stored(str(number)) for number in range(2_000))
        )
    assert (summary.channels, summary.sent, summary.acknowledged) == (0, 0, 0)
    assert summary.frames == summary.dropped == 2_000
    assert summary.failures == ((ProducerId("producer of x"), "no route to the consumer"),)


@pytest.mark.trio
async def test_stopped_it_delivers_what_it_has_read(autojump_clock: MockClock) -> None:
    frames = [stored(str(number), wall_ms=EPOCH_MS + 1000 * number) for number in range(100)]
    async with staged() as stage, trio.open_nursery() as nursery:
        player = Player(stage, speed=1.0)

        async def stop() -> None:
            await trio.sleep(9.5)
            player.stop.set()

        nursery.start_soon(stop)
        began = trio.current_time()
        summary = await player.play(established("x", 1), *frames)
        assert trio.current_time() - began < 11
        assert stage.stored() == [each.payload for each in frames[:10]]
        assert stage.endings() == [Ending.TERMINATED]
    assert (summary.frames, summary.acknowledged, summary.dropped) == (10, 10, 0)


@pytest.mark.anyio
async def test_a_capture_that_cannot_be_read_further_ends_the_replay() -> None:
    def broken() -> Iterable[Entry | Hole]:
        yield from entries(established("x", 1), stored("a"))
        raise OSError(5, "the disk is gone")

    async with staged() as stage:
        with pytest.raises(OSError, match="the disk is gone"):
            await Player(stage).play_entries(broken())
        await settled()
