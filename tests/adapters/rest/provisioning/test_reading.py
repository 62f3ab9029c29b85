"""What a GET shows: trees, choices, and stored notifications (B7-B11, C5, C6)."""

from __future__ import annotations

import json
from typing import cast
from urllib.parse import quote

import pytest

from mnstream.adapters.rest.provisioning import ProvisioningLimits
from mnstream.adapters.rest.provisioning.scopes import reaches_below
from mnstream.core.notification_values import Scope, ScopeType, SubscriptionId
from mnstream.core.profiles import NOTIFICATION_PROFILES
from mnstream.core.values import Json
from tests.adapters.rest.provisioning.asking import (
    ROOT,
    Asker,
    body_of,
    error_of,
    parsed,
)
from tests.adapters.rest.provisioning.service import EPOCH, LENGTH_MS

HIERARCHICAL = "application/vnd.3gpp.object-tree-hierarchical+json"
FLAT = "application/vnd.3gpp.object-tree-flat+json"
ONE = "/NtfSubscriptionControl=1"
LIST = "/NotificationList=1"
S1 = SubscriptionId("1")
S2 = SubscriptionId("2")
DN = "SubNetwork=1,ManagedElement=1"

Dict = dict[str, Json]


def stored(count: int = 10, *, dropped_below: int = 0, limits: ProvisioningLimits | None = None,
           profile: str = "seed") -> Asker:  # fmt: skip
    """Two subscriptions, the first with notifications and a HeartbeatControl."""
    asker = Asker(NOTIFICATION_PROFILES[profile], limits=limits or ProvisioningLimits())
    for path in (ONE, "/NtfSubscriptionControl=2"):
        assert asker.put(path, notificationRecipientAddress="http://h").status == 201
    assert asker.put(f"{ONE}/HeartbeatControl=1", heartbeatNtfPeriod=5).status == 201
    asker.service.store(S1, count)
    asker.service.drop(S1, dropped_below)
    return asker


def names_of(value: Json) -> list[str]:
    """Name the objects of an answer, with a mark at those that have attributes."""
    assert isinstance(value, dict)
    mark = "" if "attributes" in value else "-"
    found = [mark + str(value["objectInstance"]).removeprefix(f"{DN},")]
    for name, member in value.items():
        if name == "HeartbeatControl":
            found += names_of(member)
        elif name not in ("id", "objectClass", "objectInstance", "attributes"):
            assert isinstance(member, list)
            for each in member:
                found += names_of(each)
    return found


BEAT_NAME = "NtfSubscriptionControl=1,HeartbeatControl=1"
LEVEL_1 = [f"{name}={n}" for name in ("NtfSubscriptionControl", "NotificationList") for n in (1, 2)]
TREE = [DN, LEVEL_1[0], BEAT_NAME, *LEVEL_1[1:]]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", [DN]),
        ("?scopeType=BASE_ONLY", [DN]),
        ("?scopeType=BASE_ALL", TREE),
        ("?scope=%7B%22scopeType%22%3A%22BASE_ALL%22%7D", TREE),
        ("?scopeType=BASE_NTH_LEVEL&scopeLevel=0", [DN]),
        ("?scopeType=BASE_NTH_LEVEL&scopeLevel=1", ["-" + DN, *LEVEL_1]),
        ("?scopeType=BASE_NTH_LEVEL&scopeLevel=2", ["-" + DN, "-" + LEVEL_1[0], BEAT_NAME]),
        ("?scopeType=BASE_SUBTREE&scopeLevel=0", [DN]),
        ("?scopeType=BASE_SUBTREE&scopeLevel=1", [DN, *LEVEL_1]),
        ("?scopeType=BASE_SUBTREE&scopeLevel=9", TREE),
    ],
)
def test_scopes(query: str, shown: list[str]) -> None:
    asker = stored()
    for accept in ("", "application/json", HIERARCHICAL):
        response = asker.ask("GET", query, Accept=accept)
        assert response.header("Content-Type") == (accept or "application/json")
        assert names_of(parsed(response)) == shown
    flat = asker.ask("GET", query, Accept=FLAT)
    assert flat.header("Content-Type") == FLAT
    objects = parsed(flat)
    assert isinstance(objects, list)
    listed = [name for each in objects for name in names_of(each)]
    assert listed == [name for name in shown if not name.startswith("-")]


def test_a_scope_that_selects_nothing() -> None:
    asker = stored()
    query = "?scopeType=BASE_NTH_LEVEL&scopeLevel=3"
    assert asker.ask("GET", query).status == 204
    response = asker.ask("GET", query, Accept=FLAT)
    assert (response.status, response.body) == (200, b"[]")


def test_objects_above_the_base_object() -> None:
    asker = stored()
    asker.base = f"{ROOT}/SubNetwork=1"
    assert asker.get() == {
        "id": "1",
        "objectClass": "SubNetwork",
        "objectInstance": "SubNetwork=1",
        "attributes": {},
    }
    shown = names_of(asker.get("?scopeType=BASE_ALL"))
    assert shown == ["SubNetwork=1", *TREE]
    assert asker.ask("POST", "", {}).status == 405


def test_a_name_that_begins_like_one_above_the_base_object() -> None:
    asker = Asker(base="SubNetwork=12/ManagedElement=1")
    for name, status in (("SubNetwork=12", 200), ("SubNetwork=1", 404), ("SubNetwork=2", 404)):
        asker.base = f"{ROOT}/{name}"
        assert asker.ask("GET").status == status


@pytest.mark.parametrize(
    ("scope_type", "level", "below"),
    [
        (ScopeType.BASE_ONLY, None, []),
        (ScopeType.BASE_ALL, None, [0, 1, 2]),
        (ScopeType.BASE_NTH_LEVEL, 1, [0]),
        (ScopeType.BASE_SUBTREE, 2, [0, 1]),
    ],
)
def test_nothing_is_looked_at_that_cannot_be_meant(
    scope_type: ScopeType, level: int | None, below: list[int]
) -> None:
    scope = Scope(scope_type=scope_type, scope_level=level)
    assert [each for each in range(3) if reaches_below(scope, each)] == below


def test_a_subscription_with_what_is_below_it() -> None:
    asker = stored()
    assert names_of(asker.get(ONE)) == [LEVEL_1[0]]
    tree = asker.get(f"{ONE}?scopeType=BASE_ALL")
    assert names_of(tree) == [LEVEL_1[0], BEAT_NAME]
    assert tree["HeartbeatControl"] == asker.get(f"{ONE}/HeartbeatControl=1")


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ("?filter=a&filter=b", ["filter"]),
        ("?x=1", ["x"]),
        ("?scope=BASE_ALL", ["scope"]),
        ("?scope=%7B%22scopeType%22%3A1%7D", ["scope"]),
        ("?scope=%7B%7D&scopeType=BASE_ALL", ["scope", "scopeType"]),
        ("?scopeType=", ["scopeType"]),
        ("?scopeType=BASE_ALL&scopeType=BASE_ALL", ["scopeType"]),
        ("?scopeType=BASE_SUBTREE", ["scopeType"]),
        ("?scopeType=BASE_SUBTREE&scopeLevel=-1", ["scopeLevel"]),
        ("?scopeType=BASE_SUBTREE&scopeLevel=99999999999", ["scopeType", "scopeLevel"]),
        ("?scopeLevel=1", ["scopeLevel"]),
        ("?scopeType=BASE_ALL&scopeLevel=1", ["scopeType", "scopeLevel"]),
        ("?scope=%7B%22scopeType%22%3A%22BASE_ONLY%22%2C%22scopeLevel%22%3A0%7D", ["scope"]),
        ("?attributes=a,,b", ["attributes"]),
        ("?attributes=%ff", ["attributes"]),
        ("?fields=attributes", ["fields"]),
        ("?fields=/NtfSubscriptionControl", ["fields"]),
        ("?fields=/attributes/notificationTypes/0", ["fields"]),
        ("?sequenceNo=1", ["sequenceNo"]),
        ("?epoch=1", ["epoch"]),
    ],
)
def test_queries_that_are_refused(query: str, bad: list[str]) -> None:
    response = stored().ask("GET", ONE + query)
    assert response.status == 400
    assert error_of(response)["badQueryParams"] == bad


def test_a_name_that_is_not_utf_8() -> None:
    assert stored().ask("GET", f"{ONE}?%ff=1").status == 400


def test_choosing_attributes() -> None:
    asker = stored()
    scope: Json = {"scopeType": "BASE_SUBTREE", "scopeLevel": 2}
    asker.put(ONE, notificationRecipientAddress="http://h", scope=scope)
    answers: tuple[tuple[str, Dict], ...] = (
        ("?attributes=", {}),
        ("?attributes", {}),
        ("?attributes=lastSequenceNo,nothing", {"lastSequenceNo": 10}),
        ("?attributes=lastSequenceNo%2Cscope", {"lastSequenceNo": 10, "scope": scope}),
        ("?attributes=lastSequenceNo&attributes=scope", {"lastSequenceNo": 10, "scope": scope}),
        ("?fields=/attributes/lastSequenceNo", {"lastSequenceNo": 10}),
        ("?fields=%2Fattributes%2FlastSequenceNo,/id", {"lastSequenceNo": 10}),
        ("?fields=/attributes/scope/scopeLevel", {"scope": {"scopeLevel": 2}}),
        ("?fields=/attributes/scope/scopeLevel,/attributes/scope/scopeType", {"scope": scope}),
        ("?fields=/attributes/scope/x", {}),
        ("?fields=/attributes/lastSequenceNo/x", {}),
        ("?fields=/attributes/availabilityStatus", {"availabilityStatus": []}),
        ("?fields=/id", {}),
        ("?fields=/attributes/scope/scopeLevel&attributes=epoch",
         {"scope": {"scopeLevel": 2}, "epoch": EPOCH}),
    )  # fmt: skip
    for query, chosen in answers:
        answer = asker.get(ONE + query)
        assert answer["attributes"] == chosen, query
        assert answer["id"] == "1"
    assert asker.get(f"{ONE}?fields=/attributes") == asker.get(ONE)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5", "application/json"),
        ("text/html, application/json;q=0.1", "application/json"),
        (f"application/json;q=0.5, {FLAT}", FLAT),
        (f"application/json;q=0, */*, {HIERARCHICAL};q=0.2", FLAT),
        (f"{HIERARCHICAL.upper()};q=1.000", HIERARCHICAL),
        ("application/json;q=nan", "application/json"),
        ("application/json;q=0, application/*;q=0.0", None),
        ("text/html", None),
        (";q=1,,", None),
    ],
)
def test_content_negotiation(accept: str, chosen: str | None) -> None:
    response = stored().ask("GET", ONE, Accept=accept)
    assert response.status == (406 if chosen is None else 200)
    assert response.header("Content-Type") == (chosen or "application/json")


def test_head_is_answered_like_get() -> None:
    asker = stored()
    assert asker.ask("HEAD", LIST) == asker.ask("GET", LIST)


# --- stored notifications -------------------------------------------------------------------------


def numbers_of(attributes: Dict) -> list[int]:
    notifications = cast("list[Dict]", attributes["notifications"])
    return [cast("int", each["sequenceNo"]) for each in notifications]


def test_the_attributes_of_a_list() -> None:
    asker = stored(10, dropped_below=4)
    answer = asker.get(LIST)
    attributes = cast("Dict", answer["attributes"])
    assert numbers_of(attributes) == [4, 5, 6, 7, 8, 9, 10]
    del attributes["notifications"]
    assert answer == {
        "id": "1",
        "objectClass": "NotificationList",
        "objectInstance": f"{DN},NotificationList=1",
        "attributes": {
            "subscriptionRef": f"{DN},NtfSubscriptionControl=1",
            "epoch": EPOCH,
            "epochs": [EPOCH],
            "oldestSequenceNo": 4,
            "newestSequenceNo": 10,
            "lastSequenceNo": 10,
            "lastEventTime": "2023-11-14T22:13:30.000Z",
            "oldestEventTime": "2023-11-14T22:13:24.000Z",
            "newestEventTime": "2023-11-14T22:13:30.000Z",
            "numberOfStoredNotifications": 7,
            "maxNumberOfStoredNotifications": 100,
        },
    }


def test_an_empty_list() -> None:
    attributes = stored().attributes("/NotificationList=2")
    assert attributes["notifications"] == []
    assert attributes["oldestSequenceNo"] == attributes["newestSequenceNo"] == 0
    assert not {"lastEventTime", "oldestEventTime", "newestEventTime"} & attributes.keys()


def test_notifications_are_given_byte_for_byte() -> None:
    asker = stored(3)
    texts = [each.text for each in asker.service.kept[S1][EPOCH].texts.values()]
    assert b"\n" in texts[0]
    assert b'"notifications":[' + b",".join(texts) + b"]" in asker.ask("GET", LIST).body
    assert b",".join(texts) in asker.ask("GET", LIST, Accept=FLAT).body


@pytest.mark.parametrize(
    ("query", "numbers", "lost"),
    [
        ("", [4, 5, 6, 7, 8, 9, 10], []),
        ("?sequenceNo=4", [4], []),
        ("?sequenceNo=10,5,6,5&sequenceNo=8", [5, 6, 8, 10], []),
        ("?sequenceNo=5%2C8", [5, 8], []),
        ("?sequenceNo=5,11", [5], []),
        ("?sequenceNo=1,2,5", [5], [(1, 2)]),
        ("?sequenceNo=1,3,5", [5], [(1, 1), (3, 3)]),
        ("?sequenceNo=3,11", [], None),
        ("?fromSequenceNo=8", [8, 9, 10], []),
        ("?toSequenceNo=5", [4, 5], [(1, 3)]),
        ("?fromSequenceNo=0&toSequenceNo=5", [4, 5], [(1, 3)]),
        ("?fromSequenceNo=2&toSequenceNo=18446744073709551615",
         [4, 5, 6, 7, 8, 9, 10], [(2, 3)]),
        ("?fromSequenceNo=5&toSequenceNo=6", [5, 6], []),
        ("?fromSequenceNo=11", [], []),
        ("?fromSequenceNo=11&toSequenceNo=20", [], []),
        (f"?epoch={EPOCH}&sequenceNo=7", [7], []),
        ("?fromEventTime=2023-11-14T22:13:28Z", [8, 9, 10], []),
        ("?fromEventTime=2023-11-14T23:13:28.000%2B01:00&toEventTime=2023-11-14T22:13:29.5Z",
         [8, 9], []),
        ("?fromEventTime=2023-11-14T22:13:24Z&toEventTime=2023-11-14T22:13:24Z", [4], []),
        ("?fromEventTime=2023-11-14T22:13:23.999Z&toEventTime=2023-11-14T22:13:24Z",
         [4], [(1, 3)]),
        ("?toEventTime=2023-11-14T22:13:25Z", [4, 5], [(1, 3)]),
        ("?fromEventTime=2040-01-01T00:00:00Z", [], []),
    ],
)  # fmt: skip
def test_which_notifications(
    query: str, numbers: list[int], lost: list[tuple[int, int]] | None
) -> None:
    asker = stored(10, dropped_below=4)
    response = asker.ask("GET", LIST + query)
    if lost is None:
        # The one that existed is gone, the other one is still to come: nothing that was is left.
        assert response.status == 410
        return
    assert response.status == 200, response
    attributes = cast("Dict", body_of(response)["attributes"])
    assert numbers_of(attributes) == numbers
    runs: list[Dict] = [{"first": first, "last": last} for first, last in lost]
    if "EventTime" in query:
        runs = [{"epoch": EPOCH, **run} for run in runs]
    assert attributes.get("goneSequenceNos", []) == runs
    assert not {"notificationsTruncated", "nextSequenceNo"} & attributes.keys()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?sequenceNo=3", 410),
        ("?sequenceNo=1,2,3", 410),
        ("?toSequenceNo=3", 410),
        ("?fromSequenceNo=2&toSequenceNo=3", 410),
        ("?epoch=5", 410),
        (f"?epoch={EPOCH + 1}&sequenceNo=5", 410),
        ("?attributes=&sequenceNo=3", 410),
        ("?sequenceNo=11", 404),
        ("?sequenceNo=11,12", 404),
        ("?attributes=&sequenceNo=11", 404),
    ],
)
def test_what_is_not_there_comes_with_what_is(query: str, status: int) -> None:
    asker = stored(10, dropped_below=4)
    expected = asker.attributes(LIST)
    del expected["notifications"]
    response = asker.ask("GET", LIST + query)
    assert response.status == status
    assert error_of(response)["type"] == ("gone" if status == 410 else "unknownObject")
    assert body_of(response)["attributes"] == expected


@pytest.mark.parametrize(
    "query",
    [
        "?sequenceNo=",
        "?sequenceNo=0",
        "?sequenceNo=x",
        "?sequenceNo=-1",
        "?sequenceNo=%D9%A1",
        "?sequenceNo=18446744073709551616",
        "?sequenceNo=1&fromSequenceNo=1",
        "?fromSequenceNo=5&toSequenceNo=4",
        "?toSequenceNo=0",
        "?fromSequenceNo=",
        "?fromSequenceNo=1&fromSequenceNo=2",
        "?fromEventTime=yesterday",
        "?fromEventTime=2023-11-14T22:13:28",
        "?fromEventTime=2023-11-14T22:13:28Z&sequenceNo=1",
        "?toEventTime=2023-11-14T22:13:28Z&toSequenceNo=1",
        f"?toEventTime=2023-11-14T22:13:28Z&epoch={EPOCH}",
        "?fromEventTime=2023-11-14T22:13:28Z&toEventTime=2023-11-14T22:13:27Z",
        "?epoch=x",
        "?filter=((",
    ],
)
def test_questions_that_make_no_sense(query: str) -> None:
    asker = stored()
    response = asker.ask("GET", LIST + query)
    assert response.status == 400
    assert error_of(response)["badQueryParams"]
    assert asker.service.reads == 0


def test_too_many_numbers() -> None:
    asker = stored(limits=ProvisioningLimits(notifications_max=3))
    assert asker.ask("GET", f"{LIST}?sequenceNo=1,2,3").status == 200
    assert asker.ask("GET", f"{LIST}?sequenceNo=1,2,3,4").status == 413


@pytest.mark.parametrize(
    "query", ["?attributes=", "?attributes=newestSequenceNo", "?fields=/attributes/epoch"]
)
def test_the_window_is_told_without_reading(query: str) -> None:
    asker = stored()
    assert "notifications" not in asker.attributes(LIST + query)
    assert asker.service.reads == 0


def test_a_time_of_which_nothing_is_left_is_gone() -> None:
    asker = stored(10, dropped_below=4)
    span = "?fromEventTime=2023-11-14T22:13:21Z&toEventTime=2023-11-14T22:13:23Z"
    response = asker.ask("GET", LIST + span)
    assert response.status == 410
    attributes = cast("Dict", error_of(response)["attributes"])
    assert attributes["goneSequenceNos"] == [{"epoch": EPOCH, "first": 1, "last": 3}]
    assert attributes["oldestSequenceNo"] == 4
    assert asker.attributes(LIST + span + "&attributes=oldestSequenceNo")["goneSequenceNos"]


@pytest.mark.parametrize("rest", ["/0", "/0/sequenceNo", "/-", "/sequenceNo"])
def test_parts_of_notifications_are_not_chosen(rest: str) -> None:
    asker = stored(2)
    response = asker.ask("GET", f"{LIST}?fields=/attributes/notifications{rest}")
    assert response.status == 400
    assert error_of(response)["badQueryParams"] == ["fields"]


@pytest.mark.parametrize(
    "query", ["?attributes=notifications", "?fields=/attributes/notifications"]
)
def test_only_the_notifications(query: str) -> None:
    attributes = stored(2).attributes(LIST + query)
    assert list(attributes) == ["notifications"]
    assert numbers_of(attributes) == [1, 2]


def test_trees_have_notifications_only_when_they_are_named() -> None:
    asker = stored(2)
    tree = asker.get("?scopeType=BASE_ALL")
    assert asker.service.reads == 0
    lists = cast("list[Dict]", tree["NotificationList"])
    assert [cast("Dict", each["attributes"])["newestSequenceNo"] for each in lists] == [2, 0]
    assert "notifications" not in cast("Dict", lists[0]["attributes"])
    tree = asker.get("?scopeType=BASE_ALL&fields=/attributes")
    assert asker.service.reads == 0
    tree = asker.get("?scopeType=BASE_ALL&attributes=notifications")
    lists = cast("list[Dict]", tree["NotificationList"])
    assert [numbers_of(cast("Dict", each["attributes"])) for each in lists] == [[1, 2], []]


def pages(asker: Asker, query: str) -> list[list[int]]:
    found: list[list[int]] = []
    while True:
        attributes = asker.attributes(LIST + query)
        found.append(numbers_of(attributes))
        if "notificationsTruncated" not in attributes:
            assert "nextSequenceNo" not in attributes
            return found
        assert attributes["notificationsTruncated"] is True
        query = f"?fromSequenceNo={attributes['nextSequenceNo']}"


@pytest.mark.parametrize("query", ["", "?fromSequenceNo=1", "?fromEventTime=2020-01-01T00:00:00Z"])
def test_answers_are_limited_by_count(query: str) -> None:
    asker = stored(7, limits=ProvisioningLimits(notifications_max=3))
    assert pages(asker, query) == [[1, 2, 3], [4, 5, 6], [7]]
    exact = stored(6, limits=ProvisioningLimits(notifications_max=3))
    assert pages(exact, query) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("service_bytes", [1, 1_000_000])
def test_answers_are_limited_by_bytes(service_bytes: int) -> None:
    limits = ProvisioningLimits(notification_bytes_max=250)
    asker = stored(0, limits=limits)
    asker.service.bytes_max = service_bytes
    asker.service.store(S1, 5, size=60)
    assert pages(asker, "") == [[1, 2], [3, 4], [5]]
    large = stored(0, limits=limits)
    large.service.bytes_max = service_bytes
    large.service.store(S1, 3, size=500)
    assert pages(large, "") == [[1], [2], [3]]


def test_a_span_that_the_service_cut_short_is_not_taken_for_complete() -> None:
    asker = stored(0, limits=ProvisioningLimits(notification_bytes_max=1_000))
    asker.service.bytes_max = 1_000
    asker.service.store(S1, 20, size=60)
    found = pages(asker, "?fromEventTime=2020-01-01T00:00:00Z")
    assert [number for page in found for number in page] == list(range(1, 21))


def test_a_list_of_numbers_goes_on_at_the_next_of_them() -> None:
    asker = stored(0, limits=ProvisioningLimits(notification_bytes_max=150))
    asker.service.store(S1, 9, size=60)
    attributes = asker.attributes(f"{LIST}?sequenceNo=2,5,9")
    assert numbers_of(attributes) == [2]
    assert attributes["nextSequenceNo"] == 5


def test_the_limits_are_those_of_the_whole_tree() -> None:
    asker = stored(4, limits=ProvisioningLimits(notifications_max=5))
    asker.service.store(S2, 4)
    tree = asker.get("?scopeType=BASE_ALL&attributes=notifications")
    lists = [
        cast("Dict", each["attributes"]) for each in cast("list[Dict]", tree["NotificationList"])
    ]
    assert [numbers_of(each) for each in lists] == [[1, 2, 3, 4], [1]]
    assert lists[1]["nextSequenceNo"] == 2
    asker.service.store(S1, 4)
    tree = asker.get("?scopeType=BASE_ALL&attributes=notifications")
    lists = [
        cast("Dict", each["attributes"]) for each in cast("list[Dict]", tree["NotificationList"])
    ]
    assert [each.get("nextSequenceNo") for each in lists] == [6, 1]
    assert lists[1]["notifications"] == []


def test_what_is_dropped_while_it_is_read_is_told() -> None:
    asker = stored(10)
    asker.service.drop_while_reading = 6
    attributes = asker.attributes(f"{LIST}?fromSequenceNo=3")
    assert numbers_of(attributes) == [6, 7, 8, 9, 10]
    assert attributes["goneSequenceNos"] == [{"first": 3, "last": 5}]
    again = stored(10)
    again.service.drop_while_reading = 6
    assert again.ask("GET", f"{LIST}?fromSequenceNo=3&toSequenceNo=4").status == 410


def test_what_was_read_in_time_is_not_gone() -> None:
    asker = stored(10)
    asker.service.drop_after_reading = 6
    attributes = asker.attributes(f"{LIST}?fromSequenceNo=3&toSequenceNo=5")
    assert numbers_of(attributes) == [3, 4, 5]
    assert "goneSequenceNos" not in attributes
    assert attributes["oldestSequenceNo"] == 6


def test_what_is_not_durable_yet_is_not_there_yet() -> None:
    asker = stored(3)
    del asker.service.kept[S1][EPOCH].texts[3]
    assert asker.ask("GET", f"{LIST}?sequenceNo=3").status == 404
    attributes = asker.attributes(f"{LIST}?fromSequenceNo=3")
    assert numbers_of(attributes) == []
    assert not {"goneSequenceNos", "notificationsTruncated"} & attributes.keys()


def test_a_subscription_that_ends_while_it_is_read() -> None:
    asker = stored(3)
    reads = asker.service.reads
    original = asker.service.subscription
    asker.service.subscription = (  # type: ignore[method-assign] # a fake of a fake
        lambda subscription_id: None if asker.service.reads > reads else original(subscription_id)
    )
    assert asker.ask("GET", LIST).status == 404


def test_a_tree_leaves_out_what_ends_while_it_is_read() -> None:
    asker = stored(3)
    original = asker.service.subscription
    asker.service.subscription = (  # type: ignore[method-assign] # a fake of a fake
        lambda subscription_id: None if subscription_id == S1 else original(subscription_id)
    )
    tree = asker.get("?scopeType=BASE_ALL&attributes=notifications")
    assert [each["id"] for each in cast("list[Dict]", tree["NotificationList"])] == ["2"]


# --- epochs ---------------------------------------------------------------------------------------


def restarted(profile: str = "seed") -> Asker:
    """Two epochs: 6 to 10 of the first are left, 1 to 4 of the second."""
    asker = stored(10, dropped_below=6, profile=profile)
    asker.service.restart(S1)
    asker.service.store(S1, 4)
    return asker


LATER = EPOCH + LENGTH_MS


def test_the_present_epoch_is_meant() -> None:
    attributes = restarted().attributes(LIST)
    assert numbers_of(attributes) == [1, 2, 3, 4]
    assert (attributes["epoch"], attributes["epochs"]) == (LATER, [EPOCH, LATER])
    assert "nextEpoch" not in attributes


def test_an_earlier_epoch_can_be_asked_for() -> None:
    asker = restarted()
    attributes = asker.attributes(f"{LIST}?epoch={EPOCH}&fromSequenceNo=3")
    assert numbers_of(attributes) == [6, 7, 8, 9, 10]
    assert attributes["goneSequenceNos"] == [{"first": 3, "last": 5}]
    assert (attributes["epoch"], attributes["nextEpoch"]) == (EPOCH, LATER)
    assert (attributes["oldestSequenceNo"], attributes["newestSequenceNo"]) == (6, 10)
    assert attributes["lastSequenceNo"] == 4
    above = asker.attributes(f"{LIST}?epoch={EPOCH}&fromSequenceNo=11")
    assert numbers_of(above) == []
    assert asker.ask("GET", f"{LIST}?epoch={EPOCH}&sequenceNo=11").status == 404


def test_an_epoch_of_which_nothing_is_left() -> None:
    asker = restarted()
    asker.service.drop(S1, 99)
    assert asker.ask("GET", f"{LIST}?epoch={EPOCH}&fromSequenceNo=3").status == 410
    assert asker.ask("GET", f"{LIST}?epoch={EPOCH}&sequenceNo=10").status == 410
    attributes = asker.attributes(f"{LIST}?epoch={EPOCH}")
    assert attributes["notifications"] == []
    assert (attributes["oldestSequenceNo"], attributes["newestSequenceNo"]) == (0, 10)


def test_a_span_of_time_is_about_all_epochs() -> None:
    asker = restarted()
    attributes = asker.attributes(f"{LIST}?toEventTime=2030-01-01T00:00:00Z")
    assert numbers_of(attributes) == [6, 7, 8, 9, 10, 1, 2, 3, 4]
    assert attributes["goneSequenceNos"] == [{"epoch": EPOCH, "first": 1, "last": 5}]
    assert attributes["epoch"] == LATER
    asker.service.drop(S1, 99)
    # The first epoch ended at 22:30:00; what happened in it was before.
    query = f"{LIST}?fromEventTime=2023-11-14T22:29:59.999Z"
    assert asker.attributes(query)["goneSequenceNos"] == [{"epoch": EPOCH, "first": 1, "last": 10}]
    query = f"{LIST}?fromEventTime=2023-11-14T22:30:00Z"
    assert "goneSequenceNos" not in asker.attributes(query)


def test_spans_without_epochs_tell_of_the_present_one() -> None:
    asker = restarted("strict")
    asker.service.drop(S1, 3, epoch=list(asker.service.kept[S1])[-1])
    attributes = asker.attributes(f"{LIST}?toEventTime=2030-01-01T00:00:00Z")
    assert attributes["goneSequenceNos"] == [{"first": 1, "last": 2}]


def test_a_large_tree_stays_small() -> None:
    asker = Asker()
    for number in range(1_000):
        asker.put(f"/NtfSubscriptionControl={number}", notificationRecipientAddress="http://h/x")
    body = asker.ask("GET", "?scopeType=BASE_ALL").body
    assert len(cast("Dict", json.loads(body))["NotificationList"]) == 1_000  # type: ignore[arg-type] # an array
    assert len(body) < 1_500_000


# --- filter -----------------------------------------------------------------------------------


def objects(asker: Asker, condition: str, further: str = "") -> list[str]:
    """Names of the objects that are shown, as a flat array."""
    query = f"?scopeType=BASE_ALL&filter={quote(condition)}{further}"
    response = asker.ask("GET", query, Accept="application/vnd.3gpp.object-tree-flat+json")
    assert response.status == 200, response.body
    return [each["objectInstance"].rpartition(",")[2] for each in json.loads(response.body)]


def filtered() -> Asker:
    asker = Asker()
    for name, wanted in (("1", "notifyNewAlarm"), ("2", "notifyMOICreation")):
        asker.put(
            f"/NtfSubscriptionControl={name}",
            notificationRecipientAddress="http://x.example",
            notificationTypes=[wanted],
        )
    path = "/NtfSubscriptionControl=2/HeartbeatControl=1"
    assert asker.put(path, heartbeatNtfPeriod=30).status == 201
    return asker


ALARMS = "/ManagedElement/NtfSubscriptionControl[attributes/notificationTypes='notifyNewAlarm']"


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("//NtfSubscriptionControl", ["NtfSubscriptionControl=1", "NtfSubscriptionControl=2"]),
        ("//NtfSubscriptionControl[id='2']", ["NtfSubscriptionControl=2"]),
        (
            "/ManagedElement/NtfSubscriptionControl[attributes/notificationTypes='notifyNewAlarm']",
            ["NtfSubscriptionControl=1"],
        ),
        ("//attributes[heartbeatNtfPeriod > 10]", ["HeartbeatControl=1"]),
        ("//*[objectClass='NotificationList'][1]", ["NotificationList=1"]),
        ("//Nothing", []),
        ("1 = 2", []),
    ],
)
def test_a_filter_selects_objects(condition: str, shown: list[str]) -> None:
    assert objects(filtered(), condition) == shown


def test_a_filter_sees_attributes_that_are_not_to_be_shown() -> None:
    condition = "//NtfSubscriptionControl[attributes/lastSequenceNo = 0]"
    shown = objects(filtered(), condition, "&attributes=operationalState")
    assert shown == ["NtfSubscriptionControl=1", "NtfSubscriptionControl=2"]


def test_a_filter_that_is_always_true_selects_everything_in_scope() -> None:
    assert len(objects(filtered(), "1 = 1")) == 6


def test_a_tree_shows_where_selected_objects_are() -> None:
    condition = quote("//HeartbeatControl")
    response = filtered().ask("GET", f"?scopeType=BASE_ALL&filter={condition}")
    (subscription,) = json.loads(response.body)["NtfSubscriptionControl"]
    assert "attributes" not in subscription
    assert subscription["HeartbeatControl"]["attributes"] == {"heartbeatNtfPeriod": 30}


def test_a_filter_that_selects_nothing_of_a_tree_is_answered_with_204() -> None:
    response = filtered().ask("GET", "?scopeType=BASE_ALL&filter=//Nothing")
    assert response.status == 204


@pytest.mark.parametrize("condition", ["((", "a) or (b", "$x", "id('1')", "a == b", "//a" * 2_000])
def test_filters_that_are_refused(condition: str) -> None:
    response = filtered().ask("GET", f"?scopeType=BASE_ALL&filter={quote(condition)}")
    assert response.status == 400
    assert b"invalidFilter" in response.body
