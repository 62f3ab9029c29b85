"""How far a capture was taken over, on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.following import Place
from mnstream.core.errors import MnSError
from mnstream.core.values import ConnectionId

_FORMAT = "mnstream-tail-1"


class CursorUnreadable(MnSError):
    """The file of a cursor is not what it should be; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailCursor:
    """What of a capture the service has, durably.

    Attributes:
        place: Everything before it.
        connections: For connections of the capture that have not ended, theirs at the service.
    """

    place: Place = field(default_factory=Place)
    connections: Mapping[ConnectionId, ConnectionId] = field(
        default_factory=dict[ConnectionId, ConnectionId]
    )


def cursor_path(directory: Path, capture: Path) -> Path:
    """Name the file for the cursor of a capture; a capture is known by where it is."""
    name = hashlib.sha256(str(capture.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return directory / f"{name[:24]}.cursor"


def read_cursor(path: Path) -> TailCursor:
    """Read a cursor; where there is none, that of the beginning.

    Raises:
        CursorUnreadable: There is one and it makes no sense.
        OSError: It cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return TailCursor()
    advice = "delete it to have the capture taken over from its beginning"
    try:
        members = cast("dict[str, Any]", json.loads(text))
    except (ValueError, RecursionError) as problem:
        raise CursorUnreadable(f"{path} is no cursor; {advice}") from problem
    match members:
        case {
            "format": str(found),
            "position": int(position),
            "segment": int() | None as segment,
            "mark": int() | None as mark,
            "block": int() | None as block,
            "crc": int() | None as crc,
            "connections": dict(),
        } if found == _FORMAT and min(position, segment or 0, block or 0) >= 0:
            known = cast("dict[str, Any]", members["connections"])
            place = Place(position=position, segment=segment, mark=mark, block=block, crc=crc)
        case _:
            raise CursorUnreadable(f"{path} is no cursor that this program knows; {advice}")
    if not all(isinstance(each, str) for each in known.values()):
        raise CursorUnreadable(f"{path} has no sensible connections; {advice}")
    return TailCursor(
        place=place,
        connections={ConnectionId(each): ConnectionId(ours) for each, ours in known.items()},
    )


def write_cursor(path: Path, capture: Path, cursor: TailCursor, disk: Disk) -> None:
    """Replace a cursor; whatever happens, the old or the new one is there.

    Args:
        path: Its file, in a directory that exists.
        capture: Whose it is, for people who find the file.
        cursor: The new one.
        disk: Where it is written.

    Raises:
        OSError: The disk refuses. Which of the two is there is unknown.
    """
    members = {
        "format": _FORMAT,
        "capture": str(capture),
        "position": cursor.place.position,
        "segment": cursor.place.segment,
        "mark": cursor.place.mark,
        "block": cursor.place.block,
        "crc": cursor.place.crc,
        "connections": dict(cursor.connections),
    }
    disk.replace_file(path, json.dumps(members).encode() + b"\n")
