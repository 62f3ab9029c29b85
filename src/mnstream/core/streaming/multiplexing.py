"""Find out which streams a frame is about (TS 28.532 11.5.1.1.1; contradiction 26).

Nothing outside the payload names the streams of a frame, and the format is agreed for each stream,
not for the connection. So the streams of a connection say which readings of a payload are possible;
the first that fits is taken. A reading that names only announced streams fits best.

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
"""A unit of a frame: its stream and how many values it carries, -1 where that means nothing."""
UnitReader = Callable[[bytes], Sequence[Unit]]
"""Names the units of a payload, in order; raises Undecodable when it is of another format."""

RunCheck = Callable[[Sequence[bytes]], bool]
"""Tells whether every payload of a run holds units, all of known streams with as many values as
they should have. True is certain; False means that each has to be read."""
CheckMaker = Callable[[Mapping[StreamId, int]], RunCheck]
"""Makes a ``RunCheck`` for streams and their numbers of values: the same reading as a
``UnitReader`` does, for many payloads at once."""

ANY_COUNT = -1
"""Number of values of a unit that is not a list of values."""


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
"""The reader of each family that this consumer can read; the others are opaque."""
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
        self._readers = tuple(readers[family] for family in families if family in readers)
        self._opaque = tuple(
            stream_id for stream_id, stream in streams.items() if family_of(stream) not in readers
        )
        # Nearly every connection has one format; its frames are read without a choice.
        single = len(self._readers) == 1 and not self._opaque
        self._only = self._readers[0] if single else None
        self.expected: dict[StreamId, int] = {
            stream_id: _value_count(stream) for stream_id, stream in streams.items()
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
        expected = self.expected
        return bool(units) and all(expected.get(name) == count for name, count in units)

    def read(self, payload: bytes) -> Sequence[Unit]:
        """Name the units of a frame; an unknown stream among them is the caller's to notice.

        Raises:
            Undecodable: No reading fits, or several streams could be meant.
        """
        if self._only is not None:
            return self._only(payload)
        units: Sequence[Unit] | None = None
        failure = Undecodable("no stream of this connection has such payloads")
        for reader in self._readers:
            try:
                reading = reader(payload)
            except Undecodable as error:
                failure = error
                continue
            if reading and all(stream_id in self.expected for stream_id, _ in reading):
                return reading
            units = units or reading
        if len(self._opaque) == 1:
            return ((self._opaque[0], ANY_COUNT),)
        if units or (units is not None and not self._opaque):
            return units
        if self._opaque:
            # Also where a reading found no unit at all: data of another stream is no keep-alive.
            failure = Undecodable("several streams of this connection could be meant")
        raise failure


def _value_count(stream: StreamInfo) -> int:
    info = stream.additional_info
    return len(info.performance_metrics) if isinstance(info, PerformanceInfo) else ANY_COUNT
