"""The opening handshake of RFC 6455, both sides; no extension and no subprotocol."""

from __future__ import annotations

import base64
import binascii

from websockets.utils import accept_key, generate_key

from mnstream.adapters.http.exchange import Headers, RequestRefused
from mnstream.adapters.rest import HttpRequest, HttpResponse, is_upgrade
from mnstream.core.errors import MalformedRequest
from mnstream.ports.channel import Broken

VERSION = "13"
_KEY_BYTES = 16


def wants_channel(request: HttpRequest) -> bool:
    """Tell whether a request is meant to open a WebSocket, well or badly.

    A proxy that drops ``Upgrade`` and ``Connection`` leaves the other headers; answering with
    information about the connection would hide that.
    """
    return is_upgrade(request) or (
        request.method == "GET"
        and (
            "websocket" in (request.header("Upgrade") or "").lower()
            or request.header("Sec-WebSocket-Key") is not None
        )
    )


def check_request(request: HttpRequest, *, http_version: str) -> str:
    """Check a client's handshake (RFC 6455 4.2.1) and return its key.

    Raises:
        RequestRefused: 400 for what is missing or wrong, 426 for another version.
    """
    if http_version != "1.1":
        raise _refused(f"a WebSocket needs HTTP/1.1, not {http_version}")
    if not is_upgrade(request):
        raise _refused("Upgrade: websocket and Connection: Upgrade are both needed; a proxy?")
    version = request.header("Sec-WebSocket-Version")
    if version is None:
        raise _refused("Sec-WebSocket-Version is missing")
    if version.strip() != VERSION:
        refusal = RequestRefused(426, "version", MalformedRequest("WebSocket version 13 only"))
        refusal.headers = (("Sec-WebSocket-Version", VERSION),)
        raise refusal
    key = (request.header("Sec-WebSocket-Key") or "").strip()
    try:
        size = len(base64.b64decode(key.encode(), validate=True))
    except binascii.Error:
        size = 0
    if size != _KEY_BYTES:
        raise _refused("Sec-WebSocket-Key is not 16 bytes in base64")
    return key


def _refused(detail: str) -> RequestRefused:
    return RequestRefused(400, "handshake", MalformedRequest(detail))


def answer_headers(key: str) -> Headers:
    """Return the headers of the answer 101 to this key."""
    return (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_key(key)),
    )


def new_request(target: str) -> tuple[HttpRequest, str]:
    """Return a client's handshake and the key to check the answer with."""
    key = generate_key()
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", VERSION),
    )
    return HttpRequest(method="GET", target=target, headers=headers), key


def check_answer(answer: HttpResponse, key: str) -> None:
    """Check the answer 101 (RFC 6455 4.1).

    Raises:
        Broken: It does not answer our handshake, or wants what we did not offer.
    """
    if (answer.header("Upgrade") or "").lower() != "websocket":
        raise Broken("the answer 101 is not about a WebSocket")
    if answer.header("Sec-WebSocket-Accept") != accept_key(key):
        raise Broken("the answer 101 does not know our Sec-WebSocket-Key")
    for name in ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
        if answer.header(name) is not None:
            raise Broken(f"the answer 101 has {name}, which we did not ask for")
