"""``import mnstream`` offers exactly what ``__all__`` says, and types reach the users."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnstream
from tests.packaging.conftest import Distributions
from tests.packaging.tree import PACKAGE

# What a facade needs for itself.
HELPERS = {"__future__", "typing"}

GOOD_PROGRAM = """\
from mnstream import MnSError, ProtocolError


def clause_of(error: MnSError) -> str:
    return error.clause if isinstance(error, ProtocolError) else ""
"""
# If the types did not arrive, everything would be Any and this would pass.
BAD_PROGRAM = (
    GOOD_PROGRAM
    + """

length: int = clause_of(ProtocolError("no"))
ProtocolError("no").claus
"""
)


def names_bound(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements bind, those under ``TYPE_CHECKING`` included."""
    for statement in statements:
        match statement:
            case ast.ImportFrom(module=module) if module in HELPERS:
                pass
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (name.asname or name.name.split(".")[0] for name in names)
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If(body=body, orelse=orelse) | ast.Try(body=body, orelse=orelse):
                yield from names_bound(body)
                yield from names_bound(orelse)
            case _:
                pass


def place_in_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Order constants, then classes, then the rest, numbers by value: as ruff's RUF022 does."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return kind, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def exported() -> list[str]:
    return list(vars(mnstream)["__all__"])


def test_all_is_what_the_module_binds() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    bound = {name for name in names_bound(tree.body) if not name.startswith("_")}
    assert bound == set(exported())


def test_all_is_sorted_and_free_of_repetition() -> None:
    assert exported() == sorted(set(exported()), key=place_in_order)


def test_every_name_can_be_imported() -> None:
    assert [name for name in exported() if not hasattr(mnstream, name)] == []


@pytest.fixture(scope="module")
def python_with_the_wheel(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Make an interpreter that sees the wheel, and of this one only the other distributions."""
    home = tmp_path_factory.mktemp("downstream") / "venv"
    venv.create(home, with_pip=False)
    names = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", scheme="venv", vars=names))
    with zipfile.ZipFile(distributions.wheel) as wheel:
        wheel.extractall(site)
    # Path files are not followed from here, so the editable install stays out of sight.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Path(sysconfig.get_path("scripts", scheme="venv", vars=names)) / "python"


def check(program: str, python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)]
    command += ["--config-file", "", "--cache-dir", str(folder / "cache"), "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.timeout(180)
def test_a_program_of_a_user_type_checks(python_with_the_wheel: Path, tmp_path: Path) -> None:
    done = check(GOOD_PROGRAM, python_with_the_wheel, tmp_path)
    assert done.stdout == "Success: no issues found in 1 source file\n", done.stdout + done.stderr


@pytest.mark.timeout(180)
def test_a_mistake_of_a_user_is_found(python_with_the_wheel: Path, tmp_path: Path) -> None:
    done = check(BAD_PROGRAM, python_with_the_wheel, tmp_path)
    codes = re.findall(r"\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert codes == ["assignment", "attr-defined"], done.stdout + done.stderr
