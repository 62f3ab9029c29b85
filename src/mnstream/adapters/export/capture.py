"""A capture of a single file (`specs/capture.md`): chosen frames with the metadata in force.

Positions count from 0. A frame is taken whole when one of its units is chosen, because it is stored
whole. Versions of sets of streams stay what they are.
"""

from __future__ import annotations

import secrets
from typing import BinaryIO

from mnstream.adapters.storage.format import (
    Content,
    encode_block,
    encode_frame,
    encode_metadata,
)
from mnstream.adapters.storage.metadata import MetadataInForce
from mnstream.adapters.storage.segment_header import SegmentHeader, encode_segment_header
from mnstream.core.records import (
    ConnectionEnded,
    ConnectionEstablished,
    FrameStored,
    MetadataRecord,
    Record,
    StreamsChanged,
)

BLOCK_BYTES = 64 << 10
"""Size of records from which a block is written. Damage to one octet costs a block, so a small
capture must not be a single one; at 64 KiB the heads are less than a thousandth of the file."""


class CaptureWriter:
    """Writes records; metadata that a frame needs comes in by itself where it is missing."""

    def __init__(self, file: BinaryIO, *, mark: int | None = None) -> None:
        """Write to a file; ``mark`` is for tests."""
        self._file = file
        self._mark = secrets.randbits(32) if mark is None else mark
        self._in_force = MetadataInForce()
        self._live: dict[str, ConnectionEstablished] = {}
        self._has_header = False
        self._first_position = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._times: list[int] = []
        self._content = Content.FRAMES

    def frame(self, frame: FrameStored, connection: ConnectionEstablished | None) -> None:
        """Append a frame that came on a connection with these streams; None when unknown."""
        if connection is not None:
            self._bring_into_force(connection, frame.wall_ms)
        self._append(frame, encode_frame(frame))

    def metadata(self, record: MetadataRecord) -> None:
        """Append a metadata record; the change or end of a connection that is not here is not."""
        if not isinstance(record, ConnectionEstablished):
            before = self._live.get(record.connection_id)
            if before is None:
                return
        self._in_force.apply(record)
        if isinstance(record, ConnectionEnded):
            del self._live[record.connection_id]
        else:
            after = self._in_force.connection(record.streams_version)
            assert after is not None
            self._live[record.connection_id] = after
        self._content = Content.MIXED
        self._append(record, encode_metadata(record))

    def finish(self) -> None:
        """Write what is left; a capture of nothing has a header at least."""
        if not self._has_header:
            self._begin(0)
        if self._gathered:
            self._write_block()

    def _bring_into_force(self, wanted: ConnectionEstablished, wall_ms: int) -> None:
        live = self._live.get(wanted.connection_id)
        if live is wanted:
            return
        if live is None:
            self.metadata(wanted)
        elif live != wanted:
            self.metadata(_change(live, wanted, wall_ms))
        self._live[wanted.connection_id] = wanted  # comparing thousands of streams takes long

    def _append(self, record: Record, encoded: bytes) -> None:
        if not self._has_header:
            self._begin(record.wall_ms)
        self._gathered.append(encoded)
        self._gathered_bytes += len(encoded)
        self._times.append(record.wall_ms)
        if self._gathered_bytes >= BLOCK_BYTES:
            self._write_block()

    def _begin(self, wall_ms: int) -> None:
        self._file.write(encode_segment_header(SegmentHeader(0, wall_ms, self._mark)))
        self._has_header = True

    def _write_block(self) -> None:
        block = encode_block(
            self._gathered,
            first_position=self._first_position,
            count=len(self._gathered),
            first_wall_ms=min(self._times),
            last_wall_ms=max(self._times),
            content=self._content,
            mark=self._mark,
        )
        self._file.write(block)
        self._first_position += len(self._gathered)
        self._gathered, self._times, self._gathered_bytes = [], [], 0
        self._content = Content.FRAMES


def _change(
    before: ConnectionEstablished, after: ConnectionEstablished, wall_ms: int
) -> StreamsChanged:
    """Give the change that leads from one set of streams to the other, in its order."""
    known = {info.stream_id: info for info in after.stream_info_list}
    kept = tuple(info for info in before.stream_info_list if known.get(info.stream_id) == info)
    if after.stream_info_list[: len(kept)] != kept:
        kept = ()
    stay = {info.stream_id for info in kept}
    removed = [info.stream_id for info in before.stream_info_list if info.stream_id not in stay]
    return StreamsChanged(
        connection_id=after.connection_id,
        streams_version=after.streams_version,
        added=after.stream_info_list[len(kept) :],
        removed=tuple(removed),
        wall_ms=wall_ms,
    )
