"""Which granularity periods of a stream should be there, learnt from those that are.

A unit carries no number, so only the regularity of its stream tells that one is missing. There is
an expectation when it cannot be wrong: every end time lies on one grid of at least a second, and
the distance of that grid is the most frequent one. A stream whose times are irregular by a
millisecond has none, and is never said to miss anything.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from operator import itemgetter

NS_PER_S = 1_000_000_000
DISTANCES_MIN = 3
"""Distances of end times that are needed before anything is expected."""
DISTANCES_MAX = 256
"""Different distances that are counted; a stream with more is no regular one."""
LEARNING = 64
"""End times that are looked at before the grid is chosen on which the others are kept."""


@dataclass(frozen=True, slots=True)
class MissingPeriods:
    """Periods between two that are there; times in nanoseconds since the Unix epoch."""

    first_ns: int
    last_ns: int
    count: int


class Intervals:
    """A set of integers that mostly follow one another."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        """Start empty."""
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self._firsts)

    def add(self, number: int) -> None:
        """Take a number."""
        at = bisect_right(self._firsts, number)
        if at and number <= self._lasts[at - 1]:
            return
        follows = at > 0 and self._lasts[at - 1] + 1 == number
        precedes = at < len(self._firsts) and self._firsts[at] == number + 1
        if follows and precedes:
            self._lasts[at - 1] = self._lasts[at]
            del self._firsts[at], self._lasts[at]
        elif follows:
            self._lasts[at - 1] = number
        elif precedes:
            self._firsts[at] = number
        else:
            self._firsts.insert(at, number)
            self._lasts.insert(at, number)

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Give the first and the last number of each gap, in order."""
        for last, following in zip(self._lasts, self._firsts[1:], strict=False):
            yield last + 1, following - 1


class Periods:
    """The end times of one stream, in the order in which they arrived.

    Costs memory for each hole and each pause, not for each period.
    """

    __slots__ = (
        "_distances",
        "_early",
        "_grid_ns",
        "_is_given",
        "_is_paused",
        "_origin_ns",
        "_pauses",
        "_present",
        "newest_ns",
    )

    def __init__(self, granularity_ns: int | None = None) -> None:
        """Expect periods of this length, or learn it; nanoseconds."""
        self.newest_ns: int | None = None
        """The latest end time so far."""
        self._is_given = granularity_ns is not None
        self._grid_ns = granularity_ns
        """Distance of the grid; None while it is learnt, 0 when there is none."""
        self._early: list[int] = []
        self._origin_ns = 0
        self._distances: Counter[int] = Counter()
        self._present = Intervals()
        self._is_paused = False
        self._pauses: list[tuple[int, int]] = []

    def add(self, time_ns: int) -> bool:
        """Take an end time; tell whether it is late.

        Late is what is older than the newest, by a given granularity or more. Where none is given,
        any older time is: if there is a granularity to learn, it is a whole period older.
        """
        newest = self.newest_ns
        if newest is None or time_ns > newest:
            self.newest_ns = time_ns
            if newest is not None:
                self._follow(newest, time_ns)
        self._place(time_ns)
        least_ns = self._grid_ns if self._is_given and self._grid_ns else 1
        return newest is not None and newest - time_ns >= least_ns

    def pause(self) -> None:
        """Expect nothing between the newest end time and the next: the stream had ended."""
        self._is_paused = True

    def granularity_ns(self) -> int | None:
        """Give the length of a period; None when nobody can know it."""
        if self._grid_ns is None:
            self._choose_grid()
        if self._is_given:
            return self._grid_ns
        if not self._grid_ns or self._distances.total() < DISTANCES_MIN:
            return None
        ((distance, _),) = self._distances.most_common(1)
        return distance if distance == self._grid_ns else None

    def missing(self) -> Iterator[MissingPeriods]:
        """Give the periods that should be there between the first and the last, in runs."""
        step_ns = self.granularity_ns()
        if step_ns is None:
            return
        for first, last in self._present.gaps():
            first_ns = self._origin_ns + first * step_ns
            # Of the pauses that end behind it, the earliest is the only one that may hold it.
            at = bisect_right(self._pauses, first_ns, key=itemgetter(1))
            if at == len(self._pauses) or self._pauses[at][0] > first_ns:
                last_ns = self._origin_ns + last * step_ns
                yield MissingPeriods(first_ns, last_ns, last - first + 1)

    def _follow(self, newest_ns: int, time_ns: int) -> None:
        if self._is_paused:
            self._is_paused = False
            self._pauses.append((newest_ns, time_ns))
            return
        distance_ns = time_ns - newest_ns
        if distance_ns in self._distances or len(self._distances) < DISTANCES_MAX:
            self._distances[distance_ns] += 1

    def _place(self, time_ns: int) -> None:
        if self._grid_ns is None:
            if time_ns not in self._early:
                self._early.append(time_ns)
            if len(self._early) == LEARNING:
                self._choose_grid()
        elif self._grid_ns:
            self._mark(time_ns, self._grid_ns)

    def _choose_grid(self) -> None:
        """Take the widest grid on which all end times so far lie."""
        early, self._early = self._early, []
        grid_ns = gcd(*(time_ns - early[0] for time_ns in early))
        self._grid_ns = grid_ns if grid_ns >= NS_PER_S else 0
        for time_ns in early:
            if self._grid_ns:
                self._mark(time_ns, self._grid_ns)

    def _mark(self, time_ns: int, grid_ns: int) -> None:
        if not self._present:
            self._origin_ns = time_ns
        offset = time_ns - self._origin_ns
        if self._is_given:
            # The nearest: clocks of network functions are not exact to the millisecond.
            self._present.add((offset + grid_ns // 2) // grid_ns)
        elif offset % grid_ns:
            self._grid_ns = 0
            self._present = Intervals()
        else:
            self._present.add(offset // grid_ns)
