"""Contents of an ASN.1 REAL: any of the forms in, the canonical one out (X.690 8.5 and 11.3)."""

from __future__ import annotations

import math
import re

_NAMED = {0x40: math.inf, 0x41: -math.inf, 0x42: math.nan, 0x43: -0.0}
_BITS_OF_BASE = (1, 3, 4)  # base 2, 8, 16
_SMALLEST = -1_100
"""Power of two below which nothing is left: the smallest double is 2 to the -1,074."""
_LARGEST = 1_100

_DECIMAL = {
    1: re.compile(rb" *[+-]?[0-9]+"),
    2: re.compile(rb" *[+-]?(?:[0-9]+[.,][0-9]*|[.,][0-9]+)"),
    3: re.compile(rb" *[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)[Ee][+-]?[0-9]+"),
}
"""The number representations NR1, NR2 and NR3 of ISO 6093."""


def read_real(content: bytes) -> float:
    """Read the number, rounded once where a double has fewer digits.

    Raises:
        ValueError: Not a REAL, or one that is too large for a double: infinity would be another
            value.
    """
    if not content:
        return 0.0
    first = content[0]
    if first & 0x80:
        return _read_binary(content, first)
    if first & 0x40:
        if len(content) > 1 or first not in _NAMED:
            raise ValueError(f"no special value of a REAL: {content[:4].hex()}")
        return _NAMED[first]
    return _read_decimal(content[1:], first)


def write_real(value: float) -> bytes:
    """Write the canonical form: base 2, an odd mantissa, as few octets as possible."""
    if value == 0:
        return b"\x43" if math.copysign(1, value) < 0 else b""
    if math.isinf(value):
        return b"\x40" if value > 0 else b"\x41"
    if math.isnan(value):
        return b"\x42"
    fraction, exponent = math.frexp(abs(value))
    mantissa = int(fraction * 2**53)
    zeros = (mantissa & -mantissa).bit_length() - 1
    mantissa >>= zeros
    exponent += zeros - 53
    size = 1 if -0x80 <= exponent < 0x80 else 2
    first = 0x80 | (0x40 if value < 0 else 0) | size - 1
    return (
        bytes((first,))
        + exponent.to_bytes(size, "big", signed=True)
        + mantissa.to_bytes((mantissa.bit_length() + 7) // 8, "big")
    )


def _read_binary(content: bytes, first: int) -> float:
    start, size = 1, (first & 3) + 1
    if size == 4:
        start, size = 2, content[1] if len(content) > 1 else 0
    mantissa_at = start + size
    base = first >> 4 & 3
    if not size or mantissa_at >= len(content) or base == 3:
        raise ValueError(f"no binary REAL: {content[:4].hex()}")
    exponent = int.from_bytes(content[start:mantissa_at], "big", signed=True)
    exponent = exponent * _BITS_OF_BASE[base] + (first >> 2 & 3)
    mantissa = int.from_bytes(content[mantissa_at:], "big")
    magnitude = _scaled(mantissa, exponent)
    return -magnitude if first & 0x40 else magnitude


def _scaled(mantissa: int, exponent: int) -> float:
    """Give mantissa times 2 to the exponent; integers round once, as ``ldexp`` would not."""
    size = mantissa.bit_length() + exponent
    if not mantissa or size < _SMALLEST:
        return 0.0
    if size > _LARGEST:
        raise ValueError("a REAL that no double can hold")
    try:
        return float(mantissa << exponent) if exponent >= 0 else mantissa / (1 << -exponent)
    except OverflowError as error:
        raise ValueError("a REAL that no double can hold") from error


def _read_decimal(text: bytes, form: int) -> float:
    pattern = _DECIMAL.get(form)
    if pattern is None or not pattern.fullmatch(text):
        raise ValueError(f"no decimal REAL of form {form}")
    value = float(text.replace(b",", b"."))
    if math.isinf(value):
        raise ValueError("a REAL that no double can hold")
    return value
