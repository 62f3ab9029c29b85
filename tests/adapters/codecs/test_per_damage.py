"""Damaged and foreign octets: units in ASN.1 or Undecodable, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnstream.adapters.codecs.per import decode_pdsus, read_units
from mnstream.adapters.codecs.per_writing import encode_pdsus
from mnstream.adapters.codecs.values import (
    IndexKind,
    PerformanceDataStreamUnit,
    Snssai,
)
from mnstream.core.errors import Undecodable
from tests.adapters.codecs.strategies import asn1_units
from tests.adapters.codecs.test_per import VECTOR, VECTOR_UNIT, counter, message, nested, unit


def check(payload: bytes) -> None:
    """Only units or Undecodable come out, and both readers agree on whose units they are."""
    try:
        routed = list(read_units(payload))
    except Undecodable:
        routed = None
    try:
        decoded = decode_pdsus(payload)
    except Undecodable:
        return
    assert routed == [
        (str(each.stream_id), len(each.standardized) + len(each.vendor_specific))
        for each in decoded
    ]


EVERY_KIND = encode_pdsus(
    [
        VECTOR_UNIT,
        unit(
            *(-1, 2**40, 2**70, 0.1, -0.0, "text", nested(3)),
            counter(IndexKind.SUM, "SUM", 1),
            counter(IndexKind.PLMN, b"\x26\xf4\x52", None),
            counter(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff"), 2.5),
            vendor_specific=(7, "v", 1e300),
        ),
        unit(granularity_period_end_time_ns=-(10**18) * 9),
    ]
)


@pytest.mark.parametrize("payload", [VECTOR, EVERY_KIND, message("c0014001ff"), message("2000")])
def test_every_truncation_is_refused(payload: bytes) -> None:
    for end in range(1, len(payload)):
        for read in (decode_pdsus, read_units):
            with pytest.raises(Undecodable):
                read(payload[:end])


@pytest.mark.parametrize("payload", [VECTOR, EVERY_KIND])
def test_every_changed_bit_gives_units_or_undecodable(payload: bytes) -> None:
    for bit in range(len(payload) * 8):
        changed = bytearray(payload)
        changed[bit // 8] ^= 0x80 >> bit % 8
        check(bytes(changed))


@given(st.lists(asn1_units(), min_size=1, max_size=2), st.data())
def test_a_part_of_a_message_is_refused(
    units: list[PerformanceDataStreamUnit], data: st.DataObject
) -> None:
    payload = encode_pdsus(units)
    part = payload[: data.draw(st.integers(1, len(payload) - 1))]
    for read in (decode_pdsus, read_units):
        with pytest.raises(Undecodable):
            read(part)


@given(
    st.binary(max_size=200)
    | st.binary(max_size=40).map(VECTOR[:11].__add__)
    | st.lists(st.sampled_from([b"\x00", b"\x01", b"\x20", b"\x71", b"\x80", b"\x09", b"\xc1"]))
    .map(b"".join)
    .map(VECTOR[:10].__add__)
)
@example(b"\xc1")
@example(b"\x80")
@example(message("20"))
@example(message("00"))
@example(message("71"))
@example(message("77010000"))
def test_any_bytes_are_units_or_undecodable(payload: bytes) -> None:
    check(payload)
