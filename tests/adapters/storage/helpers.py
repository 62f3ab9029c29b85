"""Small logs, read back."""

import gc
import zlib
from collections.abc import Iterable
from pathlib import Path

from mnstream.adapters.storage import Entry, Hole, LogReader
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.format import encode_frame, encode_metadata
from mnstream.adapters.storage.segment_header import SEGMENT_HEADER_BYTES
from mnstream.adapters.storage.segments import Batch, Segments, segment_paths
from mnstream.core.records import Disposition, FrameStored, Record


class QuickDisk(Disk):
    """Does not wait for the hardware: a test that cuts the power cuts files."""

    def sync(self, fd: int) -> None:
        pass

    def sync_directory(self, directory: Path) -> None:
        pass


def frame(
    payload: bytes,
    wall_ms: int = 1000,
    version: int = 1,
    disposition: Disposition = Disposition.DELIVERED,
    cause: str = "",
) -> FrameStored:
    return FrameStored(
        streams_version=version,
        disposition=disposition,
        cause=cause,
        wall_ms=wall_ms,
        payload=payload,
    )


def batch(first_position: int, *records: Record) -> Batch:
    return Batch(
        first_position=first_position,
        count=len(records),
        first_wall_ms=min(record.wall_ms for record in records),
        last_wall_ms=max(record.wall_ms for record in records),
        pieces=[
            encode_frame(record) if isinstance(record, FrameStored) else encode_metadata(record)
            for record in records
        ],
        metadata=[record for record in records if not isinstance(record, FrameStored)],
    )


def write(
    directory: Path,
    batches: Iterable[Iterable[Record]],
    *,
    segment_bytes: int = 1 << 20,
    disk: Disk | None = None,
) -> Segments:
    """Commit batches and close; the returned object tells what opening found."""
    segments = Segments(directory, segment_bytes=segment_bytes, disk=disk or QuickDisk())
    for records in batches:
        segments.commit(batch(segments.next_position, *records))
    segments.close()
    return segments


def read(
    path: Path, since_ms: int | None = None, until_ms: int | None = None
) -> list[Entry | Hole]:
    return list(LogReader(path).entries(since_ms=since_ms, until_ms=until_ms))


def records_of(path: Path) -> list[Record]:
    """Give the records of a log without holes, whose positions must count from the first."""
    entries = read(path)
    records: list[Record] = []
    for entry in entries:
        assert isinstance(entry, Entry), entry
        records.append(entry.record)
    first = entries[0].position if entries and isinstance(entries[0], Entry) else 0
    assert [entry.position for entry in entries if isinstance(entry, Entry)] == list(
        range(first, first + len(records))
    )
    return records


def only_segment(directory: Path) -> Path:
    (path,) = segment_paths(directory)
    return path


def payloads_of(path: Path) -> list[bytes]:
    """Give the payloads of a log without holes that holds only frames."""
    payloads: list[bytes] = []
    for record in records_of(path):
        assert isinstance(record, FrameStored)
        payloads.append(record.payload)
    return payloads


def of_a_later_version(segment: bytes) -> bytes:
    """Give a segment as if the next version had written its header."""
    covered = segment[: SEGMENT_HEADER_BYTES - 5].replace(b"version\x01", b"version\x02")
    crc = zlib.crc32(covered).to_bytes(4, "big")
    return covered + b"\x1a" + crc + segment[SEGMENT_HEADER_BYTES:]


def instances(kind: type) -> int:
    """Count what is alive of a kind: how much somebody holds on to."""
    gc.collect()
    return sum(isinstance(each, kind) for each in gc.get_objects())
