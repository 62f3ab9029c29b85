"""Pin every dependency: the newest versions into requirements/dev.txt, the oldest into lowest.txt.

Run it as `make lock`, which installs uv first. The pins hold for every operating system and every
Python version that ``pyproject.toml`` allows.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
FOR_ALL = ["--quiet", "--no-header", "--universal", "--python-version", "3.11"]
NAMED = {
    "dev.txt": (["--extra", "dev"], "the newest version of everything that tests and gates need"),
    "lowest.txt": (
        ["--resolution", "lowest-direct"],
        "the oldest version of every runtime dependency that pyproject.toml allows",
    ),
}


def main() -> None:
    """Write the files of ``requirements/`` anew."""
    today = datetime.datetime.now(tz=datetime.UTC).date()  # noqa: TID251 - a tool, not the core
    for name, (options, what) in NAMED.items():
        done = subprocess.run(
            [*COMPILE, *FOR_ALL, *options], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        head = f"# Constraints of {today}: {what}.\n# Written by: make lock\n"
        path = ROOT / "requirements" / name
        path.write_text(head + done.stdout.decode(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
