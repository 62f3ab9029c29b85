"""Paths, queries and references (TS 28.532 12.5.1.3; RFC 3986).

Everything is split while it is still percent-encoded and decoded afterwards, so that an identifier
may contain slashes and commas. A plus sign is a plus sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes

from mnstream.adapters.rest.json_text import Unreadable
from mnstream.adapters.rest.messages import HttpRequest
from mnstream.core.errors import LocalProtocolError
from mnstream.core.values import ConnectionId

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile("[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_TOKEN = re.compile("[A-Za-z0-9._~-]+")
_AUTHORITY = re.compile(r"(?:[\w.~!$&'()*+,;=%-]*|\[[\w.~:%-]+\])(?::\d*)?", re.ASCII)
_NO_SEGMENT = ("", ".", "..")
"""What URI software removes from a path, percent-encoded or not (RFC 3986 5.2.4, 6.2.2.3)."""


def percent_encode(text: str) -> str:
    """Write any text as a part of a path or a query.

    Raises:
        LocalProtocolError: The text is not Unicode (a lone surrogate).
    """
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as problem:
        raise LocalProtocolError(f"not Unicode: {text!r}") from problem


def percent_decode(text: str) -> str:
    """Read a part of a path or a query.

    Raises:
        Unreadable: Not ASCII, a broken escape, or not UTF-8.
    """
    if not text.isascii() or _BAD_ESCAPE.search(text):
        raise Unreadable(f"{text[:100]!r} is not percent-encoded")
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise Unreadable(f"{text[:100]!r} is not UTF-8") from problem


def fits_path(identifier: str) -> bool:
    """Tell whether an identifier can be a segment of a path."""
    return identifier not in _NO_SEGMENT


def connection_path(connection_id: ConnectionId, *, base_path: str) -> str:
    """Return the path of a connection, which is also what a producer upgrades.

    Raises:
        LocalProtocolError: No path can name this connection.
    """
    if not fits_path(connection_id):
        raise LocalProtocolError(f"{connection_id!r} cannot be a connection identifier")
    return f"{base_path.rstrip('/')}/connections/{percent_encode(connection_id)}"


def is_authority(text: str) -> bool:
    """Tell whether ``Host`` is a name or an address, with or without a port (RFC 3986 3.2)."""
    return _AUTHORITY.fullmatch(text) is not None


def root_of(
    request: HttpRequest,
    *,
    base_url: str | None,
    base_path: str,
    scheme: str,
    host: str = "localhost",
) -> str:
    """Write the root as whoever asks sees it: by configuration, or by the name they asked for.

    Args:
        request: Its ``Host`` is an authority, or missing.
        base_url: The root by configuration; None to go by ``Host``.
        base_path: Path of the root.
        scheme: Of the server.
        host: Name for a client of HTTP/1.0 that did not say whom it asks.
    """
    if base_url is not None:
        return base_url.rstrip("/")
    return f"{scheme}://{request.header('Host') or host}{base_path}"


def split_target(target: str) -> tuple[str, str]:
    """Cut a request target into its path and its query, both still percent-encoded."""
    path, _, query = _ABSOLUTE.sub("", target, count=1).partition("?")
    return path, query


def path_segments(path: str, *, base_path: str) -> tuple[str, ...]:
    """Return the segments behind the base path; none when it is not below it.

    Raises:
        Unreadable: A segment is not percent-encoded UTF-8.
    """
    base = f"{base_path.rstrip('/')}/"
    if not path.startswith(base):
        return ()
    return tuple(percent_decode(segment) for segment in path.removeprefix(base).split("/"))


def query_parameters(query: str) -> tuple[tuple[str, str], ...]:
    """Return the names, decoded, and values, still percent-encoded, in order.

    Raises:
        Unreadable: A name is not percent-encoded UTF-8.
    """
    pairs = (part.partition("=") for part in query.split("&") if part)
    return tuple((percent_decode(name), value) for name, _, value in pairs)


def read_array(values: Iterable[str]) -> tuple[str, ...]:
    """Read a parameter that may be repeated and may have commas; each item once, in order.

    Raises:
        Unreadable: An item is empty or not percent-encoded UTF-8. An empty value is an empty list.
    """
    items = [item for value in values if value for item in value.split(",")]
    if "" in items:
        raise Unreadable("a list in the query has an empty item")
    return tuple(dict.fromkeys(map(percent_decode, items)))


def write_array(name: str, items: Iterable[str], *, comma: bool) -> str:
    """Write a parameter as ``name=a,b`` (Rel-19) or ``name=a&name=b`` (before).

    Raises:
        LocalProtocolError: An item is empty or not Unicode.
    """
    encoded = [percent_encode(item) for item in items]
    if "" in encoded:
        raise LocalProtocolError("an empty identifier cannot be asked for")
    if comma:
        return f"{name}={','.join(encoded)}"
    return "&".join(f"{name}={item}" for item in encoded)


def connection_reference(connection_id: ConnectionId) -> str:
    """Write a connection as an item of ``connectionIdList``: a token, or else a relative URI."""
    if _TOKEN.fullmatch(connection_id):
        return connection_id
    return connection_path(connection_id, base_path="").removeprefix("/")


def read_reference(reference: str) -> ConnectionId:
    """Read a connection that is given as a token or as a URI (`specs/contradictions.md` 16).

    Raises:
        Unreadable: No segment of a path is left.
    """
    return read_location(reference) if "/" in reference else _connection_id(reference)


def read_location(uri: str) -> ConnectionId:
    """Read a connection from its URI, absolute or relative: the last segment of the path.

    Raises:
        Unreadable: There is none.
    """
    path, _ = split_target(uri.partition("#")[0])
    return _connection_id(percent_decode(path.rpartition("/")[2]))


def _connection_id(text: str) -> ConnectionId:
    if not fits_path(text):
        raise Unreadable("a connection has no identifier")
    return ConnectionId(text)
