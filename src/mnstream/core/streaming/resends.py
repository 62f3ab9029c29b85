"""Recognise frames that are sent again after a reconnect (DESIGN decision 1).

A producer that lost its channel does not know which of its last frames arrived, so it sends all
that were not acknowledged, in order, before anything new. What comes first on a resumed channel is
therefore a stretch of what came last on the one before, up to its very end. Only such a stretch
counts as duplicate: two equal frames in the middle of a channel are two frames.

Frames are told apart by CRC-32. A collision can mark a new frame as a duplicate, once in 2**32 for
the first frame after a reconnect; it is stored all the same, so nothing is lost by it.
"""

from __future__ import annotations

from collections import deque
from zlib import crc32


class ResendDetector:
    """The last frames of a connection, and how far a resend of them has come."""

    __slots__ = ("_expected", "_recent", "resuming")

    def __init__(self, frames_max: int) -> None:
        """Remember at most ``frames_max`` frames."""
        self._recent: deque[int] = deque(maxlen=frames_max)
        self._expected: list[int] = []
        self.resuming = False
        """Whether the next frame may be one that came before."""

    def remember(self, payload: bytes) -> None:
        """Note a frame that is not a duplicate; the hot path."""
        self._recent.append(crc32(payload))

    def resume(self) -> None:
        """Expect a resend: the channel was opened again."""
        self._expected = []
        self.resuming = bool(self._recent)

    def is_duplicate(self, payload: bytes) -> bool:
        """Tell whether this frame continues a resend; asked once for each frame, in order."""
        if not self.resuming:
            return False
        digest = crc32(payload)
        if not self._expected:
            self._align(digest)
        if self._expected and self._expected[-1] == digest:
            self._expected.pop()
            self.resuming = bool(self._expected)
            return True
        self.resuming = False
        self._expected.clear()
        return False

    def _align(self, digest: int) -> None:
        recent = list(self._recent)
        if digest in recent:
            self._expected = recent[recent.index(digest) :][::-1]
