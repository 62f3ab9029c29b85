"""The contract of ports/log.py, held by every log that is shipped."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mnstream.adapters.storage import Durability, LogConfig, MemoryLog, SegmentLog
from mnstream.core.records import Record
from mnstream.ports.log import Log
from mnstream.testing.logs import check_log

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("durability", list(Durability))
@pytest.mark.parametrize("segment_bytes", [1, 1 << 20])
async def test_segment_log(tmp_path: Path, durability: Durability, segment_bytes: int) -> None:
    config = LogConfig(durability=durability, segment_bytes=segment_bytes, commit_interval_ms=0)
    await check_log(lambda: SegmentLog.open(tmp_path / "log", config))


async def test_memory_log() -> None:
    records: list[Record] = []

    @asynccontextmanager
    async def make() -> AsyncGenerator[Log]:
        log = MemoryLog(records)
        yield log
        records[:] = log.durable_records

    await check_log(make)
