"""A notifier and a subscriber with a history, made of events."""

import json
from typing import Any

from mnstream.adapters.observability import Admin
from mnstream.adapters.rest import HttpRequest
from mnstream.adapters.storage import MemoryNotificationStore
from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    NotificationProducerEffect,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    HandedOver,
    NotificationConsumerEvent,
    NotificationEmitted,
    NotificationProducerEvent,
    NotificationReceived,
    NotificationsStored,
    SubscriptionCreated,
)
from mnstream.core.notification_values import (
    Content,
    Epoch,
    Number,
    ObjectPath,
    Received,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.config import (
    NotificationConsumerConfig,
    NotificationProducerConfig,
)
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.notifications.selection import Predicate
from mnstream.ports.notification_store import StoredSubscription
from mnstream.ports.subscriptions import SubscriptionView
from mnstream.ports.transport import Peer

WALL_MS = 1_700_000_000_000
EPOCH = Epoch(WALL_MS)
BASE = ObjectPath("ManagedElement=1")
SETTINGS = SubscriptionSettings(
    notification_recipient_address="https://user:secret@consumer.example:8443/hook?key=secret",
)


def accept_all(_text: str) -> Predicate:
    def accept(_content: Content) -> bool:
        return True

    return accept


class Notifying:
    """A producer and its store; also the ``SubscriptionReader`` of both.

    What is to be stored is given to the store at once, and the core is told when ``commit`` is.
    """

    def __init__(self, config: NotificationProducerConfig | None = None) -> None:
        self.producer = NotificationProducer(compile_filter=accept_all, config=config)
        self.store = MemoryNotificationStore(notifications_max=2)
        self._stored = 0

    def subscribe(self, name: str, settings: SubscriptionSettings = SETTINGS) -> None:
        self.feed(
            SubscriptionCreated(
                subscription_id=SubscriptionId(name), base=BASE, settings=settings, wall_ms=WALL_MS
            )
        )

    def emit(self, *times_ms: int, notification_type: str = "notifyMOICreation") -> None:
        for time_ms in times_ms:
            event = NotificationEmitted(
                notification_type=notification_type,
                object_path=ObjectPath(f"{BASE}/X=1"),
                body={},
                event_time_ms=time_ms,
            )
            self.feed(event)

    def commit(self) -> None:
        self.commit_up_to(self._stored)

    def commit_up_to(self, notification_id: int) -> None:
        self.feed(NotificationsStored(notification_id=notification_id))

    def feed(self, event: NotificationProducerEvent) -> None:
        for effect in self.producer.handle(event, now_ms=1000):
            self._carry_out(effect)

    def number(self, name: str, sequence_no: int) -> Number:
        subscription_id = SubscriptionId(name)
        epoch = self.producer.subscriptions[subscription_id].epoch
        return Number(subscription_id=subscription_id, epoch=epoch, sequence_no=sequence_no)

    def subscription(self, subscription_id: SubscriptionId) -> SubscriptionView | None:
        subscription = self.producer.subscriptions[subscription_id]
        window = self.store.window(subscription_id, subscription.epoch)
        if window is None:
            return None
        return SubscriptionView(
            subscription_id=subscription_id,
            settings=subscription.settings,
            heartbeat=subscription.heartbeat,
            status=subscription.status(),
            epoch=subscription.epoch,
            window=window,
            notifications_max=self.store.notifications_max,
        )

    def _carry_out(self, effect: NotificationProducerEffect) -> None:
        match effect:
            case StoreNotification():
                self._stored = effect.content.notification_id
                self.store.append(
                    b"{}",
                    notification_id=self._stored,
                    event_time_ms=effect.content.event_time_ms,
                    numbers=effect.numbers,
                )
            case StoreSubscription():
                self.store.save_subscription(
                    StoredSubscription(
                        subscription_id=effect.subscription_id,
                        base=effect.base,
                        settings=effect.settings,
                        heartbeat=effect.heartbeat,
                        epoch=effect.epoch,
                    )
                )
            case _:
                pass


class Subscribing:
    """A consumer that began with number 1."""

    def __init__(self, config: NotificationConsumerConfig | None = None) -> None:
        self.consumer = NotificationConsumer(SubscriptionId("s"), from_start=True, config=config)

    def receive(self, *sequence_nos: int) -> None:
        for sequence_no in sequence_nos:
            received = Received(
                number=_number(sequence_no),
                notification_type="notifyMOICreation",
                event_time_ms=WALL_MS,
                payload=b"{}",
                content=0,
            )
            self.feed(NotificationReceived(received=received))

    def process(self, *sequence_nos: int) -> None:
        for sequence_no in sequence_nos:
            self.feed(HandedOver(number=_number(sequence_no)))

    def wake(self, now_ms: int) -> None:
        self.feed(DeadlineReached(wall_ms=WALL_MS, jitter=0.0), now_ms=now_ms)

    def feed(self, event: NotificationConsumerEvent, *, now_ms: int = 1000) -> None:
        self.consumer.handle(event, now_ms=now_ms)


def _number(sequence_no: int) -> Number:
    return Number(subscription_id=SubscriptionId("s"), epoch=EPOCH, sequence_no=sequence_no)


async def get(admin: Admin, target: str, status: int = 200) -> Any:
    """Ask as an operator on this machine and read the answer."""
    request = HttpRequest(method="GET", target=target)
    response = await admin(request, Peer(address="127.0.0.1:40000"))
    assert response is not None
    assert response.status == status, response.body
    return json.loads(response.body)
