"""What becomes of a request, whatever server has read it: an answer, a refusal, or 500."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from mnstream.adapters.http.exchange import RequestRefused
from mnstream.adapters.rest import (
    HttpProblem,
    HttpRequest,
    HttpResponse,
    decode_request,
    encode_outcome,
    encode_problem,
)
from mnstream.core.errors import OperationError
from mnstream.core.profiles import REL19, Profile
from mnstream.ports.observer import Observer
from mnstream.ports.transport import Peer, StreamingService

Handler = Callable[[HttpRequest, Peer], Awaitable[HttpResponse]]
"""Answers a request; raises HttpProblem or OperationError to refuse it."""

_log = logging.getLogger(__name__)

_CAUSES = {400: "malformed", 404: "unknown_path", 405: "unknown_method"}
_REFUSALS = {400: "malformed", 403: "not_permitted"}  # 404 is no path here: it is a connection


async def answer(
    handler: Handler, request: HttpRequest, peer: Peer, observer: Observer
) -> HttpResponse:
    """Turn one request into its answer; what the handler raises by mistake is logged."""
    try:
        return await handler(request, peer)
    except (HttpProblem, OperationError) as refusal:
        return refuse(refusal, request, observer)
    except Exception:
        observer.count("http_requests_failed", "internal")
        _log.exception("a request was answered 500")
        return encode_problem(OperationError("internal error"), request=request)


async def perform(
    service: StreamingService,
    request: HttpRequest,
    peer: Peer,
    *,
    base_path: str = "",
    base_url: str = "",
    profile: Profile = REL19,
) -> HttpResponse:
    """Carry out the operation that a request asks for.

    Args:
        service: Who carries it out.
        request: No upgrade.
        peer: Who asks.
        base_path: Path of the root, percent-encoded.
        base_url: URI of the root as the peer knows it.
        profile: Reading of the standard.

    Raises:
        HttpProblem: The request is none of the standard's.
        OperationError: Its content is not what the operation looks like.
    """
    call = decode_request(request, base_path=base_path, profile=profile)
    outcome = await service.perform(call.operation, peer=peer)
    return encode_outcome(call, outcome, base_url=base_url)


def refuse(
    refusal: HttpProblem | OperationError, request: HttpRequest | None, observer: Observer
) -> HttpResponse:
    """Count a refusal and write it; why the service refuses is for itself to tell."""
    if isinstance(refusal, RequestRefused):
        cause = refusal.cause
    elif isinstance(refusal, HttpProblem):
        cause = _CAUSES.get(refusal.status, "unacceptable")
    else:
        cause = _REFUSALS.get(refusal.http_status, "refused")
    observer.count("http_requests_refused", cause)
    return encode_problem(refusal, request=request)
