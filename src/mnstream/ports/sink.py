"""Where a copy of what a log holds goes, beside the log (ARCHITECTURE.md 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mnstream.core.errors import MnSError

UnitT_contra = TypeVar("UnitT_contra", contravariant=True)


class SinkError(MnSError):
    """The destination does not take what it is given; the same may be tried again later."""


class Sink(Protocol[UnitT_contra]):
    """A destination that remembers how far it came; one task uses it at a time.

    Units arrive in the order of the log and at least once. Which position comes next is kept by
    the sink, together with what it was given: that makes it exactly once where the destination
    can store both in one step, or undo what the position does not cover.
    """

    @property
    def name(self) -> str:
        """What people call it, without secrets; the same after every restart."""
        ...

    async def open(self) -> int:
        """Get ready and return the position of the first record that it has not got.

        Raises:
            SinkError: What only people can mend. A destination that is merely down is no reason.
        """
        ...

    async def write(self, units: Sequence[UnitT_contra], *, next_position: int) -> None:
        """Take units, which may be none, and remember that ``next_position`` comes next.

        Both are durable when this returns. When it is cancelled, all of it is done, or none.

        Raises:
            SinkError: Not done; the caller repeats the call, or opens the sink again.
        """
        ...

    async def aclose(self) -> None:
        """Release what ``open`` took. Never raises; calling it again does nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """How far a sink came.

    Attributes:
        name: The sink's name.
        position: Position of the first record that it has not got.
        lag_records: Records that are durable in the log and not in the sink.
        units_written: Units that it took since it was opened.
        holes: Parts of the log that could not be read for it since it was opened.
        trouble: Why it takes nothing at present, for people; empty when all is well.
    """

    name: str
    position: int
    lag_records: int
    units_written: int
    holes: int
    trouble: str
