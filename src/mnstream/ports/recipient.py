"""How a notification gets to its recipient (TS 28.532 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient took it."""


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """Nobody answered in time, or the answer asks to try again later.

    Attributes:
        reason: What happened, for people; without secrets of the address.
        retry_after_ms: What the recipient asked for; None when it did not.
    """

    reason: str
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The recipient does not want it, or may not be sent it; trying again is of no use."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The recipient says that it does not exist any more."""


PostOutcome = Delivered | NotDelivered | Rejected | Gone


class NotificationSender(Protocol):
    """A way to recipients. Calls may overlap, also for one recipient."""

    async def post(self, address: str, text: bytes, *, message_id: str) -> PostOutcome:
        """Post one notification and say what became of it.

        Takes a limited time. Cancelled, it is unknown whether the recipient took it.

        Args:
            address: notificationRecipientAddress, an absolute URI.
            text: The notification, one JSON object.
            message_id: The same for every attempt with the same notification.
        """
        ...

    async def aclose(self) -> None:
        """Release what is kept between calls. Never raises."""
        ...
