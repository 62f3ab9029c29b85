"""Units, logs that grow under the eyes of a test, and disks that give up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from mnstream.adapters.codecs.gpb import encode_pdsus
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.adapters.storage import StoredUnit
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.segments import Segments
from mnstream.core.records import FrameStored, Record
from mnstream.core.values import ConnectionId, ProducerId, StreamId
from mnstream.ports.sink import SinkError
from mnstream.testing.logs import WALL_MS, established, performance_stream
from tests.adapters.storage.helpers import QuickDisk, batch, frame

STREAM = performance_stream("1", "x")
FIRST = established("a", 1, [STREAM])


def unit(value: int, **changes: Any) -> StoredUnit:
    members: dict[str, Any] = {
        "position": value,
        "connection_id": ConnectionId("a"),
        "producer_id": ProducerId("NF=1"),
        "stream_id": StreamId("1"),
        "stream_info": STREAM,
        "received_ms": WALL_MS,
        "time_ns": WALL_MS * 1_000_000,
        "object_dn": "Cell=1",
        "values": {"x": value},
        "kind": "",
        "cause": "",
        "detail": "",
        "payload": b"1234",
    }
    return StoredUnit(**{**members, **changes})


def measured(value: int) -> FrameStored:
    """Make a frame with one unit of the stream of ``FIRST``."""
    pdsu = PerformanceDataStreamUnit(
        stream_id=1, granularity_period_end_time_ns=10**18, standardized=(value,)
    )
    return frame(encode_pdsus([pdsu]), WALL_MS)


def values_in(path: Path) -> list[int]:
    """Give the value of x on every line; a torn line is an error."""
    if not path.exists():
        return []
    text = path.read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line)["values"]["x"] for line in text.splitlines()]


class GrowingLog:
    """A log that the test appends to; has what a feed asks of one."""

    def __init__(
        self, directory: Path, *, segment_bytes: int = 1 << 20, disk: Disk | None = None
    ) -> None:
        self.segments = Segments(directory, segment_bytes=segment_bytes, disk=disk or QuickDisk())
        self.durable_position = self.segments.next_position - 1
        self.failure: Exception | None = None
        self._changed = anyio.Event()

    def commit(self, *records: Record) -> None:
        self.segments.commit(batch(self.segments.next_position, *records))
        self.durable_position = self.segments.next_position - 1
        self.wake()

    def wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def durable(self, position: int) -> None:
        while position > self.durable_position:
            if self.failure is not None:
                raise self.failure
            await self._changed.wait()


class ListSink:
    """A ``mnstream.ports.sink.Sink`` that keeps everything, and fails when told to.

    Attributes:
        trouble: Raised by each write while it is set.
        attempts: Calls of ``write``.
    """

    def __init__(self, position: int = 0) -> None:
        self.values: list[int] = []
        self.position = position
        self.trouble: Exception | None = None
        self.refuses: str = ""
        self.attempts = 0
        self.is_open = False
        self._changed = anyio.Event()

    @property
    def name(self) -> str:
        return "list:of-a-test"

    async def open(self) -> int:
        if self.refuses:
            raise SinkError(self.refuses)
        self.is_open = True
        return self.position

    async def write(self, units: Sequence[StoredUnit], *, next_position: int) -> None:
        assert self.is_open
        self.attempts += 1
        self._changed.set()
        self._changed = anyio.Event()
        if self.trouble is not None:
            raise self.trouble
        for each in units:
            assert each.values is not None
            value = each.values["x"]
            assert isinstance(value, int)
            self.values.append(value)
        self.position = next_position

    async def aclose(self) -> None:
        self.is_open = False

    async def attempted(self, count: int) -> None:
        while self.attempts < count:
            await self._changed.wait()


class RefusingDisk(QuickDisk):
    """Neither syncs nor cuts off while ``refuses`` is set."""

    refuses = False

    def sync(self, fd: int) -> None:
        if self.refuses:
            raise OSError(5, "refused")

    def truncate(self, fd: int, size: int) -> None:
        self.sync(fd)
        super().truncate(fd, size)


class Crash(BaseException):
    """The machine lost its power."""


class CrashingDisk(Disk):
    """Does so many steps and then nothing any more; a write is interrupted half way.

    Attributes:
        steps: Steps taken.
    """

    def __init__(self, steps_max: int, failure: BaseException) -> None:
        self.steps = 0
        self._steps_max = steps_max
        self._failure = failure

    def _step(self) -> None:
        self.steps += 1
        if self.steps > self._steps_max:
            raise self._failure

    def create(self, path: Path) -> int:
        self._step()
        return super().create(path)

    def write_at(self, fd: int, offset: int, data: bytes) -> None:
        if self.steps == self._steps_max:
            super().write_at(fd, offset, data[: len(data) // 2])
        self._step()
        super().write_at(fd, offset, data)

    def sync(self, fd: int) -> None:
        self._step()

    def truncate(self, fd: int, size: int) -> None:
        self._step()
        super().truncate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        super().rename(old, new)

    def sync_directory(self, directory: Path) -> None:
        self._step()
