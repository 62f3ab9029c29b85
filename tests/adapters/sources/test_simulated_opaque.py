"""Simulated analytics and a vendor's data: each payload names its stream."""

from __future__ import annotations

import json

import pytest

from mnstream.adapters.codecs.opaque import read_opaque
from mnstream.adapters.sources import SimulatedAnalytics, SimulatedProprietary
from mnstream.core.profiles import REL19
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.multiplexing import Family, family_of
from mnstream.core.streaming.validation import unexpected
from mnstream.core.values import ProducerId, SerializationFormat, StreamType
from mnstream.ports.source import FrameSource

P = ProducerId("SubNetwork=1,ManagedElement=1")
BOTH = pytest.mark.parametrize("kind", [SimulatedAnalytics, SimulatedProprietary])
Kind = type[SimulatedAnalytics] | type[SimulatedProprietary]


@BOTH
def test_each_payload_names_one_of_the_announced_streams(kind: Kind) -> None:
    source = kind(P, seed=1, streams=3)
    assert isinstance(source, FrameSource)
    streams = source.streams()
    named = [read_opaque(frame)[0][0] for frame in source.frames(1_000)]
    assert named == [stream.stream_id for stream in streams]
    assert len(set(named)) == 3
    for stream in streams:
        assert unexpected(stream, REL19, ConsumerConfig()) is None
        assert family_of(stream) is Family.OPAQUE
        assert stream.additional_info is not None


@BOTH
def test_the_same_seed_and_time_give_the_same(kind: Kind) -> None:
    one, same, other = (kind(P, seed=seed, streams=2) for seed in (1, 1, 2))
    noon = 12 * 3_600_000
    assert one.frames(noon) == same.frames(noon) != other.frames(noon)
    assert one.frames(noon + 1) != one.frames(noon)


@BOTH
def test_the_streams_depend_on_the_producer(kind: Kind) -> None:
    one = kind(P, seed=1).streams()[0].stream_id
    other = kind(ProducerId("other"), seed=1).streams()[0].stream_id
    assert one != other
    assert not set(one) & set(",=/?#% ")


def test_analytics_are_about_coverage_and_energy_in_turn() -> None:
    source = SimulatedAnalytics(P, seed=1, streams=3, serialization_format=SerializationFormat.ASN1)
    assert {stream.stream_type for stream in source.streams()} == {StreamType.ANALYTICS}
    assert {stream.serialization_format for stream in source.streams()} == {
        SerializationFormat.ASN1
    }
    outputs = [json.loads(frame) for frame in source.frames(1_000)]
    kinds = [output["analyticsType"] for output in outputs]
    assert kinds == ["CoverageProblem", "EnergySaving", "CoverageProblem"]
    assert outputs[0]["time"] == "1970-01-01T00:00:01Z"
    assert outputs[0]["object"].startswith("SubNetwork=Sim,ManagedElement=1,")


def test_a_vendor_tells_the_throughput_of_its_beams() -> None:
    [frame] = SimulatedProprietary(P, seed=1).frames(12 * 3_600_000)
    beams = json.loads(frame)["beams"]
    assert len(beams) == 8
    assert 0 < beams[0] < beams[3]


@BOTH
def test_there_is_at_least_one_stream(kind: Kind) -> None:
    with pytest.raises(ValueError, match="at least 1 stream, not 0"):
        kind(P, seed=1, streams=0)
