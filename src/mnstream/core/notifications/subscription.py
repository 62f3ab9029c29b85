"""One subscription at its producer: its numbers, its queue, and whether it is served."""

from __future__ import annotations

from collections import deque

from mnstream.core.lifecycles.delivery import DELIVERY, DeliveryState
from mnstream.core.lifecycles.subscription import SUBSCRIPTION, SubscriptionState
from mnstream.core.notification_values import (
    AvailabilityStatus,
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    OperationalState,
    SubscriptionId,
    SubscriptionSettings,
    SubscriptionStatus,
)
from mnstream.core.notifications.selection import Selection

A = AvailabilityStatus


class Subscription:
    """What a producer knows of one subscription.

    Numbers are dense from 1 in each epoch: those up to ``finished`` were delivered, rejected or
    passed over, those up to ``durable`` are stored and wait for their turn, those up to
    ``prepared`` are not stored yet. The one behind ``finished`` is in flight, or next.

    Attributes:
        subscription_id: Its identifier.
        base: The object that contains it.
        settings: What the consumer wants.
        selection: The same, ready to be asked.
        heartbeat: Its HeartbeatControl, if there is one.
        epoch: The epoch that it is in.
        state: Where its lifecycle is.
        delivery: Where its delivery is.
        finished: Highest number that is not to be delivered any more.
        durable: Highest number that is stored.
        attempts: How often the number in flight was tried.
        failures: Failed attempts in a row, over all numbers.
        given_up: Whether its recipient did not take the last notification that was posted.
        availability: Why it is not served as it should be.
        not_sent: Types that were not prepared; None when it is unknown which.
        overloaded_ms: eventTime of what was last not prepared because of overload; None when
            everything is prepared.
    """

    __slots__ = (
        "_finished_time_ms",
        "_times_ms",
        "attempts",
        "availability",
        "base",
        "delivery",
        "durable",
        "epoch",
        "failures",
        "finished",
        "given_up",
        "heartbeat",
        "not_sent",
        "overloaded_ms",
        "selection",
        "settings",
        "state",
        "subscription_id",
    )

    def __init__(
        self,
        subscription_id: SubscriptionId,
        base: ObjectPath,
        settings: SubscriptionSettings,
        selection: Selection,
        epoch: Epoch,
        *,
        last_sequence_no: int = 0,
        last_event_time_ms: int | None = None,
    ) -> None:
        """Start in good health, by default with the counter at zero (P1.4)."""
        self.subscription_id = subscription_id
        self.base = base
        self.settings = settings
        self.selection = selection
        self.heartbeat: HeartbeatControl | None = None
        self.epoch = epoch
        self.state: SubscriptionState = SUBSCRIPTION.initial
        self.delivery: DeliveryState = DELIVERY.initial
        self.finished = self.durable = last_sequence_no
        self.attempts = 0
        self.failures = 0
        self.given_up = False
        self.availability: set[AvailabilityStatus] = set()
        self.not_sent: set[str] | None = set()
        self.overloaded_ms: int | None = None
        self._times_ms: deque[int] = deque()
        self._finished_time_ms = last_event_time_ms

    @property
    def prepared(self) -> int:
        """Highest number given."""
        return self.finished + len(self._times_ms)

    @property
    def waiting(self) -> int:
        """Notifications that are prepared and not finished."""
        return len(self._times_ms)

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is sent: it is locked, or its recipient says that it is gone."""
        return self.delivery is DeliveryState.STOPPED

    def next_number(self) -> Number:
        """Name the notification that is in flight, or next."""
        return self._number(self.finished + 1)

    def prepare(self, event_time_ms: int) -> Number:
        """Give the next number (P1.2)."""
        self._times_ms.append(event_time_ms)
        return self._number(self.prepared)

    def finish(self) -> None:
        """Note that the next number is not to be delivered any more."""
        self._finished_time_ms = self._times_ms.popleft()
        self.finished += 1
        self.attempts = 0

    def pass_over(self, last: int) -> None:
        """Finish everything up to a number that is stored."""
        while self.finished < min(last, self.durable):
            self.finish()

    def fail_to_prepare(self, types: frozenset[str] | None) -> None:
        """Note that notifications were not prepared; None when it is unknown of which types."""
        self.availability.add(A.DEGRADED)
        if types is None or self.not_sent is None:
            self.not_sent = None
        else:
            self.not_sent |= types

    def prepare_again(self) -> None:
        """Note that notifications are prepared as they should be."""
        self.availability.discard(A.DEGRADED)
        self.not_sent = set()

    def heartbeat_posted(self, *, taken: bool) -> None:
        """Note whether the recipient takes a heartbeat, as a notification would show it (B13).

        One that is taken says nothing of a notification that was not.
        """
        if not taken:
            self.availability.add(A.DEPENDENCY)
        elif not self.given_up:
            self.availability.discard(A.DEPENDENCY)

    def status(self) -> SubscriptionStatus:
        """Describe it as its read-only attributes do (P3b, CR-0625)."""
        disabled = A.DEPENDENCY in self.availability or self.state is SubscriptionState.LOCKED
        return SubscriptionStatus(
            last_sequence_no=self.finished,
            last_event_time_ms=self._finished_time_ms,
            operational_state=OperationalState.DISABLED if disabled else OperationalState.ENABLED,
            availability_status=frozenset(self.availability),
            not_sent_notification_types=(
                None if self.not_sent is None else frozenset(self.not_sent)
            ),
        )

    def _number(self, sequence_no: int) -> Number:
        return Number(
            subscription_id=self.subscription_id, epoch=self.epoch, sequence_no=sequence_no
        )
