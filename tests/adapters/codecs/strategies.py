"""Units that GPB can carry, that ASN.1 can, and others, for Hypothesis."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
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


# What ASN.1 can carry: wider than GPB in numbers, narrower in text and time.
BIG = INT64 | st.integers(-(2**500), 2**500)
VISIBLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
_YEARS = [(1582, 9999), (1748, 1750), (2004, 2022), (2275, 2278)]  # where the form changes
WHOLE_SECONDS = st.one_of(
    [
        st.integers(
            int(datetime(first, 1, 1, tzinfo=UTC).timestamp()),
            int(datetime(last, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()),
        )
        for first, last in _YEARS
    ]
).map((1_000_000_000).__mul__)

_ASN1_VALUES_OF_KIND: dict[IndexKind, st.SearchStrategy[int | str | bytes | Snssai]] = {
    **dict.fromkeys(
        (IndexKind.BIN_INDEX, IndexKind.QOS_5QI, IndexKind.QOS_QCI, IndexKind.CAUSE), BIG
    ),
    IndexKind.SUM: st.just("SUM"),
    IndexKind.STRING_INDEX: VISIBLE,
    IndexKind.PLMN: _VALUES_OF_KIND[IndexKind.PLMN],
    IndexKind.SNSSAI: _VALUES_OF_KIND[IndexKind.SNSSAI],
}


def asn1_indices() -> st.SearchStrategy[SubCounterIndex]:
    return st.sampled_from(IndexKind).flatmap(
        lambda kind: st.builds(SubCounterIndex, st.just(kind), _ASN1_VALUES_OF_KIND[kind])
    )


def asn1_values(
    reals: st.SearchStrategy[float] | None = None,
) -> st.SearchStrategy[MeasValue]:
    floats = st.floats(allow_nan=False) if reals is None else reals
    plain: st.SearchStrategy[MeasValue] = BIG | floats | VISIBLE
    inner = st.recursive(
        st.none() | plain,
        lambda deeper: st.builds(SubCounter, asn1_indices(), deeper),
        max_leaves=4,
    )
    return plain | st.builds(SubCounter, asn1_indices(), inner)


def asn1_units(
    reals: st.SearchStrategy[float] | None = None,
) -> st.SearchStrategy[PerformanceDataStreamUnit]:
    return st.builds(
        PerformanceDataStreamUnit,
        stream_id=BIG,
        granularity_period_end_time_ns=WHOLE_SECONDS,
        standardized=st.lists(asn1_values(reals), max_size=6).map(tuple),
        vendor_specific=st.lists(asn1_values(reals), max_size=3).map(tuple),
    )


def model_units() -> st.SearchStrategy[PerformanceDataStreamUnit]:
    """Units of which some only GPB can carry, some only ASN.1, some both and some neither."""
    octets = st.binary(max_size=4)
    anything = st.one_of(INT32, BIG, TEXT, octets, st.builds(Snssai, octets, octets))
    odd = st.builds(SubCounterIndex, st.sampled_from(IndexKind), anything)
    unknown = st.builds(UnknownAlternative, octets)
    index = st.none() | indices() | asn1_indices() | odd | unknown
    value = st.recursive(
        unknown | st.none() | BIG | st.floats(allow_nan=False) | TEXT | VISIBLE,
        lambda inner: st.builds(SubCounter, index, inner),
        max_leaves=3,
    )
    return st.one_of(
        units(),
        asn1_units(),
        st.builds(
            PerformanceDataStreamUnit,
            stream_id=BIG,
            granularity_period_end_time_ns=st.one_of(
                st.none(), WHOLE_SECONDS, st.integers(-(2**100), 2**100)
            ),
            standardized=st.lists(value, max_size=2).map(tuple),
            vendor_specific=st.lists(value, max_size=1).map(tuple),
        ),
    )
