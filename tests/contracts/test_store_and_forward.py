"""The file transport keeps what ``mnstream.testing.store_and_forward`` asks."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from mnstream.adapters.file import FileServer, TailConfig
from mnstream.adapters.file.link import Link
from mnstream.adapters.file.player import Player
from mnstream.adapters.observability import Counters
from mnstream.adapters.runtime.capturing import capturing
from mnstream.adapters.storage import Durability, LogConfig
from mnstream.core.operations import ControlOperation, Outcome
from mnstream.core.records import MetadataRecord, StreamsChanged
from mnstream.ports.transport import ProducerTransport, StreamingService
from mnstream.testing.store_and_forward import (
    Check,
    StoreAndForward,
    a_temporary_refusal_is_waited_for,
    check_store_and_forward,
    forwarding_goes_on_after_a_restart,
    operations_arrive_in_order,
    what_is_answered_is_not_sent_again,
    what_is_not_answered_is_sent_again,
)

TAIL = TailConfig(interval_ms=5, busy_interval_ms=1)


@asynccontextmanager
async def files(
    *, segment_bytes: int = 64 << 20, as_directory_of_captures: bool = False
) -> AsyncGenerator[StoreAndForward]:
    log = LogConfig(durability=Durability.WRITE, commit_interval_ms=0, segment_bytes=segment_bytes)
    with tempfile.TemporaryDirectory() as name:
        capture, state = Path(name) / "in" / "capture", Path(name) / "data" / "tails"
        capture.mkdir(parents=True)
        tailed = capture.parent if as_directory_of_captures else capture

        @asynccontextmanager
        async def writing() -> AsyncGenerator[ProducerTransport]:
            async with capturing(capture, log=log) as transport:
                yield transport

        @asynccontextmanager
        async def forwarding(service: StreamingService) -> AsyncGenerator[None]:
            server = FileServer(service, [tailed], state=state, observer=Counters(), config=TAIL)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(server.serve))
                yield
                tasks.cancel_scope.cancel()

        yield StoreAndForward(writing=writing, forwarding=forwarding)


@pytest.mark.anyio
async def test_a_capture() -> None:
    await check_store_and_forward(files)


@pytest.mark.anyio
async def test_a_directory_of_captures_in_small_segments() -> None:
    await check_store_and_forward(partial(files, segment_bytes=1, as_directory_of_captures=True))


class DoesNotWait(Link):
    async def deliver(self, frames: list[bytes]) -> None:
        await self._channel.send(frames)


class Forgets(Player):
    async def _save_now(self) -> None:
        """Save nothing."""


class LeavesStreamsAsTheyWere(Player):
    async def _apply(self, record: MetadataRecord) -> None:
        if not isinstance(record, StreamsChanged):
            await super()._apply(record)


class ChangesStreamsTooEarly(Player):
    async def _deliver(self, position: int) -> None:
        if position % 3 == 0:
            await super()._deliver(position)


class TakesNoForAnAnswer(Player):
    async def _ask(self, operation: ControlOperation) -> Outcome:
        return await self._transport.request(operation)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (DoesNotWait, what_is_not_answered_is_sent_again),
        (Forgets, what_is_answered_is_not_sent_again),
        (Forgets, forwarding_goes_on_after_a_restart),
        (LeavesStreamsAsTheyWere, operations_arrive_in_order),
        (ChangesStreamsTooEarly, operations_arrive_in_order),
        (TakesNoForAnAnswer, a_temporary_refusal_is_waited_for),
    ],
)
async def test_the_suite_finds_faults(
    fault: type[Player | Link], check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "server.Player" if issubclass(fault, Player) else "player.Link"
    monkeypatch.setattr(f"mnstream.adapters.file.{name}", fault)
    async with files() as halves:
        with pytest.raises((AssertionError, TimeoutError, ExceptionGroup)), anyio.fail_after(1):
            await check(halves)
