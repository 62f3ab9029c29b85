"""One history: a producer, one or two consumers, and everything that goes wrong between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from mnstream.core.lifecycles.synchronisation import SynchronisationState
from mnstream.core.notification_values import (
    AvailabilityStatus,
    OperationalState,
    SubscriptionSettings,
)
from tests.simulation.notifications.checks import (
    broken_order,
    missing_told,
    missing_untold,
    unannounced,
)
from tests.simulation.notifications.common import SOME_TYPES, Sabotage
from tests.simulation.notifications.consumer import ConsumerProcess
from tests.simulation.notifications.faults import Faults, draw
from tests.simulation.notifications.network import TROUBLE_MS, Network
from tests.simulation.notifications.producer import ProducerProcess
from tests.simulation.simulate import TRACE_LINES, History
from tests.simulation.world import World

BEGIN_MS = 200
"""When trouble begins: the subscriptions are durable."""
SETTLE_MS = 2_000
"""How long it takes until everybody is back and every setting is as it should be."""
DRAIN_MS = 15_000
"""How long everything may take to be handed over after that."""


@cache
def simulate(
    seed: int, sabotage: Sabotage = Sabotage.NONE, trace_lines: int | None = TRACE_LINES
) -> History:
    """Live through one history: trouble, healing, the end."""
    world = World(seed, trace_lines)
    faults = draw(world.random)
    counts: Counter[str] = Counter()
    network = Network(world, faults, counts)
    world.note(str(faults))
    producer = ProducerProcess(network, sabotage)
    consumers = _consumers(producer)
    for consumer in consumers:
        producer.add(consumer.subscription_id, consumer, _settings(consumer))
    producer.start()
    for consumer in consumers:
        world.after(1 if consumer.from_start else world.between(1, TROUBLE_MS // 2), consumer.start)
    world.run(BEGIN_MS)
    _plan(world, faults, producer, consumers)
    world.run(TROUBLE_MS)

    network.heal()
    world.note("the network is healed")
    world.run(TROUBLE_MS + SETTLE_MS)
    for consumer in consumers:
        producer.settings[consumer.subscription_id] = _settings(consumer)
        producer.write(consumer.subscription_id)
    producer.recover()
    producer.emit()
    world.run(TROUBLE_MS + SETTLE_MS + DRAIN_MS)
    broken = _faults(producer, consumers)
    _count(counts, consumers)
    return History(seed, counts, tuple(world.trace), world.digest, tuple(broken))


def _settings(consumer: ConsumerProcess) -> SubscriptionSettings:
    return SubscriptionSettings(notification_recipient_address=f"http://{consumer.name}/a")


def _consumers(producer: ProducerProcess) -> list[ConsumerProcess]:
    world = producer.world
    first = ConsumerProcess("one", producer, from_start=True, is_polite=world.chance(0.5))
    if not producer.profile.tell_epoch or world.chance(0.5):
        return [first]
    from_start, is_polite = world.chance(0.5), world.chance(0.5)
    return [first, ConsumerProcess("two", producer, from_start=from_start, is_polite=is_polite)]


def _plan(
    world: World, faults: Faults, producer: ProducerProcess, consumers: list[ConsumerProcess]
) -> None:
    def every(mean_ms: int, action: Callable[[], None]) -> None:
        world.every(mean_ms, TROUBLE_MS, action)

    def fail() -> None:
        producer.fail_to_generate(world.random.choice([None, SOME_TYPES]))
        world.after(world.between(1, 500), producer.recover)

    every(20, producer.emit)
    every(faults.burst_every_ms, lambda: producer.emit(60))
    every(faults.failure_every_ms, fail)
    every(faults.producer_crash_every_ms, producer.crash)
    for consumer in consumers:
        every(faults.consumer_crash_every_ms, consumer.crash)
        every(faults.partition_every_ms, partial(producer.network.partition, consumer.name))
        every(faults.change_every_ms, partial(_change, producer, consumer))
        every(faults.recreate_every_ms, partial(_recreate, producer, consumer))
        every(faults.invented_every_ms, consumer.invent)
        if faults.profile.administrative_state:
            every(faults.lock_every_ms, partial(_lock, producer, consumer))


def _change(producer: ProducerProcess, consumer: ConsumerProcess) -> None:
    settings = producer.settings[consumer.subscription_id]
    address = producer.world.random.choice(["a", "b"])
    producer.settings[consumer.subscription_id] = replace(
        settings,
        notification_recipient_address=f"http://{consumer.name}/{address}",
        notification_types=producer.world.random.choice([None, SOME_TYPES]),
    )
    producer.counts["subscriptions modified"] += 1
    producer.write(consumer.subscription_id)


def _lock(producer: ProducerProcess, consumer: ConsumerProcess) -> None:
    def write(*, locked: bool) -> None:
        settings = producer.settings[consumer.subscription_id]
        producer.settings[consumer.subscription_id] = replace(settings, locked=locked)
        producer.write(consumer.subscription_id)

    producer.counts["subscriptions locked"] += 1
    write(locked=True)
    producer.world.after(producer.world.between(1, 1_000), lambda: write(locked=False))


def _recreate(producer: ProducerProcess, consumer: ConsumerProcess) -> None:
    producer.delete(consumer.subscription_id)
    later_ms = producer.world.between(1, 500)
    producer.world.after(later_ms, lambda: producer.write(consumer.subscription_id))


def _faults(producer: ProducerProcess, consumers: list[ConsumerProcess]) -> list[str]:
    store = producer.store
    faults = producer.faults + producer.posting.faults
    for consumer in consumers:
        name, ledger = consumer.name, store.ledger.get(consumer.subscription_id, {})
        faults += broken_order(name, consumer.journal, ledger)
        if producer.profile.tell_epoch:
            faults += missing_told(name, consumer.journal, ledger, consumer.base)
            faults += _late(producer, consumer)
        else:
            faults += missing_untold(name, consumer.journal, ledger)
        faults += _restless(producer, consumer)
    ledgers = store.ledger
    return faults + unannounced(producer.wanted, ledgers, store.epochs_ever, producer.deleted)


def _late(producer: ProducerProcess, consumer: ConsumerProcess) -> list[str]:
    """Whoever wants everything from the start begins with the first number of the first epoch."""
    name, base = consumer.subscription_id, consumer.base
    if not consumer.from_start or base is None:
        return []
    first = min(epoch for each, epoch in producer.store.epochs_ever if each == name)
    forgotten = any(each == name and epoch < base.epoch for each, epoch in producer.deleted)
    if base.sequence_no > 0 or (base.epoch > first and not forgotten):
        return [f"{name}: begins late, behind {base}"]
    return []


def _restless(producer: ProducerProcess, consumer: ConsumerProcess) -> list[str]:
    """Liveness, which a healed network is owed: all is done, and the attributes say so."""
    assert producer.producer is not None
    assert consumer.consumer is not None
    name = consumer.name
    faults: list[str] = []
    if consumer.consumer.state is not SynchronisationState.IN_SEQUENCE:
        faults.append(f"{name}: is still {consumer.consumer.state.value}")
    subscription = producer.producer.subscriptions[consumer.subscription_id]
    status = subscription.status()
    if subscription.waiting:
        faults.append(f"{name}: {subscription.waiting} notifications still wait")
    # That the last one was not taken is told until one is, and there is none any more.
    told = [AvailabilityStatus.DEPENDENCY] if subscription.given_up else []
    state = OperationalState.DISABLED if subscription.given_up else OperationalState.ENABLED
    if status.operational_state is not state or [*status.availability_status] != told:
        faults.append(f"{name}: is not well: {status}")
    newest = producer.store.kept[consumer.subscription_id].newest[subscription.epoch]
    if status.last_sequence_no != newest:
        faults.append(f"{name}: lastSequenceNo is {status.last_sequence_no}, not {newest}")
    return faults


def _count(counts: Counter[str], consumers: list[ConsumerProcess]) -> None:
    counts["histories"] = 1
    for consumer in consumers:
        consumer.settle()
        counts["entries in journals"] += len(consumer.journal)
