"""What provisioning does with the subscriptions of a notifier, and what it notifies of that.

A subscription is an object of the tree that it watches: creating, changing and deleting it is
notified like any other change. So the first notification of a subscription that selects it is its
own creation, and the last its own deletion (TS 28.622 4.3.22; C7). What the producer itself says
about a subscription, and all of NotificationList, is never notified (B10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mnstream.adapters.rest.notification_json import below, numbered_text, subscription_path
from mnstream.adapters.rest.provisioning.subscription_control import (
    heartbeat_attributes,
    settings_attributes,
)
from mnstream.adapters.runtime.notifier import Notifier
from mnstream.core.errors import Unavailable, UnknownObject
from mnstream.core.lifecycles.subscription import SubscriptionState
from mnstream.core.notification_events import (
    HeartbeatControlSet,
    HeartbeatTriggered,
    NotificationEmitted,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionModified,
)
from mnstream.core.notification_values import (
    Epoch,
    HeartbeatControl,
    ObjectPath,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.families import (
    MoiAttributeValueChanges,
    MoiCreation,
    MoiDeletion,
    SourceIndicator,
)
from mnstream.core.notifications.members import NotificationBody
from mnstream.core.notifications.subscription import Subscription
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.clock import Clock
from mnstream.ports.notification_store import NotificationStore, StoredNotification, StoredWindow
from mnstream.ports.subscriptions import StoredText, SubscriptionView

BYTES_MAX = 4 * 1024 * 1024
"""Of one answer with stored notifications; what is beyond is asked for again."""

_OPERATION = SourceIndicator.MANAGEMENT_OPERATION


class NotifierSubscriptions:
    """``ports.subscriptions.SubscriptionService`` of a notifier."""

    def __init__(
        self,
        notifier: Notifier,
        *,
        base: ObjectPath,
        store: NotificationStore,
        clock: Clock,
        profile: NotificationProfile,
    ) -> None:
        """Manage the subscriptions that ``base`` contains."""
        self._notifier = notifier
        self._base = base
        self._store = store
        self._clock = clock
        self._profile = profile

    @property
    def base(self) -> ObjectPath:
        """The object that contains the subscriptions."""
        return self._base

    def subscriptions(self) -> Sequence[SubscriptionView]:
        """Show all subscriptions, in the order of their creation."""
        return [
            self._view(each)
            for each in self._notifier.producer.subscriptions.values()
            if each.state is not SubscriptionState.ENDING
        ]

    def subscription(self, subscription_id: SubscriptionId) -> SubscriptionView | None:
        """Show one subscription; None when there is none."""
        subscription = self._find(subscription_id)
        return None if subscription is None else self._view(subscription)

    async def create(
        self, subscription_id: SubscriptionId | None, settings: SubscriptionSettings
    ) -> SubscriptionId:
        """Create a subscription; its creation is its first notification, if it selects it."""
        self._check_store()
        if subscription_id is None:
            subscription_id = self._unused()
        self._notifier.feed(
            SubscriptionCreated(
                subscription_id=subscription_id,
                base=self._base,
                settings=settings,
                wall_ms=self._clock.wall_ms(),
            )
        )
        path = subscription_path(self._base, subscription_id)
        self._created(path, settings_attributes(settings, self._profile))
        await self._store.flush()
        return subscription_id

    async def modify(self, subscription_id: SubscriptionId, settings: SubscriptionSettings) -> None:
        """Replace the settings of a subscription; its numbers go on."""
        self._check_store()
        before = self._existing(subscription_id).settings
        self._notifier.feed(
            SubscriptionModified(subscription_id=subscription_id, settings=settings)
        )
        self._changed(
            subscription_path(self._base, subscription_id),
            settings_attributes(before, self._profile),
            settings_attributes(settings, self._profile),
        )
        await self._store.flush()

    async def delete(self, subscription_id: SubscriptionId) -> None:
        """Delete a subscription and its HeartbeatControl; its last notification says so."""
        self._check_store()
        subscription = self._existing(subscription_id)
        path = subscription_path(self._base, subscription_id)
        if subscription.heartbeat is not None:
            self._deleted(
                below(path, "HeartbeatControl", subscription.heartbeat.heartbeat_control_id),
                heartbeat_attributes(subscription.heartbeat),
            )
        self._deleted(path, settings_attributes(subscription.settings, self._profile))
        self._notifier.feed(SubscriptionDeleted(subscription_id=subscription_id))
        await self._notifier.forgotten(subscription_id, subscription.epoch)
        await self._store.flush()

    async def set_heartbeat(
        self, subscription_id: SubscriptionId, heartbeat: HeartbeatControl | None
    ) -> None:
        """Create, change or (None) delete the HeartbeatControl."""
        self._check_store()
        before = self._existing(subscription_id).heartbeat
        self._notifier.feed(
            HeartbeatControlSet(subscription_id=subscription_id, heartbeat=heartbeat)
        )
        parent = subscription_path(self._base, subscription_id)
        if heartbeat is not None:
            path = below(parent, "HeartbeatControl", heartbeat.heartbeat_control_id)
            if before is None:
                self._created(path, heartbeat_attributes(heartbeat))
            else:
                self._changed(path, heartbeat_attributes(before), heartbeat_attributes(heartbeat))
        elif before is not None:
            path = below(parent, "HeartbeatControl", before.heartbeat_control_id)
            self._deleted(path, heartbeat_attributes(before))
        await self._store.flush()

    async def trigger_heartbeat(self, subscription_id: SubscriptionId) -> None:
        """Send one heartbeat now."""
        self._existing(subscription_id)
        self._notifier.feed(HeartbeatTriggered(subscription_id=subscription_id))

    def epochs(self, subscription_id: SubscriptionId) -> Sequence[tuple[Epoch, StoredWindow]]:
        """Show the epochs of a subscription that are known, oldest first, the present one last."""
        present = self._existing(subscription_id).epoch
        known = [each for each in self._store.epochs(subscription_id) if each != present]
        return [
            (epoch, _window(self._store, subscription_id, epoch)) for epoch in (*known, present)
        ]

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
        found = await self._store.read(
            subscription_id,
            epoch,
            first=first,
            last=last,
            count_max=count_max,
            bytes_max=BYTES_MAX,
        )
        return [self._text(each) for each in found]

    async def read_span(
        self,
        subscription_id: SubscriptionId,
        *,
        from_ms: int | None,
        to_ms: int | None,
        count_max: int,
    ) -> Sequence[StoredText]:
        """Read stored notifications by eventTime, both ends included, in the order of numbers."""
        found = await self._store.read_span(
            subscription_id,
            from_ms=from_ms,
            to_ms=to_ms,
            count_max=count_max,
            bytes_max=BYTES_MAX,
        )
        return [self._text(each) for each in found]

    # --- notifications about subscriptions --------------------------------------------------------

    def _created(self, path: ObjectPath, attributes: Mapping[str, Json]) -> None:
        self._notify(path, MoiCreation(attribute_list=attributes, source_indicator=_OPERATION))

    def _deleted(self, path: ObjectPath, attributes: Mapping[str, Json]) -> None:
        self._notify(path, MoiDeletion(attribute_list=attributes, source_indicator=_OPERATION))

    def _changed(
        self, path: ObjectPath, before: Mapping[str, Json], after: Mapping[str, Json]
    ) -> None:
        """Notify what changed: the new values and, where there were any, the old ones."""
        names = [n for n in {**after, **before} if before.get(n) != after.get(n)]
        if not names:
            return
        changes = tuple({name: values.get(name) for name in names} for values in (after, before))
        body = MoiAttributeValueChanges(
            attribute_list_value_changes=changes, source_indicator=_OPERATION
        )
        self._notify(path, body)

    def _notify(self, path: ObjectPath, body: NotificationBody) -> None:
        self._notifier.submit(
            NotificationEmitted(
                notification_type=body.notification_type,
                object_path=path,
                body=body.to_body(),
                event_time_ms=self._clock.wall_ms(),
            )
        )

    # --- what there is ----------------------------------------------------------------------------

    def _check_store(self) -> None:
        """Refuse what would not become durable, rather than let whoever asks wait for it."""
        if self._store.trouble:
            raise Unavailable(self._store.trouble)

    def _find(self, subscription_id: SubscriptionId) -> Subscription | None:
        subscription = self._notifier.producer.subscriptions.get(subscription_id)
        if subscription is None or subscription.state is SubscriptionState.ENDING:
            return None
        return subscription

    def _existing(self, subscription_id: SubscriptionId) -> Subscription:
        subscription = self._find(subscription_id)
        if subscription is None:
            raise UnknownObject(f"NtfSubscriptionControl={subscription_id}")
        return subscription

    def _unused(self) -> SubscriptionId:
        taken = self._notifier.producer.subscriptions
        number = len(taken) + 1
        while SubscriptionId(str(number)) in taken:
            number += 1
        return SubscriptionId(str(number))

    def _view(self, subscription: Subscription) -> SubscriptionView:
        return SubscriptionView(
            subscription_id=subscription.subscription_id,
            settings=subscription.settings,
            heartbeat=subscription.heartbeat,
            status=subscription.status(),
            epoch=subscription.epoch,
            window=_window(self._store, subscription.subscription_id, subscription.epoch),
            notifications_max=self._store.notifications_max,
        )

    def _text(self, stored: StoredNotification) -> StoredText:
        return StoredText(
            number=stored.number,
            event_time_ms=stored.event_time_ms,
            text=numbered_text(stored.common, stored.number, tell_epoch=self._profile.tell_epoch),
        )


def _window(
    store: NotificationStore, subscription_id: SubscriptionId, epoch: Epoch
) -> StoredWindow:
    """Show what is stored of an epoch, which is nothing while that is not durable."""
    nothing = StoredRange(epoch=epoch, oldest_sequence_no=0, newest_sequence_no=0)
    return store.window(subscription_id, epoch) or StoredWindow(
        range=nothing,
        number_of_stored_notifications=0,
        oldest_event_time_ms=None,
        newest_event_time_ms=None,
    )
