"""What the notification services talk about (TS 28.532 11, TS 28.622 4.3.21-23, the SA5 study).

Stage 2 names. How they are spelled in JSON is the business of ``adapters/rest``. A notification has
a header that everybody understands and a body that is open: members nobody here knows are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from mnstream.core.values import Json

SubscriptionId = NewType("SubscriptionId", str)
"""Identifier of one NtfSubscriptionControl: the value of its naming attribute."""
Epoch = NewType("Epoch", int)
"""Which life of a subscription at its producer a sequence number belongs to: numbers begin anew in
each (P1.4). It is the wall-clock time of its beginning in milliseconds, never the same twice; 0 is
the epoch of a producer that does not tell."""
ObjectPath = NewType("ObjectPath", str)
"""LDN of an object as the path of its URI: ``Class=id/Class=id``, no slash at its ends (TS 32.158
4.2.3). Identifiers are percent-encoded, in one way only, so that paths can be compared."""

UNTOLD = Epoch(0)
"""Epoch of a producer that does not tell."""
HEARTBEAT = "notifyHeartbeat"
NOT_SENT = "notifyNotificationNotSent"


class OperationalState(Enum):
    """Whether a subscription is served."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class AvailabilityStatus(Enum):
    """Why a subscription is not served as it should be (TS 28.623 ComDefs; those that we set)."""

    DEPENDENCY = "DEPENDENCY"
    """The recipient does not take notifications."""
    DEGRADED = "DEGRADED"
    """Notifications were not prepared."""
    LOG_FULL = "LOG_FULL"
    """Notifications that were never delivered had to leave the store."""


class ScopeType(Enum):
    """Which objects below the base object are meant (TS 28.622 4.3.23)."""

    BASE_ONLY = "BASE_ONLY"
    BASE_ALL = "BASE_ALL"
    BASE_NTH_LEVEL = "BASE_NTH_LEVEL"
    BASE_SUBTREE = "BASE_SUBTREE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Objects that a subscription is about.

    Attributes:
        scope_type: How the objects are chosen.
        scope_level: Levels below the base object, 0 for itself; None where it means nothing.
    """

    scope_type: ScopeType
    scope_level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSettings:
    """What the consumer says about a subscription (TS 28.622 4.3.22).

    Attributes:
        notification_recipient_address: URI that notifications are posted to.
        notification_types: Types that are wanted; None for all.
        scope: Objects that are meant; None for the base object and everything below it.
        notification_filter: Condition on the notification; None for none.
        locked: Whether administrativeState is LOCKED: nothing is prepared and nothing is sent
            (CR-0625; only where the profile has that attribute).
    """

    notification_recipient_address: str
    notification_types: frozenset[str] | None = None
    scope: Scope | None = None
    notification_filter: str | None = None
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatControl:
    """Heartbeats of a subscription (TS 28.622 4.3.21); a subscription has one at most.

    Attributes:
        heartbeat_control_id: Its identifier.
        heartbeat_ntf_period_s: Seconds from one heartbeat to the next; 0 is off.
    """

    heartbeat_control_id: str
    heartbeat_ntf_period_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionStatus:
    """What the producer says about a subscription; read-only and never notified.

    Attributes:
        last_sequence_no: Number of the last notification that was sent, or given up; 0 for none.
        last_event_time_ms: Its eventTime; None for none.
        operational_state: Whether the subscription is served.
        availability_status: Why not as it should be.
        not_sent_notification_types: Types that were not prepared; None when they are unknown.
    """

    last_sequence_no: int
    last_event_time_ms: int | None
    operational_state: OperationalState
    availability_status: frozenset[AvailabilityStatus]
    not_sent_notification_types: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A notification before it is numbered: the same for every subscription.

    Attributes:
        notification_type: Its type.
        object_path: The object that it is about.
        notification_id: Identifier for correlation, chosen by the producer.
        event_time_ms: When it happened, milliseconds since the Unix epoch.
        body: Members beyond the header, under their own names, not interpreted.
        href: URI of the object, or a path below the root of URIs, when it is not to be made of
            ``object_path``.
    """

    notification_type: str
    object_path: ObjectPath
    notification_id: int
    event_time_ms: int
    body: Mapping[str, Json]
    href: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Where a notification stands in its subscription.

    Attributes:
        subscription_id: The subscription.
        epoch: Life of the producer in which it was prepared.
        sequence_no: Dense from 1 in each epoch.
    """

    subscription_id: SubscriptionId
    epoch: Epoch
    sequence_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A notification as a consumer got it, pushed or fetched.

    Attributes:
        number: Where it stands; ``epoch`` is 0 when the producer does not tell.
        notification_type: Its type.
        event_time_ms: When it happened; None when that cannot be read.
        payload: The JSON text, byte for byte.
        content: CRC-32 of what it says, however that is spelled: producers and proxies may write
            the same JSON anew.
        not_sent_types: Types that it says were not prepared; None when it does not know which,
            empty for every other notification.
    """

    number: Number
    notification_type: str
    event_time_ms: int | None
    payload: bytes
    content: int = field(compare=False)  # follows from the payload
    not_sent_types: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRange:
    """What a producer still has of one subscription in one epoch (NotificationList).

    Attributes:
        epoch: Life of the producer; 0 when it does not tell.
        oldest_sequence_no: Lowest number that can be fetched; 0 when nothing can.
        newest_sequence_no: Highest number that was prepared in this epoch, kept or not; 0 for none.
        next_epoch: The epoch that followed this one; None when this one lasts.
        known: Whether the producer remembers this epoch at all; when it does not, nobody knows what
            was in it.
    """

    epoch: Epoch
    oldest_sequence_no: int
    newest_sequence_no: int
    next_epoch: Epoch | None = None
    known: bool = True
