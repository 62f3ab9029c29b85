"""What a measurement was made on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from mnstream.adapters.bench.results import JsonObject
from mnstream.adapters.bench.scratch import disk_directory, filesystem

PACKAGES = (
    *("mnstream", "anyio", "trio", "uvloop", "protobuf", "h11", "websockets", "cbor2"),
    *("trio-websocket", "uvicorn", "wsproto", "transitions"),
)
"""Ours, what it runs on, and the peers."""


def describe(directory: Path | None) -> JsonObject:
    """Describe the machine, the interpreter and the versions of what is measured."""
    where = disk_directory() if directory is None else directory
    return {
        "cpus": os.cpu_count(),
        "load": [round(each, 2) for each in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "filesystem": filesystem(where),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
