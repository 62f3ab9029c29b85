"""A log in memory, for tests and for consumers that need not survive their process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio

from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.core.records import Disposition, FrameStored, MetadataRecord, Record


class MemoryLog:
    """A ``mnstream.ports.log.Log`` that keeps everything in a list.

    Attributes:
        records: All records; the index of each is its position.
    """

    def __init__(self, records: Iterable[Record] = (), *, commits_itself: bool = True) -> None:
        """Begin with the records of an earlier log, all durable.

        Args:
            records: What was stored before.
            commits_itself: Whether a record is durable at once; otherwise ``commit`` makes it so.
        """
        self.records: list[Record] = list(records)
        self._commits_itself = commits_itself
        self._durable_count = len(self.records)
        self._trouble = ""
        self._changed = anyio.Event()
        self._room = True
        in_force = MetadataInForce()
        for record in self.records:
            if not isinstance(record, FrameStored):
                in_force.apply(record)
        self._restored = in_force.records()

    def append(self, record: MetadataRecord) -> int:
        """Put a metadata record at the end."""
        return self._add(record)

    def append_frame(
        self,
        streams_version: int,
        wall_ms: int,
        payload: bytes,
        disposition: Disposition = Disposition.DELIVERED,
        cause: str = "",
    ) -> int:
        """Put a frame at the end."""
        return self._add(
            FrameStored(
                streams_version=streams_version,
                disposition=disposition,
                cause=cause,
                wall_ms=wall_ms,
                payload=payload,
            )
        )

    def append_frames(self, streams_version: int, wall_ms: int, payloads: Sequence[bytes]) -> int:
        """Put delivered frames at the end; returns the position of the last."""
        return [self.append_frame(streams_version, wall_ms, each) for each in payloads][-1]

    def restored(self) -> tuple[MetadataRecord, ...]:
        """Give the metadata in force at the end of the records that it began with."""
        return self._restored

    async def durable(self, position: int) -> None:
        """Wait until ``position`` is durable; returns at once when it is. Safe to cancel."""
        while position >= self._durable_count:
            await self._changed.wait()

    async def has_room(self) -> None:
        """Wait while ``set_room`` says that there is none. Safe to cancel."""
        while not self._room:
            await self._changed.wait()

    @property
    def trouble(self) -> str:
        """What ``set_trouble`` was given last."""
        return self._trouble

    def commit(self) -> None:
        """Make everything durable, unless there is trouble."""
        if not self._trouble:
            self._durable_count = len(self.records)
            self._wake()

    def set_trouble(self, trouble: str) -> None:
        """Pretend that the disk refuses, or with ``""`` that it works again."""
        self._trouble = trouble
        if self._commits_itself:
            self.commit()

    def set_room(self, *, room: bool) -> None:
        """Pretend that too much, or little, waits for the disk."""
        self._room = room
        self._wake()

    @property
    def durable_records(self) -> list[Record]:
        """What would be found after the process was killed now."""
        return self.records[: self._durable_count]

    def _add(self, record: Record) -> int:
        self.records.append(record)
        if self._commits_itself:
            self.commit()
        return len(self.records) - 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
