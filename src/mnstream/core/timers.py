"""Many deadlines, of which the earliest is wanted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
HEAP_SLACK = 64
"""Forgotten deadlines that are not worth tidying up."""


class Timers(Generic[K]):
    """At most one deadline for each key. Setting one anew forgets the one before."""

    __slots__ = ("_due", "_heap", "_order")

    def __init__(self) -> None:
        """Start without deadlines."""
        self._due: dict[K, tuple[int, int]] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._order = 0

    def set(self, key: K, due_ms: int | None) -> None:
        """Set the deadline of a key; None for none."""
        if due_ms is None:
            self._due.pop(key, None)
            return
        self._order += 1
        self._due[key] = (due_ms, self._order)
        heappush(self._heap, (due_ms, self._order, key))
        # Forgotten deadlines stay until their time comes, unless they become the most.
        if len(self._heap) > 2 * len(self._due) + HEAP_SLACK:
            self._heap = sorted((due, order, key) for key, (due, order) in self._due.items())

    def next_ms(self) -> int | None:
        """Return the earliest deadline, None when there is none."""
        while self._heap:
            due_ms, order, key = self._heap[0]
            if self._due.get(key) == (due_ms, order):
                return due_ms
            heappop(self._heap)
        return None

    def expired(self, now_ms: int) -> Iterator[K]:
        """Give and forget the keys whose deadline has come, earliest first."""
        while (due_ms := self.next_ms()) is not None and due_ms <= now_ms:
            key = heappop(self._heap)[2]
            del self._due[key]
            yield key
