"""Posts that are going on: one notification of a subscription at a time, and heartbeats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from mnstream.adapters.rest.notification_json import Naming, heartbeat_text, numbered_text
from mnstream.adapters.runtime.background import background
from mnstream.adapters.storage import StorageError
from mnstream.core.notification_effects import PostHeartbeat, PostNotification
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryRejected,
    DeliverySucceeded,
    HeartbeatPosted,
    NotificationProducerEvent,
    RecipientGone,
)
from mnstream.core.notification_values import Number, SubscriptionId
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.notification_store import NotificationStore
from mnstream.ports.observer import Observer
from mnstream.ports.recipient import (
    Delivered,
    Gone,
    NotDelivered,
    NotificationSender,
    PostOutcome,
    Rejected,
)

Became = Callable[[NotificationProducerEvent, SubscriptionId], PostNotification | None]
"""Told what became of a post; gives what the same subscription is to post next."""

BYTES_MAX = 1
"""Of a notification that is read to be posted: one alone is given, however long it is."""


@dataclass(slots=True, eq=False)
class _Post:
    number: Number
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Posts:
    """Carries out what a producer asks to be posted."""

    def __init__(
        self,
        store: NotificationStore,
        sender: NotificationSender,
        *,
        clock: Clock,
        entropy: Entropy,
        observer: Observer,
        naming: Naming,
        tell_epoch: bool,
        became: Became,
    ) -> None:
        """Keep where texts come from, where they go, and who is told."""
        self._store = store
        self._sender = sender
        self._clock = clock
        self._entropy = entropy
        self._observer = observer
        self._naming = naming
        self._tell_epoch = tell_epoch
        self._became = became
        self._posts: dict[SubscriptionId, _Post] = {}
        self._beating: set[SubscriptionId] = set()
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Post while the block runs; leaving it cancels what is going on."""
        async with background() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None

    def start(self, effect: PostNotification) -> None:
        """Post a notification and all that its subscription posts after it."""
        if self._tasks is not None:
            post = _Post(effect.number)
            self._posts[effect.number.subscription_id] = post  # so that it can be cancelled at once
            self._tasks.start_soon(self._run, post, effect)

    def cancel(self, number: Number) -> None:
        """Stop waiting for the answer to a notification, if it is being posted."""
        post = self._posts.get(number.subscription_id)
        if post is not None and post.number == number:
            del self._posts[number.subscription_id]
            post.scope.cancel()

    def beat(self, effect: PostHeartbeat) -> None:
        """Post a heartbeat, unless the one before is still on its way."""
        if effect.subscription_id in self._beating:
            self._observer.count("heartbeats_posted", "skipped")
        elif self._tasks is not None:
            self._beating.add(effect.subscription_id)
            self._tasks.start_soon(self._beat, effect)

    async def _run(self, post: _Post, effect: PostNotification) -> None:
        subscription_id = effect.number.subscription_id
        following: PostNotification | None = effect
        if self._posts.get(subscription_id) is not post:
            return  # cancelled before it began
        with post.scope:  # one for all of them: a scope for each costs a tenth of a post
            while following is not None:
                post.number = following.number
                self._posts[subscription_id] = post
                event = await self._post(following)
                if self._posts.get(subscription_id) is not post:
                    return  # cancelled in the moment in which the answer came
                del self._posts[subscription_id]
                following = self._became(event, subscription_id)

    async def _post(self, effect: PostNotification) -> NotificationProducerEvent:
        number = effect.number
        common = self._store.recent(number)
        if common is None:
            try:
                stored = await self._store.read(
                    number.subscription_id,
                    number.epoch,
                    first=number.sequence_no,
                    last=number.sequence_no,
                    count_max=1,
                    bytes_max=BYTES_MAX,
                )
            except StorageError as error:  # a disk may recover; until then it is like a bad line
                return self._event(number, NotDelivered(str(error)))
            if not stored:
                return DeliveryRejected(
                    number=number, reason="not stored any more", by_recipient=False
                )
            common = stored[0].common
        text = numbered_text(common, number, tell_epoch=self._tell_epoch)
        message_id = f"{number.subscription_id}.{number.epoch}.{number.sequence_no}"
        outcome = await self._sender.post(effect.recipient, text, message_id=message_id)
        return self._event(number, outcome)

    def _event(self, number: Number, outcome: PostOutcome) -> NotificationProducerEvent:
        match outcome:
            case Delivered():
                self._observer.count("notification_deliveries", "delivered")
                return DeliverySucceeded(number=number)
            case Rejected():
                self._observer.count("notification_deliveries", "rejected")
                return DeliveryRejected(number=number, reason=outcome.reason)
            case Gone():
                self._observer.count("notification_deliveries", "gone")
                return RecipientGone(number=number)
            case NotDelivered():
                self._observer.count("notification_deliveries", "failed")
                return DeliveryFailed(
                    number=number,
                    reason=outcome.reason,
                    retry_after_ms=outcome.retry_after_ms,
                    jitter=self._entropy.jitter(),
                )
            case _:
                assert_never(outcome)

    async def _beat(self, effect: PostHeartbeat) -> None:
        text = heartbeat_text(
            effect,
            self._naming,
            event_time_ms=self._clock.wall_ms(),
            tell_epoch=self._tell_epoch,
        )
        message_id = f"{effect.subscription_id}.{effect.epoch}.heartbeat.{effect.notification_id}"
        try:
            outcome = await self._sender.post(effect.recipient, text, message_id=message_id)
        finally:
            self._beating.discard(effect.subscription_id)
        taken = isinstance(outcome, Delivered)
        self._observer.count("heartbeats_posted", "taken" if taken else "failed")
        posted = HeartbeatPosted(subscription_id=effect.subscription_id, taken=taken)
        following = self._became(posted, effect.subscription_id)
        if following is not None:
            self.start(following)
