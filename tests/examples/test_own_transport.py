"""The example of the documentation: short, what the page shows, and a transport in every way."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from anyio.abc import SocketStream

from examples.own_transport import OwnTransport, serve
from mnstream.adapters.http import blocks
from mnstream.adapters.rest import HttpRequest
from mnstream.core.effects import ReportEnd
from mnstream.core.operations import ControlOperation, GetConnectionInfo, Outcome
from mnstream.core.values import Status
from mnstream.ports.channel import Broken
from mnstream.ports.transport import Peer, ProducerTransport, StreamingService
from mnstream.testing.services import ScriptedService
from mnstream.testing.transports import check_channels_of, check_producer_transport
from tests.adapters.runtime.stage import new_reporter, staged
from tests.core.support import frame

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "examples" / "own_transport.py").read_text()
LINES_MAX = 60
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@asynccontextmanager
async def served(service: StreamingService) -> AsyncGenerator[str]:
    with TemporaryDirectory() as folder:  # pytest's are too long for the name of a socket
        path = f"{folder}/s"
        async with (
            await anyio.create_unix_listener(path) as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(serve, service, listener)
            yield path
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def connect(service: StreamingService) -> AsyncGenerator[ProducerTransport]:
    async with served(service) as path:
        transport = OwnTransport(path)
        yield transport
        await transport.aclose()


@pytest.mark.anyio
async def test_it_is_a_producer_transport() -> None:
    await check_producer_transport(connect)


@pytest.mark.anyio
async def test_its_channels_are_channels() -> None:
    await check_channels_of(connect)


@pytest.mark.anyio
async def test_a_reporter_reports_through_it() -> None:
    frames = [frame(str(number)) for number in range(500)]
    async with staged() as stage, connect(stage.collector) as transport:
        reporter = new_reporter(transport)
        async with reporter.running():
            await reporter.report(frames)
            await reporter.drained()
            assert reporter.producer.window.acknowledged == len(frames)
        assert reporter.end == ReportEnd(status=Status.SUCCESS, unacknowledged=0)
        assert stage.stored() == frames


@pytest.mark.anyio
async def test_nobody_is_there() -> None:
    with pytest.raises(Broken):
        await OwnTransport("/nowhere/s").request(GetConnectionInfo())


@pytest.mark.anyio
async def test_rubbish_ends_a_stream_and_not_the_server() -> None:
    async with served(ScriptedService()) as path:
        for rubbish in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}", b"\0\0\0\4[[]]"):
            stream: SocketStream = await anyio.connect_unix(path)
            async with stream:
                await stream.send(rubbish)
                await stream.send_eof()
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
        stream = await anyio.connect_unix(path)
        async with stream:
            await blocks.send_request(stream, HttpRequest(method="PUT", target="/connections"))
            assert (await blocks.receive_response(stream)).status == 405
        outcome = await OwnTransport(path).request(GetConnectionInfo())
        assert outcome.status is Status.SUCCESS


class _Faulty(ScriptedService):
    async def perform(self, operation: ControlOperation, *, peer: Peer) -> Outcome:
        raise ZeroDivisionError


@pytest.mark.anyio
async def test_an_error_of_the_service_stays_with_its_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connect(_Faulty()) as transport:
        for _ in range(2):
            with pytest.raises(Broken):
                await transport.request(GetConnectionInfo())
    assert caplog.text.count("an error of the service") == 2


def lines_of_code(source: str) -> int:
    """Count lines that are neither blank, comment, docstring nor import."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    used = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(used - left_out)


def test_lines_are_counted() -> None:
    assert lines_of_code('"""Text\nand text."""\nimport a\n\n# why\nb = (\n    1,\n)\nc = 2\n') == 4


def test_it_is_short() -> None:
    assert lines_of_code(SOURCE) < LINES_MAX


def test_the_page_shows_it() -> None:
    page = (ROOT / "docs" / "own-transport.md").read_text()
    shown = page.split("<!-- examples/own_transport.py -->")[1].split("<!-- /")[0]
    assert shown.strip() == f"```python\n{SOURCE.strip()}\n```"
