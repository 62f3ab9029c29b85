"""Whether a subscription can be as its consumer wants it."""

from __future__ import annotations

from collections.abc import Iterable

from mnstream.core.errors import InvalidFilter, LimitExceeded, OperationError
from mnstream.core.notification_values import SubscriptionSettings
from mnstream.core.notifications.config import NotificationProducerConfig
from mnstream.core.notifications.selection import FilterCompiler


def settings_refusal(
    settings: SubscriptionSettings,
    config: NotificationProducerConfig,
    compile_filter: FilterCompiler,
) -> OperationError | None:
    """Say what is wrong with settings; None when nothing is."""
    if any(len(text) > config.text_chars_max for text in _texts(settings)):
        return LimitExceeded(f"a text of more than {config.text_chars_max} characters")
    if len(settings.notification_types or ()) > config.types_max:
        return LimitExceeded(f"more than {config.types_max} notificationTypes")
    try:
        if settings.notification_filter is not None:
            compile_filter(settings.notification_filter)
    except InvalidFilter as refusal:
        return refusal
    return None


def is_plain(identifier: str, config: NotificationProducerConfig) -> bool:
    """Tell whether an identifier is written the same in a path, in a DN and in a URI."""
    if len(identifier) > config.identifier_chars_max:
        return False
    plain = identifier.translate({ord(each): "" for each in "._~-"})
    return bool(plain) and plain.isascii() and plain.isalnum()


def _texts(settings: SubscriptionSettings) -> Iterable[str]:
    yield settings.notification_recipient_address
    yield settings.notification_filter or ""
    yield from settings.notification_types or ()
