"""A producer process: an application and the driver of its ``NotificationProducer``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.subscription import SubscriptionState
from mnstream.core.notification_effects import (
    CancelPost,
    ForgetSubscription,
    NotificationProducerEffect,
    PostHeartbeat,
    PostNotification,
    SetAlarm,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    GenerationFailed,
    GenerationRecovered,
    HeartbeatControlSet,
    NotificationEmitted,
    NotificationProducerEvent,
    NotificationsStored,
    RangeFetched,
    RecipientGone,
    StoreRolledOver,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionModified,
    SubscriptionRestored,
)
from mnstream.core.notification_values import (
    NOT_SENT,
    AvailabilityStatus,
    Epoch,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.notifications.subscription import Subscription
from tests.simulation.notifications.common import BASE, BEATS, TYPES, WALL_MS, Sabotage
from tests.simulation.notifications.network import Network
from tests.simulation.notifications.posting import Posting, Recipient
from tests.simulation.notifications.store import SimulatedStore

CONFIG = NotificationProducerConfig(
    unstored_max=30,
    pending_max=40,
    post_timeout_ms=400,
    attempts_max=3,
    back_off_initial_ms=20,
    back_off_max_ms=200,
    ending_timeout_ms=1_000,
)


@dataclass
class Wanted:
    """An emission that a subscription wanted."""

    serial: int
    notification_type: str
    epoch: Epoch
    order: int
    subscription_id: SubscriptionId


@dataclass
class Truth:
    """What one subscription owes its consumer to say about itself."""

    overloaded: bool = False
    failing: bool = False
    gone: bool = False
    finished: int = field(default=0)


class ProducerProcess:
    """One life after the other, each with a producer of its own, on one store."""

    def __init__(self, network: Network, sabotage: Sabotage) -> None:
        self.network = network
        self.world = network.world
        self.counts = network.counts
        self.store = SimulatedStore(network)
        self.consumers: dict[SubscriptionId, Recipient] = {}
        self.wanted: list[Wanted] = []
        self.faults: list[str] = []
        self.producer: NotificationProducer | None = None
        self.profile = network.faults.profile
        self.sabotage = sabotage
        self.deleted: set[tuple[SubscriptionId, Epoch]] = set()
        self.settings: dict[SubscriptionId, SubscriptionSettings] = {}
        """What each consumer wants at present; written again when a producer has not got it."""
        self._lives = 0
        self._serial = 0
        self._failing = False
        self._truth: dict[SubscriptionId, Truth] = {}

    def add(
        self, subscription_id: SubscriptionId, recipient: Recipient, settings: SubscriptionSettings
    ) -> None:
        """Get to know a consumer, and what it wants."""
        self.consumers[subscription_id] = recipient
        self.settings[subscription_id] = settings

    # --- life and death ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life with what the store has."""
        self._lives += 1
        self._alarm_ms: int | None = None
        self.posting = Posting(self.network, self.store, self.consumers, self._feed, self.sabotage)
        self._failing = False
        self._truth = {}
        self.producer = NotificationProducer(
            compile_filter=lambda _text: lambda _content: True,
            config=CONFIG,
            profile=self.profile,
            first_notification_id=self.store.last_notification_id + 1,
        )
        self.store.committed = self._committed
        restored = list(self.store.kept.values())
        for kept in restored:
            subscription = kept.subscription
            self._feed(
                SubscriptionRestored(
                    subscription_id=subscription.subscription_id,
                    base=subscription.base,
                    settings=subscription.settings,
                    heartbeat=subscription.heartbeat,
                    epoch=subscription.epoch,
                    wall_ms=WALL_MS + self.world.now_ms,
                    last_sequence_no=kept.newest[subscription.epoch],
                    last_event_time_ms=kept.last_time_ms,
                )
            )
        if restored and self.sabotage is not Sabotage.HIDE_CRASH:
            self.fail_to_generate(None)
            self.recover()
        for subscription_id in self.consumers:
            self.write(subscription_id)

    def crash(self) -> None:
        """Lose all memory and what is not durable, and come back after a while."""
        if self.producer is None:
            return
        self.counts["producer crashes"] += 1
        self.world.note(f"producer: crash with {self.producer.unstored} unstored")
        self.producer = None
        self._lives += 1
        self._end_posting()
        self.store.crash()
        self.world.after(self.world.between(1, self.network.faults.down_max_ms), self.start)

    def _end_posting(self) -> None:
        self.posting.over = True
        self.faults += self.posting.faults
        self.posting.faults.clear()

    def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> RangeFetched | None:
        """Answer a request for stored notifications; None when nobody is there to answer."""
        if self.producer is None:
            return None
        return self.posting.fetch(subscription_id, epoch, first, last)

    # --- what applications and operators do -------------------------------------------------------

    def emit(self, count: int = 1) -> None:
        """Let something happen that subscriptions may want to know."""
        for _ in range(count):
            if self.producer is None:
                return
            self._serial += 1
            notification_type = self.world.random.choice(TYPES)
            wanting = [
                each
                for each in self.producer.subscriptions.values()
                if _wants(each, notification_type)
            ]
            for each in wanting:
                self.wanted.append(
                    Wanted(
                        self._serial,
                        notification_type,
                        each.epoch,
                        self.store.next_order(),
                        each.subscription_id,
                    )
                )
            event = NotificationEmitted(
                notification_type=notification_type,
                object_path=BASE,
                body={"serial": self._serial},
                event_time_ms=WALL_MS + self.world.now_ms,
            )
            self.counts["notifications emitted"] += 1
            self._feed(event, wanting)

    def fail_to_generate(self, types: frozenset[str] | None) -> None:
        """Fail to prepare some types."""
        if self.producer is None:
            return
        self._failing = True
        for each in self.producer.subscriptions.values():
            if each.state is SubscriptionState.ACTIVE and each.selection.could_want(types):
                self._truth_of(each.subscription_id).failing = True
        self._feed(
            GenerationFailed(
                notification_types=types,
                reason="broken",
                event_time_ms=WALL_MS + self.world.now_ms,
            )
        )

    def recover(self) -> None:
        """Prepare all types again."""
        if self.producer is None or not self._failing:
            return
        self._failing = False
        for truth in self._truth.values():
            truth.failing = False
        self._feed(GenerationRecovered())

    def write(self, subscription_id: SubscriptionId) -> None:
        """Create a subscription, or make the existing one as its consumer wants it."""
        if self.producer is None:
            return
        settings = self.settings[subscription_id]
        existing = self.producer.subscriptions.get(subscription_id)
        if existing is None or existing.state is SubscriptionState.ENDING:
            event = SubscriptionCreated(
                subscription_id=subscription_id,
                base=BASE,
                settings=settings,
                wall_ms=WALL_MS + self.world.now_ms,
            )
            assert self.producer.refusal(event) is None
            self._truth[subscription_id] = Truth(failing=self._failing)
            self._feed(event)
        else:
            self._truth_of(subscription_id).failing |= self._failing and not settings.locked
            self._feed(SubscriptionModified(subscription_id=subscription_id, settings=settings))
        self._feed(HeartbeatControlSet(subscription_id=subscription_id, heartbeat=BEATS))

    def delete(self, subscription_id: SubscriptionId) -> None:
        """Delete a subscription."""
        if self.producer is None:
            return
        existing = self.producer.subscriptions.get(subscription_id)
        if existing is not None and existing.state is not SubscriptionState.ENDING:
            self.counts["subscriptions deleted"] += 1
            self.world.note(f"producer: {subscription_id} is deleted")
            self.deleted.add((subscription_id, existing.epoch))
            self._feed(SubscriptionDeleted(subscription_id=subscription_id))

    # --- the core ---------------------------------------------------------------------------------

    def _feed(self, event: NotificationProducerEvent, wanting: Sequence[Subscription] = ()) -> None:
        assert self.producer is not None
        if isinstance(event, RecipientGone):
            self._truth_of(event.number.subscription_id).gone = True
        if isinstance(event, SubscriptionModified):
            self._truth_of(event.subscription_id).gone = False
        effects = self.producer.handle(event, now_ms=self.world.now_ms)
        self._note_overload(effects, wanting)
        for effect in effects:
            self._carry_out(effect)
        self._look()
        self._rearm()

    def _note_overload(
        self, effects: Sequence[NotificationProducerEffect], wanting: Sequence[Subscription]
    ) -> None:
        stored = [effect for effect in effects if isinstance(effect, StoreNotification)]
        taken = {number.subscription_id for effect in stored for number in effect.numbers}
        for each in wanting:
            if each.subscription_id not in taken:
                self.counts["notifications not prepared"] += 1
                self._truth_of(each.subscription_id).overloaded = True

    def _carry_out(self, effect: NotificationProducerEffect) -> None:
        match effect:
            case StoreNotification():
                self.counts["notifications prepared"] += len(effect.numbers)
                if (
                    "serial" not in effect.content.body
                ):  # whoever is overloaded is told nothing else
                    for number in effect.numbers:
                        truth = self._truth_of(number.subscription_id)
                        truth.failing |= truth.overloaded and self._failing
                        truth.overloaded = False
                if effect.content.notification_type == NOT_SENT:
                    self.counts["notifications that others were not sent"] += 1
                self.store.append(effect)
                if self.sabotage is Sabotage.POST_EARLY:
                    notification_id = effect.content.notification_id
                    self.world.after(0, self._if_alive(lambda: self._early(notification_id)))
            case StoreSubscription() | ForgetSubscription():
                self.store.append(effect)
            case PostNotification():
                self._may_send(effect.number.subscription_id)
                self.posting.post(effect)
            case CancelPost():
                self.posting.cancel(effect.number)
            case PostHeartbeat():
                self._may_send(effect.subscription_id)
                self.posting.beat(effect)
            case SetAlarm():
                raise AssertionError("there are no alarms")
            case _:
                assert_never(effect)

    def _may_send(self, subscription_id: SubscriptionId) -> None:
        assert self.producer is not None
        subscription = self.producer.subscriptions[subscription_id]
        if subscription.settings.locked or self._truth_of(subscription_id).gone:
            self.faults.append(f"{subscription_id}: is sent something though it is not to be")

    def _if_alive(self, action: Callable[[], None]) -> Callable[[], None]:
        life = self._lives
        return lambda: action() if life == self._lives else None

    def _early(self, notification_id: int) -> None:
        self._feed(NotificationsStored(notification_id=notification_id))

    def _committed(self, notification_id: int, rolled_over: dict[SubscriptionId, int]) -> None:
        for subscription_id, oldest in rolled_over.items():
            self._feed(StoreRolledOver(subscription_id=subscription_id, oldest_sequence_no=oldest))
        self._feed(NotificationsStored(notification_id=notification_id))

    def _rearm(self) -> None:
        assert self.producer is not None
        deadline_ms = self.producer.next_deadline_ms()
        if deadline_ms is None or deadline_ms == self._alarm_ms:
            return
        self._alarm_ms = deadline_ms

        def wake() -> None:
            if self._alarm_ms == deadline_ms:
                self._alarm_ms = None
                self._feed(DeadlineReached(jitter=self.world.random.random()))

        self.world.after(max(0, deadline_ms - self.world.now_ms), self._if_alive(wake))

    def _look(self) -> None:
        """Compare the attributes of every subscription with what is true of it."""
        assert self.producer is not None
        for name, each in self.producer.subscriptions.items():
            truth = self._truth_of(name)
            status = each.status()
            lossy = truth.overloaded or truth.failing
            degraded = AvailabilityStatus.DEGRADED in status.availability_status
            if self.sabotage is Sabotage.ALWAYS_WELL:
                degraded = False
            if degraded != lossy:
                self.faults.append(f"{name}: degraded is {degraded}, which is untrue")
            if lossy and status.not_sent_notification_types == frozenset():
                self.faults.append(f"{name}: does not say which types were not sent")
            if not truth.finished <= status.last_sequence_no <= each.durable:
                self.faults.append(f"{name}: lastSequenceNo goes to {status.last_sequence_no}")
            truth.finished = status.last_sequence_no

    def _truth_of(self, subscription_id: SubscriptionId) -> Truth:
        return self._truth.setdefault(subscription_id, Truth())


def _wants(subscription: Subscription, notification_type: str) -> bool:
    """Tell whether a subscription is to be told, by what its consumer wrote."""
    types = subscription.settings.notification_types
    is_active = subscription.state is SubscriptionState.ACTIVE
    return is_active and (types is None or notification_type in types)
