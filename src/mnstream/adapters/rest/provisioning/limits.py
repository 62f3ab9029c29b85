"""What a request to provisioning may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnstream.adapters.rest.limits import RestLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningLimits:
    """Bounds of one request and its answer. The size of a body is bounded by the HTTP adapter.

    Attributes:
        rest: Bounds of the target and of JSON.
        notification_types_max: Items of notificationTypes; the standard has about 25 types.
        text_chars_max: Characters of an address, a filter or a type, as the core has it.
        patch_operations_max: Operations of one JSON patch.
        patch_values_max: Values that one JSON patch copies and moves; copies of copies would
            otherwise double with every operation.
        notifications_max: Stored notifications in one answer.
        notification_bytes_max: Bytes of them; one that alone has more is still given.
    """

    rest: RestLimits = field(default_factory=RestLimits)
    notification_types_max: int = 256
    text_chars_max: int = 4_096
    patch_operations_max: int = 256
    patch_values_max: int = 10_000
    notifications_max: int = 1_000
    notification_bytes_max: int = 4 * 1_048_576


DEFAULT_PROVISIONING_LIMITS = ProvisioningLimits()
