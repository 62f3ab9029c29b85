"""How far a sink came, on disk."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mnstream.adapters.storage.disk import Disk
from mnstream.core.errors import MnSError

_FORMAT = "mnstream-cursor-1"


class CursorUnreadable(MnSError):
    """The file of a cursor is not what it should be; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What was given to a file, and until where.

    Attributes:
        sink: Name of the sink, for people who find the file.
        position: Position of the first record that is not in the output.
        length: Size of the output in octets when everything before ``position`` was in it.
        ending_bytes: How many octets before ``length`` are covered by ``ending_crc``.
        ending_crc: CRC-32 of them, by which the output is recognised.
    """

    sink: str
    position: int
    length: int
    ending_bytes: int = 0
    ending_crc: int = 0


def cursor_path(directory: Path, sink: str) -> Path:
    """Name the file for the cursor of a sink in the data directory of a log."""
    return directory / "sinks" / f"{zlib.crc32(sink.encode()):08x}.cursor"


def read_cursor(path: Path) -> Cursor | None:
    """Read a cursor; None when there is none.

    Raises:
        CursorUnreadable: There is one and it makes no sense.
        OSError: It cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    advice = "delete it to give the sink the whole log again"
    try:
        members = cast("dict[str, object]", json.loads(text))
        if members.pop("format") != _FORMAT:
            raise CursorUnreadable(f"{path} is of another version; {advice}")
        cursor = Cursor(**members)  # type: ignore[arg-type] # checked in the next lines
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise CursorUnreadable(f"{path} is no cursor; {advice}") from problem
    numbers = (cursor.position, cursor.length, cursor.ending_bytes, cursor.ending_crc)
    if any(type(number) is not int or number < 0 for number in numbers):
        raise CursorUnreadable(f"{path} has no sensible numbers; {advice}")
    return cursor


def write_cursor(path: Path, cursor: Cursor, disk: Disk) -> None:
    """Replace a cursor; whatever happens, the old or the new one is there.

    Raises:
        OSError: The disk refuses. Which of the two is there is unknown.
    """
    members = {
        "format": _FORMAT,
        "sink": cursor.sink,
        "position": cursor.position,
        "length": cursor.length,
        "ending_bytes": cursor.ending_bytes,
        "ending_crc": cursor.ending_crc,
    }
    disk.replace_file(path, json.dumps(members).encode() + b"\n")
