"""Composition root of the notifier: which adapters it is made of, and in which order they end."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio

from mnstream.adapters.entropy import SystemClock, SystemEntropy
from mnstream.adapters.filters import compile_filter
from mnstream.adapters.http import (
    AllowedNetworks,
    HttpLimits,
    HttpSender,
    RequestServer,
    Signature,
    port_of,
)
from mnstream.adapters.observability import (
    Admin,
    Counters,
    NotifierMetrics,
    NotifierReadiness,
    NotifierViews,
)
from mnstream.adapters.rest import root_of
from mnstream.adapters.rest.notification_json import Naming, distinguished_name
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.notifier import Notifier
from mnstream.adapters.runtime.places import (
    authority,
    first_of,
    is_loopback,
    listening,
    operators,
    serving_admin,
)
from mnstream.adapters.runtime.provisioning import ProvisioningHandler
from mnstream.adapters.runtime.subscriptions import NotifierSubscriptions
from mnstream.adapters.storage.notifications import NotificationStoreConfig, SqliteNotificationStore
from mnstream.core.notification_values import ObjectPath, SubscriptionId
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.profiles import SEED, NotificationProfile

DEFAULT_BASE_PATH = "/3GPPManagement/ProvMnS"
"""``{MnSRoot}/ProvMnS`` with an empty MnSVersion (TS 32.158 4.4.3)."""
DEFAULT_BASE = ObjectPath("ManagedElement=1")

POST_GRACE_MS = 1_000
"""How much longer than the sender the core waits: the sender knows better what went wrong."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierSettings:
    """What a notifier is made of.

    Attributes:
        data: Directory of its store.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        base: The object that contains the subscriptions.
        base_path: Path of the root; the path of the base object follows it.
        base_url: The same as consumers see it, for example behind a proxy; None to go by ``Host``.
        uri_root: Beginning of the canonical URI of every object; None for the address itself.
        system_dn: DN of the management agent; None for that of the base object.
        tls: Context of a server; None serves plain HTTP.
        recipient_tls: Context of a client, for https recipients; None trusts the system's roots.
        allowed: Where recipients may be; None for everywhere but loopback and link-local, and for
            loopback as well when that is what we listen on.
        signature: Signs every notification; None for no signatures.
        admin: Address of its own for the administrative routes, which answer whoever reaches it;
            None puts them on the same port, for this machine only.
        profile: Reading of the standard.
        with_alarms: Whether a subscription that is not served is logged as an alarm (part 3c).
        limits: What a peer may cost.
        producer: Limits and times of the core.
        store: Settings of the store.
        stop_timeout_s: How long a graceful stop may take to deliver what waits.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    base: ObjectPath = DEFAULT_BASE
    base_path: str = DEFAULT_BASE_PATH
    base_url: str | None = None
    uri_root: str | None = None
    system_dn: str | None = None
    tls: ssl.SSLContext | None = None
    recipient_tls: ssl.SSLContext | None = None
    allowed: AllowedNetworks | None = None
    signature: Signature | None = None
    admin: tuple[str, int] | None = None
    profile: NotificationProfile = SEED
    with_alarms: bool = False
    limits: HttpLimits = field(default_factory=HttpLimits)
    producer: NotificationProducerConfig = field(default_factory=NotificationProducerConfig)
    store: NotificationStoreConfig = field(default_factory=NotificationStoreConfig)
    stop_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningNotifier:
    """A notifier that can be reached.

    Attributes:
        url: URI of the base object on this machine.
        admin_url: Where its administrative routes are.
        base: Path of the base object.
        notifier: The service, to emit with.
        subscriptions: Its subscriptions.
        store: Its store.
        clock: Its clock.
    """

    url: str
    admin_url: str
    base: ObjectPath
    notifier: Notifier
    subscriptions: NotifierSubscriptions
    store: SqliteNotificationStore
    clock: SystemClock


@asynccontextmanager
async def notifying(settings: NotifierSettings) -> AsyncGenerator[RunningNotifier]:
    """Run a notifier while the block runs; leaving it stops gracefully.

    The order of the end: no new sockets, what was emitted stored, what waits delivered within
    ``stop_timeout_s``, the store closed. What was not delivered can be fetched after the next
    start.

    Raises:
        OSError: The address or the directory cannot be used.
        StorageError: The store cannot be used, for example because somebody else writes it.
    """
    clock, counters = SystemClock(), Counters()
    async with AsyncExitStack() as stack:
        listeners = await listening(stack, settings.host, settings.port, settings.limits)
        store = await stack.enter_async_context(
            SqliteNotificationStore.open(settings.data, settings.store, wall_ms=clock.wall_ms)
        )
        scheme = "http" if settings.tls is None else "https"
        here = f"{scheme}://{authority(settings.host, port_of(listeners))}"
        notifier = await _notifier(stack, settings, store, clock, counters, here)
        tasks = await stack.enter_async_context(background())
        await stack.enter_async_context(notifier.running())
        service = NotifierSubscriptions(
            notifier, base=settings.base, store=store, clock=clock, profile=settings.profile
        )
        provisioning = ProvisioningHandler(
            service,
            root_path=settings.base_path or "/",
            root_url=partial(
                root_of,
                base_url=settings.base_url,
                base_path=settings.base_path,
                scheme=scheme,
            ),
            profile=settings.profile,
        )
        stop = anyio.Event()
        routes = Admin(
            readiness=NotifierReadiness(notifier.producer, store, stopping=stop.is_set),
            metrics=NotifierMetrics(notifier.producer, store, counters=counters),
            resources=NotifierViews(service, notifier.producer, clock=clock).resources(),
            admin_peers=operators(settings.admin),
        )
        server = RequestServer(
            first_of(provisioning) if settings.admin else first_of(routes, provisioning),
            limits=settings.limits,
            tls=settings.tls,
            observer=counters,
        )
        tasks.start_soon(partial(server.serve, listeners, stop=stop))
        admin_url = here
        if settings.admin is not None:
            admin_url = await serving_admin(stack, tasks, routes, settings.admin, stop)
        yield RunningNotifier(
            url=f"{here}{settings.base_path}/{settings.base}",
            admin_url=admin_url,
            base=settings.base,
            notifier=notifier,
            subscriptions=service,
            store=store,
            clock=clock,
        )
        stop.set()
        with anyio.move_on_after(settings.stop_timeout_s):
            await notifier.stop()


async def _notifier(
    stack: AsyncExitStack,
    settings: NotifierSettings,
    store: SqliteNotificationStore,
    clock: SystemClock,
    counters: Counters,
    here: str,
) -> Notifier:
    """Put a notifier together; ``here`` is our own address as a URI."""
    post_ms = settings.producer.post_timeout_ms
    sender = HttpSender(
        wall_ms=clock.wall_ms,
        allowed=settings.allowed or AllowedNetworks(loopback=is_loopback(settings.host)),
        tls=settings.recipient_tls,
        signature=settings.signature,
        post_ms=post_ms,
    )
    stack.push_async_callback(sender.aclose)
    producer = NotificationProducer(
        compile_filter=compile_filter,
        config=replace(settings.producer, post_timeout_ms=post_ms + POST_GRACE_MS),
        profile=settings.profile,
        first_notification_id=store.last_notification_id + 1,
        with_alarms=settings.with_alarms,
    )
    return Notifier(
        producer,
        store=store,
        sender=sender,
        clock=clock,
        entropy=SystemEntropy(),
        observer=counters,
        naming=Naming(
            root=(settings.uri_root or here).rstrip("/"),
            system_dn=settings.system_dn or distinguished_name(settings.base),
        ),
        profile=settings.profile,
        on_alarm=_log_alarm,
    )


def _log_alarm(subscription_id: SubscriptionId, raised: bool) -> None:
    if raised:
        _log.warning("alarm: subscription %s is not served as it should be", subscription_id)
    else:
        _log.warning("alarm cleared: subscription %s", subscription_id)
