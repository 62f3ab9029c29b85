"""A recipient of notifications: what producers post, read and answered (TS 28.532 12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from mnstream.adapters.http.config import HttpLimits
from mnstream.adapters.http.exchange import RequestRefused
from mnstream.adapters.http.signatures import Signature
from mnstream.adapters.rest import HttpProblem, HttpRequest, HttpResponse
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.notification_json import read_notification
from mnstream.adapters.rest.uris import split_target
from mnstream.core.errors import MalformedRequest, NotPermitted, Unavailable, UnknownObject
from mnstream.core.notification_events import HeartbeatReceived
from mnstream.core.notification_values import Received, SubscriptionId
from mnstream.ports.transport import Peer

Accept = Callable[[Received | HeartbeatReceived], Awaitable[None]]
"""Takes what was posted; raises Unavailable to have it posted again later."""

RECEIVER_LIMITS = HttpLimits(body_bytes_max=1024 * 1024)
"""One notification a request; the largest, notifyMOIChanges, has some hundred bytes an object."""

_MEDIA_TYPES = {"application/json", "application/yang-data+json"}  # the latter: notifyMOIChanges
_TAKEN = HttpResponse(status=204)
_RETRY_AFTER = (("Retry-After", "1"),)


class NotificationReceiver:
    """A ``Handler`` of ``RequestServer`` that takes the notifications of one subscription.

    An answer 204 means that they were accepted, and says nothing about their order.
    """

    def __init__(
        self,
        accept: Accept,
        *,
        path: str,
        subscription_id: SubscriptionId,
        signature: Signature | None = None,
        wall_ms: Callable[[], int] | None = None,
        limits: RestLimits = DEFAULT_LIMITS,
    ) -> None:
        """Keep where notifications are expected and who takes them.

        Args:
            accept: Takes notifications and heartbeats; may be called again before it returned.
            path: Path of notificationRecipientAddress, percent-encoded. A slash at its end makes
                no difference: TS 28.111 posts to the root below the address.
            subscription_id: The subscription. Producers that name none are taken to mean it.
            signature: Says which messages are signed well; None to look at no signature.
            wall_ms: Tells milliseconds since the Unix epoch; needed with ``signature``.
            limits: What a notification may cost its reader.

        Raises:
            ValueError: There is a signature and no clock.
        """
        if signature is not None and wall_ms is None:
            raise ValueError("signatures need a clock")
        self._accept = accept
        self._path = path.rstrip("/")
        self._subscription_id = subscription_id
        self._signature = signature
        self._wall_ms = wall_ms
        self._limits = limits

    async def __call__(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        """Answer one request.

        Raises:
            HttpProblem: 401, 404, 405, 415 or 503.
            UnknownObject: The notification belongs to another subscription.
            MalformedRequest: It cannot be read.
        """
        path, _ = split_target(request.target)
        if path.rstrip("/") != self._path:
            raise HttpProblem(404, UnknownObject("nothing is received here"))
        if request.method != "POST":
            problem = MalformedRequest("notifications are posted")
            raise HttpProblem(405, problem, headers=(("Allow", "POST"),))
        self._check_signature(request)
        content_type = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
        if content_type not in _MEDIA_TYPES or request.header("Content-Encoding") is not None:
            problem = MalformedRequest("a notification has to be application/json")
            raise HttpProblem(415, problem, headers=(("Accept", "application/json"),))
        taken = self._ours(read_notification(request.body, limits=self._limits))
        try:
            await self._accept(taken)
        except Unavailable as exc:
            refusal = RequestRefused(exc.http_status, "refused", exc)
            refusal.headers = _RETRY_AFTER
            raise refusal from exc
        return _TAKEN

    def _check_signature(self, request: HttpRequest) -> None:
        """Refuse a message that nobody with our secret has written just now."""
        if self._signature is None or self._wall_ms is None:
            return
        now_s = self._wall_ms() // 1000
        if not self._signature.verify(request.headers, request.body, now_s=now_s):
            problem = NotPermitted("the signature is missing, wrong, or of another time")
            raise RequestRefused(401, "signature", problem)

    def _ours(
        self, read: Received | tuple[SubscriptionId, HeartbeatReceived]
    ) -> Received | HeartbeatReceived:
        """Return what belongs to our subscription.

        Raises:
            UnknownObject: It belongs to another one.
        """
        named = read.number.subscription_id if isinstance(read, Received) else read[0]
        if named not in {self._subscription_id, ""}:
            raise UnknownObject("this subscription is not ours")
        if not isinstance(read, Received):
            return read[1]
        if named:
            return read
        return replace(read, number=replace(read.number, subscription_id=self._subscription_id))
