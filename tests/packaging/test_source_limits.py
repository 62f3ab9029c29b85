"""A file or a function past its limit is two concepts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.packaging.tree import PACKAGE, ROOT, files_of_the_project

LINES_OF_A_FILE_MAX = 400
LINES_OF_A_FUNCTION_MAX = 70

SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if not path.stem.endswith("_pb2")]


def test_there_are_sources() -> None:
    assert SOURCES


def test_no_file_is_too_long() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    too_long = {
        path.relative_to(ROOT).as_posix(): length
        for path, length in lengths.items()
        if length > LINES_OF_A_FILE_MAX
    }
    assert too_long == {}


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}": length
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LINES_OF_A_FUNCTION_MAX
    }
    assert too_long == {}


DEVELOPERS_PATHS = re.compile(
    r"(?<![\w.~}])(?:/(?:home|Users)/[a-z]|/(?:root|tmp)/[\w.]|[A-Z]:\\Users\\\w)", re.IGNORECASE
)


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see |home|alice|mnstream", True),
        ("'|root|.cache'", True),
        ("data=|tmp|session-1|log", True),
        ("|Users|bob", True),
        ("GET https:||example.com|home|page", False),
        ("~|root|thing, src|tmp|thing", False),
    ],
)
def test_a_developers_path_is_recognised(text: str, found: bool) -> None:
    # With bars for slashes, or this file would be found itself.
    assert bool(DEVELOPERS_PATHS.search(text.replace("|", "/"))) is found


def test_no_file_names_a_path_of_a_developers_machine() -> None:
    named = {
        f"{path.relative_to(ROOT).as_posix()}:{number}": line.strip()
        for path in files_of_the_project()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if DEVELOPERS_PATHS.search(line) or f"{ROOT}/" in line
    }
    assert named == {}
