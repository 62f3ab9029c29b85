"""Units in ASN.1: the vectors, octets made by hand, refusals, and garbage."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.codecs import gpb
from mnstream.adapters.codecs.per import decode_pdsus, read_units
from mnstream.adapters.codecs.per_fields import NUMBER_OCTETS_MAX
from mnstream.adapters.codecs.per_writing import encode_pdsus
from mnstream.adapters.codecs.real import read_real
from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    PerformanceDataStreamUnit,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
)
from mnstream.core.errors import LocalProtocolError, Undecodable

# Stream 5, 2021-08-16T16:01:37, [7, 1.5, "x", bin 3 = 9]; made with asn1tools and the schema of
# 28.550 Annex G.
VECTOR = bytes.fromhex("01000105400077c0194004000107200380ff03400178710103000109")
VECTOR_UNIT = PerformanceDataStreamUnit(
    stream_id=5,
    granularity_period_end_time_ns=1_629_129_697_000_000_000,
    standardized=(7, 1.5, "x", SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), 9)),
)
TIME_2021 = "4000" + "00000000"  # 2021-01-01T00:00:00
TIME_2021_NS = 1_609_459_200_000_000_000

Read = Callable[[bytes], Sequence[object]]
both = pytest.mark.parametrize("read", [decode_pdsus, read_units])


def unit(*values: MeasValue, **changes: object) -> PerformanceDataStreamUnit:
    fields: dict[str, object] = {
        "stream_id": 1,
        "granularity_period_end_time_ns": TIME_2021_NS,
        "standardized": values,
    }
    return PerformanceDataStreamUnit(**(fields | changes))  # type: ignore[arg-type] # also wrong ones


def counter(kind: IndexKind, index: object, value: MeasValue = 1) -> SubCounter:
    return SubCounter(SubCounterIndex(kind, index), value)  # type: ignore[arg-type] # also wrong ones


def unknown(wire: str) -> UnknownAlternative:
    return UnknownAlternative(bytes.fromhex(wire))


def nested(dimensions: int) -> MeasValue:
    value: MeasValue = 1
    for number in range(dimensions):
        value = counter(IndexKind.BIN_INDEX, number, value)
    return value


def message(values: str, count: int = 1) -> bytes:
    """Put values, as hexadecimal digits, into the one unit of a message."""
    return bytes.fromhex(f"01000101{TIME_2021}{count:02x}{values}")


def at_time(time: str) -> bytes:
    """Put a time, as hexadecimal digits, into a unit without values."""
    return bytes.fromhex(f"01000101{time}00")


def test_vector() -> None:
    assert decode_pdsus(VECTOR) == (VECTOR_UNIT,)
    assert encode_pdsus([VECTOR_UNIT]) == VECTOR
    assert list(read_units(VECTOR)) == [("5", 4)]


def test_both_encodings_of_a_unit_mean_the_same() -> None:
    assert gpb.decode_pdsus(gpb.encode_pdsus([VECTOR_UNIT])) == decode_pdsus(VECTOR)


@both
@pytest.mark.parametrize("payload", [b"", b"\x00"])
def test_no_units_are_a_keep_alive_and_not_an_error(read: Read, payload: bytes) -> None:
    assert not read(payload)
    assert encode_pdsus([]) == b"\x00"


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("000100", 0),
        ("0001ff", -1),
        ("00020080", 128),
        ("00087fffffffffffffff", 2**63 - 1),
        ("0009008000000000000000", 2**63),
        ("2000", 0.0),
        ("200143", -0.0),
        ("200140", float("inf")),
        ("200380ff03", 1.5),
        ("2003c0ff03", -1.5),
        ("20048103ce01", 2.0**974),
        ("4000", ""),
        ("40027e20", "~ "),
        ("600353554d", counter(IndexKind.SUM, "SUM", None)),
        ("610103", counter(IndexKind.BIN_INDEX, 3, None)),
        ("620109", counter(IndexKind.QOS_5QI, 9, None)),
        ("7301090001ff", counter(IndexKind.QOS_QCI, 9, -1)),
        ("7401fe000105", counter(IndexKind.CAUSE, -2, 5)),
        ("740200fe0009008000000000000000", counter(IndexKind.CAUSE, 254, 2**63)),
        ("740107200380ff03", counter(IndexKind.CAUSE, 7, 1.5)),
        ("640200c8", counter(IndexKind.CAUSE, 200, None)),
        ("650178", counter(IndexKind.STRING_INDEX, "x", None)),
        ("6626f452", counter(IndexKind.PLMN, b"\x26\xf4\x52", None)),
        ("7701ffffff000107", counter(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff"), 7)),
        (
            "710101710102000105",
            counter(IndexKind.BIN_INDEX, 1, counter(IndexKind.BIN_INDEX, 2, 5)),
        ),
    ],
)
def test_each_kind_of_value_on_the_wire(wire: str, value: MeasValue) -> None:
    payload = message(wire)
    assert encode_pdsus([unit(value)]) == payload
    (decoded,) = decode_pdsus(payload)
    assert repr(decoded) == repr(unit(value))  # minus zero is equal to zero, and not the same
    assert list(read_units(payload)) == [("1", 1)]


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        ("0002ffff", -1),  # more octets than need be
        ("00800105", 5),  # a length of two octets that one would hold
        ("600178", counter(IndexKind.SUM, "x", None)),  # only the alternative means something
        ("8000", unknown("8000")),
        ("80020100", unknown("80020100")),
        ("bf0100", unknown("bf0100")),  # alternative 63 of a later release
        ("c0014001ff", unknown("c0014001ff")),  # alternative 64, which takes an INTEGER
        ("68000141", SubCounter(unknown("68000141"), None)),
        ("78000141000107", SubCounter(unknown("68000141"), 7)),  # the same index with a value
        ("7bf00141000107", SubCounter(unknown("6bf00141"), 7)),  # index 63
        ("7c01400141000107", SubCounter(unknown("6c01400141"), 7)),  # index 64
        ("710103800100", counter(IndexKind.BIN_INDEX, 3, unknown("800100"))),
    ],
)
def test_what_others_may_write_is_read(wire: str, value: MeasValue) -> None:
    assert decode_pdsus(message(wire)) == (unit(value),)
    assert list(read_units(message(wire))) == [("1", 1)]


def test_an_open_type_may_be_in_fragments() -> None:
    wire = "80c1" + "00" * 16_384 + "0100"
    payload = message(wire)
    assert decode_pdsus(payload) == (unit(unknown(wire)),)
    assert list(read_units(payload)) == [("1", 1)]


def test_a_vendor_list_may_be_there_and_empty() -> None:
    payload = bytes.fromhex(f"01800101{TIME_2021}0000")
    assert decode_pdsus(payload) == (unit(),)
    assert list(read_units(payload)) == [("1", 0)]


def test_the_order_of_units_and_both_lists_are_kept() -> None:
    given_units = [unit(1, 2.5, stream_id=2, vendor_specific=("v",)), unit(stream_id=-1)]
    payload = encode_pdsus(given_units)
    assert list(decode_pdsus(payload)) == given_units
    assert list(read_units(payload)) == [("2", 3), ("-1", 0)]


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("400000000000", 1_609_459_200),
        ("400000600000", 1_609_459_200 + 24 * 3600),  # 24:00:00 is the next midnight
        ("400000000f00", 1_609_459_200 + 60),  # a leap second
        ("00000000", 1_104_537_600),  # 2005
        ("c00207d000000000", 946_684_800),  # 2000 among the remaining years: not canonical
    ],
)
def test_times_on_the_wire(time: str, seconds: int) -> None:
    payload = at_time(time)
    (decoded,) = decode_pdsus(payload)
    assert decoded.granularity_period_end_time_ns == seconds * 1_000_000_000
    assert list(read_units(payload)) == [("1", 0)]


@both
@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (VECTOR + b"\x00", "1 octets behind the units"),
        (b"\x00\x00", "1 octets behind the units"),
        (bytes.fromhex(f"01400101{TIME_2021}00"), "octet 1: padding"),
        (at_time("410000000000"), "octet 4: .*padding"),
        (at_time("400000000001"), "octet 4: .*padding"),
        (at_time("4000c0000000"), "month must be"),
        (at_time("40001f000000"), "day is out of range"),  # the last of February, plus three
        (at_time("4000007c0000"), "no DATE-TIME: 2021, 31:0:0"),
        (at_time("400000600040"), "no DATE-TIME: 2021, 24:0:1"),
        (at_time("40000003c000"), "no DATE-TIME: 2021, 0:60:0"),
        (at_time("400000000f40"), "no DATE-TIME: 2021, 0:0:61"),
        (at_time("c002271000000000"), "no DATE-TIME: 10000"),
        (at_time("c002062d00000000"), "no DATE-TIME: 1581"),
        (bytes.fromhex("010005010203040540000000"), "cut off|ends too early"),
        (bytes.fromhex("010000400000000000"), "octet 2: an INTEGER without octets"),
        (bytes.fromhex("ff"), "ff is no length"),
        (bytes.fromhex("c0"), "c0 is no length"),
        (bytes.fromhex("c5"), "c5 is no length"),
        (b"\xc4" + bytes(100), "65536 items do not fit"),
        (message("000101", 127), "127 items do not fit"),
        (message("010107"), "padding"),
        (message("1f0107"), "padding"),
        (message("c100"), "padding"),
        (message("68010141"), "padding"),
        (message("6d0101"), "padding"),
        (message("710101" * 49 + "000101"), "48 dimensions"),
    ],
)
def test_what_is_not_a_message_is_refused_with_its_place(
    read: Read, payload: bytes, why: str
) -> None:
    with pytest.raises(Undecodable, match=why):
        read(payload)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("0000", "octet 12: an INTEGER without octets"),
        ("00" + "8401" + "01" * 1025, "octet 12: a number of more than 1024 octets"),
        ("00c1" + "01" * 16384 + "00", "a number of more than 1024 octets"),
        ("40017f", "octet 12: a text that is no VisibleString"),
        ("4001c3", "octet 12: a text that is no VisibleString"),
        ("40020a0a", "octet 12: a text that is no VisibleString"),
        ("200180", "octet 12: no binary REAL"),
        ("200144", "octet 12: no special value"),
        ("20028000", "octet 12: no binary REAL"),
        ("20048107ff01", "octet 12: a REAL that no double can hold"),
        ("20040331452b", "octet 12: no decimal REAL"),
    ],
)
def test_damage_inside_a_value_is_found_when_somebody_decodes_it(wire: str, why: str) -> None:
    with pytest.raises(Undecodable, match=why):
        decode_pdsus(message(wire))
    assert list(read_units(message(wire))) == [("1", 1)]


def real_of(content: bytes) -> MeasValue:
    ((value,),) = (each.standardized for each in decode_pdsus(message("2009" + content.hex())))
    return value


@pytest.mark.parametrize("sign", [0x80, 0xC0])
def test_a_real_of_seven_octets_of_mantissa_is_read_as_any_other(sign: int) -> None:
    mantissas = (0, 1, 2**48, 2**52 - 1, 2**52, 2**52 + 1, 2**53 - 1, 2**53, 2**56 - 1)
    for exponent in range(256):
        for mantissa in mantissas:
            content = bytes((sign, exponent)) + mantissa.to_bytes(7, "big")
            assert repr(real_of(content)) == repr(read_real(content))  # which tells a minus zero


@given(st.sampled_from((0x80, 0xC0, 0x84, 0x81)), st.binary(min_size=8, max_size=8))
def test_nine_octets_of_a_real_are_read_as_any_others(first: int, others: bytes) -> None:
    content = bytes((first,)) + others
    try:
        expected = repr(read_real(content))
    except ValueError:
        with pytest.raises(Undecodable):
            real_of(content)
    else:
        assert repr(real_of(content)) == expected


@pytest.mark.parametrize("kind", [IndexKind.BIN_INDEX, IndexKind.CAUSE, IndexKind.QOS_QCI])
def test_every_index_of_one_octet(kind: IndexKind) -> None:
    units = (unit(*(counter(kind, index, index * 3) for index in range(-129, 130))),)
    assert decode_pdsus(encode_pdsus(units)) == units


def test_numbers_are_limited_to_what_can_be_written_out() -> None:
    longest = unit(2 ** (NUMBER_OCTETS_MAX * 8 - 1) - 1, stream_id=-(2 ** (8 * 1024 - 1)))
    payload = encode_pdsus([longest])
    assert decode_pdsus(payload) == (longest,)
    ((stream, _),) = read_units(payload)
    assert int(stream) == longest.stream_id
    with pytest.raises(LocalProtocolError, match="an integer of 8193 bits"):
        encode_pdsus([unit(2 ** (NUMBER_OCTETS_MAX * 8 - 1))])


def test_dimensions_are_limited_on_both_sides() -> None:
    deepest = unit(nested(gpb.SUB_COUNTER_DEPTH_MAX))
    payload = encode_pdsus([deepest])
    assert decode_pdsus(payload) == (deepest,)
    assert list(read_units(payload)) == [("1", 1)]
    with pytest.raises(LocalProtocolError, match="dimensions"):
        encode_pdsus([unit(nested(gpb.SUB_COUNTER_DEPTH_MAX + 1))])


@both
def test_endless_dimensions_are_undecodable(read: Read) -> None:
    with pytest.raises(Undecodable, match="48 dimensions"):
        read(message("710101" * 100_000))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (unit(stream_id=True), "pdsu[1].stream_id: a bool"),
        (
            unit(granularity_period_end_time_ns=None),
            "pdsu[1].granularity_period_end_time: no time",
        ),
        (
            unit(granularity_period_end_time_ns=1),
            "pdsu[1].granularity_period_end_time: nanoseconds",
        ),
        (
            unit(granularity_period_end_time_ns=-(10**20)),
            "pdsu[1].granularity_period_end_time: a time outside the years 1582 to 9999",
        ),
        (unit(1, None), "pdsu[1].standardized[1]: no value"),
        (unit(vendor_specific=(True,)), "pdsu[1].vendor_specific[0]: a bool"),
        (unit("\u00e9"), "pdsu[1].standardized[0]: a text that is no VisibleString"),
        (unit("\x7f"), "pdsu[1].standardized[0]: a text that is no VisibleString"),
        (unit("\ud800"), "pdsu[1].standardized[0]: a text that is no VisibleString"),
        (
            unit(1, SubCounter(None, 1)),
            "pdsu[1].standardized[1].subCounters: no index",
        ),
        (
            unit(counter(IndexKind.BIN_INDEX, 1, SubCounter(None, 1))),
            "pdsu[1].standardized[0].subCounters.subCounters: no index",
        ),
        (
            unit(counter(IndexKind.BIN_INDEX, 1, "\n")),
            "pdsu[1].standardized[0].subCounters: a text that is no VisibleString",
        ),
        (
            unit(counter(IndexKind.SUM, "sum")),
            'pdsu[1].standardized[0].subCounters: a sum that is not called "SUM"',
        ),
        (
            unit(counter(IndexKind.PLMN, b"\x26\xf4")),
            "pdsu[1].standardized[0].subCounters: a PLMN of 2 octets",
        ),
        (
            unit(counter(IndexKind.SNSSAI, Snssai(b"", b"\xff\xff\xff"))),
            "pdsu[1].standardized[0].subCounters: an SST of 0 octets",
        ),
        (
            unit(counter(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff\xff"))),
            "pdsu[1].standardized[0].subCounters: an SD of 4 octets",
        ),
        (
            unit(counter(IndexKind.BIN_INDEX, "3")),
            "pdsu[1].standardized[0].subCounters: a value of type str as binIndex",
        ),
        (
            unit(counter(IndexKind.STRING_INDEX, 3)),
            "pdsu[1].standardized[0].subCounters: a value of type int as stringIndex",
        ),
        (
            unit(counter(IndexKind.CAUSE, True)),
            "pdsu[1].standardized[0].subCounters: a bool",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused_with_its_place(
    wrong: PerformanceDataStreamUnit, why: str
) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode_pdsus([unit(), wrong])
    assert str(caught.value) == f"no PDSU in ASN.1: {why}"


def test_nan_comes_back_as_nan() -> None:
    payload = encode_pdsus([unit(float("nan"))])
    assert payload == message("200142")
    (value,) = decode_pdsus(payload)[0].standardized
    assert value != value  # noqa: PLR0124 - that is what NaN is
