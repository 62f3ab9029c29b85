"""Whether a collector should be given work, and why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from mnstream.core.streaming.consumer import StreamingConsumer
from mnstream.ports.log import Log


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a service is not ready.

    Attributes:
        cause: For programs, one of a small fixed set.
        detail: For people.
    """

    cause: str
    detail: str


Check = Callable[[], Reason | None]
"""Looks at one thing; None when it is well. Neither waits nor fails."""

STOPPING = "stopping"
LOG_TROUBLE = "log_trouble"
LOG_FULL = "log_full"
CONNECTIONS_FULL = "connections_full"


class Readiness:
    """What ``/readyz`` asks.

    Not ready: the service is stopping, nothing becomes durable, too much waits for the disk, or
    there is no room for another connection.
    """

    def __init__(
        self,
        consumer: StreamingConsumer,
        log: Log,
        *,
        stopping: Callable[[], bool],
        checks: Sequence[Check] = (),
    ) -> None:
        """Keep what to look at.

        Args:
            consumer: Tells whether there is room for a connection.
            log: Tells about the disk.
            stopping: Whether the service was told to stop.
            checks: Whatever else must be well, for example that a certificate is still valid.
        """
        self._consumer = consumer
        self._log = log
        self._stopping = stopping
        self._checks = tuple(checks)

    async def reasons(self) -> tuple[Reason, ...]:
        """Say why the service is not ready, in a fixed order; ``()`` when it is. Never waits."""
        found: list[Reason] = []
        if self._stopping():
            found.append(Reason(STOPPING, "the collector is stopping"))
        if self._log.trouble:
            found.append(Reason(LOG_TROUBLE, self._log.trouble))
        if not await self._has_room():
            found.append(Reason(LOG_FULL, "too much waits for the disk, so nothing is read"))
        limit = self._consumer.config.connections_max
        if len(self._consumer.connections) >= limit:
            found.append(Reason(CONNECTIONS_FULL, f"there are {limit} connections, the most"))
        found.extend(reason for check in self._checks if (reason := check()) is not None)
        return tuple(found)

    async def _has_room(self) -> bool:
        # The deadline has passed already: a log with room returns before it would be noticed.
        with anyio.move_on_after(0) as at_once:
            await self._log.has_room()
        return not at_once.cancelled_caught
