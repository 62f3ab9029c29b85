"""What a subscriber gives to its application, in sequence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from mnstream.core.notification_values import Epoch
from mnstream.core.values import Json


@dataclass(frozen=True, slots=True)
class Notification:
    """What the producer notified.

    Attributes:
        epoch: Life of the subscription that its number belongs to; 0 when the producer tells none.
        sequence_no: Its number.
        notification_type: Its type.
        text: The JSON object, byte for byte as the producer wrote it.
    """

    epoch: Epoch
    sequence_no: int
    notification_type: str
    text: bytes

    def line(self) -> bytes:
        """Give the JSON object as one line, with a line feed at its end."""
        if b"\n" not in self.text and b"\r" not in self.text:
            return self.text + b"\n"
        return json.dumps(self.members(), separators=(",", ":")).encode("ascii") + b"\n"

    def members(self) -> dict[str, Json]:
        """Give the members of header and body."""
        return cast("dict[str, Json]", json.loads(self.text))


@dataclass(frozen=True, slots=True)
class Lost:
    """Notifications that nobody will ever see.

    Attributes:
        epoch: Epoch of their numbers.
        first: The lowest.
        last: The highest; None when nobody knows how many followed ``first``, if any.
        reason: Why, for people.
    """

    epoch: Epoch
    first: int
    last: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The producer began to count anew.

    Attributes:
        before: The epoch that is over; every number of it was given, or reported as lost.
        after: The one that begins.
        certain: Whether the producer said so; otherwise it was inferred.
    """

    before: Epoch
    after: Epoch
    certain: bool


@dataclass(frozen=True, slots=True)
class Reread:
    """Only reading the objects again shows what was missed.

    Attributes:
        notification_types: Types of what was missed; None when they are unknown.
        reason: Why, for people.
    """

    notification_types: frozenset[str] | None
    reason: str


Item = Notification | Lost | Restarted | Reread
