"""How a producer's notifications and heartbeats get to their recipients, and what is fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol
from zlib import crc32

from mnstream.core.notification_effects import PostHeartbeat, PostNotification
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliveryRejected,
    DeliverySucceeded,
    HeartbeatPosted,
    HeartbeatReceived,
    NotificationProducerEvent,
    RangeFetched,
    RecipientGone,
)
from mnstream.core.notification_values import UNTOLD, Epoch, Number, Received, SubscriptionId
from tests.simulation.notifications.common import Answer, Sabotage
from tests.simulation.notifications.network import Network
from tests.simulation.notifications.store import Note, SimulatedStore

Became = Callable[[NotificationProducerEvent], object]


class Recipient(Protocol):
    """Whoever takes notifications; every method returns None when nobody is there."""

    @property
    def name(self) -> str: ...

    def receive(self, received: Received, address: str) -> Answer | None:
        """Take a notification."""
        ...

    def hear(self, heartbeat: HeartbeatReceived, address: str) -> Answer | None:
        """Take a heartbeat."""
        ...


class Posting:
    """The posts of one life of a producer, and what it answers to who fetches."""

    def __init__(
        self,
        network: Network,
        store: SimulatedStore,
        recipients: Mapping[SubscriptionId, Recipient],
        became: Became,
        sabotage: Sabotage,
    ) -> None:
        self.faults: list[str] = []
        self.over = False
        """Whether that life is over, and nobody wants to know what becomes of a post."""
        self._network = network
        self._store = store
        self._recipients = recipients
        self._became = became
        self._sabotage = sabotage
        self._posts = 0
        self._posting: dict[SubscriptionId, tuple[int, Number]] = {}

    def post(self, effect: PostNotification) -> None:
        """Post a notification; one of each subscription at a time."""
        number = effect.number
        if number.subscription_id in self._posting:
            self.faults.append(f"{number} is posted beside {self._posting[number.subscription_id]}")
        self._posts += 1
        mine = self._posting[number.subscription_id] = (self._posts, number)
        note = self._note(number)
        if note is None:
            gone = DeliveryRejected(number=number, reason="not stored any more")
            self._network.world.after(0, lambda: self._finish(mine, gone))
            return

        def failed() -> None:
            jitter = self._network.world.random.random()
            self._finish(mine, DeliveryFailed(number=number, reason="lost", jitter=jitter))

        recipient = self._recipients[number.subscription_id]
        self._network.call(
            recipient.name,
            partial(recipient.receive, self._received(number, note), effect.recipient),
            lambda answer: self._finish(mine, self._event(number, answer)),
            failed,
        )

    def cancel(self, number: Number) -> None:
        """Stop waiting for an answer."""
        if self._posting.get(number.subscription_id, (0, None))[1] == number:
            del self._posting[number.subscription_id]

    def beat(self, effect: PostHeartbeat) -> None:
        """Post a heartbeat."""
        told = HeartbeatReceived(
            epoch=self._told(effect.epoch),
            last_sequence_no=effect.last_sequence_no,
            last_event_time_ms=effect.last_event_time_ms,
        )

        def became(answer: Answer | None) -> None:
            taken = answer is Answer.TAKEN
            if not self.over:
                self._became(HeartbeatPosted(subscription_id=effect.subscription_id, taken=taken))

        recipient = self._recipients[effect.subscription_id]
        serve = partial(recipient.hear, told, effect.recipient)
        self._network.call(recipient.name, serve, became, lambda: became(None))

    def fetch(
        self, subscription_id: SubscriptionId, epoch: Epoch, first: int, last: int
    ) -> RangeFetched | None:
        """Answer a request for stored notifications; None when there is no such subscription."""
        kept = self._store.kept.get(subscription_id)
        if kept is None:
            return None
        asked = epoch
        if epoch == UNTOLD:
            told = self._network.faults.profile.tell_epoch
            asked = min(kept.newest) if told else kept.subscription.epoch
        window = self._store.window(subscription_id, asked)
        found = [
            self._received(
                Number(subscription_id=subscription_id, epoch=asked, sequence_no=n), note
            )
            for n in range(first, last + 1)
            if (note := kept.notes.get((asked, n))) is not None
        ]
        if self._network.fails(self._network.faults.half) and len(found) > 1:
            self._network.counts["answers that end in the middle"] += 1
            del found[self._network.world.between(1, len(found) - 1) :]
        self._network.counts["notifications fetched"] += len(found)
        window = replace(window, epoch=self._told(asked))
        if self._sabotage is Sabotage.CORRUPT:
            found = [replace(each, payload=each.payload + b"?") for each in found]
        if self._sabotage is Sabotage.OVERSTATE_LOSS and found:
            window = replace(window, oldest_sequence_no=found[0].number.sequence_no + 1)
            del found[0]
        if self._sabotage is Sabotage.HIDE_EPOCHS:
            window = replace(window, next_epoch=None)
        return RangeFetched(
            epoch=epoch, first=first, last=last, notifications=tuple(found), window=window
        )

    def _finish(self, mine: tuple[int, Number], event: NotificationProducerEvent) -> None:
        if not self.over and self._posting.get(mine[1].subscription_id) == mine:
            del self._posting[mine[1].subscription_id]
            self._network.counts[f"deliveries: {type(event).__name__}"] += 1
            self._became(event)

    def _event(self, number: Number, answer: Answer) -> NotificationProducerEvent:
        match answer:
            case Answer.TAKEN:
                return DeliverySucceeded(number=number)
            case Answer.LATER:
                retry_ms = self._network.world.random.choice([None, 50, 5_000])
                return DeliveryFailed(number=number, reason="503", retry_after_ms=retry_ms)
            case Answer.NEVER:
                return DeliveryRejected(number=number, reason="400")
            case Answer.GONE:
                return RecipientGone(number=number)

    def _note(self, number: Number) -> Note | None:
        key = (number.epoch, number.sequence_no)
        if self._sabotage is Sabotage.POST_EARLY:
            return self._store.anywhere(number)
        kept = self._store.kept.get(number.subscription_id)
        return None if kept is None else kept.notes.get(key)

    def _told(self, epoch: Epoch) -> Epoch:
        return epoch if self._network.faults.profile.tell_epoch else UNTOLD

    def _received(self, number: Number, note: Note) -> Received:
        return Received(
            number=replace(number, epoch=self._told(number.epoch)),
            notification_type=note.notification_type,
            event_time_ms=note.event_time_ms,
            payload=note.text.encode(),
            content=crc32(note.text.encode()),
            not_sent_types=note.not_sent_types,
        )
