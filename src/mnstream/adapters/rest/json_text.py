"""JSON as strict as RFC 7493 (I-JSON): one reading for everybody, and no surprise for the reader.

Refused beside what is no JSON: members given twice, because two readers may believe two different
ones; NaN and Infinity; numbers that do not fit; lone surrogates, which no later text could carry.
"""

from __future__ import annotations

import json
from itertools import accumulate
from math import isfinite
from typing import NoReturn, cast

from mnstream.adapters.rest.limits import RestLimits
from mnstream.core.errors import LocalProtocolError, MnSError
from mnstream.core.values import Json

_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}


class Unreadable(MnSError):
    """A text is not what it should be; never leaves this package."""


def write_json(value: Json) -> bytes:
    """Write a value as compact ASCII.

    Raises:
        LocalProtocolError: Our caller's value is not JSON, for example NaN, or nobody could read
            it: half of a surrogate pair.
    """
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
        if b"\\ud" in text:  # half of a pair, or a whole one
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as problem:
        raise LocalProtocolError(f"not a JSON value: {problem}") from problem
    return text


def read_json(body: bytes, limits: RestLimits) -> Json:
    """Read a value; time and memory are linear in the length of the body and bounded by ``limits``.

    Raises:
        Unreadable: With the reason, in words for the sender.
    """
    _check_structure(body, limits)

    def integer(text: str) -> int:
        _check_length(text)
        return int(text)

    def decimal(text: str) -> float:
        _check_length(text)
        number = float(text)
        if not isfinite(number):
            raise Unreadable(f"the number {text} does not fit into 64 bits")
        return number

    def _check_length(text: str) -> None:
        if len(text) > limits.number_chars_max:
            raise Unreadable(f"a number has more than {limits.number_chars_max} characters")

    try:
        # A byte order mark is no JSON, but some platforms write one and RFC 8259 8.1 lets us pass.
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=integer,
            parse_float=decimal,
            parse_constant=_refuse_constant,
        )
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as problem:
        raise Unreadable("not UTF-8") from problem
    except UnicodeEncodeError as problem:
        raise Unreadable("half of a surrogate pair") from problem
    except json.JSONDecodeError as problem:
        raise Unreadable(
            f"not JSON: {problem.msg} at line {problem.lineno} column {problem.colno}"
        ) from problem
    return cast("Json", value)


def _check_structure(body: bytes, limits: RestLimits) -> None:
    """Refuse too many values and too deep a nesting, exactly up to the first byte that is no JSON.

    What this costs, and what is made of a body that passes, is bounded: in memory two bytes of an
    empty array become 56.
    """
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    # A value has at most a text and a name, so a body with more quotes has too many values.
    too_many = unescaped.count(b'"') > 4 * limits.json_values_max
    outside_of_strings = b"" if too_many else b"".join(unescaped.split(b'"')[::2])
    brackets = outside_of_strings.translate(None, delete=_NO_BRACKETS)
    # What is not the first in its array or object has a comma before it.
    if too_many or outside_of_strings.count(b",") + len(brackets) > limits.json_values_max:
        raise Unreadable(f"more than {limits.json_values_max} values")
    depths = accumulate(_STEP[bracket] for bracket in brackets)
    if any(depth > limits.json_depth_max for depth in depths):
        raise Unreadable(f"nested deeper than {limits.json_depth_max} levels")


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("an object has two members of the same name")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is not JSON")
