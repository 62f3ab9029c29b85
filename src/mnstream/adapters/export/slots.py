"""What the streams of a connection put into their rows, found by their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnstream.adapters.export.row_groups import RowGroups
from mnstream.core.records import ConnectionEstablished
from mnstream.core.streaming.multiplexing import Family, family_of
from mnstream.core.values import PerformanceInfo

OF_STREAM = ("connection", "producer", "stream", "object")
"""Columns that are the same for all values of a stream."""

_DIGITS_MAX = 20
"""Digits of a stream number; longer texts are none, and Python reads none that is much longer."""


@dataclass(slots=True, eq=False)
class View:
    """A connection with one set of streams.

    Attributes:
        connection: What it is.
        streams: Object and metrics of each stream, by its number; of those that can be taken.
        slots: Their slots in a generation, of those that were seen.
        generation: Of which one.
    """

    connection: ConnectionEstablished
    streams: Mapping[int, PerformanceInfo]
    slots: dict[int, int] = field(default_factory=dict[int, int])
    generation: int = -1


class Slots:
    """Tables of one generation: what each stream of each set of streams puts into its rows."""

    def __init__(self, groups: RowGroups, pa: Any) -> None:
        self.generation = groups.generation
        self._groups = groups
        self._pa = pa
        self._columns: dict[str, list[int | None]] = {name: [] for name in OF_STREAM}
        self._counts: list[int] = []
        self._starts: list[int] = []
        self._metrics: list[int | None] = []
        self._start_of: dict[tuple[str, ...], int] = {}
        self._tables: dict[str, Any] = {}

    def add(self, view: View, number: int) -> int | None:
        """Give a new slot to a stream; None when there is no such stream."""
        info = view.streams.get(number)
        if info is None:
            return None
        names = info.performance_metrics
        start = self._start_of.setdefault(names, len(self._metrics))
        if start == len(self._metrics):
            self._metrics += [self._groups.number("metric", name) for name in names]
        self._starts.append(start)
        self._counts.append(len(names))
        texts = (
            *(view.connection.connection_id, view.connection.producer_id),
            *(str(number), info.meas_obj_dn),
        )
        for name, text in zip(OF_STREAM, texts, strict=True):
            self._columns[name].append(self._groups.number(name, text))
        self._tables = {}
        slot = view.slots[number] = len(self._counts) - 1
        return slot

    def tables(self) -> dict[str, Any]:
        """Give the tables as Arrow arrays."""
        if not self._tables:
            pa = self._pa
            self._tables = {
                name: pa.array(column, pa.int32()) for name, column in self._columns.items()
            }
            self._tables["counts"] = pa.array(self._counts, pa.int64())
            self._tables["starts"] = pa.array(self._starts, pa.int64())
            self._tables["metrics"] = pa.array(self._metrics, pa.int32())
        return self._tables


def gpb_streams(connection: ConnectionEstablished) -> dict[int, PerformanceInfo]:
    """Give the streams of a connection on which there is nothing but performance data in GPB.

    Where there is anything else, it takes judgement to say what a payload is.
    """
    streams: dict[int, PerformanceInfo] = {}
    for info in connection.stream_info_list:
        if family_of(info) is not Family.PDSU_GPB:
            return {}
        additional = info.additional_info
        if not isinstance(additional, PerformanceInfo) or not info.stream_id.isdecimal():
            continue
        names = additional.performance_metrics
        number = int(info.stream_id[:_DIGITS_MAX])
        if str(number) == info.stream_id and len(set(names)) == len(names):
            streams[number] = additional
    return streams
