"""The core can be imported, and therefore run, where there is no world at all."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.packaging.tree import PACKAGE, ROOT, SOURCE, modules_below

# A list of what is allowed, because one of what is not is never complete. Every module on it is a
# function of its arguments; whoever adds one has looked whether that is true.
MAY_IMPORT = {
    "core": (
        *("__future__", "array", "collections", "collections.abc", "dataclasses", "enum"),
        *("heapq", "itertools", "types", "typing", "zlib", "mnstream.core"),
    ),
    "ports": (
        *("__future__", "collections.abc", "dataclasses", "typing"),
        *("mnstream.core", "mnstream.ports"),
    ),
}
# What reaches the world, or any module, without an import.
REFUSED_BUILTINS = {"__import__", "breakpoint", "eval", "exec", "input", "open", "print"}

WORLD = {"asyncio", "socket", "ssl", "random", "threading", "logging", "trio", "anyio"}

# Says for each module of the core what its import, and no import before it, has loaded.
PROBE = """
import sys
path, *names = sys.argv[1:]
sys.path.insert(0, path)
bare = set(sys.modules)
loaded = {}
for name in names:
    before = set(sys.modules)
    __import__(name)
    loaded[name] = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""


def test_the_core_loads_only_itself_and_a_harmless_part_of_the_standard_library() -> None:
    # `mnstream` first: importing any of its modules runs the facade, which thus must be lazy.
    names = ["mnstream", *modules_below(PACKAGE / "core")]
    command = [sys.executable, "-I", "-c", PROBE, str(SOURCE), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    assert list(loaded) == names
    allowed = (set(sys.stdlib_module_names) - WORLD) | {"mnstream"}
    guilty = {
        name: foreign
        for name, modules in loaded.items()
        if (foreign := [module for module in modules if module.split(".")[0] not in allowed])
    }
    assert guilty == {}


def test_the_core_loads_no_adapter_and_no_port() -> None:
    names = modules_below(PACKAGE / "core")
    command = [sys.executable, "-I", "-c", PROBE, str(SOURCE), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    outside = ("mnstream.adapters", "mnstream.ports", "mnstream.testing")
    everything = [module for modules in loaded.values() for module in modules]
    assert [module for module in everything if module.startswith(outside)] == []


def reached(source: str, part: str) -> Iterator[str]:
    """Yield what a module reaches that it must not, wherever in the module it does."""
    allowed = MAY_IMPORT[part]
    below = tuple(f"{each}." for each in allowed if each.startswith("mnstream."))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules = [each.name for each in names]
            case ast.ImportFrom(module=module, level=level):
                modules = ["." * level + (module or "")]
            case ast.Name(id=name) if name in REFUSED_BUILTINS:
                modules = [name]
            case _:
                continue
        yield from (each for each in modules if each not in allowed and not each.startswith(below))


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_only_harmless_modules_are_imported(part: str) -> None:
    sources = sorted((PACKAGE / part).rglob("*.py"))
    guilty = {
        path.relative_to(ROOT).as_posix(): found
        for path in sources
        if (found := list(reached(path.read_text("utf-8"), part)))
    }
    assert sources
    assert guilty == {}


@pytest.mark.parametrize(
    "source",
    [
        "import lxml",
        "import h11, websockets",
        "import io",
        "from datetime import datetime",
        "import contextvars as types",
        "import collections.abc, tempfile",
        "if TYPE_CHECKING:\n    import socket",
        "def f():\n    import anyio",
        "from importlib import import_module",
        "from mnstream.adapters.http import listen",
        "from mnstream import collecting",
        "import mnstream.corelike",
        "from . import values",
        "open('x')",
    ],
)
def test_the_world_is_found(source: str) -> None:
    assert [list(reached(source, part)) != [] for part in MAY_IMPORT] == [True, True]


def test_the_core_may_not_import_ports() -> None:
    source = "from mnstream.ports.clock import Clock"
    assert list(reached(source, "core")) == ["mnstream.ports.clock"]
    assert list(reached(source, "ports")) == []
