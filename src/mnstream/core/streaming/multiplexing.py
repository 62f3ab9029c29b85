"""Find out which streams a frame is about (TS 28.532 11.5.1.1.1; contradiction 26).

Nothing outside the payload names the streams of a frame, and the format is agreed for each stream,
not for the connection. So the streams of a connection say which readings of a payload are possible.
One that names only announced streams, each with as many values as it should have, fits best; then
one that names only announced streams; then the only stream that nobody can read; then any reading.

Reading bytes needs libraries that the core does not import. A ``UnitReader`` is a pure function
that an adapter brings along, one for each family of payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType

from mnstream.core.errors import Undecodable
from mnstream.core.values import (
    PerformanceInfo,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)

Unit = tuple[StreamId, int]
"""A unit of a frame: its stream and how many values it carries, or one of the two below."""
UnitReader = Callable[[bytes], Sequence[Unit]]
"""Names the units of a payload, in order; raises Undecodable when it is of another format."""

RunCheck = Callable[[Sequence[bytes]], bool]
"""Tells whether every payload of a run holds units, all of known streams with as many values as
they should have. True is certain; False means that each has to be read."""
CheckMaker = Callable[[Mapping[StreamId, int]], RunCheck]
"""Makes a ``RunCheck`` for streams and their numbers of values: the same reading as a
``UnitReader`` does, for many payloads at once."""

ANY_COUNT = -1
"""Number of values of a unit of which only the stream is known: sent again, it may be new data."""
NO_VALUES = 0
"""Number of values of a unit that tells its stream and its time and is no list of values."""


class Family(Enum):
    """Payloads that one reader understands."""

    PDSU_GPB = "PDSU_GPB"
    PDSU_ASN1 = "PDSU_ASN1"
    TRACE_GPB = "TRACE_GPB"
    OPAQUE = "OPAQUE"


def family_of(stream: StreamInfo) -> Family:
    """Say which payloads a stream has (28.550 Annexes G and I, 32.423 Annex G)."""
    gpb = stream.serialization_format is SerializationFormat.GPB
    if stream.stream_type is StreamType.PERFORMANCE:
        return Family.PDSU_GPB if gpb else Family.PDSU_ASN1
    if stream.stream_type is StreamType.TRACE and gpb:
        return Family.TRACE_GPB
    return Family.OPAQUE


Readers = Mapping[Family, UnitReader]
"""The reader of each family that this consumer can read; the others are opaque. One for OPAQUE
finds what names its stream by itself; what it cannot read belongs to the only opaque stream."""
Reading = tuple[Family, Sequence[Unit]]
"""Which format a payload turned out to have, and its units."""
Checks = Mapping[Family, CheckMaker]
"""The quick check of those families that have one."""
NO_CHECKS: Checks = MappingProxyType({})


class Demultiplexer:
    """Reads frames for one set of streams."""

    __slots__ = ("_check", "_only", "_opaque", "_readers", "expected")

    def __init__(
        self,
        streams: Mapping[StreamId, StreamInfo],
        readers: Readers,
        checks: Checks = NO_CHECKS,
    ) -> None:
        """Find out which readings the streams make possible."""
        families = dict.fromkeys(family_of(stream) for stream in streams.values())
        named = trace_namer(streams)
        self._readers = {
            family: _renaming(readers[family], named)
            if family is Family.TRACE_GPB
            else readers[family]
            for family in families
            if family in readers
        }
        self._opaque = tuple(
            stream_id
            for stream_id, stream in streams.items()
            if family_of(stream) is Family.OPAQUE or family_of(stream) not in readers
        )
        # Nearly every connection has one format; its frames are read without a choice.
        single = len(self._readers) == 1 and not self._opaque
        self._only = next(iter(self._readers.values())) if single else None
        self.expected: dict[StreamId, int] = {
            stream_id: ANY_COUNT if stream_id in self._opaque else _value_count(stream)
            for stream_id, stream in streams.items()
        }
        """Number of values in a unit of each stream."""
        maker = checks.get(next(iter(families))) if single else None
        self._check = None if maker is None else maker(self.expected)

    def are_plain(self, payloads: Sequence[bytes]) -> bool:
        """Tell whether every payload is data of announced streams, as it should be."""
        if self._check is not None:
            return self._check(payloads)
        return all(map(self._is_plain, payloads))

    def _is_plain(self, payload: bytes) -> bool:
        try:
            units = self.read(payload) if payload else ()
        except Undecodable:
            return False
        return self._fits(units)

    def _fits(self, units: Sequence[Unit]) -> bool:
        expected = self.expected
        return bool(units) and all(expected.get(name) == count for name, count in units)

    def read(self, payload: bytes) -> Sequence[Unit]:
        """Name the units of a frame; an unknown stream among them is the caller's to notice.

        Raises:
            Undecodable: No reading fits, or several streams could be meant.
        """
        return self.reading(payload)[1] if self._only is None else self._only(payload)

    def reading(self, payload: bytes) -> Reading:
        """Find out the format of a frame as well; otherwise as ``read``."""
        named: Reading | None = None
        other: Reading | None = None
        failure = Undecodable("no stream of this connection has such payloads")
        for family, reader in self._readers.items():
            try:
                units = reader(payload)
            except Undecodable as error:
                failure = error
                continue
            if not units or self._fits(units):
                return family, units  # an empty list of units is a keep-alive, whatever else is
            if units and all(stream_id in self.expected for stream_id, _ in units):
                named = named or (family, units)
            elif family is not Family.OPAQUE and other is None:
                other = family, units
        if named is not None:
            return named
        if len(self._opaque) == 1:
            return Family.OPAQUE, ((self._opaque[0], ANY_COUNT),)
        if other is not None:
            return other
        if self._opaque:
            candidates = ", ".join(self._opaque[:_NAMED_MAX])
            failure = Undecodable(
                f"several streams of this connection could be meant: {candidates}"
            )
        raise failure


_NAMED_MAX = 8
_PLMN_DIGITS = 6
_WHOLE_DIGITS = 12
_DIFFERENTIATOR_DIGITS = 2


TraceNamer = Callable[[StreamId], StreamId]
"""Gives the announced stream that a record means; the name itself when it means none."""


def trace_namer(streams: Mapping[StreamId, StreamInfo]) -> TraceNamer:
    """Learn by which names records may name the announced trace streams.

    A Trace Reference is PLMN (3 octets), Trace ID (3) and, later, Trace Differentiator (1), written
    as capital hexadecimal digits (contradiction 55). Records carry all of it, without the last
    octet, or the Trace ID alone (32.423 5.2), or an octet more than was announced. A name that
    could mean two streams means none.
    """
    names: dict[StreamId, StreamId] = {}
    ambiguous: set[StreamId] = set()
    wholes: dict[str, StreamId] = {}
    for stream_id, stream in streams.items():
        if stream.stream_type is not StreamType.TRACE:
            continue
        for name in _short_names(stream_id.upper()):
            if names.setdefault(name, stream_id) != stream_id:
                ambiguous.add(name)
        if len(stream_id) == _WHOLE_DIGITS:
            wholes[stream_id.upper()] = stream_id
    for name in ambiguous:
        del names[name]

    def named(name: StreamId) -> StreamId:
        if name in streams:
            return name
        if len(name) == _WHOLE_DIGITS + _DIFFERENTIATOR_DIGITS:
            return names.get(name) or wholes.get(name[:_WHOLE_DIGITS]) or name
        return names.get(name, name)

    return named


def _short_names(digits: str) -> Sequence[StreamId]:
    if len(digits) not in {_WHOLE_DIGITS, _WHOLE_DIGITS + _DIFFERENTIATOR_DIGITS}:
        return (StreamId(digits),)
    parts = (digits, digits[:_WHOLE_DIGITS], digits[_PLMN_DIGITS:_WHOLE_DIGITS])
    return tuple(map(StreamId, parts))


def _renaming(reader: UnitReader, named: TraceNamer) -> UnitReader:
    def read(payload: bytes) -> Sequence[Unit]:
        return [(named(name), count) for name, count in reader(payload)]

    return read


def _value_count(stream: StreamInfo) -> int:
    info = stream.additional_info
    return len(info.performance_metrics) if isinstance(info, PerformanceInfo) else NO_VALUES
