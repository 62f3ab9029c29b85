"""The benchmarks of PERFORMANCE.md by their names; a new one is a function and a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mnstream.adapters.bench import (
    decoding,
    exporting,
    ingest,
    memory,
    notifications,
    opening,
    scale,
    steps,
)
from mnstream.adapters.bench.results import Result
from mnstream.adapters.bench.settings import Settings

Benchmark = Callable[[Settings], Result]
"""Measures; raises BenchmarkFailed when something that it needs does not work."""

BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "P1": ingest.measure_trio_websocket,
        "P2": ingest.measure_uvicorn,
        "P3": memory.measure,
        "P4": scale.measure,
        "P5": decoding.measure,
        "P6": notifications.measure_durable,
        "P7": notifications.measure_many,
        "P8": exporting.measure,
        "P9": opening.measure,
        "P10": steps.measure,
    }
)
