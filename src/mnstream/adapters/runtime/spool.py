"""What a reporter has not delivered yet, on disk, so that it survives the reporter.

A spool is a log like the collector's: frames, and before them the streams that they belong to. A
frame is reported when it is durable there. How far it was acknowledged stands in a small file that
is written now and then; after a crash a few frames are sent once more, none is forgotten.
"""

from __future__ import annotations

import logging
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
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.segments import segment_paths
from mnstream.core.errors import MnSError
from mnstream.core.records import ConnectionEstablished, FrameStored, StreamsChanged
from mnstream.core.streaming.window import Window
from mnstream.core.values import ConnectionId, ProducerId, StreamId, StreamInfo
from mnstream.ports.clock import Clock

_log = logging.getLogger(__name__)

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

    def __init__(self, directory: Path, log: SegmentLog, clock: Clock, disk: Disk) -> None:
        """Wrap an open log; ``open`` does that."""
        self._directory = directory
        self._log = log
        self._clock = clock
        self._disk = disk
        self._trouble = ""
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
    async def open(
        cls, directory: Path, clock: Clock, *, disk: Disk | None = None
    ) -> AsyncGenerator[Self]:
        """Open the spool in a directory, made when it is missing, and save progress meanwhile.

        Progress that cannot be saved is logged, and tried again.

        Raises:
            StorageError: Somebody else uses it, or it cannot be read.
            OSError: The disk refuses to open it.
        """
        disk = disk or Disk()
        async with SegmentLog.open(directory, disk=disk) as log:
            spool = cls(directory, log, clock, disk)
            try:
                async with background() as tasks:
                    tasks.start_soon(spool._save_now_and_then)
                    yield spool
            finally:  # behind the task: two must not write the same file at the same time
                with anyio.CancelScope(shield=True):
                    await spool._save()

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
            await self._save()

    async def _save(self) -> None:
        """Save the progress; failing costs nothing but sending something once more."""
        self._notice()
        position = self._next
        if position == self._saved:
            return
        try:
            await to_thread.run_sync(self._write, position)
        except OSError as error:
            if str(error) != self._trouble:
                _log.warning("the progress of the spool is not saved: %s", error)
            self._trouble = str(error)
        else:
            self._saved = position
            self._trouble = ""

    def _write(self, position: int) -> None:
        """Write the progress, and delete files that hold nothing undelivered."""
        self._disk.replace_file(self._directory / _PROGRESS, b"%d\n" % position)
        for path, following in pairwise(segment_paths(self._directory)):
            if int(following.stem) <= position:
                self._disk.remove(path)


def _read_progress(directory: Path) -> int:
    try:
        return int((directory / _PROGRESS).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
