"""The deliveries of all subscriptions of a producer: one notification of each in flight.

A delivery belongs to its subscription; what is here moves it along its table and carries out the
words of that table. Whether a subscription is served, as far as its recipient and its store decide,
is noted here, too.
"""

from __future__ import annotations

from collections.abc import Callable

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.delivery import DELIVERY
from mnstream.core.notification_effects import (
    CancelPost,
    NotificationProducerEffect,
    PostNotification,
)
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryGivenUp,
    DeliveryPassedOver,
    DeliveryRejected,
    DeliverySucceeded,
    RecipientGone,
    SubscriptionLocked,
    SubscriptionModified,
    WorkWaiting,
)
from mnstream.core.notification_values import AvailabilityStatus, SubscriptionId
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.pauses import pause_ms
from mnstream.core.timers import Timers

Effects = tuple[NotificationProducerEffect, ...]
DeliveryEvent = (
    DeliverySucceeded
    | DeliveryFailed
    | DeliveryRejected
    | RecipientGone
    | DeliveryGivenUp
    | DeliveryPassedOver
    | SubscriptionLocked
    | SubscriptionModified
    | WorkWaiting
    | DeadlineReached
)
A = AvailabilityStatus
_WORK = WorkWaiting()


class Deliveries:
    """Moves deliveries along their table; pure."""

    def __init__(self, config: NotificationProducerConfig) -> None:
        """Start with nothing in flight."""
        self.timers: Timers[SubscriptionId] = Timers()
        self._config = config
        self._actions: dict[str, Callable[[Subscription, DeliveryEvent, int], Effects]] = {
            "advance": self._advance,
            "begin_anew": self._begin_anew,
            "cancel": self._cancel,
            "give_up": self._give_up,
            "pause": self._pause,
            "post": self._post,
            "skip": self._skip,
            "stop": self._stop,
            "time_out": self._time_out,
            "withdraw": self._withdraw,
        }
        assert self._actions.keys() == DELIVERY.actions

    def step(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        """Move one delivery; an event that its state has no row for means nothing to it."""
        move = DELIVERY.step(subscription.delivery, type(event))
        if move is None:
            return ()
        subscription.delivery, action = move
        return self._actions[action](subscription, event, now_ms)

    def go_on(self, subscription: Subscription, now_ms: int) -> Effects:
        """Take up what is stored and waits, if anything does."""
        if subscription.finished == subscription.durable:
            return ()
        return self.step(subscription, _WORK, now_ms)

    def pass_over(self, subscription: Subscription, last: int, now_ms: int) -> Effects:
        """Leave everything up to a number to be fetched, also what is in flight."""
        if subscription.finished >= min(last, subscription.durable):
            return ()
        return self.step(subscription, DeliveryPassedOver(last=last), now_ms)

    # --- the words of the table -------------------------------------------------------------------

    def _post(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        subscription.attempts += 1
        self.timers.set(subscription.subscription_id, now_ms + self._config.post_timeout_ms)
        recipient = subscription.settings.notification_recipient_address
        return (PostNotification(number=subscription.next_number(), recipient=recipient),)

    def _advance(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        subscription.failures = 0
        subscription.given_up = False
        subscription.availability -= {A.DEPENDENCY, A.LOG_FULL}
        return self._next(subscription, now_ms)

    def _skip(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        if not isinstance(event, DeliveryRejected) or event.by_recipient:
            subscription.given_up = True
            subscription.availability.add(A.DEPENDENCY)
        return self._next(subscription, now_ms)

    def _next(self, subscription: Subscription, now_ms: int) -> Effects:
        subscription.finish()
        self.timers.set(subscription.subscription_id, None)
        return self.go_on(subscription, now_ms)

    def _pause(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        assert isinstance(event, DeliveryFailed | DeadlineReached)
        subscription.failures += 1
        if subscription.attempts >= self._config.attempts_max:
            return self.step(subscription, DeliveryGivenUp(), now_ms)
        config = self._config
        pause = pause_ms(
            subscription.failures,
            event.jitter,
            initial_ms=config.back_off_initial_ms,
            max_ms=config.back_off_max_ms,
        )
        if isinstance(event, DeliveryFailed) and event.retry_after_ms is not None:
            pause = max(pause, min(event.retry_after_ms, config.back_off_max_ms))
        self.timers.set(subscription.subscription_id, now_ms + pause)
        return ()

    def _time_out(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        cancel = CancelPost(number=subscription.next_number())
        return (cancel, *self._pause(subscription, event, now_ms))

    def _stop(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        subscription.availability.add(A.DEPENDENCY)
        return self._give_up(subscription, event, now_ms)

    def _give_up(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        """Leave everything that waits to be fetched, and wait for the subscription to change."""
        self.timers.set(subscription.subscription_id, None)
        subscription.pass_over(subscription.durable)
        return ()

    def _withdraw(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        cancel = CancelPost(number=subscription.next_number())
        return (cancel, *self._give_up(subscription, event, now_ms))

    def _begin_anew(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        if isinstance(event, DeliveryPassedOver):
            subscription.pass_over(event.last)
        subscription.attempts = 0
        subscription.failures = 0
        self.timers.set(subscription.subscription_id, None)
        return self.go_on(subscription, now_ms)

    def _cancel(self, subscription: Subscription, event: DeliveryEvent, now_ms: int) -> Effects:
        """Stop waiting for what is in flight; a recipient that took it may see it twice."""
        cancel = CancelPost(number=subscription.next_number())
        return (cancel, *self._begin_anew(subscription, event, now_ms))
