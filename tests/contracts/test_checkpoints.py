"""The contract of ports/checkpoints.py, held by everything that is shipped."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mnstream.adapters.storage import Durability, MemoryCheckpoints, SqliteCheckpoints
from mnstream.core.notification_values import Number, SubscriptionId
from mnstream.ports.checkpoints import Checkpoints
from mnstream.testing.checkpoints import check_checkpoints

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("durability", list(Durability))
async def test_sqlite(tmp_path: Path, durability: Durability) -> None:
    await check_checkpoints(lambda: SqliteCheckpoints.open(tmp_path / "c", durability=durability))


async def test_memory() -> None:
    last = MemoryCheckpoints()

    @asynccontextmanager
    async def make() -> AsyncGenerator[Checkpoints]:
        nonlocal last
        last = MemoryCheckpoints(last)
        yield last

    await check_checkpoints(make)


class KeepsTheHighest(MemoryCheckpoints):
    async def save(self, number: Number, checksum: int | None = None) -> None:
        before = self.load(number.subscription_id)
        if before is None or before.sequence_no < number.sequence_no:
            await super().save(number)


class IsSigned(MemoryCheckpoints):
    def load(self, subscription_id: SubscriptionId) -> Number | None:
        found = super().load(subscription_id)
        return None if found is None or found.sequence_no >= 1 << 63 else found


class ForgetsAtItsEnd(MemoryCheckpoints):
    def __init__(self, earlier: MemoryCheckpoints | None = None) -> None:
        super().__init__()


@pytest.mark.parametrize("kind", [KeepsTheHighest, IsSigned, ForgetsAtItsEnd])
async def test_the_suite_finds_faults(kind: type[MemoryCheckpoints]) -> None:
    last: MemoryCheckpoints | None = None

    @asynccontextmanager
    async def make() -> AsyncGenerator[Checkpoints]:
        nonlocal last
        last = kind(last)
        yield last

    with pytest.raises(AssertionError):
        await check_checkpoints(make)
