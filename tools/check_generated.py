"""Compare the generated files with what their sources give today.

    python tools/check_generated.py            print what is stale; exit code 1 when anything is
    python tools/check_generated.py --write    write it

Generated are the protobuf modules of ``adapters/codecs`` (from ``specs/proto``), the diagrams in
``specs/lifecycles`` and the blocks ``<!-- lifecycle:NAME --> ... <!-- /lifecycle -->`` of
``ARCHITECTURE.md`` (both from the tables that the core runs, as ``mnstream lifecycle`` shows them).
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "specs" / "proto"
CODECS = ROOT / "src" / "mnstream" / "adapters" / "codecs"
LIFECYCLES = ROOT / "specs" / "lifecycles"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"

_BLOCK = re.compile(r"(<!-- lifecycle:([\w-]+) -->\n).*?(<!-- /lifecycle -->)", re.DOTALL)
_SIBLING_IMPORT = re.compile(r"^import (\w+_pb2) as ", re.MULTILINE)


class CannotGenerate(Exception):
    """A source is there, but nothing can be made from it."""


class Generated(NamedTuple):
    """What ought to be in the tree."""

    files: dict[Path, str]
    superfluous: list[Path]


def generate_protobuf(scratch: Path) -> Generated:
    """Run protoc over ``specs/proto``; nothing to do while that folder is absent."""
    committed = [*CODECS.glob("*_pb2.py"), *CODECS.glob("*_pb2.pyi")]
    if not PROTO.is_dir():
        return Generated({}, committed)
    sources = sorted(PROTO.glob("*.proto"))
    if not sources:
        raise CannotGenerate(f"{_relative(PROTO)} holds no .proto file")
    _run(
        [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}"]
        + [f"--python_out={scratch}", f"--pyi_out={scratch}"]
        + [source.name for source in sources]
    )
    files = {CODECS / made.name: _adopt(made) for made in sorted(scratch.glob("*_pb2.py*"))}
    return Generated(files, [path for path in committed if path not in files])


def _adopt(made: Path) -> str:
    """Make protoc's output a good member of our package."""
    # protoc takes the folder that it writes to for a top level of the import path.
    text = _SIBLING_IMPORT.sub(
        r"from mnstream.adapters.codecs import \1 as ", made.read_text(encoding="utf-8")
    )
    if made.suffix == ".pyi":
        # It writes a bare Mapping where a message may be given as a dictionary.
        text = f'# mypy: disable-error-code="type-arg"\n{text}'
    return text


def generate_lifecycles() -> Generated:
    """Ask the command for each diagram; nothing to do while the command is absent."""
    committed = sorted(LIFECYCLES.glob("*.mmd"))
    if not _command_exists():
        return Generated({}, committed)
    names = _lifecycle_names(_lifecycle("--format", "json"))
    if not names:
        raise CannotGenerate("`mnstream lifecycle --format json` names no lifecycle")
    diagrams = {name: _lifecycle(name, "--format", "mermaid").strip() for name in names}
    files = {LIFECYCLES / f"{name}.mmd": f"{text}\n" for name, text in diagrams.items()}
    superfluous = [path for path in committed if path not in files]
    if not ARCHITECTURE.is_file():
        raise CannotGenerate(f"{_relative(ARCHITECTURE)} is missing")
    files[ARCHITECTURE] = _fill_blocks(ARCHITECTURE.read_text(encoding="utf-8"), diagrams)
    return Generated(files, superfluous)


def _command_exists() -> bool:
    try:
        return importlib.util.find_spec("mnstream.adapters.cli.main") is not None
    except ModuleNotFoundError:
        return False


def _lifecycle(*arguments: str) -> str:
    # Through the entry point, not the installed script: there need not be one on the path.
    start = "import sys; from mnstream.adapters.cli.main import main; sys.exit(main())"
    return _run([sys.executable, "-c", start, "lifecycle", *arguments])


def _lifecycle_names(text: str) -> list[str]:
    """Read the names from a list, from one object by name, or from JSON Lines."""
    value: Any
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = [json.loads(line) for line in text.splitlines() if line.strip()]
    if "lifecycles" in value:
        value = value["lifecycles"]
    if "name" in value:
        value = [value]
    return [item if isinstance(item, str) else str(item["name"]) for item in value]


def _fill_blocks(text: str, diagrams: dict[str, str]) -> str:
    def fill(block: re.Match[str]) -> str:
        begin, name, end = block.groups()
        if name not in diagrams:
            raise CannotGenerate(
                f"{_relative(ARCHITECTURE)} shows the lifecycle {name!r}; "
                f"there are {', '.join(sorted(diagrams))}"
            )
        return f"{begin}```mermaid\n{diagrams[name]}\n```\n{end}"

    return _BLOCK.sub(fill, text)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shown = " ".join(command[1:])
        raise CannotGenerate(f"`{shown}` ended with {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def show(wanted: Generated) -> bool:
    """Print the difference between the tree and what it ought to hold; say whether there is one."""
    stale = False
    for path, text in wanted.files.items():
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present != text or not path.exists():
            stale = True
            name = _relative(path)
            lines = difflib.unified_diff(
                present.splitlines(), text.splitlines(), f"{name} (in the tree)", name, lineterm=""
            )
            print("\n".join(lines) or f"{name}: missing")
    for path in wanted.superfluous:
        stale = True
        print(f"{_relative(path)}: nothing generates this file any more")
    return stale


def write(wanted: Generated) -> None:
    """Bring the tree up to date."""
    for path, text in wanted.files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {_relative(path)}")
    for path in wanted.superfluous:
        path.unlink()
        print(f"removed {_relative(path)}")


def main() -> int:
    """Return the exit code: 0 when the tree is up to date (or was brought so), 1 when not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="bring the generated files up to date")
    writing = bool(parser.parse_args().write)
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        generators: list[tuple[str, Callable[[], Generated]]] = [
            ("protobuf modules", lambda: generate_protobuf(Path(scratch))),
            ("lifecycle diagrams", generate_lifecycles),
        ]
        for name, generate in generators:
            try:
                wanted = generate()
            except CannotGenerate as error:
                print(f"{name}: {error}", file=sys.stderr)
                failed = True
                continue
            if writing:
                write(wanted)
            else:
                failed |= show(wanted)
    if failed and not writing:
        print("To bring them up to date: .venv/bin/python tools/check_generated.py --write")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
