"""``mnstream inspect``: what a data directory or a capture holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mnstream.adapters.cli.command import DOES_NOT_HOLD, DONE, Command, json_option, print_json
from mnstream.adapters.cli.reading import (
    explained_failures,
    name_unknown_records,
    open_captures,
)
from mnstream.adapters.codecs import load_codec
from mnstream.adapters.sinks import unit_json
from mnstream.adapters.storage import Hole, StoredUnit, stored_units
from mnstream.core.values import Json
from mnstream.ports.payload_codec import PayloadCodec


class Time(click.ParamType[int]):
    """A time: ISO 8601, UTC where no offset is given, or seconds since the Unix epoch."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return milliseconds since the Unix epoch."""
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            return round(float(text) * 1000)
        except (ValueError, OverflowError):  # OverflowError: infinite
            pass
        try:
            time = datetime.fromisoformat(text)
            return round(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1000)
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is neither ISO 8601 nor seconds since 1970", param, ctx)


class Codec(click.ParamType[PayloadCodec]):
    """A user's own codec: ``MODULE:NAME``, found where Python finds modules."""

    name = "MODULE:NAME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> PayloadCodec:
        """Import it."""
        if isinstance(value, PayloadCodec):
            return value
        try:
            return load_codec(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--stream", "stream_id", metavar="ID", help="Only units of this stream.")
@click.option("--since", type=Time(), help="Only what was received at this time or later.")
@click.option("--until", type=Time(), help="Only what was received before this time.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many units.")
@click.option(
    "--codec",
    "codecs",
    type=Codec(),
    multiple=True,
    help="Decode opaque payloads with this Python object; may be given several times.",
)
@json_option
def inspect(
    *,
    path: Path,
    stream_id: str | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    codecs: tuple[PayloadCodec, ...],
    as_json: bool,
) -> int:
    """Show the units in a data directory or one file of it, with metric names and objects.

    With --json, one object a line. Numbers that JSON has not are "NaN", "Infinity" and "-Infinity";
    a text that reads so is {"stringValue": TEXT}, and what a later release added to the formats is
    {"unknown": OCTETS}. Parts that cannot be read are named on standard error and the
    exit code is 1; everything else is shown.
    """
    holes: list[Hole] = []

    def note(hole: Hole) -> None:
        holes.append(hole)
        click.echo(f"mnstream inspect: {hole}", err=True)

    with explained_failures("inspect"):
        (reader,) = open_captures(path)
        for unit in stored_units(
            reader,
            stream_id=stream_id,
            since_ms=since,
            until_ms=until,
            limit=limit,
            on_hole=note,
            codecs=codecs,
        ):
            if as_json:
                print_json(unit_json(unit))
            else:
                _show(unit)
        name_unknown_records("inspect", reader.unknown_records)
    return DOES_NOT_HOLD if holes else DONE


def _show(unit: StoredUnit) -> None:
    shown = unit_json(unit)
    told = unit.cause or ("sent again" if unit.kind == "duplicate" else "")
    kind = f" [{unit.kind}{': ' if told else ''}{told}]" if unit.kind else ""
    click.echo(f"{shown['received']}  stream {unit.stream_id}  {unit.object_dn or ''}{kind}")
    members = shown.get("values") or shown.get("record")
    if isinstance(members, dict):
        _table(members)
    elif unit.payload:
        click.echo(f"    {len(unit.payload)} bytes")
    if unit.decoded is not None:
        _table({unit.decoded.codec: unit.decoded.problem or unit.decoded.value})


def _table(members: dict[str, Json]) -> None:
    width = max(map(len, members), default=0)
    for name, value in members.items():
        click.echo(f"    {name:<{width}}  {value}")
