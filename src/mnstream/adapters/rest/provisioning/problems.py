"""Failures of provisioning, in the form of Rel-18 and in the one of Rel-19 (TS 28.532 12.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from mnstream.adapters.rest.json_text import write_json
from mnstream.adapters.rest.messages import JSON_TYPE, Headers, HttpResponse
from mnstream.core.errors import InvalidFilter, MalformedRequest, MnSError, OperationError
from mnstream.core.values import Json

_REASON_CHARS_MAX = 1_000


class Refusal(MnSError):
    """A request that is answered with a failure; never leaves provisioning.

    Attributes:
        status: Status code of the answer.
        detail: Why, for people.
        name: Name of the exception that it stands for.
        bad_attributes: Attributes of the body that are at fault.
        bad_query_params: Parameters of the query that are at fault.
        bad_op: JSON pointer to the operation of a patch that is at fault; None for no operation.
        headers: What the status code demands, for example ``Allow``.
        attributes: What the object has to say nevertheless, put beside the failure; None for
            nothing.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        name: str = MalformedRequest.name,
        bad_attributes: tuple[str, ...] = (),
        bad_query_params: tuple[str, ...] = (),
        bad_op: str | None = None,
        headers: Headers = (),
        attributes: Mapping[str, Json] | None = None,
    ) -> None:
        """Keep what the answer is made of."""
        super().__init__(f"{status} {name}: {detail}")
        self.status = status
        self.detail = detail[:_REASON_CHARS_MAX]
        self.name = name
        self.bad_attributes = bad_attributes
        self.bad_query_params = bad_query_params
        self.bad_op = bad_op
        self.headers = headers
        self.attributes = attributes


def refusal_of(error: OperationError) -> Refusal:
    """Say what the service refused."""
    bad = ("notificationFilter",) if isinstance(error, InvalidFilter) else ()
    detail = str(error).removeprefix(error.name).removeprefix(": ")
    return Refusal(error.http_status, detail, name=error.name, bad_attributes=bad)


def problem_response(refusal: Refusal, *, error_info_only: bool) -> HttpResponse:
    """Write a failure. ``error`` is there in both forms, for readers of the older one."""
    info = f"{refusal.name}: {refusal.detail}" if refusal.detail else refusal.name
    body: dict[str, Json] = {"error": {"errorInfo": info}}
    if not error_info_only:
        body |= {
            "status": str(refusal.status),
            "type": refusal.name,
            "title": HTTPStatus(refusal.status).phrase,
            "reason": refusal.detail,
        }
        if refusal.bad_attributes:
            body["badAttributes"] = [*refusal.bad_attributes]
        if refusal.bad_query_params:
            body["badQueryParams"] = [*refusal.bad_query_params]
        if refusal.bad_op is not None:
            body["badOp"] = refusal.bad_op
    if refusal.attributes is not None:
        body["attributes"] = {**refusal.attributes}
    headers = (("Content-Type", JSON_TYPE), *refusal.headers)
    return HttpResponse(status=refusal.status, headers=headers, body=write_json(body))
