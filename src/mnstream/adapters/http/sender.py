"""Notifications to recipients: POST, and what each answer means (TS 28.532 12)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

import anyio

from mnstream.adapters.http.addresses import Origin, parse_root
from mnstream.adapters.http.config import HttpLimits
from mnstream.adapters.http.exchange import AnswerTooLarge, Headers
from mnstream.adapters.http.networks import AllowedNetworks, NotAllowed
from mnstream.adapters.http.pool import PER_ORIGIN_MAX, SOCKETS_MAX, HttpPool
from mnstream.adapters.http.signatures import Signature
from mnstream.adapters.rest import HttpRequest
from mnstream.ports.channel import TransportError
from mnstream.ports.recipient import Delivered, Gone, NotDelivered, PostOutcome, Rejected

SENDER_LIMITS = HttpLimits(body_bytes_max=64 * 1024)
"""An answer to a notification has no body, or a text about what is wrong with it."""
POST_MS = 30_000
"""The Standard Webhooks specification names 15 to 30 s."""

_RETRY_AFTER_MAX_MS = 24 * 3600 * 1000
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_SECONDS_DIGITS_MAX = 12


@dataclass(frozen=True, slots=True)
class _Recipient:
    """Where a notification goes: server, and path with query."""

    origin: Origin
    target: str


class HttpSender:
    """``ports.recipient.NotificationSender`` over HTTP/1.1.

    Sockets are kept between notifications and shared by all subscriptions. A notification that
    meets a socket which is closed meanwhile is posted once more at once: recipients have to expect
    it twice anyway. Redirects are not followed: what was checked is the address of the
    subscription.
    """

    def __init__(
        self,
        *,
        wall_ms: Callable[[], int],
        allowed: AllowedNetworks | None = None,
        tls: ssl.SSLContext | None = None,
        signature: Signature | None = None,
        limits: HttpLimits = SENDER_LIMITS,
        post_ms: int = POST_MS,
        per_origin_max: int = PER_ORIGIN_MAX,
        sockets_max: int = SOCKETS_MAX,
    ) -> None:
        """Keep how to post; nothing is dialled yet.

        Args:
            wall_ms: Tells milliseconds since the Unix epoch, for signatures and for dates in
                ``Retry-After``.
            allowed: Where recipients may be; None for ``AllowedNetworks()``.
            tls: Context of a client; None makes one that trusts the system's roots.
            signature: Signs every notification; None for no signatures.
            limits: What a recipient may cost.
            post_ms: Time for one notification, waiting for a socket included.
            per_origin_max: Notifications that are posted to one server at the same time.
            sockets_max: Sockets in all.
        """
        self._wall_ms = wall_ms
        self._signature = signature
        self._post_ms = post_ms
        self._pool = HttpPool(
            limits=limits,
            tls=tls,
            allowed=allowed or AllowedNetworks(),
            per_origin_max=per_origin_max,
            sockets_max=sockets_max,
        )

    async def post(self, address: str, text: bytes, *, message_id: str) -> PostOutcome:
        """Post one notification and say what became of it; calls may overlap.

        Takes ``post_ms`` at most. Cancelled, it is unknown whether the recipient took it.
        """
        try:
            recipient = _read_address(address)
        except ValueError as exc:
            return Rejected(str(exc))
        headers: Headers = (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(text))),
        )
        if self._signature is not None:
            now_s = self._wall_ms() // 1000
            headers += self._signature.headers(message_id, text, now_s=now_s)
        request = HttpRequest(method="POST", target=recipient.target, headers=headers, body=text)
        answer = None
        try:
            with anyio.move_on_after(self._post_ms / 1000):
                answer = await self._pool.request(recipient.origin, request, repeatable=True)
        except AnswerTooLarge as exc:
            return self._outcome(exc.status, None)
        except NotAllowed as exc:
            return Rejected(str(exc))
        except TransportError as exc:
            return NotDelivered(str(exc))
        if answer is None:
            return NotDelivered(f"no answer within {self._post_ms} ms")
        return self._outcome(answer.status, answer.header("Retry-After"))

    async def aclose(self) -> None:
        """Close the sockets that are kept. Never raises."""
        await self._pool.aclose()

    def _outcome(self, status: int, retry_after: str | None) -> PostOutcome:
        """Say what a status code means (TS 28.532 knows 204, 4xx and 5xx)."""
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Delivered()
        if status == HTTPStatus.GONE:
            return Gone()
        reason = f"HTTP status {status}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
            return NotDelivered(reason, read_retry_after(retry_after, wall_ms=self._wall_ms()))
        if status < HTTPStatus.BAD_REQUEST:
            return Rejected(f"{reason}, which is not followed")
        return Rejected(reason)


def read_retry_after(value: str | None, *, wall_ms: int) -> int | None:
    """Read ``Retry-After`` (RFC 9110 10.2.3) as milliseconds from now, a day at most.

    None when there is none, or none that can be understood.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= _SECONDS_DIGITS_MAX:
        return min(int(value) * 1000, _RETRY_AFTER_MAX_MS)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # what has no zone, or -0000, is UTC
            moment = moment.replace(tzinfo=UTC)
        wait_ms = int(moment.timestamp() * 1000) - wall_ms
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return min(max(wait_ms, 0), _RETRY_AFTER_MAX_MS)


@lru_cache(maxsize=1024)
def _read_address(address: str) -> _Recipient:
    """Read the address of a recipient. What is raised has nothing of it: it may hold secrets.

    Raises:
        ValueError: It is not ``http(s)://HOST[:PORT][/PATH][?QUERY]``.
    """
    try:
        parts = urlsplit(address)
        if "#" in address or parts.scheme not in {"http", "https"}:
            raise ValueError
        root = parse_root(parts._replace(query="", fragment="").geturl())
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        if not (target.isascii() and target.isprintable()) or " " in target:
            raise ValueError
    except ValueError:
        raise ValueError("the recipient's address is no URL of http or https") from None
    return _Recipient(root.origin, target)
