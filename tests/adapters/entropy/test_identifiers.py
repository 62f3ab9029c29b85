from __future__ import annotations

import re

import pytest

from mnstream.adapters.entropy import SeededEntropy, SystemEntropy
from mnstream.ports.clock import Entropy


@pytest.mark.parametrize("entropy", [SystemEntropy(), SeededEntropy(1)])
def test_identifiers_are_fresh_and_fit_into_a_path(entropy: Entropy) -> None:
    made = [entropy.connection_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in made)


@pytest.mark.parametrize("entropy", [SystemEntropy(), SeededEntropy(1)])
def test_jitter_is_at_least_0_and_below_1(entropy: Entropy) -> None:
    drawn = [entropy.jitter() for _ in range(1000)]
    assert all(0 <= number < 1 for number in drawn)
    assert min(drawn) < 0.1
    assert max(drawn) > 0.9


def test_the_same_seed_gives_the_same() -> None:
    def draw(seed: int) -> list[object]:
        entropy = SeededEntropy(seed)
        return [entropy.connection_id(), entropy.jitter(), entropy.connection_id()]

    assert draw(7) == draw(7)
    assert draw(7) != draw(8)
