"""The log of a consumer: appended to from the event loop, written by a thread, in groups.

Appending encodes the record and adds it to the group that gathers. One task takes the group, lets
a thread write and sync it, and wakes those who wait for it; the next group gathers meanwhile. When
nothing gathers, the next append is written at once. Under load a group gathers for
``commit_interval_ms``, counted from the beginning of the commit before: a sync costs the same for
one record and for thousands, and each hop to the thread costs the event loop 0.1 ms.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread

from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.errors import LogClosed, NotAllWritten
from mnstream.adapters.storage.format import (
    FRAME_OVERHEAD_BYTES,
    encode_delivered,
    encode_frame,
    encode_metadata,
)
from mnstream.adapters.storage.segments import Batch, Durability, Segments
from mnstream.core.records import Disposition, FrameStored, MetadataRecord

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """Settings of a log.

    Attributes:
        durability: When a record counts as durable.
        commit_interval_ms: How long records may gather under load. 5: 200 syncs a second leave
            98 % of the event loop to the work, and a producer sees the delay only at the end.
        commit_bytes: Gathered octets that are written before the interval is over. 1 MiB: a disk
            that syncs takes it in a few milliseconds.
        pending_bytes_max: Octets not yet durable from which ``has_room`` waits. 8 MiB: what a
            slow disk takes in a tenth of a second.
        segment_bytes: Octets from which a segment file is full. 64 MiB: opening a log reads one,
            and deleting old data deletes whole ones.
        retry_ms: How long to wait after the disk refused.
    """

    durability: Durability = Durability.FSYNC
    commit_interval_ms: int = 5
    commit_bytes: int = 1 << 20
    pending_bytes_max: int = 8 << 20
    segment_bytes: int = 64 << 20
    retry_ms: int = 1000


class SegmentLog:
    """A ``mnstream.ports.log.Log`` in a directory; for one event loop.

    When the disk refuses, ``trouble`` says why, nothing becomes durable, and the commit is tried
    again every ``retry_ms`` until it works; no record is lost or written twice.
    """

    def __init__(self, segments: Segments, config: LogConfig) -> None:
        """Wrap opened segments; ``open`` does that and runs the task that commits."""
        self._segments = segments
        self._config = config
        self._restored = segments.in_force.records()
        self._at_once = config.durability is Durability.NONE
        self._limiter = anyio.CapacityLimiter(1)
        self._next_position = segments.next_position
        self._durable_position = segments.next_position - 1
        self._room = anyio.Event()
        self._trouble = ""
        self._closing = False
        self._closed = False
        self._stop = anyio.Event()
        # What the commit task waits for: `wake_at` gathered octets. 0: for any record.
        self._wake = anyio.Event()
        self._wake_at = _NEVER
        # The group that gathers.
        self._pieces: list[bytes] = []
        self._metadata: list[MetadataRecord] = []
        self._gathered_bytes = 0
        self._first_wall_ms = _NEVER
        self._last_wall_ms = 0
        # The group that is being committed, up to this position. One event for all who wait for a
        # group: those who give up leave nothing behind.
        self._committing_bytes = 0
        self._committing_position = self._durable_position
        self._committing = anyio.Event()
        self._gathering = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, config: LogConfig | None = None, *, disk: Disk | None = None
    ) -> AsyncGenerator[Self]:
        """Open the log in ``directory``, creating it where there is none.

        Leaving the context commits everything, also when it is cancelled, and takes as long as one
        commit. Exceptions of the body pass through unchanged.

        Raises:
            LogInUse: Somebody else writes it.
            LogUnreadable: A later version of this program wrote it.
            OSError: The disk refuses to open it.
            NotAllWritten: On leaving: the disk refuses, and records that were never reported
                durable are lost. Not raised when the body raises.
        """
        config = config or LogConfig()
        segments = await anyio.to_thread.run_sync(
            partial(
                Segments,
                directory,
                durability=config.durability,
                segment_bytes=config.segment_bytes,
                disk=disk,
            )
        )
        failure: Exception | None = None
        try:
            log = cls(segments, config)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(log._commit_until_closed)
                try:
                    yield log
                except Exception as error:  # raised again below, outside the group
                    failure = error
                finally:
                    log._close()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(segments.close)
        if failure is not None:
            raise failure
        log._check_all_written()

    def append(self, record: MetadataRecord) -> int:
        """Put a metadata record at the end."""
        encoded = encode_metadata(record)
        self._metadata.append(record)
        return self._add(encoded, record.wall_ms)

    def append_frame(
        self,
        streams_version: int,
        wall_ms: int,
        payload: bytes,
        disposition: Disposition = Disposition.DELIVERED,
        cause: str = "",
    ) -> int:
        """Put a frame at the end, in whatever column of the ledger."""
        frame = FrameStored(
            streams_version=streams_version,
            disposition=disposition,
            cause=cause,
            wall_ms=wall_ms,
            payload=payload,
        )
        return self._add(encode_frame(frame), wall_ms)

    def append_frames(self, streams_version: int, wall_ms: int, payloads: Sequence[bytes]) -> int:
        """Put delivered frames at the end; the hot path. No payload is copied.

        Returns the position of the last.
        """
        pieces = self._pieces
        heads: dict[int, bytes] = {}  # frames of one stream have nearly always one size
        for payload in payloads:
            size = len(payload)
            head = heads.get(size)
            if head is None:
                head = heads[size] = encode_delivered(streams_version, wall_ms, size)
            pieces.append(head)
            pieces.append(payload)
        gathered = sum(map(len, payloads)) + FRAME_OVERHEAD_BYTES * len(payloads)
        return self._gathered(len(payloads), gathered, wall_ms)

    def restored(self) -> tuple[MetadataRecord, ...]:
        """Give the metadata that was in force when the log was opened.

        The highest version that the log ever used is the last in it, so that the next one is new.
        """
        return self._restored

    async def durable(self, position: int) -> None:
        """Wait until ``position`` is durable; returns at once when it is. Safe to cancel.

        Raises:
            LogClosed: The log was closed while its disk refused.
        """
        while position > self._durable_position:
            if self._closed:
                raise LogClosed(f"position {position} did not become durable")
            if self._at_once and position < self._next_position:
                return
            is_committing = position <= self._committing_position
            await (self._committing if is_committing else self._gathering).wait()

    async def has_room(self) -> None:
        """Wait while more than ``pending_bytes_max`` are not durable. Safe to cancel.

        Raises:
            LogClosed: The log was closed while its disk refused.
        """
        while self._gathered_bytes + self._committing_bytes > self._config.pending_bytes_max:
            if self._closed:
                raise LogClosed("nothing is written any more")
            await self._room.wait()

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable at present, for people; empty when all is well."""
        return self._trouble

    @property
    def next_position(self) -> int:
        """The position that the next record gets."""
        return self._next_position

    @property
    def durable_position(self) -> int:
        """The last durable position, -1 when there is none."""
        return self._durable_position

    @property
    def repaired_bytes(self) -> int:
        """Octets of unfinished writes that opening the log cut off."""
        return self._segments.repaired_bytes

    def _add(self, encoded: bytes, wall_ms: int) -> int:
        self._pieces.append(encoded)
        return self._gathered(1, len(encoded), wall_ms)

    def _gathered(self, records: int, size_bytes: int, wall_ms: int) -> int:
        """Count what was added to the group, and return the position of the last record."""
        self._last_wall_ms = max(wall_ms, self._last_wall_ms)
        self._first_wall_ms = min(wall_ms, self._first_wall_ms)
        self._gathered_bytes += size_bytes
        if self._gathered_bytes >= self._wake_at:
            self._wake_committer()
        self._next_position += records
        return self._next_position - 1

    def _wake_committer(self) -> None:
        self._wake_at = _NEVER
        self._wake.set()

    def _close(self) -> None:
        self._closing = True
        self._stop.set()
        self._wake_committer()

    def _check_all_written(self) -> None:
        lost = self._next_position - 1 - self._durable_position
        if lost:
            raise NotAllWritten(self._trouble, records=lost)

    async def _commit_until_closed(self) -> None:
        # The shield lets a cancelled owner commit what it appended; `_close` ends the loop.
        with anyio.CancelScope(shield=True):
            while await self._anything_gathered():
                started = anyio.current_time()
                batch = self._take_batch()
                if not await self._commit(batch):
                    break
                self._became_durable(batch)
                await self._gather(started + self._config.commit_interval_ms / 1000)
        self._closed = True
        self._gathering.set()
        self._notify()

    async def _anything_gathered(self) -> bool:
        """Wait for a record; False when the log is closed and there is none."""
        while not self._pieces:
            if self._closing:
                return False
            self._wake = anyio.Event()
            self._wake_at = 0
            await self._wake.wait()
        return True

    async def _gather(self, deadline: float) -> None:
        """Let records gather until ``deadline``, unless there are none, or enough of them."""
        enough = self._config.commit_bytes
        if self._closing or not self._pieces or self._gathered_bytes >= enough:
            return
        delay = deadline - anyio.current_time()
        if delay <= 0:
            return
        self._wake = anyio.Event()
        self._wake_at = enough
        with anyio.move_on_after(delay):
            await self._wake.wait()
        self._wake_at = _NEVER

    def _take_batch(self) -> Batch:
        first = self._durable_position + 1
        batch = Batch(
            first_position=first,
            count=self._next_position - first,
            first_wall_ms=self._first_wall_ms,
            last_wall_ms=self._last_wall_ms,
            pieces=self._pieces,
            metadata=self._metadata,
        )
        self._pieces = []
        self._metadata = []
        self._first_wall_ms, self._last_wall_ms = _NEVER, 0
        self._committing_bytes, self._gathered_bytes = self._gathered_bytes, 0
        self._committing_position = self._next_position - 1
        self._committing, self._gathering = self._gathering, anyio.Event()
        return batch

    async def _commit(self, batch: Batch) -> bool:
        """Make a batch durable, however long the disk refuses; False when closing ended that."""
        while True:
            last_attempt = self._closing
            try:
                await anyio.to_thread.run_sync(self._segments.commit, batch, limiter=self._limiter)
            except OSError as error:
                self._trouble = f"log: {error.strerror or error}"
            else:
                self._trouble = ""
                return True
            if last_attempt:
                return False
            with anyio.move_on_after(self._config.retry_ms / 1000):
                await self._stop.wait()

    def _became_durable(self, batch: Batch) -> None:
        self._durable_position += batch.count
        self._committing_bytes = 0
        self._notify()

    def _notify(self) -> None:
        self._committing.set()
        self._room.set()
        self._room = anyio.Event()
