"""Thousands of connections at one server, for the benchmarks about many of them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from mnstream.adapters.bench.client import Establisher, WebSocketClient
from mnstream.adapters.bench.frames import stream_infos
from mnstream.adapters.bench.processes import BenchmarkFailed

if sys.platform != "win32":
    import resource

_WORKERS = 8
_SPARE_DESCRIPTORS = 200  # of the interpreter, the log, and the sockets that POST


def affordable(connections: int) -> int:
    """Raise the limit of open files and say how many connections it allows.

    Server processes that are started later inherit the limit.
    """
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, soft - _SPARE_DESCRIPTORS))


def limit_note(wanted: int, connections: int) -> str:
    """Say that fewer connections were measured than wanted; empty when that is not so."""
    if connections == wanted:
        return ""
    return f"; ONLY {connections:,} connections: ulimit -n is too low for {wanted:,}"


@contextmanager
def fleet(
    url: str, numbers: Sequence[int], *, streams: int | None
) -> Generator[list[WebSocketClient]]:
    """Keep a WebSocket open for each number, in their order, while the block runs.

    Args:
        url: Of the server; the root of a collector.
        numbers: Which connections; no two have a stream in common.
        streams: Streams that each announces by POST first; None for a server that is not ours.

    Raises:
        BenchmarkFailed: The server refuses one.
    """
    clients: dict[int, WebSocketClient] = {}

    def open_some(some: Sequence[int]) -> None:
        if streams is None:
            for number in some:
                clients[number] = WebSocketClient(url)
            return
        establisher = Establisher(url)
        try:
            for number in some:
                producer = f"DC=operator.example,SubNetwork=1,ManagedElement={number}"
                location = establisher.establish(producer, stream_infos(number, streams))
                clients[number] = WebSocketClient(location)
        finally:
            establisher.close()

    try:
        with ThreadPoolExecutor(_WORKERS) as pool:
            shares = [numbers[worker::_WORKERS] for worker in range(_WORKERS)]
            for _ in pool.map(open_some, shares):
                pass
        yield [clients[number] for number in numbers]
    finally:
        for client in clients.values():
            client.socket.close()


def check_open(clients: Sequence[WebSocketClient]) -> None:
    """Make sure that the server has not hung up on anybody.

    Raises:
        BenchmarkFailed: It has.
    """
    gone = sum(client.hung_up() for client in clients)
    if gone:
        raise BenchmarkFailed(f"the server hung up on {gone} of {len(clients)} connections")
