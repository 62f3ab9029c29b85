"""Notifications strictly in sequence, whatever the producer, the disk and the application do."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from zlib import crc32

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing

from mnstream.adapters.entropy import SeededEntropy, VirtualClock
from mnstream.adapters.runtime.items import Item, Lost, Notification, Reread, Restarted
from mnstream.adapters.runtime.subscriber import ROOM_WAIT_S, SILENCE_FACTOR, Subscriber
from mnstream.adapters.storage import MemoryCheckpoints
from mnstream.core.errors import NotPermitted, Unavailable, UnknownObject
from mnstream.core.notification_events import HeartbeatReceived
from mnstream.core.notification_values import (
    UNTOLD,
    Epoch,
    HeartbeatControl,
    Number,
    Received,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.ports.channel import Broken
from mnstream.ports.notification_provider import Fetched
from tests.adapters.runtime.notifying_stage import WALL_MS
from tests.adapters.runtime.stage import Later

OURS = SubscriptionId("s1")
SETTINGS = SubscriptionSettings(notification_recipient_address="http://consumer.example/sink")
HEARTBEAT = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=10)
FIRST, SECOND = Epoch(1_000), Epoch(2_000)
NO_WAIT = NotificationConsumerConfig(reorder_wait_ms=0)


def notification(sequence_no: int, epoch: Epoch = FIRST) -> Received:
    text = json.dumps({"sequenceNo": sequence_no, "epoch": epoch}).encode()
    number = Number(subscription_id=OURS, epoch=epoch, sequence_no=sequence_no)
    return Received(
        number=number,
        notification_type="notifyEvent",
        event_time_ms=WALL_MS,
        payload=text,
        content=crc32(text),
    )


class ScriptedProvider:
    """A producer with what the test puts into it; failures come first, each once."""

    def __init__(self) -> None:
        self.stored: dict[Epoch, range] = {FIRST: range(1, 1)}
        self.known = False
        self.subscribed = 0
        self.fetched: list[tuple[Epoch, int, int]] = []
        self.failures: deque[Exception] = deque()
        self.always: Exception | None = None
        self.forgets_when_failing = False
        self.unreachable = False

    async def subscribe(
        self,
        subscription_id: SubscriptionId,
        settings: SubscriptionSettings,
        heartbeat: HeartbeatControl | None,
    ) -> bool:
        assert (subscription_id, settings) == (OURS, SETTINGS)
        await anyio.lowlevel.checkpoint()
        if self.always is not None:
            raise self.always
        self.subscribed += 1
        new, self.known = not self.known, True
        return new

    async def unsubscribe(self, subscription_id: SubscriptionId) -> None:
        await anyio.lowlevel.checkpoint()
        if self.unreachable:
            raise Broken("nobody there")
        self.known = False

    async def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> Fetched:
        self.fetched.append((epoch, first, last))
        await anyio.lowlevel.checkpoint()
        if self.always is not None:
            raise self.always
        if self.failures:
            raise self.failures.popleft()
        if not self.known:
            raise UnknownObject("NtfSubscriptionControl=s1")
        epoch = min(self.stored) if epoch == UNTOLD else epoch
        kept = self.stored[epoch]
        later = sorted(each for each in self.stored if each > epoch)
        return Fetched(
            notifications=tuple(
                notification(number, epoch) for number in kept if first <= number <= last
            ),
            window=StoredRange(
                epoch=epoch,
                oldest_sequence_no=kept.start if kept else 0,
                newest_sequence_no=kept.stop - 1,
                next_epoch=later[0] if later else None,
            ),
        )

    async def aclose(self) -> None:
        """Keep nothing."""


class Stage:
    """A subscriber, what it remembers, and its producer."""

    def __init__(
        self,
        provider: ScriptedProvider,
        checkpoints: MemoryCheckpoints,
        config: NotificationConsumerConfig,
        heartbeat: HeartbeatControl | None,
        from_start: bool,
    ) -> None:
        self.provider = provider
        self.checkpoints = checkpoints
        self.clock = VirtualClock(WALL_MS)
        self.subscriber = Subscriber(
            NotificationConsumer(
                OURS, checkpoint=checkpoints.load(OURS), from_start=from_start, config=config
            ),
            provider=provider,
            checkpoints=checkpoints,
            clock=self.clock,
            entropy=SeededEntropy(1),
            settings=SETTINGS,
            heartbeat=heartbeat,
        )

    async def push(self, *numbers: int, epoch: Epoch = FIRST) -> None:
        """Post notifications as the producer would, which has them from then on."""
        for each in numbers:
            kept = self.provider.stored.get(epoch, range(1, 1))
            self.provider.stored[epoch] = range(kept.start, max(kept.stop, each + 1))
            await self.subscriber.accept(notification(each, epoch))

    async def take(self, count: int) -> list[Item]:
        with anyio.fail_after(1_000):
            return [await anext(self.subscriber) for _ in range(count)]

    async def numbers(self, count: int) -> list[int]:
        return numbers_of(await self.take(count))

    @property
    def saved(self) -> int | None:
        number = self.checkpoints.load(OURS)
        return None if number is None else number.sequence_no


def numbers_of(items: Sequence[Item]) -> list[int]:
    assert all(isinstance(each, Notification) for each in items), items
    return [each.sequence_no for each in items if isinstance(each, Notification)]


async def collected(subscriber: Subscriber) -> list[Item]:
    with anyio.fail_after(1_000):
        return [item async for item in subscriber]


@asynccontextmanager
async def subscribing(
    provider: ScriptedProvider | None = None,
    checkpoints: MemoryCheckpoints | None = None,
    *,
    config: NotificationConsumerConfig = NO_WAIT,
    heartbeat: HeartbeatControl | None = None,
    from_start: bool = True,
) -> AsyncGenerator[Stage]:
    stage = Stage(
        provider or ScriptedProvider(),
        checkpoints or MemoryCheckpoints(),
        config,
        heartbeat,
        from_start,
    )
    async with stage.subscriber.running():
        await anyio.wait_all_tasks_blocked()
        yield stage


@pytest.mark.anyio
async def test_order_duplicates_and_checkpoints() -> None:
    async with subscribing(config=NotificationConsumerConfig(reorder_wait_ms=60_000)) as stage:
        await stage.push(1, 1, 3, 2, 2, 3)
        assert await stage.numbers(2) == [1, 2]
        assert stage.saved == 1  # 2 is in hand
        (item,) = await stage.take(1)
        assert item == Notification(FIRST, 3, "notifyEvent", notification(3).payload)
        assert stage.saved == 2
        await stage.subscriber.processed()
        assert stage.saved == 3
        counts = stage.subscriber.consumer.counts
        assert (counts.handed_over, counts.duplicates, counts.recovered) == (3, 3, 0)


@pytest.mark.anyio
async def test_holes_are_fetched() -> None:
    async with subscribing() as stage:
        await stage.push(1, 4)
        assert await stage.numbers(4) == [1, 2, 3, 4]
        assert (FIRST, 2, 3) in stage.provider.fetched
        await stage.subscriber.accept(
            HeartbeatReceived(epoch=FIRST, last_sequence_no=6, last_event_time_ms=None)
        )
        stage.provider.stored[FIRST] = range(1, 7)
        assert await stage.numbers(2) == [5, 6]
        assert stage.subscriber.consumer.counts.recovered == 4


@pytest.mark.anyio
async def test_a_crash_repeats_the_one_in_hand() -> None:
    provider = ScriptedProvider()
    async with subscribing(provider) as stage:
        await stage.push(1, 2, 3)
        assert await stage.numbers(2) == [1, 2]
    async with subscribing(provider, MemoryCheckpoints(stage.checkpoints)) as again:
        assert await again.numbers(2) == [2, 3]
        assert provider.subscribed == 2


@pytest.mark.anyio
async def test_an_end_remembers_what_was_processed() -> None:
    async with subscribing() as stage:
        await stage.push(1, 2)
        given: list[Item] = []
        async for item in stage.subscriber:
            given.append(item)
            stage.subscriber.end()
        assert numbers_of(given) == [1]
        assert stage.saved == 1
        with pytest.raises(StopAsyncIteration):
            await anext(stage.subscriber)


class SlowCheckpoints(MemoryCheckpoints):
    """Saves when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.saving = anyio.Event()
        self.gate = anyio.Event()

    async def save(self, number: Number, checksum: int | None = None) -> None:
        self.saving.set()
        await self.gate.wait()
        await super().save(number, checksum)


class SlowProvider(ScriptedProvider):
    """Answers when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = anyio.Event()

    async def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> Fetched:
        await self.gate.wait()
        return await super().fetch(subscription_id, epoch, first, last)


@pytest.mark.anyio
@pytest.mark.parametrize("behind", [(), (8,)], ids=["nothing behind", "something behind"])
async def test_an_end_while_a_checkpoint_is_saved_is_seen(behind: tuple[int, ...]) -> None:
    """Who takes up a subscription without a checkpoint saves one before the first item."""
    checkpoints, provider = SlowCheckpoints(), SlowProvider()
    provider.stored[FIRST] = range(1, 8)
    provider.known = True
    async with (
        anyio.create_task_group() as tasks,
        subscribing(provider, checkpoints, from_start=False) as stage,
    ):
        collected: list[Item] = []

        async def collect() -> None:
            collected.extend([item async for item in stage.subscriber])

        waiting = Later(tasks, collect)
        await anyio.wait_all_tasks_blocked()
        provider.gate.set()
        await checkpoints.saving.wait()
        await stage.push(*behind)
        stage.subscriber.end()
        checkpoints.gate.set()
        with anyio.fail_after(20):
            await waiting.result()
        assert collected == []


@pytest.mark.anyio
async def test_an_end_wakes_who_waits() -> None:
    async with anyio.create_task_group() as tasks, subscribing() as stage:
        collected: list[Item] = []

        async def collect() -> None:
            collected.extend([item async for item in stage.subscriber])

        waiting = Later(tasks, collect)
        await anyio.wait_all_tasks_blocked()
        stage.subscriber.end()
        await waiting.result()
        assert collected == []


@pytest.mark.anyio
async def test_a_cancelled_wait_loses_nothing() -> None:
    async with anyio.create_task_group() as tasks, subscribing() as stage:
        given: list[Item] = []
        for number in (1, 2, 3):
            waiting = Later(tasks, lambda: anext(stage.subscriber))
            await anyio.wait_all_tasks_blocked()
            await waiting.cancel()
            await stage.push(number)
            with anyio.CancelScope() as scope:
                scope.cancel()
                given.append(await anext(stage.subscriber))  # while the checkpoint is saved
            if len(given) < number:
                given += await stage.take(1)
        assert numbers_of(given) == [1, 2, 3]
        assert stage.saved == 2


@pytest.mark.anyio
async def test_a_checkpoint_that_cannot_be_written_is_tried_again() -> None:
    async with subscribing() as stage:
        await stage.push(1, 2)
        assert await stage.numbers(1) == [1]
        stage.checkpoints.trouble = "disk full"
        for _ in range(2):
            with pytest.raises(OSError, match="disk full"):
                await anext(stage.subscriber)
        assert stage.saved is None or stage.saved == 0
        stage.checkpoints.trouble = ""
        assert await stage.numbers(1) == [2]
        assert stage.saved == 1


@pytest.mark.trio
async def test_a_slow_application_is_told_to_the_producer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    config = NotificationConsumerConfig(buffer_max=3)
    async with subscribing(config=config) as stage:
        with pytest.raises(Unavailable):
            await stage.push(*range(1, 20))
        began = trio.current_time()
        with pytest.raises(Unavailable):
            await stage.push(19)
        assert trio.current_time() - began == ROOM_WAIT_S
        async with trio.open_nursery() as tasks:
            tasks.start_soon(stage.push, 19)
            await trio.sleep(1)
            assert await stage.numbers(19) == [*range(1, 20)]
        assert stage.subscriber.consumer.counts.lost == 0


@pytest.mark.anyio
async def test_a_forgotten_subscription_is_made_again() -> None:
    async with subscribing() as stage:
        await stage.push(1)
        assert await stage.numbers(1) == [1]
        stage.provider.known = False
        await stage.push(3)
        assert await stage.numbers(2) == [2, 3]
        assert stage.provider.subscribed == 2


@pytest.mark.trio
async def test_silence_makes_it_ask(autojump_clock: trio.testing.MockClock) -> None:
    period_s = HEARTBEAT.heartbeat_ntf_period_s
    async with subscribing(heartbeat=HEARTBEAT) as stage:
        beat = HeartbeatReceived(epoch=FIRST, last_sequence_no=0, last_event_time_ms=None)
        for _ in range(10):
            await trio.sleep(period_s)
            await stage.subscriber.accept(beat)
        assert stage.provider.subscribed == 1
        stage.provider.stored[FIRST] = range(1, 3)
        began = trio.current_time()
        assert await stage.numbers(2) == [1, 2]
        assert trio.current_time() - began == period_s * SILENCE_FACTOR
        assert stage.provider.subscribed == 2
        stage.provider.always = Broken("nobody there")
        await trio.sleep(period_s * SILENCE_FACTOR + 1)
        assert stage.subscriber.trouble == "nobody there"
        stage.provider.always = None
        await trio.sleep(period_s * SILENCE_FACTOR)
        assert (stage.subscriber.trouble, stage.provider.subscribed) == ("", 3)


@pytest.mark.trio
@pytest.mark.parametrize("failure", [Broken("no answer"), Unavailable("busy")])
async def test_temporary_failures_are_tried_again(
    failure: Exception, autojump_clock: trio.testing.MockClock
) -> None:
    async with subscribing() as stage:
        await stage.push(1)
        assert await stage.numbers(1) == [1]
        stage.provider.failures.extend([failure] * 6)
        await stage.push(3)
        await trio.sleep(0.001)
        assert str(failure) in stage.subscriber.trouble
        assert await stage.numbers(2) == [2, 3]
        assert stage.subscriber.trouble == ""


@pytest.mark.trio
async def test_what_may_not_be_fetched_is_lost(autojump_clock: trio.testing.MockClock) -> None:
    async with subscribing() as stage:
        await stage.push(1)
        assert await stage.numbers(1) == [1]
        stage.provider.always = NotPermitted("no")
        await stage.push(3)
        lost, reread, third = await stage.take(3)
        assert isinstance(lost, Lost)
        assert (lost.epoch, lost.first, lost.last) == (FIRST, 2, 2)
        assert isinstance(reread, Reread)
        assert numbers_of([third]) == [3]
        assert stage.saved == 2  # lost, and told


@pytest.mark.anyio
async def test_what_the_store_has_dropped_is_lost() -> None:
    async with subscribing() as stage:
        stage.provider.stored[FIRST] = range(4, 6)
        await stage.push(5)
        lost, reread = await stage.take(2)
        assert isinstance(lost, Lost)
        assert (lost.first, lost.last) == (1, 3)
        assert isinstance(reread, Reread)
        assert await stage.numbers(2) == [4, 5]


@pytest.mark.anyio
async def test_a_restart_of_the_producer_is_told_after_what_was_before() -> None:
    async with subscribing() as stage:
        await stage.push(1)
        stage.provider.stored[FIRST] = range(1, 4)
        await stage.push(1, epoch=SECOND)
        first, second, third, restarted, fourth = await stage.take(5)
        assert numbers_of([first, second, third, fourth]) == [1, 2, 3, 1]
        assert restarted == Restarted(FIRST, SECOND, certain=True)
        assert isinstance(fourth, Notification)
        assert fourth.epoch == SECOND


@pytest.mark.anyio
async def test_a_producer_that_refuses() -> None:
    provider = ScriptedProvider()
    for error in (NotPermitted("no"), Broken("nobody there")):
        provider.always = error
        with pytest.raises(type(error)):
            async with subscribing(provider):
                pass


@pytest.mark.anyio
async def test_unsubscribing() -> None:
    async with subscribing() as stage:
        assert stage.subscriber.is_subscribed
        await stage.subscriber.unsubscribe()
        assert not stage.provider.known
        with pytest.raises(UnknownObject):
            await stage.push(1)  # nobody gives it to the application any more


@pytest.mark.anyio
async def test_an_unsubscription_that_fails_leaves_everything_as_it_is() -> None:
    async with subscribing() as stage:
        stage.provider.unreachable = True
        with pytest.raises(Broken):
            await stage.subscriber.unsubscribe()
        await stage.push(1)
        assert await stage.numbers(1) == [1]


@pytest.mark.anyio
async def test_finishing_gives_what_was_taken_and_takes_nothing_more() -> None:
    async with subscribing() as stage:
        await stage.push(1, 2, 5)
        given: list[Item] = []
        async for item in stage.subscriber:
            given.append(item)
            stage.subscriber.finish()
            with pytest.raises(UnknownObject):
                await stage.push(6)
            with pytest.raises(UnknownObject):
                await stage.subscriber.accept(
                    HeartbeatReceived(epoch=FIRST, last_sequence_no=6, last_event_time_ms=None)
                )
        assert numbers_of(given) == [1, 2, 3, 4, 5]
        assert stage.saved == 5


@pytest.mark.anyio
async def test_finishing_before_the_producer_has_answered() -> None:
    async with anyio.create_task_group() as tasks, subscribing() as stage:
        stage.provider.failures.append(Broken("not yet"))
        await stage.push(2)
        stage.subscriber.finish()
        ending = Later(tasks, lambda: collected(stage.subscriber))
        assert numbers_of(await ending.result()) == [1, 2]


@pytest.mark.anyio
async def test_finishing_wakes_who_waits_and_does_not_subscribe_again() -> None:
    async with (
        anyio.create_task_group() as tasks,
        subscribing(heartbeat=HEARTBEAT) as stage,
    ):
        ending = Later(tasks, lambda: collected(stage.subscriber))
        await anyio.wait_all_tasks_blocked()
        await stage.push(2)
        stage.provider.known = False
        stage.subscriber.finish()
        lost, reread, second = await ending.result()
        assert isinstance(lost, Lost)
        assert isinstance(reread, Reread)
        assert numbers_of([second]) == [2]
        assert stage.provider.subscribed == 1


@pytest.mark.anyio
async def test_who_waits_for_room_is_refused_when_it_finishes() -> None:
    config = NotificationConsumerConfig(reorder_wait_ms=0, buffer_max=1)
    async with anyio.create_task_group() as tasks, subscribing(config=config) as stage:
        await stage.push(1)
        assert await stage.numbers(1) == [1]
        waiting = Later(tasks, lambda: stage.push(2))
        await anyio.wait_all_tasks_blocked()
        stage.subscriber.finish()
        assert await collected(stage.subscriber) == []
        with pytest.raises(UnknownObject):
            await waiting.result()


def test_a_notification_is_one_line() -> None:
    plain = Notification(FIRST, 1, "notifyEvent", b'{"a": 1.50, "b": "\xc3\xa4"}')
    assert plain.line() == plain.text + b"\n"
    pretty = replace(plain, text=b'{\r\n  "a": "x\\ny"\n}')
    assert pretty.line() == b'{"a":"x\\ny"}\n'
    assert pretty.members() == {"a": "x\ny"}
