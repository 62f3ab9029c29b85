"""The notifier: the producer of reliable notifications as a service."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import assert_never

import anyio
import anyio.lowlevel

from mnstream.adapters.rest.notification_json import Naming, body_text, check_header, common_text
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.posts import Posts
from mnstream.adapters.runtime.waking import Alarm, Signal
from mnstream.core.errors import OperationError, Unavailable
from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.subscription import SubscriptionState
from mnstream.core.notification_effects import (
    CancelPost,
    ForgetSubscription,
    NotificationProducerEffect,
    PostHeartbeat,
    PostNotification,
    SetAlarm,
    StoreNotification,
    StoreSubscription,
)
from mnstream.core.notification_events import (
    GenerationFailed,
    GenerationRecovered,
    HeartbeatControlSet,
    NotificationEmitted,
    NotificationProducerEvent,
    NotificationsStored,
    StoreRolledOver,
    SubscriptionCreated,
    SubscriptionDeleted,
    SubscriptionModified,
    SubscriptionRestored,
)
from mnstream.core.notification_values import Epoch, ObjectPath, SubscriptionId
from mnstream.core.notifications.members import NotificationBody
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.profiles import SEED, NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.notification_store import NotificationStore, StoredSubscription
from mnstream.ports.observer import Observer
from mnstream.ports.recipient import NotificationSender

_log = logging.getLogger(__name__)

MARK_WAIT_S = 5.0
"""How long a good end waits to be remembered as one; a disk that refuses must not stop the stop."""

AlarmHook = Callable[[SubscriptionId, bool], None]
"""Told when the alarm of a subscription is raised (True) or cleared; what it raises is logged."""

_SETTINGS = SubscriptionCreated | SubscriptionModified | SubscriptionDeleted | HeartbeatControlSet


class Notifier:
    """Numbers, stores and delivers what an application emits.

    For one event loop. ``submit`` does not wait and shows overload; ``emit`` waits until what it
    was given is durable.
    """

    def __init__(
        self,
        producer: NotificationProducer,
        *,
        store: NotificationStore,
        sender: NotificationSender,
        clock: Clock,
        entropy: Entropy,
        observer: Observer,
        naming: Naming,
        profile: NotificationProfile = SEED,
        on_alarm: AlarmHook | None = None,
    ) -> None:
        """Put a producer on a store and a way to recipients.

        Args:
            producer: The core, fresh.
            store: Where everything is kept; its subscriptions are taken up when this runs.
            sender: The way to recipients.
            clock: Source of time.
            entropy: Source of chance.
            observer: Counts what becomes of notifications.
            naming: How objects are called.
            profile: Reading of the standard.
            on_alarm: Told about alarms, when the core was made with them (part 3c).
        """
        self.producer = producer
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._observer = observer
        self._naming = naming
        self._on_alarm = on_alarm
        self._posts = Posts(
            store,
            sender,
            clock=clock,
            entropy=entropy,
            observer=observer,
            naming=naming,
            tell_epoch=profile.tell_epoch,
            became=self._became,
        )
        self._alarm = Alarm(clock, producer.next_deadline_ms, self._wake)
        self._stopping = False
        self._body: tuple[Mapping[str, Json], bytes] = ({}, b"{}")  # of what is being emitted
        self._submitted = 0  # notificationId of the last one that was given to the store
        self._durable = 0  # and of the last one that is durable
        self._committed = Signal()
        self._moved = Signal()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve while the block runs; leaving it stops, unless the block has done so.

        Subscriptions of an earlier life are taken up. When that life did not end in good order,
        something may have been lost that nobody has numbered, so every subscription is told.
        """
        async with background() as tasks, self._posts.running():
            self._restore()
            tasks.start_soon(self._alarm.run)
            tasks.start_soon(self._commit)
            yield
            if not self._stopping:
                await self.stop()

    async def stop(self) -> None:
        """Take nothing new, store what was taken, deliver what is waiting.

        Waits as long as recipients are slow or away; cancel it to leave the rest in the store.
        """
        self._stopping = True
        try:
            await self._store.flush()
            while any(each.waiting for each in self.producer.subscriptions.values()):
                await self._moved.wait()
        finally:
            # What waits can be fetched, but only by consumers that ask for an epoch that is over.
            waiting = any(each.waiting for each in self.producer.subscriptions.values())
            self._store.mark(clean=not waiting)
            with anyio.move_on_after(MARK_WAIT_S, shield=True):
                await self._store.flush()

    # --- what applications call -----------------------------------------------------------------

    async def emit(
        self,
        body: NotificationBody,
        object_path: ObjectPath,
        *,
        event_time_ms: int | None = None,
        href: str | None = None,
    ) -> None:
        """Notify whoever wants it; returns when it is durable.

        Safe to cancel: then it is unknown whether it was prepared. Waits while the store is slow,
        so that it never makes the producer overloaded.

        Args:
            body: What happened; its class says of which type the notification is.
            object_path: The object that it is about.
            event_time_ms: When it happened, milliseconds since the Unix epoch; None for now.
            href: URI of the object, or a path below the root of URIs, when it is not to be made of
                its path.

        Raises:
            LocalProtocolError: The body has values that are not JSON, or members of the header, or
                is of a type that only the producer sends, or the time has no date.
            Unavailable: The notifier is stopping.
        """
        await self.has_room()
        self.submit(
            NotificationEmitted(
                notification_type=body.notification_type,
                object_path=object_path,
                body=body.to_body(),
                event_time_ms=self._clock.wall_ms() if event_time_ms is None else event_time_ms,
                href=href,
            )
        )
        await self.durable()

    def submit(self, event: NotificationEmitted, *, source_position: int | None = None) -> None:
        """Notify whoever wants it, without waiting.

        Beyond ``unstored_max`` on their way into the store, notifications are not prepared, and the
        producer says so to whoever wanted them.

        Args:
            event: What happened.
            source_position: Remembered with it, for a source that goes on where it was.

        Raises:
            LocalProtocolError: As ``emit``.
            Unavailable: The notifier is stopping.
        """
        if self._stopping:
            raise Unavailable("the notifier is stopping")
        # Numbers are given for good, so what cannot be written must not get one.
        check_header(event)
        self._body = (event.body, body_text(event.body))
        before = self.producer.not_prepared
        effects = self.producer.handle(event, now_ms=self._clock.monotonic_ms())
        self._observer.count("notifications_emitted")
        if self.producer.not_prepared > before:
            amount = self.producer.not_prepared - before
            self._observer.count("notifications_not_prepared", amount=amount)
        self._carry_out(effects, source_position=source_position)
        is_kept = any(isinstance(effect, StoreNotification) for effect in effects)
        if source_position is not None and not is_kept:
            self._store.mark(source_position=source_position)

    async def has_room(self) -> None:
        """Wait while half of what is allowed is on its way into the store. Safe to cancel."""
        limit = max(1, self.producer.config.unstored_max // 2)
        while self.producer.unstored >= limit:
            await self._committed.wait()

    async def subscribed(self) -> None:
        """Wait until there is a subscription that is not locked. Safe to cancel."""
        locked = SubscriptionState.LOCKED
        while all(each.state is locked for each in self.producer.subscriptions.values()):
            await self._moved.wait()

    async def durable(self) -> None:
        """Wait until everything that was submitted before is durable. Safe to cancel."""
        submitted = self._submitted
        if self._durable >= submitted:  # as always when nobody wants what is emitted
            await anyio.lowlevel.checkpoint()
        while self._durable < submitted:
            await self._committed.wait()

    def fail(self, notification_types: frozenset[str] | None, reason: str) -> None:
        """Admit that notifications are not prepared, or may not have been; None: of any type."""
        self.feed(
            GenerationFailed(
                notification_types=notification_types,
                reason=reason,
                event_time_ms=self._clock.wall_ms(),
            )
        )

    def recover(self) -> None:
        """Say that notifications of all types are prepared again."""
        self.feed(GenerationRecovered())

    # --- the core -------------------------------------------------------------------------------

    def feed(self, event: NotificationProducerEvent) -> None:
        """Give an event to the core and carry out what it asks for.

        Raises:
            OperationError: The core refuses it.
            Unavailable: The notifier is stopping, and it is about settings.
            LocalProtocolError: There is no such subscription.
        """
        if self._stopping and isinstance(event, _SETTINGS):
            raise Unavailable("the notifier is stopping")
        if isinstance(event, SubscriptionCreated | SubscriptionModified):
            refusal: OperationError | None = self.producer.refusal(event)
            if refusal is not None:
                raise refusal
        self._carry_out(self.producer.handle(event, now_ms=self._clock.monotonic_ms()))
        self._alarm.rearm()
        self._moved.notify()

    def _wake(self) -> None:
        wall_ms, jitter = self._clock.wall_ms(), self._entropy.jitter()
        event = DeadlineReached(wall_ms=wall_ms, jitter=jitter)
        self._carry_out(self.producer.handle(event, now_ms=self._clock.monotonic_ms()))
        self._moved.notify()

    def _restore(self) -> None:
        restored = self._store.restored()
        for each in restored:
            self.feed(
                SubscriptionRestored(
                    subscription_id=each.subscription_id,
                    base=each.base,
                    settings=each.settings,
                    heartbeat=each.heartbeat,
                    epoch=each.epoch,
                    wall_ms=self._clock.wall_ms(),
                    last_sequence_no=each.last_sequence_no,
                    last_event_time_ms=each.last_event_time_ms,
                )
            )
        if restored and not self._store.was_clean:
            self.fail(None, "the producer restarted and may have lost notifications")
            self.recover()

    def _became(
        self, event: NotificationProducerEvent, subscription_id: SubscriptionId
    ) -> PostNotification | None:
        """Tell the core what became of a post; give what its subscription is to post next."""
        effects = self.producer.handle(event, now_ms=self._clock.monotonic_ms())
        following = self._carry_out(effects, posting=subscription_id)
        self._alarm.rearm()
        self._moved.notify()
        return following

    async def _commit(self) -> None:
        """Tell the core what is durable, as the store goes on."""
        while True:
            committed = await self._store.committed()
            self._durable = max(self._durable, committed.notification_id)
            self.feed(NotificationsStored(notification_id=committed.notification_id))
            for subscription_id, oldest in committed.rolled_over.items():
                rolled = StoreRolledOver(subscription_id=subscription_id, oldest_sequence_no=oldest)
                self.feed(rolled)
            self._committed.notify()

    def _carry_out(
        self,
        effects: tuple[NotificationProducerEffect, ...],
        *,
        posting: SubscriptionId | None = None,
        source_position: int | None = None,
    ) -> PostNotification | None:
        """Do what the core asks for; what ``posting`` is to post next is returned instead."""
        following = None
        for effect in effects:
            match effect:
                case StoreNotification():
                    self._keep(effect, source_position)
                case PostNotification():
                    if effect.number.subscription_id == posting:
                        following = effect
                    else:
                        self._posts.start(effect)
                case CancelPost():
                    self._posts.cancel(effect.number)
                case PostHeartbeat():
                    self._posts.beat(effect)
                case StoreSubscription():
                    self._keep_subscription(effect)
                case ForgetSubscription():
                    self._store.forget_subscription(effect.subscription_id)
                case SetAlarm():
                    self._tell_alarm(effect)
                case _:
                    assert_never(effect)
        return following

    def _tell_alarm(self, effect: SetAlarm) -> None:
        if self._on_alarm is not None:
            try:
                self._on_alarm(effect.subscription_id, effect.raised)
            except Exception:  # what the core asks for besides is carried out all the same
                _log.exception("nobody was told of an alarm")

    def _keep(self, effect: StoreNotification, source_position: int | None) -> None:
        content = effect.content
        written = self._body[1] if content.body is self._body[0] else None
        self._store.append(
            common_text(content, self._naming, written),
            notification_id=content.notification_id,
            event_time_ms=content.event_time_ms,
            numbers=effect.numbers,
            source_position=source_position,
        )
        self._submitted = content.notification_id
        self._observer.count("notifications_prepared", amount=len(effect.numbers))

    def _keep_subscription(self, effect: StoreSubscription) -> None:
        self._store.save_subscription(
            StoredSubscription(
                subscription_id=effect.subscription_id,
                base=effect.base,
                settings=effect.settings,
                heartbeat=effect.heartbeat,
                epoch=effect.epoch,
            )
        )

    async def forgotten(self, subscription_id: SubscriptionId, epoch: Epoch) -> None:
        """Wait until a subscription that was deleted has delivered its last notification."""
        while True:
            subscription = self.producer.subscriptions.get(subscription_id)
            if subscription is None or subscription.epoch != epoch:
                return
            await self._moved.wait()
