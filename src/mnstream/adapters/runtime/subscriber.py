"""The subscriber: the consumer of reliable notifications as a service."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import assert_never

import anyio

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.items import Item, Lost, Notification, Reread, Restarted
from mnstream.adapters.runtime.waking import Alarm, Signal
from mnstream.core.errors import OperationError, Unavailable, UnknownObject
from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.synchronisation import SynchronisationState
from mnstream.core.notification_effects import (
    FetchRange,
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    ReportRestart,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    HandedOver,
    HeartbeatReceived,
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
    SynchronisationRequested,
)
from mnstream.core.notification_values import (
    HeartbeatControl,
    Received,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.ports.channel import TransportError
from mnstream.ports.checkpoints import Checkpoints
from mnstream.ports.clock import Clock, Entropy
from mnstream.ports.notification_provider import Fetched, NotificationProvider

_log = logging.getLogger(__name__)

ROOM_WAIT_S = 2.0
"""How long a producer is kept waiting for room before it is told to come back."""
START_PAUSES_S = (0.1, 0.3, 0.6)
"""Between attempts to subscribe at the beginning: a second, then whoever started it is told."""
SILENCE_FACTOR = 2.5
"""Heartbeat periods without a word after which the producer is asked whether it knows us."""


class Subscriber:
    """Gives the notifications of one subscription strictly in sequence.

    An asynchronous iterator for one task. Asking for the next item says that the one before was
    processed; it is remembered durably first, so that a crash repeats at most the one in hand.
    """

    def __init__(
        self,
        consumer: NotificationConsumer,
        *,
        provider: NotificationProvider,
        checkpoints: Checkpoints,
        clock: Clock,
        entropy: Entropy,
        settings: SubscriptionSettings,
        heartbeat: HeartbeatControl | None = None,
    ) -> None:
        """Put a consumer on a way to its producer.

        Args:
            consumer: The core; fresh, or behind its checkpoint.
            provider: The way to the producer.
            checkpoints: Remembers what was processed.
            clock: Source of time.
            entropy: Source of chance.
            settings: What is subscribed to.
            heartbeat: Heartbeats that are wanted, if any.
        """
        self.consumer = consumer
        self.is_subscribed = False
        """Whether the producer has confirmed the subscription."""
        self.trouble = ""
        """Why the producer cannot be asked at present, for people; empty when it can."""
        self._provider = provider
        self._checkpoints = checkpoints
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._heartbeat = heartbeat
        self._alarm = Alarm(clock, consumer.next_deadline_ms, self._wake)
        self._due: deque[NotificationConsumerEffect] = deque()
        self._in_hand: HandOver | None = None
        self._arrived = Signal()
        self._moved = Signal()
        self._wanted: FetchRange | None = None
        self._fetch_wanted = Signal()
        self._fetching: anyio.CancelScope | None = None
        self._heard_ms = clock.monotonic_ms()
        self._ended = False
        self._finishing = False
        self._is_closed = False

    @property
    def subscription_id(self) -> SubscriptionId:
        """Identifier of the subscription."""
        return self.consumer.subscription_id

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Subscribe and receive while the block runs; the subscription stays when it ends.

        Raises:
            OperationError: The producer refuses the subscription.
            TransportError: The producer cannot be reached.
        """
        is_new = await self._begin()
        async with background() as tasks:
            tasks.start_soon(self._alarm.run)
            tasks.start_soon(self._fetch)
            if self._heartbeat is not None and self._heartbeat.heartbeat_ntf_period_s:
                tasks.start_soon(self._watch, self._heartbeat.heartbeat_ntf_period_s)
            self._feed(SynchronisationRequested(from_start=is_new))
            yield

    async def _begin(self) -> bool:
        """Subscribe; one request that is lost on the way is no reason to give up."""
        for pause_s in START_PAUSES_S:
            try:
                return await self.subscribe()
            except TransportError as error:
                # Whoever waits is told once: the last of the failures is raised.
                _log.debug("not subscribed yet: %s", error)
                await anyio.sleep(pause_s)
        return await self.subscribe()

    async def subscribe(self) -> bool:
        """Make the subscription at the producer what it should be; tell whether it is new."""
        is_new = await self._provider.subscribe(
            self.subscription_id, self._settings, self._heartbeat
        )
        self.is_subscribed = True
        return is_new

    async def unsubscribe(self) -> None:
        """Delete the subscription; what is not given yet is lost, so nothing more is taken."""
        was_closed, self._is_closed = self._is_closed, True
        try:
            await self._provider.unsubscribe(self.subscription_id)
        except BaseException:
            self._is_closed = was_closed
            raise

    def finish(self) -> None:
        """Take nothing more; let the iteration end when everything that was taken is given.

        What is missing of it is fetched first: that takes as long as the producer is away. What is
        refused stays at the producer, until ``unsubscribe``.
        """
        self._finishing = self._is_closed = True
        self._arrived.notify()

    def end(self) -> None:
        """Let the iteration end before the next item; what is not given stays for later."""
        self._ended = True
        self._arrived.notify()

    # --- what is received -----------------------------------------------------------------------

    async def accept(self, received: Received | HeartbeatReceived) -> None:
        """Take what the producer posted.

        Raises:
            Unavailable: There is no room for it, because the application is slow.
            UnknownObject: Nothing more is taken.
        """
        self._heard_ms = self._clock.monotonic_ms()
        self._check_open()
        if isinstance(received, HeartbeatReceived):
            self._feed(received)
            return
        if not self.consumer.has_room:
            with anyio.move_on_after(ROOM_WAIT_S):
                while not self.consumer.has_room:
                    await self._moved.wait()
            if not self.consumer.has_room:
                raise Unavailable("the application is behind")
        self._check_open()  # it may have closed meanwhile
        self._feed(NotificationReceived(received=received))

    def _check_open(self) -> None:
        # Not "later": who deletes the subscription would have to wait for that.
        if self._is_closed:
            raise UnknownObject("the subscription ends")

    # --- what the application does --------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Item]:
        """Iterate over what happens."""
        return self

    async def __anext__(self) -> Item:
        """Say that the item before was processed, and wait for the next.

        Cancelled while waiting, nothing is lost.

        Raises:
            OSError: What was processed cannot be remembered; the next call tries again.
        """
        await self.processed()
        while not self._ended:  # asked after everything that waits, because it wakes only once
            if self._due:
                item = await self._carry_out(self._due[0])
                if item is not None:
                    return item
            elif self._finishing and self._is_given():
                break
            else:
                await self._arrived.wait()
        raise StopAsyncIteration

    def _is_given(self) -> bool:
        """Tell whether nothing waits that was taken or is known to exist."""
        sequence = self.consumer.sequence
        settled = self.consumer.state is SynchronisationState.IN_SEQUENCE
        return settled and (sequence is None or sequence.processed >= sequence.highest)

    async def processed(self) -> None:
        """Remember that the item that was given last was processed."""
        in_hand, self._in_hand = self._in_hand, None
        if in_hand is not None:
            self._feed(HandedOver(number=in_hand.received.number))
            self._moved.notify()
        while self._due and isinstance(self._due[0], SaveCheckpoint):
            await self._carry_out(self._due[0])

    async def _carry_out(self, effect: NotificationConsumerEffect) -> Item | None:
        """Do the first thing that is due; give the item, if it is one for the application."""
        item: Item | None = None
        match effect:
            case SaveCheckpoint():
                await self._checkpoints.save(effect.number, effect.checksum)
            case HandOver(received=received):
                self._in_hand = effect
                number = received.number
                item = Notification(
                    number.epoch,
                    number.sequence_no,
                    received.notification_type,
                    received.payload,
                )
            case ReportLost():
                item = Lost(effect.epoch, effect.first, effect.last, effect.reason)
            case ReportRestart():
                item = Restarted(effect.before, effect.after, effect.certain)
            case RereadObjects():
                item = Reread(effect.notification_types, effect.reason)
            case FetchRange():
                raise AssertionError("carried out at once")
            case _:
                assert_never(effect)
        self._due.popleft()
        return item

    # --- the core -------------------------------------------------------------------------------

    def _feed(self, event: NotificationConsumerEvent) -> None:
        effects = self.consumer.handle(event, now_ms=self._clock.monotonic_ms())
        for effect in effects:
            if isinstance(effect, FetchRange):
                self._wanted = effect
                if self._fetching is not None:
                    self._fetching.cancel()
                self._fetch_wanted.notify()
            else:
                self._due.append(effect)
        self._alarm.rearm()
        if self._due or self._finishing:
            self._arrived.notify()

    def _wake(self) -> None:
        wall_ms, jitter = self._clock.wall_ms(), self._entropy.jitter()
        self._feed(DeadlineReached(wall_ms=wall_ms, jitter=jitter))

    # --- what is fetched ------------------------------------------------------------------------

    async def _fetch(self) -> None:
        """Ask the producer for what the core wants, the last wish only."""
        while True:
            wanted, self._wanted = self._wanted, None
            if wanted is None:
                await self._fetch_wanted.wait()
                continue
            event: NotificationConsumerEvent | None = None
            with anyio.CancelScope() as self._fetching:
                event = await self._ask(wanted)
            self._fetching = None
            if event is not None and self._wanted is None:
                self._feed(event)

    async def _ask(self, wanted: FetchRange) -> RangeFetched | FetchFailed:
        try:
            fetched = await self._get(wanted)
        except TransportError as error:
            return self._failed(str(error), permanent=False)
        except OperationError as error:
            return self._failed(str(error), permanent=not error.temporary, answered=True)
        self.trouble = ""
        self._heard_ms = self._clock.monotonic_ms()
        return RangeFetched(
            epoch=wanted.epoch,
            first=wanted.first,
            last=wanted.last,
            notifications=fetched.notifications,
            window=fetched.window,
        )

    async def _get(self, wanted: FetchRange) -> Fetched:
        """Fetch; a producer that has forgotten the subscription is given it again.

        Not at the end: the subscription is to go.
        """
        try:
            return await self._provider.fetch(
                self.subscription_id, wanted.epoch, wanted.first, wanted.last
            )
        except UnknownObject:
            if self._is_closed:
                raise
            await self.subscribe()
            return await self._provider.fetch(
                self.subscription_id, wanted.epoch, wanted.first, wanted.last
            )

    def _failed(self, reason: str, *, permanent: bool, answered: bool = False) -> FetchFailed:
        if reason != self.trouble:
            _log.warning("stored notifications cannot be fetched: %s", reason)
        self.trouble = reason
        return FetchFailed(
            reason=reason,
            permanent=permanent,
            answered=answered,
            jitter=self._entropy.jitter(),
        )

    async def _watch(self, period_s: int) -> None:
        """Ask the producer when heartbeats stay away: it may have forgotten the subscription."""
        limit_ms = int(period_s * SILENCE_FACTOR * 1000)
        while True:
            silent_ms = self._clock.monotonic_ms() - self._heard_ms
            if silent_ms >= limit_ms:
                self._heard_ms = self._clock.monotonic_ms()
                if not self._is_closed:
                    await self._resubscribe()
                silent_ms = 0
            await anyio.sleep((limit_ms - silent_ms) / 1000)

    async def _resubscribe(self) -> None:
        try:
            await self.subscribe()
        except (OperationError, TransportError) as error:
            self.trouble = str(error)
        else:
            self._feed(SynchronisationRequested())
