"""Which object a path names, and what can be done with objects of its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import below, read_path, subscription_path
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.uris import percent_decode
from mnstream.core.errors import UnknownObject
from mnstream.core.notification_values import ObjectPath, SubscriptionId

SUBSCRIPTION_CLASS = "NtfSubscriptionControl"
HEARTBEAT_CLASS = "HeartbeatControl"
LIST_CLASS = "NotificationList"
NOBODY = SubscriptionId("")
"""Where there is no subscription."""


class Kind(Enum):
    """What a path names."""

    ANCESTOR = "an object above the base object"
    BASE = "the base object"
    SUBSCRIPTION = SUBSCRIPTION_CLASS
    HEARTBEAT = HEARTBEAT_CLASS
    NOTIFICATION_LIST = LIST_CLASS


METHODS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ANCESTOR: ("GET", "HEAD"),
    Kind.BASE: ("GET", "HEAD", "POST"),
    Kind.SUBSCRIPTION: ("DELETE", "GET", "HEAD", "PATCH", "PUT"),
    Kind.HEARTBEAT: ("DELETE", "GET", "HEAD", "PATCH", "PUT"),
    Kind.NOTIFICATION_LIST: ("GET", "HEAD"),
}
"""Methods of each; the containers belong to whoever provides them, NotificationList to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request is about.

    Attributes:
        kind: What it is.
        path: Its path below the root.
        subscription_id: Whose it is; empty for the base object and those above it.
        heartbeat_control_id: Identifier of the HeartbeatControl; empty for everything else.
    """

    kind: Kind
    path: ObjectPath
    subscription_id: SubscriptionId = NOBODY
    heartbeat_control_id: str = ""


def locate(path: str, *, base: ObjectPath) -> Target:
    """Find out what a path names; whether it exists is another question.

    Args:
        path: What follows the root, percent-encoded, without a slash at its beginning.
        base: The object that contains the subscriptions.

    Raises:
        Refusal: 400 or 404.
    """
    try:
        for segment in path.split("/"):
            percent_decode(segment)
    except Unreadable as problem:
        raise Refusal(400, str(problem)) from problem
    try:
        named = read_path(path)
    except Unreadable as problem:
        raise unknown_object(str(problem)) from problem
    if named == base:
        return Target(kind=Kind.BASE, path=named)
    if named and base.startswith(f"{named}/"):
        return Target(kind=Kind.ANCESTOR, path=named)
    if named.startswith(f"{base}/"):
        names = [segment.partition("=") for segment in named[len(base) + 1 :].split("/")]
        match [(name, unquote(identifier)) for name, _, identifier in names]:
            case [("NtfSubscriptionControl", one)]:
                return subscription_target(base, SubscriptionId(one))
            case [("NtfSubscriptionControl", one), ("HeartbeatControl", control)]:
                return heartbeat_target(base, SubscriptionId(one), control)
            case [("NotificationList", one)]:
                return list_target(base, SubscriptionId(one))
            case _:
                pass
    raise unknown_object(f"there are {SUBSCRIPTION_CLASS} and {LIST_CLASS} below {base}")


def subscription_target(base: ObjectPath, subscription_id: SubscriptionId) -> Target:
    """Name a subscription."""
    path = subscription_path(base, subscription_id)
    return Target(kind=Kind.SUBSCRIPTION, path=path, subscription_id=subscription_id)


def heartbeat_target(
    base: ObjectPath, subscription_id: SubscriptionId, heartbeat_control_id: str
) -> Target:
    """Name the HeartbeatControl of a subscription."""
    parent = subscription_path(base, subscription_id)
    return Target(
        kind=Kind.HEARTBEAT,
        path=below(parent, HEARTBEAT_CLASS, heartbeat_control_id),
        subscription_id=subscription_id,
        heartbeat_control_id=heartbeat_control_id,
    )


def list_target(base: ObjectPath, subscription_id: SubscriptionId) -> Target:
    """Name what is stored for a subscription; it has the identifier of the subscription (B8)."""
    path = below(base, LIST_CLASS, subscription_id)
    return Target(kind=Kind.NOTIFICATION_LIST, path=path, subscription_id=subscription_id)


def unknown_object(detail: str) -> Refusal:
    """Refuse with 404."""
    return Refusal(404, detail, name=UnknownObject.name)
