"""A consumer of notifications that shares nothing with mnstream: it has the standard library only.

It misses notifications on purpose, finds the holes by sequenceNo, and fetches what it missed from
NotificationList.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

TIMEOUT_S = 20.0
Members = dict[str, Any]

TAKE, REJECT, FAIL, HANG_UP, FORGET = "take", "reject", "fail", "hang up", "forget"
"""What can be done with a notification: 204; 400; 500; no answer; 204 and thrown away."""


def take(members: Members, attempt: int) -> str:
    """Take everything."""
    return TAKE


@dataclass(frozen=True)
class Answer:
    """What a producer answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Seen:
    """What a recipient knows; guarded by ``changed``."""

    kept: dict[int, bytes] = field(default_factory=dict[int, bytes])
    posts: list[int] = field(default_factory=list[int])
    heartbeats: list[Members] = field(default_factory=list[Members])
    changed: threading.Condition = field(default_factory=threading.Condition)


class IndependentSubscriber:
    """A recipient with a server of its own, and requests to the producer."""

    def __init__(self, base_url: str, subscription_id: str) -> None:
        """Subscribe at this object; ``misbehave`` says what to do with each attempt, from 1."""
        parts = urlsplit(base_url)
        assert parts.hostname is not None
        self._address = (parts.hostname, parts.port or 80)
        self._base = parts.path
        self._id = subscription_id
        self.seen = Seen()
        self.misbehave: Callable[[Members, int], str] = take
        self.fetched: dict[int, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what the producer is asked -------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: object = None, media_type: str = "application/json"
    ) -> Answer:
        """Send one request below the base object."""
        payload = None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        try:
            headers = {} if body is None else {"Content-Type": media_type}
            connection.request(method, f"{self._base}{path}", payload, headers)
            answer = connection.getresponse()
            # One header of each name is enough here.
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, named, answer.read())
        finally:
            connection.close()

    @property
    def subscription(self) -> str:
        """Path of the subscription below the base object."""
        return f"/NtfSubscriptionControl={self._id}"

    def subscribe(self, *, heartbeat_s: int) -> Answer:
        """Create the subscription and its HeartbeatControl; gives the answer to the former."""
        address = f"http://127.0.0.1:{self._server.server_port}/sink"
        attributes = {"notificationRecipientAddress": address}
        answer = self.ask("PUT", self.subscription, {"id": self._id, "attributes": attributes})
        control = {"id": "1", "attributes": {"heartbeatNtfPeriod": heartbeat_s}}
        created = self.ask("PUT", f"{self.subscription}/HeartbeatControl=1", control)
        assert created.status == 201, created.body
        return answer

    def attributes(self) -> Members:
        """Read the attributes of the subscription."""
        answer = self.ask("GET", self.subscription)
        assert answer.status == 200, answer.body
        return one(answer, f"NtfSubscriptionControl={self._id}")

    def stored(self, query: str = "") -> Answer:
        """Read NotificationList."""
        return self.ask("GET", f"/NotificationList={self._id}{query}")

    # --- what is missing ------------------------------------------------------------------------

    def holes(self) -> list[int]:
        """Give the numbers that were not received, up to the last that a heartbeat tells of."""
        with self.seen.changed:
            told = [int(each["lastSequenceNo"]) for each in self.seen.heartbeats]
            last = max([*told, *self.seen.kept], default=0)
            return [n for n in range(1, last + 1) if n not in self.seen.kept | self.fetched]

    def fetch_listed(self, numbers: Iterable[int]) -> None:
        """Fetch some notifications by their numbers."""
        query = "?sequenceNo=" + ",".join(map(str, numbers))
        self._take(self.stored(query))

    def fetch_range(self, first: int, last: int) -> None:
        """Fetch notifications from one number to another."""
        self._take(self.stored(f"?fromSequenceNo={first}&toSequenceNo={last}"))

    def _take(self, answer: Answer) -> None:
        assert answer.status == 200, answer.body
        for members in one(answer, f"NotificationList={self._id}")["notifications"]:
            self.fetched[members["sequenceNo"]] = json.dumps(members).encode()

    def notifications(self) -> list[Members]:
        """Give everything that was received or fetched, in the order of the numbers."""
        return [json.loads(text) for _, text in sorted({**self.fetched, **self.seen.kept}.items())]

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something is true that posts decide about."""
        deadline = time.monotonic() + TIMEOUT_S
        with self.seen.changed:
            while not holds():
                assert self.seen.changed.wait(deadline - time.monotonic()), f"never: {what}"

    # --- what is received -----------------------------------------------------------------------

    def _post(self, text: bytes) -> str:
        members = json.loads(text)
        with self.seen.changed:
            self.seen.changed.notify_all()
            if members["notificationType"] == "notifyHeartbeat":
                self.seen.heartbeats.append(members)
                return TAKE
            number = members["sequenceNo"]
            self.seen.posts.append(number)
            what = self.misbehave(members, self.seen.posts.count(number))
            if what == TAKE:
                self.seen.kept[number] = text
            return what

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        post = self._post

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                what = post(self.rfile.read(int(self.headers["Content-Length"])))
                if what == HANG_UP:
                    self.close_connection = True
                    return
                status = {REJECT: 400, FAIL: 500}.get(what, 204)
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
                pass

        return Handler


def one(answer: Answer, name: str) -> Members:
    """Give the attributes of the object that was answered."""
    found = answer.json
    assert [found["objectClass"], found["id"]] == name.split("="), found
    attributes: Members = found["attributes"]
    return attributes
