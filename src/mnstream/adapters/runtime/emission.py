"""What a notifier emits from: lines of JSON, or a document that is watched."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from io import BufferedReader
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
from anyio import to_thread

from mnstream.adapters.runtime.notifying import RunningNotifier
from mnstream.adapters.sources.emitted import EmittedLine, emitted_lines
from mnstream.adapters.sources.managed_tree import Objects
from mnstream.adapters.sources.watch import Watcher, WatchSettings
from mnstream.adapters.storage.disk import Disk
from mnstream.core.errors import LocalProtocolError
from mnstream.core.notification_values import ObjectPath
from mnstream.core.notifications.families import check_body
from mnstream.core.values import Json

SOURCE = "emitted.json"
"""Says which file the remembered position belongs to."""
WATCHED = "watched.json"
"""What a watched document was like when its changes were last notified."""

Tell = Callable[[str], None]
"""Told about what cannot be emitted, for people."""
_log = logging.getLogger(__name__)


class LineSource:
    """Emits the lines of a file or of standard input.

    A file is gone on with where it was left when the producer ended in the middle of it, however it
    ended: the position is kept with what was emitted. One that was emitted to its end is emitted
    again by the next start, unless this one is killed.
    """

    def __init__(self, file: BufferedReader, path: Path | None, data: Path, tell: Tell) -> None:
        """Emit from an open file.

        Args:
            file: Where to read.
            path: Its name; None when its end cannot be known, as of a pipe.
            data: Directory of the notifier.
            tell: Told about lines that are no notifications.
        """
        self._file = file
        self._path = path
        self._data = data
        self._tell = tell
        self.emitted = 0
        """Notifications that were emitted."""
        self.refused = 0
        """Lines that are no notifications."""
        self.is_over = False
        """Whether everything was emitted."""

    async def run(self, running: RunningNotifier, *, rate: float = 0.0) -> None:
        """Emit line after line, as fast as the store keeps them, or at a rate a second.

        Raises:
            OSError: The file cannot be read.
        """
        offset = await self._offset(running)
        started, first = anyio.current_time(), self.emitted
        lines: AsyncGenerator[EmittedLine] = emitted_lines(
            self._file, base=running.base, clock=running.clock, offset=offset
        )
        async with aclosing(lines):
            async for line in lines:
                await running.notifier.has_room()
                self._emit(running, line)
                await anyio.lowlevel.checkpoint()  # or deliveries get a turn once a commit
                if rate:
                    due = started + (self.emitted - first) / rate
                    await anyio.sleep(max(0.0, due - anyio.current_time()))
        await running.notifier.durable()
        self.is_over = True

    def finish(self, running: RunningNotifier) -> None:
        """Forget the position of a file that is over; call it when the notifier ends."""
        if self.is_over and self._path is not None:
            running.store.mark(source_position=0)

    def _emit(self, running: RunningNotifier, line: EmittedLine) -> None:
        position = None if self._path is None else line.end
        if line.event is None:
            self._refuse(line.problem)
            return
        wrong = check_body(line.event.notification_type, line.event.body)
        if wrong:
            _log.warning("line %d is emitted although %s", line.number, wrong)
        try:
            running.notifier.submit(line.event, source_position=position)
        except LocalProtocolError as error:
            self._refuse(f"line {line.number}: {error}")
        else:
            self.emitted += 1

    def _refuse(self, problem: str) -> None:
        self.refused += 1
        self._tell(problem)

    async def _offset(self, running: RunningNotifier) -> int:
        """Go to where the file was left, if it is the same file."""
        if self._path is None:
            return 0
        name = str(self._path.resolve())
        known = await to_thread.run_sync(_read_json, self._data / SOURCE)
        position = running.store.source_position or 0
        if known != name or position > self._path.stat().st_size:
            position = 0
            running.store.mark(source_position=0)
            await running.store.flush()
            await to_thread.run_sync(_write_json, self._data / SOURCE, name)
        self._file.seek(position)
        return position


class DocumentSource:
    """Emits the changes of a watched document, also those that happened while nobody watched."""

    def __init__(self, path: Path, data: Path, settings: WatchSettings, tell: Tell) -> None:
        """Watch a document; what it was like is remembered in ``data``."""
        self._path = path
        self._data = data
        self._settings = settings
        self._tell = tell
        self.emitted = 0
        """Notifications that were emitted."""

    async def run(self, running: RunningNotifier) -> None:
        """Emit changes until cancelled.

        Raises:
            OSError: What the document was like cannot be remembered.
        """
        memory = self._data / WATCHED
        saved = await to_thread.run_sync(_read_objects, memory, str(self._path.resolve()))
        watcher = Watcher(
            self._path,
            base=running.base,
            clock=running.clock,
            settings=self._settings,
            saved=saved,
        )
        async with aclosing(watcher.watch()) as looks:
            async for watched in looks:
                if watched.problem:
                    self._tell(watched.problem)
                    continue
                for event in watched.events:
                    await running.notifier.has_room()
                    running.notifier.submit(event)
                    self.emitted += 1
                await running.notifier.durable()
                await to_thread.run_sync(
                    _write_objects, memory, str(self._path.resolve()), watched.objects
                )


def _read_objects(path: Path, document: str) -> Objects | None:
    kept = _read_json(path)
    if not isinstance(kept, dict) or kept.get("document") != document:
        return None
    objects = kept.get("objects")
    if not isinstance(objects, dict):
        return None
    return {
        ObjectPath(name): attributes
        for name, attributes in objects.items()
        if isinstance(attributes, dict)
    }


def _write_objects(path: Path, document: str, objects: Objects | None) -> None:
    written = {name: dict(attributes) for name, attributes in (objects or {}).items()}
    _write_json(path, {"document": document, "objects": written})


def _read_json(path: Path) -> Json:
    try:
        return cast("Json", json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def _write_json(path: Path, value: object) -> None:
    Disk().replace_file(path, json.dumps(value).encode())
