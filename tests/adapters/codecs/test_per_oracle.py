"""Units in ASN.1 are, octet for octet, what asn1tools makes of the same schema."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnstream.adapters.codecs.per import decode_pdsus, read_units
from mnstream.adapters.codecs.per_writing import encode_pdsus
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from tests.adapters.codecs.per_oracle import LATER, read, reals, written
from tests.adapters.codecs.strategies import BIG, asn1_units


def unit(*values: MeasValue, **changes: object) -> PerformanceDataStreamUnit:
    fields: dict[str, object] = {
        "stream_id": 1,
        "granularity_period_end_time_ns": 0,
        "standardized": values,
    }
    return PerformanceDataStreamUnit(**(fields | changes))  # type: ignore[arg-type] # any of them


def counts(units: list[PerformanceDataStreamUnit]) -> list[tuple[str, int]]:
    return [
        (str(each.stream_id), len(each.standardized) + len(each.vendor_specific)) for each in units
    ]


@given(st.lists(asn1_units(reals()), max_size=4))
def test_both_write_the_same_octets_and_read_them_alike(
    units: list[PerformanceDataStreamUnit],
) -> None:
    payload = encode_pdsus(units)
    assert payload == written(units)
    assert list(decode_pdsus(payload)) == units == read(payload)
    assert list(read_units(payload)) == counts(units)


@given(st.lists(asn1_units(), max_size=2))
def test_what_asn1tools_writes_otherwise_is_read_alike(
    units: list[PerformanceDataStreamUnit],
) -> None:
    assert read(encode_pdsus(units)) == units
    assert list(decode_pdsus(written(units))) == units


@given(st.integers(-(2**8191), 2**8191 - 1) | BIG)
@example(-(2**8191))
@example(2**8191 - 1)
@example(2**1015)
@example(-(2**1015) - 1)
@example(0x80)
@example(-0x80)
@example(-0x81)
def test_integers_of_every_size(number: int) -> None:
    units = [unit(number, stream_id=number)]
    assert encode_pdsus(units) == written(units)
    assert list(decode_pdsus(encode_pdsus(units))) == units


@pytest.mark.parametrize(
    "value",
    [
        *(0.0, 1.5, -1.5, 0.1, 1e300, -1e-300, 5e-324, -5e-324, 2.2250738585072014e-308),
        *(2.0**127, 2.0**128, 2.0**-128, 2.0**-129, float("inf"), float("-inf")),
        *(127.0, 1.7976931348623157e308, 3.0 * 2.0**-1074),
    ],
)
def test_reals_of_every_form(value: float) -> None:
    units = [unit(value)]
    assert encode_pdsus(units) == written(units)
    assert list(decode_pdsus(encode_pdsus(units))) == units == read(encode_pdsus(units))


@pytest.mark.parametrize(
    "text",
    [
        *("1582-01-01T00:00:00", "1748-12-31T23:59:59", "1749-01-01T00:00:00"),
        *("2004-12-31T23:59:59", "2005-01-01T00:00:00", "2020-12-31T23:59:59"),
        *("2021-01-01T00:00:00", "2276-12-31T23:59:59", "2277-01-01T00:00:00"),
        *("2024-02-29T12:34:56", "1969-12-31T23:59:59", "9999-12-31T23:59:59"),
    ],
)
def test_times_at_the_ends_of_each_range_of_years(text: str) -> None:
    time = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    units = [unit(granularity_period_end_time_ns=time * 1_000_000_000)]
    assert encode_pdsus(units) == written(units)
    assert list(decode_pdsus(encode_pdsus(units))) == units == read(encode_pdsus(units))


@pytest.mark.parametrize("count", [127, 128, 16_383, 16_384, 16_385, 65_536, 82_000])
def test_long_lists_of_values_go_in_fragments(count: int) -> None:
    units = [unit(*range(count), vendor_specific=(1.5,) * 3)]
    payload = encode_pdsus(units)
    assert payload == written(units)
    assert list(decode_pdsus(payload)) == units
    assert list(read_units(payload)) == [("1", count + 3)]


@pytest.mark.parametrize("count", [128, 16_384, 16_500])
def test_long_lists_of_units_go_in_fragments(count: int) -> None:
    units = [unit(number, stream_id=number) for number in range(count)]
    payload = encode_pdsus(units)
    assert payload == written(units)
    assert list(decode_pdsus(payload)) == units
    assert list(read_units(payload)) == counts(units)


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 65_536, 147_456, 150_000])
def test_long_texts_go_in_fragments(size: int) -> None:
    text = "x" * (size - 1) + "~"
    units = [unit(text, SubCounter(SubCounterIndex(IndexKind.STRING_INDEX, text), None), 7)]
    payload = encode_pdsus(units)
    assert payload == written(units)
    assert list(decode_pdsus(payload)) == units
    assert list(read_units(payload)) == [("1", 3)]


def later(*values: object) -> bytes:
    return bytes(
        LATER.encode(
            "PDSUs",
            [
                {
                    "streamId": 1,
                    "granularityPeriodEndTime": datetime(1970, 1, 1),  # noqa: DTZ001 - as the schema
                    "standardizedMeasResults": list(values),
                }
            ],
        )
    )


@pytest.mark.parametrize("size", [0, 1, 126, 127, 16_000])  # asn1tools has no longer open types
def test_alternatives_of_a_later_release_are_read_as_they_are(size: int) -> None:
    octets = bytes(size)
    payload = later(
        ("octets", octets),
        ("integerValue", 1),
        ("flag", True),
        (
            "subCounters",
            {"subCounterIndex": ("slice", octets), "subCounterValue": ("integerValue", 2)},
        ),
        ("subCounters", {"subCounterIndex": ("beam", 300)}),
        (
            "subCounters",
            {"subCounterIndex": ("cause", 3), "subCounterValue": ("octets", octets)},
        ),
        ("integerValue", 4),
    )
    (decoded,) = decode_pdsus(payload)
    first, one, second, sliced, beam, caused, four = decoded.standardized
    assert (one, four) == (1, 4)
    for alternative in (first, second):
        assert isinstance(alternative, UnknownAlternative)
        assert alternative.octets in payload
    assert first != second
    assert isinstance(sliced, SubCounter)
    assert isinstance(beam, SubCounter)
    assert (sliced.value, beam.value) == (2, None)
    assert isinstance(sliced.index, UnknownAlternative)
    assert isinstance(beam.index, UnknownAlternative)
    assert caused == SubCounter(SubCounterIndex(IndexKind.CAUSE, 3), first)
    assert list(read_units(payload)) == [("1", 7)]


def test_every_kind_of_index() -> None:
    indices: dict[IndexKind, int | str | bytes | Snssai] = dict.fromkeys(IndexKind, 200)
    indices |= {
        IndexKind.SUM: "SUM",
        IndexKind.STRING_INDEX: "cell 7",
        IndexKind.PLMN: b"\x26\xf4\x52",
        IndexKind.SNSSAI: Snssai(b"\x01", b"\xff\xff\xff"),
    }
    counters = [SubCounterIndex(kind, index) for kind, index in indices.items()]
    units = [
        unit(
            *(SubCounter(index, None) for index in counters),
            *(SubCounter(index, 5) for index in counters),
            *(SubCounter(index, SubCounter(counters[1], -0.5)) for index in counters),
        )
    ]
    payload = encode_pdsus(units)
    assert payload == written(units)
    assert list(decode_pdsus(payload)) == units
    assert list(read_units(payload)) == [("1", 24)]
