"""All commands, and what their failures come to."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import cast

import click

from mnstream.adapters.cli.command import DONE, INTERRUPTED, WRONG_USAGE, CommandFailed

COMMANDS: Mapping[str, str] = {
    "collect": "Receive streaming data, store it, acknowledge what is safe.",
    "report": "Measure or read, and report to a collector.",
    "notify": "Number, store and deliver notifications.",
    "subscribe": "Receive notifications in sequence, fetch what is missing.",
    "inspect": "Show what was received, decoded and with names.",
    "export": "Copy what was received for other tools.",
    "replay": "Send a capture to a collector.",
    "diff": "Compare two captures value by value.",
    "audit": "Reckon up what was received, and name each hole.",
    "lifecycle": "Show the state machines as they run.",
    "demo": "Run the whole system here, break it, reckon up.",
    "bench": "Measure against what others offer.",
}
"""Every command, as help lists it; each is in a module of its name."""


class Commands(click.Group):
    """A group that imports a command when it is used: none needs what all of them need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mnstream.adapters.cli.{cmd_name}")
        return cast("click.Command", getattr(module, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(package_name="mnstream", message="%(prog)s %(version)s")
def cli() -> None:
    """Move management data of a 3GPP network and prove that none was lost.

    Streaming data reporting (TS 28.532 11.5): network functions dial out to a collector with HTTP
    and WebSocket and report performance, trace, analytics and proprietary data.

    Reliable notifications (3GPP SA5 study): every notification of a subscription has a number and
    is stored; the consumer finds holes and fetches what is missing.
    """


def run_command() -> int:
    """Run the command line and give its exit code; errors are one line on standard error."""
    try:
        code = cli.main(prog_name="mnstream", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help, which has its lines
        return WRONG_USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "mnstream"
        _explain(f"{path}: {error.format_message()}")
        return WRONG_USAGE
    except CommandFailed as error:
        _explain(f"mnstream {error.format_message()}")
        return error.code
    except click.ClickException as error:
        _explain(f"mnstream: {error.format_message()}")
        return error.exit_code
    except click.Abort:  # what click makes of KeyboardInterrupt
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output, for example head(1), has enough.
        sys.stderr.close()
        return DONE
    return code if isinstance(code, int) else DONE


def _explain(text: str) -> None:
    click.echo(" ".join(text.split()), err=True)
