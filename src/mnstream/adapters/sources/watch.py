"""A document that stands in for a tree of managed objects, and what changes in it.

The document is looked at again and again. It may be replaced, as editors do, or written in place: a
text that cannot be read is tried again, because somebody may be writing it, and told when that goes
on. The beginning of a TOML document is one, too, so a new one must be seen twice.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from mnstream.adapters.sources.managed_tree import (
    Objects,
    Style,
    TreeUnreadable,
    changes,
    read_tree,
)
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import ObjectPath
from mnstream.ports.clock import Clock

DOCUMENT_BYTES_MAX: Final = 16 * 1_048_576
_TRIES: Final = 3
"""Readings in a row that fail before somebody is told."""
_SURE_AFTER: Final = 3
"""Looks after which an unchanged file is not read again. Times of files are coarse: two writings in
one tick of the disk's clock look like one."""

_Seen = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How a document is watched.

    Attributes:
        interval_s: Seconds from one look to the next.
        style: Which notifications tell of changes.
        root: Beginning of the URIs in notifyMOIChanges.
    """

    interval_s: float = 1.0
    style: Style = "each"
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a look at the document gave.

    Attributes:
        events: What changed; none for the first reading, and for a problem.
        objects: What is there since; None when that was never known. Kept, it lets the next
            watcher tell what it missed.
        problem: Why the document cannot be read, for people; empty when it can.
    """

    events: tuple[NotificationEmitted, ...]
    objects: Objects | None
    problem: str = ""


class Watcher:
    """Watches one document."""

    def __init__(
        self,
        path: Path,
        *,
        base: ObjectPath,
        clock: Clock,
        settings: WatchSettings | None = None,
        saved: Objects | None = None,
    ) -> None:
        """Watch a document of JSON, or of TOML when its name ends in ``.toml``.

        Args:
            path: The document; it need not be there yet.
            base: The object that the document describes.
            clock: Where notifications get their eventTime.
            settings: How.
            saved: Objects that are known already; None to begin with what the first reading gives.
        """
        self._path = path
        self._toml = path.suffix == ".toml"
        self._base = base
        self._clock = clock
        self._settings = settings or WatchSettings()
        self._objects = saved
        self._seen: _Seen | None = None
        self._looks = 0
        self._taken = b""
        self._candidate = b""
        self._failures = 0
        self._told = False

    async def watch(self) -> AsyncGenerator[Watched]:
        """Look at the document until cancelled; safe to cancel.

        What is given has been taken up when the next is asked for: nothing is told twice, and a
        problem only once until it is over.
        """
        while True:
            watched = await self._look()
            if watched is not None:
                yield watched
            await anyio.sleep(self._settings.interval_s)

    async def _look(self) -> Watched | None:
        try:
            text = await to_thread.run_sync(self._read)
            if text is None:
                return None
            digest = blake2b(text).digest()
            if digest == self._taken:
                self._well()
                return None
            if self._toml and digest != self._candidate:
                self._candidate = digest
                self._looks = 0
                return None
            objects = await to_thread.run_sync(
                partial(read_tree, text, self._base, toml=self._toml)
            )
        except FileNotFoundError:
            return self._problem("is not there", at_once=True)
        except OSError as error:
            return self._problem(error.strerror or str(error), at_once=True)
        except TreeUnreadable as error:
            return self._problem(str(error), at_once=False)
        self._taken = digest
        self._well()
        return await self._take(objects)

    async def _take(self, objects: Objects) -> Watched | None:
        before, self._objects = self._objects, objects
        if before is None:
            return Watched(events=(), objects=objects)
        events = await to_thread.run_sync(
            partial(
                changes,
                before,
                objects,
                self._base,
                event_time_ms=self._clock.wall_ms(),
                style=self._settings.style,
                root=self._settings.root,
            )
        )
        return Watched(events=tuple(events), objects=objects) if events else None

    def _well(self) -> None:
        self._failures = 0
        self._told = False

    def _problem(self, reason: str, *, at_once: bool) -> Watched | None:
        self._seen = None  # read it again, whatever its times say
        self._failures += 1
        if self._told or (self._failures < _TRIES and not at_once):
            return None
        self._told = True
        return Watched(events=(), objects=self._objects, problem=f"{self._path}: {reason}")

    # --- in a thread ----------------------------------------------------------------------------

    def _read(self) -> bytes | None:
        """Read the document; None when it is surely the one that was read before."""
        status = self._path.stat()
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            self._seen, self._looks = seen, 0
        elif self._looks >= _SURE_AFTER:
            return None
        self._looks += 1
        with self._path.open("rb") as file:
            text = file.read(DOCUMENT_BYTES_MAX + 1)
        if len(text) > DOCUMENT_BYTES_MAX:
            raise TreeUnreadable(f"longer than {DOCUMENT_BYTES_MAX} bytes")
        return text
