from __future__ import annotations

from collections.abc import Sequence

import pytest

from mnstream.adapters.codecs import per
from mnstream.adapters.codecs.gpb import decode_pdsus
from mnstream.adapters.runtime.measuring import LATE_S_MAX, MeasuredFrames, encode_readings
from mnstream.adapters.sources import SimulatedSource
from mnstream.core.values import ProducerId, SerializationFormat, StreamId, StreamInfo
from mnstream.ports.source import Reading


def readings(count: int) -> list[Reading]:
    return [
        Reading(
            stream_id=StreamId(str(number)),
            time_ms=1_700_000_000_123 + number,
            values=(number, 0.5, "up", None),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "units_per_frame", "sizes"),
    [
        (0, 0, []),
        (1, 0, [1]),
        (5, 0, [5]),
        (5, 1, [1, 1, 1, 1, 1]),
        (5, 2, [2, 2, 1]),
        (5, 5, [5]),
        (5, 9, [5]),
    ],
)
def test_units_are_put_into_frames(count: int, units_per_frame: int, sizes: Sequence[int]) -> None:
    frames = encode_readings(readings(count), units_per_frame=units_per_frame)
    decoded = [decode_pdsus(each) for each in frames]
    assert [len(units) for units in decoded] == sizes
    units = [unit for each in decoded for unit in each]
    assert [unit.stream_id for unit in units] == list(range(count))


def test_a_unit_keeps_time_and_values_to_the_last_digit() -> None:
    (unit,) = decode_pdsus(encode_readings(readings(1))[0])
    assert unit.granularity_period_end_time_ns == 1_700_000_000_123_000_000
    assert tuple(unit.standardized) == (0, 0.5, "up", None)


class Network:
    """Cells of which the second has no value now and then."""

    def __init__(self, *formats: SerializationFormat) -> None:
        self._sources = [
            SimulatedSource(ProducerId("P"), seed=1, metrics=2, serialization_format=each)
            for each in formats
        ]
        self.gone = False

    def streams(self) -> Sequence[StreamInfo]:
        return [stream for source in self._sources for stream in source.streams()]

    def read(self, wall_ms: int) -> Sequence[Reading]:
        found = [reading for source in self._sources for reading in source.read(wall_ms)]
        if self.gone:
            found[-1] = Reading(stream_id=found[-1].stream_id, time_ms=wall_ms, values=(None, 1))
        return found


def asn1_times(wall_times_ms: Sequence[int]) -> list[int]:
    source = MeasuredFrames(Network(SerializationFormat.ASN1))
    times: list[int] = []
    for wall_ms in wall_times_ms:
        [frame] = source.frames(wall_ms)
        [unit] = per.decode_pdsus(frame)
        assert unit.granularity_period_end_time_ns is not None
        times.append(unit.granularity_period_end_time_ns)
    return times


@pytest.mark.parametrize(
    ("wall_times_ms", "seconds"),
    [
        pytest.param([10_999, 11_000, 12_500, 13_001], [10, 11, 12, 13], id="as it should be"),
        pytest.param([10_100, 10_200, 10_300, 10_400], [10, 11, 12, 13], id="faster: ahead"),
        pytest.param([10_000, 11_900, 13_800], [10, 11, 12], id="slower: behind for a while"),
        pytest.param([10_000, 13_000, 14_000], [10, 11, 12], id="at most two seconds behind"),
        pytest.param([10_000, 14_000, 15_000], [10, 14, 15], id="late: the clock's second"),
        pytest.param([10_000, 5_000, 6_000], [10, 11, 12], id="a clock that is set back"),
    ],
)
def test_times_of_asn1_are_seconds_that_always_grow(
    wall_times_ms: Sequence[int], seconds: Sequence[int]
) -> None:
    assert LATE_S_MAX == 2
    assert asn1_times(wall_times_ms) == [each * 1_000_000_000 for each in seconds]


def test_asn1_measures_for_the_second_that_it_tells() -> None:
    network = Network(SerializationFormat.ASN1)
    [frame] = MeasuredFrames(network).frames(10_999)
    assert per.decode_pdsus(frame)[0].standardized == network.read(10_000)[0].values


def test_a_missing_value_is_sent_in_gpb_and_leaves_the_unit_out_in_asn1() -> None:
    for serialization_format, expected in (
        (SerializationFormat.GPB, 2),
        (SerializationFormat.ASN1, 1),
    ):
        network = Network(serialization_format, serialization_format)
        network.gone = True
        [frame] = MeasuredFrames(network).frames(1_000)
        gpb = serialization_format is SerializationFormat.GPB
        assert len((decode_pdsus if gpb else per.decode_pdsus)(frame)) == expected
    network = Network(SerializationFormat.ASN1)
    network.gone = True
    assert MeasuredFrames(network).frames(1_000) == []


def test_a_source_has_one_format() -> None:
    with pytest.raises(ValueError, match="one serialization format"):
        MeasuredFrames(Network(SerializationFormat.ASN1, SerializationFormat.GPB))
