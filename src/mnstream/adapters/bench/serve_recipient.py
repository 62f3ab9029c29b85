"""The recipient of P6 and P7: a bare request server that answers every notification 204."""

from __future__ import annotations

import contextlib

import anyio
import click

from mnstream.adapters.bench.control import announce
from mnstream.adapters.bench.settings import DEFAULT_BACKEND
from mnstream.adapters.http import RequestServer, listen, port_of
from mnstream.adapters.rest import HttpRequest, HttpResponse
from mnstream.ports.transport import Peer


async def _serve(status: int) -> None:
    response = HttpResponse(status=status)

    async def answer(_request: HttpRequest, _peer: Peer) -> HttpResponse:
        return response

    listeners = await listen("127.0.0.1", 0)
    announce(f"http://127.0.0.1:{port_of(listeners)}")
    await RequestServer(answer).serve(listeners)


@click.command()
@click.option("--status", default=204, help="Of every answer.")
def main(status: int) -> None:
    """Take notifications on a free port until standard input ends."""
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(_serve, status, backend=DEFAULT_BACKEND)


if __name__ == "__main__":
    main()
