"""CSV (RFC 4180): a header line, then a line for each value; see `rows`.

Times are RFC 3339 in UTC as in JSON Lines. Null and the empty text look the same: CSV has no null.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

from mnstream.adapters.codecs.values import time_text, value_json
from mnstream.adapters.export.rows import COLUMNS, Row, unit_rows
from mnstream.adapters.storage import StoredUnit


class CsvWriter:
    """Writes units as CSV."""

    def __init__(self, file: BinaryIO) -> None:
        """Write the header line."""
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._file = file
        self._writer.writerow(COLUMNS)
        self._flush()

    def write(self, units: Sequence[StoredUnit]) -> None:
        """Append units."""
        self._writer.writerows(_cells(row) for unit in units for row in unit_rows(unit))
        self._flush()

    def finish(self) -> None:
        """Nothing is left to be written."""

    def _flush(self) -> None:
        # A text that has no UTF-8 form cannot come out of a codec, and a DN out of JSON neither.
        self._file.write(self._text.getvalue().encode("utf-8"))
        self._text.seek(0)
        self._text.truncate()


def _cells(row: Row) -> tuple[object, ...]:
    return (
        *(row.connection, row.producer, row.stream, row.object),
        _instant(row.received_ms * 1_000_000),
        None if row.time_ns is None else _instant(row.time_ns),
        row.metric,
        value_json(row.value),  # "NaN" and "Infinity" as in JSON Lines
        *(row.integer, row.text, row.kind, row.cause),
    )


@lru_cache(maxsize=256)  # the values of a unit have its times
def _instant(time_ns: int) -> str:
    """Write a time with at least three digits of a second, so that texts sort as times do."""
    text = time_text(time_ns)
    return text if "." in text or not text.endswith("Z") else f"{text[:-1]}.000Z"
