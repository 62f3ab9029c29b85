"""What operators see of a subscriber: metrics, readiness, synchronisation and the ledger."""

import pytest

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.observability import (
    Admin,
    Counters,
    Reason,
    SubscriberMetrics,
    SubscriberReadiness,
    SubscriberViews,
)
from mnstream.core.notification_events import FetchFailed, HeartbeatReceived
from mnstream.core.notifications.config import NotificationConsumerConfig
from tests.adapters.observability.helpers import samples
from tests.adapters.observability.notification_helpers import EPOCH, Subscribing, get


def busy() -> Subscribing:
    """1 and 2 are processed, 3 is in hand, 4 is missing, 5 is here, 7 is known by a heartbeat."""
    subscribing = Subscribing()
    subscribing.receive(2, 1, 1, 3, 5)
    subscribing.process(1, 2)
    subscribing.feed(HeartbeatReceived(epoch=EPOCH, last_sequence_no=7, last_event_time_ms=None))
    return subscribing


def found(subscribing: Subscribing, counters: Counters | None = None) -> dict[str, float]:
    return samples(SubscriberMetrics(subscribing.consumer, counters=counters, process=False))


def make_admin(subscribing: Subscribing) -> Admin:
    clock = FixedClock(wall_ms=0, monotonic_ms=1100)
    return Admin(
        readiness=SubscriberReadiness(stopping=lambda: False, subscribed=lambda: True),
        metrics=SubscriberMetrics(subscribing.consumer, process=False),
        resources=SubscriberViews(subscribing.consumer, clock=clock).resources(),
    )


# --- metrics --------------------------------------------------------------------------------------


def test_every_number_that_the_core_counts() -> None:
    counters = Counters()
    counters.count("never_heard_of", amount=5)
    values = found(busy(), counters)
    assert {key: value for key, value in values.items() if key.endswith("_total")} == {
        "mnstream_notifications_received_total": 5,
        "mnstream_notifications_duplicate_total": 1,
        "mnstream_notifications_out_of_order_total": 1,
        "mnstream_notifications_dropped_total": 0,
        "mnstream_notifications_recovered_total": 0,
        "mnstream_notifications_handed_over_total": 2,
        "mnstream_notifications_lost_total": 0,
        "mnstream_notification_restarts_total": 0,
        "mnstream_heartbeats_received_total": 1,
        "mnstream_never_heard_of_total": 5,
    }


def test_each_counter_shows_its_own_number() -> None:
    subscribing = Subscribing()
    counts = subscribing.consumer.counts
    counts.dropped, counts.recovered, counts.lost, counts.restarts = 2, 3, 4, 5
    values = found(subscribing)
    assert values["mnstream_notifications_dropped_total"] == 2
    assert values["mnstream_notifications_recovered_total"] == 3
    assert values["mnstream_notifications_lost_total"] == 4
    assert values["mnstream_notification_restarts_total"] == 5


def test_the_present_state() -> None:
    values = found(busy())
    assert {k: v for k, v in values.items() if k.startswith("mnstream_synchronisation")} == {
        "mnstream_synchronisation{state=in sequence}": 0,
        "mnstream_synchronisation{state=waiting}": 1,
        "mnstream_synchronisation{state=fetching}": 0,
        "mnstream_synchronisation{state=pausing}": 0,
    }
    assert values["mnstream_notifications_processed_number"] == 2
    assert values["mnstream_notifications_highest_number"] == 7
    assert values["mnstream_notifications_unprocessed"] == 5
    assert values["mnstream_notification_buffer_full"] == 0


def test_before_anything_is_known_there_are_no_numbers() -> None:
    values = found(Subscribing())
    assert values["mnstream_synchronisation{state=in sequence}"] == 1
    assert values["mnstream_notifications_unprocessed"] == 0
    assert "mnstream_notifications_processed_number" not in values
    assert "mnstream_notifications_highest_number" not in values


def test_full_buffer() -> None:
    subscribing = Subscribing(NotificationConsumerConfig(buffer_max=1))
    subscribing.receive(1)
    assert found(subscribing)["mnstream_notification_buffer_full"] == 1


# --- readiness ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_ready_although_a_number_is_missing() -> None:
    answer = await get(make_admin(busy()), "/readyz")
    assert answer == {"ready": True, "reasons": []}


@pytest.mark.anyio
async def test_not_ready_says_every_reason() -> None:
    readiness = SubscriberReadiness(
        stopping=lambda: True,
        subscribed=lambda: False,
        unreachable=lambda: "nobody answers",
    )
    assert await readiness.reasons() == (
        Reason("stopping", "the subscriber is stopping"),
        Reason("not_subscribed", "the producer has not confirmed the subscription"),
        Reason("producer_unreachable", "nobody answers"),
    )


# --- views ----------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_api_lists_what_it_has() -> None:
    answer = await get(make_admin(busy()), "/admin/api")
    assert answer == {"resources": ["ledger", "synchronisation"]}


@pytest.mark.anyio
async def test_synchronisation_that_waits() -> None:
    assert await get(make_admin(busy()), "/admin/api/synchronisation") == {
        "subscription": "s",
        "state": "waiting",
        "next_step_in_ms": 400,
        "buffer_full": False,
        "numbers": {
            "epoch": EPOCH,
            "processed": 2,
            "complete": 3,
            "highest": 7,
            "first_missing": 4,
        },
    }


@pytest.mark.anyio
async def test_synchronisation_in_sequence_and_before_anything_is_known() -> None:
    subscribing = Subscribing()
    admin = make_admin(subscribing)
    answer = await get(admin, "/admin/api/synchronisation")
    assert (answer["state"], answer["next_step_in_ms"]) == ("in sequence", None)
    assert answer["numbers"] is None
    subscribing.receive(1)
    answer = await get(admin, "/admin/api/synchronisation")
    assert answer["numbers"]["first_missing"] is None


@pytest.mark.anyio
async def test_a_step_that_is_due_is_not_in_the_past() -> None:
    subscribing = Subscribing(NotificationConsumerConfig(reorder_wait_ms=50))
    subscribing.receive(2)
    answer = await get(make_admin(subscribing), "/admin/api/synchronisation")
    assert answer["next_step_in_ms"] == 0


@pytest.mark.anyio
async def test_the_ledger_adds_up() -> None:
    answer = await get(make_admin(busy()), "/admin/api/ledger")
    assert answer == {
        "received": 5,
        "duplicate": 1,
        "dropped": 0,
        "kept": 4,
        "out_of_order": 1,
        "recovered": 0,
        "handed_over": 2,
        "lost": 0,
        "restarts": 0,
        "heartbeats": 1,
    }


@pytest.mark.anyio
async def test_the_ledger_tells_what_was_dropped_and_what_is_lost() -> None:
    subscribing = Subscribing(NotificationConsumerConfig(buffer_max=1))
    subscribing.receive(1, 4)
    subscribing.wake(2000)
    subscribing.process(1)
    subscribing.wake(2000)
    subscribing.feed(FetchFailed(reason="there is no list", permanent=True))
    answer = await get(make_admin(subscribing), "/admin/api/ledger")
    assert (answer["received"], answer["dropped"], answer["kept"]) == (2, 1, 1)
    assert answer["lost"] == 3


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["synchronisation/s", "ledger/s", "subscriptions"])
async def test_what_does_not_exist(path: str) -> None:
    await get(make_admin(busy()), f"/admin/api/{path}", 404)
