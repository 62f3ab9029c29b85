"""What the two sides count, with the causes that tell some numbers apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from mnstream.core.records import Disposition

UNKNOWN_STREAM = "unknownStream"
WRONG_VALUE_COUNT = "wrongValueCount"
UNDECODABLE = "undecodable"


@dataclass(slots=True)
class ConsumerCounts:
    """What a consumer has seen since it was made; every number only grows.

    Attributes:
        frames_delivered: Frames stored as they should be.
        bytes_delivered: Their size.
        frames_duplicate: Frames that a producer sent again although they had arrived.
        frames_quarantined: Frames stored aside, by cause.
        keep_alives: Empty stream data (11.5.1.1.1).
        connections_established: Connections that came into being.
        connections_terminated: Connections that their producer ended.
        connections_expired: Connections whose producer did not come back.
        channels_opened: Upgrades that were agreed to.
        channels_lost: Channels that ended without a closing handshake.
        channels_violated: Channels closed because the producer broke a rule, by close code.
        operations_refused: Operations answered with Failure, by exception name.
    """

    frames_delivered: int
    bytes_delivered: int
    frames_duplicate: int
    frames_quarantined: dict[str, int]
    keep_alives: int
    connections_established: int
    connections_terminated: int
    connections_expired: int
    channels_opened: int
    channels_lost: int
    channels_violated: dict[str, int]
    operations_refused: dict[str, int]

    def __init__(self) -> None:
        """Start at zero."""
        self.frames_delivered = self.bytes_delivered = self.frames_duplicate = 0
        self.connections_established = self.connections_terminated = self.connections_expired = 0
        self.channels_opened = self.channels_lost = self.keep_alives = 0
        self.frames_quarantined = {UNKNOWN_STREAM: 0, WRONG_VALUE_COUNT: 0, UNDECODABLE: 0}
        self.channels_violated = {}
        self.operations_refused = {}

    def add_frame(self, disposition: Disposition, cause: str, size_bytes: int) -> None:
        """Count one frame in its column."""
        match disposition:
            case Disposition.DELIVERED:
                self.frames_delivered += 1
                self.bytes_delivered += size_bytes
            case Disposition.DUPLICATE:
                self.frames_duplicate += 1
            case Disposition.QUARANTINED:
                self.frames_quarantined[cause] += 1
            case Disposition.KEEP_ALIVE:
                self.keep_alives += 1
            case _:
                assert_never(disposition)


def count(counter: dict[str, int], key: str) -> None:
    """Add one to a counter that is told apart by ``key``."""
    counter[key] = counter.get(key, 0) + 1


@dataclass(slots=True)
class ProducerCounts:
    """What a producer has done since it was made; every number only grows.

    How many frames were sent and acknowledged stands in the window.

    Attributes:
        frames_resent: Frames handed to a channel again.
        connections_created: Connections that the consumer created.
        channels_opened: Upgrades that succeeded.
    """

    frames_resent: int = 0
    connections_created: int = 0
    channels_opened: int = 0
