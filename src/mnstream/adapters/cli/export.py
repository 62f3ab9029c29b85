"""``mnstream export``: a data directory or a capture for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from mnstream.adapters.cli.command import (
    COULD_NOT_START,
    DOES_NOT_HOLD,
    DONE,
    WRONG_USAGE,
    Command,
    fail,
)
from mnstream.adapters.cli.inspect import Codec, Time
from mnstream.adapters.cli.reading import (
    explained_failures,
    name_unknown_records,
    open_captures,
    reading_bar,
)
from mnstream.adapters.export import (
    FORMATS,
    BadExport,
    ExportConfig,
    ExportSummary,
    NotInstalled,
    Selection,
    export_log,
)
from mnstream.adapters.storage import Hole
from mnstream.core.values import SerializationFormat
from mnstream.ports.payload_codec import PayloadCodec

_STANDARD_OUTPUT = Path("-")


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    required=True,
    help="jsonl: what inspect --json prints. csv, parquet: a row for each value. capture: one file "
    "that all commands read.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    required=True,
    help="File, which is there whole or not at all, outside of what is exported; - for standard "
    "output.",
)
@click.option("--stream", "stream_id", metavar="ID", help="Only units of this stream.")
@click.option("--since", type=Time(), help="Only what was received at this time or later.")
@click.option("--until", type=Time(), help="Only what was received before this time.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many units.")
@click.option(
    "--encoding",
    type=click.Choice([each.value for each in SerializationFormat]),
    help="Convert the performance data of a capture.",
)
@click.option(
    "--codec",
    "codecs",
    type=Codec(),
    multiple=True,
    help="Decode opaque payloads with this Python object; may be given several times.",
)
def export(
    *,
    path: Path,
    file_format: str,
    output: Path,
    stream_id: str | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    encoding: str | None,
    codecs: tuple[PayloadCodec, ...],
) -> int:
    """Copy the units in a data directory or one file of it, for other tools.

    Columns of csv and parquet: connection, producer, stream, object, received, time, metric, value
    (the number), integer (the same exactly), text (texts; sub-counters and whole units without
    values, such as trace records, as JSON), kind (empty for delivered data), cause. For example in
    DuckDB: SELECT object, avg(value) FROM 'out.parquet' WHERE metric = 'RRC.ConnMean' AND kind = ''
    GROUP BY object.

    A capture takes frames whole, with every unit that is in them. Parts that cannot be read, and
    what another encoding cannot carry, are named on standard error. The exit code is 1 when parts
    could not be read, or frames could not be converted: those are kept as they were, quarantined
    as unconvertible.
    """
    config = ExportConfig(
        format=file_format,
        selection=Selection(stream_id=stream_id, since_ms=since, until_ms=until, limit=limit),
        encoding=None if encoding is None else SerializationFormat(encoding),
        codecs=codecs,
    )
    to_file = output != _STANDARD_OUTPUT
    if to_file and _is_part(output, path):
        fail(f"export: {output} is a part of what is exported", code=WRONG_USAGE)
    with explained_failures("export", output=str(output) if to_file else "standard output"):
        (reader,) = open_captures(path)
        try:
            with reading_bar("export", [reader]) as move:
                summary = export_log(
                    reader,
                    output if to_file else None,
                    config,
                    on_hole=_name_hole,
                    on_progress=move,
                )
        except BadExport as error:
            fail(f"export: {error}", code=WRONG_USAGE)
        except NotInstalled as error:
            fail(f"export: {error}", code=COULD_NOT_START)
    _name_losses(summary)
    unconverted = any(kept for _, kept in summary.lost)
    return DOES_NOT_HOLD if summary.holes or unconverted else DONE


def _is_part(output: Path, source: Path) -> bool:
    """Tell whether a file is the source, or in its directory: another file would take its place."""
    if source.is_dir():
        return source.resolve() in output.resolve().parents
    return source.exists() and output.exists() and output.samefile(source)


def _name_hole(hole: Hole) -> None:
    click.echo(f"mnstream export: {hole}", err=True)


def _name_losses(summary: ExportSummary) -> None:
    """Say what is not in the output, each kind once."""
    for (what, kept), (count, first) in summary.lost.items():
        outcome = "frame kept as it was" if kept else "left out"
        click.echo(
            f"mnstream export: {what}, {outcome}: {count} times, first in record {first.position},"
            f" {first.place}",
            err=True,
        )
    name_unknown_records("export", summary.unknown_records)
