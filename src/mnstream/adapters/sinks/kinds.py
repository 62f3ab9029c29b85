"""Which sinks there are, and how ``--sink URI`` names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from mnstream.adapters.sinks.json_lines_file import JsonLinesFile
from mnstream.adapters.storage import StoredUnit
from mnstream.core.errors import MnSError
from mnstream.ports.sink import Sink

SinkFactory = Callable[[Path], Sink[StoredUnit]]
"""Makes a sink for the log in a data directory; touches nothing before the sink is opened."""


class BadSink(MnSError):
    """No sink can be made of this URI; the text says why, and what would do."""


@dataclass(frozen=True, slots=True)
class SinkKind:
    """One kind of sink.

    Attributes:
        form: How its URIs look, for people.
        make: Makes a factory of what stands behind the colon; raises BadSink.
    """

    form: str
    make: Callable[[str], SinkFactory]


def _jsonl(rest: str) -> SinkFactory:
    if rest in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        raise BadSink(_NOT_STANDARD_OUTPUT)
    if not rest or rest.endswith("/") or "\0" in rest:
        raise BadSink("a file is missing: jsonl:PATH")
    if rest.startswith("//") and not rest.startswith("///"):
        raise BadSink("a file on another host cannot be written: jsonl:PATH, without //")
    # The working directory of now: a service may change it later.
    return partial(JsonLinesFile, Path(rest).absolute())


def _stdout(_rest: str) -> SinkFactory:
    raise BadSink(_NOT_STANDARD_OUTPUT)


_NOT_STANDARD_OUTPUT = (
    "standard output carries the ready line, and what went into a pipe cannot be taken back after"
    " a crash: write jsonl:PATH and read that with tail -F"
)

KINDS: Mapping[str, SinkKind] = MappingProxyType({"jsonl": SinkKind("jsonl:PATH", _jsonl)})
"""Sinks by the scheme of their URIs."""

_REFUSED: Mapping[str, Callable[[str], SinkFactory]] = MappingProxyType({"stdout": _stdout})


def parse_sink(uri: str, *, kinds: Mapping[str, SinkKind] = KINDS) -> SinkFactory:
    """Find the sink that a URI names.

    Args:
        uri: What ``--sink`` was given, for example ``jsonl:measurements.jsonl``.
        kinds: Sinks to choose from, for programs that bring their own: ``{**KINDS, ...}``.

    Raises:
        BadSink: There is no such kind, or it makes nothing of the rest.
    """
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.lower()
    if colon and scheme in kinds:
        make = kinds[scheme].make
    elif scheme in _REFUSED:
        make = _REFUSED[scheme]
    else:
        forms = ", ".join(kind.form for kind in kinds.values())
        # Only the scheme: the rest of a URI may hold a password.
        what = f"{scheme}:" if colon else "a sink without a kind"
        raise BadSink(f"there is no sink {what!r}; known: {forms}")
    try:
        return make(rest)
    except BadSink as problem:
        raise BadSink(f"sink {scheme}: {problem}") from problem
