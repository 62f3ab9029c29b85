"""How long a producer waits before it tries again, and when it gives up."""

from __future__ import annotations

from mnstream.core.pauses import pause_ms
from mnstream.core.streaming.config import ProducerConfig


class BackOff:
    """Pauses that double from one failure to the next, until something is achieved."""

    __slots__ = ("_attempts", "_config", "_give_up_ms")

    def __init__(self, config: ProducerConfig) -> None:
        """Start as if all were well."""
        self._config = config
        self._attempts = 0
        self._give_up_ms: int | None = None

    def succeed(self) -> None:
        """Note that something was acknowledged, or that nothing waits for it."""
        self._attempts = 0
        self._give_up_ms = None

    def start(self, now_ms: int) -> None:
        """Note that nothing is achieved from now on, if it was before."""
        if self._give_up_ms is None and self._config.give_up_ms:
            self._give_up_ms = now_ms + self._config.give_up_ms

    def fail(self, jitter: float, now_ms: int) -> int:
        """Note a failure and say when to try again."""
        self.start(now_ms)
        self._attempts += 1
        config = self._config
        again_ms = now_ms + pause_ms(
            self._attempts,
            jitter,
            initial_ms=config.back_off_initial_ms,
            max_ms=config.back_off_max_ms,
        )
        return again_ms if self._give_up_ms is None else min(again_ms, self._give_up_ms)

    def is_over(self, now_ms: int) -> bool:
        """Tell whether it is time to give up."""
        return self._give_up_ms is not None and self._give_up_ms <= now_ms
