"""What was not prepared is admitted: overload, failures of the application, and their end."""

from __future__ import annotations

from dataclasses import replace

from mnstream.core.notification_effects import StoreNotification
from mnstream.core.notification_events import (
    GenerationFailed,
    GenerationRecovered,
    SubscriptionDeleted,
)
from mnstream.core.notification_values import NOT_SENT
from mnstream.core.notification_values import AvailabilityStatus as A
from mnstream.core.notifications.announcing import (
    ALARMS_REBUILT,
    FAULTY_ALARMS,
    FAULTY_TREE,
    SYNC_RECOMMENDED,
)
from mnstream.core.notifications.producer import NotificationProducer
from mnstream.core.profiles import NOTIFICATION_PROFILES, SEED, NotificationProfile
from tests.core.notifications.support import (
    ALARM,
    BASE,
    CONFIG,
    CREATION,
    E2,
    S1,
    S2,
    contents,
    created,
    emitted,
    modified,
    no,
    post,
    s1,
    settings,
    stored,
    subscribed,
)

REL19 = NOTIFICATION_PROFILES["rel19"]
LOCKED = settings(locked=True)
RECOVERED = GenerationRecovered()
SMALL = replace(CONFIG, unstored_max=4)


def failure(types: frozenset[str] | None, time_ms: int = 6_000_000) -> GenerationFailed:
    return GenerationFailed(notification_types=types, reason="broken", event_time_ms=time_ms)


def overloaded(profile: NotificationProfile = SEED) -> NotificationProducer:
    """Four notifications are on their way, an alarm and a creation were not prepared."""
    producer = subscribed(config=SMALL, profile=profile)
    for _ in range(4):
        producer.handle(emitted(), now_ms=2_000)
    assert producer.handle(emitted(ALARM, time_ms=5_000_001), now_ms=2_000) == ()
    assert producer.handle(emitted(time_ms=5_000_002), now_ms=2_000) == ()
    return producer


def assert_degraded(producer: NotificationProducer, *types: str) -> None:
    status = s1(producer).status()
    assert (A.DEGRADED in status.availability_status) is bool(types)
    assert status.not_sent_notification_types == frozenset(types)


# --- overload ------------------------------------------------------------------------------------


def test_an_overloaded_producer_prepares_nothing_more_and_its_attributes_say_so() -> None:
    producer = overloaded()
    assert producer.unstored == 4
    assert s1(producer).prepared == 4
    assert producer.not_prepared == 2
    assert_degraded(producer, CREATION, ALARM)


def test_an_overload_is_admitted_once_half_of_what_is_allowed_is_stored() -> None:
    producer = overloaded()
    assert producer.handle(stored(1), now_ms=3_000) == (post(1),)
    assert producer.handle(emitted(), now_ms=3_000) == ()  # or it would come before the admission
    (effect,) = producer.handle(stored(2), now_ms=3_100)
    assert isinstance(effect, StoreNotification)
    assert effect.numbers == (no(5),)
    assert effect.content.notification_type == NOT_SENT
    assert effect.content.object_path == f"{BASE}/NtfSubscriptionControl=s1"
    assert effect.content.event_time_ms == 5_000_000
    assert dict(effect.content.body) == {
        "reason": "overload",
        "notificationTypes": [CREATION, ALARM],
    }
    assert_degraded(producer)
    assert len(producer.handle(emitted(), now_ms=3_200)) == 1


def test_an_overload_that_is_over_is_not_admitted_again() -> None:
    producer = overloaded()
    producer.handle(stored(2), now_ms=3_000)
    assert contents(producer.handle(stored(4), now_ms=3_000)) == []


def test_only_who_wanted_it_is_told() -> None:
    producer = subscribed(settings(types=frozenset({ALARM})), SMALL)
    producer.handle(created(subscription_id=S2, wall_ms=E2), now_ms=1_000)
    for _ in range(5):
        producer.handle(emitted(), now_ms=2_000)
    assert_degraded(producer)
    effects = producer.handle(stored(4), now_ms=3_000)
    told = [each.numbers for each in effects if isinstance(each, StoreNotification)]
    assert told == [(no(5, S2, E2),)]


def test_rel_19_admits_an_overload_and_recommends_to_align() -> None:
    producer = overloaded(REL19)
    effects = producer.handle(stored(4), now_ms=3_000)
    names = [name for name, _ in contents(effects)]
    assert names == [FAULTY_TREE, FAULTY_ALARMS, SYNC_RECOMMENDED, ALARMS_REBUILT]


def test_an_overload_is_admitted_before_a_lock() -> None:
    producer = overloaded()
    assert [name for name, _ in contents(producer.handle(modified(LOCKED), now_ms=2_500))] == [
        NOT_SENT
    ]
    assert_degraded(producer)
    assert producer.handle(stored(5), now_ms=3_000) == ()
    producer.handle(modified(settings()), now_ms=4_000)
    assert len(producer.handle(emitted(), now_ms=4_000)) == 1


def test_an_overload_is_admitted_before_the_end() -> None:
    producer = overloaded()
    effects = producer.handle(SubscriptionDeleted(subscription_id=S1), now_ms=2_500)
    assert [name for name, _ in contents(effects)] == [NOT_SENT]
    assert s1(producer).waiting == 5


# --- failures of the application -----------------------------------------------------------------


def test_a_failure_is_admitted_and_cleared() -> None:
    producer = subscribed()
    effects = producer.handle(failure(frozenset({ALARM})), now_ms=2_000)
    assert contents(effects) == [(NOT_SENT, {"reason": "broken", "notificationTypes": [ALARM]})]
    assert_degraded(producer, ALARM)
    producer.handle(failure(frozenset({CREATION})), now_ms=2_000)
    assert_degraded(producer, ALARM, CREATION)
    assert producer.handle(RECOVERED, now_ms=3_000) == ()
    assert_degraded(producer)
    assert producer.handle(RECOVERED, now_ms=3_000) == ()


def test_a_failure_of_unknown_types_concerns_everybody() -> None:
    producer = subscribed(settings(types=frozenset({ALARM})))
    effects = producer.handle(failure(None), now_ms=2_000)
    assert contents(effects) == [(NOT_SENT, {"reason": "broken"})]
    assert s1(producer).status().not_sent_notification_types is None
    producer.handle(failure(frozenset({ALARM})), now_ms=2_000)
    assert s1(producer).status().not_sent_notification_types is None
    producer.handle(RECOVERED, now_ms=3_000)
    assert_degraded(producer)


def test_a_failure_of_no_types_is_over_with_the_others() -> None:
    producer = subscribed()
    producer.handle(failure(frozenset()), now_ms=2_000)
    producer.handle(RECOVERED, now_ms=3_000)
    assert s1(producer).status().availability_status == frozenset()


def test_a_failure_that_cannot_concern_a_subscription_is_not_told_to_it() -> None:
    producer = subscribed(settings(types=frozenset({ALARM})))
    assert producer.handle(failure(frozenset({CREATION})), now_ms=2_000) == ()
    assert_degraded(producer)


def test_a_locked_subscription_is_told_nothing() -> None:
    producer = subscribed(LOCKED, profile=REL19)
    assert producer.handle(failure(None), now_ms=2_000) == ()
    assert_degraded(producer)
    assert producer.handle(RECOVERED, now_ms=3_000) == ()


def test_rel_19_says_that_it_recovered_even_if_not_to_who_is_locked() -> None:
    producer = subscribed(profile=REL19)
    producer.handle(failure(frozenset({ALARM})), now_ms=2_000)
    effects = producer.handle(RECOVERED, now_ms=3_000)
    assert [name for name, _ in contents(effects)] == [ALARMS_REBUILT]
    producer.handle(failure(None), now_ms=4_000)
    producer.handle(modified(LOCKED), now_ms=4_000)
    assert producer.handle(RECOVERED, now_ms=5_000) == ()
    assert_degraded(producer)


def test_a_subscription_that_is_new_or_unlocked_during_a_failure_shows_it() -> None:
    producer = subscribed(LOCKED)
    producer.handle(failure(frozenset({ALARM})), now_ms=2_000)
    wanted = settings(types=frozenset({CREATION}))
    producer.handle(created(subscription_id=S2, wall_ms=E2), now_ms=3_000)
    status = producer.subscriptions[S2].status()
    assert status.not_sent_notification_types == frozenset({ALARM})
    producer.handle(modified(wanted), now_ms=3_000)
    assert_degraded(producer)
    producer.handle(modified(settings()), now_ms=3_000)
    assert_degraded(producer, ALARM)
    producer.handle(RECOVERED, now_ms=4_000)
    assert_degraded(producer)


# --- both at once --------------------------------------------------------------------------------


def test_a_failure_during_an_overload_is_told_with_it() -> None:
    producer = overloaded()
    assert producer.handle(failure(frozenset({"notifyEvent"})), now_ms=2_500) == ()
    effects = producer.handle(stored(4), now_ms=3_000)
    (body,) = [body for _, body in contents(effects)]
    assert body["notificationTypes"] == ["notifyEvent", CREATION, ALARM]
    assert_degraded(producer, "notifyEvent")
    producer.handle(RECOVERED, now_ms=4_000)
    assert_degraded(producer)


def test_a_failure_of_unknown_types_during_an_overload_is_told_with_it() -> None:
    producer = overloaded()
    producer.handle(failure(None), now_ms=2_500)
    effects = producer.handle(stored(4), now_ms=3_000)
    assert contents(effects) == [(NOT_SENT, {"reason": "overload"})]
    assert s1(producer).status().not_sent_notification_types is None


def test_a_failure_that_is_over_before_the_overload_leaves_the_overload() -> None:
    producer = overloaded()
    producer.handle(failure(frozenset({"notifyEvent"})), now_ms=2_500)
    assert producer.handle(RECOVERED, now_ms=2_600) == ()
    assert A.DEGRADED in s1(producer).availability
    producer.handle(stored(4), now_ms=3_000)
    assert_degraded(producer)


def test_an_overload_of_who_is_not_concerned_by_a_failure_is_over_by_itself() -> None:
    producer = subscribed(settings(types=frozenset({CREATION})), SMALL)
    producer.handle(failure(frozenset({ALARM})), now_ms=1_500)
    for _ in range(5):
        producer.handle(emitted(), now_ms=2_000)
    assert_degraded(producer, CREATION)
    producer.handle(stored(4), now_ms=3_000)
    assert_degraded(producer)
