"""The settings of a subscription as the text that is stored."""

from __future__ import annotations

import json
from typing import Any

from mnstream.core.notification_values import (
    HeartbeatControl,
    Scope,
    ScopeType,
    SubscriptionSettings,
)


def write_settings(settings: SubscriptionSettings, heartbeat: HeartbeatControl | None) -> str:
    """Write what the consumer wants; what has its default is left out."""
    members: dict[str, object] = {"recipient": settings.notification_recipient_address}
    if settings.notification_types is not None:
        members["types"] = sorted(settings.notification_types)
    if settings.scope is not None:
        members["scope"] = [settings.scope.scope_type.value, settings.scope.scope_level]
    if settings.notification_filter is not None:
        members["filter"] = settings.notification_filter
    if settings.locked:
        members["locked"] = True
    if heartbeat is not None:
        members["heartbeat"] = [heartbeat.heartbeat_control_id, heartbeat.heartbeat_ntf_period_s]
    return json.dumps(members)


def read_settings(text: str) -> tuple[SubscriptionSettings, HeartbeatControl | None]:
    """Read what was written.

    Raises:
        ValueError: It was damaged.
    """
    # Any: what is not as it was written is found by the constructors and lookups below.
    members: dict[str, Any] = json.loads(text)
    try:
        types, scope, heartbeat = (members.get(name) for name in ("types", "scope", "heartbeat"))
        settings = SubscriptionSettings(
            notification_recipient_address=members["recipient"],
            notification_types=None if types is None else frozenset(types),
            scope=(
                None
                if scope is None
                else Scope(scope_type=ScopeType(scope[0]), scope_level=scope[1])
            ),
            notification_filter=members.get("filter"),
            locked=members.get("locked", False),
        )
        control = (
            None
            if heartbeat is None
            else HeartbeatControl(
                heartbeat_control_id=heartbeat[0], heartbeat_ntf_period_s=heartbeat[1]
            )
        )
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError("the settings of a subscription are damaged") from error
    return settings, control
