"""What all commands share: options, configuration, errors, exit codes, and the loop they run on."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import tomllib
from collections.abc import Awaitable, Callable, Iterable
from importlib.util import find_spec
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


class Number(click.FloatRange):
    """A number that is one: neither NaN, which every comparison lets pass, nor infinite."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class Command(click.Command):
    """A command with the options that every command has.

    Each option is named by its long flag wherever it comes from: ``--tls-cert`` of ``collect`` is
    the key ``tls_cert`` (or ``tls-cert``) in the table ``[collect]``, and the variable
    MNSTREAM_COLLECT_TLS_CERT.
    """

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
        for name, option in self.options.items():
            option.envvar = f"{self.variable_prefix}_{name.upper()}"

    @property
    def variable_prefix(self) -> str:
        """What the variables of this command start with."""
        return f"MNSTREAM_{self.name or ''}".upper().replace("-", "_")

    @property
    def options(self) -> dict[str, click.Option]:
        """The options by the names that they have in files and variables."""
        return {
            _flag(option).lstrip("-").replace("-", "_"): option
            for option in self.params
            if isinstance(option, click.Option)
        }

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
            f"{self.variable_prefix}_OPTION; the command line comes first, then variables."
        )


def _flag(option: click.Option) -> str:
    return max(option.opts, key=len)


def _load_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is None:
        return None
    try:
        document = tomllib.loads(value.read_text(encoding="utf-8"))
        table = _table_of(ctx, document)
        ctx.default_map = _defaults(ctx, table)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{value}: {error}", ctx, param) from error
    return value


def _table_of(ctx: click.Context, document: dict[str, Any]) -> dict[str, Any]:
    """Give the table of this command.

    Raises:
        ValueError: The document has something else than a table for each command.
    """
    group = ctx.parent.command if ctx.parent is not None else None
    name = ctx.command.name or ""
    known = sorted(group.list_commands(ctx)) if isinstance(group, click.Group) else [name]
    for key, table in document.items():
        if key not in known:
            raise ValueError(f"there is no command for {key!r}; tables are {_listed(known)}")
        if not isinstance(table, dict):
            raise ValueError(f"{key} must be a table: [{key}]")
    return cast("dict[str, Any]", document.get(name, {}))


def _defaults(ctx: click.Context, table: dict[str, Any]) -> dict[str, Any]:
    """Give the values of a table by the names of the command's parameters.

    Raises:
        ValueError: There is no such option, or a value is not one of it.
    """
    command = ctx.command
    assert isinstance(command, Command)
    options = command.options
    del options["config"]
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        option = options.get(key.replace("-", "_"))
        if option is None:
            raise ValueError(
                f"[{command.name}] has no option {key!r}; options are {_listed(options)}"
            )
        try:
            _check_type(option, value)
            option.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise ValueError(f"[{command.name}] {key}: {error.message}") from error
        except (TypeError, OverflowError) as error:
            raise ValueError(f"[{command.name}] {key}: {error}") from error
        assert option.name is not None
        defaults[option.name] = value
    return defaults


def _check_type(option: click.Option, value: object) -> None:
    """Raise TypeError unless TOML's type of the value is the one that the option has.

    Otherwise 2.5 would pass for 2, and ``[1]`` for a text.
    """
    expected: tuple[type, ...]
    if option.is_flag:
        expected, name = (bool,), "true or false"
    elif isinstance(option.type, click.types.IntParamType):
        expected, name = (int,), "an integer"
    elif isinstance(option.type, click.types.FloatParamType):
        expected, name = (int, float), "a number"
    else:
        expected, name = (str,), "a string"
    values = [value]
    if option.multiple:
        if not isinstance(value, list):
            raise TypeError(f"{value!r} is not a list; each entry is {name}")
        values = cast("list[object]", value)
    for each in values:
        # To Python, true is an integer as well.
        if not isinstance(each, expected) or isinstance(each, bool) is not option.is_flag:
            raise TypeError(f"{each!r} is not {name}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def print_json(value: object) -> None:
    """Print one JSON object on standard output, in one line."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")))


def print_ready(command: str, url: str, admin: str) -> None:
    """Tell scripts that a long-running command can be used now."""
    print_json(
        {"event": "ready", "command": command, "url": url, "admin": admin, "pid": os.getpid()}
    )
    sys.stdout.flush()


def run(main: Callable[[], Awaitable[int]], *, backend: str) -> int:
    """Run a command's coroutine; asyncio runs on uvloop where that is installed.

    The coroutine listens to SIGTERM itself; until it does, the signal ends the process, because an
    exception that comes out of anywhere would leave a loop in no state at all.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    options: dict[str, Any] = {}
    if backend == "asyncio" and find_spec("uvloop") is not None:
        options["use_uvloop"] = True
    try:
        return anyio.run(main, backend=backend, backend_options=options)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise KeyboardInterrupt from group  # as it is without task groups


async def wait_for_signal(listening: Callable[[], None] | None = None) -> int:
    """Wait for SIGTERM or SIGINT and return the exit code that it asks for.

    ``listening`` is called when a signal is surely seen, for example to say that all is ready.
    """
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        if listening is not None:
            listening()
        async for number in signals:
            return _code_of(number)
    raise AssertionError("the signal receiver does not end")


async def obey_signals(stop: Callable[[int], None], give_up: Callable[[], None]) -> None:
    """Stop at the first SIGTERM or SIGINT, with the exit code that it asks for; then give up.

    A third one ends the process as if nobody listened.
    """
    stopping = False
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            if stopping:
                break
            stopping = True
            stop(_code_of(number))
    give_up()


def _code_of(number: signal.Signals) -> int:
    return INTERRUPTED if number == signal.SIGINT else DONE


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
