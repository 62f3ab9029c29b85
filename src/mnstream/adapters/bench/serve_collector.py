"""Our side: the collector as ``mnstream collect`` makes it, alone in a process.

WebSocket over HTTP/1.1, streams matched by their units, every frame appended to a segment log in a
directory, group commit with fdatasync, Pongs withheld until then.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import anyio
import click

from mnstream.adapters.bench.control import announce
from mnstream.adapters.bench.settings import BACKENDS, DEFAULT_BACKEND
from mnstream.adapters.runtime.collecting import CollectorSettings, collecting
from mnstream.core.streaming.config import ConsumerConfig

# Clients of a benchmark are silent for as long as it takes to connect thousands of them, and do not
# answer when they are asked whether they are still there.
_CONSUMER = ConsumerConfig(keep_alive_ms=3_600_000)


async def _serve(data: Path) -> None:
    async with collecting(CollectorSettings(data=data, consumer=_CONSUMER)) as collector:
        announce(collector.url)
        await anyio.sleep_forever()


@click.command()
@click.option("--backend", type=click.Choice(BACKENDS), default=DEFAULT_BACKEND)
@click.option("--data", type=click.Path(path_type=Path), required=True)
def main(backend: str, data: Path) -> None:
    """Run the collector on a free port until standard input ends."""
    name, _, uvloop = backend.partition("+")
    options: dict[str, Any] = {"use_uvloop": bool(uvloop)} if name == "asyncio" else {}
    with contextlib.suppress(KeyboardInterrupt):
        anyio.run(_serve, data, backend=name, backend_options=options)


if __name__ == "__main__":
    main()
