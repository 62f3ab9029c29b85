"""The core can be imported, and therefore run, where there is no world at all."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.packaging.tree import PACKAGE, SOURCE, modules_below

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
