"""The texts of notifications within the text of an answer, byte for byte as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.core.values import Json

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def notification_texts(body: bytes, attributes: dict[str, Json]) -> Iterator[bytes]:
    """Give the text of each notification; the body is known to be JSON.

    Writing again what was read could change numbers, escapes and order, and what is handed over
    after a loss has to be what would have been pushed.
    """
    values = attributes.get("notifications")
    if values is None:
        return
    if not isinstance(values, list):
        raise Unreadable("notifications is no array")
    text = body.decode("utf-8-sig")
    position = _member(text, _member(text, _skip(text, 0), "attributes"), "notifications")
    for _ in values:
        start = _skip(text, position + 1)  # behind the bracket or the comma
        end = _end(text, start)
        yield text[start:end].encode("utf-8")
        position = _skip(text, end)


def _member(text: str, position: int, name: str) -> int:
    """Return where the value of a member begins, in an object that has it."""
    while True:
        start = _skip(text, position + 1)  # behind the brace or the comma
        key, end = _DECODER.raw_decode(text, start)
        value = _skip(text, _skip(text, end) + 1)  # behind the colon
        if key == name:
            return value
        position = _skip(text, _end(text, value))


def _skip(text: str, position: int) -> int:
    """Return where the next token begins."""
    match = _SPACE.match(text, position)
    assert match is not None, "the pattern matches everywhere"
    return match.end()


def _end(text: str, position: int) -> int:
    """Return where a value ends."""
    return _DECODER.raw_decode(text, position)[1]
