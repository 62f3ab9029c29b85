"""Requests and answers on any stream of bytes, without HTTP.

For transports of one's own (docs/own-transport.md): each message of ``adapters.rest`` is a block, a
length of four octets, most significant first, and as many octets of JSON: ``[method, target,
body]`` for a request, ``[status, location, body]`` for its answer. Nothing is read beyond a block,
so that the same stream may go on as a ``WebSocketChannel``.
"""

from __future__ import annotations

import anyio
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from mnstream.adapters.http.config import DEFAULT_HTTP_LIMITS, HttpLimits
from mnstream.adapters.http.wire import STREAM_ERRORS, lost, write
from mnstream.adapters.rest import HttpRequest, HttpResponse, RestLimits
from mnstream.adapters.rest.json_text import Unreadable, read_json, write_json
from mnstream.core.values import Json
from mnstream.ports.channel import Broken

_LENGTH_BYTES = 4
_JSON = RestLimits()


async def send_request(
    stream: ByteStream, request: HttpRequest, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS
) -> None:
    """Send a request; its headers are left out.

    Raises:
        Broken: The stream ended, or nothing was taken for ``HttpLimits.send_ms``.
    """
    await _send(stream, [request.method, request.target, request.body.decode()], limits)


async def receive_request(
    stream: ByteStream, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS
) -> HttpRequest:
    """Read a request.

    Raises:
        Broken: None came within ``HttpLimits.request_ms``, or it is too large or none at all.
    """
    match await _receive(stream, limits):
        case [str(method), str(target), str(body)]:
            return HttpRequest(method=method, target=target, body=body.encode())
        case _:
            raise Broken("a block is no request")


async def send_response(
    stream: ByteStream, response: HttpResponse, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS
) -> None:
    """Send an answer; of its headers ``Location`` only. Errors as ``send_request``."""
    location = response.header("Location") or ""
    await _send(stream, [response.status, location, response.body.decode()], limits)


async def receive_response(
    stream: ByteStream, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS
) -> HttpResponse:
    """Read an answer; errors as ``receive_request``."""
    match await _receive(stream, limits):
        case [int(status), str(location), str(body)]:
            headers = (("Location", location),) if location else ()
            return HttpResponse(status=status, headers=headers, body=body.encode())
        case _:
            raise Broken("a block is no answer")


async def _send(stream: ByteStream, message: list[Json], limits: HttpLimits) -> None:
    block = write_json(message)
    await write(stream, len(block).to_bytes(_LENGTH_BYTES, "big") + block, limits.send_ms)


async def _receive(stream: ByteStream, limits: HttpLimits) -> Json:
    # It asks the stream for no more than is missing.
    exact = BufferedByteReceiveStream(stream)
    try:
        with anyio.fail_after(limits.request_ms / 1000):
            size = int.from_bytes(await exact.receive_exactly(_LENGTH_BYTES), "big")
            if size > limits.body_bytes_max:
                raise Broken(f"a block has more than {limits.body_bytes_max} bytes")
            return read_json(await exact.receive_exactly(size), _JSON)
    except TimeoutError as exc:
        raise Broken(f"no block within {limits.request_ms} ms") from exc
    except anyio.IncompleteRead as exc:
        raise Broken("the peer ended the stream within a block, or before it") from exc
    except STREAM_ERRORS as exc:
        raise Broken(lost(exc)) from exc
    except Unreadable as exc:
        raise Broken(f"a block is not JSON: {exc}") from exc
