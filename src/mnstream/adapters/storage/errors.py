"""What can go wrong with a log that the caller has to know about."""

from __future__ import annotations

from mnstream.core.errors import MnSError


class StorageError(MnSError):
    """A log cannot be used."""


class LogInUse(StorageError):
    """Another process, or another part of this one, writes this log."""


class LogUnreadable(StorageError):
    """There is no log at this place, or a later version of this program wrote it."""


class LogClosed(StorageError):
    """The log was closed, and what was waited for never became durable."""


class NotAllWritten(StorageError):
    """The log was closed while its disk refused to take the last records.

    None of them was ever reported durable.

    Attributes:
        records: How many records are lost.
    """

    def __init__(self, detail: str, *, records: int) -> None:
        """Keep what the disk said and how much it cost."""
        super().__init__(f"{records} records not written: {detail}")
        self.records = records


class Damaged(StorageError):
    """These bytes are not what they should be; never leaves this package."""
