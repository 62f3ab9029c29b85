"""Numbering, storing and delivering as a service; what the store and the recipients do to it."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
import trio
import trio.testing

from mnstream.adapters.runtime.notifier import MARK_WAIT_S
from mnstream.adapters.storage import MemoryNotificationStore
from mnstream.core.errors import LocalProtocolError, Unavailable
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import (
    AvailabilityStatus,
    OperationalState,
    SubscriptionId,
)
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.families import MoiCreation
from mnstream.core.notifications.members import NotificationBody
from mnstream.core.profiles import NOTIFICATION_PROFILES, SEED
from mnstream.ports.recipient import NotDelivered
from tests.adapters.runtime.notifying_stage import (
    BASE,
    CELL,
    CREATION,
    ONE,
    RECIPIENT,
    SETTINGS,
    WALL_MS,
    ManualStore,
    dying,
    event,
    notifying,
)
from tests.adapters.runtime.stage import Later

A = AvailabilityStatus
NOT_SENT = "notifyNotificationNotSent"
PERSIST = NOTIFICATION_PROFILES["persist"]
EVERYTHING = replace(SETTINGS, notification_types=None)


@pytest.mark.anyio
async def test_what_is_emitted_is_posted_with_its_header() -> None:
    async with notifying(settings=replace(SETTINGS, notification_types=None)) as stage:
        await stage.settled()
        stage.sender.posted.clear()
        await stage.notifier.emit(CREATION, CELL, event_time_ms=WALL_MS)
        await stage.notifier.emit(CREATION, CELL, href="http://elsewhere.example/Cell=9")
        await stage.settled()
        first, second = stage.sender.posted
        epoch = stage.producer.subscriptions[ONE].epoch
    assert first.address == RECIPIENT
    assert first.members == {
        "sequenceNo": 2,
        "subscriptionId": "1",
        "epoch": epoch,
        "href": f"http://producer.example/{CELL}",
        "notificationId": 2,
        "notificationType": "notifyMOICreation",
        "eventTime": "2023-11-14T22:13:20.000Z",
        "systemDN": "ManagedElement=1",
        "attributeList": {"administrativeState": "UNLOCKED"},
    }
    assert (second.sequence_no, second.members["href"]) == (3, "http://elsewhere.example/Cell=9")
    assert first.message_id == f"1.{epoch}.2"


@pytest.mark.anyio
async def test_emit_returns_when_it_is_durable_and_nothing_is_posted_before() -> None:
    store = ManualStore()
    async with anyio.create_task_group() as tasks, notifying(store) as stage:
        creating = Later(tasks, lambda: stage.subscriptions.create(ONE, EVERYTHING))
        await stage.settled()
        assert not creating.is_over
        emitting = Later(tasks, lambda: stage.notifier.emit(CREATION, CELL))
        await stage.settled()
        assert (emitting.is_over, stage.sender.posted) == (False, [])
        store.commit()
        await emitting.result()
        await creating.result()
        await stage.settled()
        assert stage.sender.numbers == [1, 2]


@pytest.mark.anyio
async def test_what_nobody_wants_is_emitted_at_once() -> None:
    async with notifying(ManualStore()) as stage:
        await stage.notifier.emit(CREATION, CELL)
        assert (stage.sender.posted, stage.producer.unstored) == ([], 0)


@pytest.mark.anyio
async def test_emitting_what_nobody_wants_lets_others_work() -> None:
    """Otherwise nobody could ever subscribe, and nobody could stop it."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with notifying() as stage:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_turns)
            for _ in range(100):
                await stage.notifier.emit(CREATION, CELL)
            tasks.cancel_scope.cancel()
        assert turns > 10
        with anyio.CancelScope() as scope:
            scope.cancel()
            await stage.notifier.emit(CREATION, CELL)
        assert scope.cancelled_caught


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        MoiCreation(attribute_list={"x": float("nan")}),
        MoiCreation(attribute_list={"x": {1, 2}}),  # type: ignore[dict-item]  # what it is about
        MoiCreation(attribute_list={"x": "\ud800"}),
        MoiCreation(attribute_list={}, other={"sequenceNo": 5}),
    ],
    ids=["nan", "set", "surrogate", "header"],
)
async def test_what_cannot_be_written_takes_no_number(body: NotificationBody) -> None:
    async with notifying(settings=SETTINGS) as stage:
        with pytest.raises(LocalProtocolError):
            await stage.notifier.emit(body, CELL)
        await stage.emit()
        await stage.settled()
        assert stage.sender.numbers == [1]
        assert stage.counters.value("notifications_emitted") == 2  # the first is the creation


@pytest.mark.anyio
@pytest.mark.parametrize(
    "wrong",
    [
        replace(event(), event_time_ms=10**18),
        replace(event(), notification_type="notifyHeartbeat"),
        replace(event(), notification_type=NOT_SENT),
        replace(event(), href="http://producer.example/\ud800"),
        replace(event(), notification_type="notify\ud800"),
    ],
    ids=["time", "heartbeat", "notSent", "href", "type"],
)
async def test_a_header_that_cannot_be_written_takes_no_number(wrong: NotificationEmitted) -> None:
    async with notifying(settings=EVERYTHING) as stage:
        with pytest.raises(LocalProtocolError):
            stage.notifier.submit(wrong)
        await stage.emit()
        await stage.settled()
        assert stage.sender.numbers == [1, 2]


@pytest.mark.trio
async def test_retries_pause_longer_and_then_the_next_has_its_turn(
    autojump_clock: trio.testing.MockClock,
) -> None:
    config = NotificationProducerConfig(attempts_max=3, back_off_initial_ms=1_000)
    async with notifying(config=config, settings=SETTINGS) as stage:
        later = NotDelivered("busy", retry_after_ms=5_000)
        stage.sender.answers.extend([NotDelivered("x"), later, NotDelivered("x")])
        await stage.emit(2)
        await trio.sleep(60)
        assert stage.sender.numbers == [1, 1, 1, 2]
        first, second, third, fourth = (each.ms for each in stage.sender.posted)
        assert 0 < second - first <= 1_000
        assert third - second == 5_000
        assert fourth == third
        assert len({each.message_id for each in stage.sender.posted[:3]}) == 1
        assert stage.status().last_sequence_no == 2
        assert stage.status().operational_state is OperationalState.ENABLED


@pytest.mark.trio
async def test_a_recipient_that_never_answers_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    config = NotificationProducerConfig(attempts_max=2, post_timeout_ms=1_000)
    async with notifying(config=config, settings=SETTINGS) as stage:
        stage.sender.hold()
        await stage.emit()
        await trio.sleep(60)
        assert (stage.sender.numbers, stage.sender.cancelled) == ([1, 1], 2)
        assert stage.status().availability_status == {A.DEPENDENCY}
        assert stage.status().last_sequence_no == 1
        stage.sender.release()
        await stage.emit()
        await stage.settled()
        assert stage.sender.numbers == [1, 1, 2]
        assert stage.status().availability_status == frozenset()


@pytest.mark.trio
async def test_a_stop_sees_the_last_attempt_fail(autojump_clock: trio.testing.MockClock) -> None:
    config = NotificationProducerConfig(attempts_max=2, post_timeout_ms=1_000)
    async with notifying(config=config, settings=SETTINGS) as stage:
        stage.sender.hold()
        await stage.emit()
        with trio.fail_after(10):
            await stage.notifier.stop()
        assert stage.sender.numbers == [1, 1]


@pytest.mark.trio
async def test_a_modified_address_is_posted_to_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with notifying(settings=SETTINGS) as stage:
        stage.sender.hold()
        await stage.emit()
        await stage.settled()
        other = replace(SETTINGS, notification_recipient_address="http://other.example/")
        stage.sender.release()
        stage.sender.hold()
        await stage.subscriptions.modify(ONE, other)
        stage.sender.release()
        await stage.settled()
    addresses = [each.address for each in stage.sender.posted]
    assert addresses[-1] == "http://other.example/"
    assert set(stage.sender.numbers) == {1}


@pytest.mark.anyio
async def test_overload_is_admitted_and_numbers_stay_dense() -> None:
    store = ManualStore()
    config = NotificationProducerConfig(unstored_max=4)
    async with anyio.create_task_group() as tasks, notifying(store, config=config) as stage:
        creating = Later(tasks, lambda: stage.subscriptions.create(ONE, SETTINGS))
        await stage.settled()
        store.commit()
        await creating.result()
        for _ in range(10):
            stage.submit()
        assert stage.status().availability_status == {A.DEGRADED}
        assert stage.status().not_sent_notification_types == frozenset({"notifyEvent"})
        store.commit()
        await stage.settled()
        store.commit()
        await stage.settled()
        assert stage.status().availability_status == frozenset()
        assert stage.status().not_sent_notification_types == frozenset()
        stage.submit()
        store.commit()
        await stage.settled()
    assert stage.sender.numbers == [1, 2, 3, 4, 5, 6]
    assert stage.sender.types == ["notifyEvent"] * 4 + [NOT_SENT, "notifyEvent"]
    assert stage.sender.posted[4].members["notificationTypes"] == ["notifyEvent"]


@pytest.mark.anyio
@pytest.mark.parametrize("unstored_max", [1, 4])
async def test_emit_waits_for_room_instead(unstored_max: int) -> None:
    store = ManualStore()
    config = NotificationProducerConfig(unstored_max=unstored_max)
    async with anyio.create_task_group() as tasks, notifying(store, config=config) as stage:
        creating = Later(tasks, lambda: stage.subscriptions.create(ONE, EVERYTHING))
        await stage.settled()
        store.commit()
        await creating.result()
        calls = [Later(tasks, lambda: stage.notifier.emit(CREATION, CELL)) for _ in range(10)]
        for _ in range(12):
            await stage.settled()
            store.commit()
        for each in calls:
            await each.result()
        await stage.settled()
    assert stage.sender.numbers == [*range(1, 12)]
    assert NOT_SENT not in stage.sender.types


@pytest.mark.anyio
async def test_trouble_of_the_store_blocks_emit_and_nothing_else() -> None:
    async with anyio.create_task_group() as tasks, notifying(settings=SETTINGS) as stage:
        await stage.emit()
        stage.store.set_trouble("disk full")
        emitting = Later(tasks, stage.emit)
        await stage.settled()
        assert not emitting.is_over
        assert stage.subscriptions.subscription(ONE) is not None
        found = await stage.subscriptions.read(
            ONE, stage.producer.subscriptions[ONE].epoch, first=1, last=9, count_max=9
        )
        assert [each.number.sequence_no for each in found] == [1]
        await stage.subscriptions.trigger_heartbeat(ONE)
        assert stage.sender.numbers == [1]
        stage.store.set_trouble("")
        await emitting.result()
        await stage.settled()
        assert stage.sender.numbers == [1, 2]


# --- restarts -------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_clean_restart_begins_an_epoch_and_says_nothing() -> None:
    async with notifying(settings=SETTINGS) as stage:
        await stage.emit(3)
    before = stage.producer.subscriptions[ONE].epoch
    async with notifying(MemoryNotificationStore(stage.store)) as again:
        await again.emit()
        await again.settled()
        assert again.sender.numbers == [1]
        assert again.sender.types == ["notifyEvent"]
        after = again.producer.subscriptions[ONE].epoch
        assert again.sender.posted[0].members["epoch"] == after > before
        assert again.sender.posted[0].members["notificationId"] == 5  # the creation was 1
        epochs = [epoch for epoch, _ in again.subscriptions.epochs(ONE)]
        assert epochs == [before, after]


@pytest.mark.anyio
async def test_a_clean_restart_goes_on_where_numbers_persist() -> None:
    async with notifying(settings=SETTINGS, profile=PERSIST) as stage:
        await stage.emit(3)
    async with notifying(MemoryNotificationStore(stage.store), profile=PERSIST) as again:
        await again.emit()
        await again.settled()
        assert again.sender.numbers == [4]
        epochs = [epoch for epoch, _ in again.subscriptions.epochs(ONE)]
        assert epochs == [stage.producer.subscriptions[ONE].epoch]


@pytest.mark.anyio
@pytest.mark.parametrize(("profile", "number"), [(SEED, 1), (PERSIST, 3)])
async def test_an_unclean_restart_admits_that_something_may_be_lost(
    profile: object, number: int
) -> None:
    assert profile in (SEED, PERSIST)
    chosen = SEED if profile is SEED else PERSIST
    store = MemoryNotificationStore()
    async with dying(store, profile=chosen) as stage:
        await stage.subscriptions.create(ONE, SETTINGS)
        await stage.emit(2)
    async with notifying(MemoryNotificationStore(store), profile=chosen) as again:
        await again.settled()
        assert again.sender.types == [NOT_SENT]
        assert again.sender.numbers == [number]
        assert "notificationTypes" not in again.sender.posted[0].members
        assert again.status().availability_status == frozenset()
        assert again.status().not_sent_notification_types == frozenset()


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_a_stop_delivers_what_waits(autojump_clock: trio.testing.MockClock) -> None:
    async with notifying(settings=SETTINGS) as stage:
        stage.sender.answers.extend([NotDelivered("busy")] * 3)
        await stage.emit(5)
        await stage.notifier.stop()
        assert stage.sender.numbers == [1, 1, 1, 1, 2, 3, 4, 5]
        with pytest.raises(Unavailable):
            await stage.notifier.emit(CREATION, CELL)
        with pytest.raises(Unavailable):
            stage.submit()
        with pytest.raises(Unavailable):
            await stage.subscriptions.create(None, SETTINGS)
        with pytest.raises(Unavailable):
            await stage.subscriptions.modify(ONE, EVERYTHING)
        with pytest.raises(Unavailable):
            await stage.subscriptions.set_heartbeat(ONE, None)
        with pytest.raises(Unavailable):
            await stage.subscriptions.delete(ONE)
        assert [*stage.producer.subscriptions] == [ONE]
        assert stage.producer.subscriptions[ONE].settings == SETTINGS
    assert MemoryNotificationStore(stage.store).was_clean


@pytest.mark.trio
async def test_a_stop_that_is_cancelled_leaves_the_rest_in_the_store(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with notifying(settings=SETTINGS) as stage:
        stage.sender.hold()
        await stage.emit(3)
        with trio.move_on_after(2) as waited:
            await stage.notifier.stop()
        assert waited.cancelled_caught
    again = MemoryNotificationStore(stage.store)
    assert not again.was_clean, "what waits is admitted by the next life"
    assert again.restored()[0].last_sequence_no == 3


@pytest.mark.trio
async def test_a_stop_ends_although_the_disk_refuses(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with notifying(settings=SETTINGS) as stage:
        stage.store.set_trouble("disk full")
        stage.submit()
        began = trio.current_time()
        with trio.move_on_after(2):
            await stage.notifier.stop()
        assert trio.current_time() - began == 2 + MARK_WAIT_S


# --- alarms ---------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_alarms_are_raised_and_cleared(autojump_clock: trio.testing.MockClock) -> None:
    async with notifying(settings=SETTINGS, with_alarms=True) as stage:
        stage.sender.answers.extend([NotDelivered("x")] * 4)
        await stage.emit()
        await trio.sleep(120)
        assert stage.alarms == [(ONE, True)]
        await stage.emit()
        await stage.settled()
        assert stage.alarms == [(ONE, True), (ONE, False)]


class Unwilling(list[tuple[SubscriptionId, bool]]):
    """Takes no alarm."""

    def append(self, alarm: tuple[SubscriptionId, bool], /) -> None:
        raise ZeroDivisionError


@pytest.mark.trio
async def test_a_hook_for_alarms_that_fails_stops_nothing(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with notifying(settings=SETTINGS, with_alarms=True) as stage:
        stage.alarms = Unwilling()
        stage.sender.answers.extend([NotDelivered("x")] * 4)
        await stage.emit()
        await trio.sleep(120)
        await stage.emit()
        await stage.settled()
        assert stage.sender.numbers == [1, 1, 1, 1, 2]
    told = [each.message for each in caplog.records if each.exc_info]
    assert told == ["nobody was told of an alarm"] * 2


@pytest.mark.anyio
async def test_failing_and_recovering() -> None:
    async with notifying(settings=SETTINGS, with_alarms=True) as stage:
        stage.notifier.fail(frozenset({"notifyEvent"}), "the probe is broken")
        assert stage.status().not_sent_notification_types == frozenset({"notifyEvent"})
        stage.notifier.recover()
        await stage.settled()
        assert stage.sender.types == [NOT_SENT]
        assert stage.sender.posted[0].members["reason"] == "the probe is broken"
        assert stage.alarms == [(ONE, True), (ONE, False)]


@pytest.mark.anyio
async def test_the_position_of_a_source_is_kept_with_what_nobody_wanted() -> None:
    async with notifying(settings=SETTINGS, with_alarms=True) as stage:
        stage.notifier.submit(event(), source_position=10)
        assert MemoryNotificationStore(stage.store).source_position == 10
        stage.notifier.submit(event(notification_type="notifyOther"), source_position=20)
        assert MemoryNotificationStore(stage.store).source_position == 20


@pytest.mark.anyio
async def test_waiting_for_a_subscription_that_is_served() -> None:
    profile = NOTIFICATION_PROFILES["rel20"]
    async with anyio.create_task_group() as tasks, notifying(profile=profile) as stage:
        waiting = Later(tasks, stage.notifier.subscribed)
        await stage.settled()
        assert not waiting.is_over
        await stage.subscriptions.create(ONE, replace(SETTINGS, locked=True))
        await stage.settled()
        assert not waiting.is_over
        await stage.subscriptions.modify(ONE, SETTINGS)
        await waiting.result()
        assert stage.subscriptions.base == BASE
