"""P6 and P7: how fast notifications are stored and delivered, and what many subscriptions add."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import anyio

from mnstream.adapters.bench.processes import BenchmarkFailed, running
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import DEFAULT_BACKEND, Settings
from mnstream.adapters.http import SENDER_LIMITS, AllowedNetworks, HttpPool
from mnstream.adapters.http.addresses import parse_root
from mnstream.adapters.rest import HttpRequest
from mnstream.adapters.rest.notification_json import numbered_text
from mnstream.adapters.runtime.notifying import NotifierSettings, RunningNotifier, notifying
from mnstream.core.notification_events import NotificationEmitted
from mnstream.core.notification_values import (
    Number,
    ObjectPath,
    SubscriptionId,
    SubscriptionSettings,
)
from mnstream.core.values import Json

UNIT = "deliveries/s"
SUBSCRIPTIONS = 200
"""Of P7."""
DURABLE = Target(reach=0.6, beyond=0.9, higher_is_better=True)
MANY = Target(reach=2.0, beyond=4.0, higher_is_better=True)

_TYPE = "notifyMOIAttributeValueChanges"
_OBJECT = ObjectPath("ManagedElement=1/GNBDUFunction=1/NRCellDU=1")
_BODY: dict[str, Json] = {
    "sourceIndicator": "MANAGEMENT_OPERATION",
    "attributeListValueChanges": [
        {"administrativeState": "UNLOCKED", "cellState": "ACTIVE"},
        {"administrativeState": "LOCKED", "cellState": "IDLE"},
    ],
}
_NO_CONTENT = 204
_DELIVERED = re.compile(
    r'^mnstream_notification_deliveries_total\{outcome="delivered"\} (\S+)$', re.MULTILINE
)
_POLL_S = 0.005
_LIMIT_S = 60.0  # of what a round leaves to be delivered
_IN_FLIGHT = 512
_EMISSIONS_MIN = 16  # ahead of the slowest of many subscriptions
_OURS = (
    "a notifier as `mnstream notify` makes it, in this process, on {backend}: numbered, stored in "
    "SQLite with fsync before it is posted, in order, one notification of a subscription in "
    "flight; emitted without waiting for each, up to {ahead} notifications ahead of their "
    "deliveries; the time runs from the first emission to the last 204"
)
_RECIPIENT = (
    "the recipient, the same for both: a bare RequestServer in a second process that answers 204; "
    "loopback, plain HTTP; sides take turns, medians of rounds are compared"
)

_Round = Callable[[float], Awaitable[float]]
"""Measures for some seconds; gives deliveries a second."""


def measure_durable(settings: Settings) -> Result:
    """Measure P6."""
    rounds: list[dict[str, float]] = []
    with running("serve_recipient") as recipient:
        body_bytes = _run(_measure_durable, settings, recipient.url, rounds)
    ours = side("1 subscription, stored", [each["ours"] for each in rounds], UNIT)
    peer = side("bare POST loop", [each["peer"] for each in rounds], UNIT)
    what = (
        f"ours: {_OURS.format(backend=DEFAULT_BACKEND, ahead=_IN_FLIGHT)}; peer: a loop that "
        "posts the same text over and over with the same client (HttpPool) on one socket that is "
        f"kept: nothing is numbered, stored or retried; {_RECIPIENT}"
    )
    return Result(
        name="P6",
        what=what,
        target=DURABLE,
        ours=ours,
        peer=peer,
        ratio=ours.value / peer.value,
        rounds=rounds,
        extra={"body_bytes": body_bytes},
    )


def measure_many(settings: Settings) -> Result:
    """Measure P7."""
    subscriptions = min(SUBSCRIPTIONS, settings.connections)
    rounds: list[dict[str, float]] = []
    with running("serve_recipient") as recipient:
        body_bytes = _run(partial(_measure_many, subscriptions), settings, recipient.url, rounds)
    ours = side(f"{subscriptions} subscriptions", [each["ours"] for each in rounds], UNIT)
    peer = side("1 subscription", [each["peer"] for each in rounds], UNIT)
    ahead = max(_IN_FLIGHT // subscriptions, _EMISSIONS_MIN)
    what = (
        f"ours: {_OURS.format(backend=DEFAULT_BACKEND, ahead=ahead)}; {subscriptions} "
        "subscriptions of one recipient, each of which wants every notification: all deliveries "
        f"together; peer: the same with one subscription, {_IN_FLIGHT} ahead, in a notifier and a "
        f"store of its own; {_RECIPIENT}"
    )
    return Result(
        name="P7",
        what=what,
        target=MANY,
        ours=ours,
        peer=peer,
        ratio=ours.value / peer.value,
        rounds=rounds,
        extra={"subscriptions": subscriptions, "body_bytes": body_bytes},
    )


def _run(
    measure: Callable[[Settings, str, list[dict[str, float]]], Awaitable[int]],
    settings: Settings,
    url: str,
    rounds: list[dict[str, float]],
) -> int:
    """Measure on an event loop; a single failure comes out as it is, not in groups."""
    failures: list[BenchmarkFailed] = []

    async def main() -> int:
        try:
            return await measure(settings, url, rounds)
        except BenchmarkFailed as error:
            failures.append(error)
            return 0

    body_bytes = anyio.run(main, backend=DEFAULT_BACKEND)
    for failure in failures:
        raise failure
    return body_bytes


async def _measure_durable(settings: Settings, url: str, rounds: list[dict[str, float]]) -> int:
    async with AsyncExitStack() as stack:
        notifier = await stack.enter_async_context(_notifier(settings, url, 1))
        await _deliver(notifier, 0.0)
        text = await _posted(notifier)
        pool = HttpPool(limits=SENDER_LIMITS, allowed=AllowedNetworks(loopback=True))
        stack.push_async_callback(pool.aclose)
        loop = partial(_post_repeatedly, pool, url, text)
        await _take_turns("P6", settings, partial(_deliver, notifier), loop, rounds)
        return len(text)


async def _measure_many(
    subscriptions: int, settings: Settings, url: str, rounds: list[dict[str, float]]
) -> int:
    async with AsyncExitStack() as stack:
        many = await stack.enter_async_context(_notifier(settings, url, subscriptions))
        one = await stack.enter_async_context(_notifier(settings, url, 1))
        await _take_turns("P7", settings, partial(_deliver, many), partial(_deliver, one), rounds)
        return len(await _posted(one))


async def _take_turns(
    name: str, settings: Settings, ours: _Round, peer: _Round, rounds: list[dict[str, float]]
) -> None:
    for number in range(settings.rounds + 1):
        seconds = settings.seconds if number else settings.seconds / 4  # the first one warms up
        measured = {
            "ours": significant(await ours(seconds)),
            "peer": significant(await peer(seconds)),
        }
        if number:
            rounds.append(measured)
            rates = f"{measured['ours']:,.0f} : {measured['peer']:,.0f} {UNIT}"
            settings.say(f"{name} round {number}/{settings.rounds}: {rates}")


@asynccontextmanager
async def _notifier(
    settings: Settings, url: str, subscriptions: int
) -> AsyncGenerator[RunningNotifier]:
    """Run a notifier whose subscriptions want what is emitted, and nothing else."""
    wanted = SubscriptionSettings(
        notification_recipient_address=f"{url}/notifications",
        notification_types=frozenset({_TYPE}),
    )
    with scratch(settings.directory) as data:
        allowed = AllowedNetworks(loopback=True)
        async with notifying(NotifierSettings(data=data, allowed=allowed)) as notifier:
            for number in range(1, subscriptions + 1):
                await notifier.subscriptions.create(SubscriptionId(f"s{number}"), wanted)
            yield notifier
            await _check_taken(notifier)


async def _check_taken(running_notifier: RunningNotifier) -> None:
    """Make sure that everything was answered 204: what is rejected is finished sooner."""
    pool = HttpPool()
    try:
        request = HttpRequest(method="GET", target="/metrics")
        answer = await pool.request(parse_root(running_notifier.admin_url).origin, request)
    finally:
        await pool.aclose()
    delivered = _DELIVERED.search(answer.body.decode())
    subscriptions = running_notifier.notifier.producer.subscriptions.values()
    if delivered is None or float(delivered[1]) != sum(each.finished for each in subscriptions):
        raise BenchmarkFailed("the recipient did not take everything")


async def _deliver(running_notifier: RunningNotifier, seconds: float) -> float:
    """Emit for some seconds, wait for the last 204, and return deliveries a second."""
    notifier = running_notifier.notifier
    subscriptions = tuple(notifier.producer.subscriptions.values())
    ahead = max(_IN_FLIGHT // len(subscriptions), _EMISSIONS_MIN)
    before = sum(each.finished for each in subscriptions)
    begin = time.perf_counter()
    while True:
        waiting = max(each.waiting for each in subscriptions)
        for _ in range(ahead - waiting if waiting <= ahead // 2 else 0):
            await notifier.has_room()
            notifier.submit(_emission(running_notifier.clock.wall_ms()))
        await anyio.sleep(_POLL_S)
        if time.perf_counter() - begin >= seconds:
            break
    with anyio.move_on_after(_LIMIT_S):
        while any(each.waiting for each in subscriptions):  # noqa: ASYNC110 -- nothing tells
            await anyio.sleep(_POLL_S)
    elapsed_s = time.perf_counter() - begin
    if any(each.waiting or each.availability for each in subscriptions):
        raise BenchmarkFailed("not everything was delivered")
    return (sum(each.finished for each in subscriptions) - before) / elapsed_s


def _emission(wall_ms: int) -> NotificationEmitted:
    return NotificationEmitted(
        notification_type=_TYPE, object_path=_OBJECT, body=_BODY, event_time_ms=wall_ms
    )


async def _posted(running_notifier: RunningNotifier) -> bytes:
    """Return the text of the last notification that was posted."""
    (subscription,) = running_notifier.notifier.producer.subscriptions.values()
    number = Number(
        subscription_id=subscription.subscription_id,
        epoch=subscription.epoch,
        sequence_no=subscription.finished,
    )
    common = running_notifier.store.recent(number)
    assert common is not None, "the newest ones are in memory"
    return numbered_text(common, number)


async def _post_repeatedly(pool: HttpPool, url: str, text: bytes, seconds: float) -> float:
    """Post a text again and again, and return how often a second."""
    origin = parse_root(url).origin
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(text))))
    request = HttpRequest(method="POST", target="/notifications", headers=headers, body=text)
    posted = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        answer = await pool.request(origin, request)
        if answer.status != _NO_CONTENT:
            raise BenchmarkFailed(f"the recipient answered {answer.status}")
        posted += 1
    return posted / (time.perf_counter() - begin)
