"""What the benchmarks send is what the services understand."""

from __future__ import annotations

import pytest

from mnstream.adapters.bench.frames import (
    FRAME_BYTES,
    METRICS,
    WIRE_BYTES,
    frames,
    on_the_wire,
    stream_infos,
    stream_number,
)
from mnstream.adapters.codecs.gpb import decode_pdsus, read_units
from mnstream.adapters.http.frames import FrameCodec
from mnstream.core.profiles import REL19
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.validation import unexpected
from mnstream.core.values import PerformanceInfo


@pytest.mark.parametrize("connection", [0, 1, 4_999])
def test_every_frame_has_97_bytes_and_one_unit_of_ten_values(connection: int) -> None:
    number = stream_number(connection, 9, 10)
    payloads = frames(number, 2_000)
    assert {len(payload) for payload in payloads} == {FRAME_BYTES} == {97}
    assert all(read_units(payload) == [(str(number), 10)] for payload in payloads)


def test_frames_differ_and_can_be_decoded() -> None:
    payloads = frames(stream_number(0, 0, 1), 1_024)
    assert len(set(payloads)) == 1_024
    (unit,) = decode_pdsus(payloads[3])
    assert len(unit.standardized) == len(METRICS)


def test_streams_are_expected_by_a_consumer_and_belong_to_one_connection() -> None:
    infos = [info for connection in range(3) for info in stream_infos(connection, 10)]
    assert len({info.stream_id for info in infos}) == 30
    for info in infos:
        assert unexpected(info, REL19, ConsumerConfig()) is None
    descriptions = [info.additional_info for info in infos]
    objects = {each.meas_obj_dn for each in descriptions if isinstance(each, PerformanceInfo)}
    assert len(objects) == 30


def test_frames_on_the_wire_are_what_a_server_unmasks() -> None:
    payloads = frames(stream_number(0, 0, 1), 5)
    data = on_the_wire(payloads)
    assert len(data) == 5 * WIRE_BYTES
    assert FrameCodec(server=True, message_bytes_max=1 << 20).feed(data) == payloads
