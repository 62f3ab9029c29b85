"""A consumer's way to producers of notifications, good and bad."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mnstream.adapters.http import HttpLimits, HttpProvider
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.core.errors import NotPermitted, OperationError, Unavailable, UnknownObject
from mnstream.core.notification_values import (
    UNTOLD,
    Epoch,
    HeartbeatControl,
    StoredRange,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.ports.channel import Broken, Closed
from mnstream.ports.notification_provider import NotificationProvider
from mnstream.ports.transport import Peer
from tests.adapters.http.helpers import answering, by_hand, plain

pytestmark = pytest.mark.anyio

BASE = "/3GPPManagement/ProvMnS/ManagedElement=1"
OURS = SubscriptionId("s1")
SETTINGS = SubscriptionSettings(notification_recipient_address="http://consumer.example/sink")
HEARTBEAT = HeartbeatControl(heartbeat_control_id="1", heartbeat_ntf_period_s=30)
LIMITS = HttpLimits(request_ms=200, body_bytes_max=1_000)
ONE, TWO = Epoch(1_000), Epoch(2_000)


class Producer:
    """A producer with two epochs, of which the first has lost its beginning."""

    def __init__(
        self, *, epochs: dict[Epoch, range], tell_epochs: bool = True, has_state: bool = False
    ) -> None:
        self.epochs = epochs
        self.has_state = has_state
        self.tell_epochs = tell_epochs
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []

    async def __call__(self, request: HttpRequest, peer: Peer) -> HttpResponse:
        self.asked.append(f"{request.method} {request.target.removeprefix(BASE)}")
        path, query = urlsplit(request.target).path, parse_qs(urlsplit(request.target).query)
        if request.method == "PUT":
            status = 200 if path in self.objects else 201
            written = json.loads(request.body)
            if self.has_state and "NtfSubscription" in path and "Heartbeat" not in path:
                written["attributes"].setdefault("administrativeState", "LOCKED")
            self.objects[path] = written
            return self._json(status, written)
        if request.method == "PATCH":
            assert request.header("Content-Type") == "application/merge-patch+json"
            self.objects[path]["attributes"] |= json.loads(request.body)["attributes"]
            return HttpResponse(status=204)
        if request.method == "GET" and "NtfSubscription" in path:
            found = self.objects.get(path)
            return HttpResponse(status=404) if found is None else self._json(200, found)
        if request.method == "DELETE":
            known = self.objects.pop(path, None) is not None
            return HttpResponse(status=204 if known else 404)
        epoch = Epoch(int(query.get("epoch", [str(max(self.epochs))])[0]))
        if epoch not in self.epochs:
            return HttpResponse(status=404)
        return self._list(epoch, query)

    def _list(self, epoch: Epoch, query: dict[str, list[str]]) -> HttpResponse:
        kept = self.epochs[epoch]
        later = sorted(each for each in self.epochs if each > epoch)
        attributes: dict[str, object] = {
            "oldestSequenceNo": kept.start if kept else 0,
            "newestSequenceNo": kept.stop - 1,
        }
        if self.tell_epochs:
            attributes |= {"epoch": epoch, "epochs": sorted(self.epochs)}
            attributes |= {"nextEpoch": later[0]} if later else {}
        if "attributes" in query:
            return self._json(200, {"attributes": attributes})
        first, last = int(query["fromSequenceNo"][0]), int(query["toSequenceNo"][0])
        numbers = [number for number in kept if first <= number <= last]
        if not numbers:
            return self._json(410, {"attributes": attributes, "error": {"errorInfo": "gone"}})
        told = {"epoch": epoch} if self.tell_epochs else {}
        attributes["notifications"] = [
            {"sequenceNo": number, "notificationType": "notifyNewAlarm", **told}
            for number in numbers
        ]
        return self._json(200, {"id": "s1", "attributes": attributes})

    @staticmethod
    def _json(status: int, value: object) -> HttpResponse:
        return HttpResponse(status=status, body=json.dumps(value).encode())


def provider(port: int, **options: object) -> HttpProvider:
    return HttpProvider(f"http://127.0.0.1:{port}{BASE}/", **options)  # type: ignore[arg-type]  # the caller's keywords


async def test_subscribing_and_unsubscribing() -> None:
    producer = Producer(epochs={ONE: range(1, 1)})
    async with answering(producer) as port:
        client: NotificationProvider = provider(port)
        assert await client.subscribe(OURS, SETTINGS, None)
        assert not await client.subscribe(OURS, SETTINGS, HEARTBEAT)
        await client.unsubscribe(OURS)
        await client.unsubscribe(OURS)
        await client.aclose()
        with pytest.raises(Closed):
            await client.unsubscribe(OURS)
    assert producer.asked == [
        "GET /NtfSubscriptionControl=s1",
        "PUT /NtfSubscriptionControl=s1",
        "GET /NtfSubscriptionControl=s1",
        "PUT /NtfSubscriptionControl=s1",
        "PUT /NtfSubscriptionControl=s1/HeartbeatControl=1",
        "DELETE /NtfSubscriptionControl=s1",
        "DELETE /NtfSubscriptionControl=s1",
    ]


async def test_a_producer_that_locks_what_is_new_is_asked_to_unlock_it() -> None:
    producer = Producer(epochs={ONE: range(1, 1)}, has_state=True)
    path = f"{BASE}/NtfSubscriptionControl=s1"
    async with answering(producer) as port:
        client = provider(port)
        assert await client.subscribe(OURS, SETTINGS, None)
        assert producer.objects[path]["attributes"]["administrativeState"] == "UNLOCKED"
        first, producer.asked = producer.asked, []
        assert not await client.subscribe(OURS, SETTINGS, None)
        assert producer.objects[path]["attributes"]["administrativeState"] == "UNLOCKED"
        await client.aclose()
    name = "/NtfSubscriptionControl=s1"
    assert first == [f"GET {name}", f"PUT {name}", f"PATCH {name}"]
    # Written again it is never locked in between: what happens then would have no number.
    assert producer.asked == [f"GET {name}", f"PUT {name}"]


async def test_a_subscription_that_is_to_be_locked_stays_so() -> None:
    producer = Producer(epochs={ONE: range(1, 1)}, has_state=True)
    path = f"{BASE}/NtfSubscriptionControl=s1"
    async with answering(producer) as port:
        client = provider(port)
        for settings, state in (
            (replace(SETTINGS, locked=True), "LOCKED"),
            (SETTINGS, "UNLOCKED"),
            (replace(SETTINGS, locked=True), "LOCKED"),
        ):
            await client.subscribe(OURS, settings, None)
            assert producer.objects[path]["attributes"]["administrativeState"] == state
        await client.aclose()
    assert not any(each.startswith("PATCH") for each in producer.asked)


async def test_an_unlocking_that_is_refused() -> None:
    locked = json.dumps({"id": "s1", "attributes": {"administrativeState": "LOCKED"}}).encode()
    async with by_hand(plain(404), plain(201, locked), plain(403)) as server:
        client = provider(server.port)
        with pytest.raises(NotPermitted):
            await client.subscribe(OURS, SETTINGS, None)
        await client.aclose()


async def test_fetching() -> None:
    producer = Producer(epochs={ONE: range(5, 10), TWO: range(1, 4)})
    async with answering(producer) as port:
        client = provider(port)
        fetched = await client.fetch(OURS, ONE, 3, 7)
        assert [each.number.sequence_no for each in fetched.notifications] == [5, 6, 7]
        assert fetched.notifications[0].payload == (
            b'{"sequenceNo": 5, "notificationType": "notifyNewAlarm", "epoch": 1000}'
        )
        one = StoredRange(epoch=ONE, oldest_sequence_no=5, newest_sequence_no=9, next_epoch=TWO)
        two = StoredRange(epoch=TWO, oldest_sequence_no=1, newest_sequence_no=3)
        assert fetched.window == one
        gone = await client.fetch(OURS, ONE, 1, 4)
        assert (gone.notifications, gone.window) == ((), one)
        only_window = await client.fetch(OURS, TWO, 1, 0)
        assert (only_window.notifications, only_window.window) == ((), two)
        with pytest.raises(UnknownObject):
            await client.fetch(OURS, Epoch(3), 1, 4)
        await client.aclose()


async def test_the_oldest_epoch_is_found() -> None:
    producer = Producer(epochs={ONE: range(5, 10), TWO: range(1, 4)})
    window = (
        "attributes=oldestSequenceNo,newestSequenceNo,numberOfStoredNotifications"
        ",epoch,epochs,nextEpoch"
    )
    async with answering(producer) as port:
        client = provider(port)
        assert (await client.fetch(OURS, UNTOLD, 1, 0)).window.epoch == ONE
        fetched = await client.fetch(OURS, UNTOLD, 1, 9)
        assert [each.number.sequence_no for each in fetched.notifications] == [5, 6, 7, 8, 9]
        assert fetched.window.next_epoch == TWO
        del producer.epochs[ONE]
        assert (await client.fetch(OURS, UNTOLD, 1, 0)).window.epoch == TWO
        await client.aclose()
    path = "GET /NotificationList=s1?"
    assert producer.asked == [
        f"{path}{window}",
        f"{path}{window}&epoch=1000",
        f"{path}{window}",
        f"{path}epoch=1000&fromSequenceNo=1&toSequenceNo=9",
        f"{path}{window}",
    ]


async def test_a_producer_that_tells_no_epochs() -> None:
    producer = Producer(epochs={ONE: range(1, 4)}, tell_epochs=False)
    async with answering(producer) as port:
        client = provider(port)
        window = StoredRange(epoch=UNTOLD, oldest_sequence_no=1, newest_sequence_no=3)
        assert (await client.fetch(OURS, UNTOLD, 1, 0)).window == window
        fetched = await client.fetch(OURS, UNTOLD, 2, 3)
        assert [each.number.sequence_no for each in fetched.notifications] == [2, 3]
        assert fetched.window == window
        assert not any("epoch=" in each for each in producer.asked)
        await client.aclose()


@pytest.mark.parametrize(
    ("answer", "kind", "temporary"),
    [
        (plain(302, b"", b"Location: /x"), OperationError, False),
        (plain(401), NotPermitted, False),
        (plain(403), NotPermitted, False),
        (plain(404), UnknownObject, False),
        (plain(405), OperationError, False),
        (plain(501), OperationError, False),
        (plain(500), Unavailable, True),
        (plain(503, b"", b"Retry-After: 5"), Unavailable, True),
        (plain(429), Unavailable, True),
    ],
)
async def test_refusals(answer: bytes, kind: type[OperationError], temporary: bool) -> None:
    async with by_hand(answer) as server:
        client = provider(server.port)
        with pytest.raises(kind) as caught:
            await client.fetch(OURS, ONE, 1, 2)
        assert caught.value.temporary == temporary
        with pytest.raises(kind):
            await client.subscribe(OURS, SETTINGS, None)
        await client.aclose()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "instead of answering"),
        (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 ", "no answer within 200 ms"),
        (plain(200, b" " * 1_001), "more than 1000 bytes"),
    ],
)
async def test_answers_that_are_none(answer: bytes, message: str) -> None:
    async with by_hand(answer) as server:
        client = provider(server.port, limits=LIMITS)
        with pytest.raises(Broken, match=message):
            await client.fetch(OURS, ONE, 1, 2)
        await client.aclose()


@pytest.mark.parametrize(
    "answer", [plain(200), plain(204), plain(200, b"<html>"), plain(200, b'{"attributes":{}}')]
)
async def test_answers_that_are_of_no_use(answer: bytes) -> None:
    async with by_hand(answer) as server:
        client = provider(server.port, limits=LIMITS)
        with pytest.raises(Unavailable, match="cannot be understood"):
            await client.fetch(OURS, ONE, 1, 2)
        await client.aclose()


@pytest.mark.parametrize("status", [403, 404, 405, 501])
async def test_a_producer_without_heartbeats_is_subscribed_to(status: int) -> None:
    async with by_hand(plain(404), plain(201), plain(status)) as server:
        client = provider(server.port)
        assert await client.subscribe(OURS, SETTINGS, HEARTBEAT)
        await client.aclose()


async def test_a_heartbeat_that_is_refused_for_the_moment() -> None:
    async with by_hand(plain(404), plain(201), plain(503)) as server:
        client = provider(server.port)
        with pytest.raises(Unavailable):
            await client.subscribe(OURS, SETTINGS, HEARTBEAT)
        await client.aclose()


async def test_further_headers_are_asked_for_each_time() -> None:
    tokens = iter(["a", "b"])

    async def headers() -> tuple[tuple[str, str], ...]:
        return (("Authorization", f"Bearer {next(tokens)}"),)

    async with by_hand(plain(204)) as server:
        client = provider(server.port, headers=headers)
        await client.unsubscribe(OURS)
        await client.unsubscribe(OURS)
        await client.aclose()
        for heard, token in zip(server.heard, (b"a", b"b"), strict=True):
            assert b"\r\nAuthorization: Bearer %s\r\n" % token in heard


async def test_headers_that_cannot_be_had_are_as_if_nobody_answered() -> None:
    async def headers() -> tuple[tuple[str, str], ...]:
        raise ConnectionError("the token endpoint refuses client_secret=hush")

    async with by_hand(plain(204)) as server:
        client = provider(server.port, headers=headers)
        with pytest.raises(Broken, match=r"source of headers failed: ConnectionError$"):
            await client.unsubscribe(OURS)
        await client.aclose()


async def test_a_socket_that_was_closed_is_no_failure() -> None:
    async with by_hand(plain(204), b"", plain(204)) as server:
        client = provider(server.port)
        await client.unsubscribe(OURS)
        await client.unsubscribe(OURS)
        await client.aclose()
        assert server.accepted == 2


async def test_a_url_that_is_none() -> None:
    for url in ("ftp://h/x", "http://user@h/x", "h"):
        with pytest.raises(ValueError, match="http"):
            HttpProvider(url)
