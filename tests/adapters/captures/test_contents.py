"""What two units have to share to be equal."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given

from mnstream.adapters.captures.contents import (
    Sort,
    content_of,
    description_of,
    is_silent,
    shown_body,
)
from mnstream.adapters.codecs import (
    IndexKind,
    MeasValue,
    SubCounter,
    SubCounterIndex,
    TraceRecord,
    UnknownAlternative,
    value_json,
)
from mnstream.adapters.storage import StoredUnit
from mnstream.core.values import PerformanceInfo
from tests.adapters.captures.helpers import FIVE, asn1
from tests.adapters.codecs.strategies import values as meas_values


def stored(**members: object) -> StoredUnit:
    plain = StoredUnit(
        position=1,
        connection_id=None,
        producer_id=None,
        stream_id=FIVE.stream_id,
        stream_info=FIVE,
        received_ms=1,
        object_dn=None,
        payload=b"payload",
    )
    return replace(plain, **members)  # type: ignore[arg-type] # passed on


def body(value: MeasValue) -> bytes:
    content = content_of(stored(values={"a": value}))
    return content.body


def nested(value: MeasValue) -> SubCounter:
    return SubCounter(SubCounterIndex(IndexKind.BIN_INDEX, 3), value)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (0, -0.0),
        (math.nan, -math.nan),
        (10**20, 1e20),
        (2**63, float(2**63)),
        (-(2**63), float(-(2**63))),
        (nested(1), nested(1.0)),
        (nested(math.nan), nested(math.nan)),
    ],
)
def test_numbers_of_equal_value_are_equal(a: MeasValue, b: MeasValue) -> None:
    assert body(a) == body(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (-1, -2),
        (1, "1"),
        (0, None),
        ("", None),
        (math.nan, "NaN"),
        (nested(math.nan), nested("NaN")),
        (math.inf, math.nan),
        (10**20 + 1, 1e20),
        (2**53 + 1, float(2**53)),
        (10**400, math.inf),
        (nested(None), nested(0)),
        (nested(1), 1),
        (UnknownAlternative(b"\x80\x00"), UnknownAlternative(b"\x81\x00")),
        (UnknownAlternative(b"\x80\x00"), None),
        (nested(UnknownAlternative(b"\x80\x00")), nested(None)),
        (SubCounter(UnknownAlternative(b"\x68\x00"), 1), SubCounter(None, 1)),
    ],
)
def test_what_differs_in_the_least_is_different(a: MeasValue, b: MeasValue) -> None:
    assert body(a) != body(b)


@given(meas_values())
def test_every_value_can_be_compared_and_shown(value: MeasValue) -> None:
    told = shown_body(body(value))
    assert isinstance(told, dict)
    if not isinstance(value, int | float):
        return
    assert told["a"] == value_json(value)


@pytest.mark.parametrize("value", [2**63, -(2**64), 2**69, 10**20])
def test_whole_numbers_are_told_digit_by_digit(value: int) -> None:
    assert shown_body(body(value)) == {"a": value}
    assert str(value) in json.dumps(shown_body(body(float(value))))


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_a_text_is_never_told_as_the_number_of_its_name(name: str) -> None:
    assert shown_body(body(float(name))) == {"a": name}
    assert shown_body(body(name)) == {"a": {"stringValue": name}}
    assert shown_body(body(nested(name))) != shown_body(body(nested(float(name))))


def test_the_order_of_metrics_does_not_count() -> None:
    first, second = (
        content_of(stored(values=values)) for values in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    )
    assert first == second


def test_the_sort_of_a_unit() -> None:
    record = TraceRecord(
        time_stamp_ms=1, nf_instance_id="nf", nf_type="GNB", trace_reference=b"abcdef"
    )
    for unit, sort in (
        (stored(values={"a": 1}), Sort.VALUES),
        (stored(record=record, time_ns=1), Sort.RECORD),
        (stored(record=record, kind="administrative"), Sort.RECORD),
        (stored(), Sort.PAYLOAD),
        (stored(kind="quarantined", record=record), Sort.QUARANTINED),
    ):
        assert not is_silent(unit)
        assert content_of(unit).sort is sort
    assert is_silent(stored(values={"a": 1}, kind="duplicate"))
    assert is_silent(stored(payload=b"", kind="keep-alive"))


def test_only_times_that_came_in_asn1_are_coarse() -> None:
    fine = content_of(stored(values={"a": 1}, time_ns=1_999_999_999))
    coarse = content_of(stored(values={"a": 1}, time_ns=10**9, stream_info=asn1(FIVE)))
    assert (fine.coarse, coarse.coarse) == (False, True)
    assert fine.second == coarse.second == 1


def test_the_encoding_and_the_order_of_metrics_do_not_describe_a_stream() -> None:
    info = FIVE.additional_info
    assert isinstance(info, PerformanceInfo)
    turned = replace(FIVE, additional_info=replace(info, performance_metrics=("b", "a")))
    assert description_of(asn1(turned)) == description_of(FIVE)
    assert description_of(FIVE).as_json() == {
        "streamType": "PERFORMANCE",
        "additionalInfo": {
            "measObjDn": info.meas_obj_dn,
            "performanceMetrics": ["a", "b"],
            "jobId": "7",
        },
    }
    other = replace(FIVE, additional_info=replace(info, meas_obj_dn="X=1"))
    assert description_of(other) != description_of(FIVE)
