"""What reading a log gives: records, and what stands in the place of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnstream.core.records import ConnectionEstablished, Disposition, FrameStored, Record


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log.

    Attributes:
        position: Its position.
        record: What was stored.
        connection: For a frame, its connection with the streams that were in force when it
            arrived; None when damage swallowed them, and for metadata records.
    """

    position: int
    record: Record
    connection: ConnectionEstablished | None


@dataclass(frozen=True, slots=True)
class Hole:
    """Records that cannot be read.

    Attributes:
        path: File in which they are, or after which they should be.
        offset: Where the damage begins in it.
        first_position: Position of the first of them.
        last_position: Position of the last of them; None when nobody knows.
        reason: What is wrong, for people.
    """

    path: Path
    offset: int
    first_position: int
    last_position: int | None
    reason: str

    def __str__(self) -> str:
        """Say all of it in one line."""
        last = "?" if self.last_position is None else self.last_position
        records = f"records {self.first_position} to {last}"
        return f"{self.path} at {self.offset}: {records}: {self.reason}"


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Delivered frames that follow each other, member by member.

    Attributes:
        first_position: Position of the first.
        wall_ms: When each arrived, milliseconds since the Unix epoch.
        streams_versions: The set of streams that was in force for each.
        payloads: The messages, byte for byte.
        connections: For each of the versions, the connection with its streams; one that damage
            swallowed is not in it.
    """

    first_position: int
    wall_ms: Sequence[int]
    streams_versions: Sequence[int]
    payloads: Sequence[bytes]
    connections: Mapping[int, ConnectionEstablished]

    def entry(self, number: int) -> Entry:
        """Give one of them for itself, counted from 0."""
        version = self.streams_versions[number]
        record = FrameStored(
            streams_version=version,
            disposition=Disposition.DELIVERED,
            cause="",
            wall_ms=self.wall_ms[number],
            payload=self.payloads[number],
        )
        return Entry(self.first_position + number, record, self.connections.get(version))

    def entries(self) -> Iterator[Entry]:
        """Give them one by one."""
        return map(self.entry, range(len(self.payloads)))
