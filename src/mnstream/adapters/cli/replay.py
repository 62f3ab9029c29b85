"""``mnstream replay``: a capture sent to a collector."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from pathlib import Path

import anyio
import click
from anyio import to_thread

from mnstream.adapters.cli.command import (
    COULD_NOT_START,
    DOES_NOT_HOLD,
    DONE,
    INTERRUPTED,
    Command,
    backend_option,
    fail,
    json_option,
    obey_signals,
    print_json,
    run,
)
from mnstream.adapters.cli.dialling import Dialling, dialling_options
from mnstream.adapters.cli.inspect import Time
from mnstream.adapters.cli.reading import (
    STANDARD_INPUT,
    STEPS_OF_A_BAR,
    explained_failures,
    name_unknown_records,
    open_captures,
    open_lines,
    reading_bar,
)
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.replaying import (
    AS_FAST_AS_POSSIBLE,
    ReplaySettings,
    ReplaySummary,
    Step,
    replaying,
)
from mnstream.adapters.storage import Hole, LogReader

_SUMMARY = ("frames", "sent", "acknowledged", "resent", "dropped", "connections", "seconds")
_STEP = "step"


class Speed(click.ParamType[float | str]):
    """How many times as fast as it was received; ``max`` or ``step``."""

    name = "speed"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Return a number, 0 for ``max``, or "step"."""
        if isinstance(value, float):
            return value  # click converts what is converted already
        text = str(value)
        if text == _STEP:
            return text
        if text == "max":
            return AS_FAST_AS_POSSIBLE
        try:
            speed = float(text)
        except ValueError:
            speed = math.nan
        if not 0 < speed < math.inf:
            self.fail(f"{text!r} is neither a positive number nor max or step", param, ctx)
        return speed


@click.command(cls=Command)
@click.argument("capture", type=click.Path(path_type=Path))
@dialling_options("Root of the collector.")
@click.option(
    "--speed",
    type=Speed(),
    metavar="N|max|step",
    default="1",
    show_default=True,
    help="1 keeps the pauses between frames, N makes them N times as short, max leaves them out, "
    "step sends one frame for each line of standard input.",
)
@click.option("--since", type=Time(), help="Only what was received at this time or later.")
@click.option("--until", type=Time(), help="Only what was received before this time.")
@backend_option
@json_option
def replay(
    *,
    capture: Path,
    dialling: Dialling,
    speed: float | str,
    since: int | None,
    until: int | None,
    backend: str,
    as_json: bool,
) -> int:
    """Send a capture or data directory to a collector, until everything is acknowledged.

    Each connection of it becomes a connection with the same producer and streams, which are added
    and removed between the same frames. Frames are sent byte for byte in the order of the log.
    Duplicates and keep-alives are not sent again; quarantined frames are, because they were
    received. At full speed the order over connections is not kept.

    Exit code 0 only if all that was sent was acknowledged and the whole capture could be read.
    SIGTERM and SIGINT stop reading, and what was read is delivered; the exit code is 130 then.
    """
    dialling.check()
    settings = ReplaySettings(
        target=dialling.target,
        tls=dialling.tls(),
        profile=dialling.profile,
        speed=AS_FAST_AS_POSSIBLE if isinstance(speed, str) else speed,
        since_ms=since,
        until_ms=until,
        config=dialling.config,
    )
    with explained_failures("replay"):
        (reader,) = open_captures(capture)
        step = _lines() if speed == _STEP else None
        summary, holes, interrupted = _run(settings, reader, step, backend=backend)
        name_unknown_records("replay", reader.unknown_records)
    if summary is None:
        return INTERRUPTED
    if not summary.frames and not summary.connections and not summary.failures:
        code = INTERRUPTED if interrupted else COULD_NOT_START
        fail("replay: there is nothing to replay", code=code)
    _tell(summary, dialling.target, as_json=as_json)
    return exit_code(summary, holes, interrupted=interrupted)


def exit_code(summary: ReplaySummary, holes: int, *, interrupted: bool) -> int:
    """Say what a replay comes to; after a signal it is never done, because a part is not sent."""
    if not summary.channels:
        return COULD_NOT_START
    if summary.dropped or summary.unattributed or holes:
        return DOES_NOT_HOLD
    return INTERRUPTED if interrupted else DONE


def _run(
    settings: ReplaySettings, reader: LogReader, step: Step | None, *, backend: str
) -> tuple[ReplaySummary | None, int, bool]:
    """Replay until it is over or a signal comes; a second signal does not wait for the end.

    Returns:
        What became of it, None when the second signal came; how many holes the capture has; and
        whether a signal came.
    """
    summaries: list[ReplaySummary] = []
    holes: list[Hole] = []
    signals: list[int] = []

    def note(hole: Hole) -> None:
        holes.append(hole)
        click.echo(f"mnstream replay: {hole}", err=True)

    async def main() -> int:
        stopped = anyio.Event()

        def stop(code: int) -> None:
            signals.append(code)
            stopped.set()

        async with background() as tasks:
            with anyio.CancelScope() as scope, reading_bar("replaying", [reader]) as move:
                tasks.start_soon(obey_signals, stop, scope.cancel)
                summaries.append(
                    await replaying(
                        settings,
                        reader,
                        stop=stopped,
                        step=step,
                        on_hole=note,
                        progress=_now_and_then(move),
                    )
                )
        return DONE

    run(main, backend=backend)
    return (summaries[0] if summaries else None), len(holes), bool(signals)


def _now_and_then(move: Callable[[], None]) -> Callable[[], None]:
    """Move a bar for some entries only."""
    numbers = count()

    def progress() -> None:
        if not next(numbers) % STEPS_OF_A_BAR:
            move()

    return progress


def _lines() -> Step:
    """Make a step of each line of standard input; its end is the end."""
    file = open_lines(STANDARD_INPUT, option="--speed")

    async def step() -> bool:
        # Abandoned when cancelled: nobody can interrupt a read from a terminal.
        return bool(await to_thread.run_sync(file.readline, abandon_on_cancel=True))

    return step


def _tell(summary: ReplaySummary, target: str, *, as_json: bool) -> None:
    if as_json:
        print_json({name: getattr(summary, name) for name in _SUMMARY})
    else:
        click.echo(
            f"{summary.acknowledged} of {summary.frames} frames acknowledged in "
            f"{summary.seconds:.1f} s, {summary.resent} sent again, "
            f"{summary.connections} connections"
        )
    if summary.unattributed:
        click.echo(
            f"mnstream replay: {summary.unattributed} frames not sent: damage in the capture "
            "swallowed their connection",
            err=True,
        )
    for producer_id, stream_id, exception in summary.refused:
        click.echo(
            f"mnstream replay: stream {stream_id} of {producer_id} was refused: {exception}",
            err=True,
        )
    for producer_id, reason in summary.failures:
        click.echo(f"mnstream replay: {target}: {producer_id}: {reason}", err=True)
