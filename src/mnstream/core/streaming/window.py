"""The frames that a producer has to keep until they are acknowledged (ARCHITECTURE.md 1).

Frames are numbered from 1 in the order in which the application offered them, over all channels of
the connection. A Ping carries the number of the last frame before it, so its Pong acknowledges all
up to there. What is not acknowledged when a channel ends is sent again, first, on the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mnstream.core.errors import LocalProtocolError


class Window:
    """Unacknowledged frames, bounded in number and bytes."""

    __slots__ = (
        "_bytes_max",
        "_frames",
        "_frames_max",
        "acknowledged",
        "queued_bytes",
        "sealed",
        "sent",
    )

    def __init__(self, *, frames_max: int, bytes_max: int) -> None:
        """Start empty."""
        self._frames: deque[bytes] = deque()
        self._frames_max = frames_max
        self._bytes_max = bytes_max
        self.acknowledged = 0
        """Number of the last acknowledged frame."""
        self.sent = 0
        """Number of the last frame that was ever handed to a channel."""
        self.queued_bytes = 0
        """Size of the frames kept."""
        self.sealed = False
        """Whether the application has offered its last frame."""

    def __len__(self) -> int:
        """Count the frames kept."""
        return len(self._frames)

    @property
    def offered(self) -> int:
        """Number of the last frame that was offered."""
        return self.acknowledged + len(self._frames)

    def has_room(self, frames: Sequence[bytes]) -> bool:
        """Tell whether ``add`` would take these frames.

        One frame larger than the whole window has room when the window is empty.
        """
        if not self._frames and len(frames) <= 1:
            return True
        size_bytes = self.queued_bytes + sum(map(len, frames))
        return len(self._frames) + len(frames) <= self._frames_max and size_bytes <= self._bytes_max

    def add(self, frames: Sequence[bytes]) -> None:
        """Keep frames.

        Raises:
            LocalProtocolError: There is no room, or the window is sealed; nothing changed.
        """
        if self.sealed:
            raise LocalProtocolError("the connection is being terminated; no more data is taken")
        if not self.has_room(frames):
            raise LocalProtocolError("the window is full; wait for acknowledgements")
        self._frames.extend(frames)
        self.queued_bytes += sum(map(len, frames))

    def acknowledge(self, number: int) -> int:
        """Drop all frames up to ``number`` and return how many that were."""
        count = max(0, min(number, self.offered) - self.acknowledged)
        for _ in range(count):
            self.queued_bytes -= len(self._frames.popleft())
        self.acknowledged += count
        return count

    def frames(self) -> tuple[bytes, ...]:
        """Return all frames kept, oldest first."""
        return tuple(self._frames)
