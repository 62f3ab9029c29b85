"""The durable record of everything that a consumer took responsibility for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from mnstream.core.records import Disposition, MetadataRecord


class Log(Protocol):
    """Append-only, in order, durable in groups.

    Positions count records: ``append`` returns that of the record, and a position is durable when
    it and everything before it would survive a loss of power (in the log's durability mode).
    Appending never waits and never fails; ``has_room`` is where a slow or full disk shows.
    """

    def append(self, record: MetadataRecord) -> int:
        """Put a metadata record at the end."""
        ...

    def append_frame(
        self,
        streams_version: int,
        wall_ms: int,
        payload: bytes,
        disposition: Disposition = Disposition.DELIVERED,
        cause: str = "",
    ) -> int:
        """Put a frame at the end, in whatever column of the ledger."""
        ...

    def append_frames(self, streams_version: int, wall_ms: int, payloads: Sequence[bytes]) -> int:
        """Put delivered frames at the end, at least one; the hot path.

        Returns the position of the last, as if each had been appended by itself.
        """
        ...

    def restored(self) -> Iterable[MetadataRecord]:
        """Give the metadata that rebuilds the state in force when the log was last written."""
        ...

    async def durable(self, position: int) -> None:
        """Wait until ``position`` is durable; returns at once when it is. Safe to cancel."""
        ...

    async def has_room(self) -> None:
        """Wait while too much is appended and not yet durable. Safe to cancel."""
        ...

    @property
    def trouble(self) -> str:
        """Why nothing becomes durable at present, for people; empty when all is well."""
        ...
