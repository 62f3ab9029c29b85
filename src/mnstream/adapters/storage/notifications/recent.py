"""The notifications that were appended last, in memory: they are about to be delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mnstream.core.notification_values import Epoch, Number, SubscriptionId

NUMBER_BYTES = 10
"""What a number costs: an element of a list that grows."""
NOTIFICATION_BYTES = 150
"""What a notification costs beside its text and its numbers."""


@dataclass(slots=True)
class _Run:
    """Successive notifications of one subscription in one epoch: common text and eventTime."""

    epoch: Epoch
    first: int
    notifications: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])


class Recent:
    """Two generations: when the young one has half of the octets, the old one goes."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max // 2
        self._young_bytes = 0
        self._young: dict[SubscriptionId, _Run] = {}
        self._old: dict[SubscriptionId, _Run] = {}

    def add(self, common: bytes, event_time_ms: int, numbers: Sequence[Number]) -> None:
        """Remember a notification under each of its numbers."""
        notification = (common, event_time_ms)
        size = len(common) + NOTIFICATION_BYTES + NUMBER_BYTES * len(numbers)
        if self._young_bytes + size > self._bytes_max:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young_bytes += size
        young = self._young
        for number in numbers:
            run = young.get(number.subscription_id)
            if (
                run is None
                or run.epoch != number.epoch
                or number.sequence_no != run.first + len(run.notifications)
            ):
                run = young[number.subscription_id] = _Run(number.epoch, number.sequence_no)
            run.notifications.append(notification)

    def forget(self, subscription_id: SubscriptionId) -> None:
        """Forget what there is of a subscription."""
        self._young.pop(subscription_id, None)
        self._old.pop(subscription_id, None)

    def get(
        self, subscription_id: SubscriptionId, epoch: Epoch, sequence_no: int
    ) -> tuple[bytes, int] | None:
        """Give the common text and the eventTime of a notification; None when it is not here."""
        for generation in (self._young, self._old):
            run = generation.get(subscription_id)
            if run is not None and run.epoch == epoch:
                index = sequence_no - run.first
                if 0 <= index < len(run.notifications):
                    return run.notifications[index]
        return None
