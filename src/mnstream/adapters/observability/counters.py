"""Counts what adapters report, for whoever asks later."""

from __future__ import annotations

from collections.abc import Iterator


class Counters:
    """A ``mnstream.ports.observer.Observer`` that remembers.

    For one thread, as an event loop is; 0.2 us a count. Memory is bounded by the names and causes
    that the code knows, since neither ever comes from a peer.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, name: str, cause: str = "", amount: int = 1) -> None:
        """Add ``amount`` to the counter ``name``, told apart by ``cause``."""
        key = (name, cause)
        self._counts[key] = self._counts.get(key, 0) + amount

    def value(self, name: str, cause: str = "") -> int:
        """Return one number, 0 for what was never counted."""
        return self._counts.get((name, cause), 0)

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        """Give (name, cause, number) of everything that was counted, sorted."""
        return iter(sorted((name, cause, number) for (name, cause), number in self._counts.items()))
