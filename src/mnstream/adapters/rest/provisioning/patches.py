"""Patches: JSON Merge Patch (RFC 7396), JSON Patch (RFC 6902), and 3GPP's forms of both.

A patch gives a new document and leaves the old one as it was, so a patch that fails has changed
nothing. 3GPP's forms may also be about objects below the target (TS 32.158 6.4): in a merge patch
under the name of their class, in a JSON patch as ``/Class=id#/attributes/name``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import NoReturn

from mnstream.adapters.rest.provisioning.limits import ProvisioningLimits
from mnstream.adapters.rest.provisioning.problems import Refusal
from mnstream.core.errors import LimitExceeded
from mnstream.core.values import Json

_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_MEMBERS = {
    "add": {"op", "path", "value"},
    "remove": {"op", "path"},
    "replace": {"op", "path", "value"},
    "move": {"op", "path", "from"},
    "copy": {"op", "path", "from"},
    "test": {"op", "path", "value"},
}
_DEPTH_MAX = 64
"""Levels of a document while it is patched: twice what one body may have."""

ReadPath = Callable[[str], str]
"""Turns a path of a JSON patch into a JSON pointer; raises ``BadPointer``."""


class BadPointer(Exception):
    """A pointer leads nowhere, or is none; the text says why. Never leaves provisioning."""


def merge_patch(document: Json, patch: Json) -> Json:
    """Apply a JSON Merge Patch. Both are bounded in depth already."""
    if not isinstance(patch, dict):
        return patch
    merged: dict[str, Json] = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(
    document: Json, patch: Json, *, limits: ProvisioningLimits, read_path: ReadPath
) -> Json:
    """Apply a JSON Patch, all of it or nothing.

    Args:
        document: What it is applied to.
        patch: The operations.
        limits: How many operations, and how much they may copy.
        read_path: Turns ``path`` and ``from`` into JSON pointers.

    Raises:
        Refusal: 400, 409 when a ``test`` fails, or 413; with the operation that failed.
    """
    if not isinstance(patch, list):
        raise Refusal(400, "a JSON patch is an array of operations")
    if len(patch) > limits.patch_operations_max:
        detail = f"more than {limits.patch_operations_max} operations"
        raise Refusal(413, detail, name=LimitExceeded.name)
    patching = _Patching(document, limits.patch_values_max, read_path)
    for index, operation in enumerate(patch):
        try:
            patching.apply(operation)
        except BadPointer as problem:
            raise Refusal(400, str(problem), bad_op=f"/{index}") from problem
        except _TestFailed as problem:
            detail = f"the value at {problem} is another one"
            raise Refusal(409, detail, name="testFailed", bad_op=f"/{index}") from problem
    return patching.document


def operation_at_fault(patch: Json, bad_attributes: Iterable[str]) -> str | None:
    """Point to the operation after which an object could not be taken; None in a merge patch.

    That is the last one that names an attribute at fault. When none does, for example because it
    replaces all attributes, it is the last one of all, after which the object was looked at.
    """
    if not isinstance(patch, list) or not patch:
        return None
    bad = set(bad_attributes)
    for index in reversed(range(len(patch))):
        operation = patch[index]
        path = operation.get("path") if isinstance(operation, dict) else None
        if isinstance(path, str) and not bad.isdisjoint(path.split("/")):
            return f"/{index}"
    return f"/{len(patch) - 1}"


def is_same(one: Json, other: Json) -> bool:
    """Compare as RFC 6902 4.6 does: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


class _TestFailed(Exception):
    pass


class _Patching:
    """A document while operations are applied to it."""

    def __init__(self, document: Json, values_max: int, read_path: ReadPath) -> None:
        self.document = deepcopy(document)
        self._values_left = values_max
        self._read_path = read_path

    def apply(self, operation: Json) -> None:
        """Apply one operation.

        Raises:
            BadPointer: It is none, or it is about something that is not there.
            _TestFailed: It is a test, and fails.
        """
        if not isinstance(operation, dict):
            raise BadPointer("an operation is an object")
        name = operation.get("op")
        needed = _MEMBERS.get(name) if isinstance(name, str) else None
        if needed is None:
            raise BadPointer(f"op is none of {', '.join(_MEMBERS)}")
        absent = sorted(needed - operation.keys())
        if absent:
            raise BadPointer(f"{absent[0]} is missing")
        path = self._pointer(operation["path"])
        match name:
            case "add":
                self._add(path, operation["value"])
            case "remove":
                self._remove(path)
            case "replace":
                self._replace(path, operation["value"])
            case "test":
                if not is_same(self._at(path), operation["value"]):
                    raise _TestFailed("/".join(("", *path))[:100])
            case "copy":
                self._add(path, self._counted(self._at(self._pointer(operation["from"]))))
            case _:
                source = self._pointer(operation["from"])
                if path[: len(source)] == source and path != source:
                    raise BadPointer("nothing can be moved into itself")
                value = self._counted(self._at(source))
                if path != source:
                    self._remove(source)
                    self._add(path, value)

    def _pointer(self, text: Json) -> tuple[str, ...]:
        if not isinstance(text, str):
            raise BadPointer("path and from are JSON pointers")
        pointer = self._read_path(text)
        start, *segments = pointer.split("/")
        if start or re.search("~(?![01])", pointer):
            raise BadPointer(f"{text[:100]!r} is not a JSON pointer")
        if len(segments) > _DEPTH_MAX:
            raise BadPointer(f"deeper than {_DEPTH_MAX} levels")
        return tuple(segment.replace("~1", "/").replace("~0", "~") for segment in segments)

    def _at(self, path: tuple[str, ...]) -> Json:
        value = self.document
        for segment in path:
            if isinstance(value, dict) and segment in value:
                value = value[segment]
            elif isinstance(value, list):
                value = value[_index(segment, len(value) - 1)]
            else:
                _missing(path)
        return value

    def _add(self, path: tuple[str, ...], value: Json) -> None:
        if len(path) + _depth(value) > _DEPTH_MAX:
            raise BadPointer(f"deeper than {_DEPTH_MAX} levels")
        # The value may be used again or belong to the request: what is put in is a copy.
        value = deepcopy(value)
        if not path:
            self.document = value
            return
        parent, last = self._at(path[:-1]), path[-1]
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
        else:
            _missing(path)

    def _replace(self, path: tuple[str, ...], value: Json) -> None:
        self._at(path)
        if path:
            # In an array, what replaces an item takes its place.
            self._remove(path)
        self._add(path, value)

    def _remove(self, path: tuple[str, ...]) -> None:
        self._at(path)
        if not path:
            self.document = None
            return
        parent = self._at(path[:-1])
        if isinstance(parent, dict):
            del parent[path[-1]]
        elif isinstance(parent, list):
            del parent[_index(path[-1], len(parent) - 1)]

    def _counted(self, value: Json) -> Json:
        """Count what is copied or moved: copies of copies grow fast, and both take time."""
        waiting = [value]
        while waiting:
            self._values_left -= 1
            if self._values_left < 0:
                raise BadPointer("this copies or moves too much")
            each = waiting.pop()
            if isinstance(each, dict):
                waiting.extend(each.values())
            elif isinstance(each, list):
                waiting.extend(each)
        return value


def _index(segment: str, largest: int) -> int:
    if not _INDEX.fullmatch(segment) or int(segment) > largest:
        raise BadPointer(f"the array has no item {segment[:100]!r}")
    return int(segment)


def _depth(value: Json) -> int:
    """Count levels of objects and arrays; the depth is bounded before by body and document."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _missing(path: tuple[str, ...]) -> NoReturn:
    raise BadPointer(f"there is no {'/'.join(('', *path))[:100]!r}")
