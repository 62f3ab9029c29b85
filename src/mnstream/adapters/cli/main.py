"""The command ``mnstream``, as far as signals are concerned.

Nothing that takes time is imported here, so that a signal that comes soon finds somebody.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
"""As shells count it."""


def main() -> None:
    """Run the command line; errors are one line on standard error and an exit code.

    SIGTERM ends a command as SIGINT does, cleaning up; a command with a loop listens itself.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = import_module("mnstream.adapters.cli.commands").run_command()
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
    sys.exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
