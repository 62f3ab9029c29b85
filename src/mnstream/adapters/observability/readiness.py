"""Whether a service should be given work, and why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio

from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.ports.log import Log
from mnstream.ports.notification_store import NotificationStore


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a service is not ready.

    Attributes:
        cause: For programs, one of a small fixed set.
        detail: For people.
    """

    cause: str
    detail: str


STOPPING = "stopping"
LOG_TROUBLE = "log_trouble"
LOG_FULL = "log_full"
CONNECTIONS_FULL = "connections_full"
STORE_TROUBLE = "store_trouble"
OVERLOAD = "overload"
NOT_SUBSCRIBED = "not_subscribed"
PRODUCER_UNREACHABLE = "producer_unreachable"


def _no_trouble() -> str:
    return ""


class Readiness:
    """What ``/readyz`` of a collector asks.

    Not ready: the service is stopping, nothing becomes durable, too much waits for the disk, or
    there is no room for another connection.
    """

    def __init__(
        self,
        consumer: StreamingConsumer,
        log: Log,
        *,
        stopping: Callable[[], bool],
    ) -> None:
        """Keep what to look at.

        Args:
            consumer: Tells whether there is room for a connection.
            log: Tells about the disk.
            stopping: Whether the service was told to stop.
        """
        self._consumer = consumer
        self._log = log
        self._stopping = stopping

    async def reasons(self) -> tuple[Reason, ...]:
        """Say why the service is not ready, in a fixed order; ``()`` when it is. Never waits."""
        found: list[Reason] = []
        if self._stopping():
            found.append(Reason(STOPPING, "the collector is stopping"))
        if self._log.trouble:
            found.append(Reason(LOG_TROUBLE, self._log.trouble))
        if not await self._has_room():
            found.append(Reason(LOG_FULL, "too much waits for the disk, so nothing is read"))
        limit = self._consumer.config.connections_max
        if len(self._consumer.connections) >= limit:
            found.append(Reason(CONNECTIONS_FULL, f"there are {limit} connections, the most"))
        return tuple(found)

    async def _has_room(self) -> bool:
        # The deadline has passed already: a log with room returns before it would be noticed.
        with anyio.move_on_after(0) as at_once:
            await self._log.has_room()
        return not at_once.cancelled_caught


class NotifierReadiness:
    """What ``/readyz`` of a notifier asks.

    Not ready: the service is stopping, nothing becomes durable, or more was emitted than the store
    can take, so that notifications are not prepared.
    """

    def __init__(
        self,
        producer: NotificationProducer,
        store: NotificationStore,
        *,
        stopping: Callable[[], bool],
    ) -> None:
        """Keep what to look at.

        Args:
            producer: Tells whether it is overloaded.
            store: Tells about the disk.
            stopping: Whether the service was told to stop.
        """
        self._producer = producer
        self._store = store
        self._stopping = stopping

    async def reasons(self) -> tuple[Reason, ...]:
        """Say why the service is not ready, in a fixed order; ``()`` when it is. Never waits."""
        found: list[Reason] = []
        if self._stopping():
            found.append(Reason(STOPPING, "the notifier is stopping"))
        if self._store.trouble:
            found.append(Reason(STORE_TROUBLE, self._store.trouble))
        if self._is_overloaded():
            unstored = self._producer.unstored
            found.append(Reason(OVERLOAD, f"{unstored} notifications wait to become durable"))
        return tuple(found)

    def _is_overloaded(self) -> bool:
        # An overload lasts until the store has caught up, not only while it is full.
        if self._producer.unstored >= self._producer.config.unstored_max:
            return True
        return any(s.overloaded_ms is not None for s in self._producer.subscriptions.values())


class SubscriberReadiness:
    """What ``/readyz`` of a subscriber asks.

    Not ready: the service is stopping, it has not subscribed yet, or it cannot reach the producer.
    A hole that is being fetched is no reason: notifications are still taken.
    """

    def __init__(
        self,
        *,
        stopping: Callable[[], bool],
        subscribed: Callable[[], bool],
        unreachable: Callable[[], str] = _no_trouble,
    ) -> None:
        """Keep what to ask.

        Args:
            stopping: Whether the service was told to stop.
            subscribed: Whether the producer has the subscription.
            unreachable: Why the producer cannot be reached at present, for people and without
                secrets; empty when it can.
        """
        self._stopping = stopping
        self._subscribed = subscribed
        self._unreachable = unreachable

    async def reasons(self) -> tuple[Reason, ...]:
        """Say why the service is not ready, in a fixed order; ``()`` when it is. Never waits."""
        found: list[Reason] = []
        if self._stopping():
            found.append(Reason(STOPPING, "the subscriber is stopping"))
        if not self._subscribed():
            found.append(Reason(NOT_SUBSCRIBED, "the producer has not confirmed the subscription"))
        unreachable = self._unreachable()
        if unreachable:
            found.append(Reason(PRODUCER_UNREACHABLE, unreachable))
        return tuple(found)
