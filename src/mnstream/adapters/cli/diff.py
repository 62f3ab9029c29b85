"""``mnstream diff``: two captures compared value by value."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mnstream.adapters.captures import Comparison, Difference
from mnstream.adapters.cli.command import DOES_NOT_HOLD, DONE, Command, json_option, print_json
from mnstream.adapters.cli.reading import (
    explained_failures,
    name_unknown_records,
    open_captures,
    reading_bar,
    watched,
)
from mnstream.adapters.storage import Hole
from mnstream.core.values import Json


@click.command(cls=Command)
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--stream", "stream_id", metavar="ID", help="Compare only this stream.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help="Print at most so many differences; all are counted.",
)
@json_option
def diff(*, a: Path, b: Path, stream_id: str | None, limit: int | None, as_json: bool) -> int:
    """Compare two captures value by value; exit code 0 when they say the same.

    Units belong together by stream and end of the granularity period. Compared are values by
    metric, trace records, payloads of other kinds, and streams as they were announced. Numbers of
    equal value are equal (1 and 1.0), and NaN equals NaN. Connections, producers, encodings and
    times of reception do not count, nor do duplicates and keep-alives, nor fields of GPB beside
    those that this release knows. Where one of two units came in ASN.1, whole seconds are compared,
    because its times have no more.

    Parts that cannot be read are named on standard error, and the exit code is 1. With --json, one
    difference a line, and at last how much was compared. Any order is compared in bounded memory:
    what differs waits in a temporary file.
    """
    holes: list[Hole] = []

    def note(hole: Hole) -> None:
        holes.append(hole)
        click.echo(f"mnstream diff: {hole}", err=True)

    differences = 0
    with explained_failures("diff"), Comparison.open(stream_id=stream_id) as comparison:
        readers = open_captures(a, b)
        with reading_bar("comparing", readers) as move:
            first, second = (watched(reader.entries(), move) for reader in readers)
            comparison.read(first, second, on_hole=note)
        for reader in readers:
            name_unknown_records("diff", reader.unknown_records)
        for difference in comparison.differences():
            differences += 1
            if limit is None or differences <= limit:
                _print(difference, as_json=as_json)
        if as_json:
            print_json(
                {
                    "compared": comparison.compared,
                    "equal": comparison.equal,
                    "differences": differences,
                }
            )
        else:
            click.echo(
                f"{comparison.compared} units compared, {comparison.equal} equal, "
                f"{differences} differences"
            )
    return DOES_NOT_HOLD if differences or holes else DONE


def _print(difference: Difference, *, as_json: bool) -> None:
    if as_json:
        print_json(difference.as_json())
        return
    told = difference.as_json()
    stream = f"stream {told['stream']}" if told["stream"] is not None else "no stream"
    place = " ".join(str(part) for part in (stream, told["time"], told["metric"]) if part)
    match difference.kind:
        case "missing":
            click.echo(f"{place}: only in A: {_text(difference.a)}")
        case "surplus":
            click.echo(f"{place}: only in B: {_text(difference.b)}")
        case _:
            click.echo(f"{place}: {_text(difference.a)} | {_text(difference.b)}")


def _text(value: Json) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
