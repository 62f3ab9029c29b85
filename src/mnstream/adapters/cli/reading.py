"""What commands that read files have in common: opening, one line for each failure, and a bar."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from mnstream.adapters.cli.command import fail
from mnstream.adapters.storage import LogReader, StorageError

T = TypeVar("T")

STEPS_OF_A_BAR = 512
"""Entries after which a bar moves: redrawing costs as much as reading some."""


_ONLY_WRITING_FAILS_SO = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STANDARD_INPUT = "-"


def open_lines(name: str, *, option: str) -> BufferedReader:
    """Open a file of lines, or standard input, for whoever reads it later.

    Raises:
        click.BadParameter: It cannot be opened.
    """
    # A reader of our own: a thread that still reads sys.stdin would abort Python's shutdown.
    is_stdin = name == STANDARD_INPUT
    opened: int | str = sys.stdin.fileno() if is_stdin else name
    try:
        return open(opened, "rb", closefd=not is_stdin)
    except OSError as error:
        raise click.BadParameter(
            f"{name}: {error.strerror}", click.get_current_context(), param_hint=option
        ) from error


@contextmanager
def explained_failures(command: str, *, output: str = "standard output") -> Generator[None]:
    """End the command with exit code 3 and one line when something cannot be read or written.

    An error of writing does not say what was written to; that is ``output``.
    """
    try:
        yield
    except StorageError as error:
        fail(f"{command}: {error}")
    except BrokenPipeError:
        raise  # whoever read the output has enough
    except OSError as error:
        where = error.filename or (output if error.errno in _ONLY_WRITING_FAILS_SO else "")
        fail(f"{command}: {f'{where}: ' if where else ''}{error.strerror or error}")


def open_captures(*paths: Path) -> list[LogReader]:
    """Name captures to read.

    Raises:
        StorageError: One of them is none.
    """
    return [LogReader(path) for path in paths]


@contextmanager
def reading_bar(what: str, readers: Sequence[LogReader]) -> Generator[Callable[[], None]]:
    """Show on a terminal how far readers are; the block calls what it is given now and then."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=sum(reader.size for reader in readers))

        def move() -> None:
            progress.update(task, completed=sum(reader.bytes_read for reader in readers))

        yield move


def watched(entries: Iterable[T], move: Callable[[], None]) -> Iterator[T]:
    """Give the same, and move a bar now and then."""
    for number, entry in enumerate(entries):
        if not number % STEPS_OF_A_BAR:
            move()
        yield entry


def name_unknown_records(command: str, counts: Mapping[int, int]) -> None:
    """Say how many records were passed over because a later program added their kind."""
    for kind, count in counts.items():
        click.echo(
            f"mnstream {command}: {count} records of kind {kind}, which this program does not know,"
            " were passed over",
            err=True,
        )


def _nothing() -> None:
    pass
