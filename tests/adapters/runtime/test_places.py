"""Who is answered by the administrative routes of a running service, and by whose name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from mnstream.adapters.observability import EVERYWHERE, LOOPBACK, Network
from mnstream.adapters.runtime.collecting import CollectorSettings, collecting
from mnstream.adapters.runtime.notifying import NotifierSettings, notifying
from mnstream.adapters.runtime.places import operators
from mnstream.adapters.runtime.subscribing import SubscriberSettings, subscribing

SERVICES = ("collector", "notifier", "subscriber")
ALL_ADDRESSES = "0.0.0.0"


@pytest.mark.parametrize(
    ("admin", "peers"),
    [
        (None, LOOPBACK),
        (("127.0.0.1", 0), LOOPBACK),
        (("::1", 0), LOOPBACK),
        (("localhost", 0), LOOPBACK),
        (("192.0.2.1", 0), EVERYWHERE),
        ((ALL_ADDRESSES, 0), EVERYWHERE),
        (("::", 0), EVERYWHERE),
        (("metrics.example", 0), EVERYWHERE),
    ],
)
def test_operators(admin: tuple[str, int] | None, peers: Sequence[Network]) -> None:
    assert operators(admin) == peers


async def run(
    stack: AsyncExitStack, service: str, data: Path, admin: tuple[str, int] | None
) -> str:
    """Start a service and give the URI of its administrative routes."""
    if service == "collector":
        settings = CollectorSettings(data=data, admin=admin)
        return (await stack.enter_async_context(collecting(settings))).admin_url
    producer = NotifierSettings(data=data / "n", admin=admin)
    notifier = await stack.enter_async_context(notifying(producer))
    if service == "notifier":
        return notifier.admin_url
    consumer = SubscriberSettings(provider=notifier.url, data=data / "s", admin=admin)
    return (await stack.enter_async_context(subscribing(consumer))).admin_url


async def status(url: str, *headers: str) -> int:
    """Ask a service on this machine for its health, and return the status code."""
    lines = ["GET /healthz HTTP/1.1", *headers, "Connection: close", "", ""]
    async with await anyio.connect_tcp("127.0.0.1", urlsplit(url).port or 0) as socket:
        await socket.send("\r\n".join(lines).encode())
        return int((await socket.receive()).split()[1])


@pytest.mark.anyio
@pytest.mark.parametrize("service", SERVICES)
async def test_an_address_of_its_own_answers_whoever_reaches_it(
    service: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        url = await run(stack, service, tmp_path, (ALL_ADDRESSES, 0))
        assert await status(url, "Host: metrics.example:9090") == 200
        assert await status(url, "Host: metrics.example", "X-Forwarded-For: 192.0.2.7") == 200


@pytest.mark.anyio
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("admin", [None, ("127.0.0.1", 0)])
async def test_elsewhere_only_this_machine_is_answered(
    service: str, admin: tuple[str, int] | None, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        url = await run(stack, service, tmp_path, admin)
        assert await status(url, f"Host: {urlsplit(url).netloc}") == 200
        assert await status(url, "Host: rebound.example") == 404
        assert await status(url, f"Host: {urlsplit(url).netloc}", "Via: 1.1 proxy") == 404
