"""What a reporter has not delivered yet, on disk, so that it survives the reporter.

A spool is a log like the collector's: frames, and before them the streams that they belong to. A
frame is reported when it is durable there. How far it was acknowledged stands in a small file that
is written now and then; after a crash a few frames are sent once more, none is forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Self

import anyio
from anyio import to_thread

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.feeds import Batch
from mnstream.adapters.storage import Entry, LogReader, SegmentLog
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.errors import MnSError
from mnstream.core.records import ConnectionEstablished, FrameStored, StreamsChanged
from mnstream.core.streaming.window import Window
from mnstream.core.values import ConnectionId, ProducerId, StreamId, StreamInfo
from mnstream.ports.clock import Clock

SAVE_INTERVAL_S = 0.5
"""How often the progress is written; so much is sent once more after a crash."""
_PROGRESS = "acknowledged"
_CONNECTION = ConnectionId("spool")


class SpoolConflict(MnSError):
    """A stream is announced differently while frames of the former announcement are undelivered.

    One connection cannot announce a stream in two ways, and the frames mean nothing without theirs.
    """

    def __init__(self, stream_id: StreamId) -> None:
        """Keep which stream it is."""
        super().__init__(
            f"undelivered frames are left of stream {stream_id} as it was announced before; "
            "deliver them with the former settings first, or use another directory"
        )
        self.stream_id = stream_id


class Spool:
    """The undelivered frames of one reporter."""

    def __init__(self, directory: Path, log: SegmentLog, clock: Clock) -> None:
        """Wrap an open log; ``open`` does that."""
        self._directory = directory
        self._log = log
        self._clock = clock
        self._next = min(_read_progress(directory), log.next_position)
        self._saved = self._next
        self._sent: deque[int] = deque()
        self._counted = 0
        self._window: Window | None = None
        self._version = 0
        self._streams: dict[StreamId, StreamInfo] = {}
        for record in log.restored():
            self._version = max(self._version, getattr(record, "streams_version", 0))
            if isinstance(record, ConnectionEstablished):
                self._streams.update((s.stream_id, s) for s in record.stream_info_list)

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, clock: Clock) -> AsyncGenerator[Self]:
        """Open the spool in a directory, made when it is missing, and save progress meanwhile.

        Raises:
            StorageError: Somebody else uses it, or it cannot be read.
            OSError: The disk refuses.
        """
        async with SegmentLog.open(directory) as log:
            spool = cls(directory, log, clock)
            async with background() as tasks:
                tasks.start_soon(spool._save_now_and_then)
                try:
                    yield spool
                finally:
                    spool._save()

    def follow(self, window: Window) -> None:
        """Learn from a producer's window what is acknowledged."""
        self._window = window

    async def batches(
        self, batches: AsyncGenerator[Batch], producer_id: ProducerId
    ) -> AsyncGenerator[Batch]:
        """Give what was left over from before, then the batches, made durable first.

        The first of the batches is taken before anything is given, so that a conflict shows before
        anything is sent. When nothing is left over, streams of before are forgotten.

        Raises:
            SpoolConflict: A batch announces a stream of the spool differently.
        """
        leftover = self._leftover()
        if not leftover:
            self._streams.clear()
        announced: Sequence[StreamInfo] = tuple(self._streams.values())
        async with aclosing(batches):
            batch = await anext(batches, None)
            kept = [] if batch is None else await self._keep(batch, producer_id)
            for position, payload in leftover:
                self._sent.append(position)
                yield Batch(streams=announced, frames=[payload])
                announced = ()
            while batch is not None:
                self._sent.extend(kept)
                yield batch
                batch = await anext(batches, None)
                kept = [] if batch is None else await self._keep(batch, producer_id)

    async def _keep(self, batch: Batch, producer_id: ProducerId) -> list[int]:
        """Make a batch durable and return the positions of its frames."""
        new = [s for s in batch.streams if self._streams.get(s.stream_id) != s]
        for stream in new:
            if stream.stream_id in self._streams:
                raise SpoolConflict(stream.stream_id)
        if new:
            self._log.append(self._announcement(new, producer_id))
        positions = [
            self._log.append_frame(self._version, self._clock.wall_ms(), frame)
            for frame in batch.frames
        ]
        if positions:
            await self._log.durable(positions[-1])
        return positions

    def _leftover(self) -> list[tuple[int, bytes]]:
        entries = LogReader(self._directory).entries(from_position=self._next)
        return [
            (entry.position, entry.record.payload)
            for entry in entries
            if isinstance(entry, Entry) and isinstance(entry.record, FrameStored)
        ]

    def _announcement(
        self, new: Sequence[StreamInfo], producer_id: ProducerId
    ) -> ConnectionEstablished | StreamsChanged:
        known, self._version = bool(self._streams), self._version + 1
        self._streams.update((stream.stream_id, stream) for stream in new)
        if known:
            return StreamsChanged(
                connection_id=_CONNECTION,
                streams_version=self._version,
                added=tuple(new),
                removed=(),
                wall_ms=self._clock.wall_ms(),
            )
        return ConnectionEstablished(
            connection_id=_CONNECTION,
            producer_id=producer_id,
            identity="",
            streams_version=self._version,
            stream_info_list=tuple(new),
            wall_ms=self._clock.wall_ms(),
        )

    def _notice(self) -> None:
        acknowledged = 0 if self._window is None else self._window.acknowledged
        while self._counted < acknowledged:
            self._next = self._sent.popleft() + 1
            self._counted += 1

    async def _save_now_and_then(self) -> None:
        while True:
            await anyio.sleep(SAVE_INTERVAL_S)
            await to_thread.run_sync(self._save)

    def _save(self) -> None:
        """Write the progress, and delete files that hold nothing undelivered.

        Losing this write costs nothing but sending something once more, so it is not synced.
        """
        self._notice()
        if self._next == self._saved:
            return
        temporary = self._directory / f"{_PROGRESS}.tmp"
        temporary.write_text(f"{self._next}\n", encoding="ascii")
        temporary.replace(self._directory / _PROGRESS)
        self._saved = self._next
        paths = segment_paths(self._directory)
        for path, following in pairwise(paths):
            if int(following.stem) <= self._next:
                path.unlink()


def _read_progress(directory: Path) -> int:
    try:
        return int((directory / _PROGRESS).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
