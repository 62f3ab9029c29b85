"""JSON Lines: what ``inspect --json`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from mnstream.adapters.sinks import json_lines
from mnstream.adapters.storage import StoredUnit


class JsonLinesWriter:
    """Writes units as JSON Lines."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to a file."""
        self._file = file

    def write(self, units: Sequence[StoredUnit]) -> None:
        """Append units."""
        self._file.write(json_lines(units))

    def finish(self) -> None:
        """Nothing is left to be written."""
