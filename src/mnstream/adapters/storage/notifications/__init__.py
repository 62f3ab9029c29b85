"""Notifications of a producer and its subscriptions in SQLite (``ports.notification_store``)."""

from mnstream.adapters.storage.notifications.config import NotificationStoreConfig
from mnstream.adapters.storage.notifications.store import SqliteNotificationStore

__all__ = ["NotificationStoreConfig", "SqliteNotificationStore"]
