"""A spool: what is not acknowledged survives the reporter."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.runtime.feeds import Batch
from mnstream.adapters.runtime.spool import Spool, SpoolConflict
from mnstream.adapters.sources import SimulatedSource
from mnstream.adapters.storage.disk import Disk
from mnstream.core.streaming.window import Window
from mnstream.core.values import ProducerId, StreamInfo

P = ProducerId("P")
STREAMS = tuple(SimulatedSource(P, seed=1, streams=2, metrics=2).streams())
OTHER_STREAMS = tuple(SimulatedSource(P, seed=1, streams=2, metrics=3).streams())
CLOCK = FixedClock(wall_ms=1, monotonic_ms=0)
NO_ROOM = "[Errno 28] No space left on device"

pytestmark = pytest.mark.anyio


async def offered(
    frames: Sequence[bytes], streams: Sequence[StreamInfo] = STREAMS
) -> AsyncGenerator[Batch]:
    for frame in frames:
        yield Batch(streams=streams, frames=[frame])
        streams = ()


async def use(
    path: Path,
    frames: Sequence[bytes],
    *,
    acknowledged: int,
    streams: Sequence[StreamInfo] = STREAMS,
) -> list[Batch]:
    """Offer frames, have the first of what comes out acknowledged, and say what came out."""
    window = Window(frames_max=100, bytes_max=1000)
    async with Spool.open(path, CLOCK) as spool:
        spool.follow(window)
        taken = [batch async for batch in spool.batches(offered(frames, streams), P)]
        window.add([frame for batch in taken for frame in batch.frames])
        window.acknowledge(acknowledged)
    return taken


def frames_of(batches: Sequence[Batch]) -> list[bytes]:
    return [frame for batch in batches for frame in batch.frames]


async def test_what_is_offered_comes_out_with_its_streams(tmp_path: Path) -> None:
    taken = await use(tmp_path, [b"1", b"2"], acknowledged=2)
    assert frames_of(taken) == [b"1", b"2"]
    assert tuple(taken[0].streams) == STREAMS


async def test_what_was_not_acknowledged_comes_first_the_next_time(tmp_path: Path) -> None:
    await use(tmp_path, [b"1", b"2", b"3"], acknowledged=1)
    taken = await use(tmp_path, [b"4"], acknowledged=3)
    assert frames_of(taken) == [b"2", b"3", b"4"]
    assert tuple(taken[0].streams) == STREAMS
    assert frames_of(await use(tmp_path, [], acknowledged=0)) == []


async def test_a_progress_that_was_never_written_means_all_again(tmp_path: Path) -> None:
    await use(tmp_path, [b"1", b"2"], acknowledged=2)
    (tmp_path / "acknowledged").write_text("")
    assert frames_of(await use(tmp_path, [], acknowledged=0)) == [b"1", b"2"]


async def test_streams_that_come_later_are_known_the_next_time(tmp_path: Path) -> None:
    await use(tmp_path, [b"1"], acknowledged=0, streams=STREAMS[:1])
    await use(tmp_path, [b"2"], acknowledged=0, streams=STREAMS[1:])
    [first, second] = await use(tmp_path, [], acknowledged=0)
    assert (tuple(first.streams), tuple(second.streams)) == (STREAMS, ())
    assert frames_of([first, second]) == [b"1", b"2"]


async def test_streams_are_forgotten_when_nothing_is_left_of_them(tmp_path: Path) -> None:
    await use(tmp_path, [b"1"], acknowledged=1)
    [only] = await use(tmp_path, [b"2"], acknowledged=1, streams=STREAMS[1:])
    assert tuple(only.streams) == STREAMS[1:]


async def test_a_stream_may_change_when_nothing_is_left_over(tmp_path: Path) -> None:
    await use(tmp_path, [b"1"], acknowledged=1)
    [only] = await use(tmp_path, [b"2"], acknowledged=0, streams=OTHER_STREAMS)
    assert (tuple(only.streams), only.frames) == (OTHER_STREAMS, [b"2"])
    [only] = await use(tmp_path, [], acknowledged=0)
    assert (tuple(only.streams), only.frames) == (OTHER_STREAMS, [b"2"])


async def test_a_stream_that_changes_while_frames_are_left_is_a_conflict(tmp_path: Path) -> None:
    await use(tmp_path, [b"1", b"2"], acknowledged=1)
    with pytest.raises(SpoolConflict, match=STREAMS[1].stream_id):
        await use(tmp_path, [b"3"], acknowledged=0, streams=OTHER_STREAMS[1:])
    # Nothing of it was kept, and what was left over is delivered with its own streams.
    [only] = await use(tmp_path, [], acknowledged=1)
    assert (tuple(only.streams), only.frames) == (STREAMS, [b"2"])
    assert frames_of(await use(tmp_path, [b"3"], acknowledged=1, streams=OTHER_STREAMS)) == [b"3"]


async def test_a_conflict_shows_before_anything_is_given(tmp_path: Path) -> None:
    await use(tmp_path, [b"1"], acknowledged=0)
    async with Spool.open(tmp_path, CLOCK) as spool:
        batches = spool.batches(offered([b"2"], OTHER_STREAMS), P)
        with pytest.raises(SpoolConflict):
            await anext(batches)


async def test_a_stream_may_not_change_after_what_was_left_over_is_delivered(
    tmp_path: Path,
) -> None:
    await use(tmp_path, [b"1"], acknowledged=0)

    async def changing() -> AsyncGenerator[Batch]:
        yield Batch(streams=STREAMS[:1], frames=[b"2"])
        yield Batch(streams=OTHER_STREAMS[1:], frames=[b"3"])

    async with Spool.open(tmp_path, CLOCK) as spool:
        batches = spool.batches(changing(), P)
        assert [(await anext(batches)).frames for _ in range(2)] == [[b"1"], [b"2"]]
        with pytest.raises(SpoolConflict):
            await anext(batches)


async def test_what_was_taken_first_is_kept_even_if_it_was_never_given(tmp_path: Path) -> None:
    await use(tmp_path, [b"1"], acknowledged=0)
    async with Spool.open(tmp_path, CLOCK) as spool:
        batches = spool.batches(offered([b"2"]), P)
        assert (await anext(batches)).frames == [b"1"]
        await batches.aclose()
    assert frames_of(await use(tmp_path, [], acknowledged=0)) == [b"1", b"2"]


class ProgressDisk(Disk):
    """Writes the progress when it may, and refuses it as often as it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.attempts = 0
        self.writing = 0
        self.writing_max = 0
        self.refusals = 0

    def replace_file(self, path: Path, content: bytes) -> None:
        self.attempts += 1
        self.writing += 1
        self.writing_max = max(self.writing, self.writing_max)
        try:
            assert self.gate.wait(30)
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().replace_file(path, content)
        finally:
            self.writing -= 1


async def until(condition: Callable[[], object]) -> None:
    """Let the thread that writes the progress work until something is so."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await anyio.sleep(0.001)


async def give(spool: Spool, window: Window, frames: Sequence[bytes]) -> None:
    spool.follow(window)
    async for batch in spool.batches(offered(frames), P):
        window.add(batch.frames)


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnstream.adapters.runtime.spool.SAVE_INTERVAL_S", 0.001)


@pytest.mark.usefixtures("_often")
async def test_the_last_progress_waits_for_the_one_that_is_being_written(tmp_path: Path) -> None:
    """What is acknowledged while a thread writes is noticed by nobody else at that moment."""
    disk, window = ProgressDisk(), Window(frames_max=100, bytes_max=1000)
    async with Spool.open(tmp_path, CLOCK, disk=disk) as spool:
        await give(spool, window, [b"1", b"2", b"3"])
        disk.gate.clear()
        window.acknowledge(1)
        await until(lambda: disk.writing)
        window.acknowledge(2)
        opening = threading.Timer(0.05, disk.gate.set)
        opening.start()
    opening.join()
    assert (disk.attempts, disk.writing_max) == (2, 1)
    assert frames_of(await use(tmp_path, [], acknowledged=0)) == [b"3"]


@pytest.mark.usefixtures("_often")
async def test_a_progress_that_is_refused_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk, window = ProgressDisk(), Window(frames_max=100, bytes_max=1000)
    disk.refusals = 3
    async with Spool.open(tmp_path, CLOCK, disk=disk) as spool:
        await give(spool, window, [b"1", b"2", b"3"])
        window.acknowledge(1)
        await until(lambda: disk.attempts == 4)
        disk.refusals = 1_000_000
        window.acknowledge(2)
        await until(lambda: disk.attempts == 6)
    told = f"the progress of the spool is not saved: {NO_ROOM}"
    assert [each.message for each in caplog.records] == [told, told]
    assert frames_of(await use(tmp_path, [], acknowledged=0)) == [b"2", b"3"]
