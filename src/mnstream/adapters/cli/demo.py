"""``mnstream demo``: the whole system on this machine, with faults, and the reckoning."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import time

import anyio
import click
from rich.box import SIMPLE
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
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
from mnstream.adapters.runtime.background import background
from mnstream.adapters.simulation.showcase import DidNotStart, Line, Showcase
from mnstream.adapters.storage import StoredUnit, stored_units

REFRESH_S = 0.5
LINES_EVERY_S = 3.0
"""How often the values are shown where there is no terminal to refresh."""
HIGHLIGHTS = (
    "host.cpu.utilisation_percent",
    "host.cpu.load_average_1_min",
    "host.memory.available_bytes",
    "host.network.received_bytes_total",
    "RRC.ConnMean",
    "RRU.PrbUsedDl",
    "DRB.UEThpDl",
)
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
    help="Whether connections are cut, the network stalls and the collector is killed.",
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
    """Run a collector, three simulated base stations and this machine's own counters.

    Connections are cut and the collector is killed while they report. At the end every frame that
    was acknowledged is looked up in the collector's log. Exit code 0 only if none is missing.
    """
    with _directory(data) as directory:
        show = Show(Showcase(directory, rate=rate), as_json=as_json)
        try:
            return run(lambda: show.run(seconds, with_faults=fault == "all"), backend=backend)
        except DidNotStart as error:
            fail(f"demo: {error}")


@contextmanager
def _directory(chosen: Path | None) -> Generator[Path]:
    if chosen is not None:
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
        async with self.showcase.running(), background() as tasks:
            self._tell(f"reporting to {self.showcase.collector.url} for {seconds:g} s")
            tasks.start_soon(self._watch)
            if with_faults:
                tasks.start_soon(self.showcase.misbehave, self._tell)
            with anyio.move_on_after(seconds):
                interrupted = await wait_for_signal()
            self._tell("reporting ends; what is not acknowledged yet is delivered")
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
                for measured, values in self._values().items():
                    shown = ", ".join(f"{name} {value}" for name, value in values.items())
                    self._tell(f"{measured}: {shown}")
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                live.update(self._view(), refresh=True)
                await anyio.sleep(REFRESH_S)

    def _view(self) -> Group:
        reporters = Table(title="reporters", title_justify="left", box=SIMPLE)
        for heading in ("", "connection", "frames", "acknowledged", "sent again"):
            reporters.add_column(
                heading, justify="left" if heading in ("", "connection") else "right"
            )
        for member in self.showcase.cast:
            producer = member.reporter.producer
            reporters.add_row(
                member.name,
                producer.state.value,
                str(len(member.digests)),
                str(member.acknowledged),
                str(producer.counts.frames_resent),
            )
        values = Table(
            title="latest values in the collector's log", title_justify="left", box=SIMPLE
        )
        for heading in ("object", "metric", "value"):
            values.add_column(heading, justify="right" if heading == "value" else "left")
        for measured, shown in self._values().items():
            for name, value in shown.items():
                values.add_row(measured, name, value)
                measured = ""  # noqa: PLW2901 - each object is named once
        return Group(reporters, values, Text("\n".join(self._news)))

    def _values(self) -> dict[str, dict[str, str]]:
        """Look up the latest values of a few metrics where the collector has stored them."""
        latest: dict[str, dict[str, str]] = {}
        for unit in self._recent_units():
            for name in HIGHLIGHTS:
                value = (unit.values or {}).get(name)
                if isinstance(value, int | float):
                    latest.setdefault(unit.object_dn or "", {})[name] = _text(value)
        # One object of a kind is enough to look at; the log holds them all.
        kinds: dict[tuple[str, ...], str] = {}
        for measured in sorted(latest, key=lambda name: (_is_still(latest[name]), name)):
            kinds.setdefault(tuple(latest[measured]), measured)
        return {measured: latest[measured] for measured in sorted(kinds.values())}

    def _recent_units(self) -> Iterator[StoredUnit]:
        since_ms = round((time() - 2) * 1000)
        return stored_units(self.showcase.collector.data, since_ms=since_ms)

    def _reckon(self, interrupted: int) -> int:
        lines = self.showcase.ledger()
        missing = sum(line.missing for line in lines)
        left = sum(line.offered - line.acknowledged for line in lines)
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
                    "faults": dict(self.showcase.faults),
                    "nothing_acknowledged_was_lost": missing == 0,
                }
            )
        else:
            self._console.print(_ledger_table(lines))
            acknowledged = sum(line.acknowledged for line in lines)
            self._console.print(
                f"Nothing was lost: all {acknowledged} acknowledged frames are in the log."
                if not missing
                else f"{missing} acknowledged frames are MISSING from the log.",
                soft_wrap=True,
            )
            if left:
                self._console.print(f"{left} frames were never acknowledged.")
        if missing:
            return DOES_NOT_HOLD
        return INTERRUPTED if interrupted == INTERRUPTED else DONE


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _is_still(values: dict[str, str]) -> bool:
    return all(value == "0" for value in values.values())


def _ledger_table(lines: list[Line]) -> Table:
    table = Table(title="ledger: frames", title_justify="left", box=SIMPLE)
    headings = (
        "reporter",
        "offered",
        "acknowledged",
        "sent again",
        "in the log",
        "duplicates",
        "missing",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "reporter" else "right")
    for line in lines:
        numbers = (line.offered, line.acknowledged, line.resent, line.stored, line.duplicates)
        table.add_row(line.reporter, *map(str, numbers), str(line.missing))
    return table
