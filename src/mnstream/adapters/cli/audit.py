"""``mnstream audit``: the ledger of a capture."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from mnstream.adapters.captures import (
    BadSummary,
    Ledger,
    Reckoning,
    StreamLedger,
    read_summary,
    reckon,
)
from mnstream.adapters.cli.command import (
    DOES_NOT_HOLD,
    DONE,
    Command,
    Number,
    json_option,
    print_json,
)
from mnstream.adapters.cli.reading import (
    explained_failures,
    name_unknown_records,
    open_captures,
    reading_bar,
    watched,
)
from mnstream.adapters.codecs import time_text
from mnstream.core.records import Disposition
from mnstream.core.values import Json

_NS_PER_S = 1_000_000_000
_COLUMNS = (
    "received",
    "duplicate",
    "quarantined",
    "shed",
    "late",
    "missing",
    "recovered",
    "unrecoverable",
)
_ALWAYS_SHOWN = ("stream", "granularity", "received", "missing")


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--against",
    "summaries",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `mnstream report --json` printed; give it once for each reporter of this capture.",
)
@click.option(
    "--granularity",
    type=Number(min=0, min_open=True),
    metavar="SECONDS",
    help="Length of the periods of every PERFORMANCE stream.  [default: learnt, where a stream is "
    "regular]",
)
@json_option
def audit(
    *, path: Path, summaries: tuple[Path, ...], granularity: float | None, as_json: bool
) -> int:
    """Reckon up a data directory or capture; exit code 1 when anything is missing.

    Missing are records that damage swallowed, periods that a regular stream lacks between its first
    and its last, and, with --against, frames that a reporter says were acknowledged. Units are
    counted by stream and producer; what has no stream stands under null. Repeated periods with
    other values, late units and counters that began again are listed and change nothing.

    A stream is regular when all its end times lie on one grid of a second or more, and most of its
    periods follow each other on it; of others nobody can know what is missing. Between the end of a
    stream, or of its connection, and its next unit nothing is expected, if its producer ended it or
    began anew beside it, as after a crash.
    """
    granularity_ns = None if granularity is None else max(round(granularity * _NS_PER_S), 1)
    ledger = Ledger(granularity_ns=granularity_ns)
    with explained_failures("audit"):
        try:
            told = [read_summary(each) for each in summaries]
        except BadSummary as error:
            raise click.BadParameter(
                str(error), click.get_current_context(), param_hint="--against"
            ) from error
        readers = open_captures(path)
        with reading_bar("auditing", readers) as move:
            for entry in watched(readers[0].entries(), move):
                ledger.add(entry)
        name_unknown_records("audit", readers[0].unknown_records)
        reckoning = reckon(told, ledger.frames_received) if told else None
        statement = _Statement(ledger, reckoning)
        if as_json:
            print_json(statement.as_json())
        else:
            statement.show()
    return DOES_NOT_HOLD if statement.holes else DONE


class _Statement:
    """A ledger as it is told."""

    def __init__(self, ledger: Ledger, reckoning: Reckoning | None) -> None:
        self._ledger = ledger
        self._reckoning = reckoning
        self._streams = sorted(
            ledger.streams.values(),
            key=lambda line: (
                *(line.stream_id is None, line.stream_id or ""),
                *(line.producer_id is None, line.producer_id or ""),
            ),
        )
        self._reporters = Counter(line.stream_id for line in self._streams)
        self._missing: dict[StreamLedger, int] = {}
        self.holes: list[dict[str, Json]] = [*self._log_holes(), *self._period_holes()]
        if reckoning is not None and reckoning.missing:
            self.holes.append(
                {
                    "kind": "acknowledged",
                    "acknowledged": reckoning.acknowledged,
                    "received": reckoning.received,
                    "missing": reckoning.missing,
                }
            )

    def as_json(self) -> dict[str, Json]:
        """Describe it; the members of streams are part of what the command line promises."""
        streams: list[Json] = [self._line(line) for line in self._streams]
        return {
            "streams": streams,
            "totals": self._totals(),
            "holes": [*self.holes],
            "repeated": [
                {
                    "stream": each.stream_id,
                    "producer": each.producer_id,
                    "time": time_text(each.time_ns),
                }
                for each in self._ledger.repetitions
            ],
            "counter_resets": [
                {
                    "stream": each.stream_id,
                    "producer": each.producer_id,
                    "time": time_text(each.time_ns),
                    "metric": each.reset.metric,
                    "before": each.reset.before,
                    "after": each.reset.after,
                }
                for each in self._ledger.resets
            ],
            **({} if self._reckoning is None else {"against": self._against(self._reckoning)}),
        }

    def show(self) -> None:
        """Print it for people: tables on a terminal, lines elsewhere."""
        totals = self._totals()
        headings = ("stream", "granularity", *_COLUMNS)
        rows = [
            [self._name(line), _seconds(line), *map(str, self._numbers(line))]
            for line in self._streams
        ]
        rows.append(["total", "", *(str(totals[name]) for name in _COLUMNS)])
        _print_rows(headings, rows)
        if self._ledger.repetitions:
            click.echo(f"{len(self._ledger.repetitions)} periods came again with other values")
        if self._ledger.resets:
            click.echo(f"{len(self._ledger.resets)} counters began again")
        if self._reckoning is not None:
            click.echo(_sum_line(self._reckoning))
        for hole in self.holes:
            click.echo("hole: " + ", ".join(f"{name} {value}" for name, value in hole.items()))
        if not self.holes:
            click.echo("Nothing is missing.")

    def _log_holes(self) -> Iterable[dict[str, Json]]:
        for hole in self._ledger.holes:
            yield {
                "kind": "log",
                "path": str(hole.path),
                "offset": hole.offset,
                "first_position": hole.first_position,
                "last_position": hole.last_position,
                "reason": hole.reason,
            }

    def _period_holes(self) -> Iterable[dict[str, Json]]:
        for line in self._streams:
            for missing in line.missing():
                self._missing[line] = self._missing.get(line, 0) + missing.count
                yield {
                    "kind": "periods",
                    "stream": line.stream_id,
                    "producer": line.producer_id,
                    "first": time_text(missing.first_ns),
                    "last": time_text(missing.last_ns),
                    "missing": missing.count,
                }

    def _name(self, line: StreamLedger) -> str:
        """Name a stream, with its producer where another one reports it as well."""
        if line.stream_id is None:
            return "(none)"
        shared = self._reporters[line.stream_id] > 1
        return f"{line.stream_id} of {line.producer_id}" if shared else line.stream_id

    def _numbers(self, line: StreamLedger) -> tuple[int, ...]:
        missing = self._missing.get(line, 0)
        return (line.received, line.duplicate, line.quarantined, 0, line.late, missing, 0, 0)

    def _line(self, line: StreamLedger) -> dict[str, Json]:
        granularity_ns = line.granularity_ns
        return {
            "stream": line.stream_id,
            **dict(zip(_COLUMNS, self._numbers(line), strict=True)),
            "producer": line.producer_id,
            "object": line.object_dn,
            "granularity_s": None if granularity_ns is None else granularity_ns / _NS_PER_S,
            "first": None if line.first_ns is None else time_text(line.first_ns),
            "last": None if line.last_ns is None else time_text(line.last_ns),
            "repeated": line.repeated,
            "counter_resets": line.counter_resets,
        }

    def _totals(self) -> dict[str, Json]:
        """Add up all streams, and what belongs to none: lost records, and frames by column."""
        columns = zip(*map(self._numbers, self._streams), strict=True)
        sums: dict[str, Json] = dict.fromkeys(_COLUMNS, 0)
        sums.update(zip(_COLUMNS, map(sum, columns), strict=False))
        # Nothing is ever shed here, and nothing fetched again; whose the lost records were is lost.
        sums["unrecoverable"] = self._ledger.unreadable_records
        frames = self._ledger.frames
        return {
            **sums,
            "frames": sum(frames.values()),
            "frames_delivered": frames[Disposition.DELIVERED],
            "frames_duplicate": frames[Disposition.DUPLICATE],
            "frames_quarantined": frames[Disposition.QUARANTINED],
            "keep_alives": frames[Disposition.KEEP_ALIVE],
        }

    def _against(self, reckoning: Reckoning) -> dict[str, Json]:
        return {
            "sent": reckoning.sent,
            "acknowledged": reckoning.acknowledged,
            "from_others": reckoning.from_others,
            "received": reckoning.received,
            "lost_on_the_way": reckoning.lost_on_the_way,
            "missing": reckoning.missing,
        }


def _seconds(line: StreamLedger) -> str:
    granularity_ns = line.granularity_ns
    return "-" if granularity_ns is None else f"{granularity_ns / _NS_PER_S:g} s"


def _sum_line(reckoning: Reckoning) -> str:
    return (
        f"sent {reckoning.sent} + from others {reckoning.from_others} = "
        f"received {reckoning.received} + lost on the way {reckoning.lost_on_the_way} "
        f"+ acknowledged and missing {reckoning.missing}"
    )


def _print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            click.echo("\t".join(row))
        return
    table = Table(box=SIMPLE)
    # What is nothing everywhere is left out, so that the numbers have room.
    shown = [
        number
        for number, heading in enumerate(headings)
        if heading in _ALWAYS_SHOWN or any(row[number] != "0" for row in rows)
    ]
    for number in shown:
        is_name = headings[number] == "stream"
        justify: Literal["left", "right"] = "left" if is_name else "right"
        table.add_column(headings[number], justify=justify, no_wrap=not is_name)
    for row in rows:
        table.add_row(*(row[number] for number in shown))
    Console().print(table)
