"""Which metrics count something and begin again, as after a restart of a network function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mnstream.adapters.codecs import MeasValue

RUN_MIN = 8
"""Values without a fall that make a counter of an integer metric."""
RISES_MIN = 4
"""How many of them have to be rises: a gauge that hardly moves is no counter."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A counter that fell back."""

    metric: str
    before: int
    after: int


class _Run:
    """Values of a metric since its last fall."""

    __slots__ = ("first", "largest_rise", "last", "length", "rises")

    def __init__(self, value: int) -> None:
        self.first = self.last = value
        self.length, self.rises, self.largest_rise = 1, 0, 0

    def rise(self, value: int) -> None:
        self.length += 1
        if value > self.last:
            self.rises += 1
            self.largest_rise = max(self.largest_rise, value - self.last)
            self.last = value

    def explains(self, value: int) -> bool:
        """Tell whether a fall to this value is a reset: down to where a counter may begin."""
        return (
            self.length >= RUN_MIN
            and self.rises >= RISES_MIN
            and value <= max(self.first, 0) + self.largest_rise
        )


class Counters:
    """Watches the metrics of one stream.

    A metric counts when it is an integer that never fell over a long run, and rose in it. When it
    then falls to about where the run began, it was reset; any other fall makes it a gauge for good,
    and nothing is ever said about it again. So a gauge is taken for a counter only when it climbs
    for long and drops all the way at once.
    """

    __slots__ = ("_gauges", "_runs")

    def __init__(self) -> None:
        """Start without knowledge."""
        self._runs: dict[str, _Run] = {}
        self._gauges: set[str] = set()

    def add(self, values: Mapping[str, MeasValue]) -> list[Reset]:
        """Take the values of the next period; give the counters that were reset in it."""
        resets: list[Reset] = []
        for metric, value in values.items():
            if metric in self._gauges:
                continue
            if not isinstance(value, int):
                if value is not None:
                    self._make_gauge(metric)
                continue
            run = self._runs.get(metric)
            if run is None:
                self._runs[metric] = _Run(value)
            elif value >= run.last:
                run.rise(value)
            elif run.explains(value):
                resets.append(Reset(metric, run.last, value))
                self._runs[metric] = _Run(value)
            else:
                self._make_gauge(metric)
        return resets

    def _make_gauge(self, metric: str) -> None:
        self._runs.pop(metric, None)
        self._gauges.add(metric)
