"""Recognise frames that are sent again after a reconnect.

A producer that lost its channel does not know which of its last frames arrived, so it sends all
that were not acknowledged, in order, before anything new. What comes first on a resumed channel is
therefore a stretch of what came last on the one before, up to its very end. Only such a stretch
counts as a resend: two equal frames in the middle of a channel are two frames.

Frames are told apart by CRC-32, and a stretch may fit in several places; then it goes on as long as
it fits in one of them. So a frame whose content does not identify it can be mistaken for one that
came before. Whoever asks has to know that of which frames it is true (``intake.judge``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from zlib import crc32


class ResendDetector:
    """The last frames of a connection, and how far a resend of them has come."""

    __slots__ = ("_candidates", "_frames_max", "_recent", "resuming")

    def __init__(self, frames_max: int) -> None:
        """Remember at most ``frames_max`` frames."""
        # Four bytes a frame: a collector has thousands of these, and a deque of int takes 40.
        self._recent = array("I")
        self._frames_max = frames_max
        # Where the next frame of the resend would be; None before its first frame.
        self._candidates: list[int] | None = None
        self.resuming = False
        """Whether the next frame may be one that came before."""

    def remember(self, payloads: Iterable[bytes]) -> None:
        """Note frames that are not sent again, in order; the hot path."""
        self._recent.extend(map(crc32, payloads))
        if len(self._recent) > 2 * self._frames_max:
            self._trim()

    def resume(self) -> None:
        """Expect a resend: the channel was opened again."""
        self._trim()
        self._candidates = None
        self.resuming = bool(self._recent)

    def is_sent_again(self, payload: bytes) -> bool:
        """Tell whether this frame continues a resend; asked once for each frame, in order."""
        if not self.resuming:
            return False
        digest = crc32(payload)
        recent = self._recent
        places = range(len(recent)) if self._candidates is None else self._candidates
        fitting = [place + 1 for place in places if recent[place] == digest]
        self._candidates = [place for place in fitting if place < len(recent)]
        self.resuming = bool(self._candidates)
        return bool(fitting)

    def _trim(self) -> None:
        del self._recent[: max(0, len(self._recent) - self._frames_max)]
