"""What psutil knows of this machine, as subjects and their metrics.

Names are ours: these are no measurements of TS 28.552. ``host.<subject>.<what>_<unit>``; units
last, and what only grows ends in ``_total``. Which disk or interface it is says the measured
object, not the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import psutil

T = TypeVar("T")


class Subject(NamedTuple):
    """One thing that is measured: the last component of its DN."""

    kind: str
    name: str


Measured = Mapping[Subject, Mapping[str, int | float | None]]
"""Metrics and their values for each subject, in an order that does not change."""


class HostProbe(Protocol):
    """Something that looks at a machine."""

    def measure(self) -> Measured:
        """Look once. A subject that cannot be seen now is absent; a metric likewise, or None."""
        ...


SUBJECTS_OF_ONE_KIND_MAX = 256
"""Disks, or interfaces. A machine with more of them runs containers, each with an interface that
lives for a minute; what belongs to the machine comes first in the order of names."""

_BLOCK_DEVICES = Path("/sys/block")
_NO_DISKS = ("loop", "ram", "zram")


class PsutilProbe:
    """This machine, through psutil. Not for several threads at once.

    The utilisation of the processors is that between two looks, and None at the first.
    """

    def __init__(self) -> None:
        self._busy_before: tuple[float, float] | None = None

    def measure(self) -> Measured:
        """Look once; takes well under a millisecond for each subject and waits for nothing."""
        return {
            subject: metrics
            for subject, metrics in (
                (Subject("Cpu", "1"), self._cpu()),
                (Subject("Memory", "1"), _memory()),
                *_disks(),
                *_interfaces(),
            )
            if metrics
        }

    def _cpu(self) -> dict[str, int | float | None]:
        times = _seen(psutil.cpu_times)
        if times is None:
            return {}
        seconds: dict[str, float] = times._asdict()
        # Linux counts the time of guests in that of users, too.
        total = sum(v for name, v in seconds.items() if not name.startswith("guest"))
        idle = seconds["idle"] + seconds.get("iowait", 0.0)
        found: dict[str, int | float | None] = {
            "host.cpu.utilisation_percent": self._utilisation(total - idle, total),
            "host.cpu.logical_processors": psutil.cpu_count(),
        }
        for name in ("user", "system", "idle", "iowait"):
            if name in seconds:
                found[f"host.cpu.{name}_seconds_total"] = round(seconds[name], 3)
        load = _seen(psutil.getloadavg)
        if load is not None:
            for minutes, value in zip((1, 5, 15), load, strict=True):
                found[f"host.cpu.load_average_{minutes}_min"] = round(value, 3)
        stats = _seen(psutil.cpu_stats)
        if stats is not None:
            found["host.cpu.context_switches_total"] = stats.ctx_switches
            found["host.cpu.interrupts_total"] = stats.interrupts
        return found

    def _utilisation(self, busy: float, total: float) -> float | None:
        before, self._busy_before = self._busy_before, (busy, total)
        if before is None or total <= before[1]:
            return None
        share = (busy - before[0]) / (total - before[1])
        # The kernel's counters are not read at one instant, and iowait may even go back.
        return round(100 * min(1.0, max(0.0, share)), 2)


def _memory() -> dict[str, int | float | None]:
    memory = _seen(psutil.virtual_memory)
    if memory is None:
        return {}
    found: dict[str, int | float | None] = {
        "host.memory.total_bytes": memory.total,
        "host.memory.available_bytes": memory.available,
        "host.memory.used_bytes": memory.used,
        "host.memory.utilisation_percent": memory.percent,
    }
    swap = _seen(psutil.swap_memory)
    if swap is not None:
        found["host.memory.swap_total_bytes"] = swap.total
        found["host.memory.swap_used_bytes"] = swap.used
    return found


def _disks() -> Iterator[tuple[Subject, dict[str, int | float | None]]]:
    counters = _seen(lambda: psutil.disk_io_counters(perdisk=True)) or {}
    names = [name for name in sorted(counters) if _is_disk(name)]
    for name in names[:SUBJECTS_OF_ONE_KIND_MAX]:
        disk = counters[name]
        yield (
            Subject("Disk", name),
            {
                "host.disk.reads_total": disk.read_count,
                "host.disk.writes_total": disk.write_count,
                "host.disk.read_bytes_total": disk.read_bytes,
                "host.disk.written_bytes_total": disk.write_bytes,
                "host.disk.read_milliseconds_total": disk.read_time,
                "host.disk.write_milliseconds_total": disk.write_time,
            },
        )


def _is_disk(name: str) -> bool:
    """Say whether it is a whole device: Linux counts its partitions beside it."""
    if name.startswith(_NO_DISKS):
        return False
    return not _BLOCK_DEVICES.is_dir() or (_BLOCK_DEVICES / name.replace("/", "!")).exists()


def _interfaces() -> Iterator[tuple[Subject, dict[str, int | float | None]]]:
    counters = _seen(lambda: psutil.net_io_counters(pernic=True)) or {}
    for name in sorted(counters)[:SUBJECTS_OF_ONE_KIND_MAX]:
        interface = counters[name]
        yield (
            Subject("NetworkInterface", name),
            {
                "host.network.received_bytes_total": interface.bytes_recv,
                "host.network.sent_bytes_total": interface.bytes_sent,
                "host.network.received_packets_total": interface.packets_recv,
                "host.network.sent_packets_total": interface.packets_sent,
                "host.network.received_errors_total": interface.errin,
                "host.network.sent_errors_total": interface.errout,
                "host.network.received_drops_total": interface.dropin,
                "host.network.sent_drops_total": interface.dropout,
            },
        )


def _seen(look: Callable[[], T]) -> T | None:
    """Return what psutil sees, or None where this system or its permissions do not show it."""
    try:
        return look()
    # RuntimeError: psutil's for files of /proc that a container hides, as is RuntimeWarning where
    # warnings are errors. NotImplementedError is one, too.
    except (OSError, RuntimeError, RuntimeWarning, psutil.Error):
        return None
