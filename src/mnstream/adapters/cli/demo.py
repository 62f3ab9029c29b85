"""``mnstream demo``: the whole system on this machine, with faults, and the reckoning."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import time

import anyio
import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from mnstream.adapters.cli.command import (
    DOES_NOT_HOLD,
    DONE,
    INTERRUPTED,
    Command,
    backend_option,
    fail,
    json_option,
    print_json,
    run,
    wait_for_signal,
)
from mnstream.adapters.cli.demo_view import (
    frames_ledger,
    latest_values,
    notifications_ledger,
    notifications_table,
    reporters_table,
    values_table,
)
from mnstream.adapters.runtime.background import background
from mnstream.adapters.simulation.notified import NotificationLedger
from mnstream.adapters.simulation.processes import DidNotStart
from mnstream.adapters.simulation.showcase import Line, Showcase

REFRESH_S = 0.5
LINES_EVERY_S = 3.0
"""How often the values are shown where there is no terminal to refresh."""
PLAIN_WIDTH = 110
"""Columns of a table where there is no terminal."""


@click.command(cls=Command)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=15.0,
    show_default=True,
    help="How long it runs.",
)
@click.option(
    "--fault",
    type=click.Choice(["none", "all"]),
    default="all",
    show_default=True,
    help="Whether connections are cut, the network stalls and loses, and processes are killed.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1, max=1000),
    default=20.0,
    show_default=True,
    help="Frames a second from each reporter.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the collector's log here, for `mnstream inspect`.",
)
@backend_option
@json_option
def demo(
    *,
    seconds: float,
    fault: str,
    rate: float,
    data: Path | None,
    backend: str,
    as_json: bool,
) -> int:
    """Run a collector, three simulated base stations, this machine's own counters; and notify.

    Connections are cut, the collector and the notifier are killed, and notifications are lost,
    doubled and reordered. At the end every frame that was acknowledged is looked up in the
    collector's log, and every notification in what the subscriber handed over. Exit code 0 only if
    none is missing.
    """
    with _directory(data) as directory:
        show = Show(Showcase(directory, seconds=seconds, rate=rate), as_json=as_json)
        try:
            return run(lambda: show.run(seconds, with_faults=fault == "all"), backend=backend)
        except DidNotStart as error:
            fail(f"demo: {error}")


@contextmanager
def _directory(chosen: Path | None) -> Generator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen
    else:
        with tempfile.TemporaryDirectory(prefix="mnstream-demo-") as name:
            yield Path(name)


class Show:
    """What people see of it."""

    def __init__(self, showcase: Showcase, *, as_json: bool) -> None:
        """Show on a terminal when there is one, and in lines when there is none."""
        self.showcase = showcase
        self._as_json = as_json
        self._console = Console(stderr=as_json, highlight=False)
        if not self._console.is_terminal:
            self._console.width = PLAIN_WIDTH
        self._news: list[str] = []
        self._started = time()

    async def run(self, seconds: float, *, with_faults: bool) -> int:
        """Run it and return the exit code."""
        interrupted = DONE
        self._tell("starting a collector process and four reporters: this machine, three gNBs")
        self._tell("starting a notifier process and a subscriber, with a proxy in between")
        async with self.showcase.running(self._tell):
            async with background() as tasks:
                self._tell(f"reporting to {self.showcase.collector.url} for {seconds:g} s")
                self._tell(f"notifying from {self.showcase.notified.notifier.url}")
                tasks.start_soon(self._watch)
                if with_faults:
                    tasks.start_soon(self.showcase.misbehave, self._tell)
                    tasks.start_soon(self.showcase.notified.misbehave, self._tell)
                with anyio.move_on_after(seconds) as running:
                    interrupted = await wait_for_signal()
            self._tell("both end: what is not acknowledged is delivered, what is missing fetched")
            if not running.cancelled_caught:
                self.showcase.notified.cut_short()
        return self._reckon(interrupted)

    def _tell(self, text: str) -> None:
        line = f"[{time() - self._started:5.1f} s] {text}"
        self._news = [*self._news[-5:], line]
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True)

    async def _watch(self) -> None:
        if not self._console.is_terminal:
            while True:
                await anyio.sleep(LINES_EVERY_S)
                for measured, values in latest_values(self.showcase.collector.data).items():
                    shown = ", ".join(f"{name} {value}" for name, value in values.items())
                    self._tell(f"{measured}: {shown}")
                counts, done = self.showcase.notified.counts, self.showcase.notified.handed_over
                self._tell(
                    f"notifications: {len(done)} handed over in order, {counts.recovered} fetched, "
                    f"{counts.out_of_order} came behind later ones, {counts.duplicates} twice"
                )
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(self._view(), refresh=True)
                await anyio.sleep(REFRESH_S)

    def _view(self) -> Group:
        return Group(
            reporters_table(self.showcase.cast),
            notifications_table(self.showcase.notified),
            values_table(latest_values(self.showcase.collector.data)),
            Text("\n".join(self._news)),
        )

    def _reckon(self, interrupted: int) -> int:
        lines, notifications = self.showcase.ledger(), self.showcase.notified.ledger()
        missing = sum(line.missing for line in lines)
        holds = not missing and notifications.holds
        if self._as_json:
            totals = {
                "offered": sum(line.offered for line in lines),
                "acknowledged": sum(line.acknowledged for line in lines),
                "resent": sum(line.resent for line in lines),
                "duplicates": sum(line.duplicates for line in lines),
                "missing": missing,
            }
            print_json(
                {
                    "reporters": [asdict(line) for line in lines],
                    "totals": totals,
                    "notifications": asdict(notifications),
                    "faults": dict(self.showcase.faults),
                    "nothing_acknowledged_was_lost": holds,
                }
            )
        else:
            self._show(lines, notifications, missing)
        if not holds:
            return DOES_NOT_HOLD
        return INTERRUPTED if interrupted == INTERRUPTED else DONE

    def _show(self, lines: list[Line], notifications: NotificationLedger, missing: int) -> None:
        self._console.print(frames_ledger(lines))
        self._console.print(notifications_ledger(notifications))
        acknowledged = sum(line.acknowledged for line in lines)
        left = sum(line.offered - line.acknowledged for line in lines)
        handed_over = notifications.handed_over
        for holds, good, bad in (
            (
                not missing,
                f"Nothing was lost: all {acknowledged} acknowledged frames are in the log.",
                f"{missing} acknowledged frames are MISSING from the log.",
            ),
            (
                notifications.holds,
                f"Nothing was lost: all {handed_over} notifications came once and in order.",
                "Notifications are MISSING, came again or in the wrong order.",
            ),
        ):
            self._console.print(good if holds else bad, soft_wrap=True)
        if left:
            self._console.print(f"{left} frames were never acknowledged.")
