"""Subscribing and reading stored notifications as HTTP messages (TS 28.532 ProvMnS; the SA5 study).

Nothing here does I/O. Subscriptions are objects that are created with PUT; stored notifications are
the attributes of an object beside them, of the class NotificationList. Numbers and an epoch in the
query are our extension: a producer that does not know them answers with all that it has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus

from mnstream.adapters.rest.failures import BY_STATUS
from mnstream.adapters.rest.json_text import Unreadable, read_json, write_json
from mnstream.adapters.rest.limits import DEFAULT_LIMITS, RestLimits
from mnstream.adapters.rest.messages import JSON_TYPE, Headers, HttpRequest, HttpResponse
from mnstream.adapters.rest.notification_json import NUMBER_MAX, below, read_notification
from mnstream.adapters.rest.texts_within import notification_texts
from mnstream.core.errors import (
    MalformedRequest,
    ObjectExists,
    OperationError,
    RemoteProtocolError,
    Unavailable,
    UnknownObject,
)
from mnstream.core.notification_values import (
    UNTOLD,
    Epoch,
    HeartbeatControl,
    ObjectPath,
    Received,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.values import Json

_COUNT = "numberOfStoredNotifications"
WINDOW_ATTRIBUTES = (
    "oldestSequenceNo",
    "newestSequenceNo",
    _COUNT,
    "epoch",
    "epochs",
    "nextEpoch",
)

_STATE = "administrativeState"
_ENVELOPE_LEVELS = 3  # the object, its attributes, their array of notifications
_EPOCHS_MAX = 100_000
_TEXT_MAX = 500
_ACCEPT = (("Accept", JSON_TYPE),)

_BY_STATUS: dict[int, type[OperationError]] = {
    **BY_STATUS,
    404: UnknownObject,
    409: ObjectExists,
    410: UnknownObject,
    501: OperationError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredList:
    """What a NotificationList says.

    Attributes:
        notifications: Those that were answered, by number.
        window: What there is of the epoch that was answered for.
        epochs: The epochs that are known, oldest first; empty when the producer does not tell.
    """

    notifications: tuple[Received, ...]
    window: StoredRange
    epochs: tuple[Epoch, ...]


# --- requests -----------------------------------------------------------------------------------


def put_subscription(
    base_path: str,
    subscription_id: SubscriptionId,
    settings: SubscriptionSettings,
    *,
    has_state: bool = False,
) -> HttpRequest:
    """Write the request that creates or replaces an NtfSubscriptionControl (TS 28.622 4.3.22).

    Args:
        base_path: Path of the object that contains it, percent-encoded.
        subscription_id: Its identifier.
        settings: What is wanted. What is not said is not written, because absent means all.
        has_state: Whether the producer is known to have administrativeState, which it takes to be
            LOCKED when it is absent; other producers may refuse it.
    """
    attributes: dict[str, Json] = {
        "notificationRecipientAddress": settings.notification_recipient_address
    }
    if settings.notification_types is not None:
        attributes["notificationTypes"] = [*sorted(settings.notification_types)]
    if settings.scope is not None:
        scope: dict[str, Json] = {"scopeType": settings.scope.scope_type.value}
        if settings.scope.scope_level is not None:
            scope["scopeLevel"] = settings.scope.scope_level
        attributes["scope"] = scope
    if settings.notification_filter is not None:
        attributes["notificationFilter"] = settings.notification_filter
    if settings.locked:
        attributes[_STATE] = "LOCKED"
    elif has_state:
        attributes[_STATE] = "UNLOCKED"
    path = _path(base_path, "NtfSubscriptionControl", subscription_id)
    return _put(path, subscription_id, "NtfSubscriptionControl", attributes)


def get_subscription(base_path: str, subscription_id: SubscriptionId) -> HttpRequest:
    """Write the request that reads an NtfSubscriptionControl."""
    path = _path(base_path, "NtfSubscriptionControl", subscription_id)
    return HttpRequest(method="GET", target=path, headers=_ACCEPT)


def patch_unlocked(base_path: str, subscription_id: SubscriptionId) -> HttpRequest:
    """Write the request that sets administrativeState to UNLOCKED, and nothing else (CR-0625)."""
    body = write_json({"attributes": {_STATE: "UNLOCKED"}})
    headers: Headers = (
        *_ACCEPT,
        ("Content-Type", "application/merge-patch+json"),
        ("Content-Length", str(len(body))),
    )
    path = _path(base_path, "NtfSubscriptionControl", subscription_id)
    return HttpRequest(method="PATCH", target=path, headers=headers, body=body)


def put_heartbeat(
    base_path: str, subscription_id: SubscriptionId, heartbeat: HeartbeatControl
) -> HttpRequest:
    """Write the request that creates or replaces a HeartbeatControl (TS 28.622 4.3.21)."""
    subscription = _path(base_path, "NtfSubscriptionControl", subscription_id)
    path = _path(subscription, "HeartbeatControl", heartbeat.heartbeat_control_id)
    attributes: dict[str, Json] = {"heartbeatNtfPeriod": heartbeat.heartbeat_ntf_period_s}
    return _put(path, heartbeat.heartbeat_control_id, "HeartbeatControl", attributes)


def delete_subscription(base_path: str, subscription_id: SubscriptionId) -> HttpRequest:
    """Write the request that ends a subscription."""
    path = _path(base_path, "NtfSubscriptionControl", subscription_id)
    return HttpRequest(method="DELETE", target=path, headers=_ACCEPT)


def get_window(base_path: str, subscription_id: SubscriptionId, epoch: Epoch) -> HttpRequest:
    """Write the request for what a producer has at all; epoch 0 leaves the choice to it."""
    query = [f"attributes={','.join(WINDOW_ATTRIBUTES)}"]
    if epoch != UNTOLD:
        query.append(f"epoch={epoch}")
    return _get_list(base_path, subscription_id, query)


def get_notifications(
    base_path: str, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
) -> HttpRequest:
    """Write the request for stored notifications; epoch 0 leaves the choice to the producer."""
    query = [f"fromSequenceNo={first}", f"toSequenceNo={last}"]
    if epoch != UNTOLD:
        query.insert(0, f"epoch={epoch}")
    return _get_list(base_path, subscription_id, query)


def _put(path: str, identifier: str, object_class: str, attributes: dict[str, Json]) -> HttpRequest:
    body = write_json({"id": identifier, "objectClass": object_class, "attributes": attributes})
    headers: Headers = (
        *_ACCEPT,
        ("Content-Type", JSON_TYPE),
        ("Content-Length", str(len(body))),
    )
    return HttpRequest(method="PUT", target=path, headers=headers, body=body)


def _get_list(base_path: str, subscription_id: SubscriptionId, query: list[str]) -> HttpRequest:
    path = _path(base_path, "NotificationList", subscription_id)
    return HttpRequest(method="GET", target=f"{path}?{'&'.join(query)}", headers=_ACCEPT)


def _path(base_path: str, class_name: str, identifier: str) -> str:
    return f"{base_path}/{below(ObjectPath(''), class_name, identifier)}"


# --- answers ------------------------------------------------------------------------------------


def read_put(response: HttpResponse) -> bool:
    """Tell whether a PUT created what it wrote; otherwise it was there.

    Raises:
        OperationError: The producer refuses.
    """
    _check(response)
    return response.status == HTTPStatus.CREATED


def read_patch(response: HttpResponse) -> None:
    """Look at the answer to a PATCH.

    Raises:
        OperationError: The producer refuses.
    """
    _check(response)


def read_state(response: HttpResponse) -> str | None:
    """Return the administrativeState of the subscription that an answer shows; None for none."""
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    try:
        members = read_json(response.body, DEFAULT_LIMITS)
    except Unreadable:
        return None
    attributes = members.get("attributes") if isinstance(members, dict) else None
    state = attributes.get(_STATE) if isinstance(attributes, dict) else None
    return state if isinstance(state, str) else None


def read_delete(response: HttpResponse) -> None:
    """Look at the answer to a DELETE; what is not there is deleted, too.

    Raises:
        OperationError: The producer refuses.
    """
    if response.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        _check(response)


def read_list(
    response: HttpResponse,
    subscription_id: SubscriptionId,
    epoch: Epoch,
    *,
    first: int,
    last: int,
    limits: RestLimits = DEFAULT_LIMITS,
) -> StoredList:
    """Read stored notifications, or why there are none (410: all of them are gone).

    The payload of each is its text, byte for byte as it came. Notifications that were not asked for
    are left out.

    Args:
        response: The answer.
        subscription_id: The subscription; notifications that name none are taken to be of it.
        epoch: Epoch that was asked for; 0 for none.
        first: Lowest number that was asked for.
        last: Highest number that was asked for.
        limits: What one notification may cost its reader.

    Raises:
        OperationError: The producer refuses.
        RemoteProtocolError: The answer cannot be understood.
    """
    if response.status != HTTPStatus.GONE:
        _check(response)
    try:
        # What a producer may post, it may also answer with, a few levels further down.
        deeper = replace(limits, json_depth_max=limits.json_depth_max + _ENVELOPE_LEVELS)
        members = read_json(response.body, deeper)
        attributes = members.get("attributes") if isinstance(members, dict) else None
        if not isinstance(attributes, dict):
            raise Unreadable("there are no attributes")
        window = _window(attributes)
        found = [
            _of(subscription_id, window.epoch, read_notification(text, limits=limits))
            for text in notification_texts(response.body, attributes)
        ]
        epochs = _epochs(attributes)
    except (Unreadable, MalformedRequest) as problem:
        if response.status == HTTPStatus.GONE:
            raise failure_of(response) from problem
        raise RemoteProtocolError(
            f"the NotificationList cannot be understood: {problem}"
        ) from problem
    wanted = {
        each.number.sequence_no: each
        for each in found
        if each is not None
        and first <= each.number.sequence_no <= last
        and (epoch == UNTOLD or each.number.epoch in {epoch, UNTOLD})
    }
    notifications = tuple(wanted[number] for number in sorted(wanted))
    return StoredList(notifications=notifications, window=window, epochs=epochs)


def failure_of(response: HttpResponse) -> OperationError:
    """Return what an answer that is no success means."""
    status = response.status
    kind = _BY_STATUS.get(status)
    if kind is None:
        kind = Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else OperationError
    text = _error_text(response)
    if not text and HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        text = "redirects are not followed"
    return kind(f"HTTP {status}: {text}" if text else f"HTTP {status}")


def _check(response: HttpResponse) -> None:
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise failure_of(response)


def _error_text(response: HttpResponse) -> str:
    """Return what a producer says about a failure: errorInfo, or title or reason (Rel-19)."""
    try:
        body = read_json(response.body, DEFAULT_LIMITS)
    except Unreadable:
        return ""
    error = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    texts = (error.get(name) for name in ("errorInfo", "title", "reason", "type"))
    return next((text[:_TEXT_MAX] for text in texts if isinstance(text, str)), "")


def _of(
    subscription_id: SubscriptionId, epoch: Epoch, read: Received | tuple[SubscriptionId, object]
) -> Received | None:
    """Return a notification, of this subscription and epoch if it names none; None for a heartbeat.

    Raises:
        Unreadable: It belongs to another subscription.
    """
    if not isinstance(read, Received):
        return None
    if read.number.subscription_id not in {subscription_id, ""}:
        raise Unreadable("a notification belongs to another subscription")
    number = replace(read.number, subscription_id=subscription_id, epoch=read.number.epoch or epoch)
    return replace(read, number=number)


def _window(attributes: dict[str, Json]) -> StoredRange:
    """Read what there is; a producer that has stored nothing yet may have no numbers to tell."""
    oldest, newest = (
        _number(attributes, "oldestSequenceNo"),
        _number(attributes, "newestSequenceNo"),
    )
    has_some = _number(attributes, _COUNT) or newest or attributes.get("notifications")
    if oldest is None and not has_some and not attributes.keys().isdisjoint(WINDOW_ATTRIBUTES):
        oldest = newest = 0
    if oldest is None or newest is None:
        raise Unreadable(f"{'oldest' if oldest is None else 'newest'}SequenceNo is missing")
    return StoredRange(
        epoch=Epoch(_number(attributes, "epoch") or UNTOLD),
        oldest_sequence_no=oldest,
        newest_sequence_no=newest,
        next_epoch=_next_epoch(attributes),
    )


def _number(attributes: dict[str, Json], name: str) -> int | None:
    value = attributes.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= NUMBER_MAX:
        raise Unreadable(f"{name} is no unsigned integer of 64 bits")
    return value


def _needed(attributes: dict[str, Json], name: str) -> int:
    value = _number(attributes, name)
    if value is None:
        raise Unreadable(f"{name} is missing")
    return value


def _next_epoch(attributes: dict[str, Json]) -> Epoch | None:
    value = _number(attributes, "nextEpoch")
    return Epoch(value) if value else None


def _epochs(attributes: dict[str, Json]) -> tuple[Epoch, ...]:
    values = attributes.get("epochs")
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > _EPOCHS_MAX:
        raise Unreadable("epochs is no array, or too long")
    return tuple(Epoch(_needed({"epochs": value}, "epochs")) for value in values)
