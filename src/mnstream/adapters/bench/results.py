"""What a benchmark gives: two sides, a ratio, and a target to hold it against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a benchmark is to reach (PERFORMANCE.md).

    Attributes:
        reach: Ratio from which the target is met.
        beyond: Ratio that would be remarkable.
        higher_is_better: Whether a target is a lower bound.
    """

    reach: float
    beyond: float
    higher_is_better: bool

    def is_met(self, ratio: float) -> bool:
        """Tell whether a ratio is as good as the target, or better."""
        return ratio >= self.reach if self.higher_is_better else ratio <= self.reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What was measured of one side: the median of its rounds."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a benchmark.

    Attributes:
        name: For example ``P1``.
        what: What each side did, exactly.
        target: What is to be reached.
        ours: Our side.
        peer: What it is held against; None when that is not installed.
        ratio: What the target is about; None when there is no peer.
        rounds: What was measured, one object a round.
        extra: Further numbers, without a target.
        unavailable: Why there is no ratio, and what to install; empty otherwise.
    """

    name: str
    what: str
    target: Target
    ours: Side
    peer: Side | None
    ratio: float | None
    rounds: Sequence[Mapping[str, object]]
    extra: Mapping[str, object] = field(default_factory=dict[str, object])
    unavailable: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is met; never without a ratio."""
        return self.ratio is not None and self.target.is_met(self.ratio)

    def as_json(self) -> JsonObject:
        """Write it for ``--json``; ratio and peer are null when the peer is unavailable."""
        document: JsonObject = {
            "name": self.name,
            "what": self.what,
            "ratio": None if self.ratio is None else significant(self.ratio),
            "target": self.target.reach,
            "beyond": self.target.beyond,
            "higher_is_better": self.target.higher_is_better,
            "ours": _side(self.ours),
            "peer": None if self.peer is None else _side(self.peer),
            "met": self.met,
            "rounds": [dict(each) for each in self.rounds],
            "extra": dict(self.extra),
        }
        if self.unavailable:
            document["unavailable"] = self.unavailable
        return document


def side(name: str, values: Sequence[float], unit: str) -> Side:
    """Sum the rounds of one side up."""
    return Side(name=name, value=median(values), unit=unit)


def significant(value: float, digits: int = 4) -> float:
    """Round to a number of significant digits; more would claim what nobody measured."""
    return float(f"{value:.{digits}g}")


def _side(each: Side) -> JsonObject:
    return {"name": each.name, "value": significant(each.value), "unit": each.unit}
