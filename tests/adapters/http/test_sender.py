"""Notifications posted to recipients of every kind."""

from __future__ import annotations

from ipaddress import ip_network

import anyio
import pytest

from mnstream.adapters.http import (
    AllowedNetworks,
    HttpSender,
    NotificationReceiver,
    Signature,
    listen,
    port_of,
)
from mnstream.adapters.http.sender import read_retry_after
from mnstream.core.notification_events import HeartbeatReceived
from mnstream.core.notification_values import Received, SubscriptionId
from mnstream.ports.recipient import (
    Delivered,
    Gone,
    NotDelivered,
    NotificationSender,
    PostOutcome,
    Rejected,
)
from tests.adapters.http.helpers import answering, by_hand, plain

pytestmark = pytest.mark.anyio

NOW_MS = 784_111_777_000  # Sun, 06 Nov 1994 08:49:37 GMT
TEXT = b'{"sequenceNo":1,"notificationType":"notifyNewAlarm"}'
HERE = AllowedNetworks(loopback=True)
SIGNATURE = Signature(bytes(24))
DAY_MS = 86_400_000


def sender(allowed: AllowedNetworks | None = HERE, **options: object) -> HttpSender:
    return HttpSender(wall_ms=lambda: NOW_MS, allowed=allowed, **options)  # type: ignore[arg-type]  # the caller's keywords


async def outcome_of(*answers: bytes, post_ms: int = 5_000) -> PostOutcome:
    async with by_hand(*answers) as server:
        poster: NotificationSender = sender(post_ms=post_ms)
        address = f"http://127.0.0.1:{server.port}/sink?token=secret"
        outcome = await poster.post(address, TEXT, message_id="s/1/1")
        await poster.aclose()
        assert "secret" not in str(outcome)
        return outcome


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (plain(200, b"thanks"), Delivered()),
        (plain(202), Delivered()),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Delivered()),
        (plain(299), Delivered()),
        (plain(200, b"x" * 70_000), Delivered()),  # more than anybody reads, but it says 200
        (plain(500, b"x" * 70_000), NotDelivered("HTTP status 500")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + plain(204), Delivered()),
        (plain(300), Rejected("HTTP status 300, which is not followed")),
        (plain(307, b"", b"Location: /y"), Rejected("HTTP status 307, which is not followed")),
        (plain(400), Rejected("HTTP status 400")),
        (plain(401), Rejected("HTTP status 401")),
        (plain(404), Rejected("HTTP status 404")),
        (plain(413), Rejected("HTTP status 413")),
        (plain(404, b"", b"Retry-After: 5"), Rejected("HTTP status 404")),
        (plain(410), Gone()),
        (plain(408), NotDelivered("HTTP status 408")),
        (plain(425), NotDelivered("HTTP status 425")),
        (plain(429, b"", b"Retry-After: 5"), NotDelivered("HTTP status 429", 5_000)),
        (plain(500), NotDelivered("HTTP status 500")),
        (plain(501), NotDelivered("HTTP status 501")),
        (plain(503, b"", b"Retry-After: 0"), NotDelivered("HTTP status 503", 0)),
        (plain(503, b"", b"Retry-After: soon"), NotDelivered("HTTP status 503")),
        (plain(599), NotDelivered("HTTP status 599")),
        (b"", NotDelivered("the peer ended the stream instead of answering")),
    ],
)
async def test_what_answers_mean(answer: bytes, expected: PostOutcome) -> None:
    assert await outcome_of(answer) == expected


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"\x00\r\n\r\n"]
)
async def test_answers_that_are_none(answer: bytes) -> None:
    outcome = await outcome_of(answer)
    assert isinstance(outcome, NotDelivered | Rejected)


async def test_a_silent_recipient() -> None:
    answer = b"HTTP/1.1 204 "
    assert await outcome_of(answer, post_ms=100) == NotDelivered("no answer within 100 ms")


async def test_waiting_for_a_socket_takes_from_the_same_time() -> None:
    poster = sender(post_ms=100, per_origin_max=1)
    outcomes: list[PostOutcome] = []
    async with by_hand(b"HTTP/1.1 204 ") as server, anyio.create_task_group() as tasks:

        async def post() -> None:
            address = f"http://127.0.0.1:{server.port}"
            outcomes.append(await poster.post(address, TEXT, message_id="s/1/1"))

        for _ in range(3):
            tasks.start_soon(post)
    assert outcomes == [NotDelivered("no answer within 100 ms")] * 3
    # One of those that wait may get the socket in the last moment, but not one after the other.
    assert server.accepted < 3
    await poster.aclose()


async def test_nobody_there() -> None:
    listeners = await listen("127.0.0.1", 0)
    port = port_of(listeners)
    for listener in listeners:
        await listener.aclose()
    poster = sender()
    for host in (f"127.0.0.1:{port}", "nowhere.invalid"):
        outcome = await poster.post(f"http://{host}/a?token=secret", TEXT, message_id="1")
        assert isinstance(outcome, NotDelivered)
        assert outcome.reason.startswith(f"cannot reach {host}: ")
        assert "secret" not in outcome.reason
    await poster.aclose()
    assert await poster.post("http://127.0.0.1", TEXT, message_id="1") == NotDelivered(
        "the pool was closed by us"
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sink",
        "//host/sink",
        "ftp://host/sink",
        "ws://host/sink",
        "http://",
        "http:///sink",
        "http://user:secret@host/sink",
        "http://user@host/sink",
        "http://:secret@host/sink",
        "http://@host/sink",
        "http://host:70000/sink",
        "http://host:x/sink",
        "http://[::1/sink",
        "http://host/sink#secret",
        "http://host/a b",
        "http://host/\r\nX: y",
        "http://host/\xe4",
        "http://host/?a=\x7f",
        "http://h\xf6st/",
    ],
)
async def test_addresses_that_are_none(address: str) -> None:
    outcome = await sender().post(address, TEXT, message_id="1")
    assert outcome == Rejected("the recipient's address is no URL of http or https")


async def test_the_request() -> None:
    async with by_hand(plain(204)) as server:
        poster = sender()
        base = f"http://127.0.0.1:{server.port}"
        for path in ("/sink?a=%20b", "", "/sink/"):
            assert await poster.post(base + path, TEXT, message_id="s/1/1") == Delivered()
        await poster.aclose()
    assert server.accepted == 1
    head, _, body = server.heard[0].partition(b"\r\n\r\n")
    assert body == TEXT
    assert head.split(b"\r\n") == [
        b"POST /sink?a=%20b HTTP/1.1",
        b"Host: 127.0.0.1:%d" % server.port,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(TEXT),
    ]
    assert [each.split(b" ")[1] for each in server.heard] == [b"/sink?a=%20b", b"/", b"/sink/"]


async def test_a_socket_that_was_closed_is_no_failure() -> None:
    async with by_hand(plain(204), b"", plain(204)) as server:
        poster = sender()
        for _ in range(2):
            address = f"http://127.0.0.1:{server.port}/sink"
            assert await poster.post(address, TEXT, message_id="s/1/1") == Delivered()
        await poster.aclose()
    assert server.accepted == 2


async def test_signed_notifications_are_taken() -> None:
    taken: list[Received | HeartbeatReceived] = []

    async def accept(received: Received | HeartbeatReceived) -> None:
        taken.append(received)

    receiver = NotificationReceiver(
        accept,
        path="/sink",
        subscription_id=SubscriptionId("s"),
        signature=SIGNATURE,
        wall_ms=lambda: NOW_MS + 60_000,
    )
    async with answering(receiver) as port:
        signed, unsigned = sender(signature=SIGNATURE), sender()
        address = f"http://127.0.0.1:{port}/sink"
        assert await signed.post(address, TEXT, message_id="s 1") == Delivered()
        assert await unsigned.post(address, TEXT, message_id="s 1") == Rejected("HTTP status 401")
        await signed.aclose()
        await unsigned.aclose()
    assert [each.payload for each in taken if isinstance(each, Received)] == [TEXT]


@pytest.mark.parametrize(
    "allowed",
    [None, AllowedNetworks(), AllowedNetworks([ip_network("0.0.0.0/0"), ip_network("10.0.0.0/8")])],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001"])
async def test_recipients_on_this_machine(allowed: AllowedNetworks | None, host: str) -> None:
    async with by_hand(plain(204)) as server:
        outcome = await sender(allowed).post(f"http://{host}:{server.port}/", TEXT, message_id="1")
        assert outcome == Rejected("not in an allowed network")
        assert server.accepted == 0


async def test_only_an_address_that_was_judged_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that says something else when it is asked again, or two things at once."""
    asked: list[str] = []

    async def resolve(host: str, port: int, **options: object) -> list[object]:
        asked.append(host)
        hosts = ("169.254.169.254", "127.0.0.1") if len(asked) == 1 else ("169.254.169.254",)
        return [(2, 1, 6, "", (each, port)) for each in hosts]

    async with by_hand(plain(204)) as server:
        monkeypatch.setattr("mnstream.adapters.http.dialling.anyio.getaddrinfo", resolve)
        poster = sender()
        address = f"http://recipient.example:{server.port}/"
        assert await poster.post(address, TEXT, message_id="1") == Delivered()
        assert b"Host: recipient.example:%d\r\n" % server.port in server.heard[0]
        await poster.aclose()
        rejected = Rejected("not in an allowed network")
        assert await sender().post(address, TEXT, message_id="1") == rejected
    assert asked == ["recipient.example"] * 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        (" 7 ", 7_000),
        ("86401", DAY_MS),
        ("9" * 12, DAY_MS),
        ("9" * 5_000, None),
        ("-1", None),
        ("1.5", None),
        ("\u0664", None),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10_000),
        ("Sun, 06 Nov 1994 08:49:47 -0000", 10_000),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10_000),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0),
        ("Sun, 06 Nov 1995 08:49:27 GMT", DAY_MS),
        ("Sun, 99 Nov 1994 08:49:47 GMT", None),
        ("yesterday", None),
        ("1, 2", None),
    ],
)
def test_retry_after(value: str | None, expected: int | None) -> None:
    assert read_retry_after(value, wall_ms=NOW_MS) == expected
