"""Measurements of TS 28.552 that the simulated cell has, and the sub-counters of each 5QI.

A sub-counter is listed under a name of its own (``DRB.UEThpDl.7``), so that the values of a unit
stay strictly positional against the names of its stream (contradiction 34).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Split(Enum):
    """How a measurement is divided among the 5QIs."""

    NONE = "not at all"
    SHARE = "each 5QI has a part of the whole"
    LEVEL = "each 5QI has a level of its own"


class Metric(NamedTuple):
    """One measurement."""

    name: str
    unit: str
    split: Split = Split.NONE


CATALOGUE = (
    Metric("RRU.PrbTotDl", "percent"),
    Metric("RRU.PrbTotUl", "percent"),
    Metric("RRU.PrbUsedDl", "PRBs"),
    Metric("RRU.PrbUsedUl", "PRBs"),
    Metric("DRB.UEThpDl", "kbit/s", Split.LEVEL),
    Metric("DRB.UEThpUl", "kbit/s", Split.LEVEL),
    Metric("RRC.ConnMean", "UEs"),
    Metric("RRC.ConnMax", "UEs"),
    Metric("RRC.ConnEstabAtt.sum", "attempts"),
    Metric("RRC.ConnEstabSucc.sum", "successes"),
    Metric("DRB.PdcpSduVolumeDL", "Mbit", Split.SHARE),
    Metric("DRB.PdcpSduVolumeUL", "Mbit", Split.SHARE),
    Metric("PEE.AvgPower", "W"),
    Metric("RRU.PrbAvailDl", "PRBs"),
    Metric("RRU.PrbAvailUl", "PRBs"),
    Metric("DRB.MeanActiveUeDl", "UEs", Split.SHARE),
    Metric("DRB.MaxActiveUeDl", "UEs"),
    Metric("DRB.MeanActiveUeUl", "UEs", Split.SHARE),
    Metric("DRB.MaxActiveUeUl", "UEs"),
    Metric("DRB.AirIfDelayDl", "0.1 ms", Split.LEVEL),
    Metric("DRB.RlcSduDelayDl", "0.1 ms", Split.LEVEL),
    Metric("DRB.PacketLossRateUl", "1e-6", Split.LEVEL),
    Metric("DRB.EstabAtt.sum", "attempts"),
    Metric("DRB.EstabSucc.sum", "successes"),
    Metric("RRC.ReEstabAtt", "attempts"),
    Metric("MM.HoPrepInterReq", "requests"),
    Metric("MM.HoPrepInterSucc.sum", "successes"),
    Metric("MM.HoExeInterReq", "requests"),
    Metric("MM.HoExeInterSucc", "successes"),
    Metric("MM.HoExeIntraReq", "requests"),
    Metric("MM.HoExeIntraSucc", "successes"),
    Metric("TB.TotNbrDl", "transport blocks"),
    Metric("TB.ErrTotalNbrDl", "transport blocks"),
    Metric("PEE.MinPower", "W"),
    Metric("PEE.MaxPower", "W"),
    Metric("PEE.Energy", "kWh"),
    Metric("PEE.AvgTemperature", "degrees Celsius"),
)
"""In the order in which a stream takes them: what people look at first comes first."""

# TS 23.501 table 5.7.4-1, by use: internet, signalling, voice, then the others; 128 to 254 are
# the operator's own.
_FIVE_QI = (9, 5, 1, 7, 8, 2, 6, 3, 4, *range(65, 68), *range(69, 77), 79, 80, *range(82, 91))
FIVE_QI = (*_FIVE_QI, *range(128, 255))

_PARTS = {9: 50, 8: 14, 7: 10, 6: 10, 2: 5, 1: 4, 5: 2}
_PARTS_OF_OTHERS = 5.0  # percent, for all others together
_PERCENT = 100


class Column(NamedTuple):
    """One value of a unit: a measurement, or the part of it that one 5QI has.

    Attributes:
        name: As the stream lists it.
        metric: Measurement that it is made from.
        factor: What the measurement is multiplied with; None for the measurement itself.
    """

    name: str
    metric: str
    factor: float | None


def _factor(split: Split, five_qi: int) -> float:
    if split is Split.LEVEL:
        # From 0.5 to 1, different for neighbours, no meaning beyond that.
        return 0.5 + five_qi * 37 % 51 / 100
    others = len(FIVE_QI) - len(_PARTS)
    return _PARTS.get(five_qi, _PARTS_OF_OTHERS / others) / _PERCENT


_COLUMNS = (
    *(Column(metric.name, metric.name, None) for metric in CATALOGUE),
    *(
        Column(f"{metric.name}.{five_qi}", metric.name, _factor(metric.split, five_qi))
        for five_qi in FIVE_QI
        for metric in CATALOGUE
        if metric.split is not Split.NONE
    ),
)
METRICS_MAX = len(_COLUMNS)
"""As many as there are 5QIs for."""


def columns(metrics: int) -> tuple[Column, ...]:
    """Return the first columns of the catalogue, then of the sub-counters.

    Raises:
        ValueError: ``metrics`` is below 1 or above METRICS_MAX.
    """
    if not 1 <= metrics <= METRICS_MAX:
        raise ValueError(f"a simulated cell has 1 to {METRICS_MAX} metrics, not {metrics}")
    return _COLUMNS[:metrics]
