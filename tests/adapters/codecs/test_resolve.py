"""Values get their names by position, or not at all."""

from mnstream.adapters.codecs.resolve import resolve_values
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.testing.logs import STREAMS, performance_stream


def unit(*standardized: int, vendor: tuple[str, ...] = ()) -> PerformanceDataStreamUnit:
    return PerformanceDataStreamUnit(
        stream_id=1,
        granularity_period_end_time_ns=0,
        standardized=standardized,
        vendor_specific=vendor,
    )


def test_standardised_values_come_first_then_the_vendors() -> None:
    stream = performance_stream("1", "a", "b", "c")
    resolved = resolve_values(stream, unit(1, 2, vendor=("x",)))
    assert resolved == {"a": 1, "b": 2, "c": "x"}
    assert list(resolved) == ["a", "b", "c"]


def test_nothing_is_guessed_when_the_numbers_differ() -> None:
    stream = performance_stream("1", "a", "b")
    assert resolve_values(stream, unit(1)) == "1 values for 2 performance metrics"
    assert resolve_values(stream, unit(1, 2, 3)) == "3 values for 2 performance metrics"


def test_no_metrics_and_no_values_match() -> None:
    assert resolve_values(performance_stream("1"), unit()) == {}


def test_a_stream_without_metrics_resolves_nothing() -> None:
    assert resolve_values(STREAMS[2], unit(1)) == "the stream has no performance metrics"
