"""What reporters say about a capture, against what it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mnstream.core.errors import MnSError
from mnstream.core.values import Json

SUMMARY_BYTES_MAX = 1 << 20
"""A summary is one line; whoever names a larger file meant another one."""


class BadSummary(MnSError):
    """A file is not what ``mnstream report --json`` prints; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a reporter says: frames that it sent, once or more, and that were acknowledged."""

    sent: int
    acknowledged: int


def read_summary(path: Path) -> Summary:
    """Read what a reporter printed.

    Raises:
        BadSummary: It is something else.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(SUMMARY_BYTES_MAX + 1)
    if len(text) > SUMMARY_BYTES_MAX:
        raise BadSummary(f"{path}: larger than a summary")
    try:
        told = cast("Json", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadSummary(f"{path}: not JSON: {error}") from error
    members = told if isinstance(told, dict) else {}
    sent, acknowledged = members.get("sent"), members.get("acknowledged")
    if type(sent) is not int or type(acknowledged) is not int or not 0 <= acknowledged <= sent:
        raise BadSummary(f'{path}: not {{"sent": N, "acknowledged": N, ...}}')
    return Summary(sent, acknowledged)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Where the frames are that reporters sent; in frames, each counted once.

    ``sent + from_others == received + lost_on_the_way + missing``, always.

    Attributes:
        sent: What the reporters sent.
        acknowledged: What of it they were told to have arrived.
        received: What the capture holds, whoever sent it.
        from_others: What it holds beyond what they sent.
        lost_on_the_way: Sent, never acknowledged, and not in the capture.
        missing: Acknowledged, and not in the capture.
    """

    sent: int
    acknowledged: int
    received: int

    @property
    def from_others(self) -> int:
        """Frames that nobody of them sent."""
        return max(self.received - self.sent, 0)

    @property
    def missing(self) -> int:
        """Frames that should be there."""
        return max(self.acknowledged - self.received, 0)

    @property
    def lost_on_the_way(self) -> int:
        """Frames of which nobody was told that they arrived."""
        return max(self.sent - self.received, 0) - self.missing


def reckon(summaries: list[Summary], received: int) -> Reckoning:
    """Compare what all reporters of a capture say with the frames that it holds."""
    return Reckoning(
        sent=sum(each.sent for each in summaries),
        acknowledged=sum(each.acknowledged for each in summaries),
        received=received,
    )
