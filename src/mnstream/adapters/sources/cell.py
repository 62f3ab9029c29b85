"""A plausible radio cell: what it would have measured in a period that ended at a time.

Theory of operation. A cell keeps no state. Everything follows from one number, its load between 0
and 1: an hourly curve of its kind, the day of the week, noise that moves within minutes, and noise
of each period. The noise is a hash of (seed, cell, time), so a time has the same values whenever
and in whichever order it is asked for. The relations that operators check hold by construction:
successes never exceed attempts, used never exceeds available, mean never exceeds maximum, and the
throughput of a user falls as the load rises.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from hashlib import blake2b

Values = dict[str, int | float]

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_SWELL_MS = 600_000  # noise that a human sees on a graph of a day
_FRIDAY = 4
_DRAWS = struct.Struct("<8Q")

# Percent of the cell's busiest hour: 24 hours UTC, midnight first.
_CURVES = {
    "office": (
        6, 4, 3, 3, 4, 8, 20, 45, 75, 92, 97, 95,
        82, 90, 100, 98, 90, 75, 50, 32, 22, 16, 12, 8,
    ),
    "homes": (
        30, 18, 10, 7, 6, 8, 18, 34, 40, 40, 42, 45,
        50, 50, 48, 52, 60, 70, 82, 93, 100, 97, 80, 52,
    ),
}  # fmt: skip
_WEEKEND = {"office": 0.35, "homes": 1.08}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """How busy the cell is: what all its measurements depend on."""

    downlink: float
    uplink: float
    draws: tuple[float, ...]
    seconds: float


class Cell:
    """One cell, made from a seed and its name.

    Args:
        seed: Seed of the simulated network.
        name: Name of the cell; two names give two cells.
        granularity_period_ms: Length of the period that counters count in.
    """

    def __init__(self, seed: int, name: str, *, granularity_period_ms: int) -> None:
        self._hash = blake2b(f"{seed}/{name}".encode(), digest_size=_DRAWS.size)
        self._seconds = granularity_period_ms / 1000
        kind, size, busy, width, share, *_ = self._draws("cell", 0)
        self._kind = "office" if kind < 0.4 else "homes"  # noqa: PLR2004  # 40 % are offices
        # 30 and 20 MHz at 30 kHz subcarrier spacing (TS 38.104 table 5.3.2-1).
        self._prbs = 78 if width < 0.6 else 51  # noqa: PLR2004  # 60 % have the wide carrier
        self._ues_max = 60 + int(340 * size)
        self._busiest = 0.55 + 0.35 * busy
        self._uplink_share = 0.35 + 0.25 * share

    def measure(self, end_ms: int) -> Values:
        """Return every measurement of the catalogue for the period that ended at ``end_ms``."""
        load = self._load(end_ms)
        connected = self._connections(load)
        return {
            **self._resources(load),
            **connected,
            **self._attempts(load, float(connected["RRC.ConnMean"])),
            **self._power(load, end_ms),
        }

    def _draws(self, purpose: str, time: int) -> tuple[float, ...]:
        """Return eight numbers, 0 <= number < 1, always the same for the same arguments."""
        digest = self._hash.copy()
        digest.update(f"/{purpose}/{time}".encode())
        return tuple((draw >> 11) * 2.0**-53 for draw in _DRAWS.unpack(digest.digest()))

    def _load(self, end_ms: int) -> _Load:
        hour, into_hour_ms = divmod(end_ms % _DAY_MS, _HOUR_MS)
        curve, part = _CURVES[self._kind], into_hour_ms / _HOUR_MS
        usual = (curve[hour] * (1 - part) + curve[(hour + 1) % 24] * part) / 100
        # The epoch was a Thursday.
        weekend = (end_ms // _DAY_MS + 3) % 7 > _FRIDAY
        usual *= self._busiest * (_WEEKEND[self._kind] if weekend else 1.0)
        swell, into_swell_ms = divmod(end_ms, _SWELL_MS)
        part = into_swell_ms / _SWELL_MS
        early, late = self._draws("swell", swell)[0], self._draws("swell", swell + 1)[0]
        slow = early * (1 - part) + late * part - 0.5
        draws = self._draws("period", end_ms)
        downlink = _within(usual * (1 + 0.5 * slow + 0.2 * (draws[0] - 0.5)), 0.005, 0.99)
        uplink = _within(downlink * self._uplink_share * (0.9 + 0.2 * draws[1]), 0.003, 0.99)
        return _Load(downlink=downlink, uplink=uplink, draws=draws, seconds=self._seconds)

    def _resources(self, load: _Load) -> Values:
        found: Values = {}
        # Mbit/s that one PRB carries, and what one user alone gets of the cell.
        ways = (("Dl", "DL", load.downlink, 1.1, 2), ("Ul", "UL", load.uplink, 0.35, 3))
        for way, volume, share, mbit, draw in ways:
            used = math.floor(self._prbs * share)
            found[f"RRU.PrbAvail{way}"] = self._prbs
            found[f"RRU.PrbUsed{way}"] = used
            # All traffic: broadcast and control take up to one percent beside the data.
            found[f"RRU.PrbTot{way}"] = math.ceil(100 * used / self._prbs)
            noise = 0.97 + 0.06 * load.draws[draw]
            throughput = 1000 * mbit * self._prbs * (1 - 0.9 * share) * noise
            found[f"DRB.UEThp{way}"] = round(throughput, 3)
            carried = self._prbs * share * mbit * self._seconds * (0.9 + 0.1 * load.draws[draw])
            found[f"DRB.PdcpSduVolume{volume}"] = math.floor(carried)
        crowd = load.downlink**2
        found["DRB.AirIfDelayDl"] = round(40 + 400 * crowd + 10 * load.draws[4])
        found["DRB.RlcSduDelayDl"] = round(25 + 900 * crowd + 10 * load.draws[4])
        found["DRB.PacketLossRateUl"] = round(20 + 3000 * load.uplink**2 + 30 * load.draws[5])
        blocks = math.floor(2000 * self._seconds * load.downlink)
        found["TB.TotNbrDl"] = blocks
        found["TB.ErrTotalNbrDl"] = math.floor(blocks * (0.06 + 0.08 * load.draws[5]))
        return found

    def _connections(self, load: _Load) -> Values:
        mean = math.floor(self._ues_max * load.downlink * (0.9 + 0.1 * load.draws[6]))
        found: Values = {
            "RRC.ConnMean": mean,
            "RRC.ConnMax": math.ceil(mean * (1.02 + 0.1 * load.draws[7])) + 1,
        }
        for way, share, draw in (("Dl", 0.18, 6), ("Ul", 0.11, 7)):
            active = mean * share * (0.9 + 0.2 * load.draws[draw])
            found[f"DRB.MeanActiveUe{way}"] = round(active, 3)
            found[f"DRB.MaxActiveUe{way}"] = min(mean, math.ceil(active * 1.5))
        return found

    def _attempts(self, load: _Load, connected: float) -> Values:
        draws = load.draws
        trouble = 0.002 + 0.02 * load.downlink**4
        # A user connects every 25 s, moves on every 90 s, and so on, give or take.
        estab = self._count(connected / 25, draws[2], draws[3])
        bearers = self._count(connected / 20, draws[3], draws[4])
        prepared = self._count(connected / 90, draws[4], draws[5])
        within = self._count(connected / 120, draws[5], draws[6])
        found: Values = {
            "RRC.ConnEstabAtt.sum": estab,
            "RRC.ConnEstabSucc.sum": _successes(estab, trouble, draws[6]),
            "RRC.ReEstabAtt": self._count(connected / 2000, draws[6], draws[7]),
            "DRB.EstabAtt.sum": bearers,
            "DRB.EstabSucc.sum": _successes(bearers, trouble, draws[7]),
            "MM.HoPrepInterReq": prepared,
            "MM.HoPrepInterSucc.sum": _successes(prepared, 2 * trouble, draws[7]),
            "MM.HoExeIntraReq": within,
            "MM.HoExeIntraSucc": _successes(within, trouble, draws[2]),
        }
        executed = int(found["MM.HoPrepInterSucc.sum"])
        found["MM.HoExeInterReq"] = executed
        found["MM.HoExeInterSucc"] = _successes(executed, trouble, draws[3])
        return found

    def _count(self, a_second: float, first: float, second: float) -> int:
        """Draw how often something happens in a period: about Poisson, near enough for a graph."""
        mean = a_second * self._seconds
        return max(0, math.floor(mean + math.sqrt(mean) * (first + second - 1) * 2 + first))

    def _power(self, load: _Load, end_ms: int) -> Values:
        average = 180 + 5.5 * self._prbs * load.downlink + 4 * load.draws[0]
        # Warmest in the afternoon, and by its own work.
        sun = math.sin(2 * math.pi * (end_ms % _DAY_MS / _DAY_MS - 0.375))
        return {
            "PEE.AvgPower": round(average, 2),
            "PEE.MinPower": round(average * (0.90 + 0.05 * load.draws[1]), 2),
            "PEE.MaxPower": round(average * (1.02 + 0.10 * load.draws[2]), 2),
            "PEE.Energy": round(average * self._seconds / 3_600_000, 6),
            "PEE.AvgTemperature": round(24 + 5 * sun + 9 * load.downlink + load.draws[3], 1),
        }


def _within(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))


def _successes(attempts: int, trouble: float, draw: float) -> int:
    """Take the failures away; never more than there were attempts, as trouble and draw are < 1."""
    return attempts - math.floor(attempts * trouble + draw)
