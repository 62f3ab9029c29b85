"""What the benchmarks send: streams of ten metrics, and frames of exactly 97 bytes.

Frames are encoded and masked before a measurement begins, so that a client costs next to nothing
while it lasts, and is the same for every server.
"""

from __future__ import annotations

from collections.abc import Sequence

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.adapters.http.frames import FrameCodec
from mnstream.core.values import (
    PerformanceInfo,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
)

FRAME_BYTES = 97
"""Size of every payload: that of the measurements in PERFORMANCE.md."""
WIRE_BYTES = FRAME_BYTES + 6
"""The same with the head and the mask of its WebSocket frame."""
METRICS = (
    *("RRU.PrbTotDl", "RRU.PrbTotUl", "DRB.UEThpDl", "DRB.UEThpUl", "DRB.MeanActiveUeDl"),
    *("RRC.ConnMean", "RRC.ConnMax", "MM.HoExeInterReq", "MM.HoExeInterSucc", "PEE.AvgPower"),
)
"""Ten metrics of TS 28.552; every stream of the benchmarks has them."""

_FIRST_STREAM = 1 << 21  # from here to 1 << 28 a stream number takes four bytes in GPB
_EPOCH_NS = 1_700_000_000 * 1_000_000_000
_KNUTH = 2_654_435_761  # spreads consecutive numbers over 32 bits
_FOUR_BYTES = (1 << 21, 1 << 28)
_FIVE_BYTES = (1 << 28, 1 << 35)
_REALS = 2


def stream_infos(connection: int, streams: int) -> tuple[StreamInfo, ...]:
    """Describe the streams of one connection; no two connections share a stream or an object."""
    first = stream_number(connection, 0, streams)
    return tuple(
        StreamInfo(
            stream_id=StreamId(str(first + index)),
            stream_type=StreamType.PERFORMANCE,
            serialization_format=SerializationFormat.GPB,
            additional_info=PerformanceInfo(
                meas_obj_dn=(
                    f"DC=operator.example,SubNetwork=1,ManagedElement={connection},"
                    f"GNBDUFunction=1,NRCellDU={index}"
                ),
                performance_metrics=METRICS,
                job_id=f"job-{connection}",
            ),
        )
        for index in range(streams)
    )


def stream_number(connection: int, index: int, streams: int) -> int:
    """Return the number of a stream, as its units carry it."""
    return _FIRST_STREAM + connection * streams + index


def frames(stream: int, count: int, *, first: int = 0) -> list[bytes]:
    """Encode ``count`` different frames of one stream, each one unit of ten values."""
    return [_frame(stream, first + index) for index in range(count)]


def _frame(stream: int, index: int) -> bytes:
    """Encode a unit: four values of 4 bytes, four of 5, two reals; 97 bytes in all."""
    ranges = (*[_FOUR_BYTES] * 4, *[_FIVE_BYTES] * 4)
    integers = tuple(
        low + (index * len(METRICS) + place) * _KNUTH % (high - low)
        for place, (low, high) in enumerate(ranges)
    )
    reals = tuple(index / (place + 3) + 0.1 for place in range(_REALS))
    unit = PerformanceDataStreamUnit(
        stream_id=stream,
        granularity_period_end_time_ns=_EPOCH_NS + index * 1_000_000_000,
        standardized=integers + reals,
        vendor_specific=(),
    )
    payload = encode_pdsus([unit])
    assert len(payload) == FRAME_BYTES
    return payload


def on_the_wire(payloads: Sequence[bytes]) -> bytes:
    """Encode payloads as a client sends them: one masked binary WebSocket frame each."""
    return FrameCodec(server=False, message_bytes_max=1 << 20).binary(payloads)
