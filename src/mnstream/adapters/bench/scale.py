"""P4: what a frame costs among thousands of connections, against a single one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import fmean

from mnstream.adapters.bench.client import WebSocketClient
from mnstream.adapters.bench.fleet import affordable, check_open, fleet, limit_note
from mnstream.adapters.bench.frames import frames, on_the_wire, stream_number
from mnstream.adapters.bench.processes import ServerProcess, running
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import DEFAULT_BACKEND, Settings

UNIT = "us of server CPU a frame"
TARGET = Target(reach=1.3, beyond=1.1, higher_is_better=False)
BATCH_FRAMES = 10
"""Frames of one write: what a producer of ten streams sends at the end of a granularity period."""
PING_BATCHES = 100
"""A Ping stands behind every so many batches."""
INTERVAL_S = BATCH_FRAMES / 25_000
"""Between two batches: 25,000 frames/s, at which a collector is far from busy."""

_SECONDS_FACTOR = 2  # of a round; at the default size, one turn of all connections
_SLICES = 4  # of a round; short turns, because a shared machine changes its speed within seconds
_WHAT = (
    "CPU time (user and system, all threads) of the collector's process a 97-byte frame, on "
    "{backend}; ours: {connections:,} connections with {streams} streams each, peer: the same "
    "collector with 1 connection and 1 stream; both get the same load from the same client: "
    "batches of 10 frames in one write, at least 0.4 ms apart, so that a read brings one batch on "
    "either side, a Ping behind every 100th batch; round-robin, one frame of each of ten streams a "
    "batch, or all on the one connection and stream; every connection is warmed up with a batch; "
    "sides take turns within each round, medians of rounds are compared"
)


@dataclass(slots=True)
class _Load:
    """One side: who sends, what, and whose turn it is."""

    server: ServerProcess
    clients: Sequence[WebSocketClient]
    batches: Sequence[bytes]
    turn: int = 0

    def send_next(self, *, ping: bool) -> WebSocketClient:
        place = self.turn % len(self.clients)
        self.turn += 1
        client = self.clients[place]
        batch = self.batches[place]
        client.socket.sendall(batch + client.next_ping() if ping else batch)
        return client


def measure(settings: Settings) -> Result:
    """Measure P4."""
    connections = affordable(settings.connections)
    rounds: list[dict[str, float]] = []
    with ExitStack() as stack:
        crowd = _load(stack, settings, connections, settings.streams)
        single = _load(stack, settings, 1, 1)
        for load in (crowd, single):
            _warm_up(load)
        for number in range(1, settings.rounds + 1):
            seconds = settings.seconds * _SECONDS_FACTOR / _SLICES
            slices = [(_cost_us(crowd, seconds), _cost_us(single, seconds)) for _ in range(_SLICES)]
            many, one = (fmean(costs) for costs in zip(*slices, strict=True))
            rounds.append({"many": significant(many), "one": significant(one)})
            settings.say(f"P4 round {number}/{settings.rounds}: {many:.2f} : {one:.2f} {UNIT}")
        check_open(crowd.clients)
    ours = side(f"{connections:,} connections", [each["many"] for each in rounds], UNIT)
    peer = side("1 connection", [each["one"] for each in rounds], UNIT)
    what = _WHAT.format(backend=DEFAULT_BACKEND, connections=connections, streams=settings.streams)
    return Result(
        name="P4",
        what=what + limit_note(settings.connections, connections),
        target=TARGET,
        ours=ours,
        peer=peer,
        ratio=ours.value / peer.value,
        rounds=rounds,
        extra={"connections": connections, "streams_of_each": settings.streams},
    )


def _load(stack: ExitStack, settings: Settings, connections: int, streams: int) -> _Load:
    """Start a collector and connect to it."""
    data = stack.enter_context(scratch(settings.directory))
    server = stack.enter_context(running("serve_collector", "--data", str(data)))
    clients = stack.enter_context(fleet(server.url, range(connections), streams=streams))
    return _Load(server, clients, [_batch(number, streams) for number in range(connections)])


def _batch(connection: int, streams: int) -> bytes:
    """Encode the batch of one connection: its streams take turns."""
    payloads = [
        frames(stream_number(connection, index % streams, streams), 1, first=index)[0]
        for index in range(BATCH_FRAMES)
    ]
    return on_the_wire(payloads)


def _warm_up(load: _Load) -> None:
    """Let every connection see a batch; not paced, but never more than a little ahead."""
    for index in range(len(load.clients)):
        ping = index % PING_BATCHES == PING_BATCHES - 1 or index == len(load.clients) - 1
        client = load.send_next(ping=ping)
        if ping:
            client.wait_for_pong()


def _cost_us(load: _Load, seconds: float) -> float:
    """Send batches for some time and return microseconds of the server's CPU a frame."""
    before_ns = load.server.ask("cpu")["cpu_ns"]
    sent = 0
    due = time.perf_counter()
    end = due + seconds
    while True:
        time.sleep(max(0.0, due - time.perf_counter()))
        sent += 1
        ping = sent % PING_BATCHES == 0
        client = load.send_next(ping=ping)
        due = time.perf_counter() + INTERVAL_S  # never earlier: a late batch is not made up for
        if ping and due >= end:
            break
    client.wait_for_pong()
    cpu_ns = load.server.ask("cpu")["cpu_ns"] - before_ns
    return cpu_ns / 1000 / (sent * BATCH_FRAMES)
