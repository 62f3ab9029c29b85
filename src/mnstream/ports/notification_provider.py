"""A consumer's way to the producer of notifications: subscribing, and what is stored there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    Received,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the producer has.

    Attributes:
        notifications: Those that were asked for and are still there, in order; maybe only the
            first of them.
        window: What there is at all of the epoch that was asked for.
    """

    notifications: tuple[Received, ...]
    window: StoredRange


class NotificationProvider(Protocol):
    """One producer. Every call has a time limit of its own.

    Every method raises ``TransportError`` when there is no answer, and ``OperationError`` when the
    producer answers and refuses, or with something that is of no use (``Unavailable``).
    """

    async def subscribe(
        self,
        subscription_id: SubscriptionId,
        settings: SubscriptionSettings,
        heartbeat: HeartbeatControl | None,
    ) -> bool:
        """Create the subscription, or make the existing one so; tell whether it is new."""
        ...

    async def unsubscribe(self, subscription_id: SubscriptionId) -> None:
        """Delete the subscription; it is no failure that there is none."""
        ...

    async def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> Fetched:
        """Read stored notifications; ``first`` greater than ``last`` reads only the window.

        Epoch 0 is the oldest that the producer knows of this subscription; when it does not tell
        epochs, the only one.
        """
        ...

    async def aclose(self) -> None:
        """Release what is kept between calls. Never raises."""
        ...
