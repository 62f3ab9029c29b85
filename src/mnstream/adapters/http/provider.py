"""A consumer's way to a producer of notifications over HTTP/1.1 (TS 28.532 ProvMnS)."""

from __future__ import annotations

import logging
import ssl
from dataclasses import replace

import anyio

from mnstream.adapters.http.addresses import parse_root
from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, HttpLimits
from mnstream.adapters.http.header_source import HeaderSource, further_headers
from mnstream.adapters.http.pool import HttpPool
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.rest.provider_messages import (
    StoredList,
    delete_subscription,
    get_notifications,
    get_subscription,
    get_window,
    patch_unlocked,
    put_heartbeat,
    put_subscription,
    read_delete,
    read_list,
    read_patch,
    read_put,
    read_state,
)
from mnstream.core.errors import OperationError, RemoteProtocolError, Unavailable
from mnstream.core.notification_values import (
    UNTOLD,
    Epoch,
    HeartbeatControl,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.ports.channel import Broken
from mnstream.ports.notification_provider import Fetched

_log = logging.getLogger(__name__)
_SOCKETS_MAX = 4  # requests at the same time; a consumer has one, and one that subscribes


class HttpProvider:
    """``ports.notification_provider.NotificationProvider`` over HTTP/1.1.

    Every request may be repeated without harm, and is, once, when it meets a kept socket that is
    closed. Redirects are not followed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        tls: ssl.SSLContext | None = None,
        limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        headers: HeaderSource | None = None,
    ) -> None:
        """Keep where the producer is; nothing is dialled yet.

        Args:
            base_url: The object that contains the subscriptions, for example
                ``https://HOST/3GPPManagement/ProvMnS/ManagedElement=1``.
            tls: Context of a client; None makes one that trusts the system's roots.
            limits: What the producer may cost; ``request_ms`` is for each request.
            headers: Further headers of every request, for example ``Authorization``.

        Raises:
            ValueError: ``base_url`` is not one.
        """
        root = parse_root(base_url)
        self._origin = root.origin
        self._path = root.base_path
        self._limits = limits
        self._headers = headers
        self._pool = HttpPool(limits=limits, tls=tls, sockets_max=_SOCKETS_MAX)

    async def subscribe(
        self,
        subscription_id: SubscriptionId,
        settings: SubscriptionSettings,
        heartbeat: HeartbeatControl | None,
    ) -> bool:
        """Create the subscription, or make the existing one so; tell whether it is new.

        A HeartbeatControl that is there and not wanted is left as it is. Producers that know
        administrativeState lock what does not mention it, and others may refuse it, so an existing
        subscription is read first: what is served must not be locked even for a moment.

        Raises:
            OperationError: The producer refuses.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        shown = await self._ask(get_subscription(self._path, subscription_id))
        has_state = read_state(shown) is not None
        written = await self._ask(
            put_subscription(self._path, subscription_id, settings, has_state=has_state)
        )
        new = read_put(written)
        if read_state(written) == "LOCKED" and not settings.locked:
            read_patch(await self._ask(patch_unlocked(self._path, subscription_id)))
        if heartbeat is not None:
            await self._put_heartbeat(subscription_id, heartbeat)
        return new

    async def _put_heartbeat(
        self, subscription_id: SubscriptionId, heartbeat: HeartbeatControl
    ) -> None:
        """Ask for heartbeats; a producer that has none is none the worse a producer."""
        answer = await self._ask(put_heartbeat(self._path, subscription_id, heartbeat))
        try:
            read_put(answer)
        except OperationError as refusal:
            if refusal.temporary:
                raise
            _log.warning("the producer refuses heartbeats: %s", refusal)

    async def unsubscribe(self, subscription_id: SubscriptionId) -> None:
        """Delete the subscription; it is no failure that there is none.

        Raises:
            OperationError: The producer refuses.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        read_delete(await self._ask(delete_subscription(self._path, subscription_id)))

    async def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> Fetched:
        """Read stored notifications; ``first`` greater than ``last`` reads only the window.

        Epoch 0 is the oldest that the producer knows; when it does not tell epochs, the only one.

        Raises:
            OperationError: The producer refuses.
            Broken: No answer, or none that could be understood.
            Closed: After ``aclose``.
        """
        if epoch == UNTOLD:
            present = await self._read(subscription_id, epoch, 1, 0)
            epoch = present.epochs[0] if present.epochs else present.window.epoch
            if first > last and epoch == present.window.epoch:
                return Fetched(notifications=(), window=present.window)
        stored = await self._read(subscription_id, epoch, first, last)
        return Fetched(notifications=stored.notifications, window=stored.window)

    async def aclose(self) -> None:
        """Close the sockets that are kept. Never raises."""
        await self._pool.aclose()

    async def _read(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> StoredList:
        """Read what is stored of one epoch; of the present one when it is 0."""
        if first > last:
            request = get_window(self._path, subscription_id, epoch)
        else:
            request = get_notifications(self._path, subscription_id, epoch, first, last)
        response = await self._ask(request)
        try:
            return read_list(response, subscription_id, epoch, first=first, last=last)
        except OperationError:
            raise
        except RemoteProtocolError as exc:
            raise Unavailable(f"the answer is of no use: {exc}") from exc

    async def _ask(self, request: HttpRequest) -> HttpResponse:
        """Send one request within its time."""
        try:
            with anyio.fail_after(self._limits.request_ms / 1000):
                further = await further_headers(self._headers)
                request = replace(request, headers=(*further, *request.headers))
                return await self._pool.request(self._origin, request, repeatable=True)
        except TimeoutError as exc:
            raise Broken(f"no answer within {self._limits.request_ms} ms") from exc
