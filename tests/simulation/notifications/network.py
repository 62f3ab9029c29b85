"""A network that loses, delays, repeats and reorders; between one producer and its consumers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from tests.simulation.notifications.faults import Faults
from tests.simulation.world import Action, World

T = TypeVar("T")
TROUBLE_MS = 5_000
"""How long things go wrong."""
TWICE_MAX_MS = 400
"""How much later a request may arrive once more."""


class Network:
    """Calls from one process to another, until it is healed with faults of every kind."""

    def __init__(self, world: World, faults: Faults, counts: Counter[str]) -> None:
        self.world = world
        self.faults = faults
        self.counts = counts
        self.healed = False
        self._apart: dict[str, int] = {}

    def fails(self, probability: float) -> bool:
        """Tell whether something goes wrong now."""
        return not self.healed and self.world.chance(probability)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.healed = True
        self._apart.clear()

    def partition(self, name: str) -> None:
        """Let a consumer and the producer not reach each other for a while."""
        duration_ms = self.world.between(1, self.faults.partition_max_ms)
        self._apart[name] = self.world.now_ms + duration_ms
        self.counts["partitions"] += 1
        self.world.note(f"{name} is apart for {duration_ms} ms")

    def call(
        self,
        name: str,
        serve: Callable[[], T | None],
        answered: Callable[[T], None],
        failed: Action,
    ) -> None:
        """Carry a request to who serves it (None: nobody is there) and its answer back.

        Every way ends with ``answered``, with ``failed``, or with silence.
        """

        def arrive(*, again: bool) -> None:
            if self._is_apart(name):
                lose()
                return
            answer = serve()
            if again:
                return
            if answer is None or self._is_apart(name) or self.fails(self.faults.answer_lost):
                lose()
                return
            given = answer
            self._later(lambda: answered(given))

        def lose() -> None:
            self.counts["calls lost"] += 1
            if not self.fails(self.faults.untold):
                self._later(failed)

        if self.fails(self.faults.lost):
            lose()
            return
        self._later(lambda: arrive(again=False))
        if self.fails(self.faults.twice):
            self.counts["calls repeated"] += 1
            later_ms = self.world.between(0, TWICE_MAX_MS)
            self.world.after(later_ms, lambda: arrive(again=True))

    def _later(self, action: Action) -> None:
        longest_ms = 2 if self.healed else self.faults.delay_max_ms
        self.world.after(self.world.between(1, longest_ms), action)

    def _is_apart(self, name: str) -> bool:
        return self._apart.get(name, 0) > self.world.now_ms
