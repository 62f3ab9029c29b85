"""A network of simulated cells as PERFORMANCE streams, one for each cell."""

from __future__ import annotations

from collections.abc import Sequence

from mnstream.adapters.sources.catalogue import Column, columns
from mnstream.adapters.sources.cell import Cell
from mnstream.adapters.sources.identity import stable_stream_id
from mnstream.core.values import (
    PerformanceInfo,
    ProducerId,
    SerializationFormat,
    StreamInfo,
    StreamType,
)
from mnstream.ports.source import Reading

_CELLS_OF_AN_ELEMENT = 3  # a mast has three sectors


class SimulatedSource:
    """Cells that nobody built; the same seed and time give the same values, in any order.

    Args:
        producer_id: DN of the producer; the identifiers of the streams depend on it.
        seed: Seed of the network. The values do not depend on the producer.
        streams: How many cells, at least 1.
        metrics: How many values a cell reports: the catalogue's first, then sub-counters by 5QI.
        granularity_period_ms: Length of a period; counters count what happened in one.
        job_id: PerfMetricJob of every stream.
        first_element: Number of the first ManagedElement. Three cells make an element, so the next
            producer of the same network begins at ``first_element + ceil(streams / 3)``.
        serialization_format: How the streams are announced.
        variant: Tells the streams of several sources for the same cells and producer apart.

    Raises:
        ValueError: A number is outside its range; the text says which.
    """

    def __init__(
        self,
        producer_id: ProducerId,
        *,
        seed: int,
        streams: int = 1,
        metrics: int = 12,
        granularity_period_ms: int = 1000,
        job_id: str = "1",
        first_element: int = 1,
        serialization_format: SerializationFormat = SerializationFormat.GPB,
        variant: str = "",
    ) -> None:
        if streams < 1:
            raise ValueError(f"a simulated network has at least 1 cell, not {streams}")
        if granularity_period_ms < 1:
            raise ValueError(f"a period lasts at least 1 ms, not {granularity_period_ms} ms")
        self._columns: tuple[Column, ...] = columns(metrics)
        names = tuple(column.name for column in self._columns)
        self._streams: list[StreamInfo] = []
        self._cells: list[Cell] = []
        for number in range(streams):
            element, sector = divmod(number, _CELLS_OF_AN_ELEMENT)
            meas_obj_dn = (
                f"SubNetwork=Sim,ManagedElement={first_element + element},"
                f"GNBDUFunction=1,NRCellDU={sector + 1}"
            )
            self._cells.append(Cell(seed, meas_obj_dn, granularity_period_ms=granularity_period_ms))
            self._streams.append(
                StreamInfo(
                    stream_id=stable_stream_id(producer_id, meas_obj_dn + variant),
                    stream_type=StreamType.PERFORMANCE,
                    serialization_format=serialization_format,
                    additional_info=PerformanceInfo(
                        meas_obj_dn=meas_obj_dn, performance_metrics=names, job_id=job_id
                    ),
                )
            )

    def streams(self) -> Sequence[StreamInfo]:
        """Describe the streams, cell by cell."""
        return tuple(self._streams)

    def read(self, wall_ms: int) -> Sequence[Reading]:
        """Return what each cell measured in the period that ended at ``wall_ms``.

        Returns:
            One reading for each stream, in the order of the streams; no value is None.
        """
        return [
            Reading(
                stream_id=info.stream_id,
                time_ms=wall_ms,
                values=self._values(cell.measure(wall_ms)),
            )
            for info, cell in zip(self._streams, self._cells, strict=True)
        ]

    def _values(self, measured: dict[str, int | float]) -> tuple[int | float, ...]:
        return tuple(
            measured[column.metric]
            if column.factor is None
            else _part(measured[column.metric], column.factor)
            for column in self._columns
        )


def _part(value: float, factor: float) -> float:
    # Down, so that the parts of a whole never add up to more than it.
    return int(value * factor) if isinstance(value, int) else int(value * factor * 1000) / 1000
