"""Contents of a REAL: every form in, the canonical one out (X.690 8.5, 11.3)."""

from __future__ import annotations

import math
import tracemalloc
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.adapters.codecs.real import read_real, write_real


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("", 0.0),
        ("40", math.inf),
        ("41", -math.inf),
        ("43", -0.0),
        ("800001", 1.0),
        ("c00001", -1.0),
        ("80ff03", 1.5),
        ("81ffff03", 1.5),  # an exponent of two octets where one would do
        ("82ffffff03", 1.5),
        ("8302ffff03", 1.5),  # an exponent that gives its own length
        ("8301ff03", 1.5),
        ("84ff03", 3.0),  # scaled by 2
        ("8cff03", 12.0),  # scaled by 8
        ("900101", 8.0),  # base 8
        ("a00101", 16.0),  # base 16
        ("acff10", 8.0),  # 16 times 8, base 16 to the -1
        ("80000001", 1.0),  # a zero octet before the mantissa
        ("c00000", -0.0),
        ("81fbce01", 5e-324),
        ("81fbcd01", 0.0),  # half of the smallest: even
        ("81fbcd03", 1e-323),  # one and a half: rounds to two
        ("8302000001", 1.0),
        ("83048000000001", 0.0),  # far below anything
        ("0131", 1.0),  # NR1
        ("012020202b3132", 12.0),
        ("022d312e35", -1.5),  # NR2
        ("02312c35", 1.5),
        ("022e35", 0.5),
        ("03312e35452b33", 1500.0),  # NR3
        ("03313530452d32", 1.5),
        ("03312e452d393939", 0.0),
    ],
)
def test_each_form(content: str, value: float) -> None:
    read = read_real(bytes.fromhex(content))
    assert (read, math.copysign(1, read)) == (value, math.copysign(1, value))


@pytest.mark.parametrize(
    "content",
    [
        *("80", "8000", "8100", "810000", "83", "8300", "830001", "83ff01"),  # too short
        "b00001",  # a base that is reserved
        *("44", "7f", "4000"),
        *("00", "0031", "04312e35", "3f31"),  # a decimal form that does not exist
        *("01", "01312e35", "0178", "012b", "013120", "01315f31"),
        *("022e", "0231", "02312e352e", "03312e35", "0331", "0345", "036e616e", "03696e66"),
        "03312e45393939",  # too large for a double
        *("81040001", "83047fffffff01", "8103ff03", "8103c87fffffffffffffff"),
    ],
)
def test_what_is_no_real_or_no_double_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match="REAL"):
        read_real(bytes.fromhex(content))


@pytest.mark.parametrize("exponent", ["7fffffff", "80000000", "7fffffffffffffff"])
def test_an_enormous_exponent_takes_no_memory(exponent: str) -> None:
    content = bytes.fromhex(f"83{len(exponent) // 2:02x}{exponent}01")
    tracemalloc.start()
    with suppress(ValueError):
        read_real(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_nan_is_read() -> None:
    assert math.isnan(read_real(b"\x42"))
    assert write_real(math.nan) == b"\x42"


@given(st.floats(allow_nan=False))
def test_every_double_comes_back(value: float) -> None:
    read = read_real(write_real(value))
    assert (read, math.copysign(1, read)) == (value, math.copysign(1, value))


@given(st.floats(allow_nan=False, allow_infinity=False).filter(bool))
def test_what_is_written_is_canonical(value: float) -> None:
    content = write_real(value)
    size = content[0] & 3
    exponent = int.from_bytes(content[1 : 2 + size], "big", signed=True)
    mantissa = int.from_bytes(content[2 + size :], "big")
    assert content[0] & ~0x43 == 0x80
    assert mantissa % 2 == 1
    assert content[2 + size] != 0
    assert size == (0 if -128 <= exponent < 128 else 1)
    sign = -1 if content[0] & 0x40 else 1
    assert sign * mantissa * Fraction(2) ** exponent == Fraction(value)


@given(
    st.sampled_from([0, 1, 2]),
    st.integers(0, 3),
    st.integers(-400, 250),
    st.integers(0, 2**80),
    st.booleans(),
)
def test_binary_reals_are_rounded_once(
    base: int, scale: int, exponent: int, mantissa: int, negative: bool
) -> None:
    first = 0x81 | base << 4 | scale << 2 | negative << 6
    content = (
        bytes((first,))
        + exponent.to_bytes(2, "big", signed=True)
        + mantissa.to_bytes(max(1, (mantissa.bit_length() + 7) // 8), "big")
    )
    exact = mantissa * 2**scale * Fraction((2, 8, 16)[base]) ** exponent
    try:
        expected = float(exact)
    except OverflowError:
        with pytest.raises(ValueError, match="no double can hold"):
            read_real(content)
        return
    assert read_real(content) == (-expected if negative else expected)


@given(st.binary(max_size=30) | st.binary(max_size=30).map(b"\x03".__add__))
def test_any_octets_are_a_real_or_refused(content: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(read_real(content), float)
