"""Data directories for benchmarks, as a busy collector writes them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from mnstream.adapters.storage import Durability
from mnstream.adapters.storage.format import encode_delivered, encode_metadata
from mnstream.adapters.storage.segments import Batch, Segments
from mnstream.core.records import ConnectionEstablished
from mnstream.core.values import ConnectionId, ProducerId, StreamInfo

FRAMES_A_BLOCK = 500
"""Frames of one commit: 5 ms of 100,000 frames/s."""
BEGUN_MS = 1_700_000_000_000
"""Time of the first block; each has a time of its own, 5 ms later."""
INTERVAL_MS = 5


def write_log(directory: Path, streams: tuple[StreamInfo, ...], payloads: Sequence[bytes]) -> int:
    """Write delivered frames of one connection, and return the time of the last block."""
    connection = ConnectionEstablished(
        connection_id=ConnectionId("bench"),
        producer_id=ProducerId("DC=operator.example,SubNetwork=1,ManagedElement=0"),
        identity="",
        streams_version=1,
        stream_info_list=streams,
        wall_ms=BEGUN_MS,
    )
    segments = Segments(directory, durability=Durability.NONE)
    try:
        pieces = [encode_metadata(connection)]
        segments.commit(_batch(0, 1, BEGUN_MS, pieces, connection))
        wall_ms = BEGUN_MS
        for first in range(0, len(payloads), FRAMES_A_BLOCK):
            chosen = payloads[first : first + FRAMES_A_BLOCK]
            wall_ms = BEGUN_MS + first // FRAMES_A_BLOCK * INTERVAL_MS
            heads = (encode_delivered(1, wall_ms, len(payload)) for payload in chosen)
            pieces = list(chain.from_iterable(zip(heads, chosen, strict=True)))
            segments.commit(_batch(segments.next_position, len(chosen), wall_ms, pieces))
    finally:
        segments.close()
    return wall_ms


def _batch(
    first_position: int,
    count: int,
    wall_ms: int,
    pieces: Sequence[bytes],
    *metadata: ConnectionEstablished,
) -> Batch:
    return Batch(
        first_position=first_position,
        count=count,
        first_wall_ms=wall_ms,
        last_wall_ms=wall_ms,
        pieces=pieces,
        metadata=metadata,
    )
