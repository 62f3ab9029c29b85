"""Two captures compared, value by value.

What is compared is what the captures say: values by metric, trace records, payloads that nobody can
read, and what StreamInfo says about each stream. How it came does not count: connections,
producers, encodings, times of reception, the order over streams, duplicates and keep-alives.

Theory of operation. Both logs are read side by side. Frames that are the same octets with the same
streams are equal without a look at their values, which is nearly all of a replayed capture. Of the
others each unit looks for an equal one that waits on the other side, or waits itself. What waits
at the end is different: units of one period, in their order of arrival, are compared metric by
metric; the rest is missing on one side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import cbor2

from mnstream.adapters.captures.contents import (
    Content,
    Description,
    Sort,
    content_of,
    description_of,
    is_silent,
    shown,
    shown_body,
    values_in,
)
from mnstream.adapters.captures.pending import Left, Pending
from mnstream.adapters.codecs import READERS, time_text
from mnstream.adapters.storage import Entry, Hole, StoredUnit, UnitResolver
from mnstream.core.errors import Undecodable
from mnstream.core.records import (
    ConnectionEstablished,
    Disposition,
    FrameStored,
    StreamsChanged,
)
from mnstream.core.streaming.multiplexing import Demultiplexer
from mnstream.core.values import ConnectionId, Json, StreamId, StreamInfo

Entries = Iterable[Entry | Hole]

PAIRS_MAX = 4096
"""Pairs of connections of which it is remembered whether they have the same streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which two captures differ.

    Attributes:
        kind: "missing": only the first has it; "surplus": only the second; "value": both have the
            metric, with other values; "stream": StreamInfo differs.
        stream_id: Its stream; None when the frame does not tell.
        time_ns: End of the granularity period; None where that is unknown or means nothing.
        metric: The metric; None when it is about a whole unit or stream.
        a: What the first has; None when it has nothing.
        b: What the second has.
    """

    kind: str
    stream_id: StreamId | None
    time_ns: int | None = None
    metric: str | None = None
    a: Json = None
    b: Json = None

    def as_json(self) -> dict[str, Json]:
        """Describe it as ``diff --json`` does."""
        return {
            "kind": self.kind,
            "stream": self.stream_id,
            "time": None if self.time_ns is None else time_text(self.time_ns),
            "metric": self.metric,
            "a": self.a,
            "b": self.b,
        }


class Comparison:
    """Compares two captures; give it both, then ask for the differences, once.

    Attributes:
        compared: Units that were compared; two that are compared with each other are one.
        equal: How many of them are equal.
    """

    def __init__(self, pending: Pending, *, stream_id: str | None = None) -> None:
        """Compare everything, or one stream only."""
        self.compared = 0
        self.equal = 0
        self._pending = pending
        self._stream_id = stream_id
        self._sides = (_Side(), _Side())
        self._same: dict[
            tuple[ConnectionId, ConnectionId],
            tuple[ConnectionEstablished, ConnectionEstablished, bool],
        ] = {}

    @classmethod
    @contextmanager
    def open(cls, *, stream_id: str | None = None) -> Generator[Self]:
        """Compare with temporary storage while the block runs.

        Raises:
            OSError: There is no room for temporary files.
        """
        with Pending.open() as pending:
            yield cls(pending, stream_id=stream_id)

    def read(self, a: Entries, b: Entries, *, on_hole: Callable[[Hole], None]) -> None:
        """Read both captures to their end, a frame of each in turn.

        Args:
            a: What the first holds, in its order.
            b: The same of the second.
            on_hole: Is told each part that cannot be read.

        Raises:
            StorageError: One of them cannot be read at all.
            OSError: A file cannot be read.
        """
        frames = [self._frames(0, a, on_hole), self._frames(1, b, on_hole)]
        while True:
            first, second = (next(each, None) for each in frames)
            if first is None and second is None:
                return
            if first is not None and second is not None and self._are_same(first, second):
                number = self._count(first)
                self.compared += number
                self.equal += number
                continue
            for side, entry in enumerate((first, second)):
                if entry is not None:
                    for unit in self._units(side, entry):
                        self._take(side, content_of(unit))

    def differences(self) -> Iterator[Difference]:
        """Give what differs, streams first, then by stream and time."""
        for stream_id in sorted(self._sides[0].streams.keys() | self._sides[1].streams.keys()):
            if self._stream_id in (None, stream_id):
                yield from self._stream_differences(stream_id)
        lefts = [self._pending.left(side) for side in (0, 1)]
        a, b = (next(each, None) for each in lefts)
        while a is not None or b is not None:
            if b is None or (a is not None and a.key < b.key):
                assert a is not None
                yield self._alone("missing", a)
                a = next(lefts[0], None)
            elif a is None or b.key < a.key:
                yield self._alone("surplus", b)
                b = next(lefts[1], None)
            else:
                if a.sort is Sort.VALUES:
                    self.compared += 1
                    yield from _value_differences(a, b)
                else:
                    yield self._alone("missing", a)
                    yield self._alone("surplus", b)
                a, b = (next(each, None) for each in lefts)

    def _frames(
        self, side: int, entries: Entries, on_hole: Callable[[Hole], None]
    ) -> Iterator[Entry]:
        for entry in entries:
            if isinstance(entry, Hole):
                on_hole(entry)
                continue
            self._sides[side].learn(entry)
            if isinstance(entry.record, FrameStored):
                yield entry

    def _units(self, side: int, entry: Entry) -> Iterator[StoredUnit]:
        for unit in self._sides[side].resolver.units(entry):
            if not is_silent(unit) and self._stream_id in (None, unit.stream_id):
                yield unit

    def _count(self, entry: Entry) -> int:
        """Count the units of a frame; those of a good one are only named, which is quicker."""
        record, connection = entry.record, entry.connection
        assert isinstance(record, FrameStored)
        is_good = record.disposition is Disposition.DELIVERED and self._stream_id is None
        if is_good and connection is not None:
            with suppress(Undecodable):  # whatever wrote it, this program would not have
                return len(self._sides[0].names(connection).read(record.payload))
        return sum(1 for _ in self._units(0, entry))

    def _are_same(self, a: Entry, b: Entry) -> bool:
        assert isinstance(a.record, FrameStored)
        assert isinstance(b.record, FrameStored)
        if a.record.payload != b.record.payload or a.connection is None or b.connection is None:
            return False
        if a.record.disposition is not b.record.disposition:
            return False
        return self._have_same_streams(a.connection, b.connection)

    def _have_same_streams(self, a: ConnectionEstablished, b: ConnectionEstablished) -> bool:
        pair = (a.connection_id, b.connection_id)
        known = self._same.get(pair)
        if known is not None and known[0] is a and known[1] is b:
            return known[2]
        if len(self._same) == PAIRS_MAX:
            self._same.clear()
        first, second = (
            {info.stream_id: info for info in each.stream_info_list} for each in (a, b)
        )
        same = first == second
        self._same[pair] = (a, b, same)
        return same

    def _take(self, side: int, content: Content) -> None:
        if self._pending.take_equal(side, content):
            self.compared += 1
            self.equal += 1

    def _alone(self, kind: str, left: Left) -> Difference:
        self.compared += 1
        body = shown_body(left.body)
        a, b = (body, None) if kind == "missing" else (None, body)
        return Difference(kind=kind, stream_id=left.stream_id, time_ns=left.time_ns, a=a, b=b)

    def _stream_differences(self, stream_id: StreamId) -> Iterator[Difference]:
        """Compare what was announced about a stream, in whatever order it changed."""
        first, second = (side.streams.get(stream_id, []) for side in self._sides)
        only_first = [each for each in first if each not in second]
        only_second = [each for each in second if each not in first]
        for index in range(max(len(only_first), len(only_second))):
            a = only_first[index].as_json() if index < len(only_first) else None
            b = only_second[index].as_json() if index < len(only_second) else None
            yield Difference(kind="stream", stream_id=stream_id, a=a, b=b)


def _value_differences(a: Left, b: Left) -> Iterator[Difference]:
    first, second = values_in(a.body), values_in(b.body)
    for metric in sorted(first.keys() | second.keys()):
        kind = "value"
        if metric not in second:
            kind = "missing"
        elif metric not in first:
            kind = "surplus"
        elif cbor2.dumps(first[metric]) == cbor2.dumps(second[metric]):
            continue
        yield Difference(
            kind=kind,
            stream_id=a.stream_id,
            time_ns=a.time_ns,
            metric=metric,
            a=shown(first.get(metric)),
            b=shown(second.get(metric)),
        )


class _Side:
    """What is known of one capture."""

    def __init__(self) -> None:
        self.resolver = UnitResolver()
        self.streams: dict[StreamId, list[Description]] = {}
        self._in_force: dict[ConnectionId, ConnectionEstablished] = {}
        self._names: dict[ConnectionId, tuple[ConnectionEstablished, Demultiplexer]] = {}

    def names(self, connection: ConnectionEstablished) -> Demultiplexer:
        """Give what names the units of a connection."""
        known = self._names.get(connection.connection_id)
        if known is not None and known[0] is connection:
            return known[1]
        streams = {info.stream_id: info for info in connection.stream_info_list}
        made = Demultiplexer(streams, READERS)
        self._names[connection.connection_id] = (connection, made)
        return made

    def learn(self, entry: Entry) -> None:
        """Note what a record says about streams; a frame shows those that are in force."""
        record = entry.record
        if isinstance(record, ConnectionEstablished):
            self._note(record.stream_info_list)
        elif isinstance(record, StreamsChanged):
            self._note(record.added)
        elif isinstance(record, FrameStored):
            connection = entry.connection
            if connection is None or self._in_force.get(connection.connection_id) is connection:
                return
            self._in_force[connection.connection_id] = connection
            self._note(connection.stream_info_list)
        else:
            self._in_force.pop(record.connection_id, None)
            self._names.pop(record.connection_id, None)

    def _note(self, streams: Iterable[StreamInfo]) -> None:
        for info in streams:
            known = self.streams.setdefault(info.stream_id, [])
            description = description_of(info)
            if description not in known:
                known.append(description)
