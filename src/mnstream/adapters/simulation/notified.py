"""The demo's notifications: a notifier process, a lossy network, a subscriber, the reckoning."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import assert_never

import anyio

from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.items import Lost, Notification, Reread, Restarted
from mnstream.adapters.runtime.subscriber import Subscriber
from mnstream.adapters.runtime.subscribing import RECIPIENT_PATH, SubscriberSettings, subscribing
from mnstream.adapters.simulation.notification_proxy import (
    NO_FAULTS,
    Fate,
    Faults,
    NotificationProxy,
)
from mnstream.adapters.simulation.processes import ServiceProcess, free_port
from mnstream.core.notifications.counts import NotificationConsumerCounts

PER_S = 50
"""Notifications for each second that it runs."""
RATE = 75
"""Notifications a second while the notifier is alive, so that there is time for it to be dead."""
CELLS = 12
SEED = 28_532
DRAIN_TIMEOUT_S = 20.0
"""What is not fetched after this long is lost."""
KILL_EVERY_S = 3.0
RESTART_PAUSE_S = 0.5
HEARTBEAT_S = 1
LOSSY = Faults(swallow=0.03, lose_answer=0.01, duplicate=0.03, hold_back=0.05)
"""Of the network while faults are on: what it swallows, nobody but the subscriber can notice."""
TYPE = "notifyMOIAttributeValueChanges"
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationLedger:
    """The ledger of the notifications.

    Attributes:
        emitted: Notifications that the notifier was given to emit.
        handed_over: Those that the subscriber handed over.
        swallowed: Posts that the network answered and delivered to nobody, heartbeats too.
        overtaken: Posts that arrived behind later ones.
        duplicates: Posts of what had arrived before.
        fetched: Notifications that were fetched from the notifier's store.
        restarts: Times that the notifier began to count anew.
        missing: Notifications that were not handed over. Anything but 0 breaks the promise.
        repeated: Notifications that were handed over again.
        disordered: Notifications that were handed over behind a later one.
    """

    emitted: int
    handed_over: int
    swallowed: int
    overtaken: int
    duplicates: int
    fetched: int
    restarts: int
    missing: int
    repeated: int
    disordered: int

    @property
    def holds(self) -> bool:
        """Whether each came exactly once and in order."""
        return not (self.missing or self.repeated or self.disordered)


class Notified:
    """A notifier process and a subscriber of ours behind a proxy that can be told to fail."""

    def __init__(self, directory: Path, *, seconds: float) -> None:
        """Write what the notifier is to emit; nothing runs yet.

        Args:
            directory: For both of them.
            seconds: How long it is to emit.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.count = max(1, int(seconds * PER_S))
        """Notifications that the notifier is given to emit."""
        lines = directory / "emitted.jsonl"
        _write_lines(lines, self.count)
        emission = ("--emit-from", str(lines), "--emit-rate", str(RATE))
        self.notifier = ServiceProcess("notify", directory / "notifier", *emission)
        self._settings = SubscriberSettings(
            provider="", data=directory / "subscriber", port=free_port(), heartbeat_s=HEARTBEAT_S
        )
        self.proxy = NotificationProxy("127.0.0.1", self._settings.port, seed=SEED)
        self.counts = NotificationConsumerCounts()
        """What the subscriber counts."""
        self.handed_over: list[int] = []
        """Numbers of the notifications that were handed over, in that order."""
        self.kills = 0
        """How often the notifier was killed."""
        self._complete = anyio.Event()

    @asynccontextmanager
    async def running(self, tell: Told) -> AsyncGenerator[None]:
        """Notify while the block runs; call ``finish`` in it to have everything.

        Args:
            tell: Told what the subscriber finds out, for people.

        Raises:
            DidNotStart: The notifier is not ready in time.
        """
        async with self.notifier.running(), self.proxy.running():
            settings = replace(
                self._settings,
                provider=self.notifier.url,
                address=f"http://127.0.0.1:{self.proxy.port}{RECIPIENT_PATH}",
            )
            async with subscribing(settings) as running, background() as tasks:
                self.counts = running.subscriber.consumer.counts
                tasks.start_soon(self._hand_over, running.subscriber, tell)
                yield

    async def misbehave(self, tell: Told) -> None:
        """Lose, repeat and reorder, and kill the notifier now and then, until cancelled."""
        self.proxy.faults = LOSSY
        while True:
            await anyio.sleep(KILL_EVERY_S)
            tell("fault: notifier killed with SIGKILL")
            await self.notifier.kill()
            self.kills += 1
            await anyio.sleep(RESTART_PAUSE_S)
            await self.notifier.start()
            tell("notifier is back, with its subscriptions and what it had stored")

    async def finish(self) -> None:
        """Let the network be good, and wait until everything was handed over, or for too long."""
        self.proxy.faults = NO_FAULTS
        await self.notifier.ensure_running()
        with anyio.move_on_after(DRAIN_TIMEOUT_S):
            await self._complete.wait()

    def cut_short(self) -> None:
        """Wait for nothing more: what was not handed over by now does not count."""
        self.count = max(self.handed_over, default=0)
        self._complete.set()

    def ledger(self) -> NotificationLedger:
        """Compare what was handed over with what was emitted."""
        seen = Counter(self.handed_over)
        return NotificationLedger(
            emitted=self.count,
            handed_over=len(self.handed_over),
            swallowed=self.proxy.counts[Fate.SWALLOW],
            overtaken=self.counts.out_of_order,
            duplicates=self.counts.duplicates,
            fetched=self.counts.recovered,
            restarts=self.counts.restarts,
            missing=self.count - len(seen),
            repeated=len(self.handed_over) - len(seen),
            disordered=sum(later < earlier for earlier, later in pairwise(self.handed_over)),
        )

    async def _hand_over(self, subscriber: Subscriber, tell: Told) -> None:
        async for item in subscriber:
            match item:
                case Notification():
                    members = item.members()
                    if item.notification_type == TYPE and "additionalText" in members:
                        self.handed_over.append(int(str(members["additionalText"])))
                    if self.handed_over and self.handed_over[-1] == self.count:
                        self._complete.set()
                case Lost():
                    tell(f"subscriber: LOST from {item.first} on: {item.reason}")
                case Restarted():
                    tell("subscriber: the notifier counts anew; all of before has been handed over")
                case Reread():
                    pass  # it follows every restart, and the reckoning shows that nothing was lost
                case _:
                    assert_never(item)


def _write_lines(path: Path, count: int) -> None:
    """Write notifications, each with its number."""
    with path.open("w", encoding="ascii") as file:
        for number in range(1, count + 1):
            cell = number % CELLS
            values = {"operationalState": "ENABLED" if number // CELLS % 2 else "DISABLED"}
            members = {
                "notificationType": TYPE,
                "href": f"GNBDUFunction={cell // 3 + 1}/NRCellDU={cell + 1}",
                "additionalText": str(number),
                "attributeListValueChanges": [values],
            }
            file.write(json.dumps(members) + "\n")
