"""The producer of reliable notifications.

Theory of operation. ``NotificationProducer`` owns all subscriptions of one producer. The
application emits; every subscription that wants the notification gets a number for it, without
gaps, and it is stored once under all of them. What is durable is delivered, one notification of a
subscription at a time, in order. What cannot be delivered stays in the store, where the consumer
finds it by the hole in the numbers. What could not be prepared has no number, so the producer says
so in a notification of its own and in the attributes of the subscription.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from mnstream.core.errors import (
    LimitExceeded,
    LocalProtocolError,
    MalformedRequest,
    ObjectExists,
    OperationError,
)
from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.subscription import SUBSCRIPTION, SubscriptionState
from mnstream.core.notification_effects import (
    CancelPost,
    ForgetSubscription,
    NotificationProducerEffect,
    SetAlarm,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryRejected,
    DeliverySucceeded,
    GenerationFailed,
    GenerationRecovered,
    HeartbeatControlSet,
    HeartbeatPosted,
    HeartbeatTriggered,
    NotificationEmitted,
    NotificationProducerEvent,
    NotificationsStored,
    QueueEmptied,
    RecipientGone,
    StoreRolledOver,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionLocked,
    SubscriptionModified,
    SubscriptionRestored,
    SubscriptionUnlocked,
)
from mnstream.core.notification_values import AvailabilityStatus, Epoch, SubscriptionId
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.deliveries import Deliveries
from mnstream.core.notifications.heartbeats import Heartbeats
from mnstream.core.notifications.preparing import Preparation
from mnstream.core.notifications.selection import FilterCompiler, Selection
from mnstream.core.notifications.settings import is_plain, settings_refusal
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.profiles import SEED, NotificationProfile
from mnstream.core.timers import Timers

Effects = tuple[NotificationProducerEffect, ...]
_SubscriptionEvent = (
    SubscriptionModified
    | SubscriptionDeleted
    | SubscriptionLocked
    | SubscriptionUnlocked
    | QueueEmptied
    | DeadlineReached
)
A = AvailabilityStatus


class NotificationProducer:
    """All subscriptions of one producer; pure: no I/O, no clock, no randomness."""

    def __init__(
        self,
        *,
        compile_filter: FilterCompiler,
        config: NotificationProducerConfig | None = None,
        profile: NotificationProfile = SEED,
        first_notification_id: int = 1,
        with_alarms: bool = False,
    ) -> None:
        """Start without subscriptions.

        Args:
            compile_filter: How to read a notificationFilter.
            config: Limits and times.
            profile: Reading of the standard.
            first_notification_id: Identifier of the first notification; they go up from it.
            with_alarms: Whether a subscription that is not served raises an alarm (part 3c).
        """
        self.config = config or NotificationProducerConfig()
        self.subscriptions: dict[SubscriptionId, Subscription] = {}
        self._profile = profile
        self._compile_filter = compile_filter
        self._with_alarms = with_alarms
        self._raised: set[SubscriptionId] = set()
        self._last_epoch = 0
        self._preparation = Preparation(self.config, profile, first_notification_id)
        self._deliveries = Deliveries(self.config)
        self._heartbeats = Heartbeats(self._preparation.next_notification_id)
        self._endings: Timers[SubscriptionId] = Timers()
        self._actions: dict[str, Callable[[Subscription, _SubscriptionEvent, int], Effects]] = {
            "end": self._end,
            "forget": self._forget,
            "lock": self._lock,
            "modify": self._modify,
            "unlock": self._unlock,
        }
        assert self._actions.keys() | {"prepare"} == SUBSCRIPTION.actions

    # --- what a driver calls ----------------------------------------------------------------------

    def handle(self, event: NotificationProducerEvent, *, now_ms: int) -> Effects:
        """Apply one event and say what the driver must do.

        What becomes of a delivery that is not in flight any more is passed over.

        Args:
            event: What happened.
            now_ms: Driver's monotonic time, integer milliseconds, never decreasing.

        Returns:
            Effects in the order in which they must be carried out; ``()`` when none.

        Raises:
            LocalProtocolError: There is no such subscription, or it was not asked before whether
                the settings are refused. Nothing changed.

        Source: the study 5.a.3, TS 28.622 4.3.21-23.
        """
        effects = self._apply(event, now_ms)
        return effects + self._alarms() if self._with_alarms else effects

    def refusal(self, event: SubscriptionCreated | SubscriptionModified) -> OperationError | None:
        """Say why a subscription cannot be as its consumer wants it; None when it can."""
        if isinstance(event, SubscriptionCreated):
            existing = self.subscriptions.get(event.subscription_id)
            if existing is not None and existing.state is not SubscriptionState.ENDING:
                return ObjectExists(event.subscription_id)
            if existing is None and len(self.subscriptions) >= self.config.subscriptions_max:
                return LimitExceeded(f"{self.config.subscriptions_max} subscriptions")
            if not is_plain(event.subscription_id, self.config):
                return MalformedRequest("an identifier has letters, digits and ._~- only")
        return settings_refusal(event.settings, self.config, self._compile_filter)

    def next_deadline_ms(self) -> int | None:
        """Say when to feed DeadlineReached if nothing else happens; None for never."""
        timers = (self._deliveries.timers, self._heartbeats.timers, self._endings)
        return min((ms for t in timers if (ms := t.next_ms()) is not None), default=None)

    @property
    def not_prepared(self) -> int:
        """Numbers that were not given because of overload, one for each who wanted it."""
        return self._preparation.not_prepared

    @property
    def unstored(self) -> int:
        """Notifications that are on their way into the store; ``unstored_max`` is an overload."""
        return self._preparation.unstored

    def _apply(self, event: NotificationProducerEvent, now_ms: int) -> Effects:
        match event:
            case NotificationEmitted():
                return self._preparation.emit(event, self.subscriptions.values())
            case NotificationsStored():
                return self._stored(event, now_ms)
            case GenerationFailed():
                return self._preparation.admit(event, self.subscriptions.values())
            case GenerationRecovered():
                return self._preparation.recover(self.subscriptions.values())
            case SubscriptionCreated():
                return self._create(event, now_ms)
            case SubscriptionRestored():
                return self._restore(event, now_ms)
            case SubscriptionModified() | SubscriptionDeleted():
                subscription = self._existing(event.subscription_id)
                return self._step(subscription, event, now_ms)
            case HeartbeatControlSet():
                return self._set_heartbeat(event, now_ms)
            case HeartbeatTriggered():
                return self._heartbeats.trigger(self._existing(event.subscription_id))
            case HeartbeatPosted():
                return self._heartbeat_posted(event)
            case DeliverySucceeded() | DeliveryFailed() | DeliveryRejected() | RecipientGone():
                return self._delivered(event, now_ms)
            case StoreRolledOver():
                return self._roll_over(event, now_ms)
            case DeadlineReached():
                return self._tick(event, now_ms)
            case _:
                assert_never(event)

    # --- subscriptions ----------------------------------------------------------------------------

    def _create(self, event: SubscriptionCreated, now_ms: int) -> Effects:
        refusal = self.refusal(event)
        if refusal is not None:
            raise LocalProtocolError(f"refused: {refusal}")
        ending = self.subscriptions.get(event.subscription_id)
        forgotten = self._step(ending, DeadlineReached(), now_ms) if ending is not None else ()
        epoch = self._new_epoch(event.wall_ms, 0)
        subscription = self._add(event, epoch, 0, None)
        return forgotten + self._kept(subscription) + self._obey_lock(subscription, now_ms)

    def _restore(self, event: SubscriptionRestored, now_ms: int) -> Effects:
        """Take a subscription up again: with numbers from zero (P1.4), or where they were."""
        if event.subscription_id in self.subscriptions:
            raise LocalProtocolError(f"there is a subscription {event.subscription_id} already")
        if self._profile.persist_numbers:
            self._last_epoch = max(self._last_epoch, event.epoch)
            subscription = self._add(
                event, event.epoch, event.last_sequence_no, event.last_event_time_ms
            )
        else:
            epoch = self._new_epoch(event.wall_ms, event.epoch)
            subscription = self._add(event, epoch, 0, None)
        locked = self._obey_lock(subscription, now_ms)
        beaten = self._heartbeats.control(subscription, event.heartbeat, now_ms)
        return self._kept(subscription) + locked + beaten

    def _add(
        self,
        event: SubscriptionCreated | SubscriptionRestored,
        epoch: Epoch,
        last_sequence_no: int,
        last_event_time_ms: int | None,
    ) -> Subscription:
        subscription = Subscription(
            event.subscription_id,
            event.base,
            event.settings,
            Selection(event.settings, event.base, self._compile_filter),
            epoch,
            last_sequence_no=last_sequence_no,
            last_event_time_ms=last_event_time_ms,
        )
        self.subscriptions[event.subscription_id] = subscription
        self._preparation.join(subscription)
        return subscription

    def _new_epoch(self, wall_ms: int, before: int) -> Epoch:
        """Give an epoch that is greater than every one that this producer has had."""
        self._last_epoch = max(wall_ms, before + 1, self._last_epoch + 1)
        return Epoch(self._last_epoch)

    def _kept(self, subscription: Subscription) -> Effects:
        kept = StoreSubscription(
            subscription_id=subscription.subscription_id,
            base=subscription.base,
            settings=subscription.settings,
            heartbeat=subscription.heartbeat,
            epoch=subscription.epoch,
        )
        return (kept,)

    def _existing(self, subscription_id: SubscriptionId) -> Subscription:
        subscription = self.subscriptions.get(subscription_id)
        if subscription is None or subscription.state is SubscriptionState.ENDING:
            raise LocalProtocolError(f"there is no subscription {subscription_id}")
        return subscription

    # --- the words of the subscription's table ----------------------------------------------------

    def _step(self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int) -> Effects:
        move = SUBSCRIPTION.step(subscription.state, type(event))
        if move is None:
            return ()
        if isinstance(event, SubscriptionModified):
            refusal = self.refusal(event)
            if refusal is not None:
                raise LocalProtocolError(f"refused: {refusal}")
        subscription.state, action = move
        return self._actions[action](subscription, event, now_ms)

    def _modify(
        self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int
    ) -> Effects:
        assert isinstance(event, SubscriptionModified)
        subscription.settings = event.settings
        subscription.given_up = False  # perhaps it is another recipient
        subscription.selection = Selection(event.settings, subscription.base, self._compile_filter)
        modified = self._kept(subscription) + self._obey_lock(subscription, now_ms)
        if subscription.state is not SubscriptionState.LOCKED:
            self._preparation.join(subscription)
            modified += self._deliveries.step(subscription, event, now_ms)
        return modified

    def _obey_lock(self, subscription: Subscription, now_ms: int) -> Effects:
        """Lock or unlock a subscription as its settings say."""
        event = SubscriptionLocked() if subscription.settings.locked else SubscriptionUnlocked()
        return self._step(subscription, event, now_ms)

    def _lock(self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int) -> Effects:
        told = self._preparation.catch_up(subscription)
        return told + self._deliveries.step(subscription, SubscriptionLocked(), now_ms)

    def _unlock(
        self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int
    ) -> Effects:
        modified = SubscriptionModified(
            subscription_id=subscription.subscription_id, settings=subscription.settings
        )
        return self._deliveries.step(subscription, modified, now_ms)

    def _end(self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int) -> Effects:
        self._heartbeats.timers.set(subscription.subscription_id, None)
        self._endings.set(subscription.subscription_id, now_ms + self.config.ending_timeout_ms)
        told = self._preparation.catch_up(subscription)
        return told + self._settle(subscription, now_ms)

    def _settle(self, subscription: Subscription, now_ms: int) -> Effects:
        """Let a deleted subscription go when nothing of it waits any more."""
        if subscription.waiting:
            return ()
        return self._step(subscription, QueueEmptied(), now_ms)

    def _forget(
        self, subscription: Subscription, event: _SubscriptionEvent, now_ms: int
    ) -> Effects:
        subscription_id = subscription.subscription_id
        del self.subscriptions[subscription_id]
        for timers in (self._deliveries.timers, self._heartbeats.timers, self._endings):
            timers.set(subscription_id, None)
        cancel = CancelPost(number=subscription.next_number())
        return (cancel, ForgetSubscription(subscription_id=subscription_id))

    # --- delivery ---------------------------------------------------------------------------------

    def _stored(self, event: NotificationsStored, now_ms: int) -> Effects:
        effects: Effects = ()
        for subscription in self._preparation.stored(event.notification_id):
            if subscription.state is SubscriptionState.ENDED:
                continue  # the store was slower than the end
            effects += self._deliveries.go_on(subscription, now_ms)
            if subscription.waiting > self.config.pending_max:
                half = subscription.finished + self.config.pending_max // 2
                effects += self._deliveries.pass_over(subscription, half, now_ms)
            effects += self._settle(subscription, now_ms)
        return effects + self._preparation.overcome(self.subscriptions.values())

    def _delivered(
        self,
        event: DeliverySucceeded | DeliveryFailed | DeliveryRejected | RecipientGone,
        now_ms: int,
    ) -> Effects:
        subscription = self.subscriptions.get(event.number.subscription_id)
        if subscription is None or event.number != subscription.next_number():
            return ()
        effects = self._deliveries.step(subscription, event, now_ms)
        return effects + self._settle(subscription, now_ms)

    def _roll_over(self, event: StoreRolledOver, now_ms: int) -> Effects:
        """Pass over what the store lost before it was delivered; the consumer sees the hole."""
        subscription = self.subscriptions.get(event.subscription_id)
        if subscription is None or subscription.finished >= event.oldest_sequence_no - 1:
            return ()
        subscription.availability.add(A.LOG_FULL)
        effects = self._deliveries.pass_over(subscription, event.oldest_sequence_no - 1, now_ms)
        return effects + self._settle(subscription, now_ms)

    # --- heartbeats, time, alarms -----------------------------------------------------------------

    def _set_heartbeat(self, event: HeartbeatControlSet, now_ms: int) -> Effects:
        subscription = self._existing(event.subscription_id)
        beaten = self._heartbeats.control(subscription, event.heartbeat, now_ms)
        return self._kept(subscription) + beaten

    def _heartbeat_posted(self, event: HeartbeatPosted) -> Effects:
        subscription = self.subscriptions.get(event.subscription_id)
        if subscription is not None and not subscription.is_stopped:
            subscription.heartbeat_posted(taken=event.taken)
        return ()

    def _tick(self, event: DeadlineReached, now_ms: int) -> Effects:
        effects: Effects = ()
        for subscription_id in self._endings.expired(now_ms):
            effects += self._step(self.subscriptions[subscription_id], event, now_ms)
        for subscription_id in self._heartbeats.timers.expired(now_ms):
            effects += self._heartbeats.beat(self.subscriptions[subscription_id], now_ms)
        for subscription_id in self._deliveries.timers.expired(now_ms):
            subscription = self.subscriptions[subscription_id]
            effects += self._deliveries.step(subscription, event, now_ms)
            effects += self._settle(subscription, now_ms)
        return effects

    def _alarms(self) -> Effects:
        """Raise and clear alarms so that they say what the attributes say (part 3c)."""
        ill = {key for key, each in self.subscriptions.items() if each.availability}
        changed = ill ^ self._raised
        self._raised = ill
        return tuple(SetAlarm(subscription_id=each, raised=each in ill) for each in sorted(changed))
