"""What a reporter reports: measurements, lines of JSON, a capture."""

from __future__ import annotations

import io
import json
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
import trio.testing

from mnstream.adapters.codecs import PerformanceDataStreamUnit, per
from mnstream.adapters.codecs.gpb import decode_pdsus, encode_pdsus
from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.runtime.feeds import (
    IDLE_S,
    Batch,
    Feed,
    RecordedFeed,
    SourcesFeed,
    recorded_capture,
    recorded_lines,
)
from mnstream.adapters.runtime.measuring import MeasuredFrames
from mnstream.adapters.sinks import unit_json
from mnstream.adapters.sources import (
    RecordedFrame,
    RecordedUnit,
    RecordingFailed,
    SimulatedAnalytics,
    SimulatedSource,
    SimulatedTraces,
)
from mnstream.adapters.storage import SegmentLog, stored_units
from mnstream.core.records import ConnectionEstablished
from mnstream.core.values import (
    ConnectionId,
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)
from mnstream.ports.source import FrameSource

P = ProducerId("P")


def lines(*described: object) -> io.BytesIO:
    return io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in described))


async def units(file: io.BytesIO) -> list[RecordedUnit]:
    clock = FixedClock(wall_ms=1_000, monotonic_ms=0)
    return [unit async for unit in recorded_lines(file, producer_id=P, clock=clock)]


class ListedFrames:
    """A source that gives what it was given, answer by answer, then nothing."""

    def __init__(self, name: str, *answers: Sequence[bytes]) -> None:
        self._name = name
        self._answers = list(answers)
        self.asked: list[int] = []

    def streams(self) -> Sequence[StreamInfo]:
        return [stream_of(self._name, StreamType.ANALYTICS)]

    def frames(self, wall_ms: int) -> Sequence[bytes]:
        self.asked.append(wall_ms)
        return self._answers.pop(0) if self._answers else ()


def stream_of(name: str, stream_type: StreamType) -> StreamInfo:
    return StreamInfo(
        stream_id=StreamId(name),
        stream_type=stream_type,
        serialization_format=SerializationFormat.GPB,
    )


def feed_of(*sources: FrameSource) -> SourcesFeed:
    return SourcesFeed(sources, FixedClock(wall_ms=5_000, monotonic_ms=0))


async def taken(feed: Feed, count: int) -> list[Batch]:
    async with aclosing(feed.batches()) as batches:
        return [await anext(batches) for _ in range(count)]


@pytest.mark.anyio
async def test_two_measurements_never_end_at_the_same_time() -> None:
    source = SimulatedSource(P, seed=1, streams=2, metrics=3)
    given = await taken(feed_of(MeasuredFrames(source, units_per_frame=1)), 4)
    assert [list(batch.streams) for batch in given] == [list(source.streams()), [], [], []]
    times = [
        decode_pdsus(frame)[0].granularity_period_end_time_ns
        for batch in given
        for frame in batch.frames
    ]
    assert times == [5_000_000_000, 5_000_000_000, 5_001_000_000, 5_001_000_000]


@pytest.mark.anyio
async def test_sources_take_turns_frame_by_frame() -> None:
    one = ListedFrames("one", [b"1", b"2"], [b"3"])
    other = ListedFrames("other", [b"a"], [], [b"b"])
    given = await taken(feed_of(one, other), 5)
    assert [batch.frames for batch in given] == [[b"1"], [b"a"], [b"2"], [b"3"], [b"b"]]
    assert [stream.stream_id for stream in given[0].streams] == ["one", "other"]
    assert not any(batch.streams for batch in given[1:])
    assert sorted(one.asked + other.asked) == list(range(5_000, 5_005))


@pytest.mark.trio
async def test_idle_sources_are_asked_again_after_a_while(
    autojump_clock: trio.testing.MockClock,
) -> None:
    source = ListedFrames("one", [], [], [b"late"])
    started = autojump_clock.current_time()
    [batch] = await taken(feed_of(source), 1)
    assert batch.frames == [b"late"]
    assert autojump_clock.current_time() - started == pytest.approx(2 * IDLE_S)


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
    assert (first.stream, first.unit) == (second.stream, second.unit)
    assert first.unit.granularity_period_end_time_ns == 1_000_000_000


@pytest.mark.anyio
async def test_what_has_no_values_is_passed_over() -> None:
    opaque = {"kind": "quarantined", "object": None, "payload": "AA=="}
    assert await units(lines(opaque, {"stream": "AB", "object": None, "record": {}})) == []


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
        b'{"object": "A=1", "values": {"\\ud800": 1}, "stream": "1"}',
        b'{"object": "A=\\ud800", "values": {"m": 1}, "stream": "1"}',
        b"[" * 100_000,
        b'{"object": "A", "values": {"m": %s1' % (b'{"subCounterValue":' * 5_000),
        b'{"object": "A=1", "values": {"m": 1}, "time": "x"}',
        b'{"object": "A=1", "values": {"m": {"subCounterIndex": 1, "subCounterValue": 1}}}',
        b'{"object": "A", "values": {"m": {"subCounterValue": 1, "subCounterIndex": {"plMN": 1}}}}',
    ],
)
async def test_a_bad_line_is_named_by_its_number(line: bytes) -> None:
    with pytest.raises(RecordingFailed, match=r"^line 2: "):
        await units(io.BytesIO(b"\n" + line + b"\n"))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("time", "expected_ns"),
    [
        ("1970-01-01T00:00:40.123456789Z", 40_123_456_789),
        ("1970-01-01t00:00:40.1234567z", 40_123_456_700),
        ("1970-01-01 01:00:40.000000001+01:00", 40_000_000_001),
        ("1970-01-01T00:00:40.12Z", 40_120_000_000),
        ("1970-01-01T00:00:40", 40_000_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999_999),
    ],
)
async def test_times_are_read_to_the_nanosecond(time: str, expected_ns: int) -> None:
    [read] = await units(lines({"object": "A=1", "time": time, "values": {"m": 3}}))
    assert read.unit.granularity_period_end_time_ns == expected_ns


@pytest.mark.anyio
async def test_a_line_without_end_is_refused_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mnstream.adapters.runtime.feeds.RECORDED_LINE_BYTES_MAX", 100)
    with pytest.raises(RecordingFailed, match=r"^line 2: longer than 100 bytes$"):
        await units(io.BytesIO(b"\n" + b"1" * 101))


async def recorded(
    *given: RecordedUnit | RecordedFrame,
) -> AsyncGenerator[RecordedUnit | RecordedFrame]:
    for each in given:
        yield each


@pytest.mark.anyio
async def test_a_stream_is_announced_once_and_may_not_change() -> None:
    one, other = (
        *(await units(lines({"stream": "7", "object": "A=1", "values": {"m": 3}}))),
        *(await units(lines({"stream": "7", "object": "A=1", "values": {"n": 3}}))),
    )
    batches = RecordedFeed(recorded(one, one, other)).batches()
    assert (await anext(batches)).streams == [one.stream]
    assert (await anext(batches)).streams == []
    with pytest.raises(RecordingFailed, match="stream 7"):
        await anext(batches)


@pytest.mark.anyio
async def test_frames_go_as_they_are_with_all_their_streams() -> None:
    one, other = stream_of("AB", StreamType.TRACE), stream_of("CD", StreamType.TRACE)
    both = RecordedFrame(streams=(one, other), payload=b"both")
    feed = RecordedFeed(
        recorded(RecordedFrame(streams=(one,), payload=b"one"), both, both),
        serialization_format=SerializationFormat.ASN1,
    )
    given = await taken(feed, 3)
    assert [(batch.streams, batch.frames) for batch in given] == [
        ([one], [b"one"]),
        ([other], [b"both"]),
        ([], [b"both"]),
    ]


@pytest.mark.anyio
async def test_asn1_drops_the_parts_of_a_second_and_says_so_once() -> None:
    seconds = ("1", "2.5", "3.25")
    described = [
        {"stream": "7", "object": "A=1", "time": f"1970-01-01T00:00:0{each}Z", "values": {"m": 1}}
        for each in seconds
    ]
    told: list[str] = []
    read = await units(lines(*described))

    async def report(count: int) -> list[Batch]:
        asn1 = SerializationFormat.ASN1
        feed = RecordedFeed(recorded(*read), serialization_format=asn1, on_loss=told.append)
        return await taken(feed, count)

    assert [stream.serialization_format for stream in (await report(1))[0].streams] == [
        SerializationFormat.ASN1
    ]
    assert told == []
    found = [per.decode_pdsus(batch.frames[0]) for batch in await report(3)]
    assert told == ["ASN.1 carries whole seconds: parts of a second are dropped"]
    times = [unit.granularity_period_end_time_ns for (unit,) in found]
    assert times == [1_000_000_000, 2_000_000_000, 3_000_000_000]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("value", "serialization_format"),
    [
        (None, SerializationFormat.ASN1),
        ("\t", SerializationFormat.ASN1),
        (2**63, SerializationFormat.GPB),
        ("\ud800", SerializationFormat.GPB),
    ],
)
async def test_what_a_format_cannot_carry_is_named_by_its_line(
    value: object, serialization_format: SerializationFormat
) -> None:
    read = await units(lines(*({"object": "A=1", "values": {"m": each}} for each in (1, value))))
    feed = RecordedFeed(recorded(*read), serialization_format=serialization_format)
    with pytest.raises(
        RecordingFailed, match=r"^line 2: cannot be written as PDSU_.*standardized\[0\]: "
    ):
        await taken(feed, 2)


async def log_of(path: Path, frames: Sequence[bytes], streams: Sequence[StreamInfo]) -> None:
    async with SegmentLog.open(path) as log:
        log.append(
            ConnectionEstablished(
                connection_id=ConnectionId("c"),
                producer_id=P,
                identity="",
                streams_version=1,
                stream_info_list=tuple(streams),
                wall_ms=1,
            )
        )
        for frame in frames:
            log.append_frame(1, 2, frame)


@pytest.mark.anyio
async def test_a_capture_and_its_lines_are_reported_alike(tmp_path: Path) -> None:
    source = SimulatedSource(P, seed=1, streams=2, metrics=5)
    given = await taken(feed_of(MeasuredFrames(source, units_per_frame=1)), 2)
    frames = [frame for batch in given for frame in batch.frames]
    await log_of(tmp_path, frames, source.streams())

    from_capture = [unit async for unit in recorded_capture(tmp_path)]
    printed = lines(*(unit_json(unit) for unit in stored_units(tmp_path)))
    from_lines = await units(printed)

    for read in (from_capture, from_lines):
        again = await taken(RecordedFeed(recorded(*read)), 2)
        assert [frame for batch in again for frame in batch.frames] == frames


@pytest.mark.anyio
async def test_a_capture_gives_the_frames_of_the_wanted_types(tmp_path: Path) -> None:
    measured = SimulatedSource(P, seed=1, streams=2, metrics=2)
    traces = SimulatedTraces(P, seed=1, streams=2)
    analytics = SimulatedAnalytics(P, seed=1, streams=2)
    sources: list[FrameSource] = [MeasuredFrames(measured), traces, analytics]
    given = await taken(feed_of(*sources), 6)
    frames = [frame for batch in given for frame in batch.frames]
    damaged = frames[1][:-1]
    await log_of(tmp_path, [*frames, damaged], given[0].streams)

    async def read(*types: StreamType) -> list[bytes]:
        found = recorded_capture(tmp_path, stream_types=types)
        return [
            each.payload if isinstance(each, RecordedFrame) else encode_pdsus([each.unit])
            async for each in found
        ]

    of_units = [encode_pdsus([unit]) for n in (0, 3) for unit in decode_pdsus(frames[n])]
    assert await read(StreamType.PERFORMANCE) == of_units
    assert await read(StreamType.TRACE) == [frames[1], frames[4]]
    assert await read(StreamType.ANALYTICS) == [frames[2], frames[5]]
    assert await read(StreamType.PROPRIETARY) == []
    assert len(await read(*StreamType)) == len(of_units) + 4
    everything = [each async for each in recorded_capture(tmp_path, stream_types=set(StreamType))]
    announced = {
        stream.stream_id
        for batch in await taken(RecordedFeed(recorded(*everything)), len(everything))
        for stream in batch.streams
    }
    assert announced == {stream.stream_id for stream in given[0].streams}


@pytest.mark.anyio
async def test_what_would_be_missing_from_units_written_anew_is_refused(tmp_path: Path) -> None:
    source = MeasuredFrames(SimulatedSource(P, seed=1, streams=1, metrics=2))
    (batch,) = await taken(feed_of(source), 1)
    later = batch.frames[0] + b"\x7a\x02zz"  # a field that no release has
    await log_of(tmp_path, [*batch.frames, later], batch.streams)
    with pytest.raises(RecordingFailed, match=r"^frame 2: fields that only a later release knows"):
        async for _ in recorded_capture(tmp_path):
            pass


@pytest.mark.anyio
async def test_texts_and_numbers_of_the_same_name_come_back_as_they_were(tmp_path: Path) -> None:
    values = (math.inf, "Infinity", -math.inf, "-Infinity", "NaN", math.nan)
    names = tuple("abcdef")
    info = PerformanceInfo(meas_obj_dn="A=1", performance_metrics=names)
    stream = StreamInfo(
        stream_id=StreamId("1"),
        stream_type=StreamType.PERFORMANCE,
        serialization_format=SerializationFormat.GPB,
        additional_info=info,
    )
    measured = PerformanceDataStreamUnit(
        stream_id=1, granularity_period_end_time_ns=0, standardized=values
    )
    await log_of(tmp_path, [encode_pdsus([measured])], [stream])
    (again,) = await units(lines(*(unit_json(unit) for unit in stored_units(tmp_path))))
    assert repr(again.unit) == repr(measured)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "value",
    [
        {"unknown": "8000"},
        {"subCounterIndex": {"unknown": "6800"}, "subCounterValue": 1},
        {"stringValue": 1},
    ],
)
async def test_what_nobody_can_read_cannot_be_reported(value: object) -> None:
    with pytest.raises(RecordingFailed, match=r"^line 1: .* is no "):
        await units(lines({"object": "A=1", "values": {"m": value}}))


@pytest.mark.anyio
async def test_a_frame_with_a_record_of_another_stream_is_not_reported(tmp_path: Path) -> None:
    traces = SimulatedTraces(P, seed=1, streams=2)
    frames = [*traces.frames(1), *traces.frames(2)]
    await log_of(tmp_path / "both", frames, traces.streams())
    await log_of(tmp_path / "one", frames, traces.streams()[:1])
    found = {
        name: [
            each
            async for each in recorded_capture(tmp_path / name, stream_types={StreamType.TRACE})
        ]
        for name in ("both", "one")
    }
    assert [len(found["both"]), len(found["one"])] == [2, 0]
