"""The arithmetic of ratios and targets."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mnstream.adapters.bench.results import Result, Side, Target, side, significant

AT_LEAST = Target(reach=3.0, beyond=8.0, higher_is_better=True)
AT_MOST = Target(reach=1.3, beyond=1.1, higher_is_better=False)

RESULT = Result(
    name="P0",
    what="nothing",
    target=AT_LEAST,
    ours=Side(name="ours", value=90_000.4, unit="frames/s"),
    peer=Side(name="peer", value=30_000.0, unit="frames/s"),
    ratio=3.00001,
    rounds=[{"ours": 1.0}],
)


@pytest.mark.parametrize(
    ("target", "ratio", "met"),
    [
        (AT_LEAST, 2.999, False),
        (AT_LEAST, 3.0, True),
        (AT_LEAST, 9.0, True),
        (AT_MOST, 1.301, False),
        (AT_MOST, 1.3, True),
        (AT_MOST, 0.9, True),
    ],
)
def test_a_target_is_met_from_its_bound_on(target: Target, ratio: float, met: bool) -> None:
    assert target.is_met(ratio) is met
    assert replace(RESULT, target=target, ratio=ratio).met is met


def test_a_side_is_the_median_of_its_rounds() -> None:
    assert side("ours", [5.0, 1.0, 3.0], "us") == Side(name="ours", value=3.0, unit="us")
    assert side("ours", [1.0, 2.0], "us").value == 1.5


@pytest.mark.parametrize(
    ("value", "rounded"), [(123_456.0, 123_500.0), (0.00123456, 0.001235), (0.0, 0.0), (1.0, 1.0)]
)
def test_numbers_have_four_significant_digits(value: float, rounded: float) -> None:
    assert significant(value) == rounded


def test_a_result_in_json() -> None:
    document = json.loads(json.dumps(RESULT.as_json()))
    assert document == {
        "name": "P0",
        "what": "nothing",
        "ratio": 3.0,
        "target": 3.0,
        "beyond": 8.0,
        "higher_is_better": True,
        "ours": {"name": "ours", "value": 90_000.0, "unit": "frames/s"},
        "peer": {"name": "peer", "value": 30_000.0, "unit": "frames/s"},
        "met": True,
        "rounds": [{"ours": 1.0}],
        "extra": {},
    }


def test_without_a_peer_nothing_is_met() -> None:
    alone = replace(RESULT, peer=None, ratio=None, unavailable="install it")
    document = alone.as_json()
    assert not alone.met
    assert (document["peer"], document["ratio"], document["met"]) == (None, None, False)
    assert document["unavailable"] == "install it"
