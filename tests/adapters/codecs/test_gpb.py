"""Units in GPB: the vectors of the standard's schema, every value there and back, and garbage."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnstream.adapters.codecs import READERS
from mnstream.adapters.codecs.gpb import (
    SUB_COUNTER_DEPTH_MAX,
    decode_pdsus,
    encode_pdsus,
    read_units,
)
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
)
from mnstream.core.errors import LocalProtocolError, Undecodable
from mnstream.core.streaming.multiplexing import Family
from tests.adapters.codecs.strategies import units

# stream 5, 2021-08-16T16:01:37Z, [7, bin 3 = 9]; made with protoc and the schema of 28.550 Annex I.
VECTOR = bytes.fromhex("0a1a0805120608e197ea88061a0208071a0a22080a02100312020809")
VECTOR_UNIT = PerformanceDataStreamUnit(
    stream_id=5,
    granularity_period_end_time_ns=1_629_129_697_000_000_000,
    standardized=(7, SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), 9)),
)


def unit(*values: MeasValue, **changes: object) -> PerformanceDataStreamUnit:
    fields: dict[str, object] = {
        "stream_id": 1,
        "granularity_period_end_time_ns": 0,
        "standardized": values,
    }
    return PerformanceDataStreamUnit(**(fields | changes))  # type: ignore[arg-type] # also wrong ones


def counter(kind: IndexKind, index: object, value: MeasValue = 1) -> SubCounter:
    return SubCounter(SubCounterIndex(kind, index), value)  # type: ignore[arg-type] # also wrong ones


def nested(dimensions: int) -> MeasValue:
    value: MeasValue = 1
    for number in range(dimensions):
        value = counter(IndexKind.BIN_INDEX, number, value)
    return value


def test_vector() -> None:
    assert decode_pdsus(VECTOR) == (VECTOR_UNIT,)
    assert encode_pdsus([VECTOR_UNIT]) == VECTOR
    assert list(read_units(VECTOR)) == [("5", 2)]


def test_every_truncation_of_the_vector_is_refused_or_empty() -> None:
    for end in range(len(VECTOR)):
        part = VECTOR[:end]
        if part:
            with pytest.raises(Undecodable):
                decode_pdsus(part)
            with pytest.raises(Undecodable):
                read_units(part)
    assert decode_pdsus(b"") == ()


def test_no_bytes_are_a_keep_alive_and_not_an_error() -> None:
    assert list(read_units(b"")) == []
    assert encode_pdsus([]) == b""


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("", None),
        ("0800", 0),
        ("08ffffffffffffffffff01", -1),
        ("11000000000000f83f", 1.5),
        ("11000000000000f07f", float("inf")),
        ("1a00", ""),
        ("1a0178", "x"),
        ("22070a050a0353554d", counter(IndexKind.SUM, "SUM", None)),
        ("22080a02100312020809", counter(IndexKind.BIN_INDEX, 3, 9)),
        ("22040a021809", counter(IndexKind.QOS_5QI, 9, None)),
        ("22040a022009", counter(IndexKind.QOS_QCI, 9, None)),
        ("22040a022800", counter(IndexKind.CAUSE, 0, None)),
        ("22050a03320178", counter(IndexKind.STRING_INDEX, "x", None)),
        ("22070a053a0326f452", counter(IndexKind.PLMN, b"\x26\xf4\x52", None)),
        (
            "220c0a0a42080a01011203ffffff",
            counter(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff"), None),
        ),
        ("2200", SubCounter(None, None)),
    ],
)
def test_each_kind_of_value_on_the_wire(wire: str, value: MeasValue) -> None:
    inner = bytes.fromhex(wire)
    body = b"\x08\x01\x12\x00\x1a" + bytes([len(inner)]) + inner
    payload = b"\x0a" + bytes([len(body)]) + body
    assert encode_pdsus([unit(value)]) == payload
    assert decode_pdsus(payload) == (unit(value),)


def test_the_order_of_units_and_both_lists_are_kept() -> None:
    given_units = [unit(1, 2.5, stream_id=2, vendor_specific=("v",)), unit(stream_id=-1)]
    payload = encode_pdsus(given_units)
    assert list(decode_pdsus(payload)) == given_units
    assert list(read_units(payload)) == [("2", 3), ("-1", 0)]


def test_nanoseconds_and_times_before_1970_are_exact() -> None:
    for time_ns in (1, -1, 1_629_129_697_123_456_789, None):
        given_unit = unit(granularity_period_end_time_ns=time_ns)
        assert decode_pdsus(encode_pdsus([given_unit])) == (given_unit,)


@given(st.lists(units(), max_size=4))
def test_round_trip(given_units: list[PerformanceDataStreamUnit]) -> None:
    payload = encode_pdsus(given_units)
    assert list(decode_pdsus(payload)) == given_units
    assert list(read_units(payload)) == [
        (str(unit.stream_id), len(unit.standardized) + len(unit.vendor_specific))
        for unit in given_units
    ]


def test_nan_comes_back_as_nan() -> None:
    (value,) = decode_pdsus(encode_pdsus([unit(float("nan"))]))[0].standardized
    assert value != value  # noqa: PLR0124 - that is what NaN is


@given(st.binary(max_size=200) | st.binary(max_size=40).map(VECTOR.__add__))
@example(b"\x0b")
@example(b"\x0c")
@example(b"\x0a\x02\x0c\x0c")
@example(b"\x0a\xff\xff\xff\xff\x0f")
@example(b"\x0a\x05\x1a\x03\x1a\x01\xff")
def test_any_bytes_are_units_or_undecodable(payload: bytes) -> None:
    try:
        routed = list(read_units(payload))
    except Undecodable:
        routed = None
    try:
        decoded = decode_pdsus(payload)
    except Undecodable:
        return
    assert routed == [
        (str(unit.stream_id), len(unit.standardized) + len(unit.vendor_specific))
        for unit in decoded
    ]


@given(st.integers(0, len(VECTOR) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_units_or_undecodable(position: int, change: int) -> None:
    payload = bytearray(VECTOR)
    payload[position] ^= change
    test_any_bytes_are_units_or_undecodable.hypothesis.inner_test(bytes(payload))  # type: ignore[attr-defined]


def test_damage_inside_a_value_is_found_when_somebody_decodes_it() -> None:
    payload = b"\x0a\x06\x08\x01\x1a\x02\x1a\x05"
    assert list(read_units(payload)) == [("1", 1)]
    with pytest.raises(Undecodable):
        decode_pdsus(payload)


def test_dimensions_are_limited_on_both_sides() -> None:
    deepest = unit(nested(SUB_COUNTER_DEPTH_MAX))
    payload = encode_pdsus([deepest])
    assert decode_pdsus(payload) == (deepest,)
    with pytest.raises(LocalProtocolError, match="dimensions"):
        encode_pdsus([unit(nested(SUB_COUNTER_DEPTH_MAX + 1))])


def test_endless_dimensions_are_undecodable() -> None:
    value = b"\x08\x01"
    for _ in range(2000):
        value = b"\x12" + _varint(len(value)) + value
        value = b"\x22" + _varint(len(value)) + value
    body = b"\x1a" + _varint(len(value)) + value
    payload = b"\x0a" + _varint(len(body)) + body
    with pytest.raises(Undecodable):
        decode_pdsus(payload)


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(octets) + bytes([number])


@pytest.mark.parametrize(
    "wrong",
    [
        unit(stream_id=2**63),
        unit(stream_id="5"),
        unit(2**63),
        unit(-(2**63) - 1),
        unit(True),
        unit("\ud800"),
        unit(granularity_period_end_time_ns=2**100),
        unit(counter(IndexKind.BIN_INDEX, 2**31)),
        unit(counter(IndexKind.BIN_INDEX, "3")),
        unit(counter(IndexKind.BIN_INDEX, True)),
        unit(counter(IndexKind.STRING_INDEX, 3)),
        unit(counter(IndexKind.PLMN, "26f452")),
        unit(counter(IndexKind.SNSSAI, b"\x01")),
        unit(counter(IndexKind.BIN_INDEX, Snssai(b"\x01", b"\xff\xff\xff"))),
    ],
)
def test_what_does_not_fit_is_refused(wrong: PerformanceDataStreamUnit) -> None:
    with pytest.raises(LocalProtocolError):
        encode_pdsus([wrong])


def test_gpb_is_among_the_readers() -> None:
    assert READERS[Family.PDSU_GPB] is read_units
