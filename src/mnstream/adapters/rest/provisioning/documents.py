"""A subscription as the document that a patch is applied to, and back."""

from __future__ import annotations

import re

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.notification_json import below, subscription_path
from mnstream.adapters.rest.provisioning.bodies import read_object
from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.media import MERGE_PATCH_TYPES, addresses_children
from mnstream.adapters.rest.provisioning.patches import BadPointer, json_patch, merge_patch
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.adapters.rest.provisioning.resources import Resource
from mnstream.adapters.rest.provisioning.subscription_control import (
    TRIGGER,
    heartbeat_attributes,
    read_heartbeat,
    read_settings,
    subscription_attributes,
)
from mnstream.adapters.rest.provisioning.targets import HEARTBEAT_CLASS, SUBSCRIPTION_CLASS
from mnstream.adapters.rest.uris import percent_decode
from mnstream.core.notification_values import HeartbeatControl, ObjectPath, SubscriptionSettings
from mnstream.core.profiles import NotificationProfile
from mnstream.core.values import Json
from mnstream.ports.subscriptions import SubscriptionView

_CHILD = re.compile(rf"/{HEARTBEAT_CLASS}=([^/#]+)(?:#?(/.*))?#?", re.DOTALL)


def patched_subscription(
    view: SubscriptionView,
    patch: Json,
    media_type: str,
    *,
    base: ObjectPath,
    profile: NotificationProfile,
    limits: ProvisioningLimits,
) -> tuple[SubscriptionSettings, HeartbeatControl | None, bool]:
    """Apply a patch to an NtfSubscriptionControl.

    Returns:
        Its settings and its HeartbeatControl afterwards, and whether a heartbeat is wanted now.

    Raises:
        Refusal: 400, 409 or 413; nothing is to be changed.
    """
    path = subscription_path(base, view.subscription_id)
    document = Resource(path=path, attributes=None).head()
    document["attributes"] = subscription_attributes(view, profile)
    children = addresses_children(media_type)
    if children and view.heartbeat is not None:
        document[HEARTBEAT_CLASS] = _heartbeat_document(view.heartbeat, path)
    paths = _Paths(children, view.heartbeat)
    patched = _patched(document, patch, media_type, limits, paths)
    heartbeat, trigger = view.heartbeat, False
    if isinstance(patched, dict) and children:
        child = patched.pop(HEARTBEAT_CLASS, None)
        heartbeat, trigger = _read_child(child, path, paths.identifier)
    attributes = read_object(
        patched, class_name=SUBSCRIPTION_CLASS, identifier=view.subscription_id, path=path
    )
    settings = read_settings(attributes, view=view, profile=profile, limits=limits)
    return settings, heartbeat, trigger


def patched_heartbeat(
    heartbeat: HeartbeatControl,
    patch: Json,
    media_type: str,
    *,
    parent: ObjectPath,
    limits: ProvisioningLimits,
) -> tuple[HeartbeatControl, bool]:
    """Apply a patch to a HeartbeatControl; the rest is as above."""
    document = _heartbeat_document(heartbeat, parent)
    paths = _Paths(addresses_children(media_type), None, below_it=False)
    patched = _patched(document, patch, media_type, limits, paths)
    identifier = heartbeat.heartbeat_control_id
    path = below(parent, HEARTBEAT_CLASS, identifier)
    attributes = read_object(patched, class_name=HEARTBEAT_CLASS, identifier=identifier, path=path)
    return read_heartbeat(attributes, heartbeat_control_id=identifier)


class _Paths:
    """Reads the paths of a JSON patch, in 3GPP's form as well where that may be used."""

    def __init__(
        self, children: bool, heartbeat: HeartbeatControl | None, *, below_it: bool = True
    ) -> None:
        self._children = children
        self._below_it = below_it
        self.identifier = None if heartbeat is None else heartbeat.heartbeat_control_id

    def read(self, path: str) -> str:
        """Turn a path into a JSON pointer; ``self.identifier`` is the HeartbeatControl it is about.

        Raises:
            BadPointer: Another HeartbeatControl was meant before, or exists.
        """
        if not self._children:
            return path
        child = _CHILD.fullmatch(path) if self._below_it else None
        if child is None:
            return path.removeprefix("#")
        try:
            identifier = percent_decode(child[1])
        except Unreadable as problem:
            raise BadPointer(str(problem)) from problem
        if self.identifier not in (None, identifier):
            raise BadPointer(f"a subscription has one {HEARTBEAT_CLASS}")
        self.identifier = identifier
        return f"/{HEARTBEAT_CLASS}{child[2] or ''}"


def _patched(
    document: Json, patch: Json, media_type: str, limits: ProvisioningLimits, paths: _Paths
) -> Json:
    if media_type in MERGE_PATCH_TYPES:
        return merge_patch(document, patch)
    return json_patch(document, patch, limits=limits, read_path=paths.read)


def _heartbeat_document(heartbeat: HeartbeatControl, parent: ObjectPath) -> dict[str, Json]:
    path = below(parent, HEARTBEAT_CLASS, heartbeat.heartbeat_control_id)
    document = Resource(path=path, attributes=None).head()
    # It cannot be read, but to be replaced it has to be there; the producer resets it (4.3.21).
    document["attributes"] = {**heartbeat_attributes(heartbeat), TRIGGER: False}
    return document


def _read_child(
    child: Json, parent: ObjectPath, identifier: str | None
) -> tuple[HeartbeatControl | None, bool]:
    if isinstance(child, list) and len(child) == 1:
        child = child[0]  # an array in the examples of TS 32.158, an object in the YAML
    if child is None:
        return None, False
    given = child.get("id") if isinstance(child, dict) else None
    if not isinstance(given, str) or not given:
        raise Refusal(400, f"{HEARTBEAT_CLASS} has no id", bad_attributes=(HEARTBEAT_CLASS,))
    if identifier not in (None, given):
        detail = f"a subscription has one {HEARTBEAT_CLASS}"
        raise Refusal(409, detail, bad_attributes=(HEARTBEAT_CLASS,))
    path = below(parent, HEARTBEAT_CLASS, given)
    attributes = read_object(child, class_name=HEARTBEAT_CLASS, identifier=given, path=path)
    return read_heartbeat(attributes, heartbeat_control_id=given)
