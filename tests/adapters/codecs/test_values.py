"""Values and times as people read them."""

import json

import pytest
from hypothesis import given

from mnstream.adapters.codecs.values import (
    IndexKind,
    MeasValue,
    Snssai,
    SubCounter,
    SubCounterIndex,
    UnknownAlternative,
    time_text,
    value_json,
)
from tests.adapters.codecs.strategies import values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (7, 7),
        (1.5, 1.5),
        ("x", "x"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (
            SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), 9),
            {"subCounterIndex": {"binIndex": 3}, "subCounterValue": 9},
        ),
        (
            SubCounter(SubCounterIndex(IndexKind.PLMN, b"\x26\xf4\x52"), None),
            {"subCounterIndex": {"plMN": "26F452"}, "subCounterValue": None},
        ),
        (
            SubCounter(
                SubCounterIndex(IndexKind.SNSSAI, Snssai(b"\x01", b"\xff\xff\xff")),
                SubCounter(SubCounterIndex(IndexKind.QOS_5QI, 9), float("nan")),
            ),
            {
                "subCounterIndex": {"sNSSAI": {"sst": "01", "sd": "FFFFFF"}},
                "subCounterValue": {"subCounterIndex": {"qOS-5QI": 9}, "subCounterValue": "NaN"},
            },
        ),
        ("NaN", {"stringValue": "NaN"}),
        ("-Infinity", {"stringValue": "-Infinity"}),
        (UnknownAlternative(b"\x80\x00"), {"unknown": "8000"}),
        (
            SubCounter(UnknownAlternative(b"\x68\x00"), "Infinity"),
            {
                "subCounterIndex": {"unknown": "6800"},
                "subCounterValue": {"stringValue": "Infinity"},
            },
        ),
        (SubCounter(None, 1), {"subCounterIndex": None, "subCounterValue": 1}),
    ],
)
def test_json_form(value: MeasValue, expected: object) -> None:
    assert value_json(value) == expected


@given(values())
def test_the_json_form_of_any_value_is_json(value: MeasValue) -> None:
    form = value_json(value)
    assert json.loads(json.dumps(form, allow_nan=False)) == form


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_629_129_697_000_000_000, "2021-08-16T16:01:37Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500Z"),
        (1_000_100, "1970-01-01T00:00:00.001000100Z"),
        (-1_000, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800 * 10**9, "0001-01-01T00:00:00Z"),
        (10**21, str(10**21)),
        (-(10**21), str(-(10**21))),
        (2**63 * 10**9, str(2**63 * 10**9)),
    ],
)
def test_time_text(time_ns: int, expected: str) -> None:
    assert time_text(time_ns) == expected
