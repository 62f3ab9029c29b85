"""What producers post, good and bad."""

from __future__ import annotations

import json

import pytest
import trio

from mnstream.adapters.http import RECEIVER_LIMITS, NotificationReceiver, RequestServer, Signature
from mnstream.core.errors import Unavailable
from mnstream.core.notification_events import HeartbeatReceived
from mnstream.core.notification_values import Epoch, Number, Received, SubscriptionId
from tests.adapters.http.helpers import Counts, rest_of, statuses, stream_pair

JSON = b"Content-Type: application/json"
OURS = SubscriptionId("s1")
NOW_S = 1_700_000_000
SIGNATURE = Signature(bytes(24))
NUMBER = Number(subscription_id=OURS, epoch=Epoch(5), sequence_no=7)


def text(**changes: object) -> bytes:
    members: dict[str, object] = {
        "sequenceNo": 7,
        "subscriptionId": "s1",
        "epoch": 5,
        "notificationType": "notifyNewAlarm",
        "eventTime": "1970-01-01T00:00:01Z",
        **changes,
    }
    return json.dumps({key: value for key, value in members.items() if value is not None}).encode()


def post(body: bytes, *headers: bytes, path: str = "/a/sink", method: str = "POST") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers or (JSON,))
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode()
    return head + lines + b"\r\n" + body


class Taker:
    """Takes everything, or nothing."""

    def __init__(self) -> None:
        self.taken: list[Received | HeartbeatReceived] = []
        self.full = False

    async def __call__(self, received: Received | HeartbeatReceived) -> None:
        if self.full:
            raise Unavailable("the queue is full")
        self.taken.append(received)


async def converse(
    data: bytes, taker: Taker, *, counts: Counts | None = None, signed: bool = False
) -> bytes:
    receiver = NotificationReceiver(
        taker,
        path="/a/sink",
        subscription_id=OURS,
        signature=SIGNATURE if signed else None,
        wall_ms=lambda: NOW_S * 1000,
    )
    server = RequestServer(receiver, limits=RECEIVER_LIMITS, observer=counts or Counts())
    client, stream = stream_pair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(server.serve_stream, stream)
        await client.send(data)
        await client.send_eof()
        return await rest_of(client)


@pytest.mark.trio
@pytest.mark.parametrize(
    "request_",
    [
        post(text()),
        post(text(), b"content-type: APPLICATION/JSON; charset=utf-8"),
        post(text(), b"Content-Type: application/yang-data+json"),
        post(text(), path="/a/sink/"),
        post(text(), path="/a/sink?token=1"),
        post(text(), path="http://x/a/sink"),
    ],
)
async def test_a_notification_is_taken(request_: bytes) -> None:
    taker = Taker()
    answer = await converse(request_, taker)
    assert statuses(answer) == [204]
    assert answer.endswith(b"\r\n\r\n")
    [received] = taker.taken
    assert received == Received(
        number=NUMBER,
        notification_type="notifyNewAlarm",
        event_time_ms=1_000,
        payload=text(),
        content=0,
    )


@pytest.mark.trio
async def test_the_payload_is_what_was_posted() -> None:
    """Not what a reader of JSON makes of it."""
    taker = Taker()
    body = text(value=None)[:-1] + b', "x" : 1.00,"y":"\\u00e4\xc3\xa4" }\n'
    await converse(post(body), taker)
    assert [each.payload for each in taker.taken if isinstance(each, Received)] == [body]


@pytest.mark.trio
async def test_who_names_no_subscription_means_ours() -> None:
    taker = Taker()
    answer = await converse(post(text(subscriptionId=None)) + post(text(subscriptionId="")), taker)
    assert statuses(answer) == [204, 204]
    assert [each.number for each in taker.taken if isinstance(each, Received)] == [NUMBER] * 2


@pytest.mark.trio
async def test_heartbeats() -> None:
    taker = Taker()
    body = text(notificationType="notifyHeartbeat", sequenceNo=None, lastSequenceNo=6)
    other = text(notificationType="notifyHeartbeat", subscriptionId="s2")
    assert statuses(await converse(post(body) + post(other), taker)) == [204, 404]
    assert taker.taken == [
        HeartbeatReceived(epoch=Epoch(5), last_sequence_no=6, last_event_time_ms=None)
    ]


@pytest.mark.trio
@pytest.mark.parametrize(
    ("data", "status", "cause"),
    [
        (post(text(), path="/a"), 404, "unknown_path"),
        (post(text(), path="/a/sink/x"), 404, "unknown_path"),
        (post(b"", path="/b", method="GET"), 404, "unknown_path"),
        (post(b"", method="GET"), 405, "unknown_method"),
        (post(text(), method="PUT"), 405, "unknown_method"),
        (post(text(), b"X: y"), 415, "unacceptable"),
        (post(text(), b"Content-Type: text/plain"), 415, "unacceptable"),
        (post(text(), JSON, b"Content-Encoding: gzip"), 415, "unacceptable"),
        (post(b""), 400, "malformed"),
        (post(b"{"), 400, "malformed"),
        (post(b"[]"), 400, "malformed"),
        (post(b"[" * 100_000), 400, "malformed"),
        (post(text(sequenceNo=None)), 400, "malformed"),
        (post(text(sequenceNo=-1)), 400, "malformed"),
        (post(text(notificationType=None)), 400, "malformed"),
        (post(text(subscriptionId="s2")), 404, "refused"),
        (post(text(x="y" * 1024 * 1024)), 413, "body_too_large"),
    ],
)
async def test_what_is_refused(
    data: bytes, status: int, cause: str, autojump_clock: trio.testing.MockClock
) -> None:
    taker, counts = Taker(), Counts()
    answer = await converse(data, taker, counts=counts)
    assert statuses(answer) == [status]
    assert counts.seen == {("http_requests_refused", cause): 1}
    assert isinstance(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["errorInfo"], str)
    assert (b"Allow: POST\r\n" in answer) == (status == 405)
    assert not taker.taken


@pytest.mark.trio
async def test_who_cannot_take_more_says_so() -> None:
    taker, counts = Taker(), Counts()
    taker.full = True
    answer = await converse(post(text()), taker, counts=counts)
    assert statuses(answer) == [503]
    assert b"Retry-After: 1\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": {"errorInfo": "unavailable: the queue is full"}
    }
    assert counts.seen == {("http_requests_refused", "refused"): 1}


@pytest.mark.trio
async def test_signatures() -> None:
    taker, counts = Taker(), Counts()

    def signed(now_s: int) -> list[bytes]:
        headers = SIGNATURE.headers("s1/5/7", text(), now_s=now_s)
        return [f"{name}: {value}".encode() for name, value in headers]

    data = post(text(), JSON, *signed(NOW_S)) + post(text()) + post(text(x=1), JSON, *signed(NOW_S))
    data += post(text(), JSON, *signed(NOW_S - 301)) + post(b"{", JSON)
    answer = await converse(data, taker, counts=counts, signed=True)
    assert statuses(answer) == [204, 401, 401, 401, 401]
    assert len(taker.taken) == 1
    assert counts.seen == {("http_requests_refused", "signature"): 4}


def test_signatures_need_a_clock() -> None:
    with pytest.raises(ValueError, match="clock"):
        NotificationReceiver(Taker(), path="/", subscription_id=OURS, signature=SIGNATURE)
