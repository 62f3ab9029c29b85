from __future__ import annotations

from collections.abc import Sequence

import pytest

from mnstream.adapters.codecs.gpb import decode_pdsus
from mnstream.adapters.runtime.measuring import encode_readings
from mnstream.core.values import StreamId
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
