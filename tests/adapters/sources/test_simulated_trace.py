"""Simulated trace sessions: what they tell hangs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from mnstream.adapters.codecs.trace import decode_records
from mnstream.adapters.codecs.trace_values import TraceRecord, TraceRecordType
from mnstream.adapters.sources import TRACE_STREAMS_MAX, SimulatedTraces
from mnstream.adapters.sources.simulated_trace import PAYLOAD_SCHEMA
from mnstream.core.profiles import REL19
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.multiplexing import Family, family_of
from mnstream.core.streaming.validation import unexpected
from mnstream.core.values import ProducerId, TraceInfo
from mnstream.ports.source import FrameSource

P = ProducerId("SubNetwork=1,ManagedElement=1")


def records(source: SimulatedTraces, turns: int) -> Iterator[TraceRecord]:
    for turn in range(turns):
        for frame in source.frames(1_000 + turn):
            yield from decode_records(frame)


def test_each_session_is_announced_under_its_trace_reference() -> None:
    source = SimulatedTraces(P, seed=1, streams=3)
    assert isinstance(source, FrameSource)
    streams = source.streams()
    assert len({stream.stream_id for stream in streams}) == 3
    assert [record.stream_id for record in records(source, 1)] == [
        stream.stream_id for stream in streams
    ]
    for stream in streams:
        assert unexpected(stream, REL19, ConsumerConfig()) is None
        assert family_of(stream) is Family.TRACE_GPB
        assert isinstance(stream.additional_info, TraceInfo)
        reference = {"mcc": "001", "mnc": "01", "traceId": stream.stream_id[6:]}
        assert stream.additional_info.attributes["traceReference"] == reference
        assert len(stream.stream_id) == 12


def test_the_sessions_depend_on_the_producer_and_what_happens_on_the_seed() -> None:
    one, same, other, seeded = (
        SimulatedTraces(producer, seed=seed)
        for producer, seed in ((P, 1), (P, 1), (ProducerId("other"), 1), (P, 2))
    )
    assert one.streams() == same.streams() == seeded.streams() != other.streams()
    told = [
        [record.record_type for record in records(source, 50)]
        for source in (one, same, other, seeded)
    ]
    assert told[0] == told[1] == told[2] != told[3]


@pytest.mark.parametrize(("units_per_frame", "sizes"), [(0, [5]), (1, [1] * 5), (2, [2, 2, 1])])
def test_records_are_put_into_frames(units_per_frame: int, sizes: list[int]) -> None:
    source = SimulatedTraces(P, seed=1, streams=5, units_per_frame=units_per_frame)
    assert [len(decode_records(frame)) for frame in source.frames(1)] == sizes


def test_a_session_begins_once_and_its_recordings_begin_and_end() -> None:
    told = list(records(SimulatedTraces(P, seed=1), 2_000))
    assert [record.time_stamp_ms for record in told] == list(range(1_000, 3_000))
    counted = Counter(TraceRecordType(record.record_type) for record in told)
    assert counted[TraceRecordType.TRACE_SESSION_START] == 1
    assert told[0].record_type == TraceRecordType.TRACE_SESSION_START
    assert counted[TraceRecordType.NORMAL] > 1_000
    assert counted[TraceRecordType.TRACE_STREAM_HEARTBEAT] > 100
    assert 1 < counted[TraceRecordType.TRACE_RECORDING_SESSION_DROPPED_EVENTS] < 100
    current: bytes | None = None
    for record in told[1:]:
        kind = TraceRecordType(record.record_type)
        if kind is TraceRecordType.TRACE_RECORDING_SESSION_START:
            assert current is None
            current = record.trace_recording_session_ref
        assert record.trace_recording_session_ref == (current or b"")
        assert (record.ran_ue_id is None) is (current is None)
        if kind is TraceRecordType.TRACE_RECORDING_SESSION_STOP:
            current = None
        if kind is TraceRecordType.TRACE_STREAM_HEARTBEAT:
            assert current is None
    assert len({record.trace_recording_session_ref for record in told}) > 10


def test_normal_records_carry_a_payload_and_the_others_a_message() -> None:
    for record in records(SimulatedTraces(P, seed=3), 500):
        normal = record.record_type == TraceRecordType.NORMAL
        assert bool(record.payload) is normal
        assert record.payload_schema_uri == (PAYLOAD_SCHEMA if normal else "")
        assert (record.administrative is None) is normal
        if record.administrative is not None:
            assert record.administrative.name == record.record_type


@pytest.mark.parametrize("streams", [0, TRACE_STREAMS_MAX + 1])
def test_there_are_only_so_many_trace_ids(streams: int) -> None:
    with pytest.raises(ValueError, match=f"not {streams}"):
        SimulatedTraces(P, seed=1, streams=streams)
