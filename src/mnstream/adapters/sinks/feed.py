"""Moves what becomes durable in a log to one sink (ARCHITECTURE.md 2).

A sink that is slow or down delays its own position and nothing else: records wait in the log, which
is on disk anyway, and not in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from mnstream.adapters.storage import Entry, Hole, LogClosed, StorageError, StoredUnit, UnitResolver
from mnstream.adapters.storage.tail import Batch, LogTail
from mnstream.ports.observer import Observer
from mnstream.ports.sink import Sink, SinkError, SinkStatus

_log = logging.getLogger(__name__)


class FollowedLog(Protocol):
    """What is asked of a log; ``adapters.storage.SegmentLog`` has it."""

    async def durable(self, position: int) -> None:
        """Wait until ``position`` is durable; safe to cancel. LogClosed when it never will be."""
        ...

    @property
    def durable_position(self) -> int:
        """The last durable position, -1 when there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """Times of a feed.

    Attributes:
        interval_ms: Pause after each write that left nothing to do. 200: five syncs a second at
            most, which leave the disk to the log, and people do not notice the delay.
        retry_initial_ms: Pause after the first failure; it doubles with each one that follows.
        retry_max_ms: Longest pause.
    """

    interval_ms: int = 200
    retry_initial_ms: int = 1000
    retry_max_ms: int = 30_000


class SinkFeed:
    """Feeds one sink; give each its own."""

    def __init__(
        self,
        sink: Sink[StoredUnit],
        *,
        log: FollowedLog,
        directory: Path,
        observer: Observer,
        config: FeedConfig | None = None,
    ) -> None:
        """Connect a sink with a log.

        Args:
            sink: Where units go.
            log: Tells how far the log is durable.
            directory: Where it is written.
            observer: Counts ``sink_writes_failed`` and ``sink_holes`` by kind of sink.
            config: Times.
        """
        self._sink = sink
        self._log = log
        self._directory = directory
        self._observer = observer
        self._config = config or FeedConfig()
        self._kind = sink.name.partition(":")[0]
        self._position = 0
        self._units_written = 0
        self._holes = 0
        self._trouble = ""
        self._stop = anyio.Event()
        self._limiter = anyio.CapacityLimiter(1)
        self._resolver = UnitResolver()

    async def run(
        self,
        *,
        stop: anyio.Event | None = None,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Feed the sink until ``stop`` is set, then give it what is durable by now, and return.

        May be called once. Started when the sink is open. When it takes nothing after ``stop``,
        the rest is left to the next start; so it is when this is cancelled. Stop it before the log
        is closed.

        Raises:
            SinkError: The sink could not be opened; it is never raised later.
        """
        self._stop = stop or self._stop
        try:
            self._position = self._in_log(await self._sink.open())
            task_status.started()
            await self._feed()
        finally:
            with anyio.CancelScope(shield=True):
                await self._sink.aclose()

    def status(self) -> SinkStatus:
        """Say how far the sink came."""
        return SinkStatus(
            name=self._sink.name,
            position=self._position,
            lag_records=max(self._log.durable_position + 1 - self._position, 0),
            units_written=self._units_written,
            holes=self._holes,
            trouble=self._trouble,
        )

    def _in_log(self, position: int) -> int:
        """Go back when the log lost what the sink has: it did not sync before a loss of power."""
        end = self._log.durable_position + 1
        if position > end:
            _log.warning(
                "the log ends before position %d, where %s went on; going on at its end, %d",
                position,
                self._sink.name,
                end,
            )
        return min(position, end)

    async def _feed(self) -> None:
        tail = LogTail(self._directory, self._position)
        delay_ms = self._config.retry_initial_ms
        try:
            while True:
                await self._until_durable()
                stopping = self._stop.is_set()
                try:
                    batch, units = await anyio.to_thread.run_sync(
                        self._read, tail, self._log.durable_position, limiter=self._limiter
                    )
                except Exception as error:  # as for writing
                    known = isinstance(error, OSError | StorageError)
                    self._report(f"the log cannot be read: {error if known else repr(error)}")
                    if stopping:
                        return
                    tail.close()  # how far it came in the batch is unknown
                    tail = LogTail(self._directory, self._position)
                    await self._pause(delay_ms)
                    delay_ms = min(2 * delay_ms, self._config.retry_max_ms)
                    continue
                delay_ms = self._config.retry_initial_ms
                if batch.next_position == self._position:
                    self._trouble = ""
                elif not await self._write(batch, units):
                    return
                if not batch.is_full:
                    if stopping:
                        return
                    await self._pause(self._config.interval_ms)
        finally:
            tail.close()

    def _read(self, tail: LogTail, durable_position: int) -> tuple[Batch, list[StoredUnit]]:
        batch = tail.read(durable_position)
        units = [
            unit
            for entry in batch.entries
            if isinstance(entry, Entry)
            for unit in self._resolver.units(entry)
        ]
        return batch, units

    async def _write(self, batch: Batch, units: Sequence[StoredUnit]) -> bool:
        """Write a batch, however long that takes; False when stopping ended it."""
        delay_ms = self._config.retry_initial_ms
        while True:
            last_attempt = self._stop.is_set()
            try:
                await self._sink.write(units, next_position=batch.next_position)
            except Exception as error:  # whatever a sink does wrong must not end the collector
                self._observer.count("sink_writes_failed", self._kind)
                known = isinstance(error, SinkError)
                self._report(str(error) if known else f"{self._sink.name}: {error!r}")
            else:
                self._wrote(batch, units)
                return True
            if last_attempt:
                return False
            await self._pause(delay_ms)
            delay_ms = min(2 * delay_ms, self._config.retry_max_ms)

    def _wrote(self, batch: Batch, units: Sequence[StoredUnit]) -> None:
        if self._trouble:
            _log.info("%s takes data again", self._sink.name)
        self._trouble = ""
        self._position = batch.next_position
        self._units_written += len(units)
        for entry in batch.entries:
            if isinstance(entry, Hole):
                self._holes += 1
                self._observer.count("sink_holes", self._kind)
                _log.warning("%s cannot be given a part of the log: %s", self._sink.name, entry)

    def _report(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.warning("a sink takes nothing: %s", trouble)
        self._trouble = trouble

    async def _pause(self, delay_ms: int) -> None:
        with anyio.move_on_after(delay_ms / 1000):
            await self._stop.wait()

    async def _until_durable(self) -> None:
        """Wait until the next record is durable, or never will be, or ``stop`` is set."""
        if self._log.durable_position >= self._position or self._stop.is_set():
            return
        async with anyio.create_task_group() as tasks:

            async def wait_for(what: Callable[[], Awaitable[object]]) -> None:
                await what()
                tasks.cancel_scope.cancel()

            tasks.start_soon(wait_for, self._stop.wait)
            tasks.start_soon(wait_for, self._next_durable)

    async def _next_durable(self) -> None:
        try:
            await self._log.durable(self._position)
        except LogClosed:
            self._stop.set()
