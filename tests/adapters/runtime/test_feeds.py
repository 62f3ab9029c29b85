"""What a reporter reports: measurements, lines of JSON, a capture."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from mnstream.adapters.codecs import PerformanceDataStreamUnit
from mnstream.adapters.codecs.gpb import decode_pdsus, encode_pdsus
from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.runtime.feeds import (
    MeasurementFeed,
    RecordedFeed,
    recorded_capture,
    recorded_lines,
)
from mnstream.adapters.sinks import unit_json
from mnstream.adapters.sources import RecordedUnit, RecordingFailed, SimulatedSource
from mnstream.adapters.storage import SegmentLog, stored_units
from mnstream.core.records import ConnectionEstablished
from mnstream.core.values import ConnectionId, PerformanceInfo, ProducerId

P = ProducerId("P")


def lines(*described: object) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in described))


async def units(file: io.BytesIO) -> list[RecordedUnit]:
    clock = FixedClock(wall_ms=1_000, monotonic_ms=0)
    return [unit async for unit in recorded_lines(file, producer_id=P, clock=clock)]


@pytest.mark.anyio
async def test_two_measurements_never_end_at_the_same_time() -> None:
    source = SimulatedSource(P, seed=1, streams=2, metrics=3)
    feed = MeasurementFeed(source, FixedClock(wall_ms=5_000, monotonic_ms=0), units_per_frame=1)
    batches = feed.batches()
    first, second = await anext(batches), await anext(batches)
    await batches.aclose()
    assert list(first.streams) == list(source.streams())
    assert second.streams == ()
    times = [
        decode_pdsus(frame)[0].granularity_period_end_time_ns
        for frame in (*first.frames, *second.frames)
    ]
    assert times == [5_000_000_000, 5_000_000_000, 5_001_000_000, 5_001_000_000]


@pytest.mark.anyio
async def test_a_line_is_a_unit_of_its_stream() -> None:
    [recorded] = await units(
        lines(
            {"stream": "7", "object": "A=1", "time": "1970-01-01T00:00:02.5Z", "values": {"m": 3}}
        )
    )
    assert recorded.stream.stream_id == "7"
    assert recorded.stream.additional_info == PerformanceInfo(
        meas_obj_dn="A=1", performance_metrics=("m",)
    )
    assert recorded.unit == PerformanceDataStreamUnit(
        stream_id=7, granularity_period_end_time_ns=2_500_000_000, standardized=(3,)
    )


@pytest.mark.anyio
async def test_stream_and_time_have_defaults() -> None:
    first, second = await units(lines(*[{"object": "A=1", "values": {"m": 3}}] * 2))
    assert first == second
    assert first.unit.granularity_period_end_time_ns == 1_000_000_000


@pytest.mark.anyio
async def test_what_has_no_values_is_passed_over() -> None:
    assert await units(lines({"kind": "quarantined", "object": None, "payload": "AA=="})) == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b"\xff",
        b'{"object": "A=1"}',
        b'{"object": "A=1", "values": {}}',
        b'{"object": "A=1", "values": {"m": true}}',
        b'{"object": "A=1", "values": {"m": []}}',
        b'{"object": "A=1", "values": {"m": 1}, "stream": "x"}',
        b'{"object": "A=1", "values": {"m": 1}, "time": "x"}',
        b'{"object": "A=1", "values": {"m": {"subCounterIndex": 1, "subCounterValue": 1}}}',
        b'{"object": "A", "values": {"m": {"subCounterValue": 1, "subCounterIndex": {"plMN": 1}}}}',
    ],
)
async def test_a_bad_line_is_named_by_its_number(line: bytes) -> None:
    with pytest.raises(RecordingFailed, match=r"^line 2: "):
        await units(io.BytesIO(b"\n" + line + b"\n"))


async def recorded(*units_given: RecordedUnit) -> AsyncGenerator[RecordedUnit]:
    for unit in units_given:
        yield unit


@pytest.mark.anyio
async def test_a_stream_is_announced_once_and_may_not_change() -> None:
    one, other = (
        *(await units(lines({"stream": "7", "object": "A=1", "values": {"m": 3}}))),
        *(await units(lines({"stream": "7", "object": "A=1", "values": {"n": 3}}))),
    )
    batches = RecordedFeed(recorded(one, one, other)).batches()
    assert (await anext(batches)).streams == (one.stream,)
    assert (await anext(batches)).streams == ()
    with pytest.raises(RecordingFailed, match="stream 7"):
        await anext(batches)


async def log_of(path: Path, frames: Sequence[bytes], source: SimulatedSource) -> None:
    async with SegmentLog.open(path) as log:
        log.append(
            ConnectionEstablished(
                connection_id=ConnectionId("c"),
                producer_id=P,
                identity="",
                streams_version=1,
                stream_info_list=tuple(source.streams()),
                wall_ms=1,
            )
        )
        for frame in frames:
            log.append_frame(1, 2, frame)


@pytest.mark.anyio
async def test_a_capture_and_its_lines_are_reported_alike(tmp_path: Path) -> None:
    source = SimulatedSource(P, seed=1, streams=2, metrics=5)
    feed = MeasurementFeed(source, FixedClock(wall_ms=5_000, monotonic_ms=0), units_per_frame=1)
    batches = feed.batches()
    frames = list((await anext(batches)).frames)
    await batches.aclose()
    await log_of(tmp_path, frames, source)

    from_capture = [unit async for unit in recorded_capture(tmp_path)]
    printed = lines(*(unit_json(unit) for unit in stored_units(tmp_path)))
    from_lines = await units(printed)

    assert [encode_pdsus([each.unit]) for each in from_capture] == frames
    assert [encode_pdsus([each.unit]) for each in from_lines] == frames
