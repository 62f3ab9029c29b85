"""Units that GPB can carry, for Hypothesis."""

from hypothesis import strategies as st

from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

_VALUES_OF_KIND: dict[IndexKind, st.SearchStrategy[int | str | bytes | Snssai]] = {
    IndexKind.SUM: st.just("SUM"),
    IndexKind.BIN_INDEX: INT32,
    IndexKind.QOS_5QI: INT32,
    IndexKind.QOS_QCI: INT32,
    IndexKind.CAUSE: INT32,
    IndexKind.STRING_INDEX: TEXT,
    IndexKind.PLMN: st.binary(min_size=3, max_size=3),
    IndexKind.SNSSAI: st.builds(
        Snssai, st.binary(min_size=1, max_size=1), st.binary(min_size=3, max_size=3)
    ),
}


def indices() -> st.SearchStrategy[SubCounterIndex]:
    return st.sampled_from(IndexKind).flatmap(
        lambda kind: st.builds(SubCounterIndex, st.just(kind), _VALUES_OF_KIND[kind])
    )


def values() -> st.SearchStrategy[MeasValue]:
    plain: st.SearchStrategy[MeasValue] = st.none() | INT64 | st.floats(allow_nan=False) | TEXT
    return st.recursive(
        plain,
        lambda inner: st.builds(SubCounter, st.none() | indices(), inner),
        max_leaves=4,
    )


def units() -> st.SearchStrategy[PerformanceDataStreamUnit]:
    return st.builds(
        PerformanceDataStreamUnit,
        stream_id=INT64,
        granularity_period_end_time_ns=st.none() | st.integers(-(2**62), 2**62),
        standardized=st.lists(values(), max_size=5).map(tuple),
        vendor_specific=st.lists(values(), max_size=3).map(tuple),
    )
