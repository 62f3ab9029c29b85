"""Posts that go on, are cancelled, or meet a store that cannot be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from mnstream.adapters.entropy import SeededEntropy, VirtualClock
from mnstream.adapters.observability import Counters
from mnstream.adapters.rest.notification_json import Naming
from mnstream.adapters.runtime.posts import Posts
from mnstream.adapters.storage import MemoryNotificationStore, StorageError
from mnstream.core.notification_effects import PostHeartbeat, PostNotification
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryRejected,
    DeliverySucceeded,
    HeartbeatPosted,
    NotificationProducerEvent,
    RecipientGone,
)
from mnstream.core.notification_values import Epoch, HeartbeatControl, Number, SubscriptionId
from mnstream.ports.notification_store import StoredNotification
from mnstream.ports.recipient import Gone, NotDelivered, PostOutcome, Rejected
from tests.adapters.runtime.notifying_stage import BASE, ONE, RECIPIENT, WALL_MS, ScriptedSender

pytestmark = pytest.mark.anyio


def number(sequence_no: int) -> Number:
    return Number(subscription_id=ONE, epoch=Epoch(7), sequence_no=sequence_no)


def post(sequence_no: int) -> PostNotification:
    return PostNotification(number=number(sequence_no), recipient=RECIPIENT)


BEAT = PostHeartbeat(
    notification_id=9,
    subscription_id=ONE,
    base=BASE,
    recipient=RECIPIENT,
    heartbeat=HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=30),
    epoch=Epoch(7),
    last_sequence_no=4,
    last_event_time_ms=WALL_MS,
)


class OldStore(MemoryNotificationStore):
    """Nothing in it is recent, and reading fails while there is a ``failure``."""

    failure = ""

    def recent(self, number: Number) -> bytes | None:
        return None

    async def read(
        self,
        subscription_id: SubscriptionId,
        epoch: Epoch,
        *,
        first: int,
        last: int,
        count_max: int,
        bytes_max: int,
    ) -> tuple[StoredNotification, ...]:
        await anyio.lowlevel.checkpoint()
        if self.failure:
            raise StorageError(self.failure)
        return await super().read(
            subscription_id, epoch, first=first, last=last, count_max=count_max, bytes_max=bytes_max
        )


class Stage:
    """Posts of notifications 1 to 3, and what is told of them."""

    def __init__(self, store: MemoryNotificationStore) -> None:
        clock = VirtualClock(WALL_MS)
        self.sender = ScriptedSender(clock)
        self.told: list[NotificationProducerEvent] = []
        self.following: deque[PostNotification] = deque()
        self.hold_next = False
        self.counters = Counters()
        for each in (1, 2, 3):
            text = b'{"notificationType":"notifyEvent"}'
            store.append(text, notification_id=each, event_time_ms=1, numbers=[number(each)])
        self.posts = Posts(
            store,
            self.sender,
            clock=clock,
            entropy=SeededEntropy(1),
            observer=self.counters,
            naming=Naming(root="http://p.example", system_dn="X=1"),
            tell_epoch=True,
            became=self._became,
        )

    def _became(
        self, event: NotificationProducerEvent, subscription_id: SubscriptionId
    ) -> PostNotification | None:
        assert subscription_id == ONE
        self.told.append(event)
        if self.hold_next:
            self.sender.hold()
        return self.following.popleft() if self.following else None


async def test_one_after_the_other() -> None:
    stage = Stage(MemoryNotificationStore())
    stage.following.extend([post(2), post(3)])
    async with stage.posts.running():
        stage.posts.start(post(1))
        await anyio.wait_all_tasks_blocked()
    assert stage.sender.numbers == [1, 2, 3]
    assert stage.told == [DeliverySucceeded(number=number(each)) for each in (1, 2, 3)]
    assert stage.counters.value("notification_deliveries", "delivered") == 3


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Rejected("HTTP 400"), DeliveryRejected(number=number(1), reason="HTTP 400")),
        (Gone(), RecipientGone(number=number(1))),
        (
            NotDelivered("busy", retry_after_ms=5),
            DeliveryFailed(number=number(1), reason="busy", retry_after_ms=5, jitter=0.0),
        ),
    ],
)
async def test_what_became_of_it(outcome: PostOutcome, told: NotificationProducerEvent) -> None:
    stage = Stage(MemoryNotificationStore())
    stage.sender.usual = outcome
    async with stage.posts.running():
        stage.posts.start(post(1))
        await anyio.wait_all_tasks_blocked()
    (event,) = stage.told
    assert (replace(event, jitter=0.0) if isinstance(event, DeliveryFailed) else event) == told


@pytest.mark.parametrize("begun", [False, True])
async def test_what_is_cancelled_is_not_told(begun: bool) -> None:
    stage = Stage(MemoryNotificationStore())
    stage.sender.hold()
    async with stage.posts.running():
        stage.posts.start(post(1))
        if begun:
            await anyio.wait_all_tasks_blocked()
        stage.posts.cancel(number(2))  # something else
        stage.posts.cancel(number(1))
        stage.posts.cancel(number(1))
        stage.posts.start(post(1))
        stage.sender.release()
        await anyio.wait_all_tasks_blocked()
    assert stage.sender.numbers == ([1, 1] if begun else [1])
    assert stage.told == [DeliverySucceeded(number=number(1))]


async def test_a_cancelled_one_among_many() -> None:
    stage = Stage(MemoryNotificationStore())
    stage.following.append(post(2))
    stage.hold_next = True
    async with stage.posts.running():
        stage.posts.start(post(1))
        await anyio.wait_all_tasks_blocked()
        stage.posts.cancel(number(2))
        await anyio.wait_all_tasks_blocked()
    assert stage.told == [DeliverySucceeded(number=number(1))]


async def test_old_notifications_are_read() -> None:
    store = OldStore()
    stage = Stage(store)
    async with stage.posts.running():
        stage.posts.start(post(4))
        await anyio.wait_all_tasks_blocked()
        store.failure = "disk I/O error"
        stage.posts.start(post(1))
        await anyio.wait_all_tasks_blocked()
    gone, unread = stage.told
    assert gone == DeliveryRejected(
        number=number(4), reason="not stored any more", by_recipient=False
    )
    assert isinstance(unread, DeliveryFailed)
    assert unread.reason == "disk I/O error"
    assert stage.sender.posted == []


@pytest.mark.parametrize(("outcome", "taken"), [(None, True), (NotDelivered("busy"), False)])
async def test_heartbeats(outcome: PostOutcome | None, taken: bool) -> None:
    stage = Stage(MemoryNotificationStore())
    stage.sender.usual = outcome or stage.sender.usual
    async with stage.posts.running():
        stage.posts.beat(BEAT)
        await anyio.wait_all_tasks_blocked()
    assert stage.told == [HeartbeatPosted(subscription_id=ONE, taken=taken)]
    (beat,) = stage.sender.heartbeats
    assert beat.members["lastSequenceNo"] == 4
    assert beat.members["notificationType"] == "notifyHeartbeat"
    assert "sequenceNo" not in beat.members


async def test_what_a_heartbeat_sets_going_is_posted() -> None:
    stage = Stage(MemoryNotificationStore())
    stage.following.append(post(1))
    async with stage.posts.running():
        stage.posts.beat(BEAT)
        await anyio.wait_all_tasks_blocked()
    assert stage.sender.numbers == [1]


async def test_nothing_is_posted_when_it_does_not_run() -> None:
    stage = Stage(MemoryNotificationStore())
    async with stage.posts.running():
        pass
    stage.posts.start(post(1))
    stage.posts.beat(BEAT)
    await anyio.wait_all_tasks_blocked()
    told: Sequence[object] = (*stage.told, *stage.sender.posted, *stage.sender.heartbeats)
    assert told == ()
