"""The file transport: a producer reports into a capture, a collector takes it over from there.

Store and forward. The capture is a log like the collector's own, and answers for itself: what it
has acknowledged is durable in it (``runtime.capturing``). A collector follows it at the same time,
later, or on another machine (``FileServer``).
"""

from mnstream.adapters.file.cursor import CursorUnreadable, TailCursor
from mnstream.adapters.file.server import CannotFollow, FileServer, TailConfig, TailStatus

__all__ = [
    "CannotFollow",
    "CursorUnreadable",
    "FileServer",
    "TailConfig",
    "TailCursor",
    "TailStatus",
]
