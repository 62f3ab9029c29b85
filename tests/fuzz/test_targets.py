"""What is fuzzed holds for good inputs, and for a few damaged ones; the rest is ``tests.fuzz``."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS

ROUNDS = 20


def damaged(sample: bytes, chance: random.Random) -> bytes:
    """Flip bits, cut, double or drop a part."""
    data = bytearray(sample)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 9)]
            case _:
                data[at : at + chance.randint(1, 9)] = chance.randbytes(chance.randint(0, 9))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_good_and_damaged_inputs(name: str) -> None:
    target = TARGETS[name]
    chance = random.Random(name)
    for sample in target.samples():
        target.check(sample)
        for _ in range(ROUNDS * target.weight):
            target.check(damaged(sample, chance))
