"""NtfSubscriptionControl and HeartbeatControl as attributes (TS 28.622 4.3.21, 4.3.22).

An attribute that nobody knows is refused in every profile: a misspelt notificationFilter that is
ignored would be a hole that nobody sees. A read-only attribute may be written with the value that
it has, because consumers send back what they read; any other value is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import date_time
from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.patches import is_same
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.scopes import read_scope, write_scope
from mnstream.core.errors import LimitExceeded
from mnstream.core.notification_values import HeartbeatControl, Scope, SubscriptionSettings
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.subscriptions import SubscriptionView

ADDRESS = "notificationRecipientAddress"
TYPES = "notificationTypes"
SCOPE = "scope"
FILTER = "notificationFilter"
STATE = "administrativeState"
PERIOD = "heartbeatNtfPeriod"
TRIGGER = "triggerHeartbeatNtf"

READ_ONLY = frozenset(
    {
        "lastSequenceNo",
        "lastEventTime",
        "operationalState",
        "availabilityStatus",
        "notSentNotificationTypes",
        "epoch",
    }
)
"""Attributes of NtfSubscriptionControl that the producer writes; ``epoch`` is our extension."""

PERIOD_S_MAX = 2**31 - 1
"""Longest period: a signed integer of 32 bits, as an ``integer`` of OpenAPI generators is."""


def settings_attributes(
    settings: SubscriptionSettings, profile: NotificationProfile
) -> dict[str, Json]:
    """Write what the consumer said."""
    attributes: dict[str, Json] = {ADDRESS: settings.notification_recipient_address}
    if settings.notification_types is not None:
        attributes[TYPES] = [*sorted(settings.notification_types)]
    if settings.scope is not None:
        attributes[SCOPE] = write_scope(settings.scope)
    if settings.notification_filter is not None:
        attributes[FILTER] = settings.notification_filter
    if profile.administrative_state:
        attributes[STATE] = "LOCKED" if settings.locked else "UNLOCKED"
    return attributes


def status_attributes(view: SubscriptionView, profile: NotificationProfile) -> dict[str, Json]:
    """Write what the producer says; notSentNotificationTypes is null when they are unknown."""
    status = view.status
    missing = status.not_sent_notification_types
    attributes: dict[str, Json] = {"lastSequenceNo": status.last_sequence_no}
    if status.last_event_time_ms is not None:
        attributes["lastEventTime"] = date_time(status.last_event_time_ms)
    attributes["operationalState"] = status.operational_state.value
    attributes["availabilityStatus"] = _sorted(each.value for each in status.availability_status)
    attributes["notSentNotificationTypes"] = None if missing is None else _sorted(missing)
    if profile.tell_epoch:
        attributes["epoch"] = view.epoch
    return attributes


def subscription_attributes(
    view: SubscriptionView, profile: NotificationProfile
) -> dict[str, Json]:
    """Write all attributes of an NtfSubscriptionControl."""
    return settings_attributes(view.settings, profile) | status_attributes(view, profile)


def heartbeat_attributes(heartbeat: HeartbeatControl) -> dict[str, Json]:
    """Write the attributes of a HeartbeatControl; triggerHeartbeatNtf cannot be read."""
    return {PERIOD: heartbeat.heartbeat_ntf_period_s}


def read_settings(
    attributes: Mapping[str, Json],
    *,
    view: SubscriptionView | None,
    profile: NotificationProfile,
    limits: ProvisioningLimits,
) -> SubscriptionSettings:
    """Read the attributes of an NtfSubscriptionControl.

    Args:
        attributes: All of them; what is absent has its default value.
        view: The subscription as it is; None when it is new.
        profile: Which attributes there are.
        limits: What is too much.

    Raises:
        Refusal: 400 or 413, with the names of the attributes at fault.
    """
    writable = {ADDRESS, TYPES, SCOPE, FILTER}
    if profile.administrative_state:
        writable.add(STATE)
    _check_names(attributes, writable, status_attributes(view, profile) if view else {})
    if ADDRESS not in attributes:
        raise Refusal(400, f"{ADDRESS} is missing", bad_attributes=(ADDRESS,))
    return SubscriptionSettings(
        notification_recipient_address=_address(_text(attributes, ADDRESS, limits)),
        notification_types=_types(attributes[TYPES], limits) if TYPES in attributes else None,
        scope=_scope(attributes[SCOPE]) if SCOPE in attributes else None,
        notification_filter=_text(attributes, FILTER, limits) if FILTER in attributes else None,
        locked=profile.administrative_state and _locked(attributes.get(STATE, "LOCKED")),
    )


def read_heartbeat(
    attributes: Mapping[str, Json], *, heartbeat_control_id: str
) -> tuple[HeartbeatControl, bool]:
    """Read the attributes of a HeartbeatControl, and whether a heartbeat is wanted now.

    Raises:
        Refusal: 400, with the names of the attributes at fault.
    """
    _check_names(attributes, {PERIOD, TRIGGER}, {})
    period = attributes.get(PERIOD, 0)
    if not isinstance(period, int) or isinstance(period, bool) or not 0 <= period <= PERIOD_S_MAX:
        raise _bad(PERIOD, f"{PERIOD} is no integer from 0 to {PERIOD_S_MAX}")
    trigger = attributes.get(TRIGGER, False)
    if not isinstance(trigger, bool):
        raise _bad(TRIGGER, f"{TRIGGER} is neither true nor false")
    control = HeartbeatControl(
        heartbeat_control_id=heartbeat_control_id, heartbeat_ntf_period_s=period
    )
    return control, trigger


def _check_names(
    attributes: Mapping[str, Json], writable: set[str], read_only: Mapping[str, Json]
) -> None:
    unknown = sorted(attributes.keys() - writable - READ_ONLY)
    if unknown:
        names = tuple(name[:100] for name in unknown[:10])
        raise Refusal(400, f"unknown attributes: {', '.join(names)}", bad_attributes=names)
    changed = sorted(
        name
        for name in attributes.keys() - writable
        if name not in read_only or not is_same(attributes[name], read_only[name])
    )
    if changed:
        detail = f"only the producer writes {', '.join(changed)}"
        raise Refusal(400, detail, bad_attributes=tuple(changed))


def _text(attributes: Mapping[str, Json], name: str, limits: ProvisioningLimits) -> str:
    value = attributes[name]
    if not isinstance(value, str) or not value:
        raise _bad(name, f"{name} is no text, or an empty one")
    _check_length(name, value, limits)
    return value


def _address(text: str) -> str:
    """Check a recipient's address; nothing of it is repeated, for it may have a secret in it."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as problem:
        raise _bad(ADDRESS, f"{ADDRESS} is not an absolute URI") from problem
    if not fits or not (text.isascii() and text.isprintable()) or set(' "<>\\^`{|}') & set(text):
        raise _bad(ADDRESS, f"{ADDRESS} is not an absolute http or https URI")
    if parts.username is not None or "#" in text:
        # Whoever may read the object would read the password, too (RFC 9110 4.2.4).
        raise _bad(ADDRESS, f"{ADDRESS} has a user or a fragment, which nobody is sent")
    return text


def _types(value: Json, limits: ProvisioningLimits) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise _bad(TYPES, f"{TYPES} is no array, or an empty one; leave it out for all types")
    if len(value) > limits.notification_types_max:
        raise _too_much(TYPES, f"more than {limits.notification_types_max} {TYPES}")
    types: set[str] = set()
    for item in value:
        if not isinstance(item, str) or not item:
            raise _bad(TYPES, f"{TYPES} has an item that is no text, or an empty one")
        _check_length(TYPES, item, limits)
        if item in types:
            raise _bad(TYPES, f"{TYPES} has {item[:100]!r} twice")
        types.add(item)
    return frozenset(types)


def _scope(value: Json) -> Scope:
    try:
        return read_scope(value)
    except Unreadable as problem:
        raise _bad(SCOPE, str(problem)) from problem


def _locked(value: Json) -> bool:
    if value not in ("LOCKED", "UNLOCKED"):
        raise _bad(STATE, f"{STATE} is neither LOCKED nor UNLOCKED")
    return value == "LOCKED"


def _check_length(name: str, text: str, limits: ProvisioningLimits) -> None:
    if len(text) > limits.text_chars_max:
        raise _too_much(name, f"{name} has more than {limits.text_chars_max} characters")


def _bad(name: str, detail: str) -> Refusal:
    return Refusal(400, detail, bad_attributes=(name,))


def _too_much(name: str, detail: str) -> Refusal:
    return Refusal(413, detail, name=LimitExceeded.name, bad_attributes=(name,))


def _sorted(texts: Iterable[str]) -> list[Json]:
    return [*sorted(texts)]
