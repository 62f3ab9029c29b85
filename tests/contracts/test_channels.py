from __future__ import annotations

import ssl
from functools import partial

import anyio
import pytest

from mnstream.testing.transports import check_channels_of
from tests.contracts.transports import http, memory, trio_websocket

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


@pytest.mark.anyio
async def test_memory() -> None:
    await check_channels_of(memory)


@pytest.mark.anyio
async def test_http() -> None:
    await check_channels_of(http)


def test_http_on_uvloop() -> None:
    pytest.importorskip("uvloop")
    anyio.run(check_channels_of, http, backend_options={"use_uvloop": True})


@pytest.mark.anyio
async def test_http_with_mutual_tls(tls_contexts: Contexts) -> None:
    server, client = tls_contexts
    await check_channels_of(partial(http, server_tls=server, client_tls=client))


@pytest.mark.trio
async def test_trio_websocket() -> None:
    await check_channels_of(trio_websocket, answers_pings=True)
