"""Virtual time, one heap and one source of chance: the same seed gives the same history."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import sha256
from heapq import heappop, heappush
from random import Random

Action = Callable[[], None]

STEPS_MAX = 400_000
"""More than any history needs; whoever gets there goes round in circles."""


class World:
    """Everything that happens, in order, and what was noted about it."""

    def __init__(self, seed: int, trace_lines: int | None) -> None:
        """Begin at time 0; keep the last lines of the trace, or all."""
        self.seed = seed
        self.random = Random(seed)
        self.now_ms = 0
        self.trace: deque[str] = deque(maxlen=trace_lines)
        self._digest = sha256()
        self._heap: list[tuple[int, int, Action]] = []
        self._planned = 0
        self._steps = 0

    def after(self, delay_ms: int, action: Action) -> None:
        """Plan something; of two things at the same time the one that was planned first comes."""
        self._planned += 1
        heappush(self._heap, (self.now_ms + delay_ms, self._planned, action))

    def run(self, until_ms: int) -> None:
        """Let everything happen up to a time."""
        while self._heap and self._heap[0][0] <= until_ms:
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise RuntimeError(f"seed {self.seed}: more than {STEPS_MAX} steps")
            self.now_ms, _, action = heappop(self._heap)
            action()
        self.now_ms = max(self.now_ms, until_ms)

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now_ms:>7} {text}"
        self._digest.update(line.encode())
        self.trace.append(line)

    @property
    def digest(self) -> str:
        """What the whole trace comes to."""
        return self._digest.hexdigest()

    def chance(self, probability: float) -> bool:
        """Throw a coin."""
        return self.random.random() < probability

    def between(self, low: int, high: int) -> int:
        """Choose a number, both ends included."""
        return self.random.randint(low, high)

    def every(self, mean_ms: int, until_ms: int, action: Action) -> None:
        """Do something again and again, at random, until a time; never when the mean is 0."""
        if not mean_ms:
            return

        def again() -> None:
            if self.now_ms < until_ms:
                action()
                self.after(pause(), again)

        def pause() -> int:
            return 1 + int(self.random.expovariate(1 / mean_ms))

        self.after(pause(), again)
