"""``mnstream lifecycle``: the state machines as they run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from mnstream.adapters.cli.command import WRONG_USAGE, Command, fail
from mnstream.adapters.statecharts import (
    COLUMNS,
    heading,
    json_value,
    mermaid,
    promela,
    table,
    table_rows,
)
from mnstream.core.lifecycles import LIFECYCLES
from mnstream.core.lifecycles.compile import Lifecycle


@click.command(cls=Command, short_help="Show the state machines as they run.")
@click.argument("name", required=False)
@click.option(
    "--format",
    type=click.Choice(["table", "mermaid", "json", "promela"]),
    default="table",
    show_default=True,
    help="For people, as diagrams, for programs, or as a model for the checker Spin.",
)
def lifecycle(name: str | None, format: str) -> None:  # noqa: A002  # click: the option's name
    """Show the state machines as they run, or only the one that is called NAME."""
    if name is not None and name not in LIFECYCLES:
        known = ", ".join(sorted(LIFECYCLES))
        fail(f"lifecycle: there is no {name!r}; there are {known}", code=WRONG_USAGE)
    chosen = [LIFECYCLES[name]] if name is not None else list(LIFECYCLES.values())
    if format == "table" and sys.stdout.isatty():
        _show(chosen)
    else:
        click.echo(_render(chosen, format))


def _render(chosen: Sequence[Lifecycle[Any]], kind: str) -> str:
    match kind:
        case "json":
            return json.dumps([json_value(each) for each in chosen], indent=2)
        case "promela":
            return promela(chosen)
        case "mermaid":
            return "\n\n".join(mermaid(each) for each in chosen)
        case _:
            return "\n\n".join(table(each) for each in chosen)


def _show(chosen: Sequence[Lifecycle[Any]]) -> None:
    console = Console()
    for each in chosen:
        shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for column in COLUMNS:
            # In 80 columns there is room for everything but the longest clauses.
            shown.add_column(column, overflow="fold", no_wrap=column != COLUMNS[-1])
        for row in table_rows(each):
            shown.add_row(*row)
        console.print(heading(each), "", sep="\n", highlight=False, markup=False)
        console.print(shown, "")
