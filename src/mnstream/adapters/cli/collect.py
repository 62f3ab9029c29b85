"""``mnstream collect``: the consumer of streaming data reporting."""

from __future__ import annotations

import ssl
from pathlib import Path

import click

from mnstream.adapters.cli.command import (
    Address,
    Command,
    backend_option,
    fail,
    first_of,
    is_loopback,
    print_ready,
    run,
    wait_for_signal,
)
from mnstream.adapters.http import server_context
from mnstream.adapters.runtime.collecting import (
    DEFAULT_BASE_PATH,
    CollectorSettings,
    collecting,
)
from mnstream.adapters.sinks import BadSink, SinkFactory, parse_sink
from mnstream.adapters.storage import Durability, LogConfig, StorageError
from mnstream.core.profiles import PROFILES
from mnstream.ports.sink import SinkError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command)
@click.option("--listen", type=Address(), required=True, help="Address; port 0 takes a free one.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Directory of the log; made when it is missing.",
)
@click.option("--sink", "sinks", multiple=True, metavar="URI", help="Also deliver to jsonl:PATH.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, help="Its private key, PEM.")
@click.option("--client-ca", type=_FILE, help="Roots of client certificates: mutual TLS.")
@click.option("--admin", type=Address(), help="Own address of /healthz, /metrics and the like.")
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
@click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
@backend_option
def collect(
    *,
    listen: tuple[str, int],
    data: Path,
    sinks: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    admin: tuple[str, int] | None,
    base_path: str,
    base_url: str | None,
    profile: str,
    durability: str,
    workers: int,
    insecure: bool,
    backend: str,
) -> int:
    """Receive streaming data, store it, and acknowledge what is durable.

    Prints one line of JSON when it can be reached: {url}/connections is the collection of
    TS 28.532 12.5.1. SIGTERM and SIGINT stop it; nothing acknowledged is lost by that, nor by
    SIGKILL.
    """
    tls = _tls(tls_cert, tls_key, client_ca)
    for option, address, is_plain in (
        ("--listen", listen, tls is None),
        ("--admin", admin, True),
    ):
        if address is not None and is_plain and not is_loopback(address[0]) and not insecure:
            raise click.UsageError(
                f"{option} {address[0]} can be reached from elsewhere and would be plain HTTP; "
                "use a loopback address, --tls-cert and --tls-key, or --insecure",
                click.get_current_context(),
            )
    settings = CollectorSettings(
        data=data,
        host=listen[0],
        port=listen[1],
        base_path="/" + base_path.strip("/") if base_path.strip("/") else "",
        base_url=base_url,
        tls=tls,
        admin=admin,
        profile=PROFILES[profile],
        sinks=[_sink(uri) for uri in sinks],
        log=LogConfig(durability=Durability(durability)),
    )
    try:
        return run(lambda: _collect(settings), backend=backend)
    except OSError as error:
        where = error.filename or f"{listen[0]}:{listen[1]}"
        fail(f"collect: {where}: {error.strerror or error}")
    except (SinkError, StorageError) as error:
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


def _tls(certificate: Path | None, key: Path | None, ca: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        raise click.UsageError(
            "--tls-cert and --tls-key belong together, and --client-ca needs both",
            click.get_current_context(),
        )
    try:
        return server_context(certificate, key, client_ca=ca)
    except OSError as error:
        raise click.UsageError(f"TLS: {error}", click.get_current_context()) from error
