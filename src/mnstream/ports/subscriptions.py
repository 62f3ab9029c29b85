"""What provisioning does with the subscriptions of a producer (TS 28.622 4.3.21-22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    SubscriptionId,
    SubscriptionSettings,
    SubscriptionStatus,
)
from mnstream.ports.notification_store import StoredWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription as its objects show it.

    Attributes:
        subscription_id: Identifier of the NtfSubscriptionControl, and of its NotificationList.
        settings: What the consumer wants.
        heartbeat: Its HeartbeatControl, if there is one.
        status: What the producer says about it.
        epoch: The epoch that it is in.
        window: What is stored of that epoch.
        notifications_max: How many notifications are kept at most.
    """

    subscription_id: SubscriptionId
    settings: SubscriptionSettings
    heartbeat: HeartbeatControl | None
    status: SubscriptionStatus
    epoch: Epoch
    window: StoredWindow
    notifications_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """A stored notification as it was, or would have been, posted.

    Attributes:
        number: Where it stands.
        event_time_ms: Its eventTime.
        text: The JSON object, byte for byte.
    """

    number: Number
    event_time_ms: int
    text: bytes


class SubscriptionService(Protocol):
    """The subscriptions of one producer below one base object. Calls may overlap.

    What is written is durable and in force when a call returns. Writing raises ``OperationError``
    when it is refused: ``InvalidFilter``, ``LimitExceeded``, ``UnknownObject``, ``ObjectExists``,
    ``MalformedRequest``, ``Unavailable``; nothing changed then.
    """

    @property
    def base(self) -> ObjectPath:
        """The object that contains the subscriptions."""
        ...

    def subscriptions(self) -> Sequence[SubscriptionView]:
        """Show all subscriptions, in the order of their creation."""
        ...

    def subscription(self, subscription_id: SubscriptionId) -> SubscriptionView | None:
        """Show one subscription; None when there is none."""
        ...

    async def create(
        self, subscription_id: SubscriptionId | None, settings: SubscriptionSettings
    ) -> SubscriptionId:
        """Create a subscription; None lets the producer choose the identifier."""
        ...

    async def modify(self, subscription_id: SubscriptionId, settings: SubscriptionSettings) -> None:
        """Replace the settings of a subscription; its numbers go on."""
        ...

    async def delete(self, subscription_id: SubscriptionId) -> None:
        """Delete a subscription and its HeartbeatControl; its last notification says so."""
        ...

    async def set_heartbeat(
        self, subscription_id: SubscriptionId, heartbeat: HeartbeatControl | None
    ) -> None:
        """Create, change or (None) delete the HeartbeatControl."""
        ...

    async def trigger_heartbeat(self, subscription_id: SubscriptionId) -> None:
        """Send one heartbeat now."""
        ...

    def epochs(self, subscription_id: SubscriptionId) -> Sequence[tuple[Epoch, StoredWindow]]:
        """Show the epochs of a subscription that are known, oldest first, the present one last."""
        ...

    async def read(
        self,
        subscription_id: SubscriptionId,
        epoch: Epoch,
        *,
        first: int,
        last: int,
        count_max: int,
    ) -> Sequence[StoredText]:
        """Read stored notifications by number, in order: the first that fit the limits."""
        ...

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
    ) -> Sequence[StoredText]:
        """Read stored notifications by eventTime, both ends included, in the order of numbers."""
        ...
