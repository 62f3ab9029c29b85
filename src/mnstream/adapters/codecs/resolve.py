"""Give the values of a unit their names (TS 28.550 Annex C; `specs/contradictions.md`).

A unit names nothing: its values stand in the order of ``performanceMetrics`` of its StreamInfo,
the standardised ones first, then the vendor's. The match is strict. Guessing which value is
missing would put a number under a wrong name, and nobody could tell afterwards.
"""

from __future__ import annotations

from mnstream.adapters.codecs.values import MeasValue, PerformanceDataStreamUnit
from mnstream.core.values import PerformanceInfo, StreamInfo


def resolve_values(
    stream: StreamInfo, unit: PerformanceDataStreamUnit
) -> dict[str, MeasValue] | str:
    """Match the values of ``unit`` with the metrics of its stream.

    Args:
        stream: The StreamInfo that was in force when the unit was received.
        unit: The unit; that it belongs to ``stream`` is not checked.

    Returns:
        A value for each metric name, in the order of the metrics, or one sentence that says why
        there is no match. When a name is listed twice, the later value stands.
    """
    match stream.additional_info:
        case PerformanceInfo(performance_metrics=names):
            values = unit.standardized + unit.vendor_specific
            if len(values) != len(names):
                return f"{len(values)} values for {len(names)} performance metrics"
            return dict(zip(names, values, strict=True))
        case _:
            return "the stream has no performance metrics"
