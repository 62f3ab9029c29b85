"""Where logs are written while something is measured: on a disk, if there is one."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})


def filesystem(path: Path) -> str:
    """Name the kind of file system that holds ``path``; empty when that cannot be known."""
    resolved = path.resolve()
    mounts = {
        Path(each.mountpoint): each.fstype
        for each in psutil.disk_partitions(all=True)
        if resolved.is_relative_to(each.mountpoint)
    }
    return mounts[max(mounts, key=lambda mount: len(mount.parts))] if mounts else ""


def disk_directory() -> Path:
    """Choose a directory on a disk: the temporary one, or else this one, or else the temporary.

    Where /tmp is kept in memory, a sync costs nothing and would prove nothing.
    """
    temporary = Path(tempfile.gettempdir())
    for each in (temporary, Path.cwd()):
        if filesystem(each) not in _IN_MEMORY:
            return each
    return temporary


@contextmanager
def scratch(directory: Path | None) -> Generator[Path]:
    """Make a directory that is gone afterwards, below ``directory`` or on a disk."""
    parent = disk_directory() if directory is None else directory
    with tempfile.TemporaryDirectory(prefix="mnstream-bench-", dir=parent) as name:
        yield Path(name)
