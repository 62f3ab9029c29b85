"""Recognise frames that are sent again after a reconnect.

A producer that lost its channel does not know which of its last frames arrived, so it sends all
that were not acknowledged, in order, before anything new. What comes first on a resumed channel is
therefore a stretch of what came last on the one before, up to its very end. Only such a stretch
counts as a resend: two equal frames in the middle of a channel are two frames.

Frames are told apart by 64 bits, and a stretch may fit in several places; then it goes on as long
as it fits in one of them. So a frame whose content does not identify it can be mistaken for one
that came before. Whoever asks has to know that of which frames it is true (``intake.judge``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class ResendDetector:
    """The last frames of a connection, and how far a resend of them has come."""

    __slots__ = ("_first", "_frames_max", "_next", "_recent", "resuming")

    def __init__(self, frames_max: int) -> None:
        """Remember at most ``frames_max`` frames."""
        # Eight bytes a frame: a collector has thousands of these, and a deque of int takes 40.
        # The hash of bytes is their SipHash under a key of this process: nobody can make up frames
        # that collide, and it is faster than CRC-32. It must not leave the process.
        self._recent = array("q")
        self._frames_max = frames_max
        # The resend so far is what stands from the first of these places up to the next; of several
        # such stretches it is the earliest.
        self._first = self._next = 0
        self.resuming = False
        """Whether the next frame may be one that came before."""

    def remember(self, payloads: Iterable[bytes]) -> None:
        """Note frames that are not sent again, in order; the hot path."""
        self._recent.extend(map(hash, payloads))
        if len(self._recent) > 2 * self._frames_max:
            self._trim()

    def resume(self) -> None:
        """Expect a resend: the channel was opened again."""
        self._trim()
        self._first = self._next = 0
        self.resuming = bool(self._recent)

    def is_sent_again(self, payload: bytes) -> bool:
        """Tell whether this frame continues a resend; asked once for each frame, in order."""
        if not self.resuming:
            return False
        digest = hash(payload)
        if self._recent[self._next] == digest:
            self._next += 1
        else:
            stretch = self._recent[self._first : self._next]
            stretch.append(digest)
            self._first = _find(stretch, self._recent, self._first + 1)
            self._next = self._first + len(stretch)
        self.resuming = self._first >= 0 and self._next < len(self._recent)
        return self._first >= 0

    def _trim(self) -> None:
        del self._recent[: max(0, len(self._recent) - self._frames_max)]


def _find(stretch: array[int], recent: array[int], start: int) -> int:
    """Give the earliest place from ``start`` on at which the stretch stands, or -1.

    The search of bytes is linear, however much the frames repeat each other.
    """
    sought, searched, size = stretch.tobytes(), recent.tobytes(), recent.itemsize
    at = searched.find(sought, start * size)
    while at % size and at >= 0:
        at = searched.find(sought, at + 1)
    return at // size
