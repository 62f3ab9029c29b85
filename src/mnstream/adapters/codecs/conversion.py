"""Units from one encoding into the other, without a silent loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mnstream.adapters.codecs import gpb, per_writing
from mnstream.adapters.codecs.losses import NANOSECONDS, Loss, losses
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.core.errors import LocalProtocolError, MnSError
from mnstream.core.streaming.multiplexing import Family

__all__ = ["UNKNOWN_FIELDS", "Loss", "Unconvertible", "convert_units", "losses"]

UNKNOWN_FIELDS = Loss("the frame", "fields that only a later release knows")
"""A loss that units do not show: what GPB passes over while it reads (`gpb`)."""

_NAMED_MAX = 5
"""Losses that the text of an error names; all of them are in its attribute."""

_ENCODERS = {
    Family.PDSU_GPB: gpb.encode_pdsus,
    Family.PDSU_ASN1: per_writing.encode_pdsus,
}


class Unconvertible(MnSError):
    """Units hold something that the other encoding cannot carry, and that cannot be left out.

    Attributes:
        losses: Everything that it cannot carry, in the order of the units.
    """

    losses: tuple[Loss, ...]

    def __init__(self, target: Family, every: tuple[Loss, ...]) -> None:
        """Name the target and the first few."""
        named = "; ".join(f"{loss.place}: {loss.what}" for loss in every[:_NAMED_MAX])
        more = f" and {len(every) - _NAMED_MAX} more" if len(every) > _NAMED_MAX else ""
        super().__init__(f"cannot be written as {target.value}: {named}{more}")
        self.losses = every


def convert_units(
    units: Iterable[PerformanceDataStreamUnit], target: Family
) -> tuple[bytes, tuple[Loss, ...]]:
    """Write units as one message of another encoding.

    Only the parts of a second of a time are ever left out, where the target has none.

    Returns:
        The message, and what was left out of it.

    Raises:
        Unconvertible: Something else cannot be carried.
        LocalProtocolError: The target carries no performance data.
    """
    encode = _ENCODERS.get(target)
    if encode is None:
        raise LocalProtocolError(f"{target.value} carries no performance data")
    given = tuple(units)
    lost = tuple(loss for unit in given for loss in losses(unit, target))
    if any(loss.what != NANOSECONDS for loss in lost):
        raise Unconvertible(target, lost)
    if lost:
        given = tuple(map(_in_whole_seconds, given))
    return encode(given), lost


def _in_whole_seconds(unit: PerformanceDataStreamUnit) -> PerformanceDataStreamUnit:
    time_ns = unit.granularity_period_end_time_ns
    if time_ns is None or not time_ns % 1_000_000_000:
        return unit
    return replace(unit, granularity_period_end_time_ns=time_ns - time_ns % 1_000_000_000)
