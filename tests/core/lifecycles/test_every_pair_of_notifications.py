"""Every state and every event of the three tables of notifications.

It moves as the table says, or is passed over and nothing changes: what becomes of a delivery or of
a question may always come too late.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mnstream.core.events import DeadlineReached
from mnstream.core.lifecycles.delivery import DELIVERY, DeliveryState
from mnstream.core.lifecycles.subscription import SUBSCRIPTION, SubscriptionState
from mnstream.core.lifecycles.synchronisation import SYNCHRONISATION, SynchronisationState
from mnstream.core.notification_events import (
    DeliveryRejected,
    FetchFailed,
    NotificationConsumerEvent,
    NotificationProducerEvent,
    RecipientGone,
    StoreRolledOver,
    SubscriptionDeleted,
    SynchronisationRequested,
)
from mnstream.core.notifications.consumer import NotificationConsumer
from mnstream.core.notifications.producer import NotificationProducer
from tests.core.lifecycles import test_delivery as of_delivery
from tests.core.lifecycles import test_subscription as of_subscription
from tests.core.lifecycles import test_synchronisation as of_synchronisation
from tests.core.notifications.support import (
    S1,
    answer,
    emitted,
    failed,
    modified,
    no,
    posting,
    s1,
    settings,
    subscribed,
    taken,
    window,
)
from tests.core.support import frozen

DELIVERIES: dict[DeliveryState, Callable[[], NotificationProducer]] = {
    DeliveryState.IDLE: of_delivery.rejected,
    DeliveryState.POSTING: posting,
    DeliveryState.PAUSING: of_delivery.pausing,
    DeliveryState.STOPPED: of_delivery.gone,
}
OUTCOMES: list[NotificationProducerEvent] = [
    taken(1),
    failed(1),
    DeliveryRejected(number=no(1), reason="400"),
    RecipientGone(number=no(1)),
    DeadlineReached(),
    StoreRolledOver(subscription_id=S1, oldest_sequence_no=2),
]
SUBSCRIPTIONS: dict[SubscriptionState, Callable[[], NotificationProducer]] = {
    SubscriptionState.ACTIVE: subscribed,
    SubscriptionState.LOCKED: of_subscription.locked,
    SubscriptionState.ENDING: of_subscription.ending,
}
CONSUMERS: dict[SynchronisationState, Callable[[], NotificationConsumer]] = {
    SynchronisationState.IN_SEQUENCE: of_synchronisation.begun,
    SynchronisationState.WAITING: of_synchronisation.waiting,
    SynchronisationState.FETCHING: of_synchronisation.fetching,
    SynchronisationState.PAUSING: of_synchronisation.pausing,
}
ANSWERS: list[NotificationConsumerEvent] = [
    answer(window(1, 3), 2, 2, 2),
    FetchFailed(reason="no route"),
    DeadlineReached(),
]


def reachable(state: DeliveryState, event: type[object]) -> set[DeliveryState]:
    """Where a delivery may be when it has also taken up what waits."""
    move = DELIVERY.step(state, event)
    if move is None:
        return {state}
    return {move[0], DeliveryState.POSTING, DeliveryState.IDLE}


def test_the_lists_are_complete() -> None:
    assert set(DELIVERIES) == set(DeliveryState)
    assert set(SUBSCRIPTIONS) == set(SubscriptionState) - SUBSCRIPTION.final
    assert set(CONSUMERS) == set(SynchronisationState)


@pytest.mark.parametrize("event", OUTCOMES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", DeliveryState)
def test_what_becomes_of_a_delivery(state: DeliveryState, event: NotificationProducerEvent) -> None:
    producer = DELIVERIES[state]()
    assert s1(producer).delivery is state
    now_ms = producer.next_deadline_ms() or 99_000
    before = frozen(producer)
    has_row = DELIVERY.step(state, type(event)) is not None
    is_rolled = isinstance(event, StoreRolledOver)
    effects = producer.handle(event, now_ms=now_ms)
    if has_row:
        assert s1(producer).delivery in reachable(state, type(event))
    elif not is_rolled:
        assert effects == ()
        assert frozen(producer) == before
    elif state in (DeliveryState.IDLE, DeliveryState.STOPPED):
        assert (effects, s1(producer).delivery) == ((), state)


@pytest.mark.parametrize("state", SUBSCRIPTIONS)
def test_what_is_emitted(state: SubscriptionState) -> None:
    producer = SUBSCRIPTIONS[state]()
    assert s1(producer).state is state
    before = s1(producer).prepared
    producer.handle(emitted(), now_ms=4_000)
    is_prepared = s1(producer).prepared > before
    move = SUBSCRIPTION.step(state, type(emitted()))
    assert is_prepared is (move is not None)
    assert s1(producer).state is state


@pytest.mark.parametrize("state", SUBSCRIPTIONS)
@pytest.mark.parametrize("locked", [False, True])
def test_what_is_modified(state: SubscriptionState, *, locked: bool) -> None:
    producer = SUBSCRIPTIONS[state]()
    if state is SubscriptionState.ENDING:
        return  # it is unknown to whoever wants to change it
    producer.handle(modified(settings(locked=locked)), now_ms=4_000)
    expected = SubscriptionState.LOCKED if locked else SubscriptionState.ACTIVE
    assert s1(producer).state is expected


@pytest.mark.parametrize("state", [SubscriptionState.ACTIVE, SubscriptionState.LOCKED])
def test_what_is_deleted(state: SubscriptionState) -> None:
    producer = SUBSCRIPTIONS[state]()
    subscription = s1(producer)
    producer.handle(SubscriptionDeleted(subscription_id=S1), now_ms=4_000)
    waits = SubscriptionState.ENDING if subscription.waiting else SubscriptionState.ENDED
    assert subscription.state is waits


@pytest.mark.parametrize("event", ANSWERS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("state", SynchronisationState)
def test_what_becomes_of_a_question(
    state: SynchronisationState, event: NotificationConsumerEvent
) -> None:
    consumer = CONSUMERS[state]()
    assert consumer.state is state
    before = frozen(consumer)
    now_ms = consumer.next_deadline_ms() or 99_000
    move = SYNCHRONISATION.step(state, type(event))
    effects = consumer.handle(event, now_ms=now_ms)
    if move is None:
        assert effects == ()
        assert frozen(consumer) == before
    else:
        assert consumer.state is move[0]


@pytest.mark.parametrize("state", SynchronisationState)
def test_what_is_asked(state: SynchronisationState) -> None:
    consumer = CONSUMERS[state]()
    effects = consumer.handle(SynchronisationRequested(), now_ms=2_450)
    move = SYNCHRONISATION.step(state, SynchronisationRequested)
    assert len(effects) == (0 if move is None else 1)
    assert consumer.state is (state if move is None else move[0])
