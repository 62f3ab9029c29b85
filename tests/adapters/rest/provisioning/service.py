"""A ``SubscriptionService`` in memory, with nothing behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mnstream.core.errors import InvalidFilter, ObjectExists, Unavailable, UnknownObject
from mnstream.core.notification_values import (
    AvailabilityStatus,
    Epoch,
    HeartbeatControl,
    Number,
    ObjectPath,
    OperationalState,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
    SubscriptionStatus,
)
from mnstream.ports.notification_store import StoredWindow
from mnstream.ports.subscriptions import StoredText, SubscriptionView

EPOCH = Epoch(1_700_000_000_000)
"""The first epoch; notification n of an epoch happens n seconds after its beginning."""
LENGTH_MS = 1_000_000
BAD_FILTER = "]["


@dataclass
class Kept:
    """What is stored of one epoch."""

    newest: int = 0
    oldest: int = 0
    texts: dict[int, StoredText] = field(default_factory=dict[int, StoredText])


class MemoryService:
    """Its attributes are what a test sets or looks at."""

    def __init__(self, base: str = "SubNetwork=1/ManagedElement=1") -> None:
        self.base = ObjectPath(base)
        self.views: dict[SubscriptionId, SubscriptionView] = {}
        self.kept: dict[SubscriptionId, dict[Epoch, Kept]] = {}
        self.triggered: list[SubscriptionId] = []
        self.reads = 0
        self.bytes_max = 1_000_000
        self.heartbeats_refused = False
        self.drop_while_reading = 0
        self.drop_after_reading = 0
        self._created = 0

    def subscriptions(self) -> Sequence[SubscriptionView]:
        return tuple(self._shown(each) for each in self.views)

    def subscription(self, subscription_id: SubscriptionId) -> SubscriptionView | None:
        return self._shown(subscription_id) if subscription_id in self.views else None

    async def create(
        self, subscription_id: SubscriptionId | None, settings: SubscriptionSettings
    ) -> SubscriptionId:
        self._check(settings)
        if subscription_id is None:
            self._created += 1
            subscription_id = SubscriptionId(f"chosen{self._created}")
        if subscription_id in self.views:
            raise ObjectExists(identifiers=(subscription_id,))
        self.kept[subscription_id] = {EPOCH: Kept()}
        self.views[subscription_id] = SubscriptionView(
            subscription_id=subscription_id,
            settings=settings,
            heartbeat=None,
            status=SubscriptionStatus(
                last_sequence_no=0,
                last_event_time_ms=None,
                operational_state=OperationalState.ENABLED,
                availability_status=frozenset(),
                not_sent_notification_types=frozenset(),
            ),
            epoch=EPOCH,
            window=window(EPOCH, Kept(), None),
            notifications_max=100,
        )
        return subscription_id

    async def modify(self, subscription_id: SubscriptionId, settings: SubscriptionSettings) -> None:
        self._check(settings)
        view = self._known(subscription_id)
        self.views[subscription_id] = replace(view, settings=settings)

    async def delete(self, subscription_id: SubscriptionId) -> None:
        self._known(subscription_id)
        del self.views[subscription_id]

    async def set_heartbeat(
        self, subscription_id: SubscriptionId, heartbeat: HeartbeatControl | None
    ) -> None:
        if self.heartbeats_refused:
            raise Unavailable("no heartbeats today")
        view = self._known(subscription_id)
        self.views[subscription_id] = replace(view, heartbeat=heartbeat)

    async def trigger_heartbeat(self, subscription_id: SubscriptionId) -> None:
        assert self._known(subscription_id).heartbeat is not None
        self.triggered.append(subscription_id)

    def epochs(self, subscription_id: SubscriptionId) -> Sequence[tuple[Epoch, StoredWindow]]:
        epochs = self.kept[subscription_id]
        following = [*list(epochs)[1:], None]
        return tuple(
            (epoch, window(epoch, kept, later))
            for (epoch, kept), later in zip(epochs.items(), following, strict=True)
        )

    async def read(
        self,
        subscription_id: SubscriptionId,
        epoch: Epoch,
        *,
        first: int,
        last: int,
        count_max: int,
    ) -> Sequence[StoredText]:
        self._begin_reading(subscription_id)
        texts = self.kept[subscription_id][epoch].texts
        found = self._fitting(
            [texts[number] for number in texts if first <= number <= last], count_max
        )
        self.drop(subscription_id, self.drop_after_reading)
        return found

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
    ) -> Sequence[StoredText]:
        self._begin_reading(subscription_id)
        found = [
            each
            for kept in self.kept[subscription_id].values()
            for each in kept.texts.values()
            if (from_ms is None or from_ms <= each.event_time_ms)
            and (to_ms is None or each.event_time_ms <= to_ms)
        ]
        return self._fitting(found, count_max)

    # --- what tests do ------------------------------------------------------------------------

    def store(self, subscription_id: SubscriptionId, count: int, *, size: int = 0) -> None:
        """Prepare notifications in the present epoch."""
        epoch, kept = list(self.kept[subscription_id].items())[-1]
        for number in range(kept.newest + 1, kept.newest + count + 1):
            text = json.dumps({"sequenceNo": number, "x": "\u00e9 " + size * "y"}, indent=1)
            kept.texts[number] = StoredText(
                number=Number(subscription_id=subscription_id, epoch=epoch, sequence_no=number),
                event_time_ms=epoch + number * 1_000,
                text=text.encode(),
            )
        kept.newest += count
        kept.oldest = kept.oldest or (1 if kept.newest else 0)
        view = self.views[subscription_id]
        status = replace(
            view.status,
            last_sequence_no=kept.newest,
            last_event_time_ms=epoch + kept.newest * 1_000,
        )
        self.views[subscription_id] = replace(view, status=status)

    def drop(self, subscription_id: SubscriptionId, below: int, epoch: Epoch = EPOCH) -> None:
        """Drop notifications below a number."""
        kept = self.kept[subscription_id][epoch]
        for number in [number for number in kept.texts if number < below]:
            del kept.texts[number]
        kept.oldest = min(kept.texts, default=0)

    def restart(self, subscription_id: SubscriptionId) -> Epoch:
        """Begin an epoch."""
        epoch = Epoch(list(self.kept[subscription_id])[-1] + LENGTH_MS)
        self.kept[subscription_id][epoch] = Kept()
        self.views[subscription_id] = replace(self.views[subscription_id], epoch=epoch)
        return epoch

    def fail(self, subscription_id: SubscriptionId) -> None:
        """Show a subscription that is served badly."""
        view = self.views[subscription_id]
        status = replace(
            view.status,
            operational_state=OperationalState.DISABLED,
            availability_status=frozenset(
                {AvailabilityStatus.LOG_FULL, AvailabilityStatus.DEPENDENCY}
            ),
            not_sent_notification_types=None,
        )
        self.views[subscription_id] = replace(view, status=status)

    def _begin_reading(self, subscription_id: SubscriptionId) -> None:
        self.reads += 1
        if self.drop_while_reading:
            self.drop(subscription_id, self.drop_while_reading)

    def _fitting(self, texts: list[StoredText], count_max: int) -> Sequence[StoredText]:
        assert count_max >= 1
        fitting, size = list[StoredText](), 0
        for each in texts[:count_max]:
            size += len(each.text)
            if fitting and size > self.bytes_max:
                break
            fitting.append(each)
        return fitting

    def _shown(self, subscription_id: SubscriptionId) -> SubscriptionView:
        _, present = self.epochs(subscription_id)[-1]
        return replace(self.views[subscription_id], window=present)

    def _known(self, subscription_id: SubscriptionId) -> SubscriptionView:
        if subscription_id not in self.views:
            raise UnknownObject(identifiers=(subscription_id,))
        return self.views[subscription_id]

    def _check(self, settings: SubscriptionSettings) -> None:
        if settings.notification_filter == BAD_FILTER:
            raise InvalidFilter("cannot be read")


def window(epoch: Epoch, kept: Kept, next_epoch: Epoch | None) -> StoredWindow:
    times = [each.event_time_ms for each in kept.texts.values()]
    return StoredWindow(
        range=StoredRange(
            epoch=epoch,
            oldest_sequence_no=kept.oldest,
            newest_sequence_no=kept.newest,
            next_epoch=next_epoch,
        ),
        number_of_stored_notifications=len(kept.texts),
        oldest_event_time_ms=min(times, default=None),
        newest_event_time_ms=max(times, default=None),
    )
