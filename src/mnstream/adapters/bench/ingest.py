"""P1 and P2: how fast frames are taken in, against a bare receive loop that drops them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnstream.adapters.bench.client import Establisher, WebSocketClient, pour
from mnstream.adapters.bench.frames import frames, on_the_wire, stream_infos, stream_number
from mnstream.adapters.bench.processes import ServerProcess, running
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import BACKENDS, DEFAULT_BACKEND, Settings

CHUNK_FRAMES = 1_024
"""Frames of one write, and before each Ping: what our Reporter does by default."""
UNIT = "frames/s"

_OURS = (
    "ours: the collector in one process (HTTP/1.1 and WebSocket, GPB stream ids, match with the "
    "announced stream and its number of values, segment log on disk with group fdatasync, Pongs "
    "withheld until durable), on {default}"
)
_LOAD = (
    "load: one blocking client, the same for both, sends prebuilt masked 97-byte frames as fast "
    "as they are taken, a Ping behind every 1,024, on one connection; frames are counted, and the "
    "time runs, until the Pong to the last Ping; sides take turns, medians are compared"
)


@dataclass(frozen=True, slots=True)
class Peer:
    """What our side is held against."""

    name: str
    module: str
    needs: str
    what: str
    target: Target


TRIO_WEBSOCKET = Peer(
    "trio-websocket",
    "serve_trio_websocket",
    "trio_websocket",
    "peer: bare trio-websocket, defaults, one process; reads messages and drops them: no decoding, "
    "no storage; its Pong means read",
    Target(reach=3.0, beyond=8.0, higher_is_better=True),
)
UVICORN = Peer(
    "uvicorn websockets-sansio",
    "serve_uvicorn",
    "uvicorn",
    "peer: bare uvicorn with --ws websockets-sansio, one process, uvloop where installed; an ASGI "
    "application receives messages and drops them: no decoding, no storage; its Pong means read",
    Target(reach=0.7, beyond=2.0, higher_is_better=True),
)


def backends() -> tuple[str, ...]:
    """List the event loops that our side can run on here, the default first."""
    if importlib.util.find_spec("uvloop") is None:
        return tuple(each for each in BACKENDS if not each.endswith("uvloop"))
    return BACKENDS


def measure_trio_websocket(settings: Settings) -> Result:
    """Measure P1."""
    return _measure("P1", TRIO_WEBSOCKET, settings)


def measure_uvicorn(settings: Settings) -> Result:
    """Measure P2."""
    return _measure("P2", UVICORN, settings)


def _measure(name: str, peer: Peer, settings: Settings) -> Result:
    installed = importlib.util.find_spec(peer.needs) is not None
    rounds: list[dict[str, float]] = []
    with ExitStack() as stack:
        sides: dict[str, Callable[[float], tuple[float, float]]] = {}
        for backend in backends():
            sides[backend] = stack.enter_context(_our_side(backend, settings.directory))
        if installed:
            sides[peer.name] = stack.enter_context(_peer_side(peer))
        for number in range(settings.rounds + 1):
            measured: dict[str, float] = {}
            for each, pour_into in sides.items():
                warming = number == 0
                rate, cpu_us = pour_into(settings.seconds / 4 if warming else settings.seconds)
                measured[each] = significant(rate)
                measured[f"{each}, server CPU us a frame"] = significant(cpu_us)
            if number:
                rounds.append(measured)
                rates = ", ".join(f"{each} {measured[each]:,.0f}/s" for each in sides)
                settings.say(f"{name} round {number}/{settings.rounds}: {rates}")
    ours = side(f"mnstream collect, {DEFAULT_BACKEND}", _of(rounds, DEFAULT_BACKEND), UNIT)
    theirs = side(peer.name, _of(rounds, peer.name), UNIT) if installed else None
    return Result(
        name=name,
        what="; ".join((_OURS.format(default=DEFAULT_BACKEND), peer.what, _LOAD)),
        target=peer.target,
        ours=ours,
        peer=theirs,
        ratio=None if theirs is None else ours.value / theirs.value,
        rounds=rounds,
        extra={key: side(key, _of(rounds, key), "").value for key in rounds[0]},
        unavailable="" if installed else 'the peer needs: pip install "mnstream[bench]"',
    )


def _of(rounds: list[dict[str, float]], key: str) -> list[float]:
    return [each[key] for each in rounds]


@contextmanager
def _our_side(
    backend: str, directory: Path | None
) -> Generator[Callable[[float], tuple[float, float]]]:
    with (
        scratch(directory) as data,
        running("serve_collector", "--backend", backend, "--data", str(data)) as server,
    ):

        def one_round(seconds: float) -> tuple[float, float]:
            establisher = Establisher(server.url)
            location = establisher.establish("ManagedElement=0", stream_infos(0, 1))
            establisher.close()
            return _pour_once(server, location, seconds)

        yield one_round


@contextmanager
def _peer_side(peer: Peer) -> Generator[Callable[[float], tuple[float, float]]]:
    with running(peer.module) as server:
        yield lambda seconds: _pour_once(server, server.url, seconds)


def _pour_once(server: ServerProcess, url: str, seconds: float) -> tuple[float, float]:
    """Return frames a second, and microseconds of the server's CPU time a frame."""
    chunk = on_the_wire(frames(stream_number(0, 0, 1), CHUNK_FRAMES))
    client = WebSocketClient(url)
    before_ns = server.ask("cpu")["cpu_ns"]
    sent, elapsed_s = pour(client, chunk, CHUNK_FRAMES, seconds)
    cpu_ns = server.ask("cpu")["cpu_ns"] - before_ns
    client.close()
    return sent / elapsed_s, cpu_ns / 1000 / sent
