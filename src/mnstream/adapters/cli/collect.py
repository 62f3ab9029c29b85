"""``mnstream collect``: the consumer of streaming data reporting."""

from __future__ import annotations

from pathlib import Path

import click

from mnstream.adapters.cli.command import (
    Command,
    backend_option,
    fail,
    first_of,
    print_ready,
    run,
    wait_for_signal,
)
from mnstream.adapters.cli.serving import Listening, listening_options
from mnstream.adapters.file import CannotFollow
from mnstream.adapters.runtime.collecting import (
    DEFAULT_BASE_PATH,
    CollectorSettings,
    collecting,
)
from mnstream.adapters.sinks import BadSink, SinkFactory, parse_sink
from mnstream.adapters.storage import Durability, LogConfig, StorageError
from mnstream.core.profiles import PROFILES
from mnstream.ports.sink import SinkError


@click.command(cls=Command)
@listening_options
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory of the log; made when it is missing.",
)
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="Also deliver to jsonl:PATH.")
@click.option(
    "--tail",
    "tails",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also take over what is reported into this capture, or into those in this directory, now "
    "and later; it has to exist. A capture is known by its path: under another name it is taken "
    "over again.",
)
@click.option("--base-path", default=DEFAULT_BASE_PATH, show_default=True, help="Path of the root.")
@click.option("--base-url", help="The root as producers see it, for Location.")
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default="rel19",
    show_default=True,
    help="Reading of the standard where it contradicts itself.",
)
@click.option(
    "--durability",
    type=click.Choice([mode.value for mode in Durability]),
    default=Durability.FSYNC.value,
    show_default=True,
    help="What an acknowledgement means: on the disk, handed to the system, or nothing.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1),
    default=1,
    show_default=True,
    help="Processes; only 1 as yet.",
)
@backend_option
def collect(
    *,
    listening: Listening,
    data: Path,
    sinks: tuple[str, ...],
    tails: tuple[Path, ...],
    base_path: str,
    base_url: str | None,
    profile: str,
    durability: str,
    workers: int,
    backend: str,
) -> int:
    """Receive streaming data, store it, and acknowledge what is durable.

    Prints one line of JSON when it can be reached: {url}/connections is the collection of
    TS 28.532 12.5.1. SIGTERM and SIGINT stop it; nothing acknowledged is lost by that, nor by
    SIGKILL.
    """
    settings = CollectorSettings(
        data=data,
        host=listening.host,
        port=listening.port,
        base_path="/" + base_path.strip("/") if base_path.strip("/") else "",
        base_url=base_url,
        tls=listening.tls,
        admin=listening.admin,
        profile=PROFILES[profile],
        sinks=[_sink(uri) for uri in sinks],
        tails=tails,
        log=LogConfig(durability=Durability(durability)),
    )
    try:
        return run(lambda: _collect(settings), backend=backend)
    except OSError as error:
        where = error.filename or f"{listening.host}:{listening.port}"
        fail(f"collect: {where}: {error.strerror or error}")
    except (CannotFollow, SinkError, StorageError) as error:
        fail(f"collect: {error}")
    except ExceptionGroup as group:
        broken = group.subgroup(SinkError)
        if broken is None:
            raise
        fail(f"collect: {first_of(broken)}")


def _sink(uri: str) -> SinkFactory:
    try:
        return parse_sink(uri)
    except BadSink as error:
        raise click.BadParameter(
            str(error), click.get_current_context(), param_hint="--sink"
        ) from error


async def _collect(settings: CollectorSettings) -> int:
    async with collecting(settings) as collector:
        print_ready("collect", collector.url, collector.admin_url)
        return await wait_for_signal()
