"""Where an export goes: a file that is there whole or not at all, or standard output."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_output(path: Path | None) -> Generator[BinaryIO]:
    """Open the output for writing; None is standard output.

    A regular file is written beside its place, synced, and renamed when the block is left without
    an exception; otherwise the place keeps what it had. What is no regular file, such as a pipe
    or /dev/null, is written to.

    Raises:
        OSError: It cannot be written; no name but that of the output is in it.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
    else:
        yield from _replaced(path)


def _replaced(path: Path) -> Generator[BinaryIO]:
    place = path.resolve()
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)  # nobody knows the other name
        raise
    _sync_directory(place.parent)


def _sync_directory(directory: Path) -> None:
    if sys.platform == "win32":
        return  # NTFS journals names by itself, and directories cannot be opened
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
