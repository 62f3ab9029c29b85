"""What the tests of notifiers share: one on a store in memory, and a recipient that is the test."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel

from mnstream.adapters.entropy import SeededEntropy, VirtualClock
from mnstream.adapters.filters import compile_filter
from mnstream.adapters.observability import Counters
from mnstream.adapters.rest.notification_json import Naming
from mnstream.adapters.runtime.notifier import Notifier
from mnstream.adapters.runtime.subscriptions import NotifierSubscriptions
from mnstream.adapters.storage import MemoryNotificationStore
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import (
    HEARTBEAT,
    ObjectPath,
    SubscriptionId,
    SubscriptionSettings,
    SubscriptionStatus,
)
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.families import MoiCreation
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.profiles import SEED, NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.recipient import Delivered, PostOutcome

WALL_MS = 1_700_000_000_000
BASE = ObjectPath("ManagedElement=1")
CELL = ObjectPath("ManagedElement=1/NRCellDU=1")
RECIPIENT = "http://consumer.example/sink"
ONE = SubscriptionId("1")
CREATION = MoiCreation(attribute_list={"administrativeState": "UNLOCKED"})
CELLS_ONLY = frozenset({"notifyEvent"})
SETTINGS = SubscriptionSettings(
    notification_recipient_address=RECIPIENT, notification_types=CELLS_ONLY
)
"""Events only, so that nothing about subscriptions themselves is in the way."""


@dataclass(frozen=True)
class Posted:
    """One attempt to post."""

    ms: int
    address: str
    members: Mapping[str, Any]
    message_id: str

    @property
    def sequence_no(self) -> int:
        return int(self.members["sequenceNo"])


class ScriptedSender:
    """A way to recipients whose answers are the test's; heartbeats are kept apart."""

    def __init__(self, clock: VirtualClock) -> None:
        self.posted: list[Posted] = []
        self.heartbeats: list[Posted] = []
        self.answers: deque[PostOutcome] = deque()
        self.usual: PostOutcome = Delivered()
        self.cancelled = 0
        self._clock = clock
        self._held: anyio.Event | None = None

    def hold(self) -> None:
        """Answer nobody until ``release``."""
        self._held = anyio.Event()

    def release(self) -> None:
        if self._held is not None:
            self._held.set()
        self._held = None

    async def post(self, address: str, text: bytes, *, message_id: str) -> PostOutcome:
        members = json.loads(text)
        post = Posted(self._clock.monotonic_ms(), address, members, message_id)
        is_heartbeat = members["notificationType"] == HEARTBEAT
        (self.heartbeats if is_heartbeat else self.posted).append(post)
        try:
            await anyio.lowlevel.checkpoint()
            if self._held is not None:
                await self._held.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled += 1
            raise
        return self.answers.popleft() if self.answers and not is_heartbeat else self.usual

    async def aclose(self) -> None:
        """Keep nothing."""

    @property
    def numbers(self) -> list[int]:
        return [each.sequence_no for each in self.posted]

    @property
    def types(self) -> list[str]:
        return [each.members["notificationType"] for each in self.posted]


class ManualStore(MemoryNotificationStore):
    """A store that makes nothing durable before ``commit``, until it is let go."""

    def __init__(self) -> None:
        super().__init__(commits_itself=False)

    def let_go(self) -> None:
        self._commits_itself = True
        self.commit()


class NotifierStage:
    """A notifier, its store, and what it posts."""

    def __init__(
        self,
        store: MemoryNotificationStore,
        config: NotificationProducerConfig | None,
        profile: NotificationProfile,
        *,
        with_alarms: bool,
    ) -> None:
        self.store = store
        self.clock = VirtualClock(WALL_MS + 60_000 * store.last_notification_id)
        self.clock.monotonic_ms()
        self.sender = ScriptedSender(self.clock)
        self.counters = Counters()
        self.alarms: list[tuple[SubscriptionId, bool]] = []
        self.producer = NotificationProducer(
            compile_filter=compile_filter,
            config=config,
            profile=profile,
            first_notification_id=store.last_notification_id + 1,
            with_alarms=with_alarms,
        )
        self.notifier = Notifier(
            self.producer,
            store=store,
            sender=self.sender,
            clock=self.clock,
            entropy=SeededEntropy(1),
            observer=self.counters,
            naming=Naming(root="http://producer.example", system_dn="ManagedElement=1"),
            profile=profile,
            on_alarm=lambda subscription_id, raised: self.alarms.append((subscription_id, raised)),
        )
        self.subscriptions = NotifierSubscriptions(
            self.notifier, base=BASE, store=store, clock=self.clock, profile=profile
        )

    def submit(self, text: str = "", *, notification_type: str = "notifyEvent") -> None:
        self.notifier.submit(event(text, notification_type=notification_type))

    async def emit(self, count: int = 1) -> None:
        """Emit this many, one after the other."""
        for _ in range(count):
            self.submit()
            await self.notifier.durable()

    async def settled(self) -> None:
        """Wait until nobody has anything to do but wait."""
        await anyio.wait_all_tasks_blocked()

    def status(self, subscription_id: SubscriptionId = ONE) -> SubscriptionStatus:
        return self.producer.subscriptions[subscription_id].status()


def event(text: str = "", *, notification_type: str = "notifyEvent") -> NotificationEmitted:
    body: dict[str, Json] = {"specificProblem": text}
    return NotificationEmitted(
        notification_type=notification_type, object_path=CELL, body=body, event_time_ms=WALL_MS
    )


@asynccontextmanager
async def notifying(
    store: MemoryNotificationStore | None = None,
    *,
    config: NotificationProducerConfig | None = None,
    profile: NotificationProfile = SEED,
    with_alarms: bool = False,
    settings: SubscriptionSettings | None = None,
) -> AsyncGenerator[NotifierStage]:
    """Run a notifier, with subscription 1 when there are settings; the recipient lets it end."""
    stage = NotifierStage(
        store or MemoryNotificationStore(), config, profile, with_alarms=with_alarms
    )
    async with stage.notifier.running():
        if settings is not None:
            await stage.subscriptions.create(ONE, settings)
        yield stage
        stage.store.set_trouble("")
        if isinstance(stage.store, ManualStore):
            stage.store.let_go()
        stage.sender.usual = Delivered()
        stage.sender.release()


@asynccontextmanager
async def dying(
    store: MemoryNotificationStore, *, profile: NotificationProfile = SEED
) -> AsyncGenerator[NotifierStage]:
    """Run a notifier that is killed at the end of the block."""
    with anyio.CancelScope() as life:
        async with notifying(store, profile=profile) as stage:
            yield stage
            life.cancel()
            await anyio.sleep_forever()
