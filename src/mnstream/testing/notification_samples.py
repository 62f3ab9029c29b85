"""Subscriptions and notifications as the suite of ``notification_stores`` stores them."""

from __future__ import annotations

from collections.abc import Iterable

from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    Scope,
    ScopeType,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.ports.notification_store import (
    NotificationStore,
    StoredNotification,
    StoredSubscription,
    StoredWindow,
)

WALL_MS = 4_102_444_800_000
"""2100-01-01: too old in no store, however short it keeps notifications."""

A, B, C = map(SubscriptionId, ("1", "\u00e9 'quoted\"; --", "c"))
FIRST, SECOND, THIRD = map(Epoch, (1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000))

SUBSCRIPTIONS = (
    StoredSubscription(
        subscription_id=A,
        base=ObjectPath("SubNetwork=1/ManagedElement=%C3%A9"),
        settings=SubscriptionSettings(
            notification_recipient_address="https://consumer.example/%C3%A9?a='b'",
            notification_types=frozenset({"notifyMOICreation", "notifyNewAlarm"}),
            scope=Scope(scope_type=ScopeType.BASE_NTH_LEVEL, scope_level=2),
            notification_filter='//alarm[perceivedSeverity="CRITICAL"]',
            locked=True,
        ),
        heartbeat=HeartbeatControl(heartbeat_control_id="h'1", heartbeat_ntf_period_s=60),
        epoch=FIRST,
    ),
    StoredSubscription(
        subscription_id=B,
        base=ObjectPath(""),
        settings=SubscriptionSettings(
            notification_recipient_address="http://127.0.0.1:1/",
            notification_types=frozenset(),
            scope=Scope(scope_type=ScopeType.BASE_ALL),
        ),
        heartbeat=HeartbeatControl(heartbeat_control_id=""),
        epoch=FIRST,
    ),
    StoredSubscription(
        subscription_id=C,
        base=ObjectPath("ManagedElement=1"),
        settings=SubscriptionSettings(notification_recipient_address="x:"),
        heartbeat=None,
        epoch=FIRST,
    ),
)
"""One with everything, one with what is empty, one with what is left out."""


def number(subscription_id: SubscriptionId, epoch: Epoch, sequence_no: int) -> Number:
    """Name a notification."""
    return Number(subscription_id=subscription_id, epoch=epoch, sequence_no=sequence_no)


def common(notification_id: int, size: int = 0) -> bytes:
    """Make the text of a notification, at least so many octets."""
    return b'{"notificationId":%d,"x":"%s"}' % (notification_id, b"x" * size)


def append(
    store: NotificationStore,
    notification_id: int,
    *numbers: Number,
    size: int = 0,
    source_position: int | None = None,
) -> None:
    """Append a notification whose eventTime is a second for each notificationId."""
    store.append(
        common(notification_id, size),
        notification_id=notification_id,
        event_time_ms=WALL_MS + 1_000 * notification_id,
        numbers=numbers,
        source_position=source_position,
    )


def window(
    epoch: Epoch, oldest: int, newest: int, times: tuple[int, int] | None, following: Epoch | None
) -> StoredWindow:
    """Make a window; ``times`` are the notificationIds of its ends."""
    return StoredWindow(
        range=StoredRange(
            epoch=epoch,
            oldest_sequence_no=oldest,
            newest_sequence_no=newest,
            next_epoch=following,
        ),
        number_of_stored_notifications=newest - oldest + 1 if times else 0,
        oldest_event_time_ms=WALL_MS + 1_000 * times[0] if times else None,
        newest_event_time_ms=WALL_MS + 1_000 * times[1] if times else None,
    )


def ids(notifications: Iterable[StoredNotification]) -> list[int]:
    """Tell which notifications these are."""
    return [(each.event_time_ms - WALL_MS) // 1_000 for each in notifications]
