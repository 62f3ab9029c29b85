"""What the README shows: a notifier and a subscriber in somebody's program, on their defaults."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from mnstream import (
    MoiCreation,
    Notification,
    NotifierSettings,
    ObjectPath,
    SubscriberSettings,
    notifying,
    subscribing,
)

pytestmark = pytest.mark.anyio

CELL = ObjectPath("ManagedElement=1/GNBDUFunction=1")


async def test_what_is_emitted_is_given_without_being_fetched(tmp_path: Path) -> None:
    async with (
        notifying(NotifierSettings(data=tmp_path / "n")) as producer,
        subscribing(SubscriberSettings(provider=producer.url, data=tmp_path / "s")) as consumer,
    ):
        await producer.notifier.emit(MoiCreation(), CELL)
        with anyio.fail_after(10):
            async for item in consumer.subscriber:
                assert isinstance(item, Notification)
                if str(item.members()["href"]).endswith(CELL):
                    break
        numbers = producer.notifier.producer.subscriptions.values()
        assert [each.prepared for each in numbers] == [3], "it, the subscription, its heartbeats"
        while consumer.subscriber.consumer.counts.received < 3:  # noqa: ASYNC110 - on its way
            await anyio.sleep(0.01)
