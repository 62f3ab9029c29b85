"""A consumer process: an application and the driver of its ``NotificationConsumer``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from mnstream.core.events import DeadlineReached
from mnstream.core.notification_effects import (
    FetchRange,
    HandOver,
    NotificationConsumerEffect,
    ReportLost,
    ReportRestart,
    RereadObjects,
    SaveCheckpoint,
)
from mnstream.core.notification_events import (
    FetchFailed,
    HandedOver,
    HeartbeatReceived,
    NotificationConsumerEvent,
    NotificationReceived,
    RangeFetched,
    SynchronisationRequested,
)
from mnstream.core.notification_values import UNTOLD, Epoch, Number, Received, SubscriptionId
from mnstream.core.notifications.config import NotificationConsumerConfig
from mnstream.core.notifications.consumer import NotificationConsumer
from tests.simulation.notifications.common import Answer, Sabotage
from tests.simulation.notifications.producer import ProducerProcess

CHECKPOINT_MAX_MS = 5


@dataclass(frozen=True, slots=True)
class Handed:
    """The application has processed a notification, in some life of its process."""

    life: int
    number: Number
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The application was told of a loss; ``stored`` are those that the store had nevertheless."""

    epoch: Epoch
    first: int
    last: int | None
    stored: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Restarted:
    """The application was told that the producer began a new life."""

    before: Epoch
    after: Epoch
    certain: bool


Entry = Handed | Lost | Restarted


class ConsumerProcess:
    """One life after the other, each with a consumer of its own, on one checkpoint."""

    def __init__(
        self, name: str, producer: ProducerProcess, *, from_start: bool, is_polite: bool
    ) -> None:
        self.name = name
        self.subscription_id = SubscriptionId(name)
        self.from_start = from_start
        self.network = producer.network
        self.world = producer.world
        self.counts = producer.counts
        self.journal: list[Entry] = []
        self.base: Number | None = None
        """The first checkpoint: everything behind it is owed to the application."""
        self.consumer: NotificationConsumer | None = None
        self._producer = producer
        self._is_polite = is_polite
        self._checkpoint: Number | None = None
        self._lives = 0

    # --- life and death ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life with what the checkpoint says."""
        self._lives += 1
        self._alarm_ms: int | None = None
        self._asked = 0
        self._effects: deque[NotificationConsumerEffect] = deque()
        self._saving: Number | None = None
        faults = self.network.faults
        self.consumer = NotificationConsumer(
            self.subscription_id,
            checkpoint=self._checkpoint,
            from_start=self.from_start,
            config=NotificationConsumerConfig(
                reorder_wait_ms=50,
                buffer_max=faults.buffer_max,
                fetch_max=7,
                fetch_timeout_ms=300,
                back_off_initial_ms=20,
                back_off_max_ms=200,
            ),
        )
        self.world.note(f"{self.name}: starts behind {self._checkpoint}")
        self._feed(SynchronisationRequested())

    def crash(self) -> None:
        """Lose all memory, maybe while a checkpoint is written, and come back after a while."""
        if self.consumer is None:
            return
        self.counts["consumer crashes"] += 1
        self.world.note(f"{self.name}: crash")
        if self._saving is not None and self.world.chance(0.5):
            self._save(self._saving)
        self.settle()
        self.consumer = None
        self._lives += 1
        self.world.after(self.world.between(1, self.network.faults.down_max_ms), self.start)

    def settle(self) -> None:
        """Count what a life did when it is over."""
        if self.consumer is not None:
            counts = self.consumer.counts
            for name in ("received", "duplicates", "out_of_order", "dropped", "recovered"):
                self.counts[f"consumer: {name}"] += getattr(counts, name)

    # --- what the producer posts ------------------------------------------------------------------

    def receive(self, received: Received, address: str) -> Answer | None:
        """Take a notification, or refuse it."""
        if self.consumer is None:
            return None
        refusal = self._refusal()
        if refusal is None:
            self.world.note(f"{self.name}: gets {received.payload.decode()}")
            self._feed(NotificationReceived(received=received))
        return refusal or Answer.TAKEN

    def hear(self, heartbeat: HeartbeatReceived, address: str) -> Answer | None:
        """Take a heartbeat."""
        if self.consumer is None:
            return None
        self.world.note(f"{self.name}: hears {heartbeat.epoch} {heartbeat.last_sequence_no}")
        self.counts["heartbeats"] += 1
        self._feed(heartbeat)
        return Answer.TAKEN

    def invent(self) -> None:
        """Take what a stranger posts: numbers of this epoch that nobody has prepared.

        Without epochs nobody can tell what is heard first from the truth.
        """
        sequence = self.consumer.sequence if self.consumer is not None else None
        if sequence is None or sequence.epoch == UNTOLD:
            return
        self.counts["inventions"] += 1
        number = sequence.highest + self.world.random.choice([2, 2**20, 2**60])
        if self.world.chance(0.5):
            heard = HeartbeatReceived(
                epoch=sequence.epoch, last_sequence_no=number, last_event_time_ms=None
            )
            self.hear(heard, "")
            return
        invented = Number(
            subscription_id=self.subscription_id,
            epoch=sequence.epoch,
            sequence_no=number + 2**30,  # what is near is handed over when its turn comes
        )
        received = Received(
            number=invented,
            notification_type="invented",
            event_time_ms=None,
            payload=b"invented",
            content=0,
        )
        self._feed(NotificationReceived(received=received))

    def _refusal(self) -> Answer | None:
        assert self.consumer is not None
        if self._is_polite and not self.consumer.has_room:
            return Answer.LATER
        if not self.network.fails(self.network.faults.refused):
            return None
        refusal = self.world.random.choice([Answer.LATER, Answer.NEVER, Answer.NEVER, Answer.GONE])
        if refusal is Answer.GONE:
            later_ms = self.world.between(1, 500)
            self.world.after(later_ms, lambda: self._producer.write(self.subscription_id))
        return refusal

    # --- the core ---------------------------------------------------------------------------------

    def _feed(self, event: NotificationConsumerEvent) -> None:
        assert self.consumer is not None
        self._effects.extend(self.consumer.handle(event, now_ms=self.world.now_ms))
        self._go_on()
        self._rearm()

    def _go_on(self) -> None:
        while self._effects and self._saving is None:
            self._carry_out(self._effects.popleft())

    def _carry_out(self, effect: NotificationConsumerEffect) -> None:
        match effect:
            case HandOver():
                longest_ms = 2 if self.network.healed else self.network.faults.work_max_ms
                self._later(longest_ms, lambda: self._process(effect.received))
            case SaveCheckpoint():
                self._begin_saving(effect.number)
            case FetchRange():
                self._fetch(effect)
            case ReportLost():
                self._report_lost(effect)
            case ReportRestart():
                self.counts["restarts told"] += 1
                self.world.note(f"{self.name}: restart {effect.before} {effect.after}")
                self.journal.append(Restarted(effect.before, effect.after, effect.certain))
            case RereadObjects():
                self.counts["objects to be read again"] += 1
            case _:
                assert_never(effect)

    def _process(self, received: Received) -> None:
        self.world.note(f"{self.name}: has {received.number.epoch} {received.number.sequence_no}")
        self.journal.append(Handed(self._lives, received.number, received.payload.decode()))
        self._later(2, lambda: self._feed(HandedOver(number=received.number)))

    def _begin_saving(self, number: Number) -> None:
        if self._producer.sabotage is Sabotage.CHECKPOINT_LATE:
            self._later(200, lambda: self._save(number))
            return

        def done() -> None:
            self._save(number)
            self._saving = None
            self._go_on()

        self._saving = number
        self._later(CHECKPOINT_MAX_MS, done)

    def _save(self, number: Number) -> None:
        self._checkpoint = number
        self.base = self.base or number

    def _fetch(self, effect: FetchRange) -> None:
        self._asked += 1
        asked = self._asked
        self.counts["fetches"] += 1
        self.world.note(f"{self.name}: asks {effect.epoch} {effect.first}-{effect.last}")

        def serve() -> RangeFetched | None:
            return self._producer.fetch(
                self.subscription_id, effect.epoch, effect.first, effect.last
            )

        def answered(fetched: RangeFetched) -> None:
            if asked == self._asked:
                self.world.note(f"{self.name}: is answered {fetched.window}")
                self._feed(fetched)

        def failed() -> None:
            if asked == self._asked:
                self._feed(FetchFailed(reason="lost", jitter=self.world.random.random()))

        self.network.call(self.name, serve, self._if_alive(answered), self._alive(failed))

    def _report_lost(self, effect: ReportLost) -> None:
        text = f"{effect.epoch} {effect.first}-{effect.last}: {effect.reason}"
        self.world.note(f"{self.name}: lost {text}")
        kept = self._producer.store.kept.get(self.subscription_id)
        last = effect.last
        stored = tuple(
            number
            for epoch, number in (kept.notes if kept is not None else ())
            if epoch == effect.epoch and number >= effect.first and (last is None or number <= last)
        )
        self.counts["losses told"] += 1
        if last is not None:
            self.counts["notifications lost"] += last - effect.first + 1
        self.journal.append(Lost(effect.epoch, effect.first, last, stored))

    # --- time -------------------------------------------------------------------------------------

    def _rearm(self) -> None:
        assert self.consumer is not None
        deadline_ms = self.consumer.next_deadline_ms()
        if deadline_ms is None or deadline_ms == self._alarm_ms:
            return
        self._alarm_ms = deadline_ms

        def wake() -> None:
            if self._alarm_ms == deadline_ms:
                self._alarm_ms = None
                self._feed(DeadlineReached(jitter=self.world.random.random()))

        self.world.after(max(0, deadline_ms - self.world.now_ms), self._alive(wake))

    def _later(self, longest_ms: int, action: Callable[[], None]) -> None:
        self.world.after(self.world.between(1, longest_ms), self._alive(action))

    def _alive(self, action: Callable[[], None]) -> Callable[[], None]:
        life = self._lives
        return lambda: action() if life == self._lives else None

    def _if_alive(self, action: Callable[[RangeFetched], None]) -> Callable[[RangeFetched], None]:
        life = self._lives
        return lambda fetched: action(fetched) if life == self._lives else None
