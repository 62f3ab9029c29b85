"""``mnstream bench``: this project and its peers, measured side by side."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from mnstream.adapters.bench.machine import describe
from mnstream.adapters.bench.processes import BenchmarkFailed
from mnstream.adapters.bench.registry import BENCHMARKS
from mnstream.adapters.bench.results import Result, Side
from mnstream.adapters.bench.settings import DEFAULTS, Settings
from mnstream.adapters.cli.command import (
    COULD_NOT_START,
    DOES_NOT_HOLD,
    DONE,
    Command,
    json_option,
    print_json,
)

_COLUMNS = ("", "ratio", "target", "beyond", "", "ours", "peer")


@dataclass(frozen=True, slots=True)
class _Failure:
    """A benchmark that could not measure."""

    name: str
    reason: str


@click.command(cls=Command)
@click.argument(
    "names",
    type=click.Choice(list(BENCHMARKS), case_sensitive=False),
    metavar=f"[{'|'.join(BENCHMARKS)}]...",
    nargs=-1,
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULTS.seconds,
    show_default=True,
    help="Length of one round of one side.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=DEFAULTS.rounds,
    show_default=True,
    help="Rounds of which the median is taken; sides take turns.",
)
@click.option(
    "--connections",
    type=click.IntRange(1),
    default=DEFAULTS.connections,
    show_default=True,
    help="Connections of P3, P4 and P10; subscriptions of P7, 200 at most.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory on the disk to measure on; nothing stays in it.",
)
@click.option("--check", is_flag=True, help="Exit with 1 when a target is missed.")
@json_option
def bench(
    *,
    names: tuple[str, ...],
    seconds: float,
    rounds: int,
    connections: int,
    data: Path | None,
    check: bool,
    as_json: bool,
) -> int:
    """Measure this project against its peers, side by side, as ratios.

    Names select benchmarks; without any, all are run. What each side does is part of the JSON.
    Peers that are not installed are left out; pip install "mnstream[bench]" installs all of them.
    """
    settings = Settings(
        seconds=seconds,
        rounds=rounds,
        connections=connections,
        directory=data,
        say=lambda text: click.echo(text, err=True),
    )
    with _terminated_like_interrupted():
        results, failures = _measure(names or list(BENCHMARKS), settings)
    if as_json:
        print_json(
            {
                "machine": describe(data),
                "results": [result.as_json() for result in results],
                "failures": [{"name": each.name, "reason": each.reason} for each in failures],
            }
        )
    else:
        _show(results)
    if failures:
        return COULD_NOT_START
    if check and not all(result.met for result in results):
        return DOES_NOT_HOLD
    return DONE


@contextmanager
def _terminated_like_interrupted() -> Generator[None]:
    """Let SIGTERM end the block as SIGINT does, so that servers and their logs are cleaned up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _measure(
    names: Sequence[str], settings: Settings
) -> tuple[Sequence[Result], Sequence[_Failure]]:
    """Run benchmarks; one that fails does not keep the others from running."""
    results: list[Result] = []
    failures: list[_Failure] = []
    for name in names:
        settings.say(f"{name} ...")
        try:
            results.append(BENCHMARKS[name](settings))
        except (BenchmarkFailed, OSError) as error:
            failures.append(_Failure(name, str(error)))
            settings.say(f"{name} failed: {error}")
    return results, failures


def _show(results: Sequence[Result]) -> None:
    """Print a line for each result: a table on a terminal, plain text elsewhere."""
    rows = [_row(result) for result in results]
    if sys.stdout.isatty():
        table = Table(*_COLUMNS)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    for name, ratio, target, beyond, met, ours, peer in rows:
        click.echo(f"{name:4} {ratio:>7} (target {target}, beyond {beyond}) {met}: {ours} : {peer}")


def _row(result: Result) -> tuple[str, ...]:
    bound = ">=" if result.target.higher_is_better else "<="
    return (
        result.name,
        "-" if result.ratio is None else f"{result.ratio:.2f}",
        f"{bound} {result.target.reach:g}",
        f"{bound} {result.target.beyond:g}",
        "met" if result.met else result.unavailable or "MISSED",
        _side(result.ours),
        "-" if result.peer is None else _side(result.peer),
    )


def _side(side: Side) -> str:
    number = f"{side.value:,.0f}" if side.value >= 1000 else f"{side.value:.4g}"  # noqa: PLR2004
    return f"{side.name}: {number} {side.unit}"
