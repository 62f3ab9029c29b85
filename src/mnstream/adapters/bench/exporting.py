"""P8: how fast a data directory becomes a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from mnstream.adapters.bench.frames import METRICS, frames, stream_infos, stream_number
from mnstream.adapters.bench.logs import write_log
from mnstream.adapters.bench.results import Result, Side, Target, side, significant
from mnstream.adapters.bench.scratch import scratch
from mnstream.adapters.bench.settings import Settings
from mnstream.adapters.codecs.gpb import decode_pdsus, encode_pdsus
from mnstream.adapters.codecs.pdsu_pb2 import PDSUs
from mnstream.adapters.export import ExportConfig, NotInstalled, export_log
from mnstream.adapters.export.arrow import load_arrow
from mnstream.adapters.storage import LogReader
from mnstream.core.values import PerformanceInfo, StreamInfo

UNIT = "values/s"
TARGET = Target(reach=0.4, beyond=0.8, higher_is_better=True)
FRAMES_A_SECOND = 200_000
"""Frames for each second of a round: about what the peer reads in it."""
STREAMS = 10

_BATCH = 4096  # frames that the peer reads at once; it is no faster with more
_MANY = 10  # times as many values, in the second pair of sides
_OURS, _PEER = "mnstream", "ptars"
_MORE = f", {_MANY * len(METRICS)} values a frame"
_WHAT = (
    "ours: everything that mnstream export --format parquet does, from the log of {count:,} frames "
    "of {values} values in {streams} streams (cached) to the finished file with a row a value: "
    "CRC, CBOR, judgement of each unit, names and objects, encoding and compression, which run in "
    "a second thread, sync and rename; peer: ptars alone, one thread, the same frames from memory "
    "into Arrow with the schema of TS 28.550 Annex I, in batches of {batch}; sides in turns; in "
    "extra, and without a target, the same with {more} values a frame in a tenth of the frames"
)


def measure(settings: Settings) -> Result:
    """Measure P8."""
    count = max(int(FRAMES_A_SECOND * settings.seconds), STREAMS)
    unavailable, peer = "", None
    try:
        peer = _peer()
    except NotInstalled as problem:
        unavailable = str(problem)
    rounds: list[dict[str, float]] = []
    with scratch(settings.directory) as directory:
        few = _few(count)
        many = _many(max(count // _MANY, STREAMS))
        logs = (directory / "few", directory / "many")
        for log, (streams, payloads) in zip(logs, (few, many), strict=True):
            write_log(log, streams, payloads)
        for number in range(settings.rounds + 1):
            rates: dict[str, float] = {}
            for name, log, (streams, payloads) in zip(("", _MORE), logs, (few, many), strict=True):
                if peer is None:
                    break
                values = len(payloads) * _metrics(streams)
                rates[_OURS + name] = significant(values / _seconds(_export, log))
                rates[_PEER + name] = significant(values / _seconds(peer, payloads))
            if number and rates:  # the first only warms up
                rounds.append(rates)
                text = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
                settings.say(f"P8 round {number}/{settings.rounds}: {text} {UNIT}")
    names = rounds[0] if rounds else ()
    medians = {name: side(name, [each[name] for each in rounds], UNIT) for name in names}
    return _result(medians, rounds, count, unavailable)


def _result(
    medians: dict[str, Side], rounds: Sequence[dict[str, float]], count: int, unavailable: str
) -> Result:
    ours, peer = medians.get(_OURS, Side(name=_OURS, value=0, unit=UNIT)), medians.get(_PEER)
    extra: dict[str, object] = {
        name: each.value for name, each in medians.items() if name.endswith(_MORE)
    }
    if medians:
        extra["ratio" + _MORE] = significant(
            medians[_OURS + _MORE].value / medians[_PEER + _MORE].value
        )
    return Result(
        name="P8",
        what=_WHAT.format(
            count=count,
            values=len(METRICS),
            streams=STREAMS,
            batch=_BATCH,
            more=_MANY * len(METRICS),
        ),
        target=TARGET,
        ours=ours,
        peer=peer,
        ratio=None if peer is None else ours.value / peer.value,
        rounds=rounds,
        extra=extra,
        unavailable=unavailable,
    )


_Given = TypeVar("_Given")


def _seconds(step: Callable[[_Given], None], given: _Given) -> float:
    begun = perf_counter()
    step(given)
    return perf_counter() - begun


def _export(log: Path) -> None:
    export_log(LogReader(log), log.with_suffix(".parquet"), ExportConfig(format="parquet"))


def _peer() -> Callable[[Sequence[bytes]], None]:
    """Make the peer.

    Raises:
        NotInstalled: A library is missing.
    """
    pool = load_arrow().ptars.HandlerPool([PDSUs.DESCRIPTOR.file])
    read = pool.get_for_message(PDSUs.DESCRIPTOR).list_to_record_batch

    def step(payloads: Sequence[bytes]) -> None:
        for first in range(0, len(payloads), _BATCH):
            read(payloads[first : first + _BATCH])

    return step


def _metrics(streams: Sequence[StreamInfo]) -> int:
    info = streams[0].additional_info
    assert isinstance(info, PerformanceInfo)
    return len(info.performance_metrics)


def _few(count: int) -> tuple[tuple[StreamInfo, ...], list[bytes]]:
    """Give streams, and frames that take turns among them."""
    by_stream = [
        frames(stream_number(0, index, STREAMS), count // STREAMS) for index in range(STREAMS)
    ]
    return stream_infos(0, STREAMS), [each for row in zip(*by_stream, strict=True) for each in row]


def _many(count: int) -> tuple[tuple[StreamInfo, ...], list[bytes]]:
    """Give the same with more values in each frame."""
    streams, payloads = _few(count)
    wide: list[StreamInfo] = []
    for info in streams:
        additional = info.additional_info
        assert isinstance(additional, PerformanceInfo)
        names = tuple(f"{name}.{number}" for number in range(_MANY) for name in METRICS)
        wide.append(replace(info, additional_info=replace(additional, performance_metrics=names)))
    units = (decode_pdsus(payload)[0] for payload in payloads)
    return tuple(wide), [
        encode_pdsus([replace(unit, standardized=unit.standardized * _MANY)]) for unit in units
    ]
