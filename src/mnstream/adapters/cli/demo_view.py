"""What people see of the demo: tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time

from rich.box import SIMPLE
from rich.table import Table

from mnstream.adapters.simulation.notified import NotificationLedger, Notified
from mnstream.adapters.simulation.showcase import Cast, Line
from mnstream.adapters.storage import StoredUnit, stored_units

HIGHLIGHTS = (
    "host.cpu.utilisation_percent",
    "host.cpu.load_average_1_min",
    "host.memory.available_bytes",
    "host.network.received_bytes_total",
    "RRC.ConnMean",
    "RRU.PrbUsedDl",
    "DRB.UEThpDl",
)


def reporters_table(cast: Sequence[Cast]) -> Table:
    """Show how far the reporters are."""
    table = _table("reporters", "", "connection", "frames", "acknowledged", "sent again")
    for member in cast:
        producer = member.reporter.producer
        numbers = (len(member.digests), member.acknowledged, producer.counts.frames_resent)
        table.add_row(member.name, producer.state.value, *map(str, numbers))
    return table


def notifications_table(notified: Notified) -> Table:
    """Show how far the notifications are."""
    counts = notified.counts
    headings = ("received", "behind later ones", "twice", "fetched", "handed over in order")
    table = _table("notifications", *headings)
    numbers = (counts.received, counts.out_of_order, counts.duplicates, counts.recovered)
    table.add_row(*map(str, numbers), str(len(notified.handed_over)))
    return table


def values_table(values: dict[str, dict[str, str]]) -> Table:
    """Show the latest values."""
    table = _table("latest values in the collector's log", "object", "metric", "value")
    for measured, shown in values.items():
        for name, value in shown.items():
            table.add_row(measured, name, value)
            measured = ""  # noqa: PLW2901 - each object is named once
    return table


def latest_values(data: Path) -> dict[str, dict[str, str]]:
    """Look up the latest values of a few metrics where the collector has stored them."""
    latest: dict[str, dict[str, str]] = {}
    for unit in _recent_units(data):
        for name in HIGHLIGHTS:
            value = (unit.values or {}).get(name)
            if isinstance(value, int | float):
                latest.setdefault(unit.object_dn or "", {})[name] = _text(value)
    # One object of a kind is enough to look at; the log holds them all.
    kinds: dict[tuple[str, ...], str] = {}
    for measured in sorted(latest, key=lambda name: (_is_still(latest[name]), name)):
        kinds.setdefault(tuple(latest[measured]), measured)
    return {measured: latest[measured] for measured in sorted(kinds.values())}


def frames_ledger(lines: Sequence[Line]) -> Table:
    """Show what became of frames."""
    headings = ("offered", "acknowledged", "sent again", "in the log", "duplicates", "missing")
    table = _table("ledger: frames", "reporter", *headings)
    for line in lines:
        numbers = (line.offered, line.acknowledged, line.resent, line.stored, line.duplicates)
        table.add_row(line.reporter, *map(str, numbers), str(line.missing))
    return table


def notifications_ledger(ledger: NotificationLedger) -> Table:
    """Show what became of notifications."""
    table = _table("ledger: notifications", "", "number")
    for what, number in (
        ("emitted", ledger.emitted),
        ("swallowed by the network", ledger.swallowed),
        ("arrived behind later ones", ledger.overtaken),
        ("arrived more than once", ledger.duplicates),
        ("fetched from the notifier's store", ledger.fetched),
        ("handed over", ledger.handed_over),
        ("handed over in the wrong order", ledger.disordered),
        ("handed over again", ledger.repeated),
        ("missing", ledger.missing),
    ):
        table.add_row(what, str(number))
    return table


def _recent_units(data: Path) -> Iterator[StoredUnit]:
    return stored_units(data, since_ms=round((time() - 2) * 1000))


def _text(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _is_still(values: dict[str, str]) -> bool:
    return all(value == "0" for value in values.values())


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for heading in headings:
        is_text = heading in ("", "connection", "object", "metric", "reporter")
        table.add_column(heading, justify="left" if is_text else "right")
    return table
