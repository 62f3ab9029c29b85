"""A log whose records become durable later, in groups, and of which a crash takes the tail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.core.records import FrameStored, MetadataRecord, Record
from mnstream.core.values import ConnectionId
from tests.simulation.network import Network
from tests.simulation.world import Action

STALL_FACTOR = 100


class SimulatedLog:
    """Records in order; those below ``durable`` survive everything."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._world = network.world
        self.records: list[Record] = []
        self.durable = 0
        self.durable_payloads: set[bytes] = set()
        self._waiting: deque[tuple[int, Action]] = deque()
        self._flushing = False
        self._lives = 0

    def restored(self) -> tuple[MetadataRecord, ...]:
        """Give what is in force, as short as a log on a disk does."""
        in_force = MetadataInForce()
        for record in self.records:
            if not isinstance(record, FrameStored):
                in_force.apply(record)
        return in_force.records()

    def frames(self) -> Iterator[tuple[ConnectionId | None, FrameStored]]:
        """Give every frame with its connection, as a reader of a log does."""
        in_force = MetadataInForce()
        for record in self.records:
            if isinstance(record, FrameStored):
                connection = in_force.connection(record.streams_version)
                yield None if connection is None else connection.connection_id, record
            else:
                in_force.apply(record)

    def append(self, record: Record) -> None:
        """Put a record at the end."""
        self.records.append(record)
        if not self._flushing:
            self._flush()

    def when_durable(self, action: Action) -> None:
        """Do something as soon as everything that was appended before is durable."""
        if len(self.records) <= self.durable:
            action()
        else:
            self._waiting.append((len(self.records), action))

    def crash(self) -> None:
        """Lose a part of what is not durable; whoever waits for it died with the process."""
        kept = self._world.between(self.durable, len(self.records))
        self._network.counts["records lost"] += len(self.records) - kept
        del self.records[kept:]
        self._lives += 1
        self._flushing = False
        self._waiting.clear()
        self._note_durable(kept)

    def _flush(self) -> None:
        self._flushing = True
        position, life = len(self.records), self._lives
        delay_ms = self._world.between(1, self._network.faults.flush_max_ms)
        if self._network.fails(self._network.faults.stall):
            delay_ms *= STALL_FACTOR

        def done() -> None:
            if life == self._lives:
                self._flushed(position)

        self._world.after(delay_ms, done)

    def _flushed(self, position: int) -> None:
        self._flushing = False
        self._note_durable(position)
        while self._waiting and self._waiting[0][0] <= position:
            self._waiting.popleft()[1]()
        if len(self.records) > self.durable and not self._flushing:
            self._flush()

    def _note_durable(self, position: int) -> None:
        for record in self.records[self.durable : position]:
            if isinstance(record, FrameStored):
                self.durable_payloads.add(record.payload)
        self.durable = position
