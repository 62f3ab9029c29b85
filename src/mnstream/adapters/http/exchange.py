"""Requests and answers on one byte stream: h11 with limits, for both sides.

Every failure of the stream is Broken. What a server cannot accept is ``RequestRefused``, which
says how to answer; the stream is of no use for another request afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time

import anyio
import h11
from anyio.abc import ByteStream

from mnstream.adapters.http.config import HttpLimits
from mnstream.adapters.http.wire import IO_BYTES, STREAM_ERRORS, lost, write
from mnstream.adapters.rest import HttpProblem, HttpRequest, HttpResponse, is_authority
from mnstream.core.errors import LimitExceeded, MalformedRequest, OperationError
from mnstream.ports.channel import Broken

Headers = tuple[tuple[str, str], ...]

_AT_ONCE_BYTES = 65_536
"""A request of this size is written before its answer is read, which saves a task: the buffers of
both sockets hold it."""
_HEADS_MAX = 128
"""Heads of requests and of answers that are kept, because the next ones are mostly the same: what
goes to a recipient differs in its length, and answers within a second in nothing."""
_END = h11.EndOfMessage()


class RequestRefused(HttpProblem):
    """A request that is not answered by the service.

    Attributes:
        cause: What to count it as; from a small fixed set.
    """

    def __init__(self, status: int, cause: str, exception: OperationError) -> None:
        super().__init__(status, exception)
        self.cause = cause


def check_host(host: str) -> None:
    """Refuse a ``Host`` of which no ``Location`` can be made (RFC 9112 3.2), before we act on it.

    Raises:
        RequestRefused: 400; it is no authority.
    """
    if not is_authority(host):
        raise RequestRefused(400, "malformed", MalformedRequest("Host is no host"))


class AnswerTooLarge(Broken):
    """An answer has a larger body than is read.

    Attributes:
        status: Its status code.
    """

    def __init__(self, status: int, bytes_max: int) -> None:
        super().__init__(f"the answer has more than {bytes_max} bytes")
        self.status = status


class _Exchange:
    """What both sides share: an h11 connection and how it is fed."""

    __slots__ = ("_h11", "_limits", "_stream")

    def __init__(self, stream: ByteStream, limits: HttpLimits, role: type[h11.CLIENT | h11.SERVER]):
        self._stream = stream
        self._limits = limits
        self._h11 = h11.Connection(role, max_incomplete_event_size=limits.head_bytes_max)

    @property
    def reusable(self) -> bool:
        """Whether another request may follow."""
        return self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE

    async def _feed(self) -> bool:
        """Read once; False at the end of the stream, which is for h11 to judge."""
        try:
            data = await self._stream.receive(IO_BYTES)
        except anyio.EndOfStream:
            data = b""
        except STREAM_ERRORS as exc:
            raise Broken(lost(exc)) from exc
        self._h11.receive_data(data)
        return bool(data)

    async def _send(self, *events: h11.Event) -> None:
        """Write events in one piece."""
        chunks = [self._h11.send(event) for event in events]
        await write(self._stream, b"".join(chunk or b"" for chunk in chunks), self._limits.send_ms)

    @property
    def leftover(self) -> bytes:
        """What the peer sent behind a switch of protocols already."""
        data, _ended = self._h11.trailing_data
        return data


class ServerExchange(_Exchange):
    """The requests of one client, one after another."""

    __slots__ = ("_deadline", "_http_version", "_method", "_requests")

    def __init__(self, stream: ByteStream, limits: HttpLimits) -> None:
        super().__init__(stream, limits, h11.SERVER)
        self._requests = 0
        self._deadline = 0.0  # of the request that is read
        self._method = ""
        self._http_version = ""

    @property
    def http_version(self) -> str:
        """Version of the last request, for example ``1.1``."""
        return self._http_version

    async def wait_for_request(self) -> bool:
        """Wait for the first byte of the next request; False when there will be none.

        Whoever calls bounds the time. Nothing is lost when it is cancelled.

        Raises:
            Broken: The stream failed.
        """
        if self._requests:
            self._h11.start_next_cycle()
        self._requests += 1
        if self._h11.trailing_data[0]:
            return True
        return await self._feed()

    async def next_request(self) -> HttpRequest | None:
        """Read a request; None when the client ended the stream instead.

        Raises:
            RequestRefused: Not HTTP, too large, or not complete within ``request_ms``.
            Broken: The stream failed.
        """
        self._deadline = anyio.current_time() + self._limits.request_ms / 1000
        try:
            head = await self._head()
            if head is None:
                return None
            body = await self._body(head)
        except TimeoutError as exc:
            detail = f"not complete within {self._limits.request_ms} ms"
            raise RequestRefused(408, "too_slow", MalformedRequest(detail)) from exc
        except h11.RemoteProtocolError as exc:
            status = exc.error_status_hint
            too_large = status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            cause = "head_too_large" if too_large else "malformed"
            raise RequestRefused(status, cause, MalformedRequest(str(exc))) from exc
        return HttpRequest(
            method=self._method,
            target=head.target.decode("ascii"),
            headers=_texts(head.headers),
            body=body,
        )

    async def _head(self) -> h11.Request | None:
        """Read up to the empty line."""
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            await self._feed_in_time()
        if isinstance(event, h11.ConnectionClosed):
            return None
        assert isinstance(event, h11.Request)
        self._method = event.method.decode("ascii")
        self._http_version = event.http_version.decode("ascii")
        if self._http_version not in {"1.0", "1.1"}:
            detail = f"HTTP/1.1, not HTTP/{self._http_version}"
            raise RequestRefused(505, "malformed", MalformedRequest(detail))
        limits = self._limits
        size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
        if size > limits.head_bytes_max or len(event.headers) > limits.header_count_max:
            detail = f"{len(event.headers)} headers, {size} bytes"
            raise RequestRefused(431, "head_too_large", LimitExceeded(detail))
        for name, value in event.headers:
            if name == b"host":
                check_host(value.decode("latin-1"))
        return event

    async def _body(self, head: h11.Request) -> bytes:
        """Read up to the end of the request."""
        bytes_max = self._limits.body_bytes_max
        announced = next((value for name, value in head.headers if name == b"content-length"), b"0")
        if int(announced) > bytes_max:
            raise _body_too_large(bytes_max)
        body = bytearray()
        while True:
            if self._h11.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                await self._feed_in_time()
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > bytes_max:
                    raise _body_too_large(bytes_max)
            else:
                assert isinstance(event, h11.EndOfMessage)
                return bytes(body)

    async def _feed_in_time(self) -> None:
        """Read once while there is time; most requests come in one piece and need none."""
        with anyio.fail_after(self._deadline - anyio.current_time()):
            await self._feed()

    async def respond(self, response: HttpResponse, *, last: bool = False) -> None:
        """Answer the request; ``last`` announces that the stream ends after it.

        Raises:
            Broken: The client took nothing for ``send_ms``, or the stream failed.
        """
        headers = (*response.headers, ("Date", _date(int(time()))))
        if response.header("Content-Length") is None and response.status != HTTPStatus.NO_CONTENT:
            headers += (("Content-Length", str(len(response.body))),)
        if last:
            headers += (("Connection", "close"),)
        events: list[h11.Event] = [_response(response.status, headers)]
        if response.body and self._method != "HEAD":
            events.append(h11.Data(data=response.body))
        await self._send(*events, _END)

    async def switch_protocols(self, headers: Headers) -> bytes:
        """Answer 101 and return what the client sent behind its request already.

        Raises:
            Broken: The client took nothing for ``send_ms``, or the stream failed.
        """
        await self._send(h11.InformationalResponse(status_code=101, headers=list(headers)))
        return self.leftover


class ClientExchange(_Exchange):
    """The requests to one server, one after another. Whoever calls bounds the time."""

    __slots__ = ("_requests", "_unwritable", "_written", "heard")

    def __init__(self, stream: ByteStream, limits: HttpLimits) -> None:
        super().__init__(stream, limits, h11.CLIENT)
        self._requests = 0
        self.heard = False  # anything of the last answer
        self._written = False  # the whole of the last request
        self._unwritable: Broken | None = None  # why it was not

    @property
    def reusable(self) -> bool:
        """Whether another request may follow; not when an answer has come before its request."""
        return super().reusable and self._written and not self.leftover

    async def request(self, request: HttpRequest) -> tuple[HttpResponse, bytes]:
        """Send a request and return the answer and, when it is 101, what came behind it.

        ``Host`` must be among the headers of the request. An answer that is complete before the
        request ends the writing (RFC 9112 9.5): 413 must not be mistaken for a broken network.

        Raises:
            Broken: No answer, one that is too large, or one that is not HTTP.
        """
        if self._requests:
            self._h11.start_next_cycle()
        self._requests += 1
        events: list[h11.Event] = [_request(request.method, request.target, tuple(request.headers))]
        if request.body:
            events.append(h11.Data(data=request.body))
        events.append(_END)
        data = b"".join(self._h11.send(event) or b"" for event in events)
        self._written, self._unwritable, self.heard = False, None, False
        at_once = len(data) <= _AT_ONCE_BYTES
        answer = await (self._write_then_read(data) if at_once else self._write_and_read(data))
        if isinstance(answer, tuple):
            return answer
        failure = self._unwritable or answer
        assert failure is not None, "only a failed write ends listening"
        raise failure

    async def _write_then_read(self, data: bytes) -> tuple[HttpResponse, bytes] | Broken | None:
        """Write a small request and read its answer."""
        try:
            await self._stream.send(data)
        except STREAM_ERRORS as exc:
            self._unwritable = Broken(lost(exc))
            self._unwritable.__cause__ = exc
        else:
            self._written = True
            return await self._answer()
        with anyio.move_on_after(self._limits.early_answer_ms / 1000):
            return await self._answer()
        return None

    async def _write_and_read(self, data: bytes) -> tuple[HttpResponse, bytes] | Broken | None:
        """Write a large request while its answer is read already."""
        answer: tuple[HttpResponse, bytes] | Broken | None = None
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as listening:
                tasks.start_soon(self._write, data, listening)
                answer = await self._answer()
            tasks.cancel_scope.cancel()
        return answer

    async def _write(self, data: bytes, listening: anyio.CancelScope) -> None:
        """Write a request; when that fails, give its answer a last moment to arrive."""
        try:
            await write(self._stream, data, self._limits.send_ms)
        except Broken as exc:
            self._unwritable = exc
            listening.deadline = anyio.current_time() + self._limits.early_answer_ms / 1000
        else:
            self._written = True

    async def _answer(self) -> tuple[HttpResponse, bytes] | Broken:
        """Read the answer; what is wrong with it is returned, because a task runs beside."""
        try:
            return await self._response()
        except h11.RemoteProtocolError as exc:
            failure = Broken(f"the answer is not HTTP: {exc}")
            failure.__cause__ = exc
            return failure
        except Broken as exc:
            return exc

    async def _response(self) -> tuple[HttpResponse, bytes]:
        head = None
        body = bytearray()
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                if await self._feed():
                    self.heard = True
                elif head is None:
                    raise Broken("the peer ended the stream instead of answering")
            elif isinstance(event, h11.InformationalResponse):
                if event.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
                    answer = HttpResponse(status=101, headers=_texts(event.headers))
                    return answer, self.leftover
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes_max:
                    assert head is not None
                    raise AnswerTooLarge(head.status_code, self._limits.body_bytes_max)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                answer = HttpResponse(
                    status=head.status_code, headers=_texts(head.headers), body=bytes(body)
                )
                return answer, b""
            else:
                raise Broken(f"no answer: {event}")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Write a time as ``Date`` has it; many answers go out in one second."""
    return formatdate(second, usegmt=True)


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Turn headers of h11 into text; their bytes are ISO 8859-1 (RFC 9110 5.5)."""
    return tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in headers)


def _body_too_large(bytes_max: int) -> RequestRefused:
    return RequestRefused(413, "body_too_large", LimitExceeded(f"more than {bytes_max} bytes"))


@lru_cache(maxsize=_HEADS_MAX)
def _request(method: str, target: str, headers: Headers) -> h11.Request:
    """Build the head of a request; checking it is a tenth of what a notification costs."""
    return h11.Request(method=method, target=target, headers=list(headers))


@lru_cache(maxsize=_HEADS_MAX)
def _response(status: int, headers: Headers) -> h11.Response:
    """Build the head of an answer; a status that has no phrase goes without."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return h11.Response(status_code=status, headers=list(headers), reason=phrase)
