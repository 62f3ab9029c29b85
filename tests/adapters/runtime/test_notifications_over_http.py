"""What has to hold whatever is lost, repeated, refused or restarted: over HTTP, both loops.

In every case the application is given each notification once and in order, or is told exactly which
numbers are lost, and the attributes of the subscription tell the truth.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mnstream.adapters.rest import HttpRequest
from mnstream.adapters.runtime.items import Reread, Restarted
from mnstream.adapters.simulation import Fate, Faults
from mnstream.core.notification_events import SubscriptionModified
from mnstream.core.notification_values import HEARTBEAT
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.profiles import NOTIFICATION_PROFILES
from tests.adapters.runtime.http_stage import PRODUCER, STORE, TYPE, event, staged

pytestmark = pytest.mark.anyio

PEACE = Faults()


async def test_the_last_one_is_lost_and_a_heartbeat_reveals_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber():
        await stage.emit(1, 2)
        await stage.has(1, 2)
        stage.to_subscriber.faults = Faults(swallow=1)
        await stage.emit(3, 4)
        await stage.finished()
        assert stage.numbers == [1, 2]
        await stage.heartbeat()
        await stage.has(1, 2, 3, 4)
        assert (await stage.attributes())["availabilityStatus"] == []


@pytest.mark.parametrize(
    ("faults", "fate"),
    [
        (Faults(reject=1), Fate.REJECT),
        (Faults(reject=1, reject_status=404), Fate.REJECT),
        (Faults(refuse=1), Fate.REFUSE),
        (Faults(hang_up=1), Fate.HANG_UP),
        (Faults(lose_answer=1), Fate.LOSE_ANSWER),
    ],
)
async def test_what_the_recipient_did_not_take_is_fetched(
    tmp_path: Path, faults: Faults, fate: Fate
) -> None:
    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber():
        await stage.emit(1, 2)
        await stage.has(1, 2)
        stage.to_subscriber.faults = faults
        await stage.emit(3, 8)  # and it is away for longer than both attempts at each of them
        await stage.finished()
        assert stage.to_subscriber.counts[fate] >= 6
        if fate is not Fate.REJECT:
            attributes = await stage.attributes()
            assert attributes["operationalState"] == "DISABLED"
            assert attributes["availabilityStatus"] == ["DEPENDENCY"]
        stage.to_subscriber.faults = PEACE
        await stage.emit(9, 9)
        await stage.has(*range(1, 10))
        await stage.finished()
        attributes = await stage.attributes()
        assert attributes["operationalState"] == "ENABLED"
        assert attributes["availabilityStatus"] == []


async def test_a_recipient_that_is_gone_is_left_alone_until_it_has_a_new_address(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage, stage.notifier() as notifier, stage.subscriber() as s:
        stage.to_subscriber.faults = Faults(reject=1, reject_status=410)
        await stage.emit(1, 3)
        await stage.finished()
        assert stage.to_subscriber.counts[Fate.REJECT] == 1, "nothing more is posted"
        assert (await stage.attributes())["operationalState"] == "DISABLED"
        stage.to_subscriber.faults = PEACE
        identifier = s.subscriber.subscription_id
        settings = notifier.notifier.producer.subscriptions[identifier].settings
        address = settings.notification_recipient_address + "?again"
        changed = replace(settings, notification_recipient_address=address)
        notifier.notifier.feed(SubscriptionModified(subscription_id=identifier, settings=changed))
        await stage.emit(4, 4)
        await stage.has(1, 2, 3, 4)
        assert (await stage.attributes())["operationalState"] == "ENABLED"


async def test_repeated_and_overtaken_ones_come_once_and_in_order(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber() as running:
        stage.to_subscriber.faults = Faults(duplicate=0.4, hold_back=0.4, hold_s=0.02)
        await stage.emit(1, 200)
        await stage.finished()
        stage.to_subscriber.faults = PEACE
        await stage.emit(201, 201)
        await stage.has(*range(1, 202))
        counts = running.subscriber.consumer.counts
        assert counts.duplicates > 0
        assert counts.out_of_order > 0


@pytest.mark.parametrize("profile", ["seed", "persist"])
@pytest.mark.parametrize("later", [0, 2, 9])
async def test_a_killed_producer_goes_on_with_none_fewer_or_more(
    tmp_path: Path, later: int, profile: str
) -> None:
    told = NOTIFICATION_PROFILES[profile]
    async with staged(tmp_path) as stage:
        async with stage.killed_notifier(profile=told), stage.subscriber():
            await stage.emit(1, 4)
            await stage.has(1, 2, 3, 4)
        async with stage.notifier(profile=told), stage.subscriber():
            await stage.emit(5, 4 + later)
            await stage.heartbeat()
            await stage.has(*range(1, 5 + later))
            await stage.until(lambda: any(isinstance(each, Reread) for each in stage.items))
            restarts = sum(isinstance(each, Restarted) for each in stage.items)
            assert restarts == (profile == "seed")
            assert stage.lost == []


@pytest.mark.parametrize("later", [0, 2, 9])
async def test_a_restart_that_nobody_tells_is_inferred_and_what_may_be_lost_is_said(
    tmp_path: Path, later: int
) -> None:
    """Without epochs nobody knows how the old numbers ended, so that is what is said."""
    strict = NOTIFICATION_PROFILES["strict"]
    async with staged(tmp_path) as stage:
        async with stage.killed_notifier(profile=strict), stage.subscriber():
            await stage.emit(1, 4)
            await stage.has(1, 2, 3, 4)
        async with stage.notifier(profile=strict), stage.subscriber():
            await stage.until(lambda: stage.lost != [])
            await stage.emit(5, 4 + later)
            await stage.has(*range(1, 5 + later))
            assert stage.lost == [(5, None)]
            assert [each.certain for each in stage.items if isinstance(each, Restarted)] == [False]


async def test_a_producer_is_killed_with_undelivered_ones_in_its_store(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        async with stage.killed_notifier(), stage.subscriber():
            await stage.emit(1, 2)
            await stage.has(1, 2)
            stage.to_subscriber.faults = Faults(refuse=1)
            await stage.emit(3, 20)
        stage.to_subscriber.faults = PEACE
        async with stage.notifier(), stage.subscriber():
            await stage.emit(21, 22)
            await stage.has(*range(1, 23))
            assert stage.lost == []


async def test_the_store_rolled_over_and_exactly_what_is_gone_is_reported(tmp_path: Path) -> None:
    store = replace(STORE, notifications_max=3)
    async with staged(tmp_path) as stage, stage.notifier(store=store):
        async with stage.subscriber():
            await stage.emit(1, 2)
            await stage.has(1, 2)
        await stage.emit(3, 10)
        await stage.finished()
        async with stage.subscriber():
            await stage.has(1, 2, 8, 9, 10)
            assert stage.lost == [(3, 7)]
            reread = [each for each in stage.items if isinstance(each, Reread)]
            assert len(reread) == 1


async def test_a_retrieval_fails_half_way(tmp_path: Path) -> None:
    fetches = 0

    def is_second_to_fourth_fetch(request: HttpRequest) -> bool:
        nonlocal fetches
        fetches += "fromSequenceNo" in request.target
        return "fromSequenceNo" in request.target and 2 <= fetches <= 4

    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber() as running:
        await stage.synchronised()
        stage.to_subscriber.faults = Faults(swallow=1)
        await stage.emit(1, 12)
        await stage.finished()
        stage.to_notifier.concerns = is_second_to_fourth_fetch
        stage.to_notifier.faults = Faults(refuse=1)
        await stage.heartbeat()
        await stage.has(*range(1, 13))
        assert stage.to_notifier.counts[Fate.REFUSE] == 3
        assert running.subscriber.consumer.counts.recovered == 12


async def test_the_subscription_changes_during_a_recovery(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber() as running:
        await stage.synchronised()
        stage.to_subscriber.faults = Faults(swallow=1)
        await stage.emit(1, 5)
        await stage.finished()
        stage.to_subscriber.faults = PEACE
        stage.to_notifier.faults = Faults(refuse=1)
        await stage.emit(6, 6)
        await stage.until(lambda: stage.to_notifier.counts[Fate.REFUSE] > 2)
        assert stage.numbers == []
        path = f"NtfSubscriptionControl={running.subscriber.subscription_id}"
        patch = {"attributes": {"notificationTypes": [TYPE, "notifyMOICreation"]}}
        answer = await stage.ask("PATCH", path, patch, "application/merge-patch+json")
        assert answer.status == 200
        await stage.emit(7, 8)
        stage.to_notifier.faults = PEACE
        await stage.has(*range(1, 9))
        assert stage.lost == []


@pytest.mark.parametrize("number", [20, 2**63, 2**64 - 1])
async def test_who_posts_inventions_makes_nobody_deaf(tmp_path: Path, number: int) -> None:
    async with staged(tmp_path) as stage, stage.notifier(), stage.subscriber() as running:
        await stage.emit(1, 2)
        await stage.has(1, 2)
        consumer = running.subscriber.consumer
        assert consumer.sequence is not None
        posted = {"epoch": consumer.sequence.epoch, "eventTime": "9999-12-31T23:59:59Z"}
        heartbeat = {"lastSequenceNo": number, "lastEventTime": "9999-12-31T23:59:59Z"}
        assert await stage.post({**posted, **heartbeat, "notificationType": HEARTBEAT}) == 204
        assert await stage.post({**posted, "sequenceNo": number, "notificationType": TYPE}) == 204
        for nonsense in (-1, 1.5, True, "7", 2**64):
            doubtful = {**posted, "sequenceNo": nonsense, "notificationType": TYPE}
            assert await stage.post(doubtful) == 400
            beat = {**posted, "lastSequenceNo": nonsense, "notificationType": HEARTBEAT}
            assert await stage.post(beat) == 400
        foreign = {**posted, "notificationType": HEARTBEAT, "subscriptionId": "another"}
        assert await stage.post({**foreign, "lastSequenceNo": number}) == 404
        await stage.synchronised()
        stage.to_subscriber.faults = Faults(swallow=1)
        await stage.emit(3, 4)
        await stage.finished()
        stage.to_subscriber.faults = PEACE
        await stage.emit(5, 6)
        await stage.has(1, 2, 3, 4, 5, 6)
        assert (stage.lost, consumer.counts.lost) == ([], 0)


async def test_overload_is_admitted_and_forgotten(tmp_path: Path) -> None:
    config = NotificationProducerConfig(unstored_max=200)
    async with (
        staged(tmp_path) as stage,
        stage.notifier(producer=config) as running,
        stage.subscriber(),
    ):
        for number in range(1, 100_001):
            running.notifier.submit(event(number))
        status = stage.status
        assert {each.value for each in status.availability_status} == {"DEGRADED"}
        assert status.operational_state.value == "ENABLED"
        assert status.not_sent_notification_types == frozenset({TYPE})
        await stage.until(lambda: any(isinstance(each, Reread) for each in stage.items))
        await stage.emit(100_001, 100_001)
        await stage.until(lambda: 100_001 in stage.numbers)
        *before, last = stage.numbers
        assert before == [*range(1, len(before) + 1)]
        assert 200 <= len(before) < 100_000
        assert last == 100_001
        reread = next(each for each in stage.items if isinstance(each, Reread))
        assert reread.notification_types == frozenset({TYPE})
        assert stage.lost == []
        attributes = await stage.attributes()
        assert attributes["availabilityStatus"] == []
        assert attributes["notSentNotificationTypes"] == []


async def test_a_subscription_on_its_own_subtree_does_not_loop(tmp_path: Path) -> None:
    """Its state changes with every failure and success, and that is never notified (B10)."""
    async with (
        staged(tmp_path) as stage,
        stage.notifier(producer=PRODUCER) as running,
        stage.subscriber(types=None),
    ):
        for number in range(1, 6):
            stage.to_subscriber.faults = Faults(refuse=1) if number % 2 else PEACE
            await stage.emit(number, number)
            await stage.finished()
        stage.to_subscriber.faults = PEACE
        await stage.emit(6, 6)
        await stage.has(1, 2, 3, 4, 5, 6)
        await stage.finished()
        (subscription,) = running.notifier.producer.subscriptions.values()
        assert subscription.prepared == 2 + 6, "its creation, its heartbeats' creation, and ours"
