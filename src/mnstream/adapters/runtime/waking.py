"""Two ways to wait that every service needs."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from mnstream.ports.clock import Clock


class Signal:
    """Something changed: wakes everybody who waits at that moment."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._event: anyio.Event | None = None

    def notify(self) -> None:
        """Wake everybody; costs nothing when nobody waits."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def wait(self) -> None:
        """Wait for the next ``notify``; check the condition before and after."""
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()


class Alarm:
    """Wakes a core object when its deadline comes."""

    __slots__ = ("_armed_ms", "_clock", "_deadline_ms", "_earlier", "_reached")

    def __init__(
        self, clock: Clock, deadline_ms: Callable[[], int | None], reached: Callable[[], None]
    ) -> None:
        """Watch a deadline.

        Args:
            clock: The clock that the deadline is measured with.
            deadline_ms: The core's ``next_deadline_ms``.
            reached: Called whenever that time has come; must move the deadline on.
        """
        self._clock = clock
        self._deadline_ms = deadline_ms
        self._reached = reached
        self._earlier = Signal()
        self._armed_ms: int | None = None  # what is waited for; None before, and for nothing

    def rearm(self) -> None:
        """Look at the deadline again: it may be earlier than before.

        One that is later wakes nobody: the task looks again when the earlier one has come.
        """
        deadline_ms = self._deadline_ms()
        if deadline_ms is not None and (self._armed_ms is None or deadline_ms < self._armed_ms):
            self._earlier.notify()

    async def run(self) -> None:
        """Wait for one deadline after the other, until cancelled."""
        while True:
            deadline_ms = self._armed_ms = self._deadline_ms()
            if deadline_ms is None:
                await self._earlier.wait()
                continue
            wait_ms = deadline_ms - self._clock.monotonic_ms()
            if wait_ms <= 0:
                self._reached()
                await anyio.lowlevel.checkpoint()
                continue
            with anyio.move_on_after(wait_ms / 1000):
                await self._earlier.wait()
