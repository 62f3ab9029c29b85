"""What the source tree holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "mnstream"


def files_of_the_project(under: Path = ROOT) -> list[Path]:
    """List the files that git tracks or would track below a folder; without git, all but caches."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", str(under)]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        caches = {"__pycache__", ".git", ".venv", ".hypothesis"}
        found = [path for path in under.rglob("*") if not caches & set(path.parts)]
        return sorted(path for path in found if path.is_file() and "_cache" not in str(path))
    # A file that was deleted but not yet committed is still listed.
    found = [ROOT / name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in found if path.is_file())


def modules_below(folder: Path) -> list[str]:
    """Name every module of the source tree below a folder as it is imported."""
    names = [path.relative_to(SOURCE).with_suffix("") for path in folder.rglob("*.py")]
    dotted = [".".join(name.parts).removesuffix(".__init__") for name in names]
    return sorted(dotted)
