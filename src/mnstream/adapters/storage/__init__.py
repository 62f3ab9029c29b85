"""What outlives its process: the log of a consumer, and notifications with what belongs to them.

The log is a directory of segment files that is a capture as well (ARCHITECTURE.md 2 and 3).
"""

from mnstream.adapters.storage.checkpoints import SqliteCheckpoints
from mnstream.adapters.storage.entries import Entry, FrameRun, Hole
from mnstream.adapters.storage.errors import (
    LogClosed,
    LogInUse,
    LogUnreadable,
    NotAllWritten,
    StorageError,
)
from mnstream.adapters.storage.memory import MemoryLog
from mnstream.adapters.storage.memory_notifications import (
    MemoryCheckpoints,
    MemoryNotificationStore,
)
from mnstream.adapters.storage.notifications import (
    NotificationStoreConfig,
    SqliteNotificationStore,
)
from mnstream.adapters.storage.reader import LogReader
from mnstream.adapters.storage.segments import Durability
from mnstream.adapters.storage.units import StoredUnit, UnitResolver, stored_units
from mnstream.adapters.storage.writer import LogConfig, SegmentLog

__all__ = [
    "Durability",
    "Entry",
    "FrameRun",
    "Hole",
    "LogClosed",
    "LogConfig",
    "LogInUse",
    "LogReader",
    "LogUnreadable",
    "MemoryCheckpoints",
    "MemoryLog",
    "MemoryNotificationStore",
    "NotAllWritten",
    "NotificationStoreConfig",
    "SegmentLog",
    "SqliteCheckpoints",
    "SqliteNotificationStore",
    "StorageError",
    "StoredUnit",
    "UnitResolver",
    "stored_units",
]
