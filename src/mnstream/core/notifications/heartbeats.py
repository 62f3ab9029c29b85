"""Heartbeats of subscriptions (TS 28.622 4.3.21, TS 28.532 11.4, TS 28.537; FACTS 3.5)."""

from __future__ import annotations

from collections.abc import Callable

from mnstream.core.notification_effects import NotificationProducerEffect, PostHeartbeat
from mnstream.core.notification_values import HeartbeatControl, SubscriptionId
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.timers import Timers

Effects = tuple[NotificationProducerEffect, ...]


class Heartbeats:
    """Knows when a heartbeat is due; pure."""

    def __init__(self, next_notification_id: Callable[[], int]) -> None:
        """Start without heartbeats."""
        self.timers: Timers[SubscriptionId] = Timers()
        self._next_notification_id = next_notification_id

    def control(
        self, subscription: Subscription, heartbeat: HeartbeatControl | None, now_ms: int
    ) -> Effects:
        """Obey a HeartbeatControl that was created, written or (None) deleted.

        A new period begins at once, with a heartbeat; the same one written again changes nothing.
        """
        before = subscription.heartbeat
        subscription.heartbeat = heartbeat
        period_s = heartbeat.heartbeat_ntf_period_s if heartbeat is not None else 0
        if before is not None and before.heartbeat_ntf_period_s == period_s:
            return ()
        self.timers.set(subscription.subscription_id, None)
        return self.beat(subscription, now_ms) if period_s else ()

    def beat(self, subscription: Subscription, now_ms: int) -> Effects:
        """Send a heartbeat and count the period from it."""
        control = subscription.heartbeat
        assert control is not None, "the timer goes with its control"
        due_ms = now_ms + control.heartbeat_ntf_period_s * 1000
        self.timers.set(subscription.subscription_id, due_ms)
        return self.trigger(subscription)

    def trigger(self, subscription: Subscription) -> Effects:
        """Send one heartbeat more, unless nothing is sent at present; the timer goes on."""
        control = subscription.heartbeat
        if control is None or subscription.is_stopped:
            return ()
        status = subscription.status()
        return (
            PostHeartbeat(
                notification_id=self._next_notification_id(),
                subscription_id=subscription.subscription_id,
                base=subscription.base,
                recipient=subscription.settings.notification_recipient_address,
                heartbeat=control,
                epoch=subscription.epoch,
                last_sequence_no=status.last_sequence_no,
                last_event_time_ms=status.last_event_time_ms,
            ),
        )
