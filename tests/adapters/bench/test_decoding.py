"""P5: both sides decode the same units, of the schema of specs/asn1/."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import asn1tools
import pytest

from mnstream.adapters.bench.decoding import SCHEMA, VALUES, sample, varied_sample
from mnstream.adapters.codecs.per import decode_pdsus
from tests.adapters.codecs.per_oracle import SCHEMA as SPECIFIED
from tests.adapters.codecs.per_oracle import read

parsed = cast("Callable[[str], object]", vars(asn1tools)["parse_string"])


def test_the_peer_has_the_schema_that_is_specified() -> None:
    assert parsed(SCHEMA) == parsed(SPECIFIED)


@pytest.mark.parametrize("payload", [sample(), varied_sample()])
def test_both_sides_decode_the_same_values(payload: bytes) -> None:
    (unit,) = decode_pdsus(payload)
    assert len(unit.standardized) == VALUES
    assert read(payload) == [unit]


def test_most_values_are_integers() -> None:
    (unit,) = decode_pdsus(sample())
    assert sum(type(value) is float for value in unit.standardized) == VALUES // 5
    assert sum(type(value) is int for value in unit.standardized) == VALUES - VALUES // 5
