"""The consumer's side of the file transport: follows captures and plays them to a service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, cast

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from mnstream.adapters.file.cursor import (
    CursorUnreadable,
    TailCursor,
    cursor_path,
    read_cursor,
    write_cursor,
)
from mnstream.adapters.file.player import Player
from mnstream.adapters.memory import MemoryTransport
from mnstream.adapters.storage import Entry, Hole, StorageError
from mnstream.adapters.storage.disk import Disk
from mnstream.adapters.storage.following import CaptureChanged, CaptureTail, is_capture
from mnstream.adapters.storage.tail import Batch
from mnstream.core.errors import MnSError
from mnstream.core.values import ConnectionId
from mnstream.ports.observer import Observer
from mnstream.ports.transport import Peer, StreamingService

_log = logging.getLogger(__name__)

T = TypeVar("T")


class CannotFollow(MnSError):
    """There is nothing at this path that could be followed, now or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailConfig:
    """Times and limits of following captures.

    Attributes:
        interval_ms: Pause after there was nothing to read, and between looks for new captures.
            200: nobody notices it, and a look at an idle capture costs 0.1 ms.
        busy_interval_ms: Pause after all that there was has been read; how long frames gather at
            a steady rate. 20: a save of the cursor costs as much as one of a few hundred frames.
        retry_max_ms: Longest pause after a capture could not be read; it begins with the interval.
        frames_max: Frames of one capture that are sent and not yet saved as taken over. Half of
            what a service remembers to recognise frames that are sent again.
        frames_in_flight: The same for all captures together: what a collector reads again when it
            starts is 100,000 frames.
        captures_max: Captures that are followed at the same time; of more, the first by name.
    """

    interval_ms: int = 200
    busy_interval_ms: int = 20
    retry_max_ms: int = 10_000
    frames_max: int = 2_048
    frames_in_flight: int = 65_536
    captures_max: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TailStatus:
    """How far one capture was taken over.

    Attributes:
        path: Where it is.
        position: Position of the first record that the service does not have yet, durably.
        trouble: Why nothing goes on at present; empty when all is well.
    """

    path: Path
    position: int
    trouble: str


class _Following:
    """One capture while it is followed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.trouble = ""
        self.player: Player | None = None

    def status(self) -> TailStatus:
        trouble = self.trouble or ("" if self.player is None else self.player.trouble)
        return TailStatus(path=self.path, position=self.position, trouble=trouble)


class FileServer:
    """Takes over what producers reported into captures.

    A path is a capture (a data directory, or a single segment file), or a directory of them. Those
    that appear later are found. What was taken over is remembered by the path of each capture.
    """

    def __init__(
        self,
        service: StreamingService,
        paths: Sequence[Path],
        *,
        state: Path,
        observer: Observer,
        config: TailConfig | None = None,
        disk: Disk | None = None,
    ) -> None:
        """Name what is to be followed.

        Args:
            service: Who gets it.
            paths: Where captures are.
            state: Directory for cursors, below the data directory of the service, which is never
                followed itself.
            observer: Counts ``tail_frames`` by what became of them, and ``tail_holes``.
            config: Times and limits.
            disk: Where cursors are written.

        Raises:
            CannotFollow: A path cannot be read, or is what the service itself writes.
        """
        self._service = service
        self._paths = [path.resolve() for path in paths]
        self._state = state
        self._own = state.resolve().parent
        self._observer = observer
        self._config = config or TailConfig()
        self._disk = disk or Disk()
        self._following: dict[Path, _Following] = {}
        self._limiter = anyio.CapacityLimiter(4)
        self._are_too_many = False
        for path in self._paths:
            if path == self._own:
                raise CannotFollow(f"{path}: a collector cannot follow its own data")
            _check(path)

    def status(self) -> list[TailStatus]:
        """Say how far each capture was taken over, by path."""
        return [self._following[path].status() for path in sorted(self._following)]

    async def serve(
        self,
        *,
        stop: anyio.Event | None = None,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Follow until ``stop`` is set, or this is cancelled.

        What was sent and not answered by then is sent again after the next start, and recognised.

        Raises:
            OSError: The directory for cursors cannot be made; before it has started.
        """
        await anyio.to_thread.run_sync(partial(self._state.mkdir, parents=True, exist_ok=True))
        async with anyio.create_task_group() as tasks:
            task_status.started()
            if stop is not None:
                tasks.start_soon(_cancel_after, stop, tasks.cancel_scope)
            while True:
                found = await anyio.to_thread.run_sync(self._find, limiter=self._limiter)
                for path in found:
                    if path not in self._following:
                        following = self._following[path] = _Following(path)
                        tasks.start_soon(self._follow, following)
                await anyio.sleep(self._config.interval_ms / 1000)

    def _find(self) -> list[Path]:
        """Look for captures that are not followed yet, as many as there is room for."""
        found: list[Path] = []
        for path in self._paths:
            with suppress(OSError):  # it is away at present, or not to be read
                found.extend(each for each in _captures(path) if each != self._own)
        new = [path for path in dict.fromkeys(found) if path not in self._following]
        room = self._config.captures_max - len(self._following)
        if len(new) > room and not self._are_too_many:
            _log.warning("more than %d captures; the rest has to wait", self._config.captures_max)
        self._are_too_many = len(new) > room
        return new[:room]

    async def _follow(self, following: _Following) -> None:
        """Follow one capture for as long as it is there."""
        pause_ms = self._config.interval_ms
        while True:
            position = following.position
            try:
                await self._play(following)
            except CaptureChanged as error:
                _log.warning("%s", error)
            except Exception as error:  # whatever is wrong with one capture must not end the others
                known = isinstance(error, OSError | StorageError | CursorUnreadable)
                trouble = f"{following.path} cannot be followed: {error if known else repr(error)}"
                if trouble != following.trouble:
                    _log.warning("%s", trouble, exc_info=None if known else error)
                following.trouble = trouble
            if following.position != position:
                pause_ms = self._config.interval_ms
            await anyio.sleep(pause_ms / 1000)
            pause_ms = min(2 * pause_ms, self._config.retry_max_ms)
            if not await anyio.to_thread.run_sync(_is_there, following.path):
                _log.info("%s is gone", following.path)
                del self._following[following.path]
                return

    async def _play(self, following: _Following) -> None:
        """Go on with a capture from its cursor until it changes or cannot be read."""
        capture = following.path
        path = cursor_path(self._state, capture)
        cursor, tail = await self._in_thread(partial(_take_up, path, capture))
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                following.position = tail.position

                async def save(
                    position: int, connections: Mapping[ConnectionId, ConnectionId]
                ) -> None:
                    now = TailCursor(place=tail.place(position), connections=connections)
                    write = partial(write_cursor, path, capture, now, self._disk)
                    await anyio.to_thread.run_sync(write, limiter=self._limiter)
                    following.position = position

                transport = MemoryTransport(
                    self._service, tasks=tasks, peer=Peer(address=str(capture))
                )
                player = following.player = Player(
                    str(capture),
                    transport,
                    tasks=tasks,
                    connections=cursor.connections,
                    position=tail.position,
                    save=save,
                    observer=self._observer,
                )
                try:
                    await player.attach()
                    await self._read(following, tail, player)
                except Exception as error:  # raised again below, outside the group
                    failure = error
                finally:
                    with anyio.CancelScope(shield=True):
                        await player.aclose()
                    tasks.cancel_scope.cancel()
        except ExceptionGroup as group:
            raise _only(group) from group
        finally:
            following.player = None
            tail.close()
        if failure is not None:
            raise failure

    async def _read(self, following: _Following, tail: CaptureTail, player: Player) -> None:
        while True:
            batch = await self._in_thread(tail.read)
            following.trouble = ""
            for entries, next_position in _portions(batch, self._portion()):
                await player.play(entries, next_position)
            if not batch.is_full:
                busy = bool(batch.entries)
                config = self._config
                await anyio.sleep((config.busy_interval_ms if busy else config.interval_ms) / 1000)

    def _portion(self) -> int:
        share = self._config.frames_in_flight // max(1, len(self._following))
        return max(1, min(self._config.frames_max, share))

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(function, limiter=self._limiter)


async def _cancel_after(stop: anyio.Event, scope: anyio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()


def _captures(path: Path) -> Iterator[Path]:
    """Give a capture, or those in a directory, by name."""
    if _is_there(path):
        yield path
    elif path.is_dir():
        yield from (child.resolve() for child in sorted(path.iterdir()) if is_capture(child))


def _is_there(path: Path) -> bool:
    """Tell whether a path is a capture; a file that somebody named is, whatever it is called."""
    return path.is_file() or is_capture(path)


def _check(path: Path) -> None:
    """Read a little of what is to be followed.

    Raises:
        CannotFollow: That is not possible.
    """
    try:
        if _is_there(path):
            CaptureTail(path).close()
        else:
            next(path.iterdir(), None)
    except OSError as error:
        raise CannotFollow(f"{path}: {error.strerror or error}") from error
    except StorageError as error:
        raise CannotFollow(str(error)) from error


def _take_up(path: Path, capture: Path) -> tuple[TailCursor, CaptureTail]:
    """Open a capture where its cursor says, and tell what has become of it meanwhile."""
    cursor = read_cursor(path)
    tail = CaptureTail(capture, cursor.place)
    if tail.is_another:
        _log.warning("%s is another capture than before; beginning with its first record", capture)
        return TailCursor(), tail
    if tail.is_rewritten:
        _log.warning(
            "%s is not what was taken over up to position %d; going back to position %d",
            capture,
            cursor.place.position,
            tail.position,
        )
    return cursor, tail


def _portions(batch: Batch, size: int) -> Iterator[tuple[Sequence[Entry | Hole], int]]:
    """Cut a batch into pieces of so many records, each with the position behind it."""
    if not batch.entries:
        yield (), batch.next_position
        return
    starts = [*range(0, len(batch.entries), size), len(batch.entries)]
    for start, end in pairwise(starts):
        last = end == len(batch.entries)
        yield (
            batch.entries[start:end],
            batch.next_position if last else _position(batch.entries[end]),
        )


def _position(entry: Entry | Hole) -> int:
    return entry.position if isinstance(entry, Entry) else entry.first_position


def _only(group: ExceptionGroup[Exception]) -> Exception:
    """Take an exception out of its group, where it is alone."""
    first = group.exceptions[0]
    if len(group.exceptions) > 1:
        return group
    return (
        _only(cast("ExceptionGroup[Exception]", first))
        if isinstance(first, ExceptionGroup)
        else first
    )
