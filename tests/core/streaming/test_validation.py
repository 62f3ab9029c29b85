"""What a consumer expects of a StreamInfo: TS 28.532 11.5.1.1.2; contradictions 13-18."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstream.core.profiles import REL19, STRICT, Profile
from mnstream.core.streaming.config import ConsumerConfig
from mnstream.core.streaming.validation import info_chars, is_unit_stream_id, unexpected
from mnstream.core.values import (
    AdditionalInfo,
    AnalyticsInfo,
    Json,
    PerformanceInfo,
    SerializationFormat,
    StreamId,
    StreamInfo,
    StreamType,
    TraceInfo,
    VsDataContainer,
)
from tests.core.support import performance, stream

CONFIG = ConsumerConfig(text_chars_max=30, metrics_per_stream_max=3)
INFO = PerformanceInfo(meas_obj_dn="ME=1", performance_metrics=("a", "b"), job_id="7")

OWN_INFO: dict[StreamType, AdditionalInfo] = {
    StreamType.TRACE: TraceInfo(attributes={"jobType": "TRACE_ONLY"}),
    StreamType.PERFORMANCE: INFO,
    StreamType.ANALYTICS: AnalyticsInfo(activity_details="load"),
    StreamType.PROPRIETARY: VsDataContainer(vs_data_type="x"),
}


def fault(info: StreamInfo, profile: Profile = REL19) -> str | None:
    return unexpected(info, profile, CONFIG)


def performance_with(info: PerformanceInfo) -> StreamInfo:
    return stream("1", StreamType.PERFORMANCE, additional_info=info)


@pytest.mark.parametrize("profile", [REL19, STRICT], ids=lambda profile: profile.name)
@pytest.mark.parametrize("serialization_format", SerializationFormat)
@pytest.mark.parametrize("stream_type", StreamType)
def test_a_stream_with_the_part_of_its_type_is_expected(
    stream_type: StreamType, serialization_format: SerializationFormat, profile: Profile
) -> None:
    info = stream("1", stream_type, serialization_format, OWN_INFO[stream_type])
    assert fault(info, profile) is None


@pytest.mark.parametrize("stream_type", StreamType)
@pytest.mark.parametrize("other", StreamType)
def test_the_part_of_another_type_is_unexpected(stream_type: StreamType, other: StreamType) -> None:
    reason = fault(stream("1", stream_type, additional_info=OWN_INFO[other]))
    if stream_type is other:
        assert reason is None
    else:
        assert reason == f"{stream_type.value} does not take {type(OWN_INFO[other]).__name__}"


@pytest.mark.parametrize(
    ("stream_type", "name"),
    [
        (StreamType.TRACE, "TraceInfo"),
        (StreamType.ANALYTICS, "AnalyticsInfo"),
        (StreamType.PROPRIETARY, "VsDataContainer"),
    ],
)
def test_only_the_strict_profile_asks_for_a_part_that_the_yaml_makes_optional(
    stream_type: StreamType, name: str
) -> None:
    assert fault(stream("1", stream_type)) is None
    assert fault(stream("1", stream_type), STRICT) == f"{stream_type.value} needs {name}"


@pytest.mark.parametrize("profile", [REL19, STRICT], ids=lambda profile: profile.name)
def test_performance_needs_its_part_under_every_profile(profile: Profile) -> None:
    reason = fault(stream("1", StreamType.PERFORMANCE), profile)
    assert reason == "PERFORMANCE needs measObjDn and performanceMetrics"


@pytest.mark.parametrize("stream_type", StreamType)
def test_only_proprietary_may_lack_a_serialization_format(stream_type: StreamType) -> None:
    reason = fault(stream("1", stream_type, None, OWN_INFO[stream_type]))
    expected = None if stream_type is StreamType.PROPRIETARY else "the serialization format is"
    assert (reason or "").startswith(expected or "")
    assert (reason is None) is (expected is None)


@pytest.mark.parametrize(
    ("stream_id", "reason"),
    [("", "the stream identifier is empty"), ("x" * 31, "the stream identifier is too long")],
)
def test_the_identifier_of_any_stream_is_bounded(stream_id: str, reason: str) -> None:
    assert fault(stream(stream_id, StreamType.ANALYTICS)) == reason
    assert fault(stream("x" * 30, StreamType.ANALYTICS)) is None


@pytest.mark.parametrize(
    "stream_id", ["0", "1", "9", "10", str(2**31), str(2**63 - 1), "9223372036854775799"]
)
def test_a_unit_can_carry_every_decimal_number_of_63_bits(stream_id: str) -> None:
    assert is_unit_stream_id(stream_id)
    assert fault(performance(stream_id)) is None


@pytest.mark.parametrize(
    "stream_id",
    [
        str(2**63),
        str(2**64),
        "9" * 19,
        "9" * 20,
        "00",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "1_0",
        "a",
        "\N{SUPERSCRIPT TWO}",
        "\N{ARABIC-INDIC DIGIT ONE}",
    ],
)
def test_a_unit_cannot_carry_anything_else(stream_id: str) -> None:
    assert not is_unit_stream_id(stream_id)
    reason = "the stream identifier of PERFORMANCE is a decimal number of at most 63 bits"
    assert fault(performance(stream_id)) == reason


def test_a_unit_cannot_carry_an_empty_identifier() -> None:
    assert not is_unit_stream_id("")


@given(st.integers(0, 2**63 - 1))
def test_exactly_one_text_stands_for_each_number(number: int) -> None:
    assert is_unit_stream_id(str(number))
    assert not is_unit_stream_id(f"0{number}")


@pytest.mark.parametrize("stream_type", [StreamType.TRACE, StreamType.ANALYTICS])
def test_streams_without_units_may_have_any_identifier(stream_type: StreamType) -> None:
    assert fault(stream("Trace=1/\N{GRINNING FACE}", stream_type)) is None


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (replace(INFO, meas_obj_dn=""), "measObjDn is empty"),
        (replace(INFO, performance_metrics=()), "performanceMetrics is empty"),
        (replace(INFO, performance_metrics=("a", "")), "a performance metric has no name"),
        (replace(INFO, performance_metrics=("a", "a")), "a performance metric is named twice"),
        (replace(INFO, performance_metrics=tuple("abcd")), "more than 3 performance metrics"),
        (replace(INFO, performance_metrics=tuple("abc")), None),
        (replace(INFO, meas_obj_dn="x" * 31), "a text is longer than 30 characters"),
        (replace(INFO, job_id="x" * 31), "a text is longer than 30 characters"),
        (replace(INFO, performance_metrics=("x" * 31,)), "a text is longer than 30 characters"),
        (
            replace(
                INFO, meas_obj_dn="x" * 30, job_id="x" * 30, performance_metrics=("x" * 30, "y")
            ),
            None,
        ),
        (replace(INFO, job_id=None), None),
        (replace(INFO, job_id=""), None),
    ],
)
def test_performance_info(info: PerformanceInfo, reason: str | None) -> None:
    assert fault(performance_with(info)) == reason


NOTHINGS: list[Json] = [None] * 100


def chars_of(additional_info: AdditionalInfo | None) -> int:
    return info_chars(stream("12", StreamType.TRACE, additional_info=additional_info)) - len("12")


@pytest.mark.parametrize(
    ("info", "chars"),
    [
        (None, 1),
        (PerformanceInfo(meas_obj_dn="ME=1", performance_metrics=("a", "bc")), 1 + 5 + 1 + 2 + 3),
        (replace(INFO, job_id="x" * 50), 1 + 5 + 51 + 2 + 2),
        (AnalyticsInfo(), 1 + 1),
        (AnalyticsInfo(activity_details="load"), 1 + 5),
        (
            VsDataContainer(vs_data_type="t", vs_data="xyz", vs_data_format_version="1"),
            1 + 2 + 4 + 2,
        ),
        (TraceInfo(attributes={}), 1 + 1),
        (TraceInfo(attributes={"ab": "cde"}), 1 + 1 + 3 + 4),
        (TraceInfo(attributes={"a": [1, None, {"b": True}]}), 1 + 1 + 2 + 1 + 1 + 1 + 1 + 2 + 1),
    ],
)
def test_every_text_and_value_counts(info: AdditionalInfo | None, chars: int) -> None:
    assert chars_of(info) == chars


@pytest.mark.parametrize(
    ("stream_type", "info"),
    [
        (StreamType.PROPRIETARY, VsDataContainer(vs_data="x" * 100)),
        (StreamType.PROPRIETARY, VsDataContainer(vs_data_type="x" * 100)),
        (StreamType.ANALYTICS, AnalyticsInfo(activity_details="x" * 100)),
        (StreamType.TRACE, TraceInfo(attributes={"a": ["x" * 100]})),
        (StreamType.TRACE, TraceInfo(attributes={"x" * 100: None})),
        (StreamType.TRACE, TraceInfo(attributes={"a": NOTHINGS})),
    ],
)
def test_what_is_not_interpreted_is_bounded_as_well(
    stream_type: StreamType, info: AdditionalInfo
) -> None:
    described = stream("1", stream_type, additional_info=info)
    chars = info_chars(described)
    config = ConsumerConfig(stream_info_chars_max=chars)
    assert unexpected(described, REL19, config) is None
    config = ConsumerConfig(stream_info_chars_max=chars - 1)
    reason = f"the StreamInfo has more than {chars - 1} characters"
    assert unexpected(described, REL19, config) == reason


def test_the_default_limits_take_what_a_large_network_function_has() -> None:
    metrics = tuple(f"RRU.Metric{number}" for number in range(10_000))
    stream_info = performance(StreamId("1"), metrics=metrics)
    assert unexpected(stream_info, REL19, ConsumerConfig()) is None
