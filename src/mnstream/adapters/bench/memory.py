"""P3: what an idle connection costs in memory."""

from __future__ import annotations

import time

from mnstream.adapters.bench.fleet import affordable, check_open, fleet, limit_note
from mnstream.adapters.bench.processes import ServerProcess, running
from mnstream.adapters.bench.results import Result, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import DEFAULT_BACKEND, Settings

UNIT = "KiB a connection"
TARGET = Target(reach=24.0, beyond=12.0, higher_is_better=False)

_KIB = 1024
_ROUNDS_MAX = 2  # memory does not drift: a second round shows that
_WARM = 20  # connections before the first look, so that what is loaded lazily is not counted
_SETTLE_S = 0.5
_WHAT = (
    "resident set size (RSS) of the collector's process after gc, with {connections:,} more idle "
    "connections than before, divided by {connections:,}; each is established by POST with "
    "{streams} PERFORMANCE streams of ten metrics (equal names, distinct DNs), upgraded to a "
    "WebSocket on a socket of its own, and silent; loopback, on {backend}; the ratio is the number "
    "itself, in KiB; peer, for comparison: the same of bare trio-websocket, which knows no streams"
)


def measure(settings: Settings) -> Result:
    """Measure P3."""
    connections = affordable(settings.connections + _WARM) - _WARM
    rounds: list[dict[str, float]] = []
    for number in range(1, min(settings.rounds, _ROUNDS_MAX) + 1):
        with (
            scratch(settings.directory) as data,
            running("serve_collector", "--data", str(data)) as server,
        ):
            ours = _grown(server, connections, settings.streams)
        with running("serve_trio_websocket") as server:
            theirs = _grown(server, connections, None)
        measured = {
            "ours": ours["rss_bytes"],
            "ours, USS": ours["uss_bytes"],
            "trio-websocket": theirs["rss_bytes"],
            "trio-websocket, USS": theirs["uss_bytes"],
        }
        rounds.append({key: significant(value) for key, value in measured.items()})
        settings.say(f"P3 round {number}: {measured['ours']:.1f} {UNIT}")
    mine = side("mnstream collect", [each["ours"] for each in rounds], UNIT)
    what = _WHAT.format(connections=connections, streams=settings.streams, backend=DEFAULT_BACKEND)
    return Result(
        name="P3",
        what=what + limit_note(settings.connections, connections),
        target=TARGET,
        ours=mine,
        peer=side("trio-websocket", [each["trio-websocket"] for each in rounds], UNIT),
        ratio=mine.value,
        rounds=rounds,
        extra={"connections": connections, "streams_of_each": settings.streams},
    )


def _grown(server: ServerProcess, connections: int, streams: int | None) -> dict[str, float]:
    """Return how much a server has grown by each connection, KiB."""
    with fleet(server.url, range(_WARM), streams=streams):
        before = _memory(server)
        numbers = range(_WARM, _WARM + connections)
        with fleet(server.url, numbers, streams=streams) as clients:
            after = _memory(server)
            check_open(clients)
    return {key: (after[key] - before[key]) / connections / _KIB for key in before}


def _memory(server: ServerProcess) -> dict[str, int]:
    time.sleep(_SETTLE_S)  # until the server has noticed that the sockets of the POSTs are gone
    answer = server.ask("memory")
    return {key: answer[key] for key in ("rss_bytes", "uss_bytes")}
