"""Subscriptions as managed objects: what their changes are notified as, and what never is."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
import trio
import trio.testing

from mnstream.core.errors import (
    InvalidFilter,
    LimitExceeded,
    MalformedRequest,
    ObjectExists,
    UnknownObject,
)
from mnstream.core.notification_values import AvailabilityStatus, HeartbeatControl, SubscriptionId
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.ports.recipient import Gone, NotDelivered
from tests.adapters.runtime.notifying_stage import (
    BASE,
    ONE,
    RECIPIENT,
    SETTINGS,
    ManualStore,
    notifying,
)
from tests.adapters.runtime.stage import Later

EVERYTHING = replace(SETTINGS, notification_types=None)
TWO = SubscriptionId("2")
PATH = f"http://producer.example/{BASE}/NtfSubscriptionControl=1"
HEARTBEAT = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=10)


@pytest.mark.anyio
async def test_a_life_is_notified_from_creation_to_deletion() -> None:
    async with notifying(settings=EVERYTHING) as stage:
        other = replace(EVERYTHING, notification_types=frozenset({"notifyMOIDeletion"}))
        twenty = replace(HEARTBEAT, heartbeat_ntf_period_s=20)
        await stage.subscriptions.set_heartbeat(ONE, HEARTBEAT)
        await stage.subscriptions.set_heartbeat(ONE, twenty)
        for settings in (other, EVERYTHING, EVERYTHING):  # the last changes nothing
            await stage.settled()  # what is in flight when settings change is posted again
            await stage.subscriptions.modify(ONE, settings)
        await stage.subscriptions.delete(ONE)
        assert stage.subscriptions.subscriptions() == []
    seen = [
        (each.sequence_no, each.members["notificationType"], each.members["href"])
        for each in stage.sender.posted
    ]
    changes = "notifyMOIAttributeValueChanges"
    assert seen == [
        (1, "notifyMOICreation", PATH),
        (2, "notifyMOICreation", f"{PATH}/HeartbeatControl=1"),
        (3, changes, f"{PATH}/HeartbeatControl=1"),
        # what made it narrow is not selected any more; what made it wide again is
        (4, changes, PATH),
        (5, "notifyMOIDeletion", f"{PATH}/HeartbeatControl=1"),
        (6, "notifyMOIDeletion", PATH),
    ]
    first, beat, wide = stage.sender.posted[0], stage.sender.posted[2], stage.sender.posted[3]
    assert first.members["attributeList"] == {"notificationRecipientAddress": RECIPIENT}
    assert first.members["sourceIndicator"] == "MANAGEMENT_OPERATION"
    new, old = {"heartbeatNtfPeriod": 20}, {"heartbeatNtfPeriod": 10}
    assert beat.members["attributeListValueChanges"] == [new, old]
    types: dict[str, object] = {"notificationTypes": None}
    assert wide.members["attributeListValueChanges"] == [
        types,
        {"notificationTypes": ["notifyMOIDeletion"]},
    ]


@pytest.mark.trio
async def test_a_subscription_on_its_own_subtree_does_not_loop(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with notifying(settings=EVERYTHING) as stage:
        stage.sender.answers.extend([NotDelivered("busy")] * 9)
        await stage.subscriptions.set_heartbeat(ONE, HEARTBEAT)
        await trio.sleep(3_600)
        stage.sender.usual = Gone()
        await stage.subscriptions.modify(ONE, replace(EVERYTHING, notification_filter="//x"))
        await stage.subscriptions.modify(ONE, EVERYTHING)
        await trio.sleep(3_600)
        view = stage.subscriptions.subscription(ONE)
        assert view is not None
        assert view.status.availability_status == {AvailabilityStatus.DEPENDENCY}
        # its creation, that of its HeartbeatControl, and the change that it selects
        assert view.window.range.newest_sequence_no == 3
        assert len(stage.sender.heartbeats) > 300


@pytest.mark.trio
async def test_heartbeats_come_in_time(autojump_clock: trio.testing.MockClock) -> None:
    async with notifying(settings=SETTINGS) as stage:
        await stage.subscriptions.set_heartbeat(ONE, HEARTBEAT)
        await trio.sleep(25)
        await stage.emit()
        await trio.sleep(10)
        await stage.subscriptions.set_heartbeat(ONE, HEARTBEAT)  # the same changes nothing
        await trio.sleep(7)
        await stage.subscriptions.trigger_heartbeat(ONE)
        await trio.sleep(6)
        await stage.subscriptions.set_heartbeat(ONE, replace(HEARTBEAT, heartbeat_ntf_period_s=60))
        await trio.sleep(30)
        await stage.subscriptions.set_heartbeat(ONE, None)
        await trio.sleep(600)
        await stage.subscriptions.trigger_heartbeat(ONE)
    start = stage.sender.heartbeats[0].ms
    times = [each.ms - start for each in stage.sender.heartbeats]
    assert times == [0, 10_000, 20_000, 30_000, 40_000, 42_000, 48_000]
    told = [each.members["lastSequenceNo"] for each in stage.sender.heartbeats]
    assert told == [0, 0, 0, 1, 1, 1, 1]


@pytest.mark.trio
async def test_a_recipient_that_is_gone_is_left_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with notifying(settings=SETTINGS) as stage:
        await stage.subscriptions.set_heartbeat(ONE, HEARTBEAT)
        await stage.settled()
        stage.sender.answers.append(Gone())
        await stage.emit(3)
        await trio.sleep(100)
        assert stage.sender.numbers == [1]
        assert len(stage.sender.heartbeats) == 1
        assert stage.status().availability_status == {AvailabilityStatus.DEPENDENCY}
        other = replace(SETTINGS, notification_recipient_address="http://other.example/")
        await stage.subscriptions.modify(ONE, other)
        await stage.emit()
        await stage.settled()
        assert stage.sender.numbers == [1, 4]
        assert stage.sender.posted[-1].address == "http://other.example/"
        assert stage.status().availability_status == frozenset()


@pytest.mark.trio
async def test_a_deletion_waits_for_its_last_notification(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with trio.open_nursery() as tasks, notifying(settings=EVERYTHING) as stage:
        await stage.settled()
        stage.sender.hold()
        began = trio.current_time()
        tasks.start_soon(stage.subscriptions.delete, ONE)
        await trio.sleep(2)
        assert ONE in stage.producer.subscriptions
        assert stage.subscriptions.subscription(ONE) is None
        with pytest.raises(UnknownObject):
            await stage.subscriptions.delete(ONE)
        with pytest.raises(UnknownObject):
            await stage.subscriptions.modify(ONE, SETTINGS)
        stage.sender.release()
        await stage.notifier.forgotten(ONE, stage.producer.subscriptions[ONE].epoch)
        assert trio.current_time() - began == 2
        assert stage.sender.types == ["notifyMOICreation", "notifyMOIDeletion"]


@pytest.mark.trio
async def test_a_deletion_does_not_wait_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    config = NotificationProducerConfig(ending_timeout_ms=7_000)
    async with notifying(settings=EVERYTHING, config=config) as stage:
        await stage.settled()
        stage.sender.hold()
        began = trio.current_time()
        await stage.subscriptions.delete(ONE)
        assert trio.current_time() - began == 7
        assert stage.sender.cancelled == 1
        assert stage.producer.subscriptions == {}
        assert stage.store.epochs(ONE) == ()


@pytest.mark.trio
async def test_created_again_at_once_it_is_another_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with trio.open_nursery() as tasks, notifying(settings=EVERYTHING) as stage:
        await stage.settled()
        first = stage.producer.subscriptions[ONE].epoch
        stage.sender.hold()
        tasks.start_soon(stage.subscriptions.delete, ONE)
        await stage.settled()
        await stage.subscriptions.create(ONE, EVERYTHING)
        stage.sender.release()
        await stage.settled()
        second = stage.producer.subscriptions[ONE].epoch
        assert second > first
        assert stage.sender.posted[-1].members["epoch"] == second
        assert stage.sender.posted[-1].sequence_no == 1
        assert stage.sender.types[-1] == "notifyMOICreation"
        assert [epoch for epoch, _ in stage.subscriptions.epochs(ONE)] == [second]


@pytest.mark.anyio
async def test_refusals_change_nothing() -> None:
    config = NotificationProducerConfig(subscriptions_max=2)
    async with notifying(settings=SETTINGS, config=config) as stage:
        with pytest.raises(ObjectExists):
            await stage.subscriptions.create(ONE, SETTINGS)
        with pytest.raises(MalformedRequest):
            await stage.subscriptions.create(SubscriptionId("a b"), SETTINGS)
        wrong = replace(SETTINGS, notification_filter="][")
        with pytest.raises(InvalidFilter):
            await stage.subscriptions.create(TWO, wrong)
        with pytest.raises(InvalidFilter):
            await stage.subscriptions.modify(ONE, wrong)
        assert await stage.subscriptions.create(None, SETTINGS) == TWO
        with pytest.raises(LimitExceeded):
            await stage.subscriptions.create(None, SETTINGS)
        for operation in (
            stage.subscriptions.delete(SubscriptionId("9")),
            stage.subscriptions.trigger_heartbeat(SubscriptionId("9")),
            stage.subscriptions.set_heartbeat(SubscriptionId("9"), HEARTBEAT),
        ):
            with pytest.raises(UnknownObject):
                await operation
        with pytest.raises(UnknownObject):
            stage.subscriptions.epochs(SubscriptionId("9"))
        views = stage.subscriptions.subscriptions()
        assert [(each.subscription_id, each.settings) for each in views] == [
            (ONE, SETTINGS),
            (TWO, SETTINGS),
        ]


@pytest.mark.anyio
async def test_an_identifier_that_is_free_is_chosen() -> None:
    async with notifying() as stage:
        for name in ("1", "3"):
            await stage.subscriptions.create(SubscriptionId(name), SETTINGS)
        chosen = [await stage.subscriptions.create(None, SETTINGS) for _ in range(2)]
        assert chosen == ["4", "5"]
        await stage.subscriptions.delete(SubscriptionId("1"))
        assert await stage.subscriptions.create(None, SETTINGS) == "6"


@pytest.mark.anyio
async def test_what_is_stored_is_read_as_it_was_posted() -> None:
    async with notifying(settings=EVERYTHING) as stage:
        await stage.emit(4)
        await stage.settled()
        epoch = stage.producer.subscriptions[ONE].epoch
        texts = await stage.subscriptions.read(ONE, epoch, first=2, last=9, count_max=2)
        assert [each.number.sequence_no for each in texts] == [2, 3]
        assert texts[0].text.startswith(b'{"sequenceNo":2,"subscriptionId":"1","epoch":')
        span = await stage.subscriptions.read_span(ONE, from_ms=None, to_ms=None, count_max=9)
        assert [each.number.sequence_no for each in span] == [1, 2, 3, 4, 5]
        ((known, window),) = stage.subscriptions.epochs(ONE)
        assert (known, window.number_of_stored_notifications) == (epoch, 5)


@pytest.mark.anyio
async def test_nothing_is_stored_before_it_is_durable() -> None:
    async with anyio.create_task_group() as tasks, notifying(ManualStore()) as stage:
        creating = Later(tasks, lambda: stage.subscriptions.create(ONE, EVERYTHING))
        await stage.settled()
        view = stage.subscriptions.subscription(ONE)
        assert view is not None
        assert view.window.number_of_stored_notifications == 0
        ((epoch, window),) = stage.subscriptions.epochs(ONE)
        assert (epoch, window.range.newest_sequence_no) == (view.epoch, 0)
        assert isinstance(stage.store, ManualStore)
        stage.store.let_go()
        assert await creating.result() == ONE
