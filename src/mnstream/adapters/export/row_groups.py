"""Rows on their way into a Parquet file, in groups of bounded size.

Texts are written as dictionaries: a group has few of them and many rows. Each group has its own,
so memory does not grow with the log. A thread encodes and compresses one group while the next one
gathers; Arrow lets go of the interpreter meanwhile.

A batch of Arrow costs kilobytes beside its rows, as much as hundreds of them. So single rows wait
for others before they become a batch, and small batches are put together.

Times are microseconds in UTC. GPB carries nanoseconds, but what ends a granularity period is a
whole second, and the functions of DuckDB for times know no nanoseconds.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, BinaryIO

from mnstream.adapters.export.arrow import Arrow
from mnstream.adapters.export.rows import COLUMNS, Row

ROWS_MAX = 1 << 19
"""Rows of a group: 30 MB of numbers, of which two groups are in memory at a time."""

BYTES_MAX = 64 << 20
"""Size from which a group is full though it has fewer rows: texts may be long."""

WAITING_ROWS_MAX = 1 << 13
"""Single rows that become one batch; with more it gets no faster."""

WAITING_CHARACTERS_MAX = 4 << 20
"""Length of the texts of single rows from which they become a batch though they are fewer."""

SMALL_BATCHES_MAX = 256
"""Small batches that become one."""

TEXTS = ("connection", "producer", "stream", "object", "metric", "kind", "cause")
"""Columns that are dictionaries."""

SECONDS = (-62_135_596_800, 253_402_300_800)
"""The years 1 to 9999, of which libraries for times know; another time is null. Only a broken
producer sends one."""


class RowGroups:
    """Gathers rows and writes groups of them.

    Attributes:
        generation: How many groups were begun; numbers of texts mean nothing in another one.
    """

    def __init__(self, arrow: Arrow) -> None:
        """Use these libraries."""
        pa = arrow.pa
        self._arrow = arrow
        self._texts: dict[str, dict[str, int]] = {name: {} for name in TEXTS}
        time, text = pa.timestamp("us", tz="UTC"), pa.dictionary(pa.int32(), pa.string())
        types = {
            **dict.fromkeys(TEXTS, text),
            "received": time,
            "time": time,
            "value": pa.float64(),
            "integer": pa.int64(),
            "text": pa.string(),
        }
        self._schema = pa.schema([(name, types[name]) for name in COLUMNS])
        numbers = {**types, **dict.fromkeys(TEXTS, pa.int32())}
        self._gathering = pa.schema([(name, numbers[name]) for name in COLUMNS])
        self._batches: list[Any] = []
        self._small: list[Any] = []  # behind the others
        self._waiting: list[Row] = []  # behind the small ones
        self._waiting_characters = 0
        self._rows = 0  # in batches
        self._bytes = 0  # in batches and dictionaries
        self.generation = 0

    @contextmanager
    def writing(self, file: BinaryIO) -> Generator[None]:
        """Write what is added within the block; on leaving it the file is whole.

        Raises:
            OSError: It cannot be written.
        """
        writer = self._arrow.pq.ParquetWriter(
            file,
            self._schema,
            compression="snappy",
            use_dictionary=[*TEXTS, "received", "time"],
        )
        try:
            with ThreadPoolExecutor(max_workers=1) as thread:
                self._writer, self._thread, self._pending = writer, thread, _nothing()
                yield
                self._settle()
                self._flush()
                self._pending.result()
            writer.close()
        except BaseException:
            # Or it writes an end when it is collected, and the file is closed.
            writer.is_open = False
            raise

    def number(self, column: str, text: str | None) -> int | None:
        """Give the number of a text in the dictionary of its column, for this generation."""
        if text is None:
            return None
        texts = self._texts[column]
        found = texts.get(text)
        if found is None:
            found = texts[text] = len(texts)
            self._bytes += len(text)
        return found

    def add(self, columns: Sequence[Any]) -> None:
        """Append rows as Arrow arrays, in the order of ``COLUMNS``; texts are numbers."""
        self._settle()  # and no new generation before these rows, whose numbers are of this one
        self._append(columns)
        self._flush_if_full()

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Append rows one by one."""
        self._waiting += rows
        self._waiting_characters += sum([len(row.text) for row in rows if row.text])
        if (
            len(self._waiting) >= WAITING_ROWS_MAX
            or self._waiting_characters >= WAITING_CHARACTERS_MAX
        ):
            self._settle()
            self._flush_if_full()

    def _settle(self) -> None:
        """Make a batch of the rows that wait."""
        rows, self._waiting, self._waiting_characters = self._waiting, [], 0
        if not rows:
            return
        columns: dict[str, list[object]] = {
            name: self._numbers(name, list(map(attrgetter(name), rows))) for name in TEXTS
        }
        columns["received"] = [_microseconds(row.received_ms * 1_000_000) for row in rows]
        columns["time"] = [_microseconds(row.time_ns) for row in rows]
        for name in ("value", "integer", "text"):
            columns[name] = list(map(attrgetter(name), rows))
        array = self._arrow.pa.array
        self._append([array(columns[each.name], each.type) for each in self._gathering])

    def _numbers(self, column: str, texts: list[str | None]) -> list[object]:
        for text in dict.fromkeys(texts):
            self.number(column, text)
        known = self._texts[column]
        return [None if text is None else known[text] for text in texts]

    def _append(self, columns: Sequence[Any]) -> None:
        batch = self._arrow.pa.RecordBatch.from_arrays(columns, schema=self._gathering)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        self._small.append(batch)
        if batch.num_rows >= WAITING_ROWS_MAX or len(self._small) >= SMALL_BATCHES_MAX:
            self._consolidate()

    def _consolidate(self) -> None:
        small, self._small = self._small, []
        if len(small) > 1:
            small = self._arrow.pa.Table.from_batches(small).combine_chunks().to_batches()
        self._batches += small

    def _flush_if_full(self) -> None:
        if self._rows >= ROWS_MAX or self._bytes >= BYTES_MAX:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        pa = self._arrow.pa
        batches = self._batches + self._small
        self._batches, self._small = [], []
        self._pending.result()  # before the rows are copied: there are two groups, never three
        table = pa.Table.from_batches(batches).combine_chunks()
        del batches
        arrays: list[Any] = []
        for name in COLUMNS:
            column = table.column(name)
            if name in TEXTS:
                dictionary = pa.array(list(self._texts[name]), pa.string())
                chunks = [
                    pa.DictionaryArray.from_arrays(each, dictionary) for each in column.chunks
                ]
                column = pa.chunked_array(chunks, self._schema.field(name).type)
            arrays.append(column)
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._pending = self._thread.submit(self._writer.write_table, table, ROWS_MAX * 2)
        self._texts = {name: {} for name in TEXTS}
        self._rows = self._bytes = 0
        self.generation += 1


def _microseconds(time_ns: int | None) -> int | None:
    """Round down; None for a time that nobody could read."""
    if time_ns is None or not SECONDS[0] <= time_ns // 1_000_000_000 < SECONDS[1]:
        return None
    return time_ns // 1000


def _nothing() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done
