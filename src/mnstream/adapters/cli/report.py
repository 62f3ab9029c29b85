"""``mnstream report``: a producer of streaming data reporting."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import anyio
import click

from mnstream.adapters.cli.command import (
    COULD_NOT_START,
    DOES_NOT_HOLD,
    DONE,
    INTERRUPTED,
    WRONG_USAGE,
    Command,
    Number,
    backend_option,
    fail,
    json_option,
    obey_signals,
    print_json,
    run,
)
from mnstream.adapters.cli.dialling import Dialling, dialling_options
from mnstream.adapters.cli.report_feed import Chosen, Simulation, make_feed
from mnstream.adapters.runtime.background import background
from mnstream.adapters.runtime.capturing import capture_directory
from mnstream.adapters.runtime.feeds import Feed
from mnstream.adapters.runtime.reporting import (
    NothingToReport,
    ReporterSettings,
    ReportSummary,
    reporting,
)
from mnstream.adapters.runtime.spool import SpoolConflict
from mnstream.adapters.sources import METRICS_MAX, TRACE_STREAMS_MAX, RecordingFailed
from mnstream.adapters.storage import StorageError
from mnstream.core.effects import ReportEnd
from mnstream.core.streaming.producer import StreamingProducer
from mnstream.core.values import ProducerId, Status

_SUMMARY = ("sent", "acknowledged", "resent", "dropped", "connections", "seconds")


def _producer_id(ctx: click.Context, param: click.Parameter, value: str) -> ProducerId:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # bytes of the command line that are no UTF-8
        raise click.BadParameter(f"{value!r} is not UTF-8", ctx, param) from error
    return ProducerId(value)


@click.command(cls=Command)
@dialling_options("Root of the collector; with --transport file the directory of a capture.")
@click.option(
    "--producer-id", required=True, metavar="DN", callback=_producer_id, help="Who reports."
)
@click.option(
    "--source",
    type=click.Choice(["simulated", "host"]),
    default="simulated",
    show_default=True,
    help="PERFORMANCE of simulated cells, or the counters of this machine.",
)
@click.option(
    "--streams",
    type=click.IntRange(1, TRACE_STREAMS_MAX),
    default=1,
    show_default=True,
    help="Cells that are simulated, and streams of each other type.",
)
@click.option(
    "--metrics",
    type=click.IntRange(1, METRICS_MAX),
    default=12,
    show_default=True,
    help="Values that each of them reports.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["GPB", "ASN1"]),
    default=["GPB"],
    show_default=True,
    help="Encoding of PERFORMANCE; may be given twice: then each cell has two streams. The times "
    "of ASN1 are whole seconds, so more than one frame a second runs ahead of the clock.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(["PERFORMANCE", "TRACE", "ANALYTICS", "PROPRIETARY"]),
    help="Kinds of data; may be given several times: frames of each in turn, all on one "
    "connection. TRACE is always GPB.  [default: all that --from holds, otherwise PERFORMANCE]",
)
@click.option(
    "--from",
    "recording",
    metavar="FILE|-",
    help="Report units of a data directory, of the kinds that --type says and TRACE, ANALYTICS and "
    "PROPRIETARY as they are, or lines of JSON as inspect prints them, of which only "
    "PERFORMANCE is reported; - is standard input. A stream has one description: replay sends a "
    "capture in which it changes.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulation.")
@click.option(
    "--rate",
    type=Number(0),
    help="Frames a second; 0 for as fast as acknowledgements allow.  [default: 0 with --count or "
    "--from, otherwise 1]",
)
@click.option(
    "--count",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Frames in total; 0 for until stopped.",
)
@click.option(
    "--units-per-frame",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Units in a frame; 0 for one of every stream. ANALYTICS and PROPRIETARY have one.",
)
@click.option(
    "--spool",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep frames in this directory until they are acknowledged; what is left over from "
    "before is sent first.",
)
@click.option(
    "--transport",
    type=click.Choice(["http", "trio-websocket", "file"]),
    default="http",
    show_default=True,
    help="trio-websocket acknowledges what was received, not what is durable; file stores in a "
    "capture, for collect --tail.",
)
@backend_option
@json_option
def report(
    *,
    dialling: Dialling,
    producer_id: ProducerId,
    source: str,
    streams: int,
    metrics: int,
    formats: tuple[str, ...],
    types: tuple[str, ...],
    recording: str | None,
    seed: int,
    rate: float | None,
    count: int,
    units_per_frame: int,
    spool: Path | None,
    transport: str,
    backend: str,
    as_json: bool,
) -> int:
    """Measure, and report to a collector until everything is acknowledged.

    Exit code 0 only if all was acknowledged. When the collector goes away, the reporter keeps what
    is not acknowledged and sends it again when the collector is back.
    """
    if transport == "file":
        _check_capture(dialling.target)
    else:
        dialling.check()
    if transport == "trio-websocket" and backend != "trio":
        raise click.UsageError(
            "--transport trio-websocket needs --backend trio", click.get_current_context()
        )
    chosen = Chosen(formats=formats, types=types, recording=recording, source=source)
    simulated = Simulation(
        seed=seed, streams=streams, metrics=metrics, units_per_frame=units_per_frame
    )
    feed = make_feed(chosen, simulated, producer_id)
    settings = ReporterSettings(
        target=dialling.target,
        producer_id=producer_id,
        tls=dialling.tls(),
        profile=dialling.profile,
        transport=transport,
        rate=(0.0 if count or recording else 1.0) if rate is None else rate,
        count=count,
        units_per_frame=units_per_frame,
        spool=spool,
        config=dialling.config,
    )

    def tell(summary: ReportSummary) -> None:
        _tell(summary, dialling.target, as_json=as_json)

    try:
        return run_report(settings, feed, tell, backend=backend)
    except NothingToReport:
        fail("report: there is nothing to report")
    except RecordingFailed as error:
        fail(f"report: --from {recording}: {error}")
    except SpoolConflict as error:
        fail(f"report: --spool {spool}: {error}", code=WRONG_USAGE)
    except (StorageError, OSError) as error:
        fail(f"report: {error}")


def _check_capture(target: str) -> None:
    try:
        capture_directory(target)
    except ValueError as error:
        raise click.BadParameter(
            f"{target!r}: {error}", click.get_current_context(), param_hint="--target"
        ) from error


def _tell(summary: ReportSummary, target: str, *, as_json: bool) -> None:
    if as_json:
        print_json({name: getattr(summary, name) for name in _SUMMARY})
    else:
        click.echo(
            f"{summary.acknowledged} of {summary.acknowledged + summary.dropped} frames "
            f"acknowledged in {summary.seconds:.1f} s, {summary.resent} sent again, "
            f"{summary.connections} connections"
        )
    for stream_id, exception in summary.refused.items():
        click.echo(f"mnstream report: stream {stream_id} was refused: {exception}", err=True)
    if summary.end.reason:
        click.echo(f"mnstream report: {target}: {summary.end.reason}", err=True)


def exit_code(summary: ReportSummary, *, stopped: int = DONE) -> int:
    """Say what a report that came to its end comes to.

    That all was acknowledged is what counts, even if the closing handshake failed after that, and
    if it was nothing because a signal came before it.

    Args:
        summary: What became of it.
        stopped: What the signal that stopped it asks for.
    """
    nothing = not summary.acknowledged + summary.dropped and summary.end.status is Status.SUCCESS
    if not summary.channels and not nothing:
        return COULD_NOT_START
    return DOES_NOT_HOLD if summary.dropped else stopped


def run_report(
    settings: ReporterSettings, feed: Feed, tell: Callable[[ReportSummary], None], *, backend: str
) -> int:
    """Report until it is over or a signal comes; a second signal does not wait for the end.

    Args:
        settings: Where to and how.
        feed: What is reported.
        tell: Is told what became of it, however it ends, unless it ends before there is anything.
        backend: Event loop.

    Returns:
        The exit code.

    Raises:
        Exception: What ``reporting`` raises.
    """
    summaries: list[ReportSummary] = []
    codes = [DONE]
    producers: list[StreamingProducer] = []
    started = time.monotonic()

    async def main() -> int:
        stopped = anyio.Event()

        def stop(code: int) -> None:
            codes.append(code)
            stopped.set()

        def note(producer: StreamingProducer) -> None:
            producers[:] = [producer]

        async with background() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(obey_signals, stop, scope.cancel)
                summaries.append(await reporting(settings, feed, stop=stopped, progress=note))
        return DONE

    reason = ""  # of a failure the error tells
    try:
        run(main, backend=backend)
        reason = "interrupted"
    finally:
        if producers and not summaries:
            tell(_abandoned(producers[0], round(time.monotonic() - started, 3), reason))
    if not summaries:
        return INTERRUPTED
    tell(summaries[0])
    return exit_code(summaries[0], stopped=codes[-1])


def _abandoned(producer: StreamingProducer, seconds: float, reason: str) -> ReportSummary:
    """Tell how far a report came that did not come to its end."""
    left = len(producer.window)
    return ReportSummary(
        sent=producer.window.sent,
        acknowledged=producer.window.acknowledged,
        resent=producer.counts.frames_resent,
        dropped=left,
        connections=producer.counts.connections_created,
        channels=producer.counts.channels_opened,
        seconds=seconds,
        end=ReportEnd(status=Status.FAILURE, unacknowledged=left, reason=reason),
        refused={},
    )
