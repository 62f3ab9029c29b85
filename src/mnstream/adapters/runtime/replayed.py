"""One connection of a capture that is sent again."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from mnstream.adapters.runtime.reporter import Reporter, ReportingEnded
from mnstream.core.records import ConnectionEstablished
from mnstream.core.values import StreamId, StreamInfo

FRAMES_AT_ONCE = 64
"""Frames that are handed over at once when nobody waits for the time between them."""
BYTES_AT_ONCE = 256 * 1024
"""The same in octets; far less than what a producer keeps."""
QUEUED_ITEMS_MAX = 8
"""Handed over and not yet taken; then reading waits, so that a slow connection costs no memory."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Other streams from here on."""

    removed: tuple[StreamId, ...]
    added: tuple[StreamInfo, ...]


_Item = _Change | list[bytes]
"""What a connection does next."""


class ReplayedConnection:
    """One connection of a capture, on its way; runs beside whoever reads the capture.

    Attributes:
        reporter: Who sends it.
        streams: What it reports after all that was handed over.
        agreed: The record that said so last.
        handed_over: Frames that were handed over.
        dropped: Those of them that were never acknowledged; known when it is over.
        over: Set when it is terminated, or given up.
    """

    def __init__(self, reporter: Reporter, streams: tuple[StreamInfo, ...]) -> None:
        """Report with a reporter of its own, these streams at first."""
        self.reporter = reporter
        self.streams = streams
        self.agreed: ConnectionEstablished | None = None
        self.handed_over = 0
        self.dropped = 0
        self.over = anyio.Event()
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._inbox, self._items = anyio.create_memory_object_stream[_Item](QUEUED_ITEMS_MAX)
        reporter.add_streams(streams)

    @property
    def has_enough(self) -> bool:
        """Whether what is gathered should be handed over."""
        return len(self._gathered) >= FRAMES_AT_ONCE or self._gathered_bytes >= BYTES_AT_ONCE

    def gather(self, frame: bytes) -> None:
        """Take a frame, to be handed over with others."""
        self._gathered.append(frame)
        self._gathered_bytes += len(frame)

    async def flush(self) -> None:
        """Hand over what is gathered; waits while enough is on its way."""
        if self._gathered:
            await self._inbox.send(self._gathered)
            self.handed_over += len(self._gathered)
            self._gathered, self._gathered_bytes = [], 0

    async def change(self, streams: tuple[StreamInfo, ...]) -> None:
        """Report these streams from here on."""
        before = {stream.stream_id: stream for stream in self.streams}
        after = {stream.stream_id: stream for stream in streams}
        change = _Change(
            removed=tuple(name for name, known in before.items() if after.get(name) != known),
            added=tuple(stream for stream in streams if before.get(stream.stream_id) != stream),
        )
        if change.removed or change.added:
            await self.flush()
            await self._inbox.send(change)
        self.streams = streams

    def finish(self) -> None:
        """Terminate the connection when all that was handed over is delivered."""
        self._inbox.close()

    async def run(self) -> None:
        """Send what is handed over, until ``finish``."""
        lost = 0
        with self._items, self._inbox:
            try:
                async with self.reporter.running():
                    async for item in self._items:
                        lost = len(item) if isinstance(item, list) else 0
                        await self._send(item)
                        lost = 0
            except ReportingEnded:  # told in the summary
                async for item in self._items:
                    lost += len(item) if isinstance(item, list) else 0
        end = self.reporter.end
        assert end is not None
        self.dropped = end.unacknowledged + lost
        self.over.set()

    async def _send(self, item: _Item) -> None:
        if isinstance(item, list):
            await self.reporter.report(item)
            return
        # Whatever came before is judged by the streams of before, and the other way round.
        await self.reporter.drained()
        if item.removed:
            self.reporter.delete_streams(item.removed)
            await self.reporter.settled()
        if item.added:
            self.reporter.add_streams(item.added)
            await self.reporter.settled()
