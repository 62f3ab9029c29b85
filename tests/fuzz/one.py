"""Run one target under atheris; ``tests.fuzz`` starts this with the options of libFuzzer."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def main() -> None:
    """Instrument the code that reads, then feed it."""
    atheris: Any = import_module("atheris")  # an extra that not every Python has
    with atheris.instrument_imports(include=["mnstream"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented while it is imported
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
