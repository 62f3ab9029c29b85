"""Many GPB frames at once from their bytes to rows, without a Python object for each value.

ptars reads the frames into Arrow. Its schema is our own, of what rows need: a sub-counter stays
the bytes that it came in, which halves the time. A frame takes this way when it says nothing that
needs judgement: every stream announced, as many values as metrics, plain numbers and texts.
Others, and frames that ptars refuses, go the slow way, one by one, and so do the few between two
of them; a property test holds both equal.
"""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mnstream.adapters.codecs.gpb import holds_unknown_fields
from mnstream.adapters.export.arrow import Arrow
from mnstream.adapters.export.pdsu_reader import make_reader
from mnstream.adapters.export.row_groups import SECONDS, RowGroups
from mnstream.adapters.export.slots import OF_STREAM, Slots, View, gpb_streams
from mnstream.adapters.storage import Entry, FrameRun
from mnstream.core.records import ConnectionEstablished

SHORT_BYTES = 1000
"""Size up to which frames take less time one by one: to take any number of them together costs as
much as to decode so many octets."""

_SECOND_NS = 10**9
_SHORT = 4  # octets of an integer of 32 bits


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames, member by member; ``runs`` begin at ``starts``."""

    payloads: Sequence[bytes]
    wall_ms: Sequence[int]
    views: Sequence[View | None]
    runs: Sequence[FrameRun]
    starts: Sequence[int]

    def entry(self, number: int) -> Entry:
        """Give one of them for itself."""
        which = bisect_right(self.starts, number) - 1
        return self.runs[which].entry(number - self.starts[which])


class Flattener:
    """Turns runs of frames into rows."""

    def __init__(
        self, arrow: Arrow, groups: RowGroups, take_slowly: Callable[[Entry], int]
    ) -> None:
        """Give what fits to ``groups``, and any other frame to ``take_slowly``, in order."""
        self._pa, self._pc = arrow.pa, arrow.pc
        self._groups = groups
        self._take_slowly = take_slowly
        self._read = make_reader(arrow).list_to_record_batch
        self._views: dict[int, View] = {}
        self._slots = Slots(groups, self._pa)
        self._counting = self._pa.array([], self._pa.int64())
        self._false = self._pa.scalar(value=False)
        self._scalars: dict[int, Any] = {}

    def take(self, runs: Sequence[FrameRun]) -> int:
        """Write the rows of frames and count their units."""
        payloads: list[bytes] = []
        wall_ms: list[int] = []
        views: list[View | None] = []
        starts: list[int] = []
        if self._slots.generation != self._groups.generation:
            self._views = {}  # some of these connections may have ended long ago
        for run in runs:
            seen = {version: self._view(each) for version, each in run.connections.items()}
            starts.append(len(payloads))
            payloads += run.payloads
            wall_ms += run.wall_ms
            if max(run.wall_ms) < SECONDS[1] * 1000:
                views += map(seen.get, run.streams_versions)
            else:
                views += [None] * len(run.payloads)
        frames = _Frames(payloads, wall_ms, views, runs, starts)
        strange = [number for number, view in enumerate(views) if view is None]
        return self._take_between(frames, 0, len(payloads), strange)

    def _view(self, connection: ConnectionEstablished) -> View | None:
        """Give the view of a connection; None when it has other streams than those for us."""
        view = self._views.get(connection.streams_version)
        if view is None or view.connection is not connection:
            view = View(connection, gpb_streams(connection))
            self._views[connection.streams_version] = view
        return view if view.streams else None

    def _take_between(self, frames: _Frames, first: int, end: int, unfit: Iterable[int]) -> int:
        """Take some of the frames, those of these numbers slowly."""
        count = 0
        for number in unfit:
            count += self._take(frames, first, number)
            count += self._take_slowly(frames.entry(number))
            first = number + 1
        return count + self._take(frames, first, end)

    def _take(self, frames: _Frames, first: int, end: int) -> int:
        """Take some of the frames: all that fit at once, and between them the others."""
        payloads = list(frames.payloads[first:end])
        if sum(map(len, payloads)) <= SHORT_BYTES:
            return sum(self._take_slowly(frames.entry(number)) for number in range(first, end))
        try:
            units = self._read(payloads).column(0)
        except ValueError:  # one of them is damaged, perhaps
            if end - first == 1:
                return self._take_slowly(frames.entry(first))
            middle = (first + end) // 2
            return self._take(frames, first, middle) + self._take(frames, middle, end)
        unfit = self._add(frames, first, end, units)
        if not unfit:
            return len(units.values)
        return self._take_between(frames, first, end, unfit)

    def _add(self, frames: _Frames, first: int, end: int, units: Any) -> list[int]:
        """Add the rows of frames, or say which of them do not fit; then nothing is added."""
        pc = self._pc
        if self._slots.generation != self._groups.generation:
            self._slots = Slots(self._groups, self._pa)
        unit, frame_of = units.values, pc.list_parent_indices(units)
        frame_numbers = _integers(frame_of)
        slots = self._slots_of(
            [frames.views[first + number] for number in frame_numbers],
            _integers(unit.field("id")),
        )
        empty = pc.equal(pc.list_value_length(units), self._scalar(0))
        unfit = {first + number for number in self._where(empty)}
        unfit.update(
            first + frame_numbers[number] for number, slot in enumerate(slots) if slot is None
        )
        if unfit:
            return sorted(unfit)
        slot_of = self._array(slots)
        tables = self._slots.tables()
        standard, vendor = unit.field("std"), unit.field("ven")
        counts = pc.add(pc.list_value_length(standard), pc.list_value_length(vendor))
        expected = tables["counts"].take(slot_of)
        bad = pc.or_(pc.not_equal(counts, expected), self._bad_times(unit.field("t")))
        values, unit_of = self._values(standard, vendor)
        unfit.update(first + frame_numbers[number] for number in self._where(bad))
        units_of_bad: list[int] = unit_of.filter(self._bad_values(values)).to_pylist()
        unfit.update(first + frame_numbers[number] for number in units_of_bad)
        lacking: list[int] = unit_of.filter(self._lacking(values)).to_pylist()
        unfit.update(
            number
            for number in {first + frame_numbers[each] for each in lacking} - unfit
            if holds_unknown_fields(frames.payloads[number])
        )
        if unfit:
            return sorted(unfit)
        if len(values):
            received = self._array(frames.wall_ms[first:end])
            self._add_rows(tables, slot_of, counts, unit, values, unit_of, received.take(frame_of))
        return []

    def _slots_of(
        self, views: Sequence[View | None], stream_ids: Sequence[int]
    ) -> list[int | None]:
        """Give the slot of each unit; None where its stream is not announced, or not for us."""
        different = set(views)
        for view in different:
            if view is not None and view.generation != self._slots.generation:
                view.generation, view.slots = self._slots.generation, {}
        (view, *others) = different or {None}
        slots: list[int | None]
        if view is not None and not others:
            slots = list(map(view.slots.get, stream_ids))
        else:
            pairs = zip(views, stream_ids, strict=True)
            slots = [None if view is None else view.slots.get(number) for view, number in pairs]
        if None in slots:
            for place, (view, number) in enumerate(zip(views, stream_ids, strict=True)):
                if slots[place] is None and view is not None:
                    known = view.slots.get(number)
                    slots[place] = self._slots.add(view, number) if known is None else known
        return slots

    def _scalar(self, value: int) -> Any:
        """Make an Arrow scalar, once for each value; Arrow's own way looks for pandas each time."""
        found = self._scalars.get(value)
        if found is None:
            found = self._scalars[value] = self._pa.scalar(value)
        return found

    def _array(self, numbers: Iterable[int | None]) -> Any:
        """Make an Arrow array of integers; see above."""
        column = array("q", cast("Iterable[int]", numbers))
        buffers = [None, self._pa.py_buffer(column)]
        return self._pa.Array.from_buffers(self._pa.int64(), len(column), buffers)

    def _values(self, standard: Any, vendor: Any) -> tuple[Any, Any]:
        """Give the values of units in order, and the unit of each."""
        pa, pc = self._pa, self._pc
        values, unit_of = standard.values, pc.list_parent_indices(standard)
        if not len(vendor.values):
            return values, unit_of
        values = pa.concat_arrays([values, vendor.values])
        unit_of = pa.concat_arrays([unit_of, pc.list_parent_indices(vendor)])
        order = pc.array_sort_indices(unit_of)  # stable: standardised values stay in front
        return values.take(order), unit_of.take(order)

    def _bad_times(self, times: Any) -> Any:
        """Tell which units have a time that will be null, or is strange."""
        pc, number = self._pc, self._scalar
        seconds, nanos = pc.struct_field(times, "seconds"), pc.struct_field(times, "nanos")
        bad = pc.or_(
            pc.or_(
                pc.less(seconds, number(SECONDS[0])), pc.greater_equal(seconds, number(SECONDS[1]))
            ),
            pc.or_(pc.less(nanos, number(0)), pc.greater_equal(nanos, number(_SECOND_NS))),
        )
        return pc.coalesce(bad, self._false)

    def _bad_values(self, values: Any) -> Any:
        """Tell which values are sub-counters, or say two things at once.

        Of two alternatives protobuf keeps the later one, Arrow both.
        """
        pc = self._pc
        bad = values.field("c").is_valid()
        plain = [values.field(name) for name in ("i", "r", "s")]
        present = [each.is_valid() for each in plain if each.null_count < len(each)]
        for number, each in enumerate(present):
            for other in present[:number]:
                bad = pc.or_(bad, pc.and_(each, other))
        return bad

    def _lacking(self, values: Any) -> Any:
        """Tell which values are none: there is nothing, or what ptars passes over."""
        pc = self._pc
        given = [values.field(name).is_valid() for name in ("i", "r", "s", "c")]
        return pc.invert(functools.reduce(pc.or_, given))

    def _where(self, mask: Any) -> list[int]:
        found: list[int] = self._pc.indices_nonzero(mask).to_pylist()
        return found

    def _add_rows(
        self,
        tables: Mapping[str, Any],
        slot_of: Any,
        counts: Any,
        unit: Any,
        values: Any,
        unit_of: Any,
        received_ms: Any,
    ) -> None:
        pa, pc = self._pa, self._pc
        rows = len(values)
        # Row n is of metric (start of its stream's metrics) + n - (first row of its unit).
        before = pc.subtract(pc.cumulative_sum(counts), counts)
        shift = pc.subtract(tables["starts"].take(slot_of), before)
        metric = tables["metrics"].take(pc.add(shift.take(unit_of), self._count_to(rows)))
        times = unit.field("t")
        time_us = pc.add(
            pc.multiply(pc.struct_field(times, "seconds"), self._scalar(1_000_000)),
            pc.divide(pc.struct_field(times, "nanos").cast(pa.int64()), self._scalar(1_000)),
        )
        time = pa.timestamp("us", tz="UTC")
        integer, real = values.field("i"), values.field("r")
        value = pc.coalesce(real, integer.cast(pa.float64(), safe=False))
        normal = {
            name: pa.repeat(pa.scalar(self._groups.number(name, ""), pa.int32()), rows)
            for name in ("kind", "cause")
        }
        of_stream = [tables[name].take(slot_of).take(unit_of) for name in OF_STREAM]
        self._groups.add(
            [
                *of_stream,
                pc.multiply(received_ms, self._scalar(1_000)).cast(time).take(unit_of),
                time_us.cast(time).take(unit_of),
                *(metric, value, integer, values.field("s"), normal["kind"], normal["cause"]),
            ]
        )

    def _count_to(self, rows: int) -> Any:
        """Give the numbers from 0 on."""
        if len(self._counting) < rows:
            self._counting = self._array(range(2 * rows))
        return self._counting[:rows]


def _integers(numbers: Any) -> list[int]:
    """Give the items of an Arrow array of 64 or 32 bit integers without nulls."""
    width = numbers.type.bit_width // 8
    data = memoryview(numbers.buffers()[1]).cast("B")
    begin = numbers.offset * width
    return data[begin : begin + len(numbers) * width].cast("q" if width > _SHORT else "i").tolist()
