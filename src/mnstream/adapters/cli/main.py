"""The command ``mnstream``."""

from __future__ import annotations

import sys
from importlib.metadata import version

import click

from mnstream.adapters.cli.audit import audit
from mnstream.adapters.cli.bench import bench
from mnstream.adapters.cli.collect import collect
from mnstream.adapters.cli.command import INTERRUPTED, WRONG_USAGE, CommandFailed
from mnstream.adapters.cli.demo import demo
from mnstream.adapters.cli.diff import diff
from mnstream.adapters.cli.export import export
from mnstream.adapters.cli.inspect import inspect
from mnstream.adapters.cli.lifecycle import lifecycle
from mnstream.adapters.cli.notify import notify
from mnstream.adapters.cli.replay import replay
from mnstream.adapters.cli.report import report
from mnstream.adapters.cli.subscribe import subscribe


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    }
)
@click.version_option(version("mnstream"), message="%(prog)s %(version)s")
def cli() -> None:
    """Move management data of a 3GPP network and prove that none was lost.

    Streaming data reporting (TS 28.532 11.5): network functions dial out to a collector with HTTP
    and WebSocket and report performance, trace, analytics and proprietary data.

    Reliable notifications (3GPP SA5 study): every notification of a subscription has a number and
    is stored; the consumer finds holes and fetches what is missing.
    """


_CAPTURES = (inspect, export, replay, diff, audit)
for _command in (collect, report, notify, subscribe, *_CAPTURES, lifecycle, demo, bench):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; errors are one line on standard error and an exit code."""
    try:
        code = cli.main(prog_name="mnstream", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help, which has its lines
        sys.exit(WRONG_USAGE)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "mnstream"
        _explain(f"{path}: {error.format_message()}")
        sys.exit(WRONG_USAGE)
    except CommandFailed as error:
        _explain(f"mnstream {error.format_message()}")
        sys.exit(error.code)
    except click.ClickException as error:
        _explain(f"mnstream: {error.format_message()}")
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output, for example head(1), has enough.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(text: str) -> None:
    click.echo(" ".join(text.split()), err=True)
