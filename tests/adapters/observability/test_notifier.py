"""What operators see of a notifier: metrics, readiness, subscriptions and the ledger."""

from dataclasses import replace

import pytest

from mnstream.adapters.entropy import FixedClock
from mnstream.adapters.observability import (
    Admin,
    Counters,
    NotifierMetrics,
    NotifierReadiness,
    NotifierViews,
)
from mnstream.core.notification_events import (
    DeliveryFailed,
    DeliverySucceeded,
    GenerationFailed,
    HeartbeatControlSet,
    RecipientGone,
    StoreRolledOver,
    SubscriptionDeleted,
)
from mnstream.core.notification_values import (
    HeartbeatControl,
    Scope,
    ScopeType,
    SubscriptionId,
)
from mnstream.core.notifications.config import NotificationProducerConfig
from tests.adapters.observability.helpers import samples
from tests.adapters.observability.notification_helpers import (
    SETTINGS,
    WALL_MS,
    Notifying,
    get,
)

A, B = SubscriptionId("a"), SubscriptionId("b")


def busy() -> Notifying:
    """Two subscriptions of which ``a`` got one of three notifications, and ``b`` is gone."""
    notifying = Notifying()
    notifying.subscribe("a")
    notifying.subscribe("b")
    notifying.subscribe("c", replace(SETTINGS, locked=True))
    notifying.emit(WALL_MS + 1000, WALL_MS + 2000)
    notifying.commit()
    notifying.feed(DeliverySucceeded(number=notifying.number("a", 1)))
    notifying.feed(RecipientGone(number=notifying.number("b", 1)))
    notifying.emit(WALL_MS + 3000)
    return notifying


def found(notifying: Notifying, counters: Counters | None = None) -> dict[str, float]:
    return samples(
        NotifierMetrics(notifying.producer, notifying.store, counters=counters, process=False)
    )


def make_admin(notifying: Notifying, *, stopping: bool = False) -> Admin:
    producer, store = notifying.producer, notifying.store
    clock = FixedClock(wall_ms=WALL_MS + 60_000, monotonic_ms=1000)
    return Admin(
        readiness=NotifierReadiness(producer, store, stopping=lambda: stopping),
        metrics=NotifierMetrics(producer, store, process=False),
        resources=NotifierViews(notifying, producer, clock=clock).resources(),
    )


# --- metrics --------------------------------------------------------------------------------------


def test_subscriptions_are_counted_by_state_and_never_named() -> None:
    notifying = busy()
    values = found(notifying)
    assert {k: v for k, v in values.items() if k.startswith("mnstream_subscriptions")} == {
        "mnstream_subscriptions{state=active}": 2,
        "mnstream_subscriptions{state=locked}": 1,
        "mnstream_subscriptions{state=ending}": 0,
        "mnstream_subscriptions_operational{state=ENABLED}": 1,
        "mnstream_subscriptions_operational{state=DISABLED}": 2,
        "mnstream_subscriptions_availability{status=DEPENDENCY}": 1,
        "mnstream_subscriptions_availability{status=DEGRADED}": 0,
        "mnstream_subscriptions_availability{status=LOG_FULL}": 0,
        "mnstream_subscriptions_delivery{state=idle}": 0,
        "mnstream_subscriptions_delivery{state=posting}": 1,
        "mnstream_subscriptions_delivery{state=pausing}": 0,
        "mnstream_subscriptions_delivery{state=stopped}": 2,
    }


def test_what_waits_and_what_is_stored() -> None:
    values = found(busy())
    assert values["mnstream_notifications_waiting"] == 3  # 2 and 3 of a, 3 of b
    assert values["mnstream_notifications_unstored"] == 1
    assert values["mnstream_notifications_unstored_max"] == 20_000
    assert values["mnstream_notifications_stored"] == 4  # at most two of each
    oldest = values["mnstream_notifications_oldest_stored_timestamp_seconds"]
    assert oldest == (WALL_MS + 2000) / 1000


def test_the_oldest_of_all_subscriptions_is_shown() -> None:
    notifying = Notifying()
    notifying.subscribe("a")
    notifying.emit(WALL_MS + 1000)
    notifying.subscribe("b")
    notifying.emit(WALL_MS + 2000)
    oldest = found(notifying)["mnstream_notifications_oldest_stored_timestamp_seconds"]
    assert oldest == (WALL_MS + 1000) / 1000


def test_nothing_stored_has_no_time() -> None:
    notifying = Notifying()
    notifying.subscribe("a")
    values = found(notifying)
    assert values["mnstream_notifications_stored"] == 0
    assert "mnstream_notifications_oldest_stored_timestamp_seconds" not in values


def test_subscription_that_the_store_does_not_know_yet() -> None:
    notifying = Notifying()
    notifying.store.set_trouble("No space left on device")
    notifying.subscribe("a")
    values = found(notifying)
    assert values["mnstream_subscriptions{state=active}"] == 1
    assert values["mnstream_notifications_stored"] == 0
    assert values["mnstream_notification_store_trouble"] == 1


def test_ending_subscription_and_several_reasons() -> None:
    notifying = busy()
    notifying.feed(
        GenerationFailed(notification_types=None, reason="x", event_time_ms=WALL_MS + 4000)
    )
    notifying.feed(StoreRolledOver(subscription_id=A, oldest_sequence_no=3))
    notifying.feed(SubscriptionDeleted(subscription_id=B))
    values = found(notifying)
    assert values["mnstream_subscriptions{state=ending}"] == 1
    assert values["mnstream_subscriptions_availability{status=DEGRADED}"] == 2
    assert values["mnstream_subscriptions_availability{status=LOG_FULL}"] == 1


def test_what_the_runtime_counts_has_outcomes_from_the_start() -> None:
    counters = Counters()
    before = found(busy(), counters)
    counters.count("notifications_emitted", amount=3)
    counters.count("notifications_prepared", amount=6)
    counters.count("notification_deliveries", "failed", 2)
    counters.count("heartbeats_posted", "taken")
    after = found(busy(), counters)
    assert before.keys() == after.keys()
    changed = {key: value for key, value in after.items() if value != before[key]}
    assert changed == {
        "mnstream_notifications_emitted_total": 3,
        "mnstream_notifications_prepared_total": 6,
        "mnstream_notification_deliveries_total{outcome=failed}": 2,
        "mnstream_heartbeats_posted_total{outcome=taken}": 1,
    }
    deliveries = [key for key in before if key.startswith("mnstream_notification_deliveries")]
    assert deliveries == [
        f"mnstream_notification_deliveries_total{{outcome={outcome}}}"
        for outcome in ("delivered", "failed", "gone", "rejected")
    ]


def test_what_else_was_counted_is_there() -> None:
    counters = Counters()
    counters.count("notifications_not_prepared", "overload", 4)
    counters.count("http_requests_refused", "malformed")
    values = found(busy(), counters)
    assert values["mnstream_notifications_not_prepared_total{cause=overload}"] == 4
    assert values["mnstream_http_requests_refused_total{cause=malformed}"] == 1
    assert found(busy())["mnstream_notifications_not_prepared_total"] == 0


# --- readiness ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_ready() -> None:
    answer = await get(make_admin(busy()), "/readyz")
    assert answer == {"ready": True, "reasons": []}


@pytest.mark.anyio
async def test_not_ready_says_every_reason() -> None:
    notifying = Notifying(NotificationProducerConfig(unstored_max=2))
    notifying.subscribe("a")
    notifying.emit(WALL_MS, WALL_MS)
    notifying.store.set_trouble("No space left on device")
    answer = await get(make_admin(notifying, stopping=True), "/readyz", 503)
    assert answer["reasons"] == [
        {"cause": "stopping", "detail": "the notifier is stopping"},
        {"cause": "store_trouble", "detail": "No space left on device"},
        {"cause": "overload", "detail": "2 notifications wait to become durable"},
    ]


@pytest.mark.anyio
async def test_overload_lasts_until_half_of_it_is_durable() -> None:
    notifying = Notifying(NotificationProducerConfig(unstored_max=4))
    notifying.subscribe("a")
    admin = make_admin(notifying)
    notifying.emit(*[WALL_MS] * 3)
    await get(admin, "/readyz")
    notifying.emit(WALL_MS)
    notifying.emit(WALL_MS)  # not prepared
    assert notifying.producer.unstored == 4
    await get(admin, "/readyz", 503)
    notifying.commit_up_to(1)
    assert notifying.producer.unstored == 3
    await get(admin, "/readyz", 503)
    notifying.commit()
    await get(admin, "/readyz")


# --- views ----------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_api_lists_what_it_has() -> None:
    answer = await get(make_admin(busy()), "/admin/api")
    assert answer == {"resources": ["ledger", "subscriptions"]}


@pytest.mark.anyio
async def test_subscriptions_come_in_pages() -> None:
    admin = make_admin(busy())
    answer = await get(admin, "/admin/api/subscriptions?limit=2")
    assert [each["subscription"] for each in answer["subscriptions"]] == ["a", "b"]
    assert (answer["total"], answer["next"]) == (3, "b")
    rest = await get(admin, "/admin/api/subscriptions?limit=2&after=b")
    assert [each["state"] for each in rest["subscriptions"]] == ["locked"]
    assert rest["next"] is None
    assert answer["subscriptions"][0] == {
        "subscription": "a",
        "base": "ManagedElement=1",
        "recipient": "https://consumer.example:8443",
        "state": "active",
        "delivery": "posting",
        "attempts": 1,
        "failures": 0,
        "waiting": 2,
        "last_sequence_no": 1,
        "last_event_time": "2023-11-14T22:13:21.000Z",
        "operational_state": "ENABLED",
        "availability_status": [],
    }


@pytest.mark.anyio
async def test_one_subscription_with_all_details() -> None:
    notifying = Notifying()
    notifying.subscribe(
        "a",
        replace(
            SETTINGS,
            notification_types=frozenset({"notifyMOICreation", "notifyEvent"}),
            scope=Scope(scope_type=ScopeType.BASE_NTH_LEVEL, scope_level=1),
            notification_filter="//x",
        ),
    )
    heartbeat = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=60)
    notifying.feed(HeartbeatControlSet(subscription_id=A, heartbeat=heartbeat))
    notifying.emit(*(WALL_MS + 1000 * each for each in (1, 2, 3)))
    notifying.commit()
    notifying.feed(DeliveryFailed(number=notifying.number("a", 1), reason="x"))
    answer = await get(make_admin(notifying), "/admin/api/subscriptions/a")
    assert answer["types"] == ["notifyEvent", "notifyMOICreation"]
    assert (answer["scope"], answer["scope_level"]) == ("BASE_NTH_LEVEL", 1)
    assert answer["filter"] == "//x"
    assert answer["heartbeat_period_s"] == 60
    assert (answer["delivery"], answer["failures"], answer["waiting"]) == ("pausing", 1, 3)
    assert answer["epoch"] == WALL_MS
    assert answer["stored"] == {
        "notifications": 2,
        "notifications_max": 2,
        "oldest_sequence_no": 2,
        "newest_sequence_no": 3,
        "oldest_event_time": "2023-11-14T22:13:22.000Z",
        "newest_event_time": "2023-11-14T22:13:23.000Z",
        "oldest_age_ms": 58_000,
    }


@pytest.mark.anyio
async def test_the_ledger_adds_up() -> None:
    answer = await get(make_admin(busy()), "/admin/api/ledger?limit=2")
    assert (answer["total"], answer["next"]) == (3, "b")
    assert (answer["prepared"], answer["finished"], answer["waiting"]) == (6, 3, 3)
    assert answer["unstored"] == 1
    first, second = answer["subscriptions"]
    assert {name: first[name] for name in ("prepared", "durable", "finished", "waiting")} == {
        "prepared": 3,
        "durable": 2,
        "finished": 1,
        "waiting": 2,
    }
    assert (second["finished"], second["waiting"]) == (2, 1)
    assert second["operational_state"] == "DISABLED"
    assert second["availability_status"] == ["DEPENDENCY"]
    assert second["stored"]["newest_sequence_no"] == 3


@pytest.mark.anyio
async def test_what_was_not_prepared_is_named_or_unknown() -> None:
    notifying = Notifying()
    notifying.subscribe("a")
    admin = make_admin(notifying)

    async def not_sent() -> object:
        return (await get(admin, "/admin/api/ledger"))["subscriptions"][0]["not_sent_types"]

    assert await not_sent() == []
    types = frozenset({"notifyEvent", "notifyAlarm"})
    notifying.feed(GenerationFailed(notification_types=types, reason="x", event_time_ms=WALL_MS))
    assert await not_sent() == ["notifyAlarm", "notifyEvent"]
    notifying.feed(GenerationFailed(notification_types=None, reason="x", event_time_ms=WALL_MS))
    assert await not_sent() is None


@pytest.mark.anyio
async def test_nothing_is_known_of_the_store_of_a_subscription_it_does_not_have() -> None:
    notifying = Notifying()
    notifying.store.set_trouble("No space left on device")
    notifying.subscribe("a")
    answer = await get(make_admin(notifying), "/admin/api/subscriptions/a")
    assert answer["stored"] is None
    assert answer["last_event_time"] is None


@pytest.mark.anyio
async def test_time_that_no_date_can_show() -> None:
    notifying = Notifying()
    notifying.subscribe("a")
    notifying.emit(10**18)
    notifying.commit()
    answer = await get(make_admin(notifying), "/admin/api/subscriptions/a")
    assert answer["stored"]["oldest_event_time"] is None
    assert answer["stored"]["notifications"] == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80"),
        ("https://HOST", "https://host"),
        ("https://user:pa/ss@host/", None),
        ("http://[1/", None),
        ("mailto:somebody@example.com", None),
        ("", None),
    ],
)
async def test_of_a_recipient_only_the_server_is_shown(address: str, shown: str | None) -> None:
    notifying = Notifying()
    notifying.subscribe("a", replace(SETTINGS, notification_recipient_address=address))
    answer = await get(make_admin(notifying), "/admin/api/subscriptions/a")
    assert answer["recipient"] == shown


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["subscriptions/zzz", "subscriptions/a/b", "ledger/a"])
async def test_what_does_not_exist(path: str) -> None:
    await get(make_admin(busy()), f"/admin/api/{path}", 404)


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["subscriptions?limit=0", "ledger?limit=1001", "ledger?x=1"])
async def test_a_bad_query_is_refused(path: str) -> None:
    assert (await get(make_admin(busy()), f"/admin/api/{path}", 400))["error"]


@pytest.mark.anyio
async def test_no_secret_of_an_address_is_anywhere() -> None:
    notifying = busy()
    admin = make_admin(notifying)
    for path in ("subscriptions", "subscriptions/a", "ledger"):
        assert "secret" not in str(await get(admin, f"/admin/api/{path}"))
    metrics = NotifierMetrics(notifying.producer, notifying.store, process=False)
    assert b"secret" not in metrics.render()
