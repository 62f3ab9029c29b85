"""What a log asks of the operating system; tests put a failing one in its place."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from mnstream.adapters.storage.errors import LogInUse

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# fdatasync leaves out what a reader does not need, such as the time of the last change.
_sync = getattr(os, "fdatasync", os.fsync)

_LOCKED = (errno.EWOULDBLOCK, errno.EACCES)
"""What the lock of somebody else is told by: on Unix, on Windows."""


class Disk:
    """The file system. Every method lets OSError through."""

    def lock(self, path: Path) -> int:
        """Take the exclusive lock of this file, creating it; it ends with the process.

        Returns:
            The descriptor whose closing gives the lock back.

        Raises:
            LogInUse: Somebody else holds it.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            if sys.platform == "win32":
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in _LOCKED:
                raise LogInUse(f"{path.parent} is being written by another process") from error
            # A file system may have no locks at all; an error of flock does not name its file.
            raise OSError(error.errno, error.strerror, str(path)) from error
        return fd

    def make_directory(self, directory: Path) -> None:
        """Make a directory where there is none, and those above it, so that they are durable."""
        if directory.is_dir():
            return
        if not directory.parent.exists():
            self.make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        self.sync_directory(directory.parent)

    def create(self, path: Path) -> int:
        """Open an empty file for reading and writing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o640)

    def open(self, path: Path) -> int:
        """Open an existing file for reading and writing."""
        return os.open(path, os.O_RDWR)

    def write_at(self, fd: int, offset: int, data: bytes) -> None:
        """Write all of ``data`` at ``offset``."""
        os.lseek(fd, offset, os.SEEK_SET)
        left = memoryview(data)
        while left:
            left = left[os.write(fd, left) :]

    def sync(self, fd: int) -> None:
        """Return when what was written would survive a loss of power."""
        _sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        """Close a file or give a lock back."""
        os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, in place of a file that has it."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Delete a file."""
        path.unlink()

    def sync_directory(self, directory: Path) -> None:
        """Return when the names in a directory would survive a loss of power."""
        if sys.platform == "win32":
            return  # NTFS journals names by itself, and directories cannot be opened
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def replace_file(self, path: Path, content: bytes) -> None:
        """Replace a small file, or make it; whatever happens, the old or the new one is there.

        When it is refused, which of the two is there is unknown.
        """
        temporary = path.with_suffix(".tmp")
        fd = self.create(temporary)
        try:
            self.write_at(fd, 0, content)
            self.sync(fd)
        finally:
            self.close(fd)
        self.rename(temporary, path)
        self.sync_directory(path.parent)


class OpenFile:
    """A file open for reading at any offset."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    @property
    def size(self) -> int:
        """Its present length in octets."""
        return os.fstat(self._file.fileno()).st_size

    def read_at(self, offset: int, count: int) -> bytes:
        """Give up to ``count`` octets from ``offset``; fewer only at the end."""
        data = self._read_some(offset, count)
        while data and len(data) < count:  # the end, or more than one call can read
            more = self._read_some(offset + len(data), count - len(data))
            if not more:
                break
            data += more
        return data

    def _read_some(self, offset: int, count: int) -> bytes:
        if sys.platform == "win32":
            self._file.seek(offset)
            return self._file.read(count)
        else:  # noqa: RET505 # the type checkers know this form
            return os.pread(self._file.fileno(), count, offset)

    def close(self) -> None:
        """Close it."""
        self._file.close()
