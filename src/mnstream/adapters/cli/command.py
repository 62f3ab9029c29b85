"""What all commands share: options, configuration, errors, exit codes, and the loop they run on."""

from __future__ import annotations

import json
import os
import signal
import sys
import tomllib
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, cast

import anyio
import click

from mnstream.adapters.observability import configure_logging

DONE = 0
DOES_NOT_HOLD = 1
WRONG_USAGE = 2
COULD_NOT_START = 3
INTERRUPTED = 130

PORT_MAX = 65535


class CommandFailed(click.ClickException):
    """A failure that one line on standard error explains."""

    def __init__(self, message: str, *, code: int = COULD_NOT_START) -> None:
        """Keep the line and the exit code."""
        super().__init__(message)
        self.code = code


class Address(click.ParamType[tuple[str, int]]):
    """``HOST:PORT``; IPv6 addresses in brackets."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Split the text at its last colon."""
        if not isinstance(value, str):
            return cast("tuple[str, int]", value)  # click converts what is converted already
        host, separator, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not separator or not host or not port.isdecimal() or int(port) > PORT_MAX:
            self.fail(f"{value!r} is not HOST:PORT, for example 127.0.0.1:8080", param, ctx)
        return host, int(port)


class Command(click.Command):
    """A command with the options that every command has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Add them behind the command's own."""
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(
                ["--config"],
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                is_eager=True,
                expose_value=False,
                callback=_load_config,
                help="TOML file with a table for each command; keys are option names.",
            ),
            click.Option(
                ["--log-format"],
                type=click.Choice(["text", "json"]),
                default="text",
                show_default=True,
                help="Form of the log on standard error.",
            ),
            click.Option(
                ["--log-level"],
                type=click.Choice(["debug", "info", "warning", "error"]),
                default="info",
                show_default=True,
                help="Least important level that is logged.",
            ),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Start logging before the command does anything."""
        configure_logging(format=ctx.params.pop("log_format"), level=ctx.params.pop("log_level"))
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where options may come from."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text(
            "Every option may also come from --config FILE or from a variable "
            f"{_variable_prefix(ctx)}_OPTION; the command line comes first, then variables."
        )


def _variable_prefix(ctx: click.Context) -> str:
    return ctx.auto_envvar_prefix or "MNSTREAM"


def _load_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is None:
        return None
    try:
        document = tomllib.loads(value.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{value}: {error}", ctx, param) from error
    command = ctx.command
    table = document.get(command.name or "", {})
    known = {option.name for option in command.params} - {"config"}
    given = {str(key).replace("-", "_"): entry for key, entry in table.items()}
    for key in given:
        if key not in known:
            text = f"{value}: [{command.name}] has no option {key!r}"
            raise click.BadParameter(text, ctx, param)
    ctx.default_map = given
    return value


def print_json(value: object) -> None:
    """Print one JSON object on standard output, in one line."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")))


def print_ready(command: str, url: str, admin: str) -> None:
    """Tell scripts that a long-running command can be used now."""
    print_json(
        {"event": "ready", "command": command, "url": url, "admin": admin, "pid": os.getpid()}
    )
    sys.stdout.flush()


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def run(main: Callable[[], Awaitable[int]], *, backend: str) -> int:
    """Run a command's coroutine; asyncio runs on uvloop where that is installed."""
    options: dict[str, Any] = {}
    if backend == "asyncio" and find_spec("uvloop") is not None:
        options["use_uvloop"] = True
    return anyio.run(main, backend=backend, backend_options=options)


async def wait_for_signal() -> int:
    """Wait for SIGTERM or SIGINT and return the exit code that it asks for."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            return INTERRUPTED if number == signal.SIGINT else DONE
    raise AssertionError("the signal receiver does not end")


def fail(message: str, *, code: int = COULD_NOT_START) -> NoReturn:
    """End the command with one line on standard error."""
    raise CommandFailed(message, code=code)


def first_of(group: BaseExceptionGroup[Exception]) -> BaseException:
    """Return the first exception in a group, at whatever depth."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


backend_option = click.option(
    "--backend",
    type=click.Choice(["asyncio", "trio"]),
    default="trio",
    show_default=True,
    help="Event loop; asyncio uses uvloop where it is installed.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON and nothing else on standard output."
)
