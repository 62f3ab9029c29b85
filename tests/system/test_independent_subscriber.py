"""A consumer that shares no code with this project misses notifications and fetches them."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system import independent_subscriber
from tests.system.independent_subscriber import (
    FAIL,
    FORGET,
    HANG_UP,
    REJECT,
    TAKE,
    IndependentSubscriber,
    Members,
    one,
    take,
)
from tests.system.notification_kit import LINE_TYPE, Service

CREATION, DELETION = "notifyMOICreation", "notifyMOIDeletion"
OWN = 2
"""The creations of the subscription and of its HeartbeatControl are its first notifications."""


@contextmanager
def subscribed(folder: Path, *options: str) -> Generator[tuple[Service, IndependentSubscriber]]:
    notifier = Service(
        folder, "notify", "--listen", "127.0.0.1:0", "--data", str(folder / "data"),
        "--emit-from", "-", *options,
    )  # fmt: skip
    with (
        notifier.running(),
        IndependentSubscriber(notifier.ready["url"], "independent") as consumer,
    ):
        created = consumer.subscribe(heartbeat_s=1)
        assert created.status == 201
        assert created.headers["location"].endswith("/NtfSubscriptionControl=independent")
        consumer.wait_until(lambda: len(consumer.seen.kept) == OWN, "its own creation")
        yield notifier, consumer


def changes(first: int, last: int) -> list[Members]:
    return [
        {
            "notificationType": LINE_TYPE,
            "href": f"NRCellDU={number}",
            "attributeListValueChanges": [{"number": number}],
        }
        for number in range(first, last + 1)
    ]


def creation(number: int) -> Members:
    return {
        "notificationType": CREATION,
        "href": f"NRCellDU={number}",
        "attributeList": {"number": number},
    }


def numbers(consumer: IndependentSubscriber) -> list[int]:
    """Give the numbers of the changes that it knows of, in the order of sequenceNo."""
    return [
        each["attributeListValueChanges"][0]["number"]
        for each in consumer.notifications()
        if each["notificationType"] == LINE_TYPE
    ]


def test_it_shares_no_code_with_this_project() -> None:
    tree = ast.parse(Path(independent_subscriber.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [n.name for n in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names


def test_it_fetches_by_number_what_it_missed(tmp_path: Path) -> None:
    last = 60

    def misbehave(members: Members, attempt: int) -> str:
        number = members["attributeListValueChanges"][0]["number"]
        if number == last:
            return FORGET  # only a heartbeat tells that there was one more
        once = {5: FAIL, 9: HANG_UP}.get(number % 10, TAKE)
        for_good = {3: REJECT, 6: FORGET, 7: FORGET}.get(number % 10)
        return for_good or (once if attempt == 1 else TAKE)

    with subscribed(tmp_path) as (notifier, consumer):
        consumer.misbehave = misbehave
        notifier.say(*changes(1, last))
        missed = [n for n in range(1, last) if n % 10 in (3, 6, 7)] + [last]
        consumer.wait_until(
            lambda: consumer.holes() == [OWN + n for n in missed], "the heartbeat after the last"
        )
        seen = consumer.seen
        repeated = {n for n in seen.posts if seen.posts.count(n) > 1}
        assert repeated == {OWN + n for n in range(1, last) if n % 10 in (5, 9)}
        consumer.fetch_listed(OWN + n for n in missed if n % 10 == 3)
        for n in missed:
            if n % 10 == 6:
                consumer.fetch_range(OWN + n, OWN + n + 1)
        consumer.fetch_range(OWN + last, OWN + last)
        assert consumer.holes() == []
        assert numbers(consumer) == [*range(1, last + 1)]
        taken = next(iter(seen.kept))
        stored = one(consumer.stored(f"?sequenceNo={taken}"), "NotificationList=independent")
        assert stored["notifications"] == [json.loads(seen.kept[taken])], "as it was delivered"
        attributes = consumer.attributes()
        assert attributes["lastSequenceNo"] == OWN + last
        assert attributes["operationalState"] == "ENABLED"
        assert attributes["availabilityStatus"] == []


def test_what_is_not_stored_any_more_is_gone_and_not_empty(tmp_path: Path) -> None:
    with subscribed(tmp_path, "--store-max", "20") as (notifier, consumer):
        for last in range(10, 51, 10):  # little enough at once to be delivered before it is gone
            notifier.say(*changes(last - 9, last))
            consumer.wait_until(lambda: OWN + last in consumer.seen.kept, "all of it")  # noqa: B023
        for query in ("?sequenceNo=1", "?fromSequenceNo=1&toSequenceNo=32"):
            gone = consumer.stored(query)
            assert gone.status == 410, gone.body
            assert gone.json["attributes"]["oldestSequenceNo"] == 33
        part = consumer.stored("?fromSequenceNo=31&toSequenceNo=34")
        assert part.status == 200
        attributes = one(part, "NotificationList=independent")
        assert attributes["goneSequenceNos"] == [{"first": 31, "last": 32}]
        assert [each["sequenceNo"] for each in attributes["notifications"]] == [33, 34]
        assert consumer.stored("?sequenceNo=1000").status == 404, "not there yet is not gone"


def test_it_changes_what_it_wants_and_hears_of_its_end_last(tmp_path: Path) -> None:
    with subscribed(tmp_path) as (notifier, consumer):
        consumer.misbehave = take
        patch: dict[str, Any] = {"attributes": {"notificationTypes": [CREATION, DELETION]}}
        media_type = "application/merge-patch+json"
        answer = consumer.ask("PATCH", consumer.subscription, patch, media_type)
        assert answer.status == 200, answer.body
        assert consumer.attributes()["notificationTypes"] == [CREATION, DELETION]
        notifier.say(*changes(1, 5), creation(6), *changes(7, 9), creation(10))
        consumer.wait_until(lambda: len(consumer.seen.kept) == OWN + 2, "what is wanted")
        deleted = consumer.ask("DELETE", consumer.subscription)
        assert deleted.status == 204, deleted.body
        seen = consumer.notifications()
        assert [each["sequenceNo"] for each in seen] == [*range(1, OWN + 5)], "no number is spent"
        assert [each["notificationType"] for each in seen[OWN:]] == [CREATION] * 2 + [DELETION] * 2
        assert seen[-1]["href"].endswith("/NtfSubscriptionControl=independent")
        assert consumer.ask("GET", consumer.subscription).status == 404
        assert consumer.stored().status == 404
