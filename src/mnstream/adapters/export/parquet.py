"""Parquet: a row for each value; see `rows` for the columns.

Frames that are alike go many at once (`flattening`), everything else one by one. The order is that
of the log. Memory is bounded by a few thousand frames and two groups of rows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import BinaryIO

from mnstream.adapters.export.arrow import load_arrow
from mnstream.adapters.export.flattening import Flattener
from mnstream.adapters.export.row_groups import RowGroups
from mnstream.adapters.export.rows import unit_rows
from mnstream.adapters.storage import Entry, FrameRun, StoredUnit, UnitResolver

FRAMES_AT_ONCE = 4096
"""Frames that are flattened together. Beyond some thousands it gets no faster."""

BYTES_AT_ONCE = 4 << 20
"""Size of frames from which they are flattened though they are fewer."""


class ParquetWriter:
    """Writes runs of frames and single units as rows, in the order in which they come."""

    def __init__(self, resolver: UnitResolver, *, fast: bool = True) -> None:
        """Take what gives the units of frames; ``fast`` is for tests that compare.

        Raises:
            NotInstalled: A library is missing.
        """
        arrow = load_arrow()
        self._resolver = resolver
        self._groups = RowGroups(arrow)
        self._flattener = Flattener(arrow, self._groups, self._take_slowly)
        self._fast = fast
        self._runs: list[FrameRun] = []
        self._frames = 0
        self._bytes = 0
        self.units = 0

    @contextmanager
    def writing(self, file: BinaryIO) -> Generator[None]:
        """Write what comes within the block; on leaving it the file is whole.

        Raises:
            OSError: It cannot be written.
        """
        with self._groups.writing(file):
            yield
            self._flatten()

    def write_run(self, run: FrameRun) -> None:
        """Append delivered frames, with all of their units."""
        self._runs.append(run)
        self._frames += len(run.payloads)
        self._bytes += sum(map(len, run.payloads))
        if self._frames >= FRAMES_AT_ONCE or self._bytes >= BYTES_AT_ONCE:
            self._flatten()

    def write_units(self, units: Iterable[StoredUnit]) -> None:
        """Append units."""
        given = list(units)
        if given:
            self._flatten()
            self._add(given)

    def _flatten(self) -> None:
        runs, self._runs, self._frames, self._bytes = self._runs, [], 0, 0
        if not runs:
            return
        if self._fast:
            self.units += self._flattener.take(runs)
            return
        for run in runs:
            for entry in run.entries():
                self.units += self._take_slowly(entry)

    def _take_slowly(self, entry: Entry) -> int:
        units = list(self._resolver.units(entry))
        self._add(units)
        return len(units)

    def _add(self, units: Iterable[StoredUnit]) -> None:
        for unit in units:
            self._groups.add_rows(list(unit_rows(unit)))
