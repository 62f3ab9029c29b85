"""What a consumer of notifications remembers when it is gone."""

from __future__ import annotations

from typing import Protocol

from mnstream.core.notification_values import Number, SubscriptionId


class Checkpoints(Protocol):
    """How far each subscription was processed. One consumer at a time."""

    def load(self, subscription_id: SubscriptionId) -> Number | None:
        """Return the last number that was saved when this was opened, or since; None for none."""
        ...

    def checksum(self, subscription_id: SubscriptionId) -> int | None:
        """Return what was saved beside that number; None for nothing."""
        ...

    async def save(self, number: Number, checksum: int | None = None) -> None:
        """Remember durably that everything up to this number was processed.

        Cancelled, it may or may not be remembered.

        Raises:
            OSError: It cannot be written; nothing changed.
        """
        ...

    def setting(self, name: str) -> str | None:
        """Return what was remembered under a name; None for nothing."""
        ...

    async def remember(self, name: str, value: str) -> None:
        """Remember a value durably, for example the identifier of the consumer's subscription.

        Raises:
            OSError: It cannot be written; nothing changed.
        """
        ...
