"""TS 28.532 11.5.1.1.2 and streamInfo-Type, row by row."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import given

from mnstream.adapters.rest import decode_stream_info, encode_stream_info
from mnstream.adapters.rest.stream_info import decode_stream_infos
from mnstream.core.errors import UnexpectedStreams
from mnstream.core.profiles import PROFILES, REL18, REL19, STRICT, Profile
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
from tests.strategies import stream_infos

DN = "SubNetwork=ABCNetwork,SubNetwork=MUC01,GNBDUFunction=XYZ0100"


def read(text: str, profile: Profile = REL18) -> StreamInfo:
    return decode_stream_info(cast("Json", json.loads(text)), profile=profile)


def reasons(text: str, profile: Profile = REL18) -> tuple[tuple[str, str], ...]:
    with pytest.raises(UnexpectedStreams) as caught:
        read(text, profile)
    return caught.value.reasons


def stream(
    stream_type: StreamType,
    info: AdditionalInfo | None,
    stream_format: SerializationFormat | None = SerializationFormat.GPB,
    stream_id: str = "26F452550021",
) -> StreamInfo:
    return StreamInfo(
        stream_id=StreamId(stream_id),
        stream_type=stream_type,
        serialization_format=stream_format,
        additional_info=info,
    )


PERFORMANCE = stream(
    StreamType.PERFORMANCE,
    PerformanceInfo(
        meas_obj_dn=DN, performance_metrics=("RRU.PrbUsedDl", "RRU.PrbUsedUl"), job_id="7"
    ),
    SerializationFormat.ASN1,
)
PERFORMANCE_JSON = f"""{{
    "streamType": "PERFORMANCE", "serializationFormat": "ASN1", "streamId": "26F452550021",
    "additionalInfo": {{
        "measObjDn": "{DN}", "performanceMetrics": ["RRU.PrbUsedDl", "RRU.PrbUsedUl"],
        "jobId": "7"
    }}
}}"""
TRACE = stream(
    StreamType.TRACE,
    TraceInfo(
        attributes={
            "jobType": "TRACE_ONLY",
            "traceReference": {"mcc": "262", "mnc": "01", "traceId": "0034D7"},
            "traceDepth": None,
        }
    ),
    stream_id="4358070034D7",
)
TRACE_JSON = """{
    "streamType": "TRACE", "serializationFormat": "GPB", "streamId": "4358070034D7",
    "additionalInfo": {
        "jobType": "TRACE_ONLY",
        "traceReference": {"mcc": "262", "mnc": "01", "traceId": "0034D7"},
        "traceDepth": null
    }
}"""
ANALYTICS = stream(StreamType.ANALYTICS, AnalyticsInfo(activity_details="load forecast"))
ANALYTICS_JSON = """{
    "streamType": "ANALYTICS", "serializationFormat": "GPB", "streamId": "26F452550021",
    "additionalInfo": {"activityDetails": "load forecast"}
}"""
PROPRIETARY = stream(
    StreamType.PROPRIETARY,
    VsDataContainer(vs_data_type="Beam", vs_data="raw", vs_data_format_version="2"),
)
PROPRIETARY_JSON = """{
    "streamType": "PROPRIETARY", "serializationFormat": "GPB", "streamId": "26F452550021",
    "additionalInfo": {"vsDataType": "Beam", "vsData": "raw", "vsDataFormatVersion": "2"}
}"""
EACH = [
    (PERFORMANCE, PERFORMANCE_JSON),
    (TRACE, TRACE_JSON),
    (ANALYTICS, ANALYTICS_JSON),
    (PROPRIETARY, PROPRIETARY_JSON),
]


@pytest.mark.parametrize(("value", "text"), EACH)
def test_each_type_is_written_with_the_names_of_the_yaml(value: StreamInfo, text: str) -> None:
    assert encode_stream_info(value) == json.loads(text)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
@pytest.mark.parametrize(("value", "text"), EACH)
def test_each_type_is_read_by_every_profile(value: StreamInfo, text: str, profile: Profile) -> None:
    assert read(text, profile) == value


FLAT = [
    # Row 12: the layout of the tables, with today's and with the old name of the metrics.
    (
        PERFORMANCE,
        f"""{{"streamType": "PERFORMANCE", "serializationFormat": "ASN1",
        "streamId": "26F452550021", "measObjDn": "{DN}", "jobId": "7",
        "performanceMetrics": ["RRU.PrbUsedDl", "RRU.PrbUsedUl"]}}""",
    ),
    (
        PERFORMANCE,
        f"""{{"streamType": "PERFORMANCE", "serializationFormat": "ASN1",
        "streamId": "26F452550021", "measObjDn": "{DN}", "jobId": "7",
        "measTypes": ["RRU.PrbUsedDl", "RRU.PrbUsedUl"]}}""",
    ),
    # 16.4.0 and 16.5.0: nested, with the old name.
    (
        PERFORMANCE,
        f"""{{"streamType": "PERFORMANCE", "serializationFormat": "ASN1",
        "streamId": "26F452550021", "additionalInfo": {{"measObjDn": "{DN}", "jobId": "7",
        "measTypes": ["RRU.PrbUsedDl", "RRU.PrbUsedUl"]}}}}""",
    ),
    (TRACE, TRACE_JSON.replace("additionalInfo", "traceInfo")),
    (ANALYTICS, ANALYTICS_JSON.replace("additionalInfo", "analyticsInfo")),
    (
        ANALYTICS,
        """{"streamType": "ANALYTICS", "serializationFormat": "GPB", "streamId": "26F452550021",
        "analyticsInfo": "load forecast"}""",
    ),
    (PROPRIETARY, PROPRIETARY_JSON.replace("additionalInfo", "vsDataContainer")),
]


@pytest.mark.parametrize(("value", "text"), FLAT)
def test_the_flat_layout_is_read(value: StreamInfo, text: str) -> None:
    assert read(text) == value


@pytest.mark.parametrize("text", [text for _, text in FLAT])
def test_strict_refuses_the_flat_layout(text: str) -> None:
    assert len(reasons(text, STRICT)) == 1


def test_row_13_a_proprietary_stream_needs_no_format_and_is_written_with_one() -> None:
    text = '{"streamType": "PROPRIETARY", "streamId": "1"}'
    value = stream(StreamType.PROPRIETARY, None, stream_format=None, stream_id="1")
    assert read(text, STRICT) == value
    assert encode_stream_info(value) == {
        "streamType": "PROPRIETARY",
        "serializationFormat": "GPB",
        "streamId": "1",
    }
    assert encode_stream_info(value, keep_absent_format=True) == json.loads(text)


def test_row_15_the_branch_follows_the_stream_type() -> None:
    # A performanceInfo is a valid instance of all four branches of the YAML.
    text = PERFORMANCE_JSON.replace('"PERFORMANCE"', '"TRACE"')
    info = read(text).additional_info
    assert isinstance(info, TraceInfo)
    assert info.attributes["measObjDn"] == DN


def test_null_is_absent_unless_strict() -> None:
    text = PERFORMANCE_JSON.replace('"jobId": "7"', '"jobId": null')
    info = read(text).additional_info
    assert isinstance(info, PerformanceInfo)
    assert info.job_id is None
    assert reasons(text, STRICT) == (("26F452550021", "jobId is null"),)


def test_unknown_members_are_ignored_unless_strict() -> None:
    outer = ANALYTICS_JSON.replace('"streamId"', '"colour": "red", "streamId"')
    inner = PERFORMANCE_JSON.replace('"jobId"', '"measurementReaderId": "x", "jobId"')
    assert read(outer) == ANALYTICS
    assert read(inner) == PERFORMANCE
    assert reasons(outer, STRICT) == (("26F452550021", "a stream has the unknown member colour"),)
    assert reasons(inner, STRICT) == (
        ("26F452550021", "additionalInfo has the unknown member measurementReaderId"),
    )


TRACE_HEAD = '{"streamId": "1", "streamType": "TRACE", "serializationFormat": "GPB",'
ANALYTICS_HEAD = TRACE_HEAD.replace("TRACE", "ANALYTICS")


@pytest.mark.parametrize(
    ("text", "stream_id", "reason"),
    [
        ("[]", "", "a stream is not an object"),
        ("null", "", "a stream is not an object"),
        ("{}", "", "streamId is missing"),
        ('{"streamId": 5}', "", "streamId is not a string"),
        ('{"streamId": ""}', "", "streamId is empty"),
        ('{"streamId": "1"}', "1", "streamType is missing"),
        (
            '{"streamId": "1", "streamType": "LOGS"}',
            "1",
            "streamType is none of TRACE, PERFORMANCE, ANALYTICS, PROPRIETARY",
        ),
        ('{"streamId": "1", "streamType": ["TRACE"]}', "1", "streamType is not a string"),
        ('{"streamId": "1", "streamType": "TRACE"}', "1", "serializationFormat is missing"),
        (
            '{"streamId": "1", "streamType": "TRACE", "serializationFormat": "XML"}',
            "1",
            "serializationFormat is none of GPB, ASN1",
        ),
        (
            '{"streamId": "1", "streamType": "PROPRIETARY", "serializationFormat": "gpb"}',
            "1",
            "serializationFormat is none of GPB, ASN1",
        ),
        (
            f'{TRACE_HEAD} "additionalInfo": "x"}}',
            "1",
            "additionalInfo is not an object",
        ),
        (
            f'{TRACE_HEAD} "additionalInfo": {{}}, "traceInfo": {{}}}}',
            "1",
            "additionalInfo and traceInfo are the same member",
        ),
        (
            '{"streamId": "1", "streamType": "PROPRIETARY", "additionalInfo": {"vsData": {}}}',
            "1",
            "vsData is not a string",
        ),
        (
            f'{ANALYTICS_HEAD} "additionalInfo": [1]}}',
            "1",
            "additionalInfo is not an object",
        ),
    ],
)
def test_what_is_no_stream_says_why(text: str, stream_id: str, reason: str) -> None:
    assert reasons(text) == ((stream_id, reason),)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        ("{}", "performanceMetrics is missing"),
        ('{"performanceMetrics": ["a"]}', "measObjDn is missing"),
        ('{"measObjDn": "x", "performanceMetrics": "a"}', "performanceMetrics is not an array"),
        (
            '{"measObjDn": "x", "performanceMetrics": ["a", 1]}',
            "performanceMetrics has an item that is not a string",
        ),
        ('{"measObjDn": 1, "performanceMetrics": []}', "measObjDn is not a string"),
        (
            '{"measObjDn": "x", "performanceMetrics": ["a"], "jobId": 7}',
            "jobId is not a string",
        ),
        (
            '{"measObjDn": "x", "performanceMetrics": ["a"], "measTypes": ["a"]}',
            "performanceMetrics and measTypes are the same member",
        ),
        ('"text"', "additionalInfo is not an object"),
    ],
)
def test_a_wrong_performance_info_says_why(info: str, reason: str) -> None:
    text = (
        '{"streamId": "1", "streamType": "PERFORMANCE", "serializationFormat": "GPB",'
        f' "additionalInfo": {info}}}'
    )
    assert reasons(text) == (("1", reason),)


def test_whether_a_performance_stream_may_lack_its_part_is_for_the_core() -> None:
    text = '{"streamId": "1", "streamType": "PERFORMANCE", "serializationFormat": "GPB"}'
    assert read(text).additional_info is None


def test_every_bad_stream_is_named_once_and_in_order() -> None:
    values = cast(
        "list[Json]",
        json.loads(f'[{{"streamId": "a"}}, {ANALYTICS_JSON}, 5, {{"streamId": "b"}}]'),
    )
    with pytest.raises(UnexpectedStreams) as caught:
        decode_stream_infos(values, profile=REL18)
    assert caught.value.reasons == (
        ("a", "streamType is missing"),
        ("", "a stream is not an object"),
        ("b", "streamType is missing"),
    )
    assert caught.value.identifiers == ("a", "", "b")


def test_names_of_metrics_are_shared_between_streams() -> None:
    first, second = read(PERFORMANCE_JSON), read(PERFORMANCE_JSON)
    assert isinstance(first.additional_info, PerformanceInfo)
    assert isinstance(second.additional_info, PerformanceInfo)
    pairs = zip(
        first.additional_info.performance_metrics,
        second.additional_info.performance_metrics,
        strict=True,
    )
    assert all(one is other for one, other in pairs)


@given(value=stream_infos())
def test_the_form_of_the_log_gives_every_stream_back(value: StreamInfo) -> None:
    for profile in PROFILES.values():
        written = encode_stream_info(value, keep_absent_format=True)
        assert decode_stream_info(written, profile=profile) == value


def test_one_answer_names_all_that_is_bad_in_the_order_of_the_request() -> None:
    good: Json = {
        "streamId": "1",
        "streamType": "PERFORMANCE",
        "serializationFormat": "GPB",
        "additionalInfo": {"measObjDn": "A=1", "performanceMetrics": ["m"]},
    }
    bare: Json = {"streamId": "2", "streamType": "PERFORMANCE", "serializationFormat": "GPB"}
    foo: Json = {"streamId": "3", "streamType": "FOO", "serializationFormat": "GPB"}
    with pytest.raises(UnexpectedStreams) as refused:
        decode_stream_infos([bare, good, foo, bare], profile=REL19)
    assert [name for name, _ in refused.value.reasons] == ["2", "3", "2"]
    # Without anything unreadable, the core says what is unexpected.
    assert len(decode_stream_infos([bare, good], profile=REL19)) == 2
