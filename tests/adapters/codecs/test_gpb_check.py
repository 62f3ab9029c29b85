"""The quick check of many payloads says what reading each of them says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.codecs.gpb import check_units, decode_pdsus, encode_pdsus, read_units
from mnstream.adapters.codecs.values import PerformanceDataStreamUnit
from mnstream.core.errors import Undecodable
from mnstream.core.values import StreamId

EXPECTED = {StreamId("1"): 2, StreamId("7"): 0, StreamId("8"): 3000}


def unit(stream_id: int, values: int, vendor: int = 0) -> PerformanceDataStreamUnit:
    return PerformanceDataStreamUnit(
        stream_id=stream_id,
        granularity_period_end_time_ns=0,
        standardized=(5,) * values,
        vendor_specific=(6,) * vendor,
    )


def is_plain(payload: bytes) -> bool:
    """Decide as the core does, one payload after the other."""
    try:
        units = read_units(payload)
    except Undecodable:
        return False
    return bool(units) and all(EXPECTED.get(name) == count for name, count in units)


GOOD = [
    encode_pdsus([unit(1, 2)]),
    encode_pdsus([unit(1, 1, 1), unit(7, 0)]),
    encode_pdsus([unit(8, 3000)]),
]
BAD = [
    b"",
    encode_pdsus([unit(2, 2)]),
    encode_pdsus([unit(1, 3)]),
    encode_pdsus([unit(1, 2), unit(1, 1)]),
    b"\xff\xff",
    b"\x10\x01",
    GOOD[0][:-1],
    GOOD[0][:1],
    GOOD[0] + b"\x0a",
]


def test_good_payloads_are_plain() -> None:
    assert check_units(EXPECTED)(GOOD)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", range(len(GOOD) + 1))
def test_one_bad_payload_is_enough(bad: bytes, at: int) -> None:
    assert not check_units(EXPECTED)([*GOOD[:at], bad, *GOOD[at:]])


@pytest.mark.parametrize("read", [read_units, decode_pdsus])
def test_unknown_fields_alone_are_not_a_keep_alive(
    read: Callable[[bytes], Sequence[object]],
) -> None:
    with pytest.raises(Undecodable, match="without a unit"):
        read(b"\x10\x01")
    assert not read(b"")


def test_two_halves_do_not_make_a_whole() -> None:
    whole = GOOD[0]
    for cut in range(1, len(whole)):
        assert not check_units(EXPECTED)([whole[:cut], whole[cut:]])


def message(units: list[tuple[int, int, int]]) -> bytes:
    return encode_pdsus([unit(*each) for each in units])


payloads = st.one_of(
    st.sampled_from(GOOD + BAD),
    st.binary(max_size=30),
    st.builds(
        message,
        st.lists(st.tuples(st.sampled_from([1, 2, 7]), st.integers(0, 2), st.integers(0, 2))),
    ),
)


@given(st.lists(payloads, min_size=1, max_size=6))
def test_what_is_checked_is_plain(run: Sequence[bytes]) -> None:
    if check_units(EXPECTED)(run):
        assert all(map(is_plain, run))


@given(st.lists(st.sampled_from(GOOD), min_size=1, max_size=6))
def test_what_is_plain_is_recognised(run: Sequence[bytes]) -> None:
    assert check_units(EXPECTED)(run)
