"""The state of a subscriber as JSON for ``/admin/api``."""

from __future__ import annotations

from collections.abc import Sequence

from mnstream.adapters.observability.admin import Query, Resource
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.core.notifications.sequence import EpochSequence
from mnstream.core.values import Json
from mnstream.ports.clock import Clock


class SubscriberViews:
    """Synchronisation and ledger of one subscriber; for the thread of its event loop."""

    def __init__(self, consumer: NotificationConsumer, *, clock: Clock) -> None:
        """Keep what to describe.

        Args:
            consumer: The core.
            clock: The one that feeds the consumer; tells when it does something by itself.
        """
        self._consumer = consumer
        self._clock = clock

    def resources(self) -> dict[str, Resource]:
        """Give them under the names that they have below ``/admin/api/``."""
        return {"ledger": self.ledger, "synchronisation": self.synchronisation}

    def synchronisation(self, segments: Sequence[str], _query: Query) -> Json:
        """Give how far the subscriber is, and what it waits for."""
        if segments:
            return None
        deadline_ms = self._consumer.next_deadline_ms()
        due_ms = None if deadline_ms is None else deadline_ms - self._clock.monotonic_ms()
        sequence = self._consumer.sequence
        return {
            "subscription": self._consumer.subscription_id,
            "state": self._consumer.state.value,
            "next_step_in_ms": None if due_ms is None else max(due_ms, 0),
            "buffer_full": not self._consumer.has_room,
            "numbers": None if sequence is None else _numbers(sequence),
        }

    def ledger(self, segments: Sequence[str], _query: Query) -> Json:
        """Give what became of all notifications since the start.

        ``received`` is ``duplicate``, ``dropped`` and ``kept``. What the application gets is of
        those that were kept or recovered; what it never gets is ``lost``.
        """
        if segments:
            return None
        counts = self._consumer.counts
        return {
            "received": counts.received,
            "duplicate": counts.duplicates,
            "dropped": counts.dropped,
            "kept": counts.received - counts.duplicates - counts.dropped,
            "out_of_order": counts.out_of_order,
            "recovered": counts.recovered,
            "handed_over": counts.handed_over,
            "lost": counts.lost,
            "restarts": counts.restarts,
            "heartbeats": counts.heartbeats,
        }


def _numbers(sequence: EpochSequence) -> dict[str, Json]:
    return {
        "epoch": sequence.epoch,
        "processed": sequence.processed,
        "complete": sequence.complete,
        "highest": sequence.highest,
        "first_missing": None if sequence.is_finished else sequence.complete + 1,
    }
