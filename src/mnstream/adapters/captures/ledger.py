"""What became of everything that a capture holds, stream by stream: the ledger.

A capture holds every frame that its collector received, each in one column. What it cannot hold is
what never came. Of that the ledger knows three things: records that damage swallowed, periods that
a regular stream lacks, and frames that a reporter says were acknowledged.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mnstream.adapters.captures.counters import Counters, Reset
from mnstream.adapters.captures.periods import MissingPeriods, Periods
from mnstream.adapters.codecs import MeasValue
from mnstream.adapters.storage import Entry, Hole, StoredUnit, UnitResolver
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    Disposition,
    Ending,
    FrameStored,
    StreamsChanged,
)
from mnstream.core.values import ConnectionId, ProducerId, StreamId

REMEMBERED_PERIODS = 1 << 17
"""Latest periods of all streams whose content is known, to tell a repetition from a late unit and
from a contradiction: 30 MB. Streams share them evenly, because what a reporter repeats after a
restart is what it had not heard of, whatever number of streams that is about."""
REMEMBERED_PERIODS_MIN = 64
"""How many of them each stream has, however many streams there are."""
UNKNOWN_STREAMS_MAX = 10_000
"""Lines from which streams that nobody announced share one: anybody can make up identifiers."""
EVENTS_MAX = 10_000
"""Repetitions, and resets, that are listed; all of them are counted."""


StreamKey = tuple[ProducerId | None, StreamId | None]
"""A stream and who reports it: several producers may report one stream (TS 28.532 11.5.1.7.3), and
what one of them sends does not make up for what another one does not."""
NO_STREAM: StreamKey = (None, None)


class StreamLedger:
    """One line of the ledger; every number counts units.

    Attributes:
        stream_id: The stream; None for what has none.
        producer_id: Who reported it; None where nobody knows.
        object_dn: What it measures; None where that means nothing.
        received: Units of delivered frames, and good ones of frames with others that are not.
        duplicate: Units that a reporter sent again although they had arrived.
        quarantined: Units, or frames whose units nobody can read, that were put aside.
        late: Received units that are older than one before them by a whole period.
        repeated: Received units of a period that was there already.
        counter_resets: How often a counter began again.
        first_ns: Earliest end of a period, nanoseconds since the Unix epoch.
        last_ns: Latest one.
    """

    def __init__(
        self,
        producer_id: ProducerId | None,
        stream_id: StreamId | None,
        granularity_ns: int | None,
    ) -> None:
        """Start at zero."""
        self.stream_id = stream_id
        self.producer_id = producer_id
        self.object_dn: str | None = None
        self.received = self.duplicate = self.quarantined = 0
        self.late = self.repeated = self.counter_resets = 0
        self.first_ns: int | None = None
        self._periods = Periods(granularity_ns)
        self._counters = Counters()
        self._recent: OrderedDict[int, int] = OrderedDict()

    @property
    def last_ns(self) -> int | None:
        """Latest end of a period."""
        return self._periods.newest_ns

    @property
    def granularity_ns(self) -> int | None:
        """Length of its periods; None when nobody can know it."""
        return self._periods.granularity_ns()

    def missing(self) -> Iterator[MissingPeriods]:
        """Give the periods that should be there."""
        return self._periods.missing()

    def pause(self) -> None:
        """Expect nothing until the next unit."""
        self._periods.pause()

    def account(self, time_ns: int) -> None:
        """Note that a period is not missing, although its unit was put aside."""
        self._periods.add(time_ns)

    def receive(
        self, time_ns: int, values: Mapping[str, MeasValue], *, remembered: int
    ) -> tuple[bool, list[Reset]]:
        """Take a received unit; tell whether it contradicts an earlier one, and what was reset.

        ``remembered`` is how many periods it may be compared with.
        """
        self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)
        content = hash(repr(values))
        known = self._recent.get(time_ns)
        if known is not None:
            self.repeated += 1
            return known != content, []
        self._recent[time_ns] = content
        while len(self._recent) > remembered:
            self._recent.popitem(last=False)
        if self._periods.add(time_ns):
            self.late += 1
            return False, []  # out of order, a counter seems to fall
        resets = self._counters.add(values)
        self.counter_resets += len(resets)
        return False, resets


@dataclass(frozen=True, slots=True)
class Repetition:
    """A period that came twice, with other values."""

    producer_id: ProducerId | None
    stream_id: StreamId | None
    time_ns: int


@dataclass(frozen=True, slots=True)
class CounterReset:
    """A counter that began again."""

    producer_id: ProducerId | None
    stream_id: StreamId | None
    time_ns: int
    reset: Reset


class Ledger:
    """Reckons up a capture, entry by entry.

    Attributes:
        streams: A line for each stream of each producer: another one may have the same identifier.
            What has no stream stands in one line, under ``NO_STREAM``.
        frames: Frames by what became of them.
        holes: Parts of the log that cannot be read.
        unreadable_records: Records in them; those of an end that nobody knows count as one.
        repetitions: Periods that came twice with other values, while that is known.
        resets: Counters that began again.
    """

    def __init__(self, *, granularity_ns: int | None = None) -> None:
        """Learn the granularity of each stream, or take this one for all."""
        self.streams: dict[StreamKey, StreamLedger] = {}
        self.frames = dict.fromkeys(Disposition, 0)
        self.holes: list[Hole] = []
        self.unreadable_records = 0
        self.repetitions: list[Repetition] = []
        self.resets: list[CounterReset] = []
        self._granularity_ns = granularity_ns
        self._resolver = UnitResolver()
        self._in_force: dict[ConnectionId, ConnectionEstablished] = {}

    def add(self, entry: Entry | Hole) -> None:
        """Take the next entry of the log."""
        if isinstance(entry, Hole):
            self.holes.append(entry)
            last = entry.first_position if entry.last_position is None else entry.last_position
            self.unreadable_records += last - entry.first_position + 1
            return
        match entry.record:
            case FrameStored(disposition=disposition):
                self.frames[disposition] += 1
                if entry.connection is not None:
                    self._in_force[entry.connection.connection_id] = entry.connection
            case ConnectionEnded(connection_id=connection_id, ending=ending):
                ended = self._in_force.pop(connection_id, None)
                if ended is not None and ending is Ending.TERMINATED:
                    self._pause(ended.producer_id, _stream_ids(ended))
            case StreamsChanged(connection_id=connection_id, removed=removed):
                changed = self._in_force.get(connection_id)
                if changed is not None:
                    self._pause(changed.producer_id, removed)
            case ConnectionEstablished() as established:
                self._note_restart(established)
        for unit in self._resolver.units(entry):
            self._add_unit(unit)

    @property
    def frames_received(self) -> int:
        """Frames that arrived, each once."""
        return sum(self.frames.values()) - self.frames[Disposition.DUPLICATE]

    def _note_restart(self, established: ConnectionEstablished) -> None:
        """Expect nothing for as long as a producer was away that began anew.

        It still has a connection with these streams and does not know of it: its process was
        started again, and what it did not measure meanwhile was never acknowledged.
        """
        mine = _stream_ids(established)
        for before in self._in_force.values():
            if before.producer_id == established.producer_id:
                self._pause(before.producer_id, mine & _stream_ids(before))

    def _pause(self, producer_id: ProducerId, stream_ids: Iterable[StreamId]) -> None:
        """Expect nothing of streams until they are reported again: their producer ended them."""
        for stream_id in stream_ids:
            line = self.streams.get((producer_id, stream_id))
            if line is not None:
                line.pause()

    def _add_unit(self, unit: StoredUnit) -> None:
        if unit.kind == "keep-alive":
            return
        line = self._line(unit)
        line.object_dn = unit.object_dn or line.object_dn
        if unit.kind == "duplicate":
            line.duplicate += 1
        elif unit.kind == "quarantined":
            line.quarantined += 1
            if unit.stream_info is not None and unit.time_ns is not None:
                line.account(unit.time_ns)
        else:
            line.received += 1
            if unit.values is not None and unit.time_ns is not None:
                self._add_period(line, unit.time_ns, unit.values)

    def _line(self, unit: StoredUnit) -> StreamLedger:
        key: StreamKey = (unit.producer_id, unit.stream_id)
        is_full = unit.stream_info is None and len(self.streams) >= UNKNOWN_STREAMS_MAX
        if unit.stream_id is None or is_full:
            key = NO_STREAM
        line = self.streams.get(key)
        if line is None:
            line = self.streams[key] = StreamLedger(*key, self._granularity_ns)
        return line

    def _add_period(
        self, line: StreamLedger, time_ns: int, values: Mapping[str, MeasValue]
    ) -> None:
        remembered = max(REMEMBERED_PERIODS // len(self.streams), REMEMBERED_PERIODS_MIN)
        contradicts, resets = line.receive(time_ns, values, remembered=remembered)
        if contradicts and len(self.repetitions) < EVENTS_MAX:
            self.repetitions.append(Repetition(line.producer_id, line.stream_id, time_ns))
        for reset in resets:
            if len(self.resets) < EVENTS_MAX:
                self.resets.append(CounterReset(line.producer_id, line.stream_id, time_ns, reset))


def _stream_ids(connection: ConnectionEstablished) -> set[StreamId]:
    return {info.stream_id for info in connection.stream_info_list}
