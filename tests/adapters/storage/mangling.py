"""Damage to bytes, as disks, crashes and people do it."""

from collections.abc import Iterable

from hypothesis import strategies as st

FLIP, CUT, REMOVE, ZERO, REPEAT, INSERT = range(6)

DAMAGE = st.tuples(st.integers(0, INSERT), st.integers(0, 1 << 20), st.integers(1, 1 << 16))
"""One damage: its kind, a place, and a size; both are taken modulo what there is."""


def damaged(data: bytes, damage: Iterable[tuple[int, int, int]]) -> bytes:
    """Do all of it, one after the other."""
    for kind, place, size in damage:
        at = place % (len(data) + 1)
        end = at + size % (len(data) - at + 1)
        match kind:
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << size % 8)]) + data[at + 1 :]
            case 1:
                data = data[:at]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:at] + bytes(end - at) + data[end:]
            case 4:
                data = data[:end] + data[at:end] + data[end:]
            case _:
                data = data[:at] + bytes(size % 50) + data[at:]
    return data
