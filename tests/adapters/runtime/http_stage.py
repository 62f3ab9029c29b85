"""A notifier and a subscriber as they are composed, over loopback, with a proxy either way."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute

from mnstream.adapters.entropy import SystemClock
from mnstream.adapters.http import AllowedNetworks, HttpPool
from mnstream.adapters.http.addresses import Origin
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.items import Item, Lost, Notification
from mnstream.adapters.runtime.notifying import NotifierSettings, RunningNotifier, notifying
from mnstream.adapters.runtime.subscribing import (
    RECIPIENT_PATH,
    RunningSubscriber,
    SubscriberSettings,
    subscribing,
)
from mnstream.adapters.simulation import NotificationProxy
from mnstream.adapters.storage import Durability
from mnstream.adapters.storage.notifications import NotificationStoreConfig
from mnstream.core.lifecycles.synchronisation import SynchronisationState as S
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import HEARTBEAT, ObjectPath, SubscriptionStatus
from mnstream.core.notifications.config import (
    NotificationConsumerConfig,
    NotificationProducerConfig,
)

TIMEOUT_S = 10.0
TYPE = "notifyMOIAttributeValueChanges"
CELL = ObjectPath("ManagedElement=1/NRCellDU=1")
PRODUCER = NotificationProducerConfig(attempts_max=2, back_off_initial_ms=2, back_off_max_ms=10)
CONSUMER = NotificationConsumerConfig(
    reorder_wait_ms=10, back_off_initial_ms=2, back_off_max_ms=20, fetch_max=3
)
STORE = NotificationStoreConfig(durability=Durability.NONE)


def event(number: int) -> NotificationEmitted:
    return NotificationEmitted(
        notification_type=TYPE,
        object_path=CELL,
        body={"attributeListValueChanges": [{"number": number}]},
        event_time_ms=SystemClock().wall_ms(),  # what is older than a week is not kept
    )


def is_get(request: HttpRequest) -> bool:
    return request.method == "GET"


def is_no_heartbeat(request: HttpRequest) -> bool:
    return f'"{HEARTBEAT}"'.encode() not in request.body


class Stage:
    """What the tests see and turn."""

    def __init__(self, folder: Path) -> None:
        self.to_subscriber = NotificationProxy("127.0.0.1", 1, seed=1, concerns=is_no_heartbeat)
        self.to_notifier = NotificationProxy("127.0.0.1", 1, seed=2, concerns=is_get)
        self.items: list[Item] = []
        self._folder = folder
        self._notifier: RunningNotifier | None = None
        self._subscriber: RunningSubscriber | None = None
        self._moved = anyio.Event()
        self._pool = HttpPool()

    # --- lives ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def notifier(self, **settings: Any) -> AsyncGenerator[RunningNotifier]:
        """Run a notifier; leaving the block stops it gracefully."""
        chosen: dict[str, Any] = {"producer": PRODUCER, "store": STORE, **settings}
        chosen["allowed"] = AllowedNetworks(loopback=True)
        async with notifying(NotifierSettings(data=self._folder / "n", **chosen)) as running:
            self._notifier = running
            self.to_notifier.aim("127.0.0.1", urlsplit(running.url).port or 0)
            yield running

    @asynccontextmanager
    async def killed_notifier(self, **settings: Any) -> AsyncGenerator[RunningNotifier]:
        """Run a notifier that is killed at the end of the block."""
        with anyio.CancelScope() as life:
            async with self.notifier(**settings) as running:
                yield running
                life.cancel()
                await anyio.sleep_forever()

    @asynccontextmanager
    async def subscriber(self, **settings: Any) -> AsyncGenerator[RunningSubscriber]:
        """Run a subscriber, which hands over to ``items``; the subscription outlives the block."""
        chosen: dict[str, Any] = {"types": frozenset({TYPE}), "heartbeat_s": 0, **settings}
        path = urlsplit(self.running_notifier.url).path
        self._subscriber_port = port = await free_port()
        self.to_subscriber.aim("127.0.0.1", port)
        made = SubscriberSettings(
            provider=f"http://127.0.0.1:{self.to_notifier.port}{path}",
            data=self._folder / "s",
            port=port,
            address=f"http://127.0.0.1:{self.to_subscriber.port}{RECIPIENT_PATH}",
            consumer=CONSUMER,
            **chosen,
        )
        async with subscribing(made) as running, background() as tasks:
            self._subscriber = running
            iteration = anyio.Event()
            tasks.start_soon(self._hand_over, running, iteration)
            yield running
            running.subscriber.end()
            await iteration.wait()

    async def _hand_over(self, running: RunningSubscriber, over: anyio.Event) -> None:
        async for item in running.subscriber:
            self.items.append(item)
            self.moved()
        over.set()

    @property
    def running_notifier(self) -> RunningNotifier:
        assert self._notifier is not None
        return self._notifier

    # --- what happens ---------------------------------------------------------------------------

    def moved(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    async def emit(self, first: int, last: int) -> None:
        """Emit numbered notifications, and wait until they are stored."""
        for number in range(first, last + 1):
            self.running_notifier.notifier.submit(event(number))
        await self.running_notifier.notifier.durable()

    async def synchronised(self) -> None:
        """Wait until the subscriber has asked what there is, and waits for what will come."""
        assert self._subscriber is not None
        consumer = self._subscriber.subscriber.consumer
        await self.until(lambda: consumer.sequence is not None and consumer.state is S.IN_SEQUENCE)

    async def finished(self) -> None:
        """Wait until the notifier is done with everything, delivered or not."""
        producer = self.running_notifier.notifier.producer
        await self.until(lambda: not any(s.waiting for s in producer.subscriptions.values()))

    async def heartbeat(self) -> None:
        """Let the notifier send one."""
        await self.running_notifier.subscriptions.trigger_heartbeat(self._id)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that happens elsewhere, and mostly moves items."""
        with anyio.fail_after(TIMEOUT_S):
            while not holds():
                with anyio.move_on_after(0.005):
                    await self._moved.wait()

    async def has(self, *numbers: int) -> None:
        """Wait until so much was handed over; then it must be exactly this, in this order."""
        await self.until(lambda: len(self.numbers) >= len(numbers))
        assert self.numbers == [*numbers]

    # --- what is seen ---------------------------------------------------------------------------

    @property
    def numbers(self) -> list[int]:
        """Numbers of our notifications that were handed over, in that order."""
        found: list[int] = []
        for item in self.items:
            if isinstance(item, Notification) and item.notification_type == TYPE:
                (values, *_) = json.loads(item.text)["attributeListValueChanges"]
                found += [values["number"]] if "number" in values else []
        return found

    @property
    def lost(self) -> list[tuple[int, int | None]]:
        return [(item.first, item.last) for item in self.items if isinstance(item, Lost)]

    @property
    def status(self) -> SubscriptionStatus:
        return self.running_notifier.notifier.producer.subscriptions[self._id].status()

    async def attributes(self) -> dict[str, Any]:
        """Read the attributes of the subscription over HTTP, past the proxy."""
        response = await self.ask("GET", f"NtfSubscriptionControl={self._id}")
        assert response.status == 200, response.body
        attributes: dict[str, Any] = json.loads(response.body)["attributes"]
        return attributes

    async def ask(
        self, method: str, path: str, body: object = None, media_type: str = "application/json"
    ) -> HttpResponse:
        """Ask the notifier for something below the base object, past the proxy."""
        url = urlsplit(self.running_notifier.url)
        content = b"" if body is None else json.dumps(body).encode()
        headers = (("Content-Type", media_type), ("Content-Length", str(len(content))))
        request = HttpRequest(
            method=method, target=f"{url.path}/{path}", headers=headers, body=content
        )
        with anyio.fail_after(TIMEOUT_S):
            return await self._pool.request(Origin(False, "127.0.0.1", url.port or 0), request)

    async def post(self, members: Mapping[str, object]) -> int:
        """Post something to the subscriber as a stranger, past the proxy; give the status."""
        assert self._subscriber is not None
        content = json.dumps(dict(members)).encode()
        headers = (("Content-Type", "application/json"), ("Content-Length", str(len(content))))
        request = HttpRequest(method="POST", target=RECIPIENT_PATH, headers=headers, body=content)
        with anyio.fail_after(TIMEOUT_S):
            answer = await self._pool.request(
                Origin(False, "127.0.0.1", self._subscriber_port), request
            )
        return answer.status

    @property
    def _id(self) -> Any:
        assert self._subscriber is not None
        return self._subscriber.subscriber.subscription_id

    async def aclose(self) -> None:
        await self._pool.aclose()


async def free_port() -> int:
    """Choose a port that nobody listens on."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        return int(listener.extra(SocketAttribute.local_port))


@asynccontextmanager
async def staged(folder: Path) -> AsyncGenerator[Stage]:
    stage = Stage(folder)
    async with stage.to_subscriber.running(), stage.to_notifier.running():
        yield stage
        await stage.aclose()
