"""The state of a notifier as JSON for ``/admin/api``.

Of a recipient's address only scheme, host and port are shown: the rest may hold secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from mnstream.adapters.observability.admin import Query, Resource
from mnstream.adapters.observability.pages import page
from mnstream.adapters.rest.notification_json import date_time
from mnstream.core.errors import LocalProtocolError
from mnstream.core.notification_values import SubscriptionId
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.values import Json
from mnstream.ports.clock import Clock
from mnstream.ports.subscriptions import SubscriptionView


class SubscriptionReader(Protocol):
    """What is asked of a ``mnstream.ports.subscriptions.SubscriptionService``."""

    def subscription(self, subscription_id: SubscriptionId) -> SubscriptionView | None:
        """Show one subscription; None when there is none."""
        ...


class NotifierViews:
    """Subscriptions and ledger of one notifier; for the thread of its event loop."""

    def __init__(
        self, service: SubscriptionReader, producer: NotificationProducer, *, clock: Clock
    ) -> None:
        """Keep what to describe.

        Args:
            service: Tells what is stored of a subscription.
            producer: The core.
            clock: Tells how old the oldest stored notification is.
        """
        self._service = service
        self._producer = producer
        self._clock = clock

    def resources(self) -> dict[str, Resource]:
        """Give them under the names that they have below ``/admin/api/``."""
        return {"ledger": self.ledger, "subscriptions": self.subscriptions}

    def subscriptions(self, segments: Sequence[str], query: Query) -> Json:
        """Give a page of the subscriptions, those that are ending too, or one with all details."""
        everything = self._producer.subscriptions
        match segments:
            case ():
                identifiers, following = page(everything, query)
                described: list[Json] = [_summary(everything[each]) for each in identifiers]
                return {"subscriptions": described, "total": len(everything), "next": following}
            case (identifier,):
                subscription = everything.get(SubscriptionId(identifier))
                return None if subscription is None else self._detailed(subscription)
            case _:
                return None

    def ledger(self, segments: Sequence[str], query: Query) -> Json:
        """Give what became of all numbers: ``prepared`` is ``finished`` and ``waiting``.

        The sums are of all subscriptions in their present epochs, the list is a page of them.
        """
        if segments:
            return None
        everything = self._producer.subscriptions
        identifiers, following = page(everything, query)
        entries: list[Json] = [self._entry(everything[each]) for each in identifiers]
        return {
            "prepared": sum(each.prepared for each in everything.values()),
            "finished": sum(each.finished for each in everything.values()),
            "waiting": sum(each.waiting for each in everything.values()),
            "unstored": self._producer.unstored,
            "subscriptions": entries,
            "total": len(everything),
            "next": following,
        }

    def _entry(self, subscription: Subscription) -> dict[str, Json]:
        status = subscription.status()
        not_sent = status.not_sent_notification_types
        return {
            "subscription": subscription.subscription_id,
            "epoch": subscription.epoch,
            "prepared": subscription.prepared,
            "durable": subscription.durable,
            "finished": subscription.finished,
            "waiting": subscription.waiting,
            # None: nobody knows which types were not sent.
            "not_sent_types": None if not_sent is None else _sorted(not_sent),
            "operational_state": status.operational_state.value,
            "availability_status": _sorted(each.value for each in status.availability_status),
            "stored": self._stored(subscription),
        }

    def _detailed(self, subscription: Subscription) -> dict[str, Json]:
        settings, heartbeat = subscription.settings, subscription.heartbeat
        scope, types = settings.scope, settings.notification_types
        wanted: dict[str, Json] = {
            "types": None if types is None else _sorted(types),
            "filter": settings.notification_filter,
            "scope": None if scope is None else scope.scope_type.value,
            "scope_level": None if scope is None else scope.scope_level,
            "heartbeat_period_s": None if heartbeat is None else heartbeat.heartbeat_ntf_period_s,
        }
        return {**_summary(subscription), **self._entry(subscription), **wanted}

    def _stored(self, subscription: Subscription) -> Json:
        """Give what is stored of the present epoch; None when the subscription is ending."""
        view = self._service.subscription(subscription.subscription_id)
        if view is None:
            return None
        window = view.window
        oldest_ms = window.oldest_event_time_ms
        return {
            "notifications": window.number_of_stored_notifications,
            "notifications_max": view.notifications_max,
            "oldest_sequence_no": window.range.oldest_sequence_no,
            "newest_sequence_no": window.range.newest_sequence_no,
            "oldest_event_time": _time(oldest_ms),
            "newest_event_time": _time(window.newest_event_time_ms),
            "oldest_age_ms": None if oldest_ms is None else self._clock.wall_ms() - oldest_ms,
        }


def _summary(subscription: Subscription) -> dict[str, Json]:
    status = subscription.status()
    return {
        "subscription": subscription.subscription_id,
        "base": subscription.base,
        "recipient": _origin(subscription.settings.notification_recipient_address),
        "state": subscription.state.value,
        "delivery": subscription.delivery.value,
        "attempts": subscription.attempts,
        "failures": subscription.failures,
        "waiting": subscription.waiting,
        "last_sequence_no": status.last_sequence_no,
        "last_event_time": _time(status.last_event_time_ms),
        "operational_state": status.operational_state.value,
        "availability_status": _sorted(each.value for each in status.availability_status),
    }


def _origin(address: str) -> str | None:
    """Give scheme, host and port of an address; None when it is no such URL."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port is None else f":{port}")


def _time(wall_ms: int | None) -> str | None:
    """Write an eventTime; None also for one that no date can show, since applications give them."""
    try:
        return None if wall_ms is None else date_time(wall_ms)
    except LocalProtocolError:
        return None


def _sorted(texts: Iterable[str]) -> list[Json]:
    return [*sorted(texts)]
