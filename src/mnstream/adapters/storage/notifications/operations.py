"""What a store of notifications is asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnstream.adapters.storage.notifications.kept import Kept
from mnstream.core.notification_values import Epoch, Number, SubscriptionId
from mnstream.ports.notification_store import StoredSubscription


@dataclass(frozen=True, slots=True)
class Append:
    """Keep a notification."""

    common: bytes
    notification_id: int
    event_time_ms: int
    numbers: Sequence[Number]
    source_position: int | None


@dataclass(frozen=True, slots=True)
class Save:
    """Keep a subscription."""

    subscription: StoredSubscription


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop a subscription."""

    subscription_id: SubscriptionId


@dataclass(frozen=True, slots=True)
class Mark:
    """Note how far the source has come, and whether this is an end in good order."""

    source_position: int | None
    clean: bool

    def after(self, earlier: Mark) -> Mark:
        """Return what does the same as the earlier one and then this."""
        position = self.source_position
        return Mark(earlier.source_position if position is None else position, self.clean)


Operation = Append | Save | Forget | Mark


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of a subscription after a commit.

    Attributes:
        row: Its row in the database.
        epochs: Its epochs in order, the present one last.
    """

    row: int
    epochs: dict[Epoch, Kept]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit changed.

    Attributes:
        notification_id: Highest notificationId that was ever kept.
        held: What is kept of each subscription that changed; None for one that is gone.
        lost: Subscriptions that lost some of their present epoch.
        more: Whether there is more to be removed, in another commit.
    """

    notification_id: int
    held: Mapping[SubscriptionId, Held | None]
    lost: frozenset[SubscriptionId]
    more: bool
