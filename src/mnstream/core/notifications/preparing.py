"""Preparing notifications: who wants them, their numbers, and admitting what was not prepared.

A notification is prepared when it has its numbers and is on its way into the store. How much may be
on that way is limited: a producer that emits faster than the store can keep is overloaded, prepares
nothing more for whoever wanted it, and says so as soon as it can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mnstream.core.errors import LocalProtocolError
from mnstream.core.lifecycles.subscription import SUBSCRIPTION
from mnstream.core.notification_effects import NotificationProducerEffect, StoreNotification
from mnstream.core.notification_events import GenerationFailed, NotificationEmitted
from mnstream.core.notification_values import (
    HEARTBEAT,
    NOT_SENT,
    AvailabilityStatus,
    Content,
    Number,
    ObjectPath,
)
from mnstream.core.notifications.announcing import Bodies, failure, recovery
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.profiles import NotificationProfile

Effects = tuple[NotificationProducerEffect, ...]
OVERLOAD = "overload"
A = AvailabilityStatus


class Preparation:
    """Numbers notifications; pure."""

    def __init__(
        self,
        config: NotificationProducerConfig,
        profile: NotificationProfile,
        first_notification_id: int,
    ) -> None:
        """Start with nothing on its way."""
        self._config = config
        self._announcement = profile.announcement
        self._notification_id = first_notification_id
        self._unstored: deque[tuple[int, list[Subscription]]] = deque()
        self._overloaded = False
        self._last_time_ms = 0
        self.not_prepared = 0
        """Numbers that were not given because of overload."""
        self.failing: frozenset[str] | None = frozenset()
        """Types that are not prepared at present; None when it is unknown which."""

    @property
    def unstored(self) -> int:
        """Notifications that are on their way into the store."""
        return len(self._unstored)

    def next_notification_id(self) -> int:
        """Give an identifier that was never given before."""
        self._notification_id += 1
        return self._notification_id - 1

    def emit(self, event: NotificationEmitted, subscriptions: Iterable[Subscription]) -> Effects:
        """Prepare a notification for every subscription that wants it.

        Raises:
            LocalProtocolError: It is of a type that only the producer itself sends.
        """
        if event.notification_type in (HEARTBEAT, NOT_SENT):
            raise LocalProtocolError(f"{event.notification_type} is not emitted by applications")
        content = Content(
            notification_type=event.notification_type,
            object_path=event.object_path,
            notification_id=self.next_notification_id(),
            event_time_ms=event.event_time_ms,
            body=event.body,
            href=event.href,
        )
        full = self.unstored >= self._config.unstored_max
        takers: list[Subscription] = []
        for subscription in subscriptions:
            if not _prepares(subscription) or not subscription.selection.wants(content):
                continue
            if full or subscription.overloaded_ms is not None:
                self._overloaded = True
                subscription.overloaded_ms = event.event_time_ms
                subscription.fail_to_prepare(frozenset({content.notification_type}))
                self.not_prepared += 1
            else:
                takers.append(subscription)
        return self._store(content, takers)

    def stored(self, notification_id: int) -> list[Subscription]:
        """Note that a notification and all before it are durable; give whose they were."""
        touched: list[Subscription] = []
        while self._unstored and self._unstored[0][0] <= notification_id:
            for subscription in self._unstored.popleft()[1]:
                subscription.durable += 1
                touched.append(subscription)
        return touched

    def overcome(self, subscriptions: Iterable[Subscription]) -> Effects:
        """End an overload once half of what is allowed is on its way: say what was not prepared."""
        if not self._overloaded or self.unstored > self._config.unstored_max // 2:
            return ()
        self._overloaded = False
        effects: Effects = ()
        for subscription in subscriptions:
            effects += self.catch_up(subscription)
        return effects

    def catch_up(self, subscription: Subscription) -> Effects:
        """Tell a subscription what was not prepared because of overload, if anything was."""
        time_ms, subscription.overloaded_ms = subscription.overloaded_ms, None
        if time_ms is None:
            return ()
        types = None if subscription.not_sent is None else frozenset(subscription.not_sent)
        bodies = failure(self._announcement, types, OVERLOAD)
        bodies += recovery(self._announcement, types, OVERLOAD)
        subscription.prepare_again()
        self.join(subscription)
        return self._announce(subscription, bodies, time_ms)

    def admit(self, event: GenerationFailed, subscriptions: Iterable[Subscription]) -> Effects:
        """Tell every subscription that may be concerned that something is not prepared (P3a)."""
        types = event.notification_types
        self.failing = None if types is None or self.failing is None else self.failing | types
        self._last_time_ms = event.event_time_ms
        effects: Effects = ()
        for subscription in subscriptions:
            if not _prepares(subscription) or not subscription.selection.could_want(types):
                continue
            subscription.fail_to_prepare(types)
            if subscription.overloaded_ms is None:  # otherwise it is told with the rest
                bodies = failure(self._announcement, types, event.reason)
                effects += self._announce(subscription, bodies, event.event_time_ms)
        return effects

    def recover(self, subscriptions: Iterable[Subscription]) -> Effects:
        """Note that notifications of all types are prepared again (B13)."""
        types, self.failing = self.failing, frozenset()
        effects: Effects = ()
        for subscription in subscriptions:
            healthy = A.DEGRADED not in subscription.availability
            if healthy or subscription.overloaded_ms is not None:
                continue
            subscription.prepare_again()
            if _prepares(subscription):
                bodies = recovery(self._announcement, types, "recovered")
                effects += self._announce(subscription, bodies, self._last_time_ms)
        return effects

    def join(self, subscription: Subscription) -> None:
        """Let a subscription that is new, or other, show what is not prepared at present."""
        if self.failing != frozenset() and subscription.selection.could_want(self.failing):
            subscription.fail_to_prepare(self.failing)

    def _announce(self, subscription: Subscription, bodies: Bodies, time_ms: int) -> Effects:
        base = subscription.base
        path = f"{base}/NtfSubscriptionControl={subscription.subscription_id}".lstrip("/")
        effects: Effects = ()
        for notification_type, body in bodies:
            content = Content(
                notification_type=notification_type,
                object_path=ObjectPath(path),
                notification_id=self.next_notification_id(),
                event_time_ms=time_ms,
                body=body,
            )
            effects += self._store(content, [subscription])
        return effects

    def _store(self, content: Content, takers: list[Subscription]) -> Effects:
        if not takers:
            return ()
        numbers: list[Number] = [taker.prepare(content.event_time_ms) for taker in takers]
        self._unstored.append((content.notification_id, takers))
        return (StoreNotification(content=content, numbers=tuple(numbers)),)


def _prepares(subscription: Subscription) -> bool:
    return SUBSCRIPTION.step(subscription.state, NotificationEmitted) is not None
