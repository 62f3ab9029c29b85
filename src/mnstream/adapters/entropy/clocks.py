"""Clocks: of the machine, of the event loop, and of a test.

Monotonic time is the event loop's, so that a service and its timers agree about it, and a test on
a mocked loop (trio's MockClock) moves both.
"""

from __future__ import annotations

import time

import anyio


def _loop_ms() -> int:
    # To the nearest: a loop that wakes for 0.57 s shows 569.9999..., which is not before 570 ms.
    return round(anyio.current_time() * 1000)


class SystemClock:
    """Event loop for monotonic time, this machine for wall time."""

    def monotonic_ms(self) -> int:
        """Return the time of the running event loop.

        Raises:
            anyio.NoEventLoopError: There is none.
        """
        return _loop_ms()

    def wall_ms(self) -> int:
        """Return the machine's time; it may be set back at any moment."""
        return time.time_ns() // 1_000_000


class VirtualClock:
    """Event loop for both: wall time begins at ``epoch_ms`` and runs as fast as the loop's.

    The first reading of either time is the beginning. With trio's MockClock a simulated week takes
    as long as its events, and shows the same times in every run.
    """

    def __init__(self, epoch_ms: int) -> None:
        self._epoch_ms = epoch_ms
        self._origin_ms: int | None = None

    def monotonic_ms(self) -> int:
        """Return the time of the running event loop.

        Raises:
            anyio.NoEventLoopError: There is none.
        """
        now_ms = _loop_ms()
        if self._origin_ms is None:
            self._origin_ms = now_ms
        return now_ms

    def wall_ms(self) -> int:
        """Return ``epoch_ms`` and what the event loop has counted since the beginning.

        Raises:
            anyio.NoEventLoopError: There is none.
        """
        now_ms = self.monotonic_ms()
        assert self._origin_ms is not None
        return self._epoch_ms + now_ms - self._origin_ms


class FixedClock:
    """Time that stands still until it is told to advance; needs no event loop."""

    def __init__(self, *, wall_ms: int, monotonic_ms: int = 0) -> None:
        self._wall_ms = wall_ms
        self._monotonic_ms = monotonic_ms

    def monotonic_ms(self) -> int:
        """Return the monotonic time that was given, and all advances."""
        return self._monotonic_ms

    def wall_ms(self) -> int:
        """Return the wall time that was given, and all advances."""
        return self._wall_ms

    def advance(self, by_ms: int) -> None:
        """Let both times go on.

        Raises:
            ValueError: ``by_ms`` is negative; nothing changed.
        """
        if by_ms < 0:
            raise ValueError(f"time does not go back: {by_ms} ms")
        self._monotonic_ms += by_ms
        self._wall_ms += by_ms

    def set_wall(self, wall_ms: int) -> None:
        """Set the wall time, forwards or back, as an operator of the machine may."""
        self._wall_ms = wall_ms
