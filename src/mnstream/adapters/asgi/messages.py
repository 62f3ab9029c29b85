"""Scopes and events of ASGI 3 as the HTTP messages that they stand for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast
from urllib.parse import quote, unquote

import anyio

from mnstream.adapters.http import HttpLimits
from mnstream.adapters.http.exchange import RequestRefused
from mnstream.adapters.rest import HttpRequest, HttpResponse, root_of
from mnstream.core.errors import LimitExceeded, MalformedRequest
from mnstream.ports.transport import Peer

Scope = Mapping[str, object]
Event = Mapping[str, object]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[dict[str, object]], Awaitable[None]]

SEND_ERRORS = (OSError, RuntimeError)
"""What a server raises for an event that it cannot take any more: OSError since version 2.4 of the
specification, RuntimeError when it has closed the WebSocket by itself."""

_PATH_SAFE = "/-._~!$&'()*+,;=:@"  # RFC 3986 3.3


def mount_of(scope: Scope) -> tuple[str, str]:
    """Return the prefix that the application is mounted under and the path below it.

    Both are percent-encoded. ``root_path`` and ``path`` of a scope are decoded, so that a slash in
    an identifier cannot be told from one between two; the path is therefore taken from
    ``raw_path`` where the server gives it. Some frameworks leave the prefix in the path, others
    take it out.
    """
    root = str(scope.get("root_path") or "").rstrip("/")
    raw = cast(bytes | None, scope.get("raw_path"))
    path = quote(str(scope["path"]), safe=_PATH_SAFE) if raw is None else raw.decode("latin-1")
    parts = path.split("/")
    depth = root.count("/") + 1
    prefix = "/".join(parts[:depth])
    if unquote(prefix) == root:
        return prefix, "/" + "/".join(parts[depth:])
    return quote(root, safe=_PATH_SAFE), path


def head_of(scope: Scope) -> HttpRequest:
    """Return a request without its body; its target begins below the mount."""
    query = cast(bytes, scope.get("query_string") or b"").decode("latin-1")
    headers = cast(Iterable[tuple[bytes, bytes]], scope.get("headers") or ())
    _, path = mount_of(scope)
    return HttpRequest(
        method=str(scope.get("method", "GET")),
        target=f"{path}?{query}" if query else path,
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers),
    )


def url_of(scope: Scope, head: HttpRequest, *, base_url: str | None, base_path: str) -> str:
    """Return the absolute URI of the root, by configuration or as the peer asked for it."""
    server = cast(tuple[str, int | None] | None, scope.get("server"))
    prefix, _ = mount_of(scope)
    return root_of(
        head,
        base_url=base_url,
        base_path=prefix + base_path,
        scheme=str(scope.get("scheme", "http")),
        host=server[0] if server else "localhost",
    )


def extensions_of(scope: Scope) -> Mapping[str, Mapping[str, object]]:
    """Return what the server can do beside the specification."""
    return cast(Mapping[str, Mapping[str, object]], scope.get("extensions") or {})


def peer_of(scope: Scope) -> Peer:
    """Say who asks.

    The identity is the subject of the client's certificate where the server has the TLS extension
    of ASGI and has verified it. Servers that end TLS without that extension, as uvicorn does, and
    proxies leave it empty; then ``identify`` of the application names the peer.
    """
    client = cast(tuple[str, int] | None, scope.get("client"))
    tls = extensions_of(scope).get("tls", {})
    verified = tls.get("client_cert_error") is None
    return Peer(
        identity=str(tls.get("client_cert_name") or "") if verified else "",
        address=f"{client[0]}:{client[1]}" if client else "",
    )


async def read_body(head: HttpRequest, receive: Receive, limits: HttpLimits) -> bytes | None:
    """Read the body of a request; None when the client has gone.

    Raises:
        RequestRefused: 413 as soon as it is too large, 408 when it is not complete in time.
    """
    bytes_max = limits.body_bytes_max
    too_large = RequestRefused(413, "body_too_large", LimitExceeded(f"more than {bytes_max} bytes"))
    announced = (head.header("Content-Length") or "0").strip()
    # The server has refused what is no number; the length keeps int() from a million digits.
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > bytes_max):  # noqa: PLR2004
        raise too_large
    body = bytearray()
    try:
        with anyio.fail_after(limits.request_ms / 1000):
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    return None
                body += cast(bytes, event.get("body") or b"")
                if len(body) > bytes_max:
                    raise too_large
                if not event.get("more_body"):
                    return bytes(body)
    except TimeoutError as exc:
        detail = f"not complete within {limits.request_ms} ms"
        raise RequestRefused(408, "too_slow", MalformedRequest(detail)) from exc


async def respond(send: Send, response: HttpResponse, *, prefix: str = "http") -> None:
    """Answer a request, or, with another prefix of the events, a handshake."""
    headers = [
        (name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.headers
    ]
    start: dict[str, object] = {"status": response.status, "headers": headers}
    await send({"type": f"{prefix}.response.start", **start})
    await send({"type": f"{prefix}.response.body", "body": response.body, "more_body": False})
