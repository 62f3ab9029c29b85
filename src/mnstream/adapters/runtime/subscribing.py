"""Composition root of the subscriber: which adapters it is made of, and in which order they end."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio

from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.http import (
    RECEIVER_LIMITS,
    HttpLimits,
    HttpProvider,
    NotificationReceiver,
    RequestServer,
    Signature,
    port_of,
)
from mnstream.adapters.observability import (
    Admin,
    Counters,
    SubscriberMetrics,
    SubscriberReadiness,
    SubscriberViews,
)
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.places import (
    authority,
    first_of,
    listening,
    operators,
    serving_admin,
)
from mnstream.adapters.runtime.subscriber import Subscriber
from mnstream.adapters.storage import SqliteCheckpoints
from mnstream.core.notification_values import (
    HeartbeatControl,
    Scope,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer

RECIPIENT_PATH = "/notifications"
SUBSCRIPTION = "subscription"
"""Under which the identifier of a subscription of our own is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSettings:
    """What a subscriber is made of.

    Attributes:
        provider: URI of the object that contains the subscriptions.
        data: Directory of its checkpoint.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, and the producer is told which.
        address: notificationRecipientAddress, when producers do not reach us at that address.
        subscription_id: Identifier of the subscription; None for one of our own, chosen once.
        types: Notification types that are wanted; None for all.
        scope: Objects that are meant; None for the base object and everything below it.
        notification_filter: Condition on the notification; None for none.
        heartbeat_s: Period of heartbeats; 0 for none. Without them nobody notices that the last
            notification was lost before the next one comes.
        tls: Context of a server; None receives by plain HTTP.
        provider_tls: Context of a client; None trusts the system's roots.
        signature: Says which notifications are signed well; None to look at no signature.
        admin: Address of its own for the administrative routes, which answer whoever reaches it;
            None puts them on the same port, for this machine only.
        limits: What a peer may cost.
        consumer: Limits and times of the core.
    """

    provider: str
    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    address: str | None = None
    subscription_id: SubscriptionId | None = None
    types: frozenset[str] | None = None
    scope: Scope | None = None
    notification_filter: str | None = None
    heartbeat_s: int = 30
    tls: ssl.SSLContext | None = None
    provider_tls: ssl.SSLContext | None = None
    signature: Signature | None = None
    admin: tuple[str, int] | None = None
    limits: HttpLimits = RECEIVER_LIMITS
    consumer: NotificationConsumerConfig = field(default_factory=NotificationConsumerConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSubscriber:
    """A subscriber that receives.

    Attributes:
        url: Where notifications are posted to.
        admin_url: Where its administrative routes are.
        subscriber: The service, to iterate over.
        checkpoints: What it remembers.
    """

    url: str
    admin_url: str
    subscriber: Subscriber
    checkpoints: SqliteCheckpoints


@asynccontextmanager
async def subscribing(settings: SubscriberSettings) -> AsyncGenerator[RunningSubscriber]:
    """Run a subscriber while the block runs.

    The subscription outlives it: what is notified meanwhile is fetched after the next start.

    Raises:
        OSError: The address or the directory cannot be used.
        StorageError: The checkpoint cannot be used, for example because somebody else writes it.
        OperationError: The producer refuses the subscription.
        TransportError: The producer cannot be reached.
        ValueError: ``provider`` is not an http or https URI.
    """
    clock, entropy, counters = SystemClock(), SystemEntropy(), Counters()
    async with AsyncExitStack() as stack:
        listeners = await listening(stack, settings.host, settings.port, settings.limits)
        checkpoints = await stack.enter_async_context(SqliteCheckpoints.open(settings.data))
        provider = HttpProvider(settings.provider, tls=settings.provider_tls)
        stack.push_async_callback(provider.aclose)
        scheme = "http" if settings.tls is None else "https"
        here = f"{scheme}://{authority(settings.host, port_of(listeners))}"
        address = settings.address or here + RECIPIENT_PATH
        subscription_id, is_own = await _subscription(settings, checkpoints, entropy)
        consumer = NotificationConsumer(
            subscription_id,
            checkpoint=checkpoints.load(subscription_id),
            checksum=checkpoints.checksum(subscription_id),
            from_start=is_own,
            config=settings.consumer,
        )
        subscriber = Subscriber(
            consumer,
            provider=provider,
            checkpoints=checkpoints,
            clock=clock,
            entropy=entropy,
            settings=_wanted(settings, address),
            heartbeat=HeartbeatControl(
                heartbeat_control_id="1", heartbeat_ntf_period_s=settings.heartbeat_s
            ),
        )
        receiver = NotificationReceiver(
            subscriber.accept,
            path=RECIPIENT_PATH,
            subscription_id=subscription_id,
            signature=settings.signature,
            wall_ms=clock.wall_ms,
        )
        stop = anyio.Event()
        routes = _routes(settings, subscriber, counters, clock, stop)
        server = RequestServer(
            first_of(receiver) if settings.admin else first_of(routes, receiver),
            limits=settings.limits,
            tls=settings.tls,
            observer=counters,
        )
        tasks = await stack.enter_async_context(background())
        tasks.start_soon(partial(server.serve, listeners, stop=stop))
        admin_url = here
        if settings.admin is not None:
            admin_url = await serving_admin(stack, tasks, routes, settings.admin, stop)
        await stack.enter_async_context(subscriber.running())
        yield RunningSubscriber(
            url=address, admin_url=admin_url, subscriber=subscriber, checkpoints=checkpoints
        )
        stop.set()


def _wanted(settings: SubscriberSettings, address: str) -> SubscriptionSettings:
    return SubscriptionSettings(
        notification_recipient_address=address,
        notification_types=settings.types,
        scope=settings.scope,
        notification_filter=settings.notification_filter,
    )


def _routes(
    settings: SubscriberSettings,
    subscriber: Subscriber,
    counters: Counters,
    clock: SystemClock,
    stop: anyio.Event,
) -> Admin:
    return Admin(
        readiness=SubscriberReadiness(
            stopping=stop.is_set,
            subscribed=lambda: subscriber.is_subscribed,
            unreachable=lambda: subscriber.trouble,
        ),
        metrics=SubscriberMetrics(subscriber.consumer, counters=counters),
        resources=SubscriberViews(subscriber.consumer, clock=clock).resources(),
        admin_peers=operators(settings.admin),
    )


async def _subscription(
    settings: SubscriberSettings, checkpoints: SqliteCheckpoints, entropy: SystemEntropy
) -> tuple[SubscriptionId, bool]:
    """Say which subscription it is, and whether all of it is wanted because it is our own.

    That it is our own is remembered before it exists: when we die in between, it is still wanted
    from its first notification on.
    """
    own = checkpoints.setting(SUBSCRIPTION)
    if settings.subscription_id is not None and settings.subscription_id != own:
        return settings.subscription_id, False
    if own is None:
        own = f"mnstream-{entropy.token()[:8]}"
        await checkpoints.remember(SUBSCRIPTION, own)
    return SubscriptionId(own), True
