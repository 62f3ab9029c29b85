"""How ``subscribe`` ends when a signal asks for it and the subscription is to go as well."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import pytest

from mnstream.adapters.cli import subscribe
from mnstream.adapters.cli.command import DOES_NOT_HOLD, DONE
from mnstream.adapters.runtime.subscribing import RunningSubscriber, SubscriberSettings
from mnstream.adapters.storage import SqliteCheckpoints
from mnstream.core.errors import Unavailable
from tests.adapters.runtime.test_subscriber import Stage, subscribing


def command(tmp_path: Path) -> subscribe.Subscribing:
    settings = SubscriberSettings(provider="http://producer.example", data=tmp_path)
    return subscribe.Subscribing(settings, None, None, as_json=True, unsubscribe=True)


async def ended(stage: Stage, task: subscribe.Subscribing, patch: pytest.MonkeyPatch) -> int:
    """Run the command on a stage, and stop it as a signal does once it waits."""

    @asynccontextmanager
    async def running(settings: SubscriberSettings) -> AsyncGenerator[RunningSubscriber]:
        checkpoints = cast("SqliteCheckpoints", stage.checkpoints)
        yield RunningSubscriber(
            url="", admin_url="", subscriber=stage.subscriber, checkpoints=checkpoints
        )

    patch.setattr(subscribe, "subscribing", running)
    codes: list[int] = []

    async def run() -> None:
        codes.append(await task.run())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        task.stop(DONE)
    (code,) = codes
    return code


@pytest.mark.anyio
async def test_a_subscription_goes_when_everything_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with subscribing() as stage:
        await stage.push(1, 2, 3)
        assert await ended(stage, command(tmp_path), monkeypatch) == DONE
        assert not stage.provider.known
    out, err = capsys.readouterr()
    summary = json.loads(out.splitlines()[-1])
    assert (summary["handed_over"], summary["missing"], err) == (3, 0, "")


@pytest.mark.anyio
async def test_a_subscription_stays_when_something_cannot_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subscribe, "FINISH_S", 0.05)
    async with subscribing() as stage:
        stage.provider.always = Unavailable("the store is away")
        await stage.push(1, 3, 4)
        assert await ended(stage, command(tmp_path), monkeypatch) == DOES_NOT_HOLD
        assert stage.provider.known
    out, err = capsys.readouterr()
    summary = json.loads(out.splitlines()[-1])
    # 2 cannot be fetched, so 3 and 4 wait, although they were acknowledged.
    assert (summary["received"], summary["handed_over"], summary["missing"]) == (3, 1, 3)
    assert "3 notifications are not given yet" in err
