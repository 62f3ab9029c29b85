"""Emitting lines and changes, over the ends of the emitter; on the store on disk."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.emission import DocumentSource, LineSource
from mnstream.adapters.runtime.notifier import Notifier
from mnstream.adapters.runtime.notifying import NotifierSettings, RunningNotifier, notifying
from mnstream.adapters.sources.watch import WatchSettings
from mnstream.adapters.storage.disk import Disk
from mnstream.core.notification_values import SubscriptionId, SubscriptionSettings

pytestmark = pytest.mark.anyio
ONE = SubscriptionId("1")
NOWHERE = SubscriptionSettings(notification_recipient_address="http://127.0.0.1:1/")
SOON = WatchSettings(interval_s=0.01)


def write(path: Path, *texts: object) -> Path:
    lines = [json.dumps({"notificationType": "notifyEvent", "specificProblem": t}) for t in texts]
    path.write_text("\n".join(lines) + "\n")
    return path


@asynccontextmanager
async def running(data: Path, *, killed: bool = False) -> AsyncGenerator[RunningNotifier]:
    """Run a notifier with a subscription whose recipient is not there."""
    with anyio.CancelScope() as life:
        async with notifying(NotifierSettings(data=data, stop_timeout_s=0)) as notifier:
            if notifier.subscriptions.subscription(ONE) is None:
                await notifier.subscriptions.create(ONE, NOWHERE)
            yield notifier
            if killed:
                life.cancel()
                await anyio.sleep_forever()


async def stored(notifier: RunningNotifier, member: str = "specificProblem") -> list[object]:
    """List what was emitted since the subscription exists."""
    texts = await notifier.subscriptions.read_span(ONE, from_ms=None, to_ms=None, count_max=1_000)
    members = [json.loads(each.text) for each in texts]
    return [each[member] for each in members if member in each]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads and the disk bring about."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110  # nothing tells of it
            await anyio.sleep(0.01)


class Emitting:
    """One life of a source of lines."""

    def __init__(self, path: Path, data: Path) -> None:
        self.told: list[str] = []
        self.path = path
        self.data = data

    async def run(self, notifier: RunningNotifier, *, rate: float = 0.0) -> LineSource:
        with self.path.open("rb") as file:
            source = LineSource(file, self.path, self.data, self.told.append)
            await source.run(notifier, rate=rate)
        return source


async def test_bad_lines_are_told_and_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "lines", "a", "b")
    with path.open("a") as file:
        file.write('nonsense\n{"notificationType":"notifyNotificationNotSent"}\n')
        file.write('{"notificationType":"notifyEvent","specificProblem":"c"}')
    emitting = Emitting(path, tmp_path / "n")
    async with running(tmp_path / "n") as notifier:
        source = await emitting.run(notifier)
        assert await stored(notifier) == ["a", "b", "c"]
    assert (source.emitted, source.refused, source.is_over) == (3, 2, True)
    assert [each.split(":")[0] for each in emitting.told] == ["line 3", "line 4"]


async def test_others_have_a_turn_with_every_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was emitted has to be delivered meanwhile, however many lines there are."""
    path, turns = write(tmp_path / "lines", *range(300)), 0
    begun: list[int] = []
    first = anyio.Event()
    submit = Notifier.submit

    def noted(*args: Any, **named: Any) -> None:
        begun.append(turns)
        first.set()
        submit(*args, **named)

    async def count_turns() -> None:
        nonlocal turns
        await first.wait()
        while len(begun) < 300:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with running(tmp_path / "n") as notifier, background() as tasks:
        monkeypatch.setattr(Notifier, "submit", noted)
        tasks.start_soon(count_turns)
        await Emitting(path, tmp_path / "n").run(notifier)
    # On trio the order within a turn is random, so a line may find the turn of the one before.
    assert len(set(begun)) >= len(begun) / 2 == 150


async def test_a_crash_in_the_middle_is_gone_on_from(tmp_path: Path) -> None:
    path, data = write(tmp_path / "lines", *range(40)), tmp_path / "n"
    async with running(data, killed=True) as notifier, background() as tasks:
        tasks.start_soon(lambda: Emitting(path, data).run(notifier, rate=50))
        await until(lambda: notifier.notifier.producer.subscriptions[ONE].durable >= 5)
    async with running(data) as notifier:
        before = len(await stored(notifier))
        source = await Emitting(path, data).run(notifier)
        assert await stored(notifier) == [*range(40)]
        assert source.emitted == 40 - before > 0


async def test_what_was_emitted_to_its_end_is_emitted_again(tmp_path: Path) -> None:
    path, data = write(tmp_path / "lines", 1, 2), tmp_path / "n"
    for killed, expected in (
        (True, [1, 2]),
        (False, [1, 2]),  # killed at its end, it is not begun anew
        (False, [1, 2, 1, 2]),
    ):
        async with running(data, killed=killed) as notifier:
            source = await Emitting(path, data).run(notifier)
            assert await stored(notifier) == expected
            if not killed:
                source.finish(notifier)


@pytest.mark.parametrize("change", ["another", "shrunk"])
async def test_another_file_begins_anew(change: str, tmp_path: Path) -> None:
    path, data = write(tmp_path / "lines", 1, 2, 3), tmp_path / "n"
    async with running(data) as notifier:
        await Emitting(path, data).run(notifier)  # not finished
    path = write(tmp_path / "others", 7, 8, 9, 10) if change == "another" else write(path, 7)
    async with running(data) as notifier:
        await Emitting(path, data).run(notifier)
        given = await stored(notifier)
        assert given == [1, 2, 3, 7] + ([8, 9, 10] if change == "another" else [])


async def test_a_rate(tmp_path: Path) -> None:
    path = write(tmp_path / "lines", *range(6))
    async with running(tmp_path / "n") as notifier:
        began = anyio.current_time()
        await Emitting(path, tmp_path / "n").run(notifier, rate=20)
        assert anyio.current_time() - began >= 6 / 20 - 0.01


async def test_a_pipe(tmp_path: Path) -> None:
    read, end = os.pipe()
    told: list[str] = []
    with os.fdopen(read, "rb") as file, os.fdopen(end, "wb") as pipe:
        async with running(tmp_path / "n") as notifier, background() as tasks:
            source = LineSource(file, None, tmp_path / "n", told.append)
            tasks.start_soon(source.run, notifier)
            pipe.write(b'{"notificationType":"notifyEvent","specificProblem":1}\nx\n')
            pipe.flush()
            await until(lambda: source.emitted == source.refused == 1 and not source.is_over)
            pipe.close()
            await until(lambda: source.is_over)
            assert await stored(notifier) == [1]
            source.finish(notifier)
    assert len(told) == 1


async def test_a_watched_document_is_remembered(tmp_path: Path) -> None:
    document, data = tmp_path / "tree.json", tmp_path / "n"
    told: list[str] = []

    async def watch(notifier: RunningNotifier, expected: int) -> None:
        source = DocumentSource(document, data, SOON, told.append)
        async with background() as tasks:
            tasks.start_soon(source.run, notifier)
            await until(lambda: source.emitted >= expected and (data / "watched.json").exists())

    document.write_text(json.dumps({"NRCellDU=1": {"attributes": {"x": 1}}}))
    async with running(data) as notifier:
        await watch(notifier, 0)
    document.write_text(json.dumps({"NRCellDU=2": {"attributes": {"x": 1}}}))
    async with running(data) as notifier:
        await watch(notifier, 2)
        await notifier.notifier.durable()
        types = await stored(notifier, "notificationType")
        hrefs = [str(each).rpartition("/")[2] for each in await stored(notifier, "href")]
        assert sorted(list(zip(types, hrefs, strict=True))[-2:]) == [
            ("notifyMOICreation", "NRCellDU=2"),
            ("notifyMOIDeletion", "NRCellDU=1"),
        ]
    assert told == []


def noting(steps: list[str], name: str, step: Callable[..., None]) -> Callable[..., None]:
    def noted(*args: object) -> None:
        steps.append(name)
        step(*args)

    return noted


async def test_what_a_document_was_like_survives_a_loss_of_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read back empty, it would hide the changes of the time in which nobody watched."""
    steps: list[str] = []
    for name in ("sync", "rename", "sync_directory"):
        step = getattr(Disk, name)
        monkeypatch.setattr(Disk, name, noting(steps, name, step))
    document, data = tmp_path / "tree.json", tmp_path / "n"
    document.write_text(json.dumps({"NRCellDU=1": {"attributes": {"x": 1}}}))
    async with running(data) as notifier:
        steps.clear()
        source = DocumentSource(document, data, SOON, print)
        async with background() as tasks:
            tasks.start_soon(source.run, notifier)
            await until(lambda: "sync_directory" in steps)
    assert steps[:3] == ["sync", "rename", "sync_directory"]
